"""The local database: tables, engines and the vault for credentials."""

"""Decisions and database transactions: no Telegram, and no network inside a transaction."""

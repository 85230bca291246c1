"""The shop without Telegram and without upstreams, on one machine."""

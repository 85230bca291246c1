"""A Telegram shop that resells proxies."""

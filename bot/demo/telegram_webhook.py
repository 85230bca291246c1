"""A webhook: where updates are sent instead of waiting for a poll."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from bot.demo.telegram_updates import Updates
from bot.demo.telegram_values import Params, refuse

_PORTS = {80, 88, 443, 8443}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_CONNECTIONS = 40
OTHER_WAY = "Conflict: terminated by setWebhook request"


class Webhook:
    """The address that a bot has set, checked as Telegram checks it."""

    def __init__(self, updates: Updates) -> None:
        self._updates = updates
        self._connections = _CONNECTIONS
        self._failed: tuple[int, str] | None = None
        self.url = ""
        self.secret = ""

    def set(self, given: Params) -> bool:
        """The method setWebhook; an empty address removes the webhook."""
        url = given.text("url").strip()
        if not url:
            return self.delete(given)
        _check(url)
        secret = given.text("secret_token")
        # 1 to 256 characters are documented; not sure of the words.
        if len(secret) > 256:
            refuse("secret token is too long")
        if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
            refuse("secret token contains unallowed characters")
        connections = given.integer("max_connections", _CONNECTIONS)
        self._updates.allow(given)
        self._updates.drop(given)
        self.url, self.secret = url, secret
        self._connections = min(max(connections, 1), 100)
        self._failed = None
        self._updates.end_wait(OTHER_WAY)
        return True

    def delete(self, given: Params) -> bool:
        """The method deleteWebhook."""
        self._updates.drop(given)
        self.url = self.secret = ""
        self._failed = None
        return True

    def info(self, _: Params) -> dict[str, Any]:
        """The method getWebhookInfo."""
        known: dict[str, Any] = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.waiting),
        }
        if self.url:
            known["max_connections"] = self._connections
        if self._failed is not None:
            known["last_error_date"], known["last_error_message"] = self._failed
        if self._updates.allowed:
            known["allowed_updates"] = self._updates.allowed
        return known

    def poll(self, given: Params) -> list[dict[str, Any]]:
        """The method getUpdates, which a webhook forbids."""
        if self.url:
            refuse(
                "can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
                409,
            )
        return self._updates.take(given)

    def failed(self, at: float, words: str) -> None:
        """Remember why the last update could not be handed over."""
        self._failed = (int(at), words)


def _check(url: str) -> None:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host in _LOOPBACK and parts.scheme in ("http", "https"):
        # A Bot API server of one's own, started with --local, takes any address and port.
        return
    if parts.scheme != "https" or not host:
        refuse("bad webhook: An HTTPS URL must be provided for webhook")
    if port is not None and port not in _PORTS:
        refuse("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    # This Telegram never leaves its machine, so it finds no other one.
    refuse("bad webhook: Failed to resolve host: Name or service not known")

"""What Telegram itself says about a bot's token and who has written to it, for `check`."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import httpx

from bot.domain.errors import Busy, OutOfService, Refused, Unclear, UpstreamError
from bot.upstreams.http import Answer, Code, Http, read_date

_LONG_POLL_SECONDS = 4
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wrote to the bot."""

    id: int
    name: str


class TelegramProbe:
    """What the `check` command asks Telegram; it confirms no update and changes nothing.

    Raises `OutOfService` with code `unauthorized` for a token that Telegram does not take.
    """

    def __init__(
        self,
        api_url: str,
        token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        pause_seconds: float = 1.0,
    ) -> None:
        base_url = f"{api_url.rstrip('/')}/bot{quote(token, safe=':')}"
        self._http = Http(base_url, None, refusal=_telegram_refusal, transport=transport)
        self._pause_seconds = pause_seconds
        self._since: int | None = None

    async def me(self) -> tuple[str, str | None]:
        """The bot's username without its @, and Telegram's clock as its `Date` header says it."""
        answer = await self._http.get("/getMe")
        match answer.data:
            case {"result": {"username": str(name)}} if _USERNAME.fullmatch(name):
                return name, answer.date if read_date(answer.date) else None
            case _:
                raise Unclear(Code.UNREADABLE, status=answer.status)

    async def somebody(self) -> Person | None:
        """Who sent `/start` in private since the first time of asking; None: nobody so far.

        Takes up to some seconds. Without an offset, Telegram keeps every update for the bot.
        """
        query = {"timeout": str(_LONG_POLL_SECONDS)}
        answer = await self._http.get("/getUpdates", query)
        asked_at = read_date(answer.date) or datetime.now(UTC)
        if self._since is None:
            # The first answer came up to one long poll after the asking.
            self._since = int(asked_at.timestamp()) - _LONG_POLL_SECONDS
        match answer.data:
            case {"result": [*updates]}:
                pass
            case _:
                raise Unclear(Code.UNREADABLE, status=answer.status)
        for update in updates:
            match update:
                case {
                    "message": {
                        "date": int(date),
                        "text": str(text),
                        "chat": {"type": "private"},
                        "from": {"id": int(id_), "first_name": str(name)},
                    }
                } if date >= self._since and text.startswith("/start"):
                    return Person(id_, name if name.isprintable() else str(id_))
                case _:
                    pass
        if updates:
            # Old updates are answered at once, again and again: nobody else may take them.
            await asyncio.sleep(self._pause_seconds)
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


def _telegram_refusal(answer: Answer) -> UpstreamError | None:
    match answer.data:
        case {"ok": True} if answer.status == 200:
            return None
        # Telegram says 401 to a revoked token and 404 to one that was never formed like a token.
        case {"ok": False, "error_code": 401 | 404}:
            return OutOfService("unauthorized", status=answer.status)
        # Somebody else reads this bot's updates: another process, or a webhook.
        case {"ok": False, "error_code": 409}:
            return Refused("conflict", status=answer.status)
        case {"ok": False, "error_code": 429}:
            return Busy("too_many_requests", status=answer.status, after=answer.retry_after)
        case _:
            return Unclear("unexpected", status=answer.status)

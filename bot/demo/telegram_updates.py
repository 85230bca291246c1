"""Updates that wait for the bot: queued, asked for, confirmed."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from bot.demo.telegram_values import Params

LONGEST_POLL = 50
# Telegram leaves these out unless they are asked for by name.
_UNASKED = {"chat_member", "message_reaction", "message_reaction_count"}


class Updates:
    """The queue of one bot, and the one poll that may wait for it."""

    def __init__(self) -> None:
        self._queue: list[dict[str, Any]] = []
        self._last = 700_000_000
        self._allowed: set[str] | None = None
        self._waiting: asyncio.Future[str | None] | None = None

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """Those that wait, oldest first."""
        return self._queue

    @property
    def allowed(self) -> list[str]:
        """The kinds that the bot asked for; empty for the usual ones."""
        return sorted(self._allowed or ())

    def confirm(self, update_id: int) -> None:
        """Forget one that was taken."""
        self._queue = [each for each in self._queue if each["update_id"] != update_id]

    def add(self, kind: str, body: dict[str, Any]) -> tuple[int, bool]:
        """Queue an update, unless the bot asked not to hear of this kind; its id, and whether."""
        self._last += 1
        wanted = kind not in _UNASKED if self._allowed is None else kind in self._allowed
        if wanted:
            self._queue.append({"update_id": self._last, kind: copy.deepcopy(body)})
        return self._last, wanted

    def take(self, given: Params) -> list[dict[str, Any]]:
        """The method getUpdates, without the waiting."""
        self.allow(given)
        offset = given.integer("offset")
        if offset > 0:
            self._queue = [each for each in self._queue if each["update_id"] >= offset]
        elif offset < 0:
            self._queue = self._queue[offset:]
        limit = given.integer("limit", 100)
        return self._queue[: limit if 0 < limit <= 100 else 100]

    def allow(self, given: Params) -> None:
        """Hear of other kinds from now on, if the call says so."""
        if "allowed_updates" in given:
            kinds = given.array("allowed_updates", "allowed updates")
            # An empty list means the default again; it does not reach back to queued updates.
            self._allowed = set(map(str, kinds)) or None

    def drop(self, given: Params) -> None:
        """Forget what waits, if the call says so."""
        if given.flag("drop_pending_updates"):
            self._queue = []

    async def wait(self, seconds: float) -> str | None:
        """Until there may be something or the time is over; why the poll is sent away, if it is.

        Of two that wait, the older one is sent away.
        """
        self._waiting = waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                conflict: str | None = await waiting
                return conflict
        except TimeoutError:
            return None
        finally:
            if self._waiting is waiting:
                self._waiting = None

    def end_wait(self, conflict: str | None = None) -> None:
        """Let a waiting poll return, with a conflict if there is one."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(conflict)

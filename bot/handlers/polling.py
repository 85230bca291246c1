"""Polling: the loop that confirms an update only after its command is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import DeleteWebhook, GetUpdates, Response
from aiogram.types import Update, User
from pydantic import ValidationError

from bot.db.session import cannot_save
from bot.domain.clock import Clock
from bot.domain.errors import StartRefused
from bot.handlers.arrival import spoken
from bot.handlers.fallback import is_unreachable
from bot.handlers.render import Renderer, Turn, limit_of, place_of
from bot.screens import problems
from bot.screens.base import Answer, Later, Screen, Toast

log: Final = structlog.stdlib.get_logger(__name__)

POLL_SECONDS: Final = 25
DRAIN_SECONDS: Final = 15.0
"""Less than the 20 s that the process has, because the last updates are confirmed after it."""
LONGEST_PAUSE: Final = 30.0
MOST_WAITING_PER_CHAT: Final = 100
MOST_WAITING: Final = 5_000
ALLOWED: Final = ["message", "callback_query", "my_chat_member"]
_CONFLICT_EVERY: Final = 3600.0
_ANSWER: Final = Response[list[Update]]
"""Held as those of the renderer are."""

# getUpdates ─▶ handled, side by side by chat, in order within one ─▶ next getUpdates confirms
#                   └─▶ drawn in the chat's turn, at any time after


class Polling:
    """Handles updates at least once, and each of them once in the life of this process.

    What a handler answers is drawn after the update counts as handled: a slow or limited chat
    delays neither the batch nor others.
    """

    def __init__(
        self,
        bot: Bot,
        dispatcher: Dispatcher,
        renderer: Renderer,
        tasks: asyncio.TaskGroup,
        clock: Clock,
        *,
        on_conflict: Callable[[], Awaitable[object]],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._renderer = renderer
        self._tasks = tasks
        self._clock = clock
        self._on_conflict = on_conflict
        self._sleep = sleep
        self._offset: int | None = None
        self._is_confirmed = True
        self._handled: set[int] = set()
        self._failures = 0
        self._conflict_told_at: float | None = None
        self._is_stopping = False
        self._waiting: asyncio.Task[Sequence[Update] | StartRefused] | None = None
        self._handling: set[asyncio.Task[None]] = set()
        self._drawing: set[asyncio.Task[None]] = set()
        self.last_poll_at: float | None = None
        """When Telegram last answered, by `clock.elapsed()`."""
        self.turned_at = clock.elapsed()
        """When the loop last began a turn, whether Telegram answered or not."""

    async def run(self) -> None:
        """Poll until `stop`; raises `StartRefused` when Telegram does not know the token."""
        while not self._is_stopping:
            self.turned_at = self._clock.elapsed()
            await self.once(POLL_SECONDS)

    async def once(self, timeout: int = 0) -> int:  # noqa: ASYNC109  # Telegram's, not ours
        """Ask for updates and handle them; how many were handled.

        Waits for updates as long as `timeout` says, and pauses after a failure.
        """
        while len(self._drawing) > MOST_WAITING:
            # Telegram keeps what we do not fetch; memory would not.
            await asyncio.wait(self._drawing, return_when=asyncio.FIRST_COMPLETED)
        updates = await self._unless_stopping(self._fetch(timeout))
        if not updates or self._is_stopping:
            return 0
        fresh = [update for update in updates if update.update_id not in self._handled]
        before = len(self._handled)
        if fresh:
            await self._handle(fresh)
        count = len(self._handled) - before
        if all(update.update_id in self._handled for update in updates):
            self._offset = updates[-1].update_id + 1
            self._is_confirmed = False
            self._handled.clear()
            self._failures = 0
        elif not self._is_stopping:
            log.error("the database cannot be reached: the updates stay unconfirmed")
            await self._unless_stopping(self._pause())
        return count

    async def drawn(self) -> None:
        """Wait until nothing is left to draw."""
        while self._drawing:
            await asyncio.wait(set(self._drawing))

    async def stop(self) -> None:
        """End polling, let what runs come to its end within 15 s, cancel the rest."""
        self._is_stopping = True
        if self._waiting is not None:
            self._waiting.cancel()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while running := self._handling | self._drawing:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            log.warning("cancelled at the end", count=len(self._handling | self._drawing))
        finally:
            for task in self._handling | self._drawing:
                task.cancel()
        if not self._is_confirmed:
            try:
                # Otherwise the last batch would come again after the next start.
                await self._bot(GetUpdates(offset=self._offset, limit=1, timeout=0), 5)
            except AiogramError as error:
                log.warning("the last updates are not confirmed", error=type(error).__name__)

    # Fetching

    async def _fetch(self, seconds: int) -> Sequence[Update]:
        """The next updates; none after a failure, which is followed by a pause."""
        call = GetUpdates(offset=self._offset, timeout=seconds, allowed_updates=ALLOWED)
        try:
            updates = await self._bot(call, seconds + 15)
        except ClientDecodeError as error:
            return await self._readable(error)
        except (TelegramUnauthorizedError, TelegramNotFound):
            problem = "BOT_TOKEN: Telegram does not know this token"
            raise StartRefused(problem) from None
        except TelegramConflictError as error:
            await self._conflict(error.message)
        except TelegramRetryAfter as busy:
            await self._pause(limit_of(busy))
        except AiogramError as error:
            # The class alone: the text may hold the URL, and the URL holds the token.
            log.warning("Telegram does not answer", error=type(error).__name__)
            await self._pause()
        else:
            self.last_poll_at = self._clock.elapsed()
            self._is_confirmed = True
            if not updates:
                self._failures = 0
            return updates
        return ()

    async def _readable(self, error: ClientDecodeError) -> Sequence[Update]:
        """Those of a batch that can be read: an odd update must not stop all that follow."""
        body = error.data if isinstance(error.data, dict) else {}
        found = body.get("result")
        if not isinstance(found, list):
            log.warning("Telegram does not answer", error=type(error).__name__)
            await self._pause()
            return ()
        updates = []
        for raw in found:
            try:
                updates.append(Update.model_validate(raw, context={"bot": self._bot}))
            except ValidationError:
                # Its words would be printed with the error.
                log.warning("an update cannot be read: skipped", update_id=raw["update_id"])
                updates.append(Update(update_id=raw["update_id"]))
        self.last_poll_at = self._clock.elapsed()
        return updates

    async def _conflict(self, words: str) -> None:
        if "webhook" in words.lower():
            log.warning("a webhook was set: it is removed, because this bot polls")
            await self._bot(DeleteWebhook(drop_pending_updates=False))
            return
        log.error("another process polls with the same token")
        now = self._clock.elapsed()
        if self._conflict_told_at is None or now - self._conflict_told_at >= _CONFLICT_EVERY:
            self._conflict_told_at = now
            await self._on_conflict()
        await self._pause()

    async def _pause(self, seconds: float | None = None) -> Sequence[Update]:
        """Nothing, after 1 s, and after longer with each failure in a row."""
        pause = min(2.0**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        await self._sleep(pause if seconds is None else seconds)
        return ()

    async def _unless_stopping(
        self, waiting: Coroutine[Any, Any, Sequence[Update]]
    ) -> Sequence[Update]:
        """What is waited for, or nothing once `stop` is called."""
        if self._is_stopping:
            waiting.close()
            return ()
        task = self._waiting = self._tasks.create_task(_caught(waiting))
        await asyncio.wait({task})
        self._waiting = None
        if task.cancelled():
            # Cancelled before its first step, it would be said to have been forgotten.
            waiting.close()
            return ()
        outcome = task.result()
        if isinstance(outcome, StartRefused):
            raise outcome
        return outcome

    # Handling

    async def _handle(self, updates: Sequence[Update]) -> None:
        chats: dict[int, list[Update]] = {}
        for update in updates:
            chats.setdefault(_chat_of(update), []).append(update)
        started = [self._tasks.create_task(self._in_order(chat)) for chat in chats.values()]
        self._handling.update(started)
        await asyncio.wait(started)
        self._handling.difference_update(started)

    async def _in_order(self, updates: Sequence[Update]) -> None:
        for update in updates:
            place = place_of(update)
            # Taken before the handler reads anything: the courier's drawing of something newer
            # comes after this one's, and not before it.
            turn = self._renderer.turns.take(place.chat_id) if place is not None else None
            try:
                answer = await self._answer(update)
            except _Unreachable:
                return
            else:
                self._handled.add(update.update_id)
                self._draw(update, answer, turn)
                turn = None
            finally:
                if turn is not None:
                    turn.leave()

    async def _answer(self, update: Update) -> Answer | None:
        if not update.model_fields_set.intersection(ALLOWED):
            # aiogram would print an update of an unknown kind, secrets and all.
            return None
        try:
            answer = await self._dispatcher.feed_update(self._bot, update)
        except Exception as error:
            if cannot_save(error):
                # Nothing was written, and it may last: better said than kept waiting.
                log.warning("nothing can be saved: the disk is full or read-only")
                return problems.cannot_save(spoken(_sender(update)))
            if is_unreachable(error):
                raise _Unreachable from error
            # One bad update must not stop those that follow. It is not printed: it may be secret.
            log.exception("an update was not handled", update_id=update.update_id)
            return problems.internal(spoken(_sender(update)))
        return answer if isinstance(answer, Screen | Toast | Later) else None

    # Drawing

    def _draw(self, update: Update, answer: Answer | None, turn: Turn | None) -> None:
        if turn is None:
            return
        waiting = self._renderer.turns.waiting(turn.chat_id)
        if answer is not None and waiting > MOST_WAITING_PER_CHAT:
            log.warning("too much to draw in one chat", chat_id=turn.chat_id)
            answer = None
        task = self._tasks.create_task(self._show(update, answer, turn))
        self._drawing.add(task)
        task.add_done_callback(self._drawing.discard)

    async def _show(self, update: Update, answer: Answer | None, turn: Turn) -> None:
        try:
            await self._renderer.show(update, answer, turn)
        except Exception:
            # A picture that cannot be drawn must not end the shop.
            log.exception("an answer was not drawn", update_id=update.update_id)
        finally:
            turn.leave()


class _Unreachable(Exception):
    """The database could not be reached: the update must come again."""


async def _caught(waiting: Awaitable[Sequence[Update]]) -> Sequence[Update] | StartRefused:
    # Raised in the task group, it would take everything else along before it is told.
    try:
        return await waiting
    except StartRefused as refused:
        return refused
    except Exception:
        log.exception("polling failed")
        return ()


def _chat_of(update: Update) -> int:
    if update.my_chat_member is not None:
        return update.my_chat_member.chat.id
    place = place_of(update)
    return place.chat_id if place is not None else 0


def _sender(update: Update) -> User:
    for event in (update.message, update.callback_query, update.my_chat_member):
        if event is not None and event.from_user is not None:
            return event.from_user
    return User(id=0, is_bot=False, first_name="")

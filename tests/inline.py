"""The shop's SQLite driver without its thread: the same calls, made at once.

So the same steps always go the same way, and in half the time: handing each statement to a thread
and back is most of what a story costs. What threads and processes do to each other is tried where
they are real: in `tests/db`, `tests/e2e`, `tests/demo`, and the races and kills of `tests/faults`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiosqlite
import pytest

BUSY_SECONDS = 30.0
"""How long a connection waits for another one's lock, as the shop's own settings say."""
PAUSE = 0.01
"""Between two looks at a lock."""


class InlineConnection(aiosqlite.Connection):
    """Whoever waits for a real answer lets others on meanwhile, and so does this."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, 64)
        self._tx: Any = _AtOnce()

    def __await__(self) -> Any:
        return self._opened().__await__()

    async def _opened(self) -> InlineConnection:
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return await self._unlocked(fn, *args, **kwargs)

    async def _unlocked(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if args and str(args[0]).startswith("PRAGMA busy_timeout"):
            # The system's own waiting would stop everybody: there is one thread for all.
            args = ("PRAGMA busy_timeout = 0",)
        waited = 0.0
        while True:
            try:
                return fn(*args, **kwargs)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or waited > BUSY_SECONDS:
                    raise
            waited += PAUSE
            await self._wait()

    async def _wait(self) -> None:
        await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        """Close without a commit."""
        self.stop()

    def stop(self) -> None:
        """Close without a commit, as the end of a process does."""
        self._running = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _AtOnce:
    """Stands where the driver keeps the queue of its thread."""

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = job
        result = function()
        if future is not None:
            future.set_result(result)


@contextmanager
def without_threads(
    kind: Callable[[Callable[[], sqlite3.Connection]], InlineConnection] = InlineConnection,
) -> Iterator[None]:
    """Let every aiosqlite connection that is opened meanwhile work without a thread."""

    def connect(database: str, **options: Any) -> InlineConnection:
        return kind(lambda: sqlite3.connect(database, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite, "connect", connect)
        yield


@pytest.fixture(autouse=True, scope="module")
def no_threads() -> Iterator[None]:
    """`without_threads`, for the tests of the folder whose conftest imports this."""
    with without_threads():
        yield

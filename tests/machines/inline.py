"""The shop's SQLite driver without its thread, so that the same steps always go the same way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiosqlite
import pytest


class _AtOnce:
    """Stands where the driver keeps the queue of its thread."""

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = job
        result = function()
        if future is not None:
            future.set_result(result)


class _Connection(aiosqlite.Connection):
    """The same calls, made at once: half the time, and nothing left to chance."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, 64)
        self._tx: Any = _AtOnce()

    def __await__(self) -> Any:
        return self._opened().__await__()

    async def _opened(self) -> _Connection:
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        # Whoever waits for a real answer lets others on meanwhile.
        await asyncio.sleep(0)
        return fn(*args, **kwargs)

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        self._running = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(database: str, **options: Any) -> _Connection:
    return _Connection(lambda: sqlite3.connect(database, **options))


@contextmanager
def without_threads() -> Iterator[None]:
    """Let every aiosqlite connection that is opened meanwhile work without a thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite, "connect", _connect)
        yield

"""Virtual time, SQLite without threads, and processes whose memory can be thrown away."""

from __future__ import annotations

import asyncio
import contextvars
import random
import selectors
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, TypeVarTuple

from bot.domain.clock import Clock
from tests.compiled import compiled_once
from tests.inline import InlineConnection, without_threads

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
GIVES_WAY: Final = 0.2
"""How often somebody else gets a turn before a statement: real drivers always let others on."""


class _Nobody(selectors.BaseSelector):
    """Waits for nothing but time, and lets that pass at once."""

    def __init__(self) -> None:
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits, and for nothing that time would bring")
        self.passed += max(timeout, 0.0)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        raise KeyError(fileobj)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which an hour of sleep costs nothing and nothing happens in another thread."""

    def __init__(self) -> None:
        self._nobody = _Nobody()
        super().__init__(self._nobody)
        # Times are sums of floats: what is due within a microsecond is due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return 1000 + self._nobody.passed

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, as from a thread
            done.set_exception(error)
        return done


class LoopClock(Clock):
    """The time of the running virtual loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() - 1000)

    def elapsed(self) -> float:
        return self._loop.time()


class Died(BaseException):
    """This process is no more; no `Exception`, so that nobody in it handles its own death."""


@dataclass(slots=True)
class Fate:
    """What befalls a process at the `count`-th point of this name: it dies, or stands still."""

    point: str
    count: int
    seconds: float | None = None
    """How long it stands still, as between SIGSTOP and SIGCONT; None: it dies."""


@dataclass(slots=True, eq=False)
class Life:
    """One process of the shop: everything that is gone when it dies.

    Its connections are closed without a commit, as the system would, and whatever still runs in
    it finds no database and no network any more. It passes points: `commit before`, `POST after`.
    """

    chance: random.Random
    passed: Counter[str]
    fate: Fate | None = None
    is_dead: bool = False
    died_at: str | None = None
    stood_still_at: str | None = None
    _wakes_at: float = 0.0
    _connections: list[MortalConnection] = field(default_factory=list)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def reach(self, point: str) -> None:
        """Pass this point, or die here."""
        if self.is_dead:
            raise Died
        self.passed[point] += 1
        fate = self.fate
        if fate is None or fate.point != point:
            return
        fate.count -= 1
        if fate.count > 0:
            return
        if fate.seconds is None:
            self.die(point)
            raise Died
        # Not inside a transaction, whose lock would keep everybody else waiting.
        if not any(one.is_writing for one in self._connections):
            self._wakes_at = asyncio.get_running_loop().time() + fate.seconds
            self.stood_still_at, self.fate = point, None

    def die(self, point: str) -> None:
        """Throw away everything that only this process knew."""
        self.is_dead = True
        self.died_at = point
        for connection in self._connections:
            connection.stop()
        for task in self._tasks:
            task.cancel()

    async def awake(self) -> None:
        """Stand still while the process is stopped."""
        left = self._wakes_at - asyncio.get_running_loop().time()
        if left > 0 and not self.is_dead:
            await asyncio.sleep(left)
        if self.is_dead:
            raise Died

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something inside this process."""
        context = contextvars.copy_context()
        context.run(_LIFE.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something inside this process and wait for it; `Died` where it never ends."""
        if self.is_dead:
            work.close()
            raise Died
        task = self.start(work)
        await asyncio.wait({task})
        if self.is_dead and (task.cancelled() or task.exception() is not None):
            raise Died
        return task.result()

    def adopt(self, connection: MortalConnection) -> None:
        """From now on the connection dies with this process."""
        self._connections.append(connection)


_LIFE: Final[contextvars.ContextVar[Life]] = contextvars.ContextVar("life")


def current_life() -> Life:
    """The process that this code runs in."""
    return _LIFE.get()


class MortalConnection(InlineConnection):
    """A connection that dies with its process, and waits for what is locked in virtual time."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector)
        self._life = current_life()
        self._life.adopt(self)

    async def _opened(self) -> InlineConnection:
        await self._life.awake()
        return await super()._opened()

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._running or self._connection is None:
            self._life.reach("closed")
            raise ValueError("Connection closed")
        life = self._life
        name = fn.__name__
        if name not in {"commit", "execute", "executemany"}:
            # Nothing that another process could see.
            return fn(*args, **kwargs)
        await life.awake()
        point = "commit" if name == "commit" else "statement"
        life.reach(f"{point} before")
        if life.chance.random() < GIVES_WAY:
            await asyncio.sleep(0)
            life.reach("turn")
        result = await self._unlocked(fn, *args, **kwargs)
        if point == "commit":
            life.reach("commit after")
            await life.awake()
        return result

    async def _wait(self) -> None:
        await super()._wait()
        await self._life.awake()

    @property
    def is_writing(self) -> bool:
        """Whether a transaction is open."""
        return self._connection is not None and self._connection.in_transaction


def in_virtual_time(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run something on a loop of its own, in which time passes at once."""
    with (
        compiled_once(),
        without_threads(MortalConnection),
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(work())

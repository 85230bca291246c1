"""Simulated histories of the real shop: one seed decides everything that happens.

A history can be told again word for word: `python -m tests.soak --seed N`.
Drawn screens and Telegram are left to the kill sweep; what people are owed is read in the outbox.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import random
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Final

import structlog

from bot.db.migrate import migrate
from bot.db.session import Database
from bot.domain.orders import MOVES
from tests.conftest import IN_MEMORY
from tests.faults.history import DEATHS, STOPS, History
from tests.faults.history_oracle import judge
from tests.faults.history_people import ACTS
from tests.faults.history_stat import STAT_FAULTS
from tests.faults.history_upstream import FAULTS
from tests.faults.virtual import in_virtual_time

KEPT_SEEDS: Final[tuple[int, ...]] = (3_000_058, 4_000_459, 5_000_477, 5_001_478)
"""Histories that once broke a promise; each is told again by the test suite."""
EXPECTED: Final = frozenset(
    [
        *FAULTS,
        *STAT_FAULTS,
        *ACTS,
        *(f"death: {point}" for point in DEATHS),
        *(f"stop: {point}" for point in STOPS),
        *(f"move: {source} -> {target}" for source in MOVES for target in MOVES[source]),
        "a second process waits",
        "lease lost",
    ]
)
"""What must have occurred in many histories: a generator that never makes it proves nothing."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a history was like, and what it broke of the shop's promises."""

    seed: int
    problems: tuple[str, ...]
    trace: tuple[str, ...]
    seen: Counter[str]
    """How often each fault, death, act and move occurred."""
    orders: int
    seconds: float
    """Of virtual time."""

    @property
    def digest(self) -> str:
        """Short for everything that happened."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Told:
    """Many histories, added up."""

    histories: int = 0
    orders: int = 0
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    broken: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """What histories broke of the shop's promises, by seed."""

    def add(self, one: Played) -> None:
        """Count one more."""
        self.histories += 1
        self.orders += one.orders
        self.seconds += one.seconds
        self.seen += one.seen
        if one.problems:
            self.broken[one.seed] = one.problems

    def merge(self, other: Told) -> None:
        """Count what another process told."""
        self.histories += other.histories
        self.orders += other.orders
        self.seconds += other.seconds
        self.seen += other.seen
        self.broken |= other.broken

    @property
    def deaths(self) -> int:
        """How many processes died."""
        return sum(times for what, times in self.seen.items() if what.startswith("death: "))

    @property
    def missing(self) -> list[str]:
        """What never occurred."""
        return sorted(EXPECTED - self.seen.keys())

    @property
    def failures(self) -> list[str]:
        """What is wrong, and how to see it again."""
        return [
            f"seed {seed}: {'; '.join(problems[:3])} (python -m tests.soak --seed {seed})"
            for seed, problems in self.broken.items()
        ]

    @property
    def line(self) -> str:
        """All of it in a line."""
        return (
            f"{self.histories} histories, {self.orders} orders, {self.deaths} deaths,"
            f" {self.seconds / 3600:.0f} hours of virtual time, {len(self.broken)} broken"
        )


def tell(seeds: Iterable[int], until: float | None = None) -> Told:
    """Tell the histories of these seeds, up to a moment of `time.monotonic()`."""
    told = Told()
    for seed in seeds:
        if until is not None and time.monotonic() > until:
            break
        told.add(play(seed))
    return told


@cache
def empty_database() -> Path:
    """A migrated, empty database, made once for all histories of this process."""
    file = Path(mkdtemp(dir=_place())) / "template.db"

    async def migrated() -> None:
        database = Database(f"sqlite+aiosqlite:///{file}")
        await migrate(database)
        await database.close()

    asyncio.run(migrated())
    return file


def _place() -> Path | None:
    return IN_MEMORY if IN_MEMORY.is_dir() else None


def play(seed: int) -> Played:
    """Tell one history, all of it decided by the seed."""
    template = empty_database()
    state = random.getstate()
    random.seed(seed)
    try:
        with TemporaryDirectory(dir=_place()) as folder, _quiet():
            file = Path(folder) / "bot.db"
            shutil.copy(template, file)
            return in_virtual_time(lambda: _told(seed, file))
    except Exception:  # noqa: BLE001 - a history that breaks off is one that failed
        reason = traceback.format_exc(limit=-4)
        return Played(seed, (f"broke off: {reason}",), (), Counter(), 0, 0.0)
    finally:
        random.setstate(state)


async def _told(seed: int, file: Path) -> Played:
    history = History(seed, file)
    await history.play()
    books, problems = await judge(history)
    seen = history.seen
    for move in books.moves:
        if move["source"] is not None:
            seen[f"move: {move['source']} -> {move['target']}"] += 1
        history.trace.append(
            f"{move['at']} order {move['order_id']} {move['source']} -> {move['target']}"
            f" by {move['actor']}: {move['note']}"
        )
    return Played(
        seed,
        (*history.problems, *problems),
        tuple(history.trace),
        seen,
        len(books.orders),
        asyncio.get_running_loop().time() - 1000,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the shop log nothing: what it would say is most of what a history costs."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    was_collected = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        structlog.configure(**before)
        # Now and here: a greenlet of a dead process that is found later, anywhere, would upset
        # how deep the interpreter believes to be. What was there before is not looked through.
        gc.collect()
        gc.unfreeze()
        if was_collected:
            gc.enable()

"""One simulated history: processes that die, people who insist, an upstream with moods."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from bot.app import Shop, build
from bot.db.session import is_away
from bot.domain.errors import CustomerError, UpstreamError
from bot.every import every
from bot.process import IDLE_SECONDS
from bot.services.fulfilment import LOOK
from bot.services.lane import Lane
from bot.services.lanes import Account, fingerprint
from bot.services.leases import RENEW, LeaseLost
from bot.upstreams.sandbox_stat import STAT_KEY
from tests.bench import seeds, settings_for
from tests.faults.history_people import Crowd
from tests.faults.history_stat import StatUpstream, WatchedStat, stat_moods
from tests.faults.history_turns import Turns
from tests.faults.history_upstream import Good, Moody, Upstream, Watched, moods
from tests.faults.virtual import Died, Fate, Life, LoopClock

T = TypeVar("T")

SETTLES_WITHIN: Final = 6 * 3600.0
"""Of virtual time, after which nothing may wait any more but for a person."""
SERVED_WITHIN: Final = 600.0
"""Moods last so long after the last tap, where what was bought is not yet asked for."""
LOOKED_WITHIN: Final = 20 * 60.0
"""After so long the shop has looked at what it had given up."""
DEATHS: Final = (
    "commit before", "commit after", "statement before", "turn",
    "POST before", "POST after", "GET before", "GET after",
)  # fmt: skip
"""Where processes die."""
STOPS: Final = ("commit after", "POST before", "POST after", "GET after")
"""Where processes stand still for a while, and others go on."""
_FILES: Final = frozenset({"backup", "heartbeat", "room on the disk"})
_WORK: Final = {
    "slow orders": "SELECT 1 FROM orders WHERE state IN"
    " ('reserved', 'placing', 'preparing', 'in_doubt', 'review') LIMIT 1",
    "cancellations": "SELECT 1 FROM subscriptions WHERE cancelled_at IS NULL LIMIT 1",
    "exchanges": "SELECT 1 FROM exchanges WHERE ended_at IS NULL LIMIT 1",
    "usage alerts": "SELECT 1 FROM usage_alerts LIMIT 1",
}
"""What the books hold where one of the frequent jobs has anything to do."""
IDLE_FOR: Final = 60.0
"""So long a process lets rounds pass in which there is nothing to do, or nothing to take."""


class History:
    """One shop's life: processes that die, people who insist, and an upstream with moods."""

    def __init__(self, seed: int, file: Path) -> None:
        self.seed = seed
        self.file = file
        self._books = sqlite3.connect(file, timeout=0, isolation_level=None)
        self.chance = random.Random(seed)
        self.turns = Turns(seed)
        self.seen: Counter[str] = Counter()
        self.trace: list[str] = []
        self.problems: list[str] = []
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.clock = LoopClock(loop)
        self.over = asyncio.Event()
        self.is_settling = False
        self.tokens = ["gpk_live_one", "gpk_live_two"][: 2 if self.chance.random() < 0.15 else 1]
        self.upstream = Upstream(
            random.Random(self.chance.random()),
            self.clock,
            tokens=dict.fromkeys(self.tokens, "500.00"),
            harshness=self.chance.choice([0.0, 0.5, 0.6, 0.7, 0.8, 0.9]),
            turns=self.turns,
            seen=self.seen,
            note=self.note,
        )
        self.upstream.sandbox.list_has_plan = self.chance.random() < 0.8
        self.stat = self._stat_upstream() if seed % 5 else None
        self.crowd = Crowd(self, random.Random(self.chance.random()))
        self._is_double = seed % 7 in {1, 4}
        """Two processes run on the database."""
        self._working: list[tuple[Life, Shop]] = []
        self._came = asyncio.Event()
        self._fates = self.chance.choice([3, 4, 5] if self._is_double else [0, 2, 3, 4])
        self._deaths = self.turns.of(DEATHS, 2)
        self._stops = islice(self.turns.of(STOPS, 3), 3 if self._is_double else 0)

    def _stat_upstream(self) -> StatUpstream:
        return StatUpstream(
            random.Random(self.chance.random()),
            self.clock,
            harshness=self.upstream.harshness,
            turns=self.turns,
            seen=self.seen,
            note=self.note,
        )

    @property
    def upstreams(self) -> list[Moody]:
        """Everybody whom the shop buys from."""
        return [self.upstream, *([self.stat] if self.stat is not None else [])]

    @property
    def made(self) -> dict[str, Good]:
        """Everything that was made and is paid, by the upstreams' own records."""
        return self.upstream.made | ({} if self.stat is None else self.stat.made)

    def note(self, what: str) -> None:
        """Write down that something happened now."""
        self.trace.append(f"{self._loop.time():.6f} {what}")

    async def play(self) -> None:
        """Live through it all, until nothing happens any more."""
        processes = [
            self._loop.create_task(self._process(number))
            for number in range(2 if self._is_double else 1)
        ]
        lasts = self.chance.choice([40.0, 90.0, 180.0])
        lives = self.crowd.lives(lasts)
        if self.upstream.harshness:
            chance = random.Random(self.chance.random())
            lives.append(moods(self.upstream, chance, self.turns, lasts))
            if self.stat is not None:
                chance = random.Random(self.chance.random())
                lives.append(stat_moods(self.stat, chance, self.turns, lasts))
        people = [self._loop.create_task(one) for one in lives]
        watch = asyncio.gather(*people)
        all_of_them: set[asyncio.Future[Any]] = {watch, *processes}
        await asyncio.wait(all_of_them, return_when=asyncio.FIRST_COMPLETED)
        if not watch.done():
            watch.cancel()
            for process in processes:
                process.result()
        await watch
        self.is_settling = True
        for upstream in self.upstreams:
            upstream.calm()
        await self._settle()
        self.over.set()
        await asyncio.gather(*processes)
        self._books.close()

    # Processes

    async def _process(self, number: int) -> None:
        """One process after another, until the history is over."""
        while not (self.over.is_set() or (self.is_settling and self._working)):
            life = self._born(number)
            try:
                await life.within(self._live(life))
            except Died:
                self.seen[f"death: {life.died_at}"] += 1
                self.note(f"process {number} died: {life.died_at}")
                await asyncio.sleep(self.chance.choice([0.1, 2.0, 15.0, 200.0]))
            except (DBAPIError, NoConnectionLeft) as lost:
                # Another process held the lock for too long: it ends, and somebody starts it.
                self.seen["process gave up"] += 1
                self.note(f"process {number} gave up: {type(lost).__name__}")
                life.die("gave up")
                await asyncio.sleep(1)
            if life.stood_still_at is not None:
                self.seen[f"stop: {life.stood_still_at}"] += 1

    def _born(self, number: int) -> Life:
        life = Life(random.Random(self.chance.random()), Counter())
        if not self._working:
            self._fated(life)
        return life

    def _fated(self, life: Life) -> None:
        """Decide what befalls a process; of one that only waits, nobody would notice it."""
        if life.fate is not None or life.stood_still_at is not None:
            return
        most = {
            "statement before": 250, "turn": 50, "POST before": 3, "POST after": 3,
            "GET before": 10, "GET after": 10,
        }  # fmt: skip
        if self._fates > 0 and not self.is_settling:
            self._fates -= 1
            stop = next(self._stops, None)
            point = stop or next(self._deaths)
            seconds = self.chance.choice([4.0, 12.0, 60.0, 300.0]) if stop else None
            life.fate = Fate(point, self.chance.randrange(1, most.get(point, 15)), seconds)

    async def _live(self, life: Life) -> None:
        """Be a process of the shop, as `bot.process` runs one."""
        url = f"sqlite+aiosqlite:///{self.file}"
        accounts = [
            Account(Watched(token, self.upstream, life), fingerprint(token))
            for token in self.tokens
        ]
        if self.stat is not None:
            accounts.append(Account(WatchedStat(self.stat, life), fingerprint(STAT_KEY)))
        settings = settings_for(url, statproxies_products=() if self.stat is None else seeds())
        async with build(settings, clock=self.clock, upstream_accounts=accounts) as shop:
            while not self.over.is_set():
                if self.is_settling and self._working:
                    return
                if await shop.lease.take():
                    await self._work(life, shop)
                else:
                    self.seen["a second process waits"] += 1
                await self._until_free()

    async def _work(self, life: Life, shop: Shop) -> None:
        self._fated(life)
        await shop.catalog.load()
        is_open = await shop.lanes.open()
        await shop.jobs.audit()
        try:
            async with asyncio.TaskGroup() as tasks:
                running: list[asyncio.Task[Any]] = [
                    tasks.create_task(
                        every(
                            job.seconds, self._watched(job.name, job.run), name=job.name,
                            sleep=partial(self._between_jobs, job.name),
                        )
                    )
                    for job in shop.jobs.all()
                    if job.name not in _FILES
                ]  # fmt: skip
                if self._is_double:
                    running.append(tasks.create_task(self._renew(shop)))
                running.append(tasks.create_task(self._serve(shop, tasks, is_open=is_open)))
                self._working.append((life, shop))
                self._came.set()
                await self.over.wait()
                for task in running:
                    task.cancel()
        except* LeaseLost:
            self.seen["lease lost"] += 1
            self.note("lease lost")
        finally:
            if (life, shop) in self._working:
                self._working.remove((life, shop))

    def _watched(
        self, name: str, job: Callable[[], Awaitable[object]]
    ) -> Callable[[], Awaitable[object]]:
        """A job that `every` runs again, whatever it raises; here nothing unforeseen may be."""

        async def run() -> None:
            try:
                await job()
            except (UpstreamError, DBAPIError, NoConnectionLeft):
                raise
            except Exception as error:
                self.problems.append(f"{name} raised {error!r}")
                raise

        return run

    async def _renew(self, shop: Shop) -> None:
        while True:
            await asyncio.sleep(RENEW * (20 if self.is_settling else 3))
            try:
                await shop.lease.renew()
            except Exception as error:
                if not is_away(error):
                    raise

    async def _serve(self, shop: Shop, tasks: asyncio.TaskGroup, *, is_open: bool) -> None:
        served: set[int] = set()
        workers = []
        try:
            while True:
                for lane in shop.lanes:
                    if lane.id not in served:
                        served.add(lane.id)
                        worker = shop.worker(lane)
                        workers.append(
                            tasks.create_task(
                                every(
                                    LOOK, self._watched("lane", worker.drain), name="lane",
                                    sleep=partial(self._until_due, lane),
                                )
                            )
                        )  # fmt: skip
                if is_open:
                    await asyncio.Event().wait()
                await asyncio.sleep(LOOK * 10)
                is_open = await shop.lanes.open()
        finally:
            for task in workers:
                task.cancel()

    async def _until_free(self) -> None:
        """Sleep like a process that waits, but past the looks at a lease that somebody holds."""
        end = self._loop.time() + IDLE_FOR
        while True:
            await asyncio.sleep(3 * IDLE_SECONDS)
            if self.over.is_set() or self.is_settling or self._loop.time() > end:
                return
            rows = self.look("SELECT max(until) FROM leases")
            if not rows or rows[0][0] is None:
                return
            if rows[0][0] / 1e6 < self.clock.now().timestamp():
                return

    async def _between_jobs(self, name: str, seconds: float) -> None:
        """Sleep like `every`, but past the rounds in which there is nothing to do."""
        # After the last tap there is little that jobs must be quick for, and in the end nothing.
        if self.is_settling:
            pause = max(seconds, 450.0)
        elif self.crowd.is_shopping:
            pause = max(seconds * 5, 10.0)
        else:
            pause = max(seconds * 10, 20.0)
        end = self._loop.time() + IDLE_FOR
        await asyncio.sleep(pause)
        while name in _WORK and not self.is_settling and self._loop.time() < end:
            if self.look(_WORK[name]) != []:
                return
            await asyncio.sleep(pause)

    async def _until_due(self, lane: Lane, seconds: float) -> None:
        """Sleep like a worker, but past the looks at which nothing can be due."""
        rows = self.look(
            "SELECT min(next_at), max(state = 'reserved') FROM orders WHERE lane_id = ?"
            " AND state IN ('reserved', 'placing', 'preparing', 'in_doubt')",
            int(lane.id),
        )
        pause = 150.0 if self.is_settling else 30.0
        if rows is None:
            pause = seconds
        elif rows[0][0] is not None:
            due = rows[0][0] / 1e6 - self.clock.now().timestamp()
            waits = 8.0 if self.crowd.is_shopping else 25.0
            pause = min(max(due, waits if rows[0][1] else seconds), pause)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await lane.woken.wait()

    def look(self, query: str, *given: Any) -> list[Any] | None:
        """A look at the books past the shop; None while somebody writes."""
        try:
            return self._books.execute(query, given).fetchall()
        except sqlite3.OperationalError:
            return None

    # What people ask

    async def ask(self, do: Callable[[Shop], Coroutine[Any, Any, T]]) -> T:
        """Ask a process that works until one answers, as people tap until something happens."""
        while True:
            while not self._working:
                self._came.clear()
                await self._came.wait()
            life, shop = self.chance.choice(self._working)
            try:
                return await life.within(do(shop))
            except (Died, DBAPIError, NoConnectionLeft):
                self.seen["asked again"] += 1
                await asyncio.sleep(self.chance.uniform(0.5, 5))

    async def try_to(
        self, what: str, do: Callable[[Shop], Coroutine[Any, Any, T]]
    ) -> T | CustomerError:
        """Ask, and take a refusal for an answer."""
        answer: T | CustomerError
        try:
            answer = await self.ask(do)
        except CustomerError as refusal:
            answer = refusal
        said = type(answer).__name__ if isinstance(answer, CustomerError) else "well"
        self.note(f"{what}: {said}")
        return answer

    async def served(self) -> None:
        """Wait until upstreams were asked for all that was bought: in the mood it was bought in.

        Not for long: there are upstreams that sell nothing, and customers who lack the money.
        """
        end = self._loop.time() + SERVED_WITHIN
        while self._loop.time() < end:
            await asyncio.sleep(10)
            rows = self.look(
                "SELECT 1 FROM orders WHERE state IN ('reserved', 'placing') UNION ALL"
                " SELECT 1 FROM exchanges WHERE state = 'asked' LIMIT 1"
            )
            if rows == []:
                return

    # The end

    async def _settle(self) -> None:
        """Wait until nothing is open any more and all that was made is accounted for."""
        end = self._loop.time() + SETTLES_WITHIN
        while self._loop.time() < end:
            await asyncio.sleep(20)
            if self.crowd.is_attended:
                await self.crowd.decide()
            if self._is_quiet():
                return
        self.note("never quiet")

    def _is_quiet(self) -> bool:
        if any(upstream.is_at_work for upstream in self.upstreams):
            return False
        if self.stat is not None and self.stat.is_exchanged_since(LOOKED_WITHIN):
            return False
        rows = self.look(
            "SELECT count(*) FROM orders"
            " WHERE state IN ('reserved', 'placing', 'preparing', 'in_doubt') UNION ALL"
            " SELECT count(*) FROM orders WHERE state = 'review' UNION ALL"
            " SELECT count(*) FROM stops UNION ALL"
            " SELECT count(*) FROM exchanges WHERE ended_at IS NULL UNION ALL"
            " SELECT count(*) FROM subscriptions WHERE cancelled_at IS NULL"
        )
        known = self.look(
            "SELECT reference, order_id IS NOT NULL OR is_flagged = 1 FROM upstream_orders"
        )
        if rows is None or known is None or any(row[0] for at, row in enumerate(rows) if at != 1):
            return False
        in_review = rows[1][0]
        if in_review and self.crowd.is_attended:
            return False
        explained = {reference for reference, is_done in known if is_done or in_review}
        return explained >= self.made.keys()

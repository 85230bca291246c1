"""The restore drill: load, a backup at a random moment, more load, a disaster, a restore."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
import stamina
from sqlalchemy import func, select

from bot.app import restore
from bot.db.migrate import migrate
from bot.db.models import (
    Base,
    OrderRow,
    OutboxRow,
    PostingRow,
    UpstreamOrderRow,
    WalletRow,
)
from bot.db.session import Database
from bot.domain.customers import Customer
from bot.domain.desk import Resumed
from bot.domain.errors import CustomerError, ShopClosed, StartRefused
from bot.domain.orders import OrderId, OrderState
from bot.services.leases import LASTS
from bot.upstreams.pretence import Fault
from tests.bench import OWNER, Bench, HandClock, opened, sandbox_for, settings_for

CUSTOMERS = 4
PLANS = (("nodemaven", "0.500"), ("nodemaven", "1"), ("abcproxy", "1"))
DISASTERS = ("file kept", "file lost", "file lost, journal left", "file spoiled")


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill went through; the soak adds these up."""

    seed: int
    disaster: str
    orders_before: int
    orders_lost: int
    money_lost: int
    set_aside: int
    made_later: int
    """Upstream orders that the restored books did not know."""


async def drill(seed: int) -> Drilled:
    """One drill, all of it decided by the seed; raises `AssertionError` on the first cent."""
    with TemporaryDirectory() as name, stamina.set_testing(True, attempts=3, cap=True):
        return await _Drill(seed, Path(name)).run()


class _Drill:
    def __init__(self, seed: int, folder: Path) -> None:
        self._chance = random.Random(seed)
        self._seed = seed
        self._clock = HandClock()
        self._sandbox = sandbox_for(self._clock)
        self._file = folder / "bot.db"
        self._url = f"sqlite+aiosqlite:///{self._file}"
        self._money_later = 0

    async def run(self) -> Drilled:
        disaster = self._chance.choice(DISASTERS)
        database = Database(self._url)
        await migrate(database)
        await database.close()
        async with opened(self._url, self._sandbox, self._clock) as bench:
            people = [await bench.customer(n, balance="50") for n in range(1, CUSTOMERS + 1)]
            await self._load(bench, people, steps=self._chance.randrange(2, 9))
            wallets = await _wallets(bench.shop.database)
            known = await _references(bench.shop.database)
            orders_before = await _count(bench.shop.database, OrderRow)
            backup = await bench.shop.backups.make()
            self._clock.turn(self._chance.randrange(5, 900))
            await self._load(bench, people, steps=self._chance.randrange(1, 9), is_later=True)
            orders_lost = await _count(bench.shop.database, OrderRow) - orders_before
            assert await bench.shop.lease.take()
        with pytest.raises(StartRefused, match="an instance works on this database"):
            await restore(settings_for(self._url), backup.path, clock=self._clock)
        self._clock.turn(LASTS.total_seconds() + 1)
        self._strike(disaster)
        # One that found no order to strike must not strike the sale at the end.
        self._sandbox.faults.clear()

        done = await restore(settings_for(self._url), backup.path, clock=self._clock)

        if disaster == "file kept":
            assert done.missing is not None
            assert len(done.missing.money) == self._money_later
            assert done.missing.orders == orders_lost
        else:
            assert done.missing is None
        assert not self._file.with_name("bot.db-journal").exists()
        posts = self._sandbox.count("POST")
        async with opened(self._url, self._sandbox, self._clock) as bench:
            assert await _wallets(bench.shop.database) == wallets
            await bench.pass_time(3_600, step=300)
            assert self._sandbox.count("POST") == posts
            await self._look_at_upstream(bench, known)
            await self._decide(bench, done.set_aside)
            await self._sell_again(bench, people[0])
        return Drilled(
            self._seed,
            disaster,
            orders_before,
            orders_lost,
            0 if done.missing is None else len(done.missing.money),
            len(done.set_aside),
            len({one.reference for one in self._sandbox.orders} - known) - 1,
        )

    async def _look_at_upstream(self, bench: Bench, known: set[str]) -> None:
        """What was made after the backup is flagged, told, bound to nobody and no loss."""
        later = {one.reference for one in self._sandbox.orders} - known
        async with bench.shop.database.read() as reader:
            rows = await reader.execute(select(UpstreamOrderRow.__table__))
            seen = {row.reference: row for row in rows.all()}
            strays = await reader.scalar(
                select(func.count()).select_from(PostingRow).where(PostingRow.kind == "stray")
            )
            told = " ".join(
                (
                    await reader.scalars(
                        select(OutboxRow.notice).where(
                            OutboxRow.chat_id == OWNER,
                            OutboxRow.notice.contains("restored_orders"),
                        )
                    )
                ).all()
            )
        assert later <= seen.keys()
        for reference in later:
            assert (seen[reference].order_id, seen[reference].is_flagged) == (None, 1)
            assert reference in told
        assert told
        assert strays == 0

    async def _decide(self, bench: Bench, set_aside: tuple[OrderId, ...]) -> None:
        """Every order that was under way waits for a person, and then ends."""
        cases = {case.order.id for case in await bench.shop.cases.inbox()}
        assert cases >= set(set_aside)
        for order in cases:
            await bench.shop.cases.give_back(order, OWNER)

    async def _sell_again(self, bench: Bench, person: Customer) -> None:
        """Nothing is sold or topped up before an owner's tap, and everything after it."""
        for refused in (bench.buy(person), bench.top_up(person.id, "1")):
            with pytest.raises(ShopClosed):
                await refused
        assert await bench.shop.desk.resume() is Resumed.OPEN
        await bench.top_up(person.id, "10")
        await bench.refresh()
        line = await bench.buy(person)
        await bench.work()
        assert (await bench.shop.orders.find(line.order.id)).state is OrderState.DELIVERED

    async def _load(
        self, bench: Bench, people: list[Customer], *, steps: int, is_later: bool = False
    ) -> None:
        for _ in range(steps):
            person = self._chance.choice(people)
            match self._chance.randrange(6):
                case 0:
                    amount = self._chance.randrange(1, 2_000)
                    await bench.top_up(person.id, f"{amount / 100:.2f}")
                    self._money_later += is_later
                case 1:
                    self._sandbox.faults.append(
                        Fault(error=httpx.ReadTimeout("lost"), is_done=True)
                    )
                    await self._buy(bench, person)
                case 2:
                    await self._buy(bench, person, is_placed=False)
                case _:
                    await self._buy(bench, person)
            self._clock.turn(self._chance.randrange(0, 8))

    async def _buy(self, bench: Bench, person: Customer, *, is_placed: bool = True) -> None:
        try:
            await bench.buy(person, *self._chance.choice(PLANS))
        except CustomerError:
            return
        if is_placed:
            await bench.work()

    def _strike(self, disaster: str) -> None:
        match disaster:
            case "file lost":
                self._file.unlink()
            case "file lost, journal left":
                self._file.rename(self._file.with_name("bot.db-journal"))
            case "file spoiled":
                self._file.write_bytes(self._chance.randbytes(self._file.stat().st_size))
            case _:
                pass


async def _wallets(database: Database) -> dict[int, int]:
    async with database.read() as reader:
        rows = await reader.execute(select(WalletRow.customer_id, WalletRow.balance))
        return {row.customer_id: row.balance for row in rows.all()}


async def _references(database: Database) -> set[str]:
    async with database.read() as reader:
        return set((await reader.scalars(select(UpstreamOrderRow.reference))).all())


async def _count(database: Database, table: type[Base]) -> int:
    async with database.read() as reader:
        return int(await reader.scalar(select(func.count()).select_from(table)) or 0)

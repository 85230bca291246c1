"""The restore drill: load, a backup at a random moment, more load, a disaster, a restore."""

from __future__ import annotations

import random
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
import stamina
from sqlalchemy import func, or_, select

from bot.app import restore
from bot.db.migrate import migrate
from bot.db.models import (
    Base,
    ExchangeRow,
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
from bot.domain.exchanges import ExchangeState
from bot.domain.orders import Credentials, OrderId, OrderState
from bot.services.leases import LASTS
from bot.upstreams.pretence import Fault
from tests.bench import (
    OWNER,
    Bench,
    HandClock,
    opened,
    sandbox_for,
    settings_for,
    stat_sandbox_for,
)

CUSTOMERS = 4
PLANS = (("nodemaven", "0.500"), ("nodemaven", "1"), ("abcproxy", "1"))
STAT_PLANS = (("statproxies", "captcha"), ("statproxies", "x1"))
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
    exchanges_lost: int = 0
    """Those that the old books, where they could be read, had named."""


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
        self._stat = stat_sandbox_for(self._clock)
        self._file = folder / "bot.db"
        self._url = f"sqlite+aiosqlite:///{self._file}"
        self._money_later = 0

    async def run(self) -> Drilled:
        disaster = self._chance.choice(DISASTERS)
        database = Database(self._url)
        await migrate(database)
        await database.close()
        async with self._opened() as bench:
            people = [await bench.customer(n, balance="50") for n in range(1, CUSTOMERS + 1)]
            await self._buy(bench, people[0], plans=STAT_PLANS)
            await self._load(bench, people, steps=self._chance.randrange(2, 9))
            wallets = await _wallets(bench.shop.database)
            known = await _references(bench.shop.database)
            orders_before = await _count(bench.shop.database, OrderRow)
            exchanged = [one.exchanges for one in self._stat.orders]
            backup = await bench.shop.backups.make()
            self._clock.turn(self._chance.randrange(5, 900))
            await self._load(bench, people, steps=self._chance.randrange(1, 9), is_later=True)
            orders_lost = await _count(bench.shop.database, OrderRow) - orders_before
            numbers = await _numbers(bench.shop.database)
            assert await bench.shop.lease.take()
        with pytest.raises(StartRefused, match="an instance works on this database"):
            await restore(settings_for(self._url), backup.path, clock=self._clock)
        self._clock.turn(LASTS.total_seconds() + 1)
        self._strike(disaster)
        # One that found no order to strike must not strike the sale at the end.
        self._sandbox.faults.clear()
        self._stat.faults.clear()

        done = await restore(settings_for(self._url), backup.path, clock=self._clock)

        if disaster == "file kept":
            assert done.missing is not None
            assert len(done.missing.money) == self._money_later
            assert done.missing.orders == orders_lost
            named = {line.split(" ", 1)[0] for line in done.missing.exchanges}
            later = zip(self._stat.orders, exchanged, strict=False)
            assert {
                f"#{numbers[made.reference]}" for made, then in later if made.exchanges > then
            } <= named
        else:
            assert done.missing is None
        assert not self._file.with_name("bot.db-journal").exists()
        posts = self._posts()
        async with self._opened() as bench:
            assert await _wallets(bench.shop.database) == wallets
            for _ in range(12):
                await bench.pass_time(300, step=300)
                await bench.shop.exchanges.step()
                await bench.shop.exchanges.watch()
            assert self._posts() == posts
            await self._look_at_exchanges(bench)
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
            len(self._made() - known) - 1,
            0 if done.missing is None else len(done.missing.exchanges),
        )

    def _opened(self) -> AbstractAsyncContextManager[Bench]:
        return opened(self._url, self._sandbox, self._clock, self._stat)

    def _made(self) -> set[str]:
        """Every order that the upstreams have."""
        made = {one.reference for one in self._sandbox.orders}
        return made | {one.reference for one in self._stat.orders}

    def _posts(self) -> int:
        """Whatever bought or exchanged anything."""
        return self._sandbox.count("POST") + self._stat.count("POST")

    async def _look_at_exchanges(self, bench: Bench) -> None:
        """Whoever exchanged after the backup has what the upstream gave last, and heard of it."""
        numbers = await _numbers(bench.shop.database)
        async with bench.shop.database.read() as reader:
            left = await reader.scalars(
                select(ExchangeRow.id).where(
                    or_(ExchangeRow.ended_at.is_(None), ExchangeRow.sent_at.is_(None)),
                    ExchangeRow.state != ExchangeState.DONE,
                )
            )
            assert left.all() == []
        for made in self._stat.orders:
            order = numbers.get(made.reference)
            if (
                order is None
                or (await bench.shop.orders.find(order)).state is not OrderState.DELIVERED
            ):
                continue
            _, held = await bench.shop.orders.delivered(order)
            assert isinstance(held, Credentials)
            assert {one.password for one in held.proxies} == {self._stat._password(made)}

    async def _look_at_upstream(self, bench: Bench, known: set[str]) -> None:
        """What was made after the backup is flagged, told, bound to nobody and no loss."""
        later = self._made() - known
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
            match self._chance.randrange(9):
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
                case 3:
                    await self._buy(bench, person, plans=STAT_PLANS)
                case 4 | 5:
                    await self._exchange(bench)
                case _:
                    await self._buy(bench, person)
            self._clock.turn(self._chance.randrange(0, 8))

    async def _exchange(self, bench: Bench) -> None:
        """Somebody wants an exchange; it has come as far as it may when the next thing happens."""
        numbers = await _numbers(bench.shop.database)
        mine = [numbers[one.reference] for one in self._stat.orders if one.reference in numbers]
        if not mine:
            return
        order = await bench.shop.orders.find(self._chance.choice(mine))
        if self._chance.randrange(3) == 0:
            fault = Fault(path="*/exchange/*", error=httpx.ReadTimeout("lost"), is_done=True)
            self._stat.faults.append(fault)
        await bench.shop.exchanges.ask(
            order.customer, order.id, f"{self._chance.getrandbits(64):016x}"
        )
        for _ in range(self._chance.randrange(4)):
            await bench.shop.exchanges.step()
            self._clock.turn(2)

    async def _buy(
        self, bench: Bench, person: Customer, *, is_placed: bool = True,
        plans: tuple[tuple[str, str], ...] = PLANS,
    ) -> None:  # fmt: skip
        try:
            await bench.buy(person, *self._chance.choice(plans))
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


async def _numbers(database: Database) -> dict[str, OrderId]:
    """The shop's orders by the upstream's ids."""
    query = select(OrderRow.id, OrderRow.upstream_order_id)
    async with database.read() as reader:
        rows = (await reader.execute(query)).all()
    return {row.upstream_order_id: OrderId(row.id) for row in rows if row.upstream_order_id}


async def _references(database: Database) -> set[str]:
    async with database.read() as reader:
        return set((await reader.scalars(select(UpstreamOrderRow.reference))).all())


async def _count(database: Database, table: type[Base]) -> int:
    async with database.read() as reader:
        return int(await reader.scalar(select(func.count()).select_from(table)) or 0)

"""The benchmark: how soon a shop is there, and what a tap costs in one of so many orders.

python -m tests.benchmark                        1,000, 100,000 and 1,000,000 orders
python -m tests.benchmark --orders 1000,10000    others

A tap is timed from Telegram's update until its answer is in the chat; Buy, until what was bought
is there, from a pretend upstream that answers at once. No other machine is reached.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import BigInteger, ColumnElement, Text, func, insert, literal, select, type_coerce

from bot.db.models import (
    AttemptRow,
    Base,
    CustomerRow,
    DeliveryRow,
    FingerprintRow,
    Moment,
    MoveRow,
    OrderRow,
    OutboxRow,
    PostingRow,
    SearchTermRow,
    UpstreamOrderRow,
    WalletRow,
)
from bot.demo.telegram import Person, Telegram
from bot.domain.customers import ShopInfo
from bot.domain.orders import CustomerId
from bot.process import telegram_side
from tests.bench import OWNER, Bench, HandClock, opened, sandbox_for
from tests.faults.histories import empty_database
from tests.telegram import ALICE, Customer, Settle, bot_of, settling, task_group

ROOT: Final = Path(__file__).parents[1]
OLGA: Final = Person(OWNER, "Olga", "olga_owner")
SIZES: Final = "1000,100000,1000000"
ROUNDS: Final = 30
"""How often a tap is timed."""
MINUTE: Final = 60_000_000
"""In microseconds; the orders of a grown shop are so far from each other."""
A_CUSTOMER: Final = 100
"""Every so-manieth order is Alice's, and so many are each other customer's."""
FIRST_CUSTOMER: Final = 1_000_000
READ_EVERYTHING: Final = {"audit", "backup", "heartbeat"}
"""By their promise; the heartbeat is a file for the container."""

Act = Callable[[], Awaitable[object]]


# The shop


async def grow(bench: Bench, orders: int) -> None:
    """Make a shop with one delivered order one with so many, each with all its records."""
    async with bench.shop.database.writer.begin() as writer:
        customers = range(FIRST_CUSTOMER, FIRST_CUSTOMER + orders // A_CUSTOMER + 1)
        known = {"name": "Somebody", "language": "en", "created_at": bench.clock.now()}
        await writer.execute(insert(CustomerRow), [{"id": one, **known} for one in customers])
        await writer.execute(
            insert(WalletRow), [{"customer_id": one, "balance": 0} for one in customers]
        )
        for each in _copies(orders):
            await writer.execute(each)


def _copies(orders: int) -> list[Any]:
    """Statements that write down the first order again, `number` being each from the second on."""
    numbers = select(literal(2).label("number")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.number + 1).where(numbers.c.number < orders))
    number = numbers.c.number
    ago = (orders - number) * MINUTE
    whose = func.iif(number % A_CUSTOMER == 0, ALICE.id, FIRST_CUSTOMER + number // A_CUSTOMER)

    def copy(row: type[Base], where: ColumnElement[bool], **changed: ColumnElement[Any]) -> Any:
        columns = [one for one in row.__table__.columns if one.name != "id" or "id" in changed]
        values = [
            changed[one.name]
            if one.name in changed
            else type_coerce(one, BigInteger) - ago
            if isinstance(one.type, Moment)
            else one
            for one in columns
        ]
        return insert(row).from_select(
            [one.name for one in columns],
            select(*values).select_from(row.__table__.join(numbers, where)),
        )

    def numbered(column: Any) -> ColumnElement[str]:
        return type_coerce(column, Text).concat("_").concat(number)

    first = {"order_id": number}
    hold = PostingRow.kind == "hold"
    return [
        copy(
            OrderRow, OrderRow.id == 1, id=number, customer_id=whose,
            intent=numbered(OrderRow.intent), tag=numbered(OrderRow.tag),
            upstream_order_id=numbered(OrderRow.upstream_order_id),
        ),
        # Each has paid in just what it cost.
        copy(
            PostingRow, hold, reference=literal("topup:").concat(number), source=literal("world"),
            destination=literal("customer:").concat(whose), kind=literal("topup"),
            order_id=literal(None), actor=literal(f"owner:{OWNER}"),
        ),
        copy(
            PostingRow, PostingRow.order_id == 1, **first,
            reference=func.replace(
                PostingRow.reference, ":1:", literal(":").concat(number).concat(":")
            ),
            **{
                side.key: func.iif(
                    side == f"customer:{ALICE.id}", literal("customer:").concat(whose),
                    func.iif(side == "held:1", literal("held:").concat(number), side),
                )
                for side in (PostingRow.source, PostingRow.destination)
            },
        ),
        copy(MoveRow, MoveRow.order_id == 1, **first),
        copy(AttemptRow, AttemptRow.order_id == 1, **first),
        copy(DeliveryRow, DeliveryRow.order_id == 1, **first),
        copy(SearchTermRow, SearchTermRow.order_id == 1, **first, customer_id=whose),
        copy(
            FingerprintRow, FingerprintRow.order_id == 1, **first,
            fingerprint=numbered(FingerprintRow.fingerprint),
        ),
        copy(
            UpstreamOrderRow, UpstreamOrderRow.order_id == 1, **first,
            reference=numbered(UpstreamOrderRow.reference), tag=numbered(UpstreamOrderRow.tag),
        ),
        copy(
            OutboxRow, OutboxRow.order_id == 1, **first, chat_id=whose,
            dedupe=literal("delivered:").concat(number),
            notice=func.replace(
                OutboxRow.notice, '"order":1', literal('"order":').concat(number)
            ),
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grown:
    """A shop of many orders, and who is there."""

    bench: Bench
    alice: Customer
    olga: Customer
    finish: Settle
    """Do whatever the shop still has to do."""


@asynccontextmanager
async def grown(folder: Path, orders: int) -> AsyncIterator[Grown]:
    """A shop of so many orders, audited on the way out."""
    file = shutil.copy(empty_database(), folder / f"{orders}.db")
    clock = HandClock()
    core = Telegram(clock=lambda: clock.now().timestamp(), people=[OLGA])
    url = f"sqlite+aiosqlite:///{file}"
    async with opened(url, sandbox_for(clock), clock) as bench, task_group() as tasks:
        shop = bench.shop
        side = telegram_side(shop, bot_of(core), ShopInfo("support", core.bot_username), tasks)

        async def work() -> bool:
            await bench.work()
            if await side.courier.step():
                return True
            if waits := bool(await shop.outbox.due()):
                clock.turn(1)
            return waits

        answered = settling(side.polling)
        shop_floor = Grown(
            bench, Customer(core, answered), Customer(core, answered, OLGA),
            settling(side.polling, work),
        )  # fmt: skip
        await shop_floor.olga.send("/start")
        await shop_floor.alice.send("/start")
        await bench.top_up(CustomerId(ALICE.id), "900")
        await shop_floor.alice.buy("1 GB", "NodeMaven")
        await shop_floor.finish()
        await grow(bench, orders)
        yield shop_floor


# What is timed


async def timed(act: Act) -> float:
    """How long it took, in milliseconds."""
    start = time.perf_counter()
    await act()
    return (time.perf_counter() - start) * 1000


async def measured(folder: Path, orders: int) -> dict[str, list[float]]:
    """Milliseconds of everything, each so often, in a shop of so many orders."""
    found: dict[str, list[float]] = {}
    async with grown(folder, orders) as floor:
        alice, olga, jobs = floor.alice, floor.olga, floor.bench.shop.jobs

        async def time_it(what: str, act: Act, before: Act = floor.finish) -> None:
            for _ in range(ROUNDS + 1):
                floor.bench.clock.turn(60)
                await floor.bench.refresh()
                await before()
                found.setdefault(what, []).append(await timed(act))
            # The first one warms everything up.
            del found[what][0]

        async def at_buy() -> None:
            await alice.open("1 GB", "NodeMaven")

        async def buy() -> None:
            await alice.tap("Buy")
            await floor.finish()

        async def all_jobs() -> None:
            for job in jobs.all():
                if job.name not in READ_EVERYTHING:
                    await job.run()

        await time_it("/start", lambda: alice.send("/start"))
        await time_it("Browse", lambda: alice.tap("Browse"), lambda: alice.send("/start"))
        await time_it("Buy", buy, at_buy)
        await time_it("/orders", lambda: alice.send("/orders"))
        await time_it(
            "the next page of them", lambda: alice.tap("▶️"), lambda: alice.send("/orders")
        )
        await time_it("/find #1", lambda: alice.send("/find #1"))
        await time_it("/find and a host", lambda: alice.send("/find gate.nodemaven.com"))
        await time_it("/balance", lambda: alice.send("/balance"))
        await time_it("an owner's /shop", lambda: olga.send("/shop"))
        await time_it("an owner's /order 1", lambda: olga.send("/order 1"))
        await time_it("an owner's /find 4.20", lambda: olga.send("/find 4.20"))
        await time_it("every job once, without audit and backup", all_jobs)
        found["an audit"] = [await timed(floor.bench.shop.audit.run)]
    return found


def started() -> dict[str, float]:
    """Seconds until the demo's first line, and until its page is there."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as demo:  # fmt: skip
        assert demo.stdout is not None
        try:
            found = {"the first line": 0.0}
            for line in demo.stdout:
                found["the first line"] = found["the first line"] or time.perf_counter() - begun
                if page := re.search(r"http://\S+", line):
                    httpx.get(page[0]).raise_for_status()
                    found["the page"] = time.perf_counter() - begun
                    break
        finally:
            demo.terminate()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--orders", default=SIZES, help="how many the shop has, by comma")
    sizes = [int(one) for one in parser.parse_args(arguments).orders.split(",")]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" {os.cpu_count()} cores\n"
    )
    for what, seconds in started().items():
        print(f"{what} of the demo: {seconds:.2f} s")
    columns = []
    for size in sizes:
        with TemporaryDirectory() as folder:
            empty_database()
            columns.append(asyncio.run(measured(Path(folder), size)))
    print("\n| Median, and the slowest, in ms |", *(f"{size:,} orders |" for size in sizes))
    print("|---|" + "--:|" * len(sizes))
    for what in columns[0]:
        print(f"| {what} |", *(f"{_said(column[what])} |" for column in columns))
    return 0


def _said(times: list[float]) -> str:
    return f"{statistics.median(times):,.1f} ({max(times):,.1f})"


if __name__ == "__main__":
    sys.exit(main())

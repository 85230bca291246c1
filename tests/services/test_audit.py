"""The audit: every figure that somebody could have changed behind the shop's back is noticed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.app import Shop, build
from bot.domain.desk import Resumed
from bot.domain.errors import ShopClosed
from bot.domain.notices import Trouble
from bot.domain.orders import CustomerId, OrderId
from bot.domain.requests import TopUp
from bot.services.audit import AUDIT
from bot.services.stops import SHOP
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import OWNER, Bench, HandClock, opened, sandbox_for, settings_for
from tests.conftest import ON_SQLITE

DELIVERED, RELEASED, REFUNDED, OPEN, CANCELLED = map(OrderId, range(1, 6))

# Each thing that the audit compares, and a change of the books that makes it differ.
CHANGES = {
    "each wallet = its postings": "UPDATE wallets SET balance = balance + 1",
    "each open order holds its price, and no other holds anything": (
        "UPDATE orders SET price_micros = price_micros + 1 WHERE id = 4"
    ),
    "each order took its price once": (
        "DROP TRIGGER postings_no_update; DROP TRIGGER postings_no_delete;"
        "DELETE FROM postings WHERE reference = 'order:4:hold'"
    ),
    "each delivered order was captured, at its cost": (
        "UPDATE orders SET cost_micros = cost_micros + 1 WHERE id = 1"
    ),
    "each released order gave its price back": (
        "UPDATE orders SET state = 'released' WHERE id = 4"
    ),
    "each refunded order, and no other, gave its price back": (
        "UPDATE orders SET state = 'delivered' WHERE id = 3"
    ),
    "each delivered order has its credentials": ("DELETE FROM deliveries WHERE order_id = 1"),
    "each upstream order serves the order that names it": (
        "UPDATE upstream_orders SET order_id = 2 WHERE order_id = 1"
    ),
    "each order that was made has its upstream order": (
        "UPDATE upstream_orders SET order_id = NULL WHERE order_id = 1"
    ),
    "each customer was told how the order ended": (
        "DELETE FROM outbox WHERE dedupe = 'released:2'"
    ),
    "no posting names an order that is not there": (
        "DROP TRIGGER postings_no_update; DROP TRIGGER postings_no_delete;"
        "UPDATE postings SET order_id = 99 WHERE order_id = 1"
    ),
    "customers + held + sales + adjustments = paid in": (
        "DROP TRIGGER postings_no_update; DROP TRIGGER postings_no_delete;"
        "UPDATE postings SET destination = 'loss' WHERE kind = 'capture'"
    ),
    "a trigger is missing": "DROP TRIGGER postings_no_replace",
    "a law is missing": (
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET sql = replace(sql, 'ck_wallets_balance', 'ck_wallets_nothing')"
    ),
    "credentials do not open": (
        "UPDATE deliveries SET sealed = CAST(sealed || X'00' AS BLOB) WHERE order_id = 1"
    ),
}


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    """The books of a shop that has seen every way in which an order ends."""
    file = tmp_path_factory.mktemp("books") / "bot.db"
    shutil.copy(_sqlite_template, file)

    async def filled() -> None:
        clock = HandClock()
        async with opened(f"sqlite+aiosqlite:///{file}", sandbox_for(clock), clock) as bench:
            await trade(bench)

    asyncio.run(filled())
    return file


@pytest.fixture
def url(books: Path, tmp_path: Path) -> str:
    """The URL of a copy of these books."""
    shutil.copy(books, tmp_path / "bot.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"


async def trade(bench: Bench) -> None:
    customer = await bench.customer(1, balance="50")
    await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(status=400, code="invalid_plan"))
    await bench.buy(customer, plan="0.500")
    await bench.work()
    await bench.refresh()
    await bench.buy(customer, "abcproxy", "1")
    await bench.work()
    preview = await bench.shop.cases.preview_refund(REFUNDED, "it is slow", OWNER)
    request = await bench.shop.requests.open(preview.request, OWNER)
    await bench.shop.cases.refund(request, OWNER)
    for order in (OPEN, CANCELLED):
        assert (await bench.buy(customer, "abcproxy", "5")).order.id == order
    bench.clock.turn(21)
    await bench.shop.orders.cancel(customer.id, CANCELLED)


@asynccontextmanager
async def shop_with(url: str) -> AsyncIterator[Shop]:
    async with build(settings_for(url), clock=HandClock()) as shop:
        yield shop


def change(url: str, script: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"))) as books:
        books.executescript(script)
        books.commit()


async def test_every_comparison_has_a_change_here(url: str) -> None:
    async with shop_with(url) as shop:
        report = await shop.audit.run()

    assert report.is_green, report.differences
    *compared, trigger, law, sample, count = report.compared
    assert [*compared, "a trigger is missing", "a law is missing", "credentials do not open"] == [
        *CHANGES
    ]
    assert "triggers" in trigger
    assert "unique keys" in law
    assert "2 of them" in sample
    assert "5 orders" in count


@pytest.mark.parametrize(("compared", "script"), CHANGES.items(), ids=CHANGES)
async def test_a_change_behind_the_shops_back_stops_it(
    url: str, compared: str, script: str
) -> None:
    change(url, script)

    async with shop_with(url) as shop:
        report = await shop.audit.guard()

        found = [one for one in report.differences if one.startswith(compared)]
        assert found, report.differences
        assert not any("gate." in one or "sealed" in one for one in report.differences)
        async with shop.database.read() as reader:
            assert await shop.stops.reason(reader, SHOP) == AUDIT
        asked = TopUp(CustomerId(1), (await shop.orders.find(OPEN)).price, "", is_debit=False)
        with pytest.raises(ShopClosed):
            await shop.wallets.confirm(
                await shop.requests.open(
                    (await shop.wallets.preview(asked, OWNER)).request, OWNER
                ),
                OWNER,
            )
        assert (await shop.orders.page(CustomerId(1), 0)).orders
        assert await shop.desk.resume() is Resumed.BOOKS_DIFFER


async def test_owners_are_told_which_figure_differs_and_once(url: str) -> None:
    change(url, CHANGES["each wallet = its postings"])

    async with shop_with(url) as shop:
        report = await shop.audit.guard()
        await shop.audit.guard()
        told = [
            owed
            for owed in await _everything_owed(shop)
            if isinstance(owed, Trouble) and owed.code == "audit_red"
        ]

    assert [one.detail for one in told] == [report.differences[0]] * 2  # one for each owner


async def _everything_owed(shop: Shop) -> list[object]:
    """All notices, in the order in which they are due, by letting each one be sent."""
    found: list[object] = []
    while due := await shop.outbox.due(100):
        for owed in due:
            found.append(owed.notice)
            await shop.outbox.sent(owed)
    return found


@ON_SQLITE
async def test_a_red_audit_is_red_on_a_running_shop_too(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened(database_url, sandbox, clock) as bench:
        customer = await bench.customer(1, balance="10")
        change(database_url, "UPDATE wallets SET balance = balance + 1")
        await bench.shop.audit.guard()
        with pytest.raises(ShopClosed):
            await bench.buy(customer)

        change(database_url, "UPDATE wallets SET balance = balance - 1")
        assert await bench.shop.desk.resume() is Resumed.OPEN

        await bench.buy(customer)
        await bench.work()
        assert len(sandbox.orders) == 1

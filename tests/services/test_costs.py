"""What a tap costs the database, however many orders there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.session import Database
from bot.domain.customers import Visitor
from bot.domain.orders import CustomerId
from tests.bench import Bench


@contextmanager
def counted(database: Database) -> Iterator[dict[str, int]]:
    """Count the statements, and the transactions that may write."""
    seen = {"statements": 0, "writes": 0}
    really_write = database.write

    def statement(*_: Any) -> None:
        seen["statements"] += 1

    @asynccontextmanager
    async def write() -> AsyncIterator[AsyncConnection]:
        seen["writes"] += 1
        async with really_write() as tx:
            yield tx

    engines = {database._writer.sync_engine}
    if database.is_sqlite:  # elsewhere the reader is a view of the writer, and hears its events
        engines.add(database._reader.sync_engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "write", write)
        for engine in engines:
            event.listen(engine, "before_cursor_execute", statement)
        try:
            yield seen
        finally:
            for engine in engines:
                event.remove(engine, "before_cursor_execute", statement)


async def test_a_browsing_tap_costs_one_statement(bench: Bench) -> None:
    await bench.customer(1, balance="5")
    visitor = Visitor(CustomerId(1), "Customer 1", "customer_1", "en")

    with counted(bench.shop.database) as seen:
        customer = await bench.shop.customers.arrive(visitor, 7)
        shelf = bench.shop.catalog.shelf(bench.shop.catalog.shelves()[0].provider.id)

    assert shelf.offers
    assert customer.balance.micros == 5_000_000
    assert seen["writes"] == 0
    assert seen["statements"] == 1


async def test_a_purchase_costs_three_writing_transactions_and_repeating_it_one(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="50")
    await bench.buy(await bench.customer(2, balance="5"))
    await bench.work()
    claim = bench.claim()

    with counted(bench.shop.database) as bought:
        await bench.shop.orders.accept(customer, claim, 7)
        await bench.work()
    with counted(bench.shop.database) as repeated:
        await bench.shop.orders.accept(customer, claim, 7)

    assert bought["writes"] == 3
    assert repeated["writes"] == 1
    assert len(bench.sandbox.orders) == 2

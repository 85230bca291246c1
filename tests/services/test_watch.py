"""The watch over traffic: what a round costs, and what it asks of an account."""

from __future__ import annotations

from sqlalchemy import text

from bot.domain.orders import OrderId
from bot.services.watch import WATCH_SECONDS
from tests.bench import Bench
from tests.conftest import ON_SQLITE


async def test_an_account_is_asked_twelve_times_a_minute_however_many_alerts_are_set(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="100")
    for number in range(1, 21):
        await bench.buy(customer, plan="0.120")
        await bench.work()
        await bench.shop.alerts.choose(customer.id, OrderId(number), 50)

    asked = []
    for _ in range(round(60 / WATCH_SECONDS)):
        bench.clock.turn(WATCH_SECONDS)
        await bench.shop.jobs.watch.step()
        asked.append(bench.sandbox.requests[-1].path)

    assert bench.sandbox.count("GET", "/proxies/*") == 12
    # Each of them another order: nobody is asked about twice before all had their turn.
    assert len(set(asked)) == 12


@ON_SQLITE
async def test_a_round_finds_its_order_by_an_index(bench: Bench) -> None:
    (lane,) = bench.shop.lanes
    query = bench.shop.jobs.watch.due(lane)
    compiled = query.compile(bench.shop.database.writer.sync_engine)

    async with bench.shop.database.read() as reader:
        plan = await reader.execute(
            text(f"EXPLAIN QUERY PLAN {compiled.string.replace('?', '0')}")
        )
        steps = [row.detail for row in plan.all()]

    assert any("ix_usage_alerts_due" in step for step in steps), steps
    assert not [step for step in steps if "SCAN" in step or "TEMP" in step], steps

"""Nothing rests: the owners hear of orders and notices that stay where they are too long."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.db.models import OutboxRow
from bot.domain.orders import OrderId, OrderState
from bot.upstreams.pretence import Fault
from tests.bench import OTHER_OWNER, OWNER, Bench

LOST = httpx.ReadTimeout("lost")


LATE = {"notices_late", "overdue"}


async def told(bench: Bench, chat: int = OWNER) -> list[dict[str, Any]]:
    """What an owner was told of what rests, oldest first."""
    query = select(OutboxRow.notice).where(OutboxRow.chat_id == chat).order_by(OutboxRow.id)
    async with bench.shop.database.read() as reader:
        notices = [json.loads(one) for one in (await reader.scalars(query)).all()]
    return [
        one for one in notices if one["kind"] == "order_needs_person" or one.get("code") in LATE
    ]


async def deliver(bench: Bench) -> None:
    """What the courier does while Telegram takes everything."""
    while due := await bench.shop.outbox.due():
        for owed in due:
            await bench.shop.outbox.sent(owed)


async def look(bench: Bench, *, is_delivered: bool = True) -> None:
    """What the job does every minute."""
    if is_delivered:
        await deliver(bench)
    await bench.shop.jobs.overdue.look()


async def rested(bench: Bench, state: OrderState) -> OrderId:
    """An order that came into this state and that no worker looks at any more."""
    line = await bench.buy(await bench.customer(1, balance="9"))
    faults = {
        OrderState.PREPARING: Fault(pending=10_000),
        OrderState.IN_DOUBT: Fault(error=LOST),
    }
    if state in faults:
        bench.sandbox.faults.append(faults[state])
        await bench.work()
    if state is OrderState.PLACING:
        plan = bench.offer("nodemaven", "1").plan
        await bench.shop.placing.claim(next(iter(bench.shop.lanes)), line.order.id, plan)
    assert (await bench.shop.orders.find(line.order.id)).state is state
    await look(bench)
    return line.order.id


LIMITS = pytest.mark.parametrize(
    ("state", "minutes"),
    [
        (OrderState.RESERVED, 3),
        (OrderState.PLACING, 2),
        (OrderState.PREPARING, 30),
        (OrderState.IN_DOUBT, 30),
    ],
)


@LIMITS
async def test_an_order_that_its_worker_leaves_lying_is_told_to_every_owner_once_an_hour(
    bench: Bench, state: OrderState, minutes: int
) -> None:
    order = await rested(bench, state)
    bench.clock.turn(minutes * 60)
    await look(bench)
    assert await told(bench) == []

    for _ in range(3):
        bench.clock.turn(2 * 60)
        await look(bench)

    [notice] = await told(bench)
    assert notice["detail"] == f"#{order}, {state}, {minutes + 2} min"
    assert await told(bench, OTHER_OWNER) == [notice]
    bench.clock.turn(3600)
    await look(bench)
    assert len(await told(bench)) == 2


@LIMITS
async def test_an_order_that_a_clock_ahead_has_moved_is_told_as_soon_as_any_other(
    bench: Bench, state: OrderState, minutes: int
) -> None:
    bench.clock._now += timedelta(days=1)
    await bench.refresh()
    if state is OrderState.RESERVED:
        # The lane has placed something as well.
        await bench.buy(await bench.customer(2, balance="9"))
        await bench.work()
    order = await rested(bench, state)

    bench.clock._now -= timedelta(days=1)
    await look(bench)
    bench.clock.turn(minutes * 60)
    await look(bench)
    assert await told(bench) == []
    bench.clock.turn(2 * 60)
    await look(bench)

    [notice] = await told(bench)
    assert notice["detail"] == f"#{order}, {state}, {minutes + 2} min"


async def test_owners_are_reminded_of_an_order_that_a_clock_ahead_has_brought_to_them(
    bench: Bench,
) -> None:
    bench.clock._now += timedelta(days=1)
    await bench.refresh()
    order = await rested(bench, OrderState.IN_DOUBT)
    await bench.shop.placing.review(order, "too_many_candidates")

    bench.clock._now -= timedelta(days=1)
    for _ in range(3):
        await look(bench)
        bench.clock.turn(3600)

    assert [one["hours"] for one in await told(bench)] == [0, 1, 2]


async def test_orders_that_move_on_are_told_to_nobody(bench: Bench) -> None:
    await look(bench)
    customers = [await bench.customer(number, balance="9") for number in (1, 2)]
    bench.sandbox.faults.append(Fault(error=LOST))
    for customer in customers:
        await bench.buy(customer)

    for _ in range(20):
        await bench.pass_time(60, step=10)
        await bench.refresh()
        await look(bench)

    assert await told(bench) == []
    assert len(bench.sandbox.orders) == 1


async def test_what_rested_while_no_bot_ran_is_the_workers_first(bench: Bench) -> None:
    line = await bench.buy(await bench.customer(1, balance="9"))
    bench.clock.turn(6 * 3600)

    await look(bench)
    await bench.refresh()
    await bench.work()
    await look(bench)

    assert await told(bench) == []
    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.DELIVERED


async def test_owners_are_reminded_hourly_of_an_order_that_waits_for_them(bench: Bench) -> None:
    line = await bench.buy(await bench.customer(1, balance="9"))
    bench.sandbox.faults.append(Fault(error=LOST))
    await bench.work()
    await bench.shop.placing.review(line.order.id, "too_many_candidates")

    for _ in range(25):
        bench.clock.turn(3600)
        await look(bench)
        await look(bench)

    for owner in (OWNER, OTHER_OWNER):
        assert [one["hours"] for one in await told(bench, owner)] == list(range(26))


async def test_owners_hear_of_messages_that_telegram_does_not_take(bench: Bench) -> None:
    await look(bench)
    customer = await bench.customer(1, balance="9")
    bench.clock.turn(4 * 60)
    await look(bench, is_delivered=False)
    assert await told(bench) == []

    bench.clock.turn(2 * 60)
    await look(bench, is_delivered=False)
    await look(bench, is_delivered=False)

    assert [one["detail"] for one in await told(bench)] == ["6 min"]
    async with bench.shop.database.write() as tx:
        await bench.shop.outbox.park(tx, customer.id)
    bench.clock.turn(3600)
    await look(bench, is_delivered=False)
    assert len(await told(bench)) == 1

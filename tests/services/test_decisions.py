"""Owners' decisions about orders under review, said twice: by a second tap, or after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import httpx
import pytest

from bot.domain.errors import TooLate
from bot.domain.orders import CustomerId, Delivery, OrderId, OrderState, parse_proxies
from bot.services.fingerprints import Fingerprints
from bot.upstreams.pretence import Fault
from tests.bench import OTHER_OWNER, OWNER, Bench
from tests.conftest import ON_POSTGRESQL

PASTED = "gate.example.com:8080:anna:secret"


async def in_review(bench: Bench) -> OrderId:
    customer = await bench.customer(1, balance="5")
    await bench.work()
    bench.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    await bench.shop.placing.review(line.order.id, "too_many_candidates")
    await bench.shop.lanes.listings.read(next(iter(bench.shop.lanes)))
    return line.order.id


async def decide(
    bench: Bench, decision: str, order: OrderId, by: CustomerId = OWNER
) -> OrderState:
    cases = bench.shop.cases
    match decision:
        case "bind":
            decided = await cases.bind(order, 1, by)
        case "by hand":
            decided = await cases.hand_over(order, PASTED, by)
        case "give back":
            decided = await cases.give_back(order, by)
        case _:
            decided = await cases.keep_waiting(order, by)
    return decided.state


DECISIONS = pytest.mark.parametrize("decision", ["bind", "by hand", "give back", "keep waiting"])


@DECISIONS
async def test_a_decision_said_twice_is_done_once_and_answered_twice(
    bench: Bench, decision: str
) -> None:
    order = await in_review(bench)

    first = await decide(bench, decision, order)
    moves = (await bench.shop.cases.file(order)).moves
    second = await decide(bench, decision, order)

    assert second is first
    assert (await bench.shop.cases.file(order)).moves == moves


@DECISIONS
async def test_a_decision_after_another_owners_is_too_late(bench: Bench, decision: str) -> None:
    order = await in_review(bench)
    await decide(bench, decision, order)

    with pytest.raises(TooLate):
        await decide(bench, decision, order, by=OTHER_OWNER)


async def test_other_credentials_after_a_delivery_by_hand_are_too_late(bench: Bench) -> None:
    order = await in_review(bench)
    await bench.shop.cases.hand_over(order, PASTED, OWNER)

    with pytest.raises(TooLate):
        await bench.shop.cases.hand_over(order, PASTED.replace("secret", "other"), OWNER)


async def meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    first: Coroutine[Any, Any, Any],
    second: Coroutine[Any, Any, OrderState],
) -> OrderState | None:
    """What the second says that begins while the first looks who has what it delivers.

    None where it was too late.
    """
    holder, begun = Fingerprints.holder, list[asyncio.Task[OrderState | None]]()

    async def told() -> OrderState | None:
        with suppress(TooLate):
            return await second
        return None

    async with asyncio.TaskGroup() as tasks:

        async def slow(*args: Any, **named: Any) -> OrderId | None:
            found = await holder(*args, **named)
            if not begun:
                begun.append(tasks.create_task(told()))
                # It goes as far as it can: to its end, or to where it waits for the first.
                await asyncio.wait(begun, timeout=0.3)
            return found

        monkeypatch.setattr(Fingerprints, "holder", slow)
        await first
    return begun[0].result()


@ON_POSTGRESQL
async def test_what_is_bound_while_another_owner_delivers_by_hand_is_too_late(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await in_review(bench)

    bound = await meanwhile(
        monkeypatch,
        decide(bench, "by hand", order),
        decide(bench, "bind", order, by=OTHER_OWNER),
    )

    assert bound is None
    assert await delivered(bench, order) == parse_proxies(PASTED)
    assert (await bench.shop.audit.run()).differences == ()


@ON_POSTGRESQL
async def test_what_is_delivered_by_hand_while_the_upstream_is_asked_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await bench.customer(2, balance="5")
    await bench.buy(other)
    await bench.work()
    bench.sandbox.repeats = True
    bench.sandbox.faults.append(Fault(pending=2))
    order = (await bench.buy(await bench.customer(1, balance="5"))).order.id
    await bench.work()

    # The upstream tells what the other customer has.
    by_hand = await meanwhile(monkeypatch, bench.pass_time(30), decide(bench, "by hand", order))

    assert by_hand is OrderState.DELIVERED
    assert await delivered(bench, order) == parse_proxies(PASTED)


async def delivered(bench: Bench, order: OrderId) -> Delivery:
    """What the customer reads."""
    return (await bench.shop.orders.delivery(CustomerId(1), order))[1]

"""Owners' decisions about orders under review, said twice: by a second tap, or after a crash."""

from __future__ import annotations

import httpx
import pytest

from bot.domain.errors import TooLate
from bot.domain.orders import CustomerId, OrderId, OrderState
from bot.upstreams.pretence import Fault
from tests.bench import OTHER_OWNER, OWNER, Bench

PASTED = "gate.example.com:8080:anna:secret"


async def in_review(bench: Bench) -> OrderId:
    customer = await bench.customer(1, balance="5")
    await bench.work()
    bench.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    await bench.shop.placing.review(line.order.id, "too_many_candidates")
    await bench.shop.lanes.list(next(iter(bench.shop.lanes)))
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

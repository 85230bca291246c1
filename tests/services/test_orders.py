"""Orders from the tap to the delivery, with everything that may happen in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from bot.domain.errors import InsufficientFunds, JustBought, NotFound, PriceChanged, TooManyOrders
from bot.domain.money import usd
from bot.domain.orders import Credentials, OrderState
from bot.upstreams.pretence import Fault
from tests.bench import Bench
from tests.conftest import ON_SQLITE


async def test_a_tap_on_buy_holds_the_price_and_the_worker_delivers(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")

    line = await bench.shop.orders.accept(customer, bench.claim(), 5)

    assert (line.order.state, line.order.price, line.place) == ("reserved", usd("4.03"), 1)
    assert await bench.balance(customer) == usd("5.97")
    await bench.work()
    order, delivery = await bench.shop.orders.delivery(customer.id, line.order.id)
    assert order.state is OrderState.DELIVERED
    assert isinstance(delivery, Credentials)
    assert [one.reference for one in bench.sandbox.orders] == [order.upstream_order_id]


async def test_fifty_taps_on_one_button_buy_once(bench: Bench) -> None:
    customer = await bench.customer(1, balance="100")
    claim = bench.claim()

    taps = [bench.shop.orders.accept(customer, claim, 5) for _ in range(50)]
    lines = await asyncio.gather(*taps)

    assert len(set(lines)) == 1
    assert await bench.balance(customer) == usd("95.97")
    await bench.work()
    assert len(bench.sandbox.orders) == 1


async def test_fifty_customers_are_served_in_order_and_none_is_overdrawn(bench: Bench) -> None:
    customers = [await bench.customer(number, balance="5") for number in range(1, 51)]

    lines = await asyncio.gather(*(bench.buy(customer) for customer in customers))
    await bench.work()

    placed = sorted(lines, key=lambda line: line.order.id)
    states = [(await bench.shop.orders.find(line.order.id)).state for line in placed]
    assert states == [OrderState.DELIVERED] * 50
    bound = [(await bench.shop.orders.find(line.order.id)).upstream_order_id for line in placed]
    assert bound == [one.reference for one in bench.sandbox.orders]
    assert {await bench.balance(customer) for customer in customers} == {usd("0.97")}


async def test_one_wallet_cannot_be_drained_below_zero_by_fifty_purchases(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")

    outcomes = await asyncio.gather(
        *(bench.buy(customer) for _ in range(50)), return_exceptions=True
    )

    bought = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(bought) == 4
    assert {type(one) for one in outcomes if isinstance(one, BaseException)} == {InsufficientFunds}
    assert await bench.balance(customer) == usd("3.88")


async def test_a_changed_price_is_asked_about_and_nothing_is_held(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    claim = bench.claim()
    bench.sandbox.set_price("nodemaven", "1", "3.00")
    await bench.refresh()

    with pytest.raises(PriceChanged):
        await bench.shop.orders.accept(customer, claim, None)

    assert await bench.balance(customer) == usd("10")


async def test_the_same_plan_a_moment_later_is_asked_about_first(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    first = await bench.shop.orders.accept(customer, bench.claim(), None)

    with pytest.raises(JustBought) as asked:
        await bench.shop.orders.accept(customer, bench.claim(), None)

    assert asked.value.order == first.order.id
    second = await bench.shop.orders.accept(customer, bench.claim(again=True), None)
    assert second.order.id != first.order.id


async def test_an_eleventh_open_order_is_refused(bench: Bench) -> None:
    customer = await bench.customer(1, balance="100")
    for _ in range(10):
        await bench.buy(customer)

    with pytest.raises(TooManyOrders):
        await bench.buy(customer)


@ON_SQLITE
@pytest.mark.parametrize("intent", ["", "x" * 16, "AB" * 8, "0" * 15, "0" * 17, "'; drop"])
async def test_an_intent_that_we_never_drew_is_refused(bench: Bench, intent: str) -> None:
    customer = await bench.customer(1, balance="10")
    claim = bench.claim()

    with pytest.raises(NotFound):
        await bench.shop.orders.accept(customer, replace(claim, intent=intent), None)


async def test_a_lost_answer_is_found_by_listing(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    bench.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))

    line = await bench.buy(customer)
    await bench.work()

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.IN_DOUBT
    assert await bench.balance(customer) == usd("5.97")
    await bench.pass_time(5)
    found = await bench.shop.orders.find(line.order.id)
    assert found.state is OrderState.DELIVERED
    assert [one.reference for one in bench.sandbox.orders] == [found.upstream_order_id]


async def test_a_lost_request_is_given_back_after_the_quarantine(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    bench.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))

    line = await bench.buy(customer)
    await bench.pass_time(14 * 60, step=10)

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.IN_DOUBT
    await bench.pass_time(2 * 60, step=10)
    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.RELEASED
    assert await bench.balance(customer) == usd("10")
    assert bench.sandbox.count("POST") == 1


async def test_an_order_left_in_placing_by_a_crash_is_never_sent_again(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    line = await bench.buy(customer)
    lane = next(iter(bench.shop.lanes))
    await bench.shop.lanes.read(lane)
    await bench.shop.placing.claim(lane, line.order.id, bench.offer("nodemaven", "1").plan)

    bench.restart_workers()
    await bench.pass_time(16 * 60, step=10)

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.RELEASED
    assert bench.sandbox.count("POST") == 0
    assert await bench.balance(customer) == usd("10")

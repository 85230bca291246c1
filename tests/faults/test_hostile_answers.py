"""Answers that nobody should believe, on every call to an upstream: the money stays right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.domain.customers import Customer
from bot.domain.errors import UpstreamError
from bot.domain.money import Money, usd
from bot.domain.orders import OPEN, OrderId, OrderState
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN
from tests.bench import OWNER, Bench
from tests.conftest import ON_SQLITE
from tests.hostile import BODIES
from tests.inline import no_threads  # noqa: F401 - what is asked here happens one after another
from tests.upstreams.test_contract import ENDPOINTS, sane

STATUSES = (200, 400, 502)
UNCLEAR = {name: body for name, body in BODIES.items() if name != "2^64"}
"""A number is an id as well, so that one says that an order of this id was made."""


@pytest.mark.parametrize(("pattern", "call"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_call_knows_what_to_make_of_any_answer(
    pattern: str, call: Callable[[Any, str], Awaitable[object]]
) -> None:
    del pattern
    for name, body in BODIES.items():
        for status in STATUSES:

            async def answer(_: httpx.Request) -> httpx.Response:
                return httpx.Response(status, content=body)  # noqa: B023 - used at once

            async def known_of() -> object:
                upstream = GateProxy(TOKEN, transport=httpx.MockTransport(answer))
                try:
                    return await call(upstream, "G-1")
                except UpstreamError as failed:
                    return failed

            found = asyncio.run(known_of())
            sane(found)
            assert "gpk_live" not in repr(found), name


async def _bought(bench: Bench, customer: Customer) -> OrderId:
    """One order, until nobody works on it any more; a person gives back what is left over."""
    await bench.refresh()
    line = await bench.buy(customer)
    await bench.work()
    for _ in range(40):
        if (await bench.shop.orders.find(line.order.id)).state not in OPEN:
            break
        await bench.pass_time(60, step=30)
    if (await bench.shop.orders.find(line.order.id)).state is OrderState.REVIEW:
        await bench.shop.cases.give_back(line.order.id, OWNER)
    return line.order.id


async def _spent(bench: Bench, customer: Customer) -> Money:
    """What the customer's delivered orders cost, as the customer sees them."""
    page = await bench.shop.orders.page(customer.id, 0)
    sold = [one.price for one in page.orders if one.state is OrderState.DELIVERED]
    return sum(sold, usd("0"))


@ON_SQLITE
@pytest.mark.parametrize("is_done", [True, False], ids=["made", "not made"])
async def test_an_order_that_is_answered_with_nonsense_is_found_out_and_paid_once(
    bench: Bench, is_done: bool
) -> None:
    for number, (name, body) in enumerate(UNCLEAR.items(), start=1):
        customer = await bench.customer(number, balance="5")
        made, posts = len(bench.sandbox.orders), bench.sandbox.count("POST")
        bench.sandbox.faults.append(Fault(status=200, body=body, is_done=is_done))

        order = await bench.shop.orders.find(await _bought(bench, customer))

        assert bench.sandbox.count("POST") == posts + 1, name
        assert len(bench.sandbox.orders) == made + is_done, name
        wanted = OrderState.DELIVERED if is_done else OrderState.RELEASED
        assert order.state is wanted, (name, order.reason)
        assert await bench.balance(customer) == usd("5") - await _spent(bench, customer), name


@ON_SQLITE
async def test_an_answer_cut_off_anywhere_costs_nobody_anything(bench: Bench) -> None:
    whole = len((await bench.sandbox.handle(_order())).content)
    bench.sandbox.orders.clear()

    for number, cut in enumerate(range(0, whole, 12), start=1):
        customer = await bench.customer(number, balance="5")
        bench.clock.turn(10)
        bench.sandbox.faults.append(Fault(cut=cut))

        order = await bench.shop.orders.find(await _bought(bench, customer))

        assert order.state is OrderState.DELIVERED, cut
        assert len(bench.sandbox.orders) == number, cut


def _order() -> httpx.Request:
    body = {"provider": "nodemaven", "plan": "1"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.Request("POST", "http://sandbox/orders", json=body, headers=headers)


@ON_SQLITE
@pytest.mark.parametrize("path", ["/orders", "/orders/*", "/account/balance", "/pricing"])
async def test_a_read_that_is_answered_with_nonsense_sells_nothing_wrong(
    bench: Bench, path: str
) -> None:
    customer = await bench.customer(1, balance="9")
    for name, body in BODIES.items():
        balance, made = await bench.balance(customer), len(bench.sandbox.orders)
        if balance < usd("5"):
            await bench.top_up(customer.id, "9")
            balance = await bench.balance(customer)
        nonsense = Fault(method="GET", path=path, status=200, body=body, times=10_000)
        bench.sandbox.faults += [nonsense, Fault(pending=1)]
        bench.restart_workers()
        line = await bench.buy(customer)
        for _ in range(4):
            await bench.pass_time(10, step=5)
        bench.sandbox.faults.clear()
        await bench.refresh()
        # A balance below zero stops the account, until it is read again.
        await bench.shop.jobs.read_balances()
        await bench.pass_time(120, step=30)

        order = await bench.shop.orders.find(line.order.id)
        sold = order.state is OrderState.DELIVERED
        assert sold or order.state is OrderState.RELEASED, (name, order.state)
        assert len(bench.sandbox.orders) == made + sold, name
        paid = order.price if sold else usd("0")
        assert await bench.balance(customer) == balance - paid, name

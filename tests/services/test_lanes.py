"""Lanes: several accounts, their tokens, their stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.db.models import LaneRow, UpstreamOrderRow
from bot.domain.errors import OfferGone, StartRefused
from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.services.lane import Lane
from bot.services.listings import Listings
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened

A, B, C = "gpk_live_aaa", "gpk_live_bbb", "gpk_live_ccc"


@pytest.fixture
def two_accounts(clock: HandClock) -> GateProxySandbox:
    return GateProxySandbox(tokens={A: "100", B: "100"}, clock=lambda: clock.now().timestamp())


async def test_two_accounts_share_the_work(
    database_url: str, clock: HandClock, two_accounts: GateProxySandbox
) -> None:
    async with opened(database_url, two_accounts, clock) as bench:
        for number in range(1, 7):
            await bench.buy(await bench.customer(number, balance="5"))

        await bench.work()

    by_token = [order.token for order in two_accounts.orders]
    assert sorted(by_token) == [A] * 3 + [B] * 3


async def test_two_processes_that_list_the_same_order_at_once_both_go_on(
    bench: Bench,
    database_url: str,
    sandbox: GateProxySandbox,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(database_url, sandbox, clock) as other:
        both_know = asyncio.Barrier(2)
        really_unknown = Listings._unknown

        async def unknown(listings: Listings, lane: Lane, listed: Iterable[str]) -> set[str]:
            found = await really_unknown(listings, lane, listed)
            await both_know.wait()
            return found

        token = next(iter(sandbox.accounts))
        sandbox._make(sandbox.accounts[token], token, "nodemaven", "1", Fault())
        shops = (bench.shop, other.shop)
        with monkeypatch.context() as patch:
            patch.setattr(Listings, "_unknown", unknown)
            await asyncio.gather(
                *(shop.lanes.listings.read(lane) for shop in shops for lane in shop.lanes)
            )

        async with bench.shop.database.read() as reader:
            kept = await reader.scalars(select(UpstreamOrderRow.reference))
            assert list(kept.all()) == [sandbox.orders[0].reference]


async def test_two_tokens_of_one_account_are_refused_at_the_start(
    database_url: str, clock: HandClock
) -> None:
    sandbox = GateProxySandbox(tokens={A: "100"}, clock=lambda: clock.now().timestamp())
    async with opened(database_url, sandbox, clock) as bench:
        await bench.buy(await bench.customer(1, balance="5"))
        await bench.work()
    sandbox.set_balance(B, "100")
    sandbox.orders.append(replace(sandbox.orders[0], token=B))

    with pytest.raises(StartRefused, match="two tokens belong to one account"):
        async with opened(database_url, sandbox, clock):
            pass


async def test_two_tokens_of_one_account_are_stopped_when_seen_later(
    database_url: str, clock: HandClock, two_accounts: GateProxySandbox
) -> None:
    async with opened(database_url, two_accounts, clock) as bench:
        await bench.buy(await bench.customer(1, balance="5"))
        await bench.work()
        mine = two_accounts.orders[0]
        two_accounts.orders.append(replace(mine, token=B if mine.token == A else A))

        await bench.pass_time(301, step=300)
        await bench.refresh()

        with pytest.raises(OfferGone):
            await bench.buy(await bench.customer(2, balance="5"))
        state = await bench.shop.desk.state()
        assert {stop.reason for stop in state.stops} == {"same_account"}


async def test_a_new_token_of_a_known_account_takes_its_lane_over(
    database_url: str, clock: HandClock
) -> None:
    old = GateProxySandbox(tokens={A: "100"}, clock=lambda: clock.now().timestamp())
    async with opened(database_url, old, clock) as bench:
        customer = await bench.customer(1, balance="20")
        await bench.buy(customer)
        await bench.work()
        old.faults.append(Fault(pending=2))
        waiting = await bench.buy(customer, "dataimpulse")
        await bench.work()
        [before] = [lane.id for lane in bench.shop.lanes]
    old.accounts = {B: old.accounts[A]}
    for order in old.orders:
        order.token = B

    async with opened(database_url, old, clock) as bench:
        [after] = [lane.id for lane in bench.shop.lanes]
        await bench.pass_time(30)

        assert after == before
        assert (await bench.shop.orders.find(waiting.order.id)).state is OrderState.DELIVERED


async def test_orders_of_a_lane_without_a_token_go_to_a_person_or_back(
    database_url: str, clock: HandClock
) -> None:
    first = GateProxySandbox(tokens={A: "100"}, clock=lambda: clock.now().timestamp())
    async with opened(database_url, first, clock) as bench:
        customer = await bench.customer(1, balance="20")
        first.faults.append(Fault(pending=1_000))
        made = await bench.buy(customer)
        await bench.work()
        in_line = await bench.buy(customer)
    second = GateProxySandbox(tokens={B: "100"}, clock=lambda: clock.now().timestamp())

    async with opened(database_url, second, clock) as bench:
        # Its list is empty, so that it is looked at twice.
        assert await bench.shop.lanes.open()
        await bench.pass_time(4 * 60, step=10)

        assert (await bench.shop.orders.find(made.order.id)).state is OrderState.REVIEW
        assert (await bench.shop.orders.find(in_line.order.id)).state is OrderState.RELEASED
        assert await bench.balance(customer) == usd("15.97")


async def test_an_order_without_a_lane_does_not_wait_as_long_as_a_clock_was_ahead(
    database_url: str, clock: HandClock
) -> None:
    first = GateProxySandbox(tokens={A: "100"}, clock=lambda: clock.now().timestamp())
    async with opened(database_url, first, clock) as bench:
        clock._now += timedelta(days=1)
        await bench.refresh()
        line = await bench.buy(await bench.customer(1, balance="20"))
        clock._now -= timedelta(days=1)
    second = GateProxySandbox(tokens={B: "100"}, clock=lambda: clock.now().timestamp())

    async with opened(database_url, second, clock) as bench:
        await bench.pass_time(4 * 60, step=10)

        assert (await bench.shop.orders.find(line.order.id)).state is OrderState.RELEASED


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"body": '{"success":true,"orders":[]}'}],
    ids=["unreadable", "empty"],
)
async def test_an_unknown_token_waits_until_its_list_can_be_read(
    database_url: str, clock: HandClock, fault: dict[str, Any]
) -> None:
    first = GateProxySandbox(tokens={A: "100"}, clock=lambda: clock.now().timestamp())
    async with opened(database_url, first, clock) as bench:
        customer = await bench.customer(1, balance="20")
        await bench.buy(customer)
        await bench.work()
    first.accounts = {B: first.accounts[A]}
    for order in first.orders:
        order.token = B
    first.faults.append(Fault(method="GET", path="/orders", **fault))

    async with opened(database_url, first, clock) as bench:
        assert list(bench.shop.lanes) == []
        assert await bench.shop.lanes.open()
        async with bench.shop.database.read() as reader:
            [lane] = (await reader.scalars(select(LaneRow.id))).all()
        assert [one.id for one in bench.shop.lanes] == [lane]


async def test_a_refused_token_stops_its_lane_until_it_is_taken_again(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    bench.sandbox.faults.append(Fault(status=401, code="unauthorized"))
    line = await bench.buy(customer)
    await bench.work()
    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.RELEASED
    await bench.shop.jobs.look_at_stops()
    with pytest.raises(OfferGone):
        await bench.buy(customer)

    await bench.shop.jobs.read_balances()
    await bench.shop.jobs.look_at_stops()

    again = await bench.buy(customer)
    await bench.work()
    assert (await bench.shop.orders.find(again.order.id)).state is OrderState.DELIVERED


async def test_an_empty_account_gives_back_and_sells_again_once_it_is_funded(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="20")
    token = next(iter(bench.sandbox.accounts))
    bench.sandbox.set_balance(token, "0.10")
    line = await bench.buy(customer)
    await bench.work()

    order = await bench.shop.orders.find(line.order.id)
    assert (order.state, order.reason) == (OrderState.RELEASED, "unpaid")
    assert bench.sandbox.count("POST") == 0
    await bench.shop.jobs.read_balances()
    with pytest.raises(OfferGone):
        await bench.buy(customer)
    bench.sandbox.set_balance(token, "50")
    await bench.shop.jobs.read_balances()
    again = await bench.buy(customer)
    bench.clock.turn(31)
    await bench.work()
    assert (await bench.shop.orders.find(again.order.id)).state is OrderState.DELIVERED


async def test_a_stopped_lane_gives_back_what_waits_for_three_minutes(bench: Bench) -> None:
    first, second = await bench.customer(1, balance="20"), await bench.customer(2, balance="20")
    one, two = await bench.buy(first), await bench.buy(second)
    bench.sandbox.faults.append(Fault(status=401, code="unauthorized"))

    await bench.work()
    assert (await bench.shop.orders.find(one.order.id)).state is OrderState.RELEASED
    assert (await bench.shop.orders.find(two.order.id)).state is OrderState.RESERVED
    await bench.pass_time(181, step=10)

    assert (await bench.shop.orders.find(two.order.id)).state is OrderState.RELEASED
    assert bench.sandbox.count("POST") == 1


@pytest.mark.parametrize("what", ["accepted", "placed before"])
async def test_nothing_waits_in_a_stopped_lane_as_long_as_a_clock_was_ahead(
    bench: Bench, what: str
) -> None:
    first, second = await bench.customer(1, balance="20"), await bench.customer(2, balance="20")
    ahead = timedelta(days=1)
    bench.clock._now += ahead
    await bench.refresh()
    if what == "placed before":
        await bench.buy(first)
        await bench.work()
        bench.clock._now -= ahead
        await bench.refresh()
    one, two = [(await bench.buy(customer)).order.id for customer in (first, second)]
    if what == "accepted":
        bench.clock._now -= ahead
    bench.sandbox.faults.append(Fault(method="GET", status=401, code="unauthorized"))

    await bench.work()
    assert (await bench.shop.orders.find(one)).state is OrderState.RELEASED
    waits = (await bench.shop.orders.find(two)).state is OrderState.RESERVED
    assert waits == (what == "placed before")
    await bench.pass_time(181, step=10)

    assert (await bench.shop.orders.find(two)).state is OrderState.RELEASED

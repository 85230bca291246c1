"""First orders: no order of the account was known, so no list proves anything by itself."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import OWNER, Bench, HandClock, opened
from tests.services.findings import (
    LOST,
    bought_on_the_site,
    foreign_order,
    restore,
    state,
    unreadable,
)


def empty() -> Fault:
    """The list is broken and shows nothing from now on."""
    return Fault(method="GET", path="/orders", body='{"success":true,"orders":[]}', times=10_000)


@pytest.mark.parametrize(
    ("is_made", "topped_up", "became"),
    [
        (False, "", OrderState.RELEASED),
        (True, "", OrderState.REVIEW),
        (True, "1000", OrderState.REVIEW),
    ],
)
async def test_of_the_first_order_an_empty_list_proves_nothing_once_money_has_moved(
    bench: Bench, is_made: bool, topped_up: str, became: OrderState
) -> None:
    customer = await bench.customer(1, balance="9")
    bench.sandbox.faults += [Fault(error=LOST, is_done=is_made), empty()]
    line = await bench.buy(customer)
    await bench.work()
    if topped_up:
        bench.sandbox.set_balance(next(iter(bench.sandbox.accounts)), topped_up)

    await bench.pass_time(31 * 60, step=10)

    assert await state(bench, line.order.id) is became
    assert len(bench.sandbox.orders) == is_made


@pytest.mark.parametrize(
    "faults",
    [
        [{"error": LOST}],
        [{"status": 502, "code": "provider_error"}],
        [{"error": LOST}, {"method": "GET", "path": "*balance*", "status": 500, "times": 3}],
    ],
    ids=["lost", "refused", "lost, and no balance for a while"],
)
async def test_of_the_first_order_an_unmoved_balance_proves_that_what_is_listed_is_older(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, faults: list[dict[str, Any]]
) -> None:
    foreign_order(sandbox)
    clock.turn(86_400)
    sandbox.faults.append(empty())
    async with opened(database_url, sandbox, clock) as bench:
        customer = await bench.customer(1, balance="20")
        sandbox.faults.append(Fault(**faults[0]))
        line = await bench.buy(customer)
        await bench.work()

        sandbox.faults[:] = [Fault(**fault) for fault in faults[1:]]
        await bench.pass_time(120, step=5)

        found = await bench.shop.orders.find(line.order.id)
        assert (found.state, found.reason) == (OrderState.REVIEW, "too_many_candidates")
        other = await bench.customer(2, balance="20")
        await bench.refresh()
        line = await bench.buy(other)
        await bench.pass_time(320, step=10)
        assert await state(bench, line.order.id) is OrderState.DELIVERED
        # By now the balance has moved: that says nothing of the first one.
        await bench.shop.cases.keep_waiting(found.id, OWNER)
        await bench.pass_time(60, step=5)
        assert await state(bench, found.id) is OrderState.REVIEW


@pytest.mark.parametrize("lag", [0, 20], ids=["an empty list", "a list that is late"])
async def test_of_the_first_order_what_was_paid_in_makes_no_older_order_ours(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, lag: float
) -> None:
    foreign_order(sandbox)
    sandbox.list_lag = lag
    sandbox.faults += [] if lag else [empty()]
    async with opened(database_url, sandbox, clock) as bench:
        customer = await bench.customer(1, balance="20")
        sandbox.faults.append(Fault(error=LOST))
        line = await bench.buy(customer)
        await bench.work()

        sandbox.faults.clear()
        sandbox.set_balance(next(iter(sandbox.accounts)), "1000")
        await bench.pass_time(120, step=5)

        found = await bench.shop.orders.find(line.order.id)
        assert (found.state, found.reason) == (OrderState.REVIEW, "too_many_candidates")


@pytest.mark.parametrize(
    "fault",
    [
        {"error": LOST},
        {"status": 400, "body": '{"error":{"type":"card_declined","message":"no"}}'},
    ],
    ids=["lost", "refused"],
)
async def test_of_the_first_order_without_a_balance_nothing_untagged_is_taken_for_it(
    database_url: str,
    sandbox: GateProxySandbox,
    clock: HandClock,
    stat: StatProxiesSandbox,
    fault: dict[str, Any],
) -> None:
    await bought_on_the_site(stat)
    clock.turn(86_400)
    stat.faults.append(Fault(method="GET", path="*/list", body='{"orders":[]}', times=10_000))
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        stat.faults.append(Fault(**fault))
        line = await bench.buy(customer, "statproxies", "captcha")
        await bench.work()

        stat.faults.clear()
        await bench.pass_time(300, step=5)

        assert await state(bench, line.order.id) is OrderState.REVIEW


@pytest.mark.parametrize(
    ("plan", "path"),
    [(("nodemaven", "1"), "/orders"), (("statproxies", "captcha"), "*/list")],
    ids=["GateProxy", "StatProxies"],
)
async def test_the_first_order_is_not_placed_between_two_looks_at_an_empty_list(
    database_url: str,
    sandbox: GateProxySandbox,
    clock: HandClock,
    stat: StatProxiesSandbox,
    plan: tuple[str, str],
    path: str,
) -> None:
    upstream = stat if path == "*/list" else sandbox
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        line = await bench.buy(customer, *plan)
    # Killed before it was placed, and the list cannot be read when the bot is back.
    upstream.faults.append(Fault(method="GET", path=path, status=500, times=3))
    async with opened(database_url, sandbox, clock, stat) as bench:
        upstream.faults[:] = [Fault(error=LOST, is_done=True)]
        await bench.pass_time(60, step=5)

        assert await state(bench, line.order.id) is OrderState.DELIVERED
        assert len(upstream.orders) == 1


@pytest.mark.parametrize(
    ("plan", "path"),
    [(("nodemaven", "1"), "/orders"), (("statproxies", "captcha"), "*/list")],
    ids=["GateProxy", "StatProxies"],
)
async def test_a_list_that_others_have_proven_proves_the_first_order_as_well(
    both: Bench, stat: StatProxiesSandbox, plan: tuple[str, str], path: str
) -> None:
    ann, ben = [await both.customer(number, balance="40") for number in (1, 2)]
    upstream = stat if path == "*/list" else both.sandbox
    upstream.faults.append(Fault(error=LOST))
    first = (await both.buy(ann, *plan)).order.id
    await both.work()
    upstream.faults.append(unreadable(path))
    await both.pass_time(32 * 60, step=10)
    assert await state(both, first) is OrderState.REVIEW
    upstream.faults.clear()
    await both.refresh()
    line = await both.buy(ben, *plan)
    await both.pass_time(320, step=10)
    assert await state(both, line.order.id) is OrderState.DELIVERED

    await both.shop.cases.keep_waiting(first, OWNER)
    await both.pass_time(16 * 60, step=10)

    assert await state(both, first) is OrderState.RELEASED


@pytest.mark.parametrize("tries", [0, 1])
async def test_a_restored_first_order_that_an_empty_list_hides_is_not_given_back(
    bench: Bench, tries: int
) -> None:
    customer = await bench.customer(1, balance="9")
    bench.sandbox.faults += [Fault(status=409, code="order_processing")] * tries
    line = await bench.buy(customer)
    if tries:
        await bench.work()
    # In the books that are lost, hers was made.
    foreign_order(bench.sandbox)
    bench.sandbox.faults[:] = [empty()]
    await restore(bench)
    await bench.pass_time(60, step=5)

    await bench.shop.cases.keep_waiting(line.order.id, OWNER)
    await bench.pass_time(40 * 60, step=10)

    assert await state(bench, line.order.id) is OrderState.REVIEW

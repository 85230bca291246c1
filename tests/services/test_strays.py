"""Strays: what is listed beyond what the shop made, told and booked once, and what is no stray."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.db.models import PostingRow
from bot.domain.customers import Customer
from bot.domain.money import usd
from bot.domain.orders import Claim, OrderState
from bot.domain.wallets import PostingKind
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox, SandboxOrder
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import OWNER, Bench, HandClock, opened, stat_account
from tests.faults.races import delivered_piece
from tests.services.findings import (
    LOST,
    bind_newest,
    booked_as_loss,
    bought_on_the_site,
    foreign_order,
    piece_under_review,
    restore,
    restored_with_two_made,
    sold_piece_before,
    state,
    told,
    under_review,
    unreadable,
)

BY_HAND = "gate.example.com:8080:anna{}:secret"


async def clash(bench: Bench, customer: Customer) -> OrderState:
    """What becomes of an order that was not made while a stranger buys the same."""
    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST))
    line = await bench.buy(customer)
    await bench.work()
    foreign_order(bench.sandbox)
    await bench.pass_time(60)
    return await state(bench, line.order.id)


@pytest.mark.parametrize(
    ("fault", "strangers"),
    [({"status": 400, "code": "invalid_json"}, 1), ({"error": LOST}, 2)],
    ids=["refused", "not made"],
)
async def test_what_was_given_back_explains_one_strangers_order_or_none(
    bench: Bench, fault: dict[str, Any], strangers: int
) -> None:
    ann, ben = [await bench.customer(number, balance="20") for number in (1, 2)]
    await bench.buy(ben)
    await bench.pass_time(301, step=60)
    await bench.refresh()
    bench.sandbox.faults.append(Fault(**fault))
    line = await bench.buy(ann)
    await bench.pass_time(16 * 60, step=10)
    assert await state(bench, line.order.id) is OrderState.RELEASED
    for number in range(1, strangers + 1):
        foreign_order(bench.sandbox)
        await bench.pass_time(301, step=60)
        assert (await told(bench, "shared_account") > 0) is (number == strangers)

    assert await clash(bench, ann) is OrderState.REVIEW


async def test_an_order_under_review_explains_one_order_and_no_second(bench: Bench) -> None:
    ann, ben = [await bench.customer(number, balance="20") for number in (1, 2)]
    await bench.buy(ben)
    await bench.pass_time(301, step=60)
    await bench.refresh()
    await under_review(bench, ann, is_made=False)

    for _ in range(3):
        foreign_order(bench.sandbox)
        await bench.pass_time(301, step=60)
    assert len(await booked_as_loss(bench)) == 2
    assert await told(bench, "shared_account") == 1
    assert await clash(bench, ben) is OrderState.REVIEW


async def test_an_order_under_review_that_has_its_own_explains_no_other(bench: Bench) -> None:
    ann, ben, eve = [await bench.customer(number, balance="20") for number in (1, 2, 3)]
    await bench.buy(ben)
    await bench.pass_time(301, step=60)
    await bench.refresh()
    bench.sandbox.faults.append(Fault(pending=10_000))
    line = await bench.buy(ann)
    await bench.pass_time(40 * 60, step=20)
    assert await state(bench, line.order.id) is OrderState.REVIEW

    foreign_order(bench.sandbox)
    await bench.pass_time(301, step=60)
    assert len(await booked_as_loss(bench)) == 1
    assert await clash(bench, eve) is OrderState.REVIEW


async def test_what_an_owner_binds_says_nothing_of_the_tags_of_a_list(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    ann, ben = [await both.customer(number, balance="20") for number in (1, 2)]
    await sold_piece_before(both, ann)
    order = await piece_under_review(both, stat, ann, "captcha", is_made=False)
    await bought_on_the_site(stat)
    await both.pass_time(301, step=60)
    await bind_newest(both, order)
    # Long after it is said for the last time that somebody else buys with this account.
    await both.pass_time(3 * 86_400, step=3600)
    await both.refresh()

    stat.faults.append(Fault(error=LOST))
    line = await both.buy(ben, "statproxies", "captcha")
    await both.work()
    await bought_on_the_site(stat)
    await both.pass_time(20 * 60, step=10)

    assert await state(both, line.order.id) is OrderState.RELEASED


async def test_what_an_owner_binds_in_the_place_of_what_was_told_says_nothing_of_tags(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    ann = await both.customer(1, balance="20")
    await sold_piece_before(both, ann)
    stat.faults.append(Fault(method="GET", path="*/fetch/*", status=500, times=10_000))
    order = (await both.buy(ann, "statproxies", "captcha")).order.id
    await both.pass_time(40 * 60, step=20)
    assert await state(both, order) is OrderState.REVIEW
    stat.faults.clear()
    await bought_on_the_site(stat)
    await both.pass_time(301, step=60)

    await bind_newest(both, order)
    await both.pass_time(700, step=60)

    [lane] = both.shop.lanes.of("statproxies")
    assert lane.list_tells_tags


async def test_what_is_older_than_the_bot_is_no_stray_though_the_first_list_was_empty(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    foreign_order(sandbox)
    foreign_order(sandbox)
    private = await bought_on_the_site(stat)
    clock.turn(86_400)
    nothing = '{"success":true,"orders":[]}'
    sandbox.faults.append(Fault(method="GET", path="/orders", body=nothing))
    stat.faults.append(Fault(method="GET", path="*/list", body=nothing))

    async with opened(database_url, sandbox, clock, stat) as bench:
        await bench.pass_time(700, step=10)
        await bench.shop.cancellations.step()

        assert await booked_as_loss(bench) == []
        assert await told(bench, "shared_account") == 0
        assert private.cancelled_at is None


@pytest.mark.parametrize("before", [280, 238], ids=["while it waits", "behind its attempt"])
async def test_what_was_made_before_a_retry_is_no_stray_while_its_order_goes_on(
    both: Bench, stat: StatProxiesSandbox, before: float
) -> None:
    ann = await both.customer(1, balance="20")
    await delivered_piece(both, ann)
    await both.pass_time(301 + before)
    await both.refresh()
    busy = Fault(status=429, body='{"error":"busy"}', is_done=True, headers={"Retry-After": "60"})
    stat.faults += [busy, Fault(error=LOST)]
    order = (await both.buy(ann, "statproxies", "captcha")).order.id

    await both.work()
    await both.pass_time(120)

    assert await state(both, order) is OrderState.DELIVERED
    assert len(stat.orders) == 2
    assert await booked_as_loss(both) == []


async def test_what_an_owner_binds_is_cancelled_as_the_product_it_is(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    ann = await both.customer(1, balance="20")
    await sold_piece_before(both, ann)
    stat.faults.append(Fault(error=LOST))
    order = (await both.buy(ann, "statproxies", "x1")).order.id
    await both.work()
    made = await bought_on_the_site(stat)
    await both.pass_time(60, step=10)

    stat.faults.append(unreadable("*/list"))
    await both.pass_time(32 * 60, step=10)
    assert await state(both, order) is OrderState.REVIEW
    stat.faults.clear()
    await bind_newest(both, order)
    await both.shop.cancellations.step()

    assert made.product == "captcha"
    assert made.cancelled_at is not None


async def test_what_the_books_lost_is_cancelled_as_what_the_order_says_that_an_owner_binds(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    stat.list_has_product = False
    ann = await both.customer(1, balance="20")
    await sold_piece_before(both, ann)
    order = (await both.buy(ann, "statproxies", "x1")).order.id
    # In the books that are lost, hers was made.
    await stat_account(httpx.MockTransport(stat.handle)).upstream.place("", "x1", 1, "a")
    await restore(both)
    await both.pass_time(20)
    await both.shop.cancellations.step()

    await bind_newest(both, order)
    await both.pass_time(30, step=10)
    await both.shop.cancellations.step()

    assert await state(both, order) is OrderState.DELIVERED
    assert stat.orders[-1].cancelled_at is not None


async def test_what_nobody_had_before_a_restore_is_paid_for_once(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    ann = await both.customer(1, balance="20")
    await delivered_piece(both, ann)
    await both.pass_time(301, step=60)
    made = await bought_on_the_site(stat)
    for lane in both.shop.lanes:
        await both.shop.lanes.listings.read(lane)
        lane.is_listed = False
    await restore(both)
    await both.pass_time(20)

    await both.shop.cancellations.step()

    assert made.cancelled_at is not None


@pytest.mark.parametrize("is_named", [True, False], ids=["named in the list", "not named"])
async def test_what_waits_for_a_person_is_paid_for_once_however_long_they_take(
    both: Bench, stat: StatProxiesSandbox, is_named: bool
) -> None:
    stat.list_has_product = is_named
    ann = await both.customer(1, balance="20")
    await sold_piece_before(both, ann)
    order = await piece_under_review(both, stat, ann, "x1", is_made=True)
    await both.pass_time(301, step=60)
    await both.shop.cancellations.step()
    assert await state(both, order) is OrderState.REVIEW
    assert stat.orders[-1].cancelled_at is not None

    await both.shop.cases.keep_waiting(order, OWNER)
    await both.pass_time(30, step=10)

    assert await state(both, order) is OrderState.DELIVERED
    [_, subscription] = await both.shop.cancellations.shown()
    found = await both.shop.orders.find(order)
    assert (subscription.order, subscription.ends_at) == (order, found.works_until)


async def test_what_is_not_sold_here_is_cancelled_as_what_it_is_while_an_order_waits(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    stat.list_has_tag = False
    stat.costs["gaming"] = Decimal(5)
    ann = await both.customer(1, balance="20")
    await sold_piece_before(both, ann)
    await piece_under_review(both, stat, ann, "x1", is_made=False)

    await stat_account(httpx.MockTransport(stat.handle)).upstream.place("", "gaming", 1, "a")
    await both.pass_time(301, step=60)
    await both.shop.cancellations.step()

    assert stat.orders[-1].cancelled_at is not None


async def test_what_has_our_tag_is_lost_but_nobody_elses(
    both: Bench, stat: StatProxiesSandbox
) -> None:
    ann = await both.customer(1, balance="40")
    await sold_piece_before(both, ann)
    refused = '{"response":"Invalid product_type"}'
    stat.faults.append(Fault(status=400, body=refused, is_done=True))

    line = await both.buy(ann, "statproxies", "captcha")
    await both.pass_time(700, step=60)

    assert await state(both, line.order.id) is OrderState.RELEASED
    assert len(await booked_as_loss(both)) == 1
    assert await told(both, "shared_account") == 0


@pytest.mark.parametrize("left_out", ["quantity", "product_type"])
async def test_what_is_made_late_is_a_loss_of_what_its_order_cost_and_paid_for_once(
    both: Bench, stat: StatProxiesSandbox, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    listing = stat._list

    def short(key: str) -> httpx.Response:
        body = listing(key).json()
        for row in body["orders"]:
            del row[left_out]
        return httpx.Response(200, json=body)

    monkeypatch.setattr(stat, "_list", short)
    ann = await both.customer(1, balance="40")
    await sold_piece_before(both, ann)
    stat.list_lag = 20 * 60
    stat.faults.append(Fault(error=LOST, is_done=True))
    claim = Claim.of(both.offer("statproxies", "captcha"), "f" * 16, again=True, quantity=3)
    line = await both.shop.orders.accept(ann, claim, None)
    for _ in range(60):
        await both.pass_time(40, step=10)
        await both.shop.cancellations.step()

    assert await state(both, line.order.id) is OrderState.RELEASED
    async with both.shop.database.read() as reader:
        losses = select(PostingRow.micros).where(PostingRow.kind == PostingKind.STRAY)
        assert list((await reader.scalars(losses)).all()) == [usd("6").micros]
    assert stat.orders[1].cancelled_at is not None


async def test_one_lost_order_explains_one_of_two_that_were_delivered_by_hand(
    bench: Bench,
) -> None:
    customers = [await bench.customer(number, balance="9") for number in (1, 2)]
    await bench.work()
    lines = [await bench.buy(one) for one in customers]
    await restored_with_two_made(bench)
    await bench.pass_time(6 * 60, step=30)

    for number, line in enumerate(lines):
        await bench.shop.cases.hand_over(line.order.id, BY_HAND.format(number), OWNER)
    await bench.pass_time(3600, step=60)

    assert await booked_as_loss(bench) == []


async def test_what_a_sale_explains_explains_nothing_that_was_delivered_by_hand(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    ann, ben = [await bench.customer(number, balance="9") for number in (1, 2)]
    await bench.work()
    await bench.buy(ann)
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(ben)
    await bench.work()
    await bench.pass_time(32 * 60 + 3600, step=30)
    assert await state(bench, line.order.id) is OrderState.REVIEW

    await bench.shop.cases.hand_over(line.order.id, BY_HAND.format(""), OWNER)
    await bench.pass_time(3 * 3600, step=300)

    assert await booked_as_loss(bench) == []
    assert await told(bench, "shared_account") == 0


async def test_a_stray_of_unknown_cost_takes_no_place_of_a_sale(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sandbox.list_has_ids = False
    row = bench.sandbox._row

    def names_one_otherwise(order: SandboxOrder) -> dict[str, object]:
        said = row(order)
        return said | {"plan": "77"} if order.plan == "0.120" else said

    monkeypatch.setattr(bench.sandbox, "_row", names_one_otherwise)
    ann = await bench.customer(1, balance="9")
    await bench.buy(ann)
    await bench.work()
    foreign_order(bench.sandbox, plan="0.120")

    await bench.pass_time(3 * 3600, step=60)

    assert await booked_as_loss(bench) == []
    assert await told(bench, "stray_found") == 1


async def test_an_order_found_by_its_tag_says_nothing_of_the_ids_of_a_list(
    both: Bench, stat: StatProxiesSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing, find, one = stat._list, stat._find, stat._one

    def lists(key: str) -> httpx.Response:
        body = listing(key).json()
        for row in body["orders"]:
            row["order_id"] = f"n_{row['order_id']}"
        return httpx.Response(200, json=body)

    def shows(key: str, product: str, reference: str) -> httpx.Response:
        body = one(key, product, reference).text
        return httpx.Response(200, text=body.replace(reference.removeprefix("n_"), reference))

    monkeypatch.setattr(stat, "_list", lists)
    monkeypatch.setattr(stat, "_find", lambda key, name: find(key, name.removeprefix("n_")))
    monkeypatch.setattr(stat, "_one", shows)
    ann, ben = [await both.customer(number, balance="20") for number in (1, 2)]
    stat.list_lag = 60
    await both.buy(ann, "statproxies", "captcha")
    await both.work()
    stat.faults.append(Fault(error=LOST, is_done=True))
    line = await both.buy(ben, "statproxies", "captcha")

    await both.pass_time(3 * 3600, step=30)

    assert await state(both, line.order.id) is OrderState.DELIVERED
    assert await booked_as_loss(both) == []
    assert await told(both, "shared_account") == 0

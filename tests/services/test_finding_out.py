"""Finding out: what a listing decides, and what it must not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.db.models import UpstreamOrderRow
from bot.domain.desk import Resumed
from bot.domain.errors import DeliveredBefore, TooLate
from bot.domain.money import usd
from bot.domain.orders import Credentials, OrderState
from bot.services.other_ids import OtherIds
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import SandboxOrder
from tests.bench import OWNER, Bench
from tests.services.findings import (
    LOST,
    bind_newest,
    booked_as_loss,
    foreign_order,
    owed,
    restore,
    restored_with_two_made,
    sold_before,
    state,
    under_review,
)


async def test_a_lane_whose_list_tells_no_plans_waits_for_one_doubt_and_then_goes_on(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_plan = False
    first, second = await bench.customer(1, balance="5"), await bench.customer(2, balance="5")
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    one = await bench.buy(first)
    await bench.work()
    two = await bench.buy(second, plan="0.120")
    await bench.work()
    assert await state(bench, two.order.id) is OrderState.RESERVED

    await bench.pass_time(10)

    assert await state(bench, one.order.id) is OrderState.DELIVERED
    assert await state(bench, two.order.id) is OrderState.DELIVERED
    assert [made.plan for made in bench.sandbox.orders] == ["1", "0.120"]


async def test_an_order_of_the_same_plan_waits_until_the_doubt_is_settled(bench: Bench) -> None:
    first, second = await bench.customer(1, balance="9"), await bench.customer(2, balance="5")
    one = await bench.buy(first)
    await bench.work()
    assert await state(bench, one.order.id) is OrderState.DELIVERED
    bench.sandbox.list_lag = 60
    bench.sandbox.faults.append(Fault(error=LOST))
    two = await bench.buy(first)
    await bench.work()
    three = await bench.buy(second)

    await bench.pass_time(16 * 60, step=10)
    assert await state(bench, two.order.id) is OrderState.RELEASED
    await bench.refresh()
    await bench.pass_time(60)

    assert await state(bench, three.order.id) is OrderState.DELIVERED
    assert len(bench.sandbox.orders) == 2


async def test_a_listing_that_fails_never_counts_as_nothing_found(bench: Bench) -> None:
    customer = await bench.customer(1, balance="5")
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(method="GET", path="/orders", status=500, times=10_000))
    await bench.pass_time(20 * 60, step=10)
    assert await state(bench, line.order.id) is OrderState.IN_DOUBT

    await bench.pass_time(15 * 60, step=10)

    assert await state(bench, line.order.id) is OrderState.REVIEW
    assert any("order_needs_person" in notice for notice in await owed(bench, OWNER))


@pytest.mark.parametrize("passed", [0, 5])
async def test_a_clock_set_forward_ends_no_quarantine(bench: Bench, passed: int) -> None:
    customer = await bench.customer(1, balance="10")
    await bench.buy(customer)
    await bench.pass_time(17 * 60, step=60)
    await bench.refresh()
    bench.sandbox.list_lag = 17 * 60
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    await bench.pass_time(passed)

    bench.clock._now += timedelta(minutes=16)
    await bench.pass_time(40)
    assert await state(bench, line.order.id) is OrderState.IN_DOUBT
    await bench.pass_time(120)

    assert await state(bench, line.order.id) is OrderState.DELIVERED
    assert len(bench.sandbox.orders) == 2


async def test_a_quarantine_of_a_clock_that_was_ahead_is_no_longer_than_any_other(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="10")
    bench.sandbox.faults.append(Fault(error=LOST))
    bench.clock._now += timedelta(days=1)
    await bench.refresh()
    line = await bench.buy(customer)
    await bench.pass_time(5)

    bench.clock._now -= timedelta(days=1)
    bench.restart_workers()
    await bench.pass_time(14 * 60, step=10)
    assert await state(bench, line.order.id) is OrderState.IN_DOUBT
    await bench.pass_time(2 * 60, step=10)

    assert await state(bench, line.order.id) is OrderState.RELEASED
    assert await bench.balance(customer) == usd("10")


async def test_strays_are_found_while_there_is_always_somebody_in_line(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    await bench.buy(customer)
    await bench.pass_time(301, step=60)
    foreign_order(bench.sandbox)
    bench.sandbox.faults.append(Fault(status=409, code="order_processing", times=10_000))

    for _ in range(6):
        await bench.refresh()
        last = await bench.buy(customer, plan="0.120")
        await bench.pass_time(60, step=5)
        assert await state(bench, last.order.id) is OrderState.RESERVED

    assert len([one for one in await owed(bench, OWNER) if "stray_found" in one]) == 1


async def test_no_attempt_waits_for_the_watch_over_the_list(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    await bench.pass_time(290, step=5)
    await bench.buy(customer)
    await bench.work()
    bench.clock.turn(15)
    await bench.buy(customer)
    before = len(bench.sandbox.requests)

    await bench.work()

    asked = [(one.method, one.path.rpartition("/")[2]) for one in bench.sandbox.requests[before:]]
    assert asked == [("POST", "orders"), ("GET", "orders")]


async def test_a_list_that_hides_the_newest_order_never_counts_as_nothing_found(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="9")
    await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    empty = Fault(method="GET", path="/orders", body='{"success":true,"orders":[]}', times=10_000)
    bench.sandbox.faults.append(empty)
    await bench.pass_time(20 * 60, step=10)
    assert await state(bench, line.order.id) is OrderState.IN_DOUBT

    bench.sandbox.faults.clear()
    await bench.pass_time(60)

    assert await state(bench, line.order.id) is OrderState.DELIVERED
    assert len(bench.sandbox.orders) == 2


async def test_what_the_list_hid_just_after_a_restore_serves_no_order(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    await sold_before(bench, customer)
    line = await bench.buy(customer)
    # In the books that are lost, somebody else has it.
    foreign_order(bench.sandbox)
    await restore(bench)
    nothing = '{"success":true,"orders":[]}'
    bench.sandbox.faults.append(Fault(method="GET", path="/orders", body=nothing))
    await bench.work()
    assert await bench.shop.desk.resume() is Resumed.LISTS_UNREAD
    await bench.pass_time(10)
    assert await bench.shop.desk.resume() is Resumed.OPEN

    await bench.shop.cases.keep_waiting(line.order.id, OWNER)
    await bench.pass_time(60, step=5)

    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "too_many_candidates")
    assert any(bench.sandbox.orders[-1].reference in one for one in await owed(bench, OWNER))


@pytest.mark.parametrize("is_blank", [False, True], ids=["a list", "an empty one first"])
async def test_what_nobody_had_before_a_restore_serves_no_order(
    bench: Bench, is_blank: bool
) -> None:
    ann, ben = [await bench.customer(number, balance="20") for number in (1, 2)]
    await bench.buy(ann)
    await bench.work()
    await bench.pass_time(400, step=20)
    await bench.refresh()
    hers = await under_review(bench, ann, is_made=False)
    await bench.refresh()
    await under_review(bench, ben, is_made=True)
    await bench.pass_time(301, step=10)
    # In the books that are lost, an owner has bound it to his order.
    await restore(bench)
    nothing = '{"success":true,"orders":[]}'
    bench.sandbox.faults += [Fault(method="GET", path="/orders", body=nothing)] * is_blank

    await bench.shop.cases.keep_waiting(hers, OWNER)
    await bench.pass_time(60, step=5)

    found = await bench.shop.orders.find(hers)
    assert (found.state, found.reason) == (OrderState.REVIEW, "too_many_candidates")
    assert any(bench.sandbox.orders[-1].reference in one for one in await owed(bench, OWNER))


async def test_a_list_that_shows_the_oldest_first_is_read_to_its_newest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = bench.sandbox._of
    # The list turns round what it gets.
    monkeypatch.setattr(bench.sandbox, "_of", lambda *args: of(*args)[::-1])
    customer = await bench.customer(1, balance="500")
    for _ in range(41):
        await bench.buy(customer, plan="0.120")
        await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer, plan="0.120")
    await bench.work()

    await bench.pass_time(60)

    assert await state(bench, line.order.id) is OrderState.DELIVERED
    assert len(bench.sandbox.orders) == 42


async def test_an_order_that_appears_late_in_the_list_is_still_found(bench: Bench) -> None:
    customer = await bench.customer(1, balance="5")
    await bench.work()
    bench.sandbox.list_lag = 40
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))

    line = await bench.buy(customer)
    await bench.pass_time(70)

    assert await state(bench, line.order.id) is OrderState.DELIVERED


async def test_an_order_made_after_it_was_given_back_is_written_off_and_told(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="9")
    await bench.buy(customer)
    await bench.pass_time(20 * 60, step=60)
    await bench.refresh()
    bench.sandbox.list_lag = 20 * 60
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)

    await bench.pass_time(40 * 60, step=10)

    assert await state(bench, line.order.id) is OrderState.RELEASED
    assert await bench.balance(customer) == usd("4.97")
    notices = await owed(bench, OWNER)
    assert any("stray_found" in notice and '"micros":3500000' in notice for notice in notices)
    assert not any("shared_account" in notice for notice in notices)


async def test_what_an_owner_delivered_and_is_listed_later_is_paid_for_once(bench: Bench) -> None:
    customer = await bench.customer(1, balance="5")
    order = await under_review(bench, customer, is_made=True)
    await bench.shop.cases.hand_over(order, "gate.example.com:8080:anna:secret", OWNER)

    bench.sandbox.faults.clear()
    foreign_order(bench.sandbox)
    await bench.pass_time(11 * 60, step=30)

    found = await bench.shop.orders.find(order)
    assert found.upstream_order_id == bench.sandbox.orders[0].reference
    # The second one explains nothing of ours any more: that one is lost.
    notices = await owed(bench, OWNER)
    assert sum("stray_found" in notice for notice in notices) == 1
    assert any(bench.sandbox.orders[1].reference in notice for notice in notices)
    assert sum("shared_account" in notice for notice in notices) == 1
    assert (await bench.shop.audit.run()).differences == ()


async def test_what_another_process_has_written_off_meanwhile_is_bound_by_no_old_look(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="5")
    order = await under_review(bench, customer, is_made=True)
    (lane,) = bench.shop.lanes
    await bench.shop.lanes.listings.read(lane)
    async with bench.shop.database.read() as reader:
        (old_look,) = (await reader.execute(select(UpstreamOrderRow.__table__))).all()
        other_ids = await OtherIds.read(reader, lane, bench.shop.catalog, [old_look])
    await bench.shop.worker(lane)._strays._write_off(old_look, other_ids)
    await bench.shop.cases.hand_over(order, "gate.example.com:8080:anna:secret", OWNER)

    await bench.shop.worker(lane)._strays._write_off(old_look, other_ids)

    assert (await bench.shop.orders.find(order)).upstream_order_id is None
    assert await booked_as_loss(bench) == [old_look.reference]


async def test_a_late_refund_of_what_was_delivered_by_hand_hides_no_strangers_order(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="5")
    order = await under_review(bench, customer, is_made=False)
    await bench.shop.cases.hand_over(order, "gate.example.com:8080:anna:secret", OWNER)
    await bench.pass_time(3 * 86_400, step=3600)

    await bench.shop.cases.refund(await bench.wants_refund(order), OWNER)
    foreign_order(bench.sandbox)
    await bench.pass_time(6 * 60, step=30)

    assert await booked_as_loss(bench) == [bench.sandbox.orders[0].reference]
    notices = await owed(bench, OWNER)
    assert sum("shared_account" in one for one in notices) == 1


async def test_what_was_first_listed_after_a_restore_explains_what_an_owner_delivers(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="5")
    await bench.work()
    line = await bench.buy(customer)
    # Made in the books that are lost; the restored ones know of the wish alone.
    foreign_order(bench.sandbox)
    await restore(bench)
    await bench.pass_time(6 * 60, step=30)
    await bench.shop.cases.hand_over(line.order.id, "gate.example.com:8080:anna:secret", OWNER)

    foreign_order(bench.sandbox)
    await bench.pass_time(6 * 60, step=30)

    assert await booked_as_loss(bench) == [bench.sandbox.orders[1].reference]
    notices = await owed(bench, OWNER)
    assert sum("shared_account" in one for one in notices) == 1


async def test_somebody_elses_order_is_never_sold_and_makes_the_bot_careful(bench: Bench) -> None:
    customer = await bench.customer(1, balance="5")
    await bench.work()
    foreign_order(bench.sandbox, plan="0.120")
    await bench.pass_time(6 * 60, step=30)
    assert any("shared_account" in notice for notice in await owed(bench, OWNER))

    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.pass_time(10)

    assert await state(bench, line.order.id) is OrderState.REVIEW
    order, candidates = await bench.shop.cases.strays(line.order.id)
    assert order.reason == "shared_account"
    assert [one.plan for one in candidates] == ["1"]
    await bench.shop.cases.bind(line.order.id, candidates[0].id, OWNER)
    await bench.work()
    assert await state(bench, line.order.id) is OrderState.DELIVERED


async def test_orders_that_are_listed_under_other_ids_are_no_loss_and_nobody_elses(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="50")
    for plan in ("1", "0.120", "1"):
        await bench.buy(customer, plan=plan)
        await bench.work()
        await bench.pass_time(30 * 60, step=60)
        await bench.refresh()

    await bench.pass_time(3 * 3600, step=300)

    assert len(bench.sandbox.orders) == 3
    notices = await owed(bench, OWNER)
    assert not [one for one in notices if "stray_found" in one or "shared_account" in one]
    assert sum("other_ids" in one for one in notices) == 1
    assert await booked_as_loss(bench) == []


async def test_a_strangers_order_is_told_once_the_shops_own_one_is_listed(bench: Bench) -> None:
    customer = await bench.customer(1, balance="9")
    await bench.buy(customer)
    await bench.pass_time(6 * 60)
    bench.sandbox.list_lag = 20 * 60
    foreign_order(bench.sandbox)
    await bench.pass_time(9 * 60, step=60)
    await bench.refresh()
    await bench.buy(customer)
    await bench.work()

    await bench.pass_time(18 * 60, step=60)
    # The stranger's stands in the list by now, and might be the order that was just sold.
    assert not any("stray_found" in one for one in await owed(bench, OWNER))
    await bench.pass_time(3 * 3600, step=300)

    notices = await owed(bench, OWNER)
    assert sum("stray_found" in one for one in notices) == 1
    assert not any("other_ids" in one for one in notices)
    assert await booked_as_loss(bench) == [bench.sandbox.orders[1].reference]


async def test_an_order_that_the_list_leaves_out_hides_no_strangers_order(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    bench.sandbox.list_has_new = False
    for _ in range(2):
        await bench.buy(customer)
        await bench.work()
        bench.sandbox.list_has_new = True
    await bench.pass_time(2 * 3600, step=60)
    foreign_order(bench.sandbox)
    await bench.pass_time(11 * 60, step=30)
    assert await booked_as_loss(bench) == [bench.sandbox.orders[2].reference]

    # Owners know by now that somebody else buys there: nothing of theirs is sold.
    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST))
    line = await bench.buy(await bench.customer(2, balance="5"))
    await bench.work()
    foreign_order(bench.sandbox)
    await bench.pass_time(20 * 60, step=10)

    assert await state(bench, line.order.id) is OrderState.REVIEW
    notices = await owed(bench, OWNER)
    assert sum("shared_account" in one for one in notices) == 1
    assert not any("other_ids" in one for one in notices)


async def test_what_was_listed_before_the_shop_sold_is_never_the_shops_own(bench: Bench) -> None:
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="5")
    await bench.work()
    foreign_order(bench.sandbox)
    await bench.pass_time(60)
    await bench.buy(customer)

    await bench.pass_time(2 * 3600, step=60)

    assert await booked_as_loss(bench) == [f"{bench.sandbox.orders[0].reference}_listed"]


async def test_an_order_of_the_shop_under_another_id_hides_no_second_order_of_a_stranger(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="9")
    await bench.buy(customer)
    await bench.work()
    foreign_order(bench.sandbox)
    await bench.pass_time(30 * 60, step=60)
    foreign_order(bench.sandbox)
    await bench.pass_time(3 * 3600, step=300)
    foreign_order(bench.sandbox)
    await bench.pass_time(3600, step=300)

    # Of four that are listed, one is the shop's, whichever that is.
    assert len(await booked_as_loss(bench)) == 3
    notices = await owed(bench, OWNER)
    assert sum("stray_found" in one for one in notices) == 3
    assert any("shared_account" in one for one in notices)

    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST))
    line = await bench.buy(customer)
    await bench.work()
    foreign_order(bench.sandbox)
    await bench.pass_time(60)
    assert await state(bench, line.order.id) is OrderState.REVIEW


async def test_what_is_given_back_is_lost_once_though_it_is_listed_under_another_id(
    bench: Bench,
) -> None:
    await bench.buy(await bench.customer(2, balance="5"))
    await bench.pass_time(6 * 60)
    await bench.refresh()
    # From now on the list tells other ids.
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="9")
    for _ in range(2):
        bench.sandbox.faults.append(Fault(pending=10_000))
        line = await bench.buy(customer)
        await bench.pass_time(31 * 60, step=30)
        await bench.refresh()
        assert await state(bench, line.order.id) is OrderState.REVIEW
        await bench.shop.cases.give_back(line.order.id, OWNER)

    await bench.pass_time(3 * 3600, step=300)

    assert await bench.balance(customer) == usd("9")
    assert await booked_as_loss(bench) == [one.reference for one in bench.sandbox.orders[1:]]


async def test_no_order_in_doubt_gets_what_another_one_has_under_another_id(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    bench.sandbox.list_lag = 60
    first, second = await bench.customer(1, balance="5"), await bench.customer(2, balance="5")
    one = await bench.buy(first)
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST))
    two = await bench.buy(second)

    await bench.pass_time(20 * 60, step=10)

    assert await state(bench, one.order.id) is OrderState.DELIVERED
    assert await state(bench, two.order.id) is OrderState.REVIEW
    await bench.shop.cases.give_back(two.order.id, OWNER)
    await bench.pass_time(3 * 3600, step=300)
    assert await bench.balance(second) == usd("5")
    assert await booked_as_loss(bench) == []


async def test_no_customer_pays_twice_for_what_is_listed_under_another_id(bench: Bench) -> None:
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="20")
    await bench.work()
    await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST))
    line = await bench.buy(customer)

    await bench.pass_time(20 * 60, step=10)

    assert len(bench.sandbox.orders) == 1
    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "delivered_before")


async def test_no_customer_pays_twice_for_what_an_owner_binds_under_another_id(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="20")
    await bench.work()
    await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(status=409, code="order_processing"))
    line = await bench.buy(customer)
    await restore(bench)
    await bench.pass_time(400, step=20)

    await bind_newest(bench, line.order.id)
    await bench.pass_time(100)

    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "delivered_before")


async def test_no_customer_pays_twice_for_what_is_bound_in_the_place_of_what_was_told(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    customer = await bench.customer(1, balance="20")
    await bench.work()
    bench.sandbox.list_lag = 20
    await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(pending=10_000))
    line = await bench.buy(customer)
    await bench.pass_time(40 * 60, step=20)
    assert await state(bench, line.order.id) is OrderState.REVIEW

    _, listed = await bench.shop.cases.strays(line.order.id)
    first = f"{bench.sandbox.orders[0].reference}_listed"
    (of_first,) = [one for one in listed if one.reference == first]
    await bench.shop.cases.bind(line.order.id, of_first.id, OWNER)
    await bench.pass_time(100)

    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "delivered_before")


async def test_what_another_order_of_the_customer_may_be_is_not_found_a_third_time(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_ids = False
    bench.sandbox.repeats = True
    customer = await bench.customer(1, balance="40")
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    await bench.buy(customer)
    await bench.pass_time(400, step=20)
    await bench.refresh()
    bench.sandbox.list_lag = 8
    await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST))
    line = await bench.buy(customer)
    await bench.work()

    await bench.pass_time(60)

    assert len(bench.sandbox.orders) == 2
    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "delivered_before")


async def test_what_an_owner_delivered_by_hand_is_not_found_for_the_next_order(
    bench: Bench,
) -> None:
    bench.sandbox.repeats = True
    customer = await bench.customer(1, balance="40")
    await bench.work()
    bench.sandbox.list_lag = 3000
    first = (await bench.buy(customer)).order.id
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    by_hand = (await bench.buy(customer)).order.id
    await bench.pass_time(32 * 60, step=10)
    _, has = await bench.shop.orders.delivery(customer.id, first)
    assert isinstance(has, Credentials)
    (one,) = has.proxies
    pasted = f"{one.host}:{one.port}:{one.username}:{one.password}"
    await bench.shop.cases.hand_over(by_hand, pasted, OWNER)
    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST))
    line = await bench.buy(customer)

    await bench.pass_time(1500, step=10)

    assert len(bench.sandbox.orders) == 2
    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "delivered_before")


@pytest.mark.parametrize("repeats", [False, True], ids=["new proxies", "the same again"])
async def test_what_was_found_for_the_next_order_is_not_delivered_by_hand_as_well(
    bench: Bench, repeats: bool
) -> None:
    bench.sandbox.repeats = repeats
    customer = await bench.customer(1, balance="40")
    await bench.buy(customer)
    await bench.pass_time(400, step=10)
    await bench.refresh()
    bench.sandbox.list_lag = 2500
    reviewed = await under_review(bench, customer, is_made=True)
    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST))
    found = (await bench.buy(customer)).order.id
    await bench.pass_time(1500, step=10)
    _, has = await bench.shop.orders.delivery(customer.id, found)
    assert isinstance(has, Credentials)
    (one,) = has.proxies

    pasted = f"{one.host}:{one.port}:{one.username}:{one.password}"
    with pytest.raises(DeliveredBefore):
        await bench.shop.cases.hand_over(reviewed, pasted, OWNER)

    assert len(bench.sandbox.orders) == 2
    assert await state(bench, reviewed) is OrderState.REVIEW


async def test_what_an_answer_told_for_the_next_order_may_be_delivered_by_hand_as_well(
    bench: Bench,
) -> None:
    bench.sandbox.repeats = True
    customer = await bench.customer(1, balance="40")
    await bench.buy(customer)
    await bench.pass_time(400, step=10)
    await bench.refresh()
    reviewed = await under_review(bench, customer, is_made=False)
    await bench.refresh()
    told = (await bench.buy(customer)).order.id
    await bench.pass_time(400, step=10)
    _, has = await bench.shop.orders.delivery(customer.id, told)
    assert isinstance(has, Credentials)
    (one,) = has.proxies

    pasted = f"{one.host}:{one.port}:{one.username}:{one.password}"
    await bench.shop.cases.hand_over(reviewed, pasted, OWNER)

    assert await state(bench, reviewed) is OrderState.DELIVERED


async def test_the_same_customer_is_found_the_same_proxies_with_new_traffic(bench: Bench) -> None:
    bench.sandbox.repeats = True
    customer = await bench.customer(1, balance="20")
    await bench.buy(customer)
    await bench.pass_time(301, step=30)
    await bench.refresh()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)

    await bench.pass_time(60)

    assert await state(bench, line.order.id) is OrderState.DELIVERED


async def test_no_customer_gets_another_plan_than_the_list_names(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bench.sandbox._row

    def names_one_otherwise(order: SandboxOrder) -> dict[str, object]:
        said = row(order)
        return said | {"plan": "theirs"} if order.provider == "dataimpulse" else said

    monkeypatch.setattr(bench.sandbox, "_row", names_one_otherwise)
    ann, ben, eve = [await bench.customer(number, balance="20") for number in (1, 2, 3)]
    await bench.buy(ann)
    await bench.pass_time(301, step=60)
    await bench.refresh()
    bench.sandbox.list_lag = 20
    await bench.buy(eve, "dataimpulse", "1")
    await bench.work()
    lines = []
    for customer, plan, is_made in ((ann, "1", False), (ben, "0.120", True)):
        bench.sandbox.faults.append(Fault(error=LOST, is_done=is_made))
        lines.append(await bench.buy(customer, plan=plan))
        await bench.work()

    await bench.pass_time(20 * 60, step=10)

    assert await state(bench, lines[0].order.id) is OrderState.RELEASED
    assert await state(bench, lines[1].order.id) is OrderState.DELIVERED


async def test_a_list_that_names_no_plans_does_not_say_which_of_two_orders_was_made(
    bench: Bench,
) -> None:
    bench.sandbox.list_has_plan = False
    ann, ben = [await bench.customer(number, balance="20") for number in (1, 2)]
    await bench.buy(ben)
    await bench.pass_time(301, step=60)
    await bench.refresh()
    one = await under_review(bench, ann, is_made=False)
    await bench.refresh()
    bench.sandbox.list_lag = 60
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    two = await bench.buy(ben, plan="0.120")
    await bench.work()

    await bench.shop.cases.keep_waiting(one, OWNER)
    await bench.pass_time(20 * 60, step=10)

    assert await state(bench, one) is OrderState.REVIEW
    assert await state(bench, two.order.id) is OrderState.REVIEW


async def test_what_was_set_apart_by_a_restore_makes_the_next_one_unsure(bench: Bench) -> None:
    customer = await bench.customer(1, balance="9")
    await sold_before(bench, customer)
    line = await bench.buy(customer)
    # The first of them was hers, the second is of somebody who is lost with the books.
    await restored_with_two_made(bench)
    await bench.pass_time(60, step=5)

    await bench.shop.cases.keep_waiting(line.order.id, OWNER)
    await bench.pass_time(6 * 60, step=5)

    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.reason) == (OrderState.REVIEW, "too_many_candidates")


async def test_more_candidates_than_orders_ask_a_person(bench: Bench) -> None:
    customer = await bench.customer(1, balance="9")
    await sold_before(bench, customer)
    has = await bench.balance(customer)
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    foreign_order(bench.sandbox)

    await bench.pass_time(5)

    assert await state(bench, line.order.id) is OrderState.REVIEW
    with pytest.raises(TooLate):
        await bench.shop.cases.bind(line.order.id, 999, OWNER)
    await bench.shop.cases.give_back(line.order.id, OWNER)
    assert await bench.balance(customer) == has


async def test_credentials_that_come_later_are_delivered_when_they_are_there(bench: Bench) -> None:
    customer = await bench.customer(1, balance="5")
    bench.sandbox.faults.append(Fault(pending=3))

    line = await bench.buy(customer)
    await bench.work()
    assert await state(bench, line.order.id) is OrderState.PREPARING
    await bench.pass_time(60)

    assert await state(bench, line.order.id) is OrderState.DELIVERED


async def test_credentials_that_never_come_are_handed_to_a_person(bench: Bench) -> None:
    customer = await bench.customer(1, balance="5")
    bench.sandbox.faults.append(Fault(pending=10_000))
    line = await bench.buy(customer)

    await bench.pass_time(31 * 60, step=30)

    assert await state(bench, line.order.id) is OrderState.REVIEW
    assert await bench.balance(customer) == usd("0.97")
    pasted = "gate.example.com:8080:anna:secret"
    await bench.shop.cases.hand_over(line.order.id, pasted, OWNER)
    assert await state(bench, line.order.id) is OrderState.DELIVERED

"""Stat Proxies: bought by the piece, found by tag, delivered by hand, and paid for once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.db.models import LaneRow, OrderRow, PlanRow, SubscriptionRow
from bot.demo.telegram import Person
from bot.domain.catalog import title_mark
from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox_stat import PERIOD, StatOrder, StatProxiesSandbox
from tests.bench import HandClock, stat_sandbox_for
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor
from tests.telegram import Customer

DAY = 86_400.0
CAPTCHAS = title_mark("ISP for captchas")
LOST: dict[str, Any] = {"error": httpx.ReadTimeout("lost"), "is_done": True}
BY_HAND = pytest.mark.parametrize("stat_path", [""])


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    """The pretend StatProxies: `orders` it made, `bills` it sent, `faults` to come."""
    return stat_sandbox_for(clock)


async def buy(customer: Customer, pieces: int = 3) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    if pieces != 1:
        await customer.tap(str(pieces))
    await customer.tap("Buy")


def lines_of(order: StatOrder) -> str:
    return "\n".join(
        f"198.51.100.{7 + at}:6000:{order.reference}:pass{at}" for at in range(order.quantity)
    )


# Buying by the piece


async def test_a_customer_buys_three_pieces_and_gets_three_proxies(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    assert "1 pc. at 2.30 USD each" in customer.text
    assert "Buy 1 for 2.30 USD" in customer.labels

    await customer.tap("3")
    assert "3 pc. at 2.30 USD each" in customer.text
    assert "Price: 6.90 USD" in customer.text
    assert "Balance: 10.00 USD → 3.10 USD" in customer.text
    assert "Works for 30 days: until 22 Dec 2026, 10:00 UTC, if bought now." in customer.text
    await customer.tap("Buy 3 for 6.90 USD")

    assert await customer.balance() == usd("3.10")
    [made] = stat.orders
    assert (made.product, made.quantity) == ("captcha", 3)
    order = await app.order(customer)
    assert (order.quantity, order.price, order.cost) == (3, usd("6.90"), usd("6.00"))
    receipt = customer.messages[-1].text
    assert "Stat Proxies · ISP for captchas × 3" in receipt
    assert "Works until 22 Dec 2026, 10:00 UTC." in receipt
    assert receipt.count(made.reference) == 3


async def test_a_proxy_that_is_told_three_times_is_not_three_proxies(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stat._one

    def repeated(key: str, product: str, reference: str) -> httpx.Response:
        body = real(key, product, reference).json()
        body["order"]["proxies"] = body["order"]["proxies"][:1] * 3
        return httpx.Response(200, json=body)

    monkeypatch.setattr(stat, "_one", repeated)
    await buy(customer)
    assert (await app.order(customer)).state is OrderState.PREPARING

    monkeypatch.undo()
    await app.pass_time(60, step=5)

    assert (await app.order(customer)).state is OrderState.DELIVERED
    [made] = stat.orders
    assert customer.messages[-1].text.count(made.reference) == 3


@ON_SQLITE
async def test_one_more_and_one_less_and_never_more_than_there_are(
    customer: Customer, stat: StatProxiesSandbox
) -> None:
    await customer.open("ISP Level3", "Stat Proxies")
    assert "🔽" not in customer.labels

    await customer.tap("🔼")
    assert "Buy 2 for 5.98 USD" in customer.labels
    await customer.tap("🔽")
    assert "Buy 1 for 2.99 USD" in customer.labels
    await customer.tap("25")

    assert "🔼" not in customer.labels
    assert "50" not in customer.labels
    assert "Missing: 64.75 USD" in customer.text
    assert "3 pc. for 8.97 USD" in customer.labels
    await customer.tap("3 pc. for 8.97 USD")
    await customer.tap("Buy 3")
    assert [one.quantity for one in stat.orders] == [3]


async def test_a_number_is_typed(customer: Customer, stat: StatProxiesSandbox) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("Another number")
    await customer.send("4")
    assert "Price: 9.20 USD" in customer.text

    await customer.tap("Buy 4 for 9.20 USD")

    assert [one.quantity for one in stat.orders] == [4]


HOSTILE = (
    *("-5", "+5", "-0", "0", "0.00", "0.001", "1e3", "1E9", "1e-7", "1e400", "NaN", "nan"),
    *("sNaN", "inf", "-inf", "Infinity", "1_000", "1,000", "1'000", "1 000", "\uff11\uff12"),
    *("\u0661\u0662", "\u0967\u0966", "\u0d67", "\U0001d7cf\U0001d7ce", "\u00b2", "\u00bc"),
    *("\u2167", "10\u200b", "\u202e10", "0x10", "0b1", "1/2", "10.", ".5", "1.5.5", "\u22125"),
    *("10$", "$10", "10usd", "ten", "true", "null", "9" * 30, "0" * 4000 + "1", "007", "3.0"),
    *("9223372036854.775808", "101", "1000000", "0.015", "\U0001f4b0", "7" * 4096, "3;4", "3\n4"),
)


@ON_SQLITE
async def test_no_hostile_number_of_pieces_is_bought(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("Another number")

    for typed in HOSTILE:
        await customer.send(typed)
        assert "is not a number from 1 to 100." in customer.text, typed
        assert not any(label.startswith("Buy") for label in customer.labels)
        app.clock.turn(1)

    # The question is still open.
    await customer.send("2")
    await customer.tap("Buy 2 for 4.60 USD")
    assert [one.quantity for one in stat.orders] == [2]


@ON_SQLITE
@pytest.mark.parametrize("forged", ["0", "-1", "10000", "9" * 40, "1e3", "x", "", "101", "9999"])
async def test_a_forged_number_of_pieces_buys_nothing(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox, forged: str
) -> None:
    await app.top_up(customer, "1000000")
    plan = app.plan_id("statproxies", "captcha")
    await customer.send("/start")

    for price in (2_300_000, 2_300_000 * 101, 2_300_000 * 9999):
        await customer.press(f"buyt:{plan}:{forged}:{price}:30:{CAPTCHAS}:{'ab' * 8}:0")
    await customer.press(f"pcs:{plan}:{forged}:0")

    assert not stat.orders
    assert await app.orders(customer) == []
    assert await customer.balance() == usd("1000010")


async def test_a_forged_price_of_many_is_compared_with_the_price_of_all(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    plan = app.plan_id("statproxies", "captcha")
    await customer.send("/start")

    await customer.press(f"buyt:{plan}:3:2300000:30:{CAPTCHAS}:{'ab' * 8}:0")

    assert "The price has changed. Nothing was charged." in customer.text
    assert "Price: 2.30 USD → 6.90 USD" in customer.text
    assert not stat.orders


async def test_a_button_never_buys_another_time_than_it_said(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("3")
    buy_three = customer.button("Buy 3")
    async with app.shop.database.write() as tx:
        await tx.execute(update(PlanRow).where(PlanRow.code == "captcha").values(days=7))
    await app.refresh()

    await customer.press(buy_three)

    assert customer.text.startswith("The plan has changed. Nothing was charged.")
    assert "Works for 30 → 7 days: until 29 Nov 2026, 10:00 UTC, if bought now." in customer.text
    assert "Price: 6.90 USD" in customer.text
    assert await customer.balance() == usd("10")
    assert not stat.orders
    await customer.tap("Buy 3 for 6.90 USD")
    assert "Works until 29 Nov 2026, 10:00 UTC." in customer.messages[-1].text
    assert [one.quantity for one in stat.orders] == [3]


@ON_SQLITE
async def test_an_older_button_that_does_not_say_what_the_plan_was_shows_it_anew(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    plan = app.plan_id("statproxies", "captcha")
    await customer.send("/start")

    for older in ("buy:{plan}:2300000", "buyn:{plan}:1:2300000", "buyd:{plan}:1:2300000:30"):
        await customer.press(f"{older.format(plan=plan)}:{'ab' * 8}:0")
        assert customer.text.startswith("This button is from an older menu. Nothing was charged.")
        assert "Works for 30 days: until" in customer.text
    assert not stat.orders

    await customer.tap("Buy 1 for 2.30 USD")
    assert [one.quantity for one in stat.orders] == [1]


# The lost answer


async def test_a_lost_answer_is_found_by_its_tag_among_others(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(**LOST))
    await buy(customer)
    assert await app.state(customer) is OrderState.IN_DOUBT
    # Somebody else's of the same plan and number, newer and older, must not be taken for it.
    stat.orders.insert(0, foreign(stat, "a"))
    stat.orders.append(foreign(stat, "b", tag="q" * 28))
    app.strays |= {one.reference for one in stat.orders if one.tag in (None, "q" * 28)}

    await app.pass_time(10, step=1)

    order = await app.order(customer)
    assert order.state is OrderState.DELIVERED
    [mine] = [one for one in stat.orders if one.reference == order.upstream_order_id]
    async with app.shop.database.read() as reader:
        tag = await reader.scalar(select(OrderRow.tag).where(OrderRow.id == order.id))
    assert mine.tag == tag
    assert stat.count("POST", "*/newscale") == 1
    await app.pass_time(600)
    async with app.shop.database.read() as reader:
        told = await reader.scalar(
            select(LaneRow.list_tells_tags).where(LaneRow.upstream == "statproxies")
        )
    assert told == 1


def foreign(stat: StatProxiesSandbox, name: str, tag: str | None = None) -> StatOrder:
    made = stat.orders[0]
    return StatOrder(f"sub_1Foreign{name}", made.key, made.product, made.quantity, tag,
                     made.made_at, made.cost)  # fmt: skip


async def test_one_doubt_blocks_nobody_once_the_list_is_known_to_tell_tags(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    ann = await app.person(Person(1003, "Ann", "ann"), balance="10")
    await buy(ann, 1)
    await app.pass_time(400)
    stat.list_lag = 120
    stat.faults.append(Fault(**LOST))
    await buy(customer, 1)

    await app.show(ann, "statproxies", "captcha")
    await ann.tap("Buy 1")

    assert await app.state(customer) is OrderState.IN_DOUBT
    assert await app.state(ann) is OrderState.DELIVERED
    await app.pass_time(200, step=5)
    assert await app.state(customer) is OrderState.DELIVERED


async def test_where_the_list_tells_no_tag_a_new_id_is_found_by_plan_and_number(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.list_has_tag = False
    await buy(customer, 1)
    await app.pass_time(400)
    stat.faults.append(Fault(**LOST))
    await app.show(customer, "statproxies", "captcha")
    await customer.tap("2")
    await customer.tap("Buy 2")
    wrong = foreign(stat, "c")
    wrong.made_at = app.clock.now().timestamp()
    stat.orders.append(wrong)
    app.strays.add(wrong.reference)

    await app.pass_time(10, step=1)

    order = await app.order(customer)
    assert order.state is OrderState.DELIVERED
    assert order.upstream_order_id == stat.orders[1].reference
    await app.pass_time(600)


async def test_what_was_not_made_is_given_back_after_the_quarantine(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer, 1)
    await app.pass_time(60)
    stat.faults.append(Fault(status=500, code="stripe_error"))
    await buy(customer)
    await app.pass_time(800)
    assert await app.state(customer) is OrderState.IN_DOUBT

    await app.pass_time(200)

    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("7.70")
    assert stat.count("POST", "*/newscale") == 2


@ON_SQLITE
async def test_of_the_first_order_no_list_proves_that_it_was_not_made(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(status=500, code="stripe_error"))
    await buy(customer)

    await app.pass_time(1900)

    assert await app.state(customer) is OrderState.REVIEW
    assert await app.held(customer) == usd("6.90")


@ON_SQLITE
async def test_of_the_first_order_a_refusal_in_their_own_form_is_given_back(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    """The card of a new account is declined: nobody is called for every order."""
    declined = '{"error":{"type":"card_declined","message":"Your card was declined."}}'
    stat.faults.append(Fault(status=400, body=declined))
    await buy(customer)

    await app.pass_time(120)

    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("10")


async def made_though_busy(app: ShopFloor, customer: Customer, stat: StatProxiesSandbox) -> None:
    """A second order is made and answered as if it were not: it is asked for again in a minute."""
    await buy(customer, 1)
    await app.pass_time(301)
    busy = Fault(status=429, body='{"error":"busy"}', is_done=True, headers={"Retry-After": "60"})
    stat.faults.append(busy)
    await buy(customer, 1)


@ON_SQLITE
async def test_an_answer_with_our_tag_is_believed_though_it_is_older(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await made_though_busy(app, customer, stat)
    made = stat.orders[-1]
    again = {"response": "success", "order_id": made.reference}
    stat.faults.append(Fault(body=json.dumps(again | {"subscription_id": made.subscription})))

    await app.pass_time(90, step=1)

    assert (await app.order(customer)).upstream_order_id == made.reference
    assert await app.state(customer) is OrderState.DELIVERED
    assert len(stat.orders) == 2


@ON_SQLITE
async def test_what_was_listed_before_a_retry_is_found_by_its_tag(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await made_though_busy(app, customer, stat)
    stat.faults.append(Fault(error=httpx.ReadTimeout("lost")))

    await app.pass_time(120, step=5)

    assert await app.state(customer) is OrderState.DELIVERED
    assert len(stat.orders) == 2


async def test_what_was_not_made_is_given_back_by_a_list_that_shows_what_was_cancelled(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer, 1)
    await app.pass_time(60)
    assert stat.orders[0].cancelled_at is not None
    stat.faults.append(Fault(status=500, code="stripe_error"))
    await buy(customer, 1)

    await app.pass_time(1000)

    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("7.70")


async def test_a_list_that_was_cut_short_proves_nothing_though_the_last_order_is_cancelled(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer, 1)
    await app.pass_time(60)
    assert stat.orders[0].cancelled_at is not None
    stat.faults.append(Fault(**LOST))
    stat.faults.append(
        Fault(
            method="GET", path="*/list", times=10_000,
            body='{"response": "success", "orders": []}',
        )
    )  # fmt: skip
    await buy(customer, 1)
    await app.pass_time(1200)
    assert await app.state(customer) is OrderState.IN_DOUBT

    stat.faults.clear()
    await app.pass_time(120)

    assert await app.state(customer) is OrderState.DELIVERED
    assert stat.count("POST", "*/newscale") == 2


async def test_a_person_decides_where_the_list_leaves_out_what_was_cancelled(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    stat.list_has_cancelled = False
    await buy(customer, 1)
    await app.pass_time(60)
    stat.faults.append(Fault(status=500, code="stripe_error"))
    await buy(customer, 1)

    await app.pass_time(1200)
    assert await app.state(customer) is OrderState.IN_DOUBT
    await app.pass_time(900)

    assert await app.state(customer) is OrderState.REVIEW
    assert await app.held(customer) == usd("2.30")
    alarm = next(one.text for one in owner.messages if "Order #2 needs you." in one.text)
    assert "or does not prove that nothing was bought" in alarm


async def test_a_refusal_gives_the_money_back_at_once(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(status=400, code="Invalid product_type"))

    await buy(customer)

    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("10")


async def test_without_a_list_nothing_is_sold_and_with_it_again(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    [lane] = app.shop.lanes.of("statproxies")
    lane.is_listed = False
    stat.has_list = False
    await app.pass_time(10, step=1)

    await app.show(customer, "statproxies", "captcha")
    assert "This plan cannot be bought right now" in customer.text
    plan = app.plan_id("statproxies", "captcha")
    await customer.press(f"buyt:{plan}:1:2300000:30:{CAPTCHAS}:{'ab' * 8}:0")
    assert "cannot be bought right now" in customer.text
    await owner.send("/shop")
    assert "its order list could not be read, so nothing is sold" in owner.text
    assert not stat.orders

    stat.has_list = True
    await app.pass_time(15, step=1)
    await buy(customer)
    assert await app.state(customer) is OrderState.DELIVERED


@ON_SQLITE
async def test_a_key_that_is_refused_stops_the_lane_until_it_is_taken_again(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    key = stat.keys.pop()
    await app.pass_time(40)
    await buy(customer)
    assert await app.state(customer) is OrderState.RELEASED
    await app.pass_time(130)
    await owner.send("/shop")
    assert "StatProxies account 2 has been stopped" in owner.text

    stat.keys.add(key)
    await app.pass_time(130)
    await owner.send("/shop")

    assert "has been stopped" not in owner.text


# Delivery by hand


@BY_HAND
async def test_an_owner_is_told_at_once_and_delivers_by_pasting(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)

    assert await app.state(customer) is OrderState.PREPARING
    assert await app.held(customer) == usd("6.90")
    task = owner.messages[-1].text
    assert "Order #1 waits for you to deliver it." in task
    assert "Stat Proxies ISP for captchas × 3 for 6.90 USD" in task
    assert stat.orders[0].reference in task
    await customer.send("/orders")
    await customer.tap("#1")
    assert "The owner of the shop hands it over" in customer.text

    await owner.tap("Deliver by hand")
    for pasted, answer in (
        ("nonsense", "Line 1 could not be read"),
        (lines_of(stat.orders[0]) + "\n198.51.100.7:6000:x", "Line 4 could not be read"),
        ("\n".join(lines_of(stat.orders[0]).splitlines()[:2]), "3 were bought, and these are 2"),
        ("\n".join(lines_of(stat.orders[0]).splitlines()[:1] * 3), "Line 2 could not be read."),
    ):
        await owner.send(pasted)
        assert answer in owner.text
        assert await app.state(customer) is OrderState.PREPARING
    await owner.send(lines_of(stat.orders[0]))

    assert await app.state(customer) is OrderState.DELIVERED
    assert lines_of(stat.orders[0]) in customer.messages[-1].text
    assert await customer.balance() == usd("3.10")
    assert "Works until 22 Dec 2026" in customer.messages[-1].text


@BY_HAND
async def test_an_owner_sends_the_lines_as_a_file(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await owner.tap("Deliver by hand")

    for name, data in (
        ("photo.bin", b"\xff\xfe\x00\x81"),
        ("huge.txt", b"198.51.100.7:6000:a:b\n" * 20_000),
    ):
        await owner.send_file(name, data)
        assert "This is not a text file of at most 256 KB in UTF-8." in owner.text
    await owner.send_file("lines.txt", b"\xef\xbb\xbf" + lines_of(stat.orders[0]).encode())

    assert await app.state(customer) is OrderState.DELIVERED
    assert lines_of(stat.orders[0]) in customer.messages[-1].text


@ON_SQLITE
@BY_HAND
async def test_an_order_to_deliver_waits_in_the_inbox_and_never_fails_by_itself(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    told = len([one for one in owner.messages if "waits for you to deliver" in one.text])
    assert told == 1

    await app.pass_time(2 * 3600 + 600, step=300)

    assert await app.state(customer) is OrderState.PREPARING
    told = len([one for one in owner.messages if "waits for you to deliver" in one.text])
    assert told == 3
    assert not any("does not move on" in one.text for one in owner.messages)
    await owner.send("/shop")
    assert "1 order needs you." in owner.text
    await owner.tap("Inbox")
    await owner.tap("Order #1")
    await owner.tap("Deliver by hand")
    await owner.send(lines_of(stat.orders[0]))
    assert await app.state(customer) is OrderState.DELIVERED
    assert stat.count("GET", "*/fetch/*") == 0


# Paid for once


async def test_the_subscription_is_cancelled_right_after_the_sale(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)

    await app.pass_time(6, step=1)

    [made] = stat.orders
    assert made.cancelled_at is not None
    assert stat.count("DELETE", f"*/delete/{made.subscription}/captcha") == 1
    await owner.send("/shop")
    await owner.tap("Subscriptions (1)")
    assert "Every subscription is cancelled." in owner.text
    assert f"StatProxies {made.reference}, order #1: works until 22 Dec 2026" in owner.text


@ON_SQLITE
@pytest.mark.parametrize(
    "fault",
    [
        {"error": httpx.ConnectError("x")},
        {"error": httpx.ReadTimeout("lost")},
        {"error": httpx.ReadTimeout("lost"), "is_done": True},
        {"status": 500, "code": "stripe_error"},
        {"status": 502, "body": "<html>"},
        {"status": 429, "code": "too_many"},
        {"status": 404, "code": "not_found_error"},
        {"status": 400, "code": "invalid_request_error"},
        {"status": 401, "code": "invalid_api_key"},
        {"status": 200, "body": "{}"},
    ],
    ids=str,
)
async def test_a_cancellation_is_tried_until_it_is_confirmed_and_nothing_renews(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox, fault: dict[str, Any]
) -> None:
    stat.faults.append(Fault(method="DELETE", times=4, **fault))
    await buy(customer)

    await app.pass_time(3600)
    await app.pass_time(3 * PERIOD, step=PERIOD / 2)

    assert stat.count("DELETE") >= 2
    assert stat.orders[0].cancelled_at is not None
    assert len(stat.bills) == 1


async def test_a_cancellation_is_tried_soon_after_a_clock_that_was_ahead_is_right(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(method="DELETE", times=4, status=500))
    app.clock.turn(36 * 3600)
    await app.pass_time(1)
    await buy(customer)
    await app.pass_time(10)
    assert stat.count("DELETE") > 0
    stat.faults.clear()

    app.clock._now -= timedelta(hours=36)
    await app.pass_time(60)

    assert stat.orders[0].cancelled_at is not None


@ON_SQLITE
async def test_nothing_renews_unpaid_over_a_year_of_sales_and_faults(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await app.top_up(customer, "500")
    for month in range(6):
        if month % 2:
            stat.faults.append(Fault(**LOST))
        stat.faults.append(Fault(method="DELETE", times=month, status=500, code="stripe_error"))
        await app.show(customer, "statproxies", "captcha")
        await customer.tap("Buy 1")
        await app.pass_time(2 * 3600)
        await app.pass_time(2 * PERIOD, step=PERIOD / 2)

    assert len(stat.orders) == 6
    assert len(stat.bills) == 6
    assert [await app.state(customer)] == [OrderState.DELIVERED]


@ON_SQLITE
async def test_owners_are_told_after_an_hour_and_before_the_period_ends(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(method="DELETE", times=10_000, status=500, code="stripe_error"))
    await buy(customer)

    def told() -> int:
        return len([one for one in owner.messages if "is not cancelled yet:" in one.text])

    await app.pass_time(3500)
    assert told() == 0
    await app.pass_time(200)
    assert told() == 1
    await app.pass_time(26 * DAY, step=DAY)
    assert told() == 1
    await app.pass_time(1.5 * DAY, step=DAY / 4)
    assert told() >= 2
    await owner.tap("Subscriptions")
    assert "paid again after 22 Dec 2026" in owner.text
    assert "stripe_error" in owner.text

    await owner.tap("Cancelled by hand")
    await owner.tap("It is cancelled")
    stat.orders[0].cancelled_at = app.clock.now().timestamp()
    deletes = stat.count("DELETE")
    await app.pass_time(2 * PERIOD, step=PERIOD / 2)

    assert stat.count("DELETE") == deletes
    assert len(stat.bills) == 1


async def test_a_404_counts_only_after_a_look_at_the_list(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer, 1)
    await app.pass_time(60)
    stat.faults.append(Fault(method="DELETE", times=10_000, status=404, code="not_found_error"))
    await buy(customer, 1)
    await app.pass_time(3600)
    assert await running(app) == 1

    stat.orders[-1].is_gone = True
    await app.pass_time(3600)

    assert await running(app) == 0


@ON_SQLITE
async def test_a_404_and_a_list_that_shows_nothing_at_all_end_no_subscription(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(method="DELETE", times=8, status=404, code="not_found_error"))
    await buy(customer)
    await app.pass_time(400)
    stat.faults.append(Fault(method="GET", path="*/list", body='{"orders":[]}', times=10_000))
    await app.pass_time(3600)
    stat.faults.pop()

    await app.pass_time(4 * 3600)
    await app.pass_time(2 * PERIOD, step=PERIOD / 2)

    assert stat.orders[0].cancelled_at is not None
    assert len(stat.bills) == 1


@ON_SQLITE
async def test_a_404_and_a_list_that_never_showed_the_order_end_no_subscription(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(method="DELETE", times=8, status=404, code="not_found_error"))
    # By the number of a row, which no answer told.
    rows = '{"orders":[{"id":"1","product_type":"captcha","quantity":3}]}'
    stat.faults.append(Fault(method="GET", path="*/list", body=rows, times=10_000))
    await buy(customer)

    await app.pass_time(4 * 3600)
    await app.pass_time(2 * PERIOD, step=PERIOD / 2)

    assert stat.orders[0].cancelled_at is not None
    assert len(stat.bills) == 1


async def running(app: ShopFloor) -> int:
    async with app.shop.database.read() as reader:
        rows = await reader.scalars(
            select(SubscriptionRow.id).where(SubscriptionRow.cancelled_at.is_(None))
        )
        return len(rows.all())


async def test_a_stray_order_is_cancelled_too(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await app.pass_time(30)
    stray = foreign(stat, "d")
    stray.made_at = app.clock.now().timestamp()
    stat.orders.append(stray)
    app.strays.add(stray.reference)

    await app.pass_time(700)

    assert stray.cancelled_at is not None
    assert "It is a subscription, and the bot cancels it." in "\n".join(
        one.text for one in owner.messages
    )
    await app.pass_time(3 * PERIOD, step=PERIOD / 2)
    assert len(stat.bills) == 2


async def test_an_order_from_before_the_bot_is_left_alone(
    app: ShopFloor, stat: StatProxiesSandbox, customer: Customer
) -> None:
    await buy(customer)
    old = foreign(stat, "e")
    [lane] = app.shop.lanes.of("statproxies")
    async with app.shop.database.write() as tx:
        await tx.execute(update(LaneRow).where(LaneRow.id == lane.id).values(is_listed=0))
    stat.orders.append(old)
    app.strays.add(old.reference)

    await app.pass_time(1200)

    assert old.cancelled_at is None

"""Trouble: what a customer sees, and where the money is, when things do not go as they should."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from bot.callbacks import (
    Buy,
    Cancel,
    CheckUsage,
    Complain,
    Confirm,
    GiveBack,
    Inbox,
    OwnerOrder,
    SetLanguage,
    Shop,
    ShowCode,
    ShowCredentials,
    ShowOrder,
    ShowPlan,
    ShowProvider,
    TypeUsername,
)
from bot.domain.catalog import title_mark
from bot.domain.money import MOST_MICROS, usd
from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.hostile import CALLBACKS
from tests.stories.conftest import ShopFloor, labels
from tests.telegram import Customer

FOR_EVER = 10**6


def busy(times: int = FOR_EVER) -> Fault:
    """The account makes another order."""
    return Fault(status=409, code="order_processing", times=times)


def claim(plan: int, micros: int, intent: str = "ab" * 8) -> Buy:
    """The button that buys one NodeMaven gigabyte, as far as it is not forged."""
    return Buy(
        plan=plan, quantity=1, micros=micros, days=0, title=title_mark("1 GB"),
        intent=intent, again=False,
    )  # fmt: skip


def drawn(app: ShopFloor) -> list[str]:
    """The text of every screen that was sent or drawn over another, oldest first."""
    methods = {"sendMessage", "editMessageText"}
    return [str(call.params["text"]) for call in app.core.calls if call.method in methods]


async def test_an_order_that_takes_longer_can_be_cancelled(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(busy())
    await customer.buy("1 GB", "NodeMaven")
    assert "What you bought comes in a message of its own." in customer.text
    assert not any("Cancel" in label for label in customer.labels)
    bubbles = len(customer.messages)

    await app.pass_time(23)

    assert "Taking longer than usual. Your money is held, not spent." in customer.text
    assert len(customer.messages) == bubbles
    assert await app.held(customer) == usd("4.03")
    await customer.tap("Cancel")
    assert "Not charged: 4.03 USD is back in your balance." in customer.text
    assert "you cancelled it" in customer.text
    assert await customer.balance() == usd("10")
    assert await app.held(customer) == usd("0")
    await app.pass_time(30)
    assert sandbox.orders == []


async def test_an_order_of_a_clock_that_was_ahead_can_be_cancelled_once_it_is_right(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(busy())
    app.clock._now += timedelta(seconds=100)
    await customer.buy("1 GB", "NodeMaven")
    assert not any("Cancel" in label for label in customer.labels)

    app.clock._now -= timedelta(seconds=100)
    await app.pass_time(3)

    assert "Taking longer than usual. Your money is held, not spent." in customer.text
    await customer.tap("Cancel")
    assert "you cancelled it" in customer.text
    assert await customer.balance() == usd("10")


async def test_a_second_cancel_gives_back_once_and_a_late_one_nothing(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(busy())
    await customer.buy("1 GB", "NodeMaven")
    await app.pass_time(23)
    cancel = customer.button("Cancel")
    await customer.press(cancel)
    await customer.press(cancel)
    assert "you cancelled it" in customer.text
    assert await customer.balance() == usd("10")

    sandbox.faults.clear()
    await customer.buy("1 GB", "NodeMaven")
    await customer.press(Cancel(order=2).pack())
    assert "It is too late for that." in customer.text
    assert await customer.balance() == usd("5.97")


@ON_SQLITE
async def test_a_busy_account_serves_the_order_as_soon_as_it_is_free(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    heard = len(owner.messages)
    sandbox.faults.append(busy(4))

    await customer.buy("1 GB", "NodeMaven")
    await app.pass_time(30)

    assert await app.state(customer) is OrderState.DELIVERED
    assert "Password:" in customer.messages[-1].text
    assert len(owner.messages) == heard


async def test_an_order_in_doubt_is_found_and_delivered(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))

    await customer.buy("1 GB", "NodeMaven")

    assert "Order #1 is being checked." in customer.text
    assert "At most 15 minutes; then you get the proxy or your money back." in customer.text
    assert "4.03 USD is held." in customer.text
    assert await app.held(customer) == usd("4.03")

    await app.pass_time(5)

    assert "Password:" in customer.messages[-1].text
    assert "Order #1 is delivered." in customer.text
    assert await customer.balance() == usd("5.97")
    assert sandbox.count("POST") == 1


@ON_SQLITE
async def test_somebody_who_left_the_screen_is_told_of_the_doubt_in_a_message(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    await app.show(customer, "nodemaven", "1")
    buy = customer.button("Buy")

    app.core.tap(customer.person, buy.message_id, buy.data)
    await customer.press(customer.button("Home"))

    assert "Hello, Alice!" in customer.messages[-2].text
    told = customer.messages[-1].text
    assert "The provider did not answer about order #1, NodeMaven 1 GB." in told
    assert "At most 15 minutes; then you get the proxy or your money back." in told
    assert "4.03 USD is held, not spent." in told
    await app.pass_time(5)
    assert "Password:" in customer.messages[-1].text
    assert "Hello, Alice!" in customer.messages[-3].text


@ON_SQLITE
async def test_a_doubt_about_a_cd_key_speaks_of_a_code(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    await app.show(customer, "9proxy_cd_key", "ip25")
    buy = customer.button("Buy")

    app.core.tap(customer.person, buy.message_id, buy.data)
    await customer.press(customer.button("Home"))

    assert "then you get the code or your money back." in customer.messages[-1].text
    await app.pass_time(5)
    assert "Your code is ready." in customer.messages[-1].text


async def test_an_order_in_doubt_that_was_never_made_is_given_back_after_15_minutes(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await customer.buy("1 GB", "NodeMaven")

    await app.pass_time(14 * 60, step=120)
    assert await app.state(customer) is OrderState.IN_DOUBT
    assert await app.held(customer) == usd("4.03")
    await app.pass_time(2 * 60)

    told = customer.messages[-1]
    assert "Not charged: 4.03 USD for order #1, NodeMaven 1 GB, is back" in told.text
    assert "Reason: temporarily unavailable." in told.text
    assert {"See the plan", "🛒 Browse"} <= set(labels(told))
    assert await customer.balance() == usd("10")
    assert sandbox.count("POST") == 1


async def test_an_answer_that_comes_after_the_money_went_back_is_the_shops_loss(
    app: ShopFloor,
    customer: Customer,
    boris: Customer,
    owner: Customer,
    sandbox: GateProxySandbox,
) -> None:
    await app.show(boris, "nodemaven", "1")
    await boris.tap("Купить")
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("slow"), is_done=True, works_for=1100))
    await customer.buy("1 GB", "NodeMaven")

    await app.pass_time(30 * 60, step=60)

    app.strays.add(sandbox.orders[1].reference)
    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("10")
    assert "holds an order that no order of the shop explains" in owner.messages[-1].text
    assert "Its cost of 3.50 USD is booked as a loss." in owner.messages[-1].text


async def test_the_next_customer_waits_while_an_order_is_in_doubt(
    app: ShopFloor, customer: Customer, boris: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await customer.buy("1 GB", "NodeMaven")
    await app.show(boris, "nodemaven", "1")
    await boris.tap("Купить")

    assert await app.state(boris) is OrderState.RESERVED
    await app.pass_time(16 * 60, step=120)

    assert await app.state(customer) is OrderState.RELEASED
    assert await app.state(boris) is OrderState.DELIVERED
    assert await customer.balance() == usd("10")
    assert await boris.balance() == usd("5.97")
    assert len(sandbox.orders) == 1


async def test_an_order_being_prepared_is_delivered_when_its_credentials_are_there(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(pending=3))

    await customer.buy("1 GB", "NodeMaven")

    assert "Order #1 is being prepared by the provider." in customer.text
    assert await app.held(customer) == usd("4.03")
    await app.pass_time(30)
    assert "Password:" in customer.messages[-1].text
    assert "Order #1 is delivered." in customer.text
    assert sandbox.count("POST") == 1


@ON_SQLITE
async def test_an_order_opened_by_a_link_is_kept_up_to_date(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(pending=3))
    await customer.buy("1 GB", "NodeMaven")

    await customer.send("/start o_1")
    opened = customer.message.id
    assert "Order #1 is being prepared" in customer.text
    await app.pass_time(30)

    screen = next(one for one in customer.messages if one.id == opened)
    assert "Order #1 is delivered." in screen.text


async def test_an_order_that_failed_after_it_was_taken_is_a_persons_matter(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(word="failed"))

    await customer.buy("1 GB", "NodeMaven")
    await app.pass_time(5)

    assert "A person is checking your order #1. Your money is held." in customer.text
    assert await app.held(customer) == usd("4.03")
    assert "Order #1" in owner.messages[-1].text
    await owner.tap("Decide")
    await owner.tap("Give money back")
    await owner.tap("Give back")
    assert "the owner gave the money back" in customer.messages[-1].text
    assert await customer.balance() == usd("10")
    app.strays.add(sandbox.orders[0].reference)


async def test_a_list_that_nobody_can_read_leads_to_a_person(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    await app.show(customer, "nodemaven", "1")
    buy = customer.button("Buy")
    await customer.press(buy)
    sandbox.faults.append(
        Fault(method="GET", path="/orders*", error=httpx.ReadTimeout("silence"), times=FOR_EVER)
    )

    await app.pass_time(32 * 60, step=120)

    assert await app.state(customer) is OrderState.REVIEW
    assert await app.held(customer) == usd("4.03")
    assert "A person is checking your order #1" in customer.text
    assert any("order list could not be read" in one.text for one in owner.messages)
    sandbox.faults.clear()
    await owner.send("/order 1")
    await owner.tap("Keep waiting")
    await app.pass_time(10)
    assert await app.state(customer) is OrderState.DELIVERED


@ON_SQLITE
async def test_three_doubts_in_ten_minutes_are_told_to_the_owner(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await app.top_up(customer, "50")
    for provider, plan in (("nodemaven", "1"), ("dataimpulse", "1"), ("abcproxy", "1")):
        await app.show(customer, provider, plan)
        await customer.tap("Buy")
    assert len(sandbox.orders) == 3
    await app.pass_time(60)
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), times=3))

    for provider, plan in (("nodemaven", "1"), ("dataimpulse", "1"), ("abcproxy", "1")):
        await app.show(customer, provider, plan)
        await customer.tap("Buy")

    assert sum("The provider does not answer:" in one.text for one in owner.messages) == 1
    await app.pass_time(16 * 60, step=120)
    assert {one.state for one in await app.orders(customer)} == {"released", "delivered"}
    assert await app.held(customer) == usd("0")


async def test_an_upstream_that_is_away_gives_the_money_back_soon(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await app.show(customer, "nodemaven", "1")
    sandbox.faults.append(Fault(method=None, error=httpx.ConnectError("away"), times=FOR_EVER))

    app.clock.turn(60)
    await customer.tap("Buy")
    await app.pass_time(40)

    assert await app.state(customer) is OrderState.RELEASED
    assert "Reason: temporarily unavailable." in customer.messages[-1].text
    assert await customer.balance() == usd("10")


async def test_an_empty_account_is_the_owners_worry_and_not_the_customers(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await app.show(customer, "nodemaven", "1")
    sandbox.set_balance(TOKEN, "0.10")

    app.clock.turn(60)
    await customer.tap("Buy")

    assert "Reason: temporarily unavailable." in customer.messages[-1].text
    assert await customer.balance() == usd("10")
    assert sandbox.count("POST") == 0
    assert "Fund the account" in owner.messages[-1].text
    await app.show(customer, "nodemaven", "1")
    if any(label.startswith("Buy") for label in customer.labels):
        await customer.tap("Buy")
    assert "cannot be bought right now" in customer.text
    sandbox.set_balance(TOKEN, "100")
    await app.pass_time(90)
    assert "works again" in owner.messages[-1].text
    await app.show(customer, "nodemaven", "1")
    await customer.tap("Buy")
    assert await app.state(customer) is OrderState.DELIVERED


@ON_SQLITE
async def test_a_living_message_deleted_meanwhile_changes_nothing(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    await customer.buy("1 GB", "NodeMaven")
    for message in customer.messages:
        app.core.delete(customer.id, message.id)

    await app.pass_time(5)

    assert ["Password:" in one.text for one in customer.messages] == [True]
    await customer.send("/orders")
    await customer.tap("#1")
    assert "Order #1 is delivered." in customer.text


@ON_SQLITE
async def test_a_delivery_that_telegram_refuses_for_a_while_is_sent_later(
    app: ShopFloor, customer: Customer
) -> None:
    from bot.demo.telegram import Fault as Misfortune

    await app.show(customer, "nodemaven", "1")
    app.core.faults.append(
        Misfortune(method="sendMessage", chat_id=customer.id, status=429, retry_after=60, times=2)
    )

    await customer.tap("Buy")
    assert not any("Password:" in one.text for one in customer.messages)
    assert await app.state(customer) is OrderState.DELIVERED
    await app.pass_time(130)

    assert sum("Password:" in one.text for one in customer.messages) == 1


async def test_a_blocked_customer_reads_what_was_bought_and_buys_nothing(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.open("120 MB", "NodeMaven")
    buy = customer.button("Buy")
    await owner.send("/block @alice")
    heard = len(owner.messages)

    await customer.press(buy)
    assert "Buying and writing are switched off for you." in customer.text
    await customer.send("let me in")
    assert "Buying and writing are switched off for you." in customer.text
    await customer.send("/help")
    await customer.tap("Write to the owner")
    assert "Buying and writing are switched off for you." in customer.text
    await customer.send("/orders")
    await customer.tap("#1")
    await customer.tap("Show credentials")
    assert "Password:" in customer.messages[-1].text
    assert len(sandbox.orders) == 1
    assert len(owner.messages) == heard
    assert await customer.balance() == usd("5.97")

    await owner.send("/unblock 1001")
    await customer.buy("120 MB", "NodeMaven")
    assert len(sandbox.orders) == 2


async def test_somebody_elses_order_is_nothing_here(
    app: ShopFloor, customer: Customer, boris: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await app.show(customer, "9proxy_cd_key", "ip25")
    await customer.tap("Buy")
    seen = len(boris.messages)

    for payload in (
        ShowOrder(order=1), ShowCredentials(order=1), ShowCredentials(order=2), ShowCode(order=2),
        Cancel(order=1), Complain(order=1), CheckUsage(order=1), CheckUsage(order=2),
    ):  # fmt: skip
        for data in (payload.pack(), f"+{payload.pack()}"):
            await boris.send("/start")
            await boris.press(data)
            assert "Здесь ничего нет." in boris.text
    await boris.send("/start o_1")

    assert "Здесь ничего нет." in boris.text
    assert len(boris.messages) > seen
    assert not any("fc94b52dec05" in one.text or "9P-" in one.text for one in boris.messages)
    assert not any("something is wrong" in one.text for one in app.owner.messages)
    assert (await app.orders(customer))[0].shown_at is None


@ON_SQLITE
async def test_ids_that_do_not_exist_are_answered_calmly(customer: Customer) -> None:
    for payload in (
        ShowOrder(order=77), ShowCredentials(order=0), ShowCode(order=2**53), Cancel(order=77),
        Complain(order=77), CheckUsage(order=77), ShowPlan(plan=777, again=False),
        ShowPlan(plan=0, again=True), ShowProvider(provider=777, page=0),
        TypeUsername(provider=777), SetLanguage(code="xx"), SetLanguage(code=""),
        claim(plan=777, micros=1), claim(plan=1, micros=0, intent="junk"),
    ):  # fmt: skip
        await customer.send("/start")
        await customer.press(payload.pack())

        assert "Nothing was" in customer.text
    assert await customer.balance() == usd("10")


@ON_SQLITE
@pytest.mark.parametrize("sign", ["", "+"])
async def test_data_that_we_never_drew_leads_home(
    app: ShopFloor, customer: Customer, sign: str
) -> None:
    for each in CALLBACKS:
        # As much as fits beside the sign, and no button is empty.
        data = each.encode()[:63].decode(errors="ignore") or ":"
        app.clock.turn(1)
        answered = len(drawn(app))
        await customer.press(sign + data)

        assert len(drawn(app)) == answered + 1
        assert "Nothing was" in drawn(app)[-1], data
    await customer.press("junk")
    assert "This button is from an older menu. Nothing was changed." in customer.text
    await customer.tap("Browse")
    assert "Providers" in customer.text


async def test_an_owners_buttons_do_nothing_for_a_customer(
    app: ShopFloor, customer: Customer, owner: Customer
) -> None:
    await owner.send("/topup 1001 10")

    payloads = (
        Confirm(request=1), Confirm(request=2), Shop(), Inbox(), OwnerOrder(order=1),
        GiveBack(order=1, sure=True),
    )  # fmt: skip
    for payload in payloads:
        await customer.send("/help")
        await customer.press(payload.pack())
        assert "This button is from an older menu." in customer.text
    for command in ("/topup 1001 10", "/markup 0%", "/shop", "/order 1", "/block 900"):
        await customer.send(command)
        assert "The shop works with buttons." in customer.text

    assert await customer.balance() == usd("10")


async def test_a_price_in_a_forged_button_is_never_the_one_that_is_charged(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    plan = app.plan_id("nodemaven", "1")

    for micros in (0, 1, 4_029_999, 4_030_001, MOST_MICROS):
        await customer.send("/start")
        await customer.press(claim(plan, micros).pack())
        assert "The price has changed. Nothing was charged." in customer.text
    assert sandbox.orders == []
    assert await customer.balance() == usd("10")

    await customer.press(claim(plan, 4_030_000).pack())
    assert len(sandbox.orders) == 1
    assert await customer.balance() == usd("5.97")

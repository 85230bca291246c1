"""Buying: from the confirm screen to the credentials, and every change of mind on the way."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, copied, labels
from tests.telegram import BORIS, Customer


def edits(app: ShopFloor, customer: Customer) -> list[str]:
    """Every text that the bot put over a message of this chat, oldest first."""
    return [
        str(call.params["text"])
        for call in app.core.calls
        if call.method == "editMessageText" and int(call.params["chat_id"]) == customer.id
    ]


async def test_a_customer_buys_a_gigabyte(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    living = customer.message.id
    bubbles = len(customer.messages)

    await customer.tap("Buy")

    assert await customer.balance() == usd("5.97")
    assert [one.reference for one in sandbox.orders] == [
        (await app.order(customer)).upstream_order_id
    ]
    assert len(customer.messages) == bubbles + 1
    accepted = next(text for text in edits(app, customer) if "is accepted" in text)
    assert "Order #1 is accepted." in accepted
    assert "4.03 USD is held." in accepted
    screen = next(one for one in customer.messages if one.id == living)
    assert "Order #1 is delivered." in screen.text


async def test_the_credentials_come_in_a_message_of_their_own(customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")

    kept = customer.messages[-1]
    user, password = "nodemaven_3755b2-country-us", "fc94b52dec05"
    line = f"gate.nodemaven.com:8080:{user}:{password}"
    url = f"http://{user}:{password}@gate.nodemaven.com:8080"
    curl = f"curl -x {url} https://api.ipify.org"
    assert "Order #1 is delivered." in kept.text
    for part in (
        "Host: gate.nodemaven.com",
        "Port: 8080",
        f"Username: {user}",
        f"Password: {password}",
        line,
    ):
        assert part in kept.text  # fmt: skip
    assert copied(kept)["📋 Copy line"] == line
    assert copied(kept)["📋 Copy URL"] == url
    assert copied(kept)["📋 Copy curl"] == curl
    assert url in copied(kept)["📋 Copy Python"]
    assert not kept.is_protected
    assert any(entity["type"] == "spoiler" for entity in kept.entities)
    assert {"📊 Check usage", "🔁 Same again", "🧾 My orders", "🏠 Home"} <= set(labels(kept))


async def test_no_later_tap_overwrites_the_credentials(customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    kept = customer.messages[-1]

    for label in ("Check usage", "Same again", "My orders", "Home"):
        button = next(
            {"text": one["text"], "data": one["callback_data"]}
            for one in kept.buttons
            if label in one["text"]
        )
        customer.core.tap(customer.person, kept.id, button["data"])
        await customer.settle()

    now = next(one for one in customer.messages if one.id == kept.id)
    assert now.text == kept.text
    assert now.buttons == kept.buttons


@ON_SQLITE
async def test_too_little_money_is_named_and_the_way_back_opens_after_a_top_up(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("5 GB", "NodeMaven")
    assert "Price: 18.98 USD" in customer.text
    assert "Balance: 10.00 USD" in customer.text
    assert "Missing: 8.98 USD" in customer.text
    assert not any(label.startswith("Buy") for label in customer.labels)
    assert "1 GB · 4.03 USD" in customer.labels

    await customer.tap("Write to the owner")
    await customer.send("I have sent you 9")
    assert "Alice (1001, @alice) asks:" in owner.messages[-1].text
    await owner.tap("Top up")
    await owner.send("8.98")
    await owner.tap("Confirm")

    assert "8.98 USD is added to your balance. You have 18.98 USD now." in customer.text
    assert "You wanted NodeMaven 5 GB for 18.98 USD." in customer.text
    await customer.tap("Back to NodeMaven 5 GB")
    assert "Balance: 18.98 USD → 0.00 USD" in customer.text
    await customer.tap("Buy for 18.98 USD")
    assert await customer.balance() == usd("0")
    assert len(sandbox.orders) == 1
    await customer.send("/start")
    assert not any(label.startswith("🔁") for label in customer.labels)


@ON_SQLITE
async def test_home_leads_back_to_the_plan_that_the_balance_covers_now(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.open("5 GB", "NodeMaven")
    await app.top_up(customer, "20")

    await customer.send("/start")

    assert "Your balance now covers NodeMaven 5 GB." in customer.text
    await customer.tap("🔁 NodeMaven 5 GB")
    assert "Buy for 18.98 USD" in customer.labels
    await customer.send("/start")
    assert "Your balance now covers" not in customer.text


@ON_SQLITE
async def test_home_leads_back_to_no_plan_after_another_one_was_bought(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.open("5 GB", "NodeMaven")
    await app.top_up(customer, "20")

    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/start")

    assert "Your balance now covers" not in customer.text
    assert await customer.balance() == usd("25.97")


async def test_money_that_went_elsewhere_meanwhile_is_missing_at_the_tap(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("5 GB", "DataImpulse")
    first = customer.button("Buy")
    await customer.buy("1 GB", "NodeMaven")

    await customer.press(first)

    assert "Missing: 0.36 USD" in customer.text
    assert await customer.balance() == usd("5.97")
    assert len(sandbox.orders) == 1


@ON_SQLITE
@pytest.mark.parametrize(
    ("cost", "price"), [("3.60", "4.14"), ("3.00", "3.45")], ids=["up", "down"]
)
async def test_a_price_that_changed_before_the_tap_is_asked_about(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox, cost: str, price: str
) -> None:
    await customer.open("1 GB", "NodeMaven")
    sandbox.set_price("nodemaven", "1", cost)
    await app.refresh()

    await customer.tap("Buy")

    assert "The price has changed. Nothing was charged." in customer.text
    assert f"Price: 4.03 USD → {price} USD" in customer.text
    assert await customer.balance() == usd("10")
    await customer.tap(f"Buy for {price} USD")
    assert await customer.balance() == usd("10") - usd(price)
    assert len(sandbox.orders) == 1


async def test_a_price_that_rose_before_the_placing_is_asked_about_in_the_notice(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    app.clock.turn(100)
    sandbox.set_price("nodemaven", "1", "4.00")

    await customer.tap("Buy for 4.03 USD")

    notice = customer.messages[-1]
    assert "Not charged: 4.03 USD for order #1" in notice.text
    assert "Reason: the price rose before it was placed." in notice.text
    assert "The price was 4.03 USD and is 4.60 USD now." in notice.text
    assert await customer.balance() == usd("10")
    assert sandbox.orders == []
    await customer.tap("Buy for 4.60 USD")
    assert await customer.balance() == usd("5.40")
    screen, kept = customer.messages[-2:]
    assert "Order #2 is delivered." in screen.text
    assert "Password:" in kept.text
    assert [one.state for one in await app.orders(customer)] == ["delivered", "released"]


async def test_the_buy_button_of_a_notice_buys_once(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    app.clock.turn(100)
    sandbox.set_price("nodemaven", "1", "4.00")
    await customer.tap("Buy for 4.03 USD")
    buy = customer.button("Buy for 4.60 USD")

    await asyncio.gather(*(customer.press(buy) for _ in range(5)))

    assert len(sandbox.orders) == 1
    assert await customer.balance() == usd("5.40")


async def test_a_price_that_fell_before_the_placing_changes_nothing(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    app.clock.turn(100)
    sandbox.set_price("nodemaven", "1", "3.00")

    await customer.tap("Buy for 4.03 USD")

    assert await app.state(customer) is OrderState.DELIVERED
    assert await customer.balance() == usd("5.97")


async def test_the_same_plan_a_moment_later_is_asked_about(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")

    await customer.buy("1 GB", "NodeMaven")

    assert "You ordered this plan a moment ago. Nothing more was charged." in customer.text
    assert len(sandbox.orders) == 1
    await customer.tap("One more")
    assert "This would be one more." in customer.text
    await customer.tap("Buy for 4.03 USD")
    assert len(sandbox.orders) == 2
    assert await customer.balance() == usd("1.94")


@ON_SQLITE
async def test_same_again_opens_the_plan_at_todays_price(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    sandbox.set_price("nodemaven", "1", "3.60")
    await app.pass_time(75)

    await customer.tap("Same again")

    assert "Price: 4.14 USD" in customer.text
    assert len(sandbox.orders) == 1
    await customer.tap("Buy for 4.14 USD")
    assert await customer.balance() == usd("1.83")


async def test_a_button_never_buys_another_size_than_it_said(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    buy = customer.button("Buy")
    sandbox.plan("nodemaven", "1").traffic = "500 MB"
    await app.refresh()

    await customer.press(buy)

    assert customer.text.startswith("The plan has changed. Nothing was charged.")
    assert "NodeMaven · 500 MB" in customer.text
    assert "Price: 4.03 USD" in customer.text
    assert not sandbox.orders
    assert await customer.balance() == usd("10")
    await customer.tap("Buy for 4.03 USD")
    assert [one.title for one in await app.orders(customer)] == ["500 MB"]


async def test_tapping_buy_twice_buys_once(customer: Customer, sandbox: GateProxySandbox) -> None:
    await customer.open("1 GB", "NodeMaven")
    buy = customer.button("Buy")

    await asyncio.gather(customer.press(buy), customer.press(buy))
    await customer.press(buy)

    assert len(sandbox.orders) == 1
    assert await customer.balance() == usd("5.97")
    assert "Order #1 is delivered." in customer.text


async def test_fifty_taps_at_once_get_fifty_equal_answers(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await app.top_up(customer, "500")
    await customer.open("1 GB", "NodeMaven")
    buy = customer.button("Buy")
    before = len(edits(app, customer))

    answers = await asyncio.gather(*(customer.press(buy) for _ in range(50)))

    said = edits(app, customer)[before:]
    accepted = [text for text in said if "Order #1 is accepted." in text]
    assert len(accepted) == 50
    assert len(set(accepted)) == 1
    assert {answer.text for answer in answers if answer is not None} == {""}
    assert len(sandbox.orders) == 1
    assert await customer.balance() == usd("505.97")


async def test_twenty_customers_at_once_are_served_in_order(
    app: ShopFloor, sandbox: GateProxySandbox
) -> None:
    buyers = []
    for number in range(20):
        person = type(BORIS)(3000 + number, f"Buyer {number}", f"buyer_{number}")
        buyer = Customer(app.core, app.settle, person, app.balance_of)
        app.core.send(person, "/start")
        buyers.append(buyer)
    await app.settle()
    for buyer in buyers:
        await app.bench.top_up((await app.shop.customers.find(str(buyer.id))).id, "5")
    await app.settle()
    for buyer in buyers:
        app.core.send(buyer.person, f"/start l_{app.plan_id('nodemaven', '1')}")
    await app.settle()

    for buyer in buyers:
        button = buyer.button("Buy")
        app.core.tap(buyer.person, button.message_id, button.data)
    await app.settle()

    placed = sorted([await app.order(buyer) for buyer in buyers], key=lambda one: one.id)
    assert [one.upstream_order_id for one in placed] == [one.reference for one in sandbox.orders]
    assert {str(await buyer.balance()) for buyer in buyers} == {str(usd("0.97"))}
    for buyer in buyers:
        assert "Password:" in buyer.messages[-1].text


async def test_a_second_customer_waits_in_line_and_sees_the_place(
    app: ShopFloor, customer: Customer, boris: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(status=409, code="order_processing", times=3))
    await customer.buy("1 GB", "NodeMaven")
    await boris.send("/start")
    await boris.send(f"/start l_{app.plan_id('nodemaven', '1')}")

    await boris.tap("Купить")

    assert "Ваше место в очереди: 2." in edits(app, boris)[-1]
    await app.pass_time(30)
    assert await app.state(customer) is OrderState.DELIVERED
    assert await app.state(boris) is OrderState.DELIVERED
    assert len(sandbox.orders) == 2


@ON_SQLITE
async def test_an_eleventh_open_order_is_refused(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(status=409, code="order_processing", times=10**6))
    await app.top_up(customer, "500")
    for _ in range(10):
        app.clock.turn(11)
        await app.show(customer, "nodemaven", "0.120")
        await customer.tap("Buy")

    app.clock.turn(11)
    await app.show(customer, "nodemaven", "0.120")
    await customer.tap("Buy")

    assert "You have many open orders already. Nothing more was charged." in customer.text
    assert len(await app.orders(customer)) == 8
    sandbox.faults.clear()
    await app.pass_time(60)


@ON_SQLITE
async def test_a_cd_key_waits_behind_a_tap(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("25 IPs", "9Proxy CD Key")
    assert "You get a code to redeem. Once shown, it cannot be taken back." in customer.text
    await customer.tap("Buy")
    key = "9P-"
    assert "Your code is ready." in customer.messages[-1].text
    assert not any(key in one.text for one in customer.messages)

    await customer.tap("Show the code")

    shown = customer.messages[-1]
    assert key in shown.text
    assert "Open Dashboard, then Share Code." in shown.text
    assert copied(shown)["📋 Copy the code"].startswith(key)
    assert (await app.order(customer)).shown_at is not None
    assert "📊 Check usage" not in labels(shown)
    await customer.send("/start o_1")
    await customer.tap("Show the code")
    assert customer.messages[-1].text == shown.text


async def test_several_proxies_come_as_lines(customer: Customer, app: ShopFloor) -> None:
    await app.top_up(customer, "10")

    await customer.buy("5 IPs, 30 days", "ProxySeller")

    kept = customer.messages[-1]
    assert "5 proxies" in kept.text
    assert kept.text.count("203.0.113.") == 5


@ON_SQLITE
@pytest.mark.parametrize(
    ("provider", "plan"),
    [("ABC Proxy", "1 GB"), ("9Proxy", "1 GB"), ("ProxySeller", "1 GB"), ("NodeMaven", "120 MB"),
     ("DataImpulse", "1 GB"), ("9Proxy CD Key", "25 IPs")],
)  # fmt: skip
async def test_every_provider_delivers(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox, provider: str, plan: str
) -> None:
    await customer.buy(plan, provider)

    assert await app.state(customer) is OrderState.DELIVERED
    assert len(sandbox.orders) == 1


async def test_a_customer_who_blocked_the_bot_gets_the_credentials_at_the_next_contact(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.open("1 GB", "NodeMaven")
    buy = customer.button("Buy")
    app.core.tap(customer.person, buy.message_id, buy.data)
    await app.telegram.polling.once()
    await app.telegram.polling.drawn()
    app.core.block(customer.person)
    await app.settle()
    assert not any("Password:" in one.text for one in customer.messages)
    assert await app.state(customer) is OrderState.DELIVERED

    await customer.unblock()

    assert "Password:" in customer.messages[-1].text
    assert sum("Password:" in one.text for one in customer.messages) == 1

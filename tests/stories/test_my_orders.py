"""My orders: found again, shown again to the buyer alone, and complained about."""

from __future__ import annotations

import asyncio

from bot.callbacks import MyOrders
from bot.domain.money import usd
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, labels
from tests.telegram import Customer


@ON_SQLITE
async def test_before_the_first_order_the_list_leads_to_the_shelf(customer: Customer) -> None:
    await customer.send("/orders")

    assert "No orders yet." in customer.text
    await customer.tap("Browse")
    assert "Providers" in customer.text


async def test_orders_stand_newest_first_on_pages(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    for _ in range(9):
        app.clock.turn(11)
        await app.show(customer, "nodemaven", "0.120")
        await customer.tap("Buy")

    await customer.send("/orders")

    assert [label for label in customer.labels if "#" in label] == [
        f"✅ #{number} · NodeMaven 120 MB" for number in range(9, 1, -1)
    ]
    assert "#9: delivered, 0.52 USD" in customer.text
    await customer.tap("Older")
    assert [label for label in customer.labels if "#" in label] == ["✅ #1 · NodeMaven 120 MB"]
    await customer.tap("Newest")
    assert "#9: delivered" in customer.text
    await customer.press(MyOrders(before=1).pack())
    assert "No older orders." in customer.text
    assert len(sandbox.orders) == 9


async def test_an_order_shows_its_state_price_and_time(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/orders")

    await customer.tap("#1")

    assert "Order #1 is delivered." in customer.text
    assert "NodeMaven · 1 GB, 4.03 USD, 22 Nov 2026, 10:00 UTC" in customer.text
    assert {
        "🔑 Show credentials",
        "📊 Check usage",
        "🔁 Same again",
        "🆘 Something is wrong",
    } <= set(customer.labels)


async def test_credentials_are_shown_again_in_a_message_of_their_own(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    first = customer.messages[-1]
    app.clock.turn(90 * 86400)
    await customer.send("/orders")
    await customer.tap("#1")
    bubbles = len(customer.messages)

    await customer.tap("Show credentials")

    assert len(customer.messages) == bubbles + 1
    assert customer.messages[-1].text == first.text
    assert labels(customer.messages[-1]) == labels(first)


async def test_an_order_that_was_not_charged_says_why(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(status=400, code="invalid_plan"))
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/orders")
    assert "#1: not charged, 4.03 USD" in customer.text

    await customer.tap("↩️ #1")

    assert "Not charged: 4.03 USD is back in your balance." in customer.text
    assert "the provider no longer sells this plan" in customer.text
    assert not any("credentials" in label for label in customer.labels)


async def test_something_is_wrong_is_told_to_the_owners_once_with_the_last_usage(
    app: ShopFloor, customer: Customer, owner: Customer, other_owner: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    app.clock.turn(6 * 3600)
    await customer.send("/start o_1")
    await customer.tap("Check usage")
    await customer.send("/start o_1")
    wrong = customer.button("Something is wrong")

    await asyncio.gather(*(customer.press(wrong) for _ in range(3)))

    assert customer.alert == "The owner has been told about order #1 and will look at it."
    assert customer.answers[-1] is not None
    assert customer.answers[-1].show_alert
    assert "Order #1 is delivered." in customer.text
    for reader in (owner, other_owner):
        told = [one.text for one in reader.messages if "something is wrong" in one.text]
        assert len(told) == 1
        assert "Alice (1001, @alice)" in told[0]
        assert "NodeMaven 1 GB for 4.03 USD" in told[0]
        assert "used" in told[0]
        assert "left" in told[0]
        assert "fc94b52dec05" not in told[0]
    await owner.tap("Reply")
    await owner.send("Try it again now")
    assert "Try it again now" in customer.messages[-1].text


async def test_a_complaint_while_a_person_checks_leaves_the_screen_alive(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(pending=4))
    await customer.buy("1 GB", "NodeMaven")
    assert "Order #1 is being prepared" in customer.text
    living = customer.message.id

    await customer.tap("Something is wrong")
    await app.pass_time(60)

    screen = next(one for one in customer.messages if one.id == living)
    assert "Order #1 is delivered." in screen.text
    assert await customer.balance() == usd("5.97")

"""An owner decides about orders: the inbox, an order's history, and the way money comes back."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bot.callbacks import (
    Bind,
    GiveBack,
    HandOver,
    KeepWaiting,
    OwnerOrder,
    RefundFor,
    ShowCode,
    ShowStrays,
)
from bot.domain.money import usd
from bot.domain.orders import OrderId, OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor
from tests.telegram import ALICE, Customer


async def buy_elsewhere(sandbox: GateProxySandbox) -> str:
    """Somebody else orders the same plan on the bot's account."""
    answer = await sandbox.handle(
        httpx.Request(
            "POST",
            "http://sandbox/orders",
            headers={"Authorization": f"Bearer {TOKEN}"},
            json={"provider": "nodemaven", "plan": "1"},
        )
    )
    return str(json.loads(answer.content)["order_id"])


async def two_fit(app: ShopFloor, customer: Customer) -> None:
    """An order of Alice's under review: its answer got lost, and two upstream orders fit."""
    app.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    await customer.buy("1 GB", "NodeMaven")
    app.strays.add(await buy_elsewhere(app.sandbox))
    await app.pass_time(5)
    assert await app.state(customer) is OrderState.REVIEW


async def unknown(app: ShopFloor, customer: Customer) -> None:
    """An order of Alice's under review that nothing in the upstream's list fits."""
    app.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await customer.buy("1 GB", "NodeMaven")
    await app.shop.placing.review(OrderId(1), "no_listing")
    await app.settle()
    assert await app.state(customer) is OrderState.REVIEW


async def test_an_order_under_review_is_announced_to_everybody(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await two_fit(app, customer)

    assert "A person is checking your order #1. Your money is held." in customer.text
    assert await app.held(customer) == usd("4.03")
    for one in (owner, other_owner):
        alarm = next(each.text for each in one.messages if "Order #1 needs you." in each.text)
        assert "NodeMaven 1 GB for 4.03 USD, Alice (1001, @alice)." in alarm
        assert "more upstream orders fit than orders wait for one" in alarm
    await owner.send("/shop")
    assert "1 order needs you." in owner.text
    await owner.tap("Inbox (1)")
    assert "#1 · NodeMaven 1 GB for 4.03 USD · Alice (1001, @alice)" in owner.text
    assert "2 upstream orders fit" in owner.text
    app.strays |= {one.reference for one in app.sandbox.orders}


async def test_an_order_is_bound_to_an_upstream_order_and_delivered(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await two_fit(app, customer)
    ours = app.sandbox.orders[0].reference
    await owner.send("/order 1")
    await owner.tap("Bind")
    assert ours in owner.text
    assert "Bind charges the customer" in owner.text

    bind = owner.button(f"Bind {ours}")
    await owner.press(bind)
    await app.pass_time(5)

    order = await app.order(customer)
    assert (order.state, order.upstream_order_id) == (OrderState.DELIVERED, ours)
    assert "gate.nodemaven.com" in customer.messages[-1].text
    assert "Olga" in other_owner.messages[-1].text
    assert "Order #1, NodeMaven 1 GB:" in other_owner.messages[-1].text
    await owner.press(bind)
    await other_owner.press(Bind(order=1, upstream_order=1).pack())
    await other_owner.press(GiveBack(order=1, sure=True).pack())
    assert await app.state(customer) is OrderState.DELIVERED
    assert sum("gate.nodemaven.com" in each.text for each in customer.messages) == 1


@ON_SQLITE
async def test_an_upstream_order_serves_one_order_only(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    app.clock.turn(60)
    await two_fit(app, customer)
    assert (await app.order(customer)).id == 2

    for upstream_order in (0, 1, 99, 2**53):
        await owner.press(Bind(order=2, upstream_order=upstream_order).pack())

    assert await app.state(customer) is OrderState.REVIEW
    await owner.press(GiveBack(order=2, sure=True).pack())
    app.strays |= {one.reference for one in app.sandbox.orders[1:]}


async def test_an_order_is_delivered_by_hand(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await unknown(app, customer)
    await owner.send("/order #1")
    await owner.tap("Deliver by hand")
    assert "host:port:user:pass" in owner.text

    await owner.send("gate.example:8000:ann:secret-1\nand this is none")
    assert "Line 2 could not be read. Nothing was delivered." in owner.text
    assert await app.state(customer) is OrderState.REVIEW
    await owner.send("gate.example:8000:ann:secret-1\ngate.example:8000:ann:secret-2")

    assert await app.state(customer) is OrderState.DELIVERED
    kept = customer.messages[-1].text
    assert "secret-1" in kept
    assert "secret-2" in kept
    assert "Olga" in other_owner.messages[-1].text
    for one in (owner, other_owner):
        assert not any("secret-" in each.text for each in one.messages)
    assert await customer.balance() == usd("5.97")


@ON_SQLITE
async def test_a_code_is_delivered_by_hand_as_a_code(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    app.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await customer.buy("25 IPs", "9Proxy CD Key")
    await app.shop.placing.review(OrderId(1), "no_listing")
    await owner.press(HandOver(order=1).pack())

    await owner.send("9P-HAND-MADE")

    assert await app.state(customer) is OrderState.DELIVERED
    assert "9P-HAND-MADE" not in customer.messages[-1].text
    await customer.send("/orders")
    assert not any("9P-HAND-MADE" in each.text for each in owner.messages)


@ON_SQLITE
async def test_an_order_delivered_meanwhile_is_not_delivered_by_hand_again(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await unknown(app, customer)
    await owner.press(HandOver(order=1).pack())
    await other_owner.press(GiveBack(order=1, sure=True).pack())

    await owner.send("gate.example:8000:ann:secret-1")

    assert "It is too late for that." in owner.text
    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("10")


async def test_money_is_given_back_after_asking_once_more(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await unknown(app, customer)
    await owner.send("/order 1")
    await owner.tap("Give money back")
    assert "Give the money of order #1 back?" in owner.text
    await owner.tap("Keep it")
    assert await app.state(customer) is OrderState.REVIEW
    await owner.tap("Give money back")
    sure = owner.button("Give back")

    await asyncio.gather(*(owner.press(sure) for _ in range(3)), other_owner.press(sure.data))

    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("10")
    assert await app.held(customer) == usd("0")
    told = [each.text for each in customer.messages if "4.03 USD is back" in each.text]
    assert len(told) == 1
    assert "the owner gave the money back" in told[0]
    assert any("gave the money back" in each.text for each in other_owner.messages)


async def test_waiting_on_lets_the_bot_find_it(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await unknown(app, customer)
    await buy_elsewhere(app.sandbox)
    await owner.send("/order 1")

    await owner.tap("Keep waiting")
    await app.pass_time(5)

    assert await app.state(customer) is OrderState.DELIVERED
    assert "Olga" in other_owner.messages[-1].text
    await owner.press(KeepWaiting(order=1).pack())
    assert await app.state(customer) is OrderState.DELIVERED


async def test_the_history_of_an_order_holds_no_credential(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    (_, delivery) = await app.shop.orders.delivery(
        (await app.order(customer)).customer, OrderId(1)
    )

    await owner.send("/order 1")

    for words in (
        "Alice (1001, @alice)", "4.03 USD", "3.50 USD", app.sandbox.orders[0].reference,
        "delivered", "held", "charged", "paid to the upstream", "credentials",
    ):  # fmt: skip
        assert words in owner.text
    (proxy,) = delivery.proxies  # type: ignore[union-attr]
    for one in owner.messages:
        assert proxy.password not in one.text
        assert proxy.username not in one.text
        assert proxy.host not in one.text
    for words in ("", "x", "0", "-1", "1.0", "2", "9" * 15, "9" * 30, "\uff11", "#", "1 2", "1;"):
        await owner.send(f"/order {words}")
        assert "Order #1" not in owner.text


async def test_a_delivered_order_is_refunded_once_with_a_reason(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await owner.send("/order 1")
    await owner.tap("Refund")
    assert "Why is order #1 refunded?" in owner.text
    await owner.send("r" * 201)
    assert "at most 200 characters" in owner.text
    await owner.send("it <never> worked")
    assert "4.03 USD goes back to Alice (1001, @alice)." in owner.text
    assert "Reason: it <never> worked" in owner.text
    assert await customer.balance() == usd("5.97")
    confirm = owner.button("Confirm")

    await asyncio.gather(*(owner.press(confirm) for _ in range(3)))

    assert "Order #1 is refunded: 4.03 USD is back" in owner.text
    assert await customer.balance() == usd("10")
    assert await app.state(customer) is OrderState.REFUNDED
    told = [each.text for each in customer.messages if "is refunded" in each.text]
    assert len(told) == 1
    assert "Reason: it <never> worked" in told[0]
    assert "Olga" in other_owner.messages[-1].text
    await owner.press(RefundFor(order=1).pack())
    await owner.send("again")
    assert "It is too late for that." in owner.text
    await customer.send("/orders")
    await customer.tap("1 GB")
    await owner.send("/shop")
    assert "Today (UTC): 1 order, 0.00 USD in sales, -3.50 USD in profit." in owner.text


async def test_a_refunded_code_is_shown_only_to_whoever_saw_it_before(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.buy("25 IPs", "9Proxy CD Key")
    await owner.press(RefundFor(order=1).pack())
    await owner.send("not needed")
    assert "The customer has not seen the code yet, and cannot after the refund." in owner.text
    await owner.tap("Confirm")

    await customer.tap("Show the code")
    assert "It is too late for that." in customer.text
    assert not any("Your code:" in each.text for each in customer.messages)

    app.clock.turn(11)
    await customer.buy("25 IPs", "9Proxy CD Key")
    await customer.tap("Show the code")
    await owner.press(RefundFor(order=2).pack())
    await owner.send("goodwill")
    assert "The customer saw the code at " in owner.text
    await owner.tap("Confirm")
    await customer.press(ShowCode(order=2).pack())
    assert "Your code:" in customer.messages[-1].text
    assert await customer.balance() == usd("10")


@ON_SQLITE
async def test_two_refunds_of_one_order_pay_once(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    for one in (owner, other_owner):
        await one.press(RefundFor(order=1).pack())
        await one.send("broken")
    assert "Refund order #1?" in other_owner.text
    ours, theirs = owner.button("Confirm"), other_owner.button("Confirm")
    await owner.press(theirs.data)
    assert await customer.balance() == usd("5.97")

    await asyncio.gather(owner.press(ours), other_owner.press(theirs))
    await other_owner.press(theirs)

    assert await customer.balance() == usd("10")


@ON_SQLITE
async def test_decisions_about_orders_that_are_not_there_change_nothing(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    for order in (0, 1, 2, 2**53):
        for payload in (
            ShowStrays(order=order),
            HandOver(order=order),
            GiveBack(order=order, sure=False),
            GiveBack(order=order, sure=True),
            KeepWaiting(order=order),
            Bind(order=order, upstream_order=1),
            RefundFor(order=order),
        ):
            await owner.press(payload.pack())
    await owner.press(OwnerOrder(order=7).pack())
    assert "There is nothing here." in owner.text
    await owner.press(HandOver(order=1).pack())
    await owner.send("gate.example:8000:ann:secret")

    assert await app.state(customer) is OrderState.DELIVERED
    assert await customer.balance() == usd("5.97")


@pytest.mark.parametrize("words", ["/block 1001", "/block @alice"])
@ON_SQLITE
async def test_a_blocked_customer_keeps_what_was_bought_and_nothing_else(
    app: ShopFloor, owner: Customer, customer: Customer, words: str
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.open("500 MB", "NodeMaven")
    buy = customer.button("Buy")

    await owner.send(words)
    assert "Alice (1001, @alice) is blocked." in owner.text
    await customer.press(buy)
    assert "Buying and writing are switched off for you." in customer.text
    await customer.send("hello?")
    assert "Buying and writing are switched off for you." in customer.text
    assert len(app.sandbox.orders) == 1
    await customer.send("/orders")
    await customer.tap("1 GB")
    await customer.tap("redentials")
    assert "gate.nodemaven.com" in customer.messages[-1].text

    await owner.send(f"/unblock {ALICE.id}")
    assert "Alice (1001, @alice) can buy and write again." in owner.text
    await customer.press(buy)
    assert len(app.sandbox.orders) == 2


@ON_SQLITE
async def test_blocking_needs_somebody_else_who_is_known(app: ShopFloor, owner: Customer) -> None:
    for command in ("/block", "/unblock"):
        await owner.send(command)
        assert "Write whom:" in owner.text
        await owner.send(f"{command} @nobody")
        assert "Nobody with this id or @name has started the bot." in owner.text
    await owner.send(f"/block {owner.id}")
    assert "You cannot block yourself." in owner.text

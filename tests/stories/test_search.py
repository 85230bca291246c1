"""Search: customers find their own orders, owners find any, and nothing lies in the open."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from bot.callbacks import Found, OwnerWallet
from bot.domain.formats import Format, Formatting
from bot.domain.orders import Credentials, OrderId
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, copied
from tests.stories.test_owner_orders import buy_elsewhere
from tests.telegram import Customer

HOST = "gate.nodemaven.com"


async def bought(app: ShopFloor, customer: Customer) -> tuple[str, str]:
    """The username and the password of a bought gigabyte."""
    await customer.buy("1 GB", "NodeMaven")
    told = dict(
        line.split(": ", 1) for line in customer.messages[-1].text.splitlines() if ": " in line
    )
    return told["Username"], told["Password"]


async def test_an_order_is_found_by_all_that_a_customer_has_of_it(
    app: ShopFloor, customer: Customer
) -> None:
    username, password = await bought(app, customer)
    await app.show(customer, "dataimpulse", "1")
    await customer.tap("Buy")

    for words in (
        *("#1", "1", "NodeMaven", "nodemaven", "NODE", HOST, HOST.upper(), f"{HOST}:8080"),
        *(username, username.upper(), f"{HOST}:8080:{username}:{password}"),
        f"http://{username}:{password}@{HOST}:8080",
    ):
        await customer.send("/orders")
        await customer.tap("Find")
        assert "Find an order" in customer.text
        await customer.send(words)
        assert "#1" in customer.text, words
        assert "#2" not in customer.text, words
        assert password not in customer.text
    await customer.tap("#1")
    assert "Order #1 is delivered." in customer.text


async def test_nobody_finds_somebody_elses_order(
    app: ShopFloor, customer: Customer, boris: Customer
) -> None:
    username, _ = await bought(app, customer)
    await customer.send(f"/find {username}")
    assert "Found orders: Proxy" in customer.text
    term = next(one.data for one in customer.buttons if "#1" in one.label)
    assert term == "order:1"

    for words in ("#1", "NodeMaven", HOST, username, "4.03", "@alice", "1001"):
        await boris.send(f"/find {words}")
        assert "ничего не найдено" in boris.text, words
    for by, value in (("p", "4"), ("a", "4030000"), ("c", "1001"), ("o", "1"), ("x", "1")):
        await boris.press(Found(by=by, value=value, before=0).pack())
        assert "#1" not in boris.text, by
        assert "№1" not in boris.text, by


async def test_a_line_is_found_in_the_format_that_it_was_delivered_in(
    app: ShopFloor, customer: Customer
) -> None:
    username, password = await bought(app, customer)
    _, delivery = await app.shop.orders.delivered(OrderId(1))
    assert isinstance(delivery, Credentials)

    for one in (Format.LINE, Format.URL, Format.CURL, Format.PYTHON):
        for line in Formatting(one).together(delivery.proxies).splitlines():
            if username not in line:
                continue
            await customer.send(f"/find {line}")
            assert "Found orders: Proxy" in customer.text, line
            assert "#1" in customer.text, line
            assert password not in customer.text


async def test_a_line_with_another_country_and_session_is_found(
    app: ShopFloor, customer: Customer, owner: Customer, boris: Customer
) -> None:
    username, password = await bought(app, customer)
    await customer.tap("Country and session")
    await customer.tap("10 min")
    await customer.tap("Make it")
    made = copied(customer.messages[-1])["📋 Copy all"]
    built = made.split(":")[2]
    assert built.startswith(f"{username}-sid-")

    for words in (built, built.upper(), made, built.partition("-")[0]):
        for whoever in (customer, owner):
            await whoever.send(f"/find {words}")
            assert "#1" in whoever.text, words
            assert password not in whoever.text
        await boris.send(f"/find {words}")
        assert "ничего не найдено" in boris.text


async def test_a_number_is_found_as_the_shop_writes_it_in_russian(
    app: ShopFloor, boris: Customer, owner: Customer
) -> None:
    await app.show(boris, "nodemaven", "1")
    await boris.tap("Купить")
    assert "Заказ №1" in " ".join(one.text for one in boris.messages)

    await boris.send("/find №1")
    assert "Заказ №1" in boris.text
    for words in ("/find №1", "/order №1"):
        await owner.send(words)
        assert "Order #1" in owner.text, words


async def test_owners_find_an_order_by_everything_that_is_known_of_it(
    app: ShopFloor, customer: Customer, boris: Customer, owner: Customer
) -> None:
    username, _ = await bought(app, customer)
    await app.show(boris, "dataimpulse", "1")
    await boris.tap("Купить")
    reference = app.sandbox.orders[0].reference

    for words in ("#1", reference):
        await owner.send(f"/find {words}")
        assert "Order #1" in owner.text, words
        assert "Alice" in owner.text
    for words in (
        HOST,
        username,
        "4.03",
        "4,03 USD",
        "4.03 usdt",
        "@alice",
        "alice",
        "1001",
        "NodeMaven",
    ):
        await owner.send(f"/find {words}")
        assert "#1: Alice (1001, @alice), NodeMaven · 1 GB" in owner.text, words
        assert "#2" not in owner.text, words
    await owner.tap("#1")
    assert "Order #1" in owner.text


async def test_owners_find_people_and_their_money(
    app: ShopFloor, customer: Customer, boris: Customer, owner: Customer
) -> None:
    await owner.send("/topup @boris 7.25 cash on the fair")
    await owner.tap("Confirm")

    await owner.send("/find @boris")
    assert "No orders yet." in owner.text
    await owner.tap("Balance")
    assert "Борис" in owner.text
    assert "cash on the fair" in owner.text
    assert any("Top up" in label for label in owner.labels)

    for words in ("7.25", "7,25 USD"):
        await owner.send(f"/find {words}")
        assert "Top-ups and debits of 7.25 USD" in owner.text, words
        assert "+7.25 USD, cash on the fair" in owner.text
    await owner.tap("Борис")
    assert "cash on the fair" in owner.text

    await customer.press(Found(by="m", value="7250000", before=0).pack())
    assert "cash on the fair" not in customer.text
    await customer.press(OwnerWallet(customer=boris.person.id, before=0).pack())
    assert "cash on the fair" not in customer.text


async def test_owners_find_an_upstream_order_that_is_none_of_ours(
    app: ShopFloor, customer: Customer, owner: Customer
) -> None:
    stray = await buy_elsewhere(app.sandbox)
    app.strays.add(stray)
    await app.pass_time(700)

    await owner.send(f"/find {stray}")

    assert "no order of the shop is bound to it" in owner.text
    assert stray in owner.text
    await customer.send(f"/find {stray}")
    assert "Nothing found" in customer.text
    await customer.press(Found(by="u", value="1", before=0).pack())
    assert stray not in customer.text


async def test_words_that_can_mean_several_things_are_asked_about(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "9Proxy")
    await customer.buy("25 IPs", "9Proxy CD Key")

    await customer.send("/find proxy")

    assert "“proxy” can mean this:" in customer.text
    await customer.tap("Provider 9Proxy CD Key")
    assert "#2" in customer.text
    assert "#1" not in customer.text


async def test_found_orders_stand_on_pages(app: ShopFloor, customer: Customer) -> None:
    for _ in range(9):
        app.clock.turn(11)
        await app.show(customer, "nodemaven", "0.120")
        await customer.tap("Buy")

    await customer.send(f"/find {HOST}")

    assert "#9:" in customer.text
    assert "#1:" not in customer.text
    await customer.tap("Older")
    assert "#1:" in customer.text
    assert "#2:" not in customer.text
    await customer.tap("Newest")
    assert "#9:" in customer.text


@ON_SQLITE
@pytest.mark.parametrize("words", ["nobody", "999", "a\nb", "x" * 301, "9.99", "\u202e", "%", "_"])
async def test_nothing_found_leads_on(app: ShopFloor, customer: Customer, words: str) -> None:
    await customer.send("/orders")
    await customer.send("/find")
    await customer.send(words)

    assert "Nothing found" in customer.text or "This cannot be looked for." in customer.text
    assert {"🧾 My orders", "🛒 Browse"} <= set(customer.labels)
    # The question is still open.
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/find")
    await customer.send("nobody")
    await customer.send("1")
    assert "Order #1 is delivered." in customer.text


@ON_SQLITE
async def test_host_and_username_lie_nowhere_in_the_open(
    app: ShopFloor, customer: Customer
) -> None:
    username, password = await bought(app, customer)

    with closing(sqlite3.connect(app.shop.database.file)) as connection:
        dump = "\n".join(connection.iterdump())

    assert "search_terms" in dump
    for secret in (username, password, HOST):
        assert secret not in dump

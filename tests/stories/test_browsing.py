"""Looking around: Home, links, providers and plans, and a catalogue that grows old."""

from __future__ import annotations

import httpx
import pytest

from bot.domain.money import usd
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

NO_PRICES = Fault(method="GET", path="/p*", times=10**6, error=httpx.ReadTimeout("silence"))


@pytest.fixture(autouse=True)
def _fresh_fault() -> None:
    NO_PRICES.times = 10**6


async def test_the_first_screen_greets_and_shows_the_balance(customer: Customer) -> None:
    await customer.send("/start")

    assert "Hello, Alice!" in customer.text
    assert "Balance: 10.00 USD" in customer.text
    assert customer.labels == [
        "🛒 Browse", "🧾 My orders", "📊 Check usage", "💰 Balance", "❓ Help", "🌐 Language",
    ]  # fmt: skip


async def test_start_answers_from_any_screen_and_ends_an_open_question(
    customer: Customer, owner: Customer
) -> None:
    for command in ("/browse", "/orders", "/usage", "/balance", "/help", "/language", "/cancel"):
        await customer.send(command)
        await customer.send("/start")
        assert "Hello, Alice!" in customer.text
    await customer.tap("Help")
    await customer.tap("Write to the owner")
    heard = len(owner.messages)

    await customer.send("/start")
    await customer.send("never mind")

    assert "The shop works with buttons." in customer.text
    assert len(owner.messages) == heard


async def test_every_level_leads_back_up_and_home(customer: Customer) -> None:
    await customer.open("1 GB", "NodeMaven")

    await customer.tap("Back")
    assert customer.text.startswith("NodeMaven")
    await customer.tap("Back")
    assert customer.text.startswith("Providers")
    await customer.tap("Back")
    assert "Hello, Alice!" in customer.text
    await customer.open("1 GB", "NodeMaven")
    await customer.tap("Home")
    assert "Hello, Alice!" in customer.text


async def test_many_taps_live_in_one_message(customer: Customer) -> None:
    await customer.send("/start")
    before = len(customer.messages)

    for label in ("Browse", "NodeMaven", "1 GB", "Back", "Back", "Back", "My orders", "Back",
                  "Check usage", "Type a username", "Back", "Back", "Balance", "Back", "Help",
                  "Write to the owner", "Back", "Back", "Language", "English", "Browse",
                  "ABC Proxy", "1 GB", "Home"):  # fmt: skip
        await customer.tap(label)

    assert len(customer.messages) == before
    assert "Hello, Alice!" in customer.text


async def test_providers_say_where_usage_can_be_seen(customer: Customer) -> None:
    await customer.send("/browse")

    for provider in ("ABC Proxy", "9Proxy", "ProxySeller", "NodeMaven", "DataImpulse"):
        assert provider in customer.labels
    assert "Usage in the provider's own bot: ProxySeller" in customer.text
    assert "No usage check: 9Proxy CD Key" in customer.text


async def test_plans_stand_by_size_with_prices_of_the_markup(customer: Customer) -> None:
    await customer.send("/browse")
    await customer.tap("NodeMaven")

    assert [label for label in customer.labels if "USD" in label] == [
        "120 MB · 0.52 USD", "500 MB · 2.07 USD", "1 GB · 4.03 USD", "5 GB · 18.98 USD",
        "10 GB · 35.65 USD", "25 GB · 83.38 USD", "50 GB · 158.13 USD",
    ]  # fmt: skip


async def test_a_long_shelf_is_turned_page_by_page(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    shelf = sandbox.providers["dataimpulse"].plans
    shelf += [type(shelf[0])(f"{gb} GB", f"more-{gb}", shelf[0].price) for gb in range(200, 220)]
    await app.refresh()

    await customer.open("219 GB", "DataImpulse")

    assert "DataImpulse · 219 GB" in customer.text
    await customer.tap("Back")
    assert any("219 GB" in label for label in customer.labels)


async def test_a_plan_says_what_it_gives_costs_and_leaves(customer: Customer) -> None:
    await customer.open("1 GB", "NodeMaven")

    assert "NodeMaven · 1 GB" in customer.text
    assert "You get host, port, username and password, in this chat." in customer.text
    assert "Usage: can be checked in this chat." in customer.text
    assert "Price: 4.03 USD" in customer.text
    assert "Balance: 10.00 USD → 5.97 USD" in customer.text
    assert [label for label in customer.labels if label.startswith("Buy")] == ["Buy for 4.03 USD"]


async def test_links_open_a_provider_a_plan_and_an_order(
    app: ShopFloor, customer: Customer
) -> None:
    plan = app.plan_id("nodemaven", "1")
    provider = app.bench.offer("nodemaven", "1").plan.provider.id

    await customer.send(f"/start p_{provider}")
    assert customer.text.startswith("NodeMaven")
    await customer.send(f"/start l_{plan}")
    assert "Price: 4.03 USD" in customer.text
    await customer.tap("Buy")
    await customer.send("/start o_1")

    assert "Order #1 is delivered." in customer.text


async def test_a_link_that_means_nothing_leads_home(customer: Customer) -> None:
    for link in ("p_0", "p_-1", "p_1x", "l_", "o_1 o_2", "o_٣", "x_1", "p_1;drop", "%00", "{0}",
                 "a" * 1000, "l_9" * 300, "p_99999999999999999999", ""):  # fmt: skip
        await customer.send("/help")
        await customer.send(f"/start {link}")

        assert "Hello, Alice!" in customer.text


async def test_a_link_to_what_does_not_exist_says_so(customer: Customer) -> None:
    for link, answer in (
        ("p_999999999999999", "This cannot be bought right now. Nothing was charged."),
        ("l_999999999999999", "This cannot be bought right now. Nothing was charged."),
        ("o_999999999999999", "There is nothing here."),
    ):
        await customer.send(f"/start {link}")

        assert answer in customer.text
        await customer.tap("Home")
        assert "Hello, Alice!" in customer.text


async def test_a_plan_that_is_gone_is_not_sold(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    sandbox.providers["nodemaven"].plans.remove(sandbox.plan("nodemaven", "1"))
    await app.refresh()

    await customer.tap("Buy")

    assert "This cannot be bought right now. Nothing was charged." in customer.text
    assert await customer.balance() == usd("10")
    await customer.tap("Browse")
    await customer.tap("NodeMaven")
    assert not any(label.startswith("1 GB") for label in customer.labels)


@pytest.mark.parametrize(
    ("status", "code", "offered"),
    [(400, "invalid_plan", [True, False]), (404, "provider_not_found", [False, False])],
)
async def test_what_the_provider_says_it_does_not_sell_is_hidden_at_once(
    app: ShopFloor,
    customer: Customer,
    sandbox: GateProxySandbox,
    status: int,
    code: str,
    offered: list[bool],
) -> None:
    await customer.open("1 GB", "NodeMaven")
    sandbox.faults += [Fault(status=status, code=code), NO_PRICES]

    await customer.tap("Buy")

    shelves = {shelf.provider.code: shelf.offers for shelf in app.shop.catalog.shelves()}
    titles = [offer.plan.title for offer in shelves.get("nodemaven", ())]
    assert ["nodemaven" in shelves, "1 GB" in titles] == offered
    sandbox.faults.clear()
    await app.refresh()
    await customer.open("1 GB", "NodeMaven")
    assert "Price: 4.03 USD" in customer.text


async def test_a_plan_that_is_refused_has_the_whole_price_list_read_again(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    sandbox.providers["nodemaven"].plans.remove(sandbox.plan("nodemaven", "1"))
    sandbox.set_price("dataimpulse", "1", "100")

    await customer.tap("Buy")

    assert sandbox.count("POST") == 1
    assert app.bench.offer("dataimpulse", "1").price == usd("115")


async def test_a_provider_that_is_switched_off_is_not_shown_and_comes_back(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    confirm = customer.button("Buy")
    sandbox.set_active("nodemaven", is_active=False)
    await app.refresh()

    await customer.press(confirm)
    assert "This cannot be bought right now. Nothing was charged." in customer.text
    await customer.send("/browse")
    assert "NodeMaven" not in customer.labels

    sandbox.set_active("nodemaven", is_active=True)
    await app.refresh()
    await customer.buy("1 GB", "NodeMaven")
    assert await customer.balance() == usd("5.97")


async def test_an_old_price_is_marked_and_nothing_is_sold_at_it(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.open("1 GB", "NodeMaven")
    confirm = customer.button("Buy")
    sandbox.faults.append(NO_PRICES)
    await app.pass_time(400)

    await customer.press(confirm)
    assert "Nothing was charged." in customer.text
    await customer.open("1 GB", "NodeMaven")
    assert "Last known price: 4.03 USD" in customer.text
    assert not any(label.startswith("Buy") for label in customer.labels)
    await customer.tap("Back")
    assert "⏳ 1 GB · 4.03 USD" in customer.labels
    assert await customer.balance() == usd("10")
    assert sum("The price list is old." in one.text for one in owner.messages) == 1

    sandbox.faults.clear()
    await app.pass_time(60)
    await customer.open("1 GB", "NodeMaven")
    await customer.tap("Buy")
    assert await customer.balance() == usd("5.97")


async def test_a_catalogue_that_nobody_could_read_for_an_hour_is_gone(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    plan = app.plan_id("nodemaven", "1")
    sandbox.faults.append(NO_PRICES)

    await app.pass_time(3700)

    await customer.send("/browse")
    assert "Nothing is on sale right now." in customer.text
    await customer.send(f"/start l_{plan}")
    assert "This cannot be bought right now." in customer.text
    sandbox.faults.clear()
    await app.pass_time(60)
    await customer.send("/browse")
    assert "NodeMaven" in customer.labels


async def test_an_empty_price_list_does_not_empty_the_shop(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    providers = dict(sandbox.providers)
    sandbox.providers.clear()
    await app.pass_time(61)

    await customer.send("/browse")
    assert "NodeMaven" in customer.labels

    sandbox.providers.update(providers)


async def test_a_deleted_message_is_replaced_by_a_new_one(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.open("1 GB", "NodeMaven")
    buy = customer.button("Buy")
    app.core.delete(customer.id, buy.message_id)

    await customer.press(buy)

    assert await customer.balance() == usd("5.97")
    assert "Order #1 is delivered." in customer.messages[-2].text
    assert "Password:" in customer.messages[-1].text


async def test_words_that_answer_nothing_are_answered_kindly(customer: Customer) -> None:
    for words in ("hello", "10", "/nonsense", "<b>bold", "'; drop table orders--", "{0} %s",
                  "\u202eevil", "a" * 4096, "👍" * 50, "/start@someone_else"):  # fmt: skip
        await customer.send(words)
        assert "The shop works with buttons." in customer.text
        assert "Home" in customer.labels[-1] or "🌐 Language" in customer.labels

"""Languages: a whole journey in Russian, and the way from one language to another."""

from __future__ import annotations

import re

import httpx

from bot.demo.telegram import Person
from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, labels
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

ENGLISH = re.compile(
    r"(?<!/)\b(?:the|your|you|is|held|order|balance|provider|delivered|price)\b", re.IGNORECASE
)


async def test_a_russian_journey_from_home_to_the_credentials(
    app: ShopFloor, boris: Customer, sandbox: GateProxySandbox
) -> None:
    await boris.send("/start")
    assert "Борис" in boris.text
    assert "10,00 USD" in boris.text
    await boris.tap("Каталог")
    await boris.tap("NodeMaven")
    await boris.tap("1 GB")
    assert "4,03 USD" in boris.text
    spending = [label for label in boris.labels if label.startswith("Купить")]
    assert spending == ["Купить за 4,03 USD"]

    await boris.tap("Купить")

    kept = boris.messages[-1]
    assert "fc94b52dec05" in kept.text
    assert await boris.balance() == usd("5.97")
    assert not any(label.startswith("Купить") for label in labels(kept))
    await boris.send("/orders")
    await boris.tap("№1")
    await boris.tap("Расход")
    assert "▱" in boris.text
    await boris.send("/balance")
    assert "4,03 USD" in boris.text
    await boris.send("/help")
    await boris.send("непонятно что")
    for message in boris.messages:
        assert not ENGLISH.search(message.text), message.text
        for label in labels(message):
            assert not ENGLISH.search(label), label


async def test_trouble_is_told_in_russian_as_well(
    app: ShopFloor, boris: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await app.show(boris, "nodemaven", "1")
    await boris.tap("Купить")
    assert "15 минут" in boris.text
    await app.pass_time(16 * 60, step=120)
    assert await app.state(boris) is OrderState.RELEASED

    sandbox.faults.append(Fault(word="failed"))
    await app.show(boris, "nodemaven", "1")
    await boris.tap("Купить")
    await app.pass_time(10)
    assert await app.state(boris) is OrderState.REVIEW

    for message in boris.messages:
        assert not ENGLISH.search(message.text), message.text


async def test_each_side_reads_its_own_language(
    app: ShopFloor, boris: Customer, owner: Customer
) -> None:
    await boris.send("/help")
    await boris.tap("Написать владельцу")
    await boris.send("Здравствуйте")

    assert "asks:" in owner.messages[-1].text
    assert "Здравствуйте" in owner.messages[-1].text
    await owner.tap("Top up")
    await owner.send("5")
    await owner.tap("Confirm")
    assert "5,00 USD" in boris.messages[-1].text
    assert not ENGLISH.search(boris.messages[-1].text)


async def test_a_picked_language_stays(customer: Customer) -> None:
    await customer.send("/language")
    assert "✅ English" in customer.labels

    await customer.tap("Русский")

    assert "Здравствуйте, Alice!" in customer.text
    await customer.send("/browse")
    assert "Провайдеры" in customer.text
    await customer.send("/language")
    assert "✅ Русский" in customer.labels
    await customer.tap("English")
    assert "Hello, Alice!" in customer.text


async def test_an_unknown_language_of_the_app_means_english(app: ShopFloor) -> None:
    for number, code in enumerate(("de", "pt-BR", "", None, "xx-junk")):
        guest = await app.person(Person(6000 + number, "Guest", None, code))
        assert "Hello, Guest!" in guest.text
    cyrillic = await app.person(Person(6100, "Гость", None, "RU-ru"))
    assert "Гость" in cyrillic.text
    assert "Hello" not in cyrillic.text


async def test_a_group_gets_one_polite_line_and_no_shop(
    app: ShopFloor, customer: Customer
) -> None:
    for _ in range(3):
        app.core.send(customer.person, "/start", chat=-1001234567890)
        await app.settle()

    said = [one for one in app.core.messages(-1001234567890) if one.from_bot]
    assert [one.text for one in said] == ["The shop works in a private chat only."]

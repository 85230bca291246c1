"""A customer changes country and session of a proxy without a new order."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, copied, labels
from tests.stories.test_delivery import sent
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE


async def test_a_customer_moves_to_another_country_and_holds_an_exit(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    kept = customer.messages[-1]
    await customer.tap("Country and session")
    living = customer.message.id
    assert "Country: US, as delivered" in customer.text
    assert "Exit: a new one for each request" in customer.text
    assert "NodeMaven decides: it may have no exit there" in customer.text

    await customer.tap("Country")
    await customer.tap("DE")
    await customer.tap("10 min")
    assert customer.message.id == living
    assert "Country: 🇩🇪 DE" in customer.text
    assert "Exit: the same one for 10 min" in customer.text
    await customer.tap("Make it")

    made = customer.messages[-1]
    assert made.id != living
    assert re.fullmatch(
        r"gate\.nodemaven\.com:8080:nodemaven_3755b2-country-de-sid-\d{10}-ttl-10m:fc94b52dec05",
        copied(made)["📋 Copy all"],
    )
    assert "decides" in made.text
    assert next(one for one in customer.messages if one.id == kept.id).text == kept.text
    assert len(await app.orders(customer)) == 1
    assert await customer.balance() == (await app.balance_of(customer.id))


async def test_sticky_lines_are_as_many_as_asked_and_all_different(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "DataImpulse")
    await customer.tap("Country and session")
    await customer.tap("30 min")
    await customer.tap("50 lines")
    assert "Lines: 50, each with an exit of its own" in customer.text

    await customer.tap("Make it")
    first = sent(app, customer.messages[-1]).data.decode().splitlines()
    await customer.tap("Choose again")
    await customer.tap("Make it")
    second = sent(app, customer.messages[-1]).data.decode().splitlines()

    assert len({*first, *second}) == 100
    form = r"gw\.dataimpulse\.com:823:\w+__cr\.us;sessid\.\d{10}:\w+"
    assert all(re.fullmatch(form, line) for line in first + second)


async def test_lines_come_in_the_customers_format(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "DataImpulse")
    await customer.tap("Formats and files")
    await customer.tap("URL")
    await customer.tap("Country and session")
    await customer.tap("30 min")

    await customer.tap("Make it")

    assert "__cr.us%3Bsessid." in copied(customer.messages[-1])["📋 Copy all"]


@pytest.mark.parametrize(
    ("provider", "tail"),
    [("NodeMaven", "-country-se:"), ("9Proxy", "-country-se:"), ("DataImpulse", "__cr.se:"),
     ("ProxySeller", "_c_SE:")],
)  # fmt: skip
async def test_a_country_can_be_typed(
    app: ShopFloor, customer: Customer, provider: str, tail: str
) -> None:
    await customer.buy("1 GB", provider)
    await customer.tap("Country and session")
    await customer.tap("Country")
    await customer.send("Sweden")
    assert "This is not a country." in customer.text

    await customer.send("Se")
    await customer.tap("Make it")

    assert tail in copied(customer.messages[-1])["📋 Copy all"]


@pytest.mark.parametrize(
    ("plan", "provider"),
    [("1 GB", "ABC Proxy"), ("5 IPs, 30 days", "ProxySeller"), ("25 IPs", "9Proxy CD Key")],
)
async def test_what_no_good_source_describes_stays_as_delivered(
    app: ShopFloor, customer: Customer, plan: str, provider: str
) -> None:
    await app.top_up(customer, "10")
    await customer.buy(plan, provider)

    assert "🌍 Country and session" not in labels(customer.messages[-1])
    before = len(customer.messages)
    for data in ("taste:1:de:0:1", "land:1:0:0", "make:1:de:0:1"):
        await customer.press(data)
    assert not any("country and session" in one.text for one in customer.messages[before - 1 :])


@pytest.mark.parametrize(
    "data",
    ["make:1:de:0:1000000", "make:1:de:10:0", "make:1:de:11:1", "make:1:-sid-x:0:1",
     "taste:1:de<b>:0:1", "taste:1::0:2", "make:2:de:0:1", "land:1:0:9007199254740992"],
)  # fmt: skip
async def test_a_made_up_button_makes_nothing(
    app: ShopFloor, customer: Customer, data: str
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Country and session")
    before = len(customer.messages)

    await customer.press(data)

    assert len(customer.messages) == before
    assert "sid" not in customer.text


async def test_nobody_shapes_somebody_elses_proxy(
    app: ShopFloor, customer: Customer, boris: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")

    for data in ("taste:1:de:0:1", "land:1:0:0", "make:1:de:10:1"):
        await boris.press(data)

    assert not any("nodemaven_3755b2" in one.text for one in boris.messages)

"""What one customer got is never shown to another one, whatever the upstream hands out."""

from __future__ import annotations

from sqlalchemy import select

from bot.db.models import FingerprintRow
from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.stories.conftest import ShopFloor, copied
from tests.telegram import Customer


def said_to(customer: Customer, app: ShopFloor) -> str:
    """Everything that this chat ever showed."""
    calls = [call for call in app.core.calls if call.params.get("chat_id") is not None]
    mine = [call for call in calls if int(call.params["chat_id"]) == customer.id]
    return "\n".join(f"{call.params}" for call in mine)


async def the_code_of(customer: Customer) -> str:
    await customer.buy("25 IPs", "9Proxy CD Key")
    await customer.tap("Show the code")
    return copied(customer.message)["📋 Copy the code"]


async def test_a_code_that_comes_twice_is_shown_to_its_first_customer_alone(
    app: ShopFloor,
    customer: Customer,
    boris: Customer,
    owner: Customer,
    sandbox: GateProxySandbox,
) -> None:
    code = await the_code_of(customer)
    sandbox.repeats = True

    await boris.send("/start")
    await app.show(boris, "9proxy_cd_key", "ip25")
    await boris.tap("Купить")

    assert await app.state(boris) is OrderState.REVIEW
    assert "Деньги удержаны." in boris.text
    assert "the provider handed out what another order has already" in owner.text
    assert code not in owner.text
    assert await app.held(boris) == usd("2.76")
    for data in ("code:2:0", "creds:2:0", "code:1:0"):
        await boris.press(data)
    assert code not in said_to(boris, app)

    await owner.send("/order 2")
    assert "order 1" in owner.text
    await owner.tap("Give money back")
    await owner.tap("Give back")
    assert await boris.balance() == usd("10")
    app.strays.add(sandbox.orders[-1].reference)
    await customer.send("/start o_1")
    await customer.tap("Show the code")
    assert code in customer.text


async def test_a_code_is_not_sold_to_the_same_customer_twice(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await the_code_of(customer)
    sandbox.repeats = True
    app.clock.turn(20)

    await customer.buy("25 IPs", "9Proxy CD Key")

    assert await app.state(customer) is OrderState.REVIEW


async def test_a_login_that_comes_twice_goes_to_a_person(
    app: ShopFloor, customer: Customer, boris: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    sandbox.repeats = True
    sandbox.faults.append(Fault(pending=2))

    await app.show(boris, "nodemaven", "1")
    await boris.tap("Купить")
    await app.pass_time(30)

    assert await app.state(boris) is OrderState.REVIEW
    assert "nodemaven_3755b2" not in said_to(boris, app)


async def test_a_customer_whose_login_gets_new_traffic_is_served(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    sandbox.repeats = True
    app.clock.turn(20)

    await customer.buy("120 MB", "NodeMaven")

    assert await app.state(customer) is OrderState.DELIVERED
    assert "nodemaven_3755b2" in customer.messages[-1].text


async def test_an_owner_cannot_hand_out_what_somebody_has(
    app: ShopFloor,
    customer: Customer,
    boris: Customer,
    owner: Customer,
    sandbox: GateProxySandbox,
) -> None:
    code = await the_code_of(customer)
    sandbox.repeats = True
    await app.show(boris, "9proxy_cd_key", "ip25")
    await boris.tap("Купить")
    await owner.send("/order 2")
    await owner.tap("Deliver by hand")

    await owner.send(f"9P-NEW1-NEW1\n{code.lower()}")

    assert "Order #1 got some of this already, and nobody else may." in owner.text
    assert await app.state(boris) is OrderState.REVIEW
    await owner.send("9P-NEW1-NEW1")
    assert await app.state(boris) is OrderState.DELIVERED
    await boris.tap("Показать код")
    assert "9P-NEW1-NEW1" in boris.text
    assert code not in said_to(boris, app)


async def test_a_fingerprint_tells_nothing(app: ShopFloor, customer: Customer) -> None:
    code = await the_code_of(customer)

    async with app.shop.database.read() as reader:
        [kept] = (await reader.execute(select(FingerprintRow.fingerprint))).scalars()

    assert len(kept) == 64
    assert code.casefold() not in kept

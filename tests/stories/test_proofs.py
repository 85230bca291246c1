"""Tests of deliveries: made once by the shop, again by the customer, and harmless to all else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from bot.callbacks import Prove
from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_proxy import SandboxProxy
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, labels
from tests.telegram import Customer

ON = pytest.mark.parametrize("settings", [{"proxy_test_url": "http://exit.localhost"}])


@pytest.fixture
async def proxy(sandbox: GateProxySandbox) -> AsyncIterator[SandboxProxy]:
    """The pretend proxy that everything delivered leads to."""
    made = SandboxProxy(sandbox.password_of)
    async with made.served() as sandbox.proxy_port:
        yield made


async def prove(app: ShopFloor) -> None:
    """What the job does."""
    await app.shop.jobs.proofs.step()
    await app.settle()


@ON
async def test_a_delivery_is_tested_once_and_the_proof_stays_below_it(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    assert "gate.nodemaven.localhost" in customer.messages[-1].text

    await prove(app)
    await prove(app)

    shown = customer.messages[-1].text
    assert "The proxy of order #1 works." in shown
    assert "Exit address: 203.0.113." in shown
    assert "Country: US, as the username asks" in shown
    assert "Protocol: HTTP" in shown
    assert "Answered in 0 ms" in shown
    assert "Each test spends a little of your traffic." in shown
    assert "🧪 Test again" in labels(customer.messages[-1])
    assert proxy.answered == 1


@ON
async def test_it_can_be_tested_again_after_a_pause(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await prove(app)
    await customer.send("/start o_1")

    await customer.tap("Test the proxy")
    assert "It can be tested again in 60 seconds." in customer.text
    assert proxy.answered == 1

    app.clock.turn(61)
    await customer.tap("Test again")
    assert "The proxy of order #1 works." in customer.text
    assert proxy.answered == 2


@ON
async def test_many_taps_at_once_spend_one_test(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/start o_1")
    button = customer.button("Test the proxy")

    await asyncio.gather(*(customer.press(button) for _ in range(5)))

    assert proxy.answered == 1


@ON
async def test_a_failed_test_changes_neither_money_nor_state(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    proxy.answers = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    await customer.buy("1 GB", "NodeMaven")

    await prove(app)

    assert "The test of order #1 did not succeed." in customer.messages[-1].text
    assert "did not take the username and password" in customer.messages[-1].text
    assert "Your order is not affected." in customer.messages[-1].text
    assert await app.state(customer) is OrderState.DELIVERED
    assert await customer.balance() == usd("5.97")


@ON
async def test_an_upstream_that_delivers_a_private_address_makes_us_knock_nowhere(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_place_of", lambda *_: ("169.254.169.254", 80))
    await customer.buy("1 GB", "NodeMaven")

    await prove(app)

    assert "Its address is not public" in customer.messages[-1].text


@ON
async def test_nobody_tests_somebody_elses_proxy_or_a_code(
    app: ShopFloor, customer: Customer, boris: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.buy("25 IPs", "9Proxy CD Key")
    await prove(app)
    assert proxy.answered == 1

    await boris.press(Prove(order=1).pack())
    assert "Здесь ничего нет." in boris.text
    await customer.send("/start o_2")
    assert "🧪 Test the proxy" not in customer.labels
    await customer.press(Prove(order=2).pack())
    assert "There is nothing here." in customer.text
    assert proxy.answered == 1


async def test_without_the_setting_nothing_is_tested_or_offered(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await prove(app)
    await customer.send("/start o_1")

    assert "🧪 Test the proxy" not in customer.labels
    await customer.press(Prove(order=1).pack())
    assert "There is nothing here." in customer.text
    assert proxy.answered == 0


@ON
@ON_SQLITE
async def test_old_deliveries_are_tested_only_when_asked(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    app.clock.turn(3600)

    await prove(app)

    assert proxy.answered == 0


@ON
@ON_SQLITE
async def test_the_exit_address_lies_nowhere_in_the_open(
    app: ShopFloor, customer: Customer, proxy: SandboxProxy
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await prove(app)

    with closing(sqlite3.connect(app.shop.database.file)) as connection:
        dump = "\n".join(connection.iterdump())

    assert "proofs" in dump
    assert "203.0.113." not in dump

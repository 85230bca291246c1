"""Exchange all: new addresses for old ones, once per confirm, and never for money."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.callbacks import AskExchange, Exchange
from bot.db.models import ExchangeRow, FingerprintRow, SearchTermRow
from bot.domain.exchanges import ExchangeState
from bot.domain.money import usd
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import HandClock, stat_sandbox_for
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor
from tests.telegram import Customer

EXCHANGE = "*/order/exchange/*"
LOST: dict[str, Any] = {"path": EXCHANGE, "error": httpx.ReadTimeout("lost")}
BY_HAND = pytest.mark.parametrize("stat_path", [""])


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    """The pretend StatProxies: `orders` it made, `exchanges` of each, `faults` to come."""
    return stat_sandbox_for(clock)


async def buy(customer: Customer) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("3")
    await customer.tap("Buy")


async def see(customer: Customer, order: int = 1) -> None:
    await customer.send("/orders")
    await customer.tap(f"#{order}")


async def ask(customer: Customer) -> None:
    """Up to the confirm screen."""
    await see(customer)
    await customer.tap("Exchange all")


def exchanges(stat: StatProxiesSandbox) -> int:
    return stat.count("POST", EXCHANGE)


async def states(app: ShopFloor) -> list[str]:
    query = select(ExchangeRow.state).order_by(ExchangeRow.id)
    async with app.shop.database.read() as reader:
        return list((await reader.scalars(query)).all())


async def marks(app: ShopFloor) -> tuple[set[str], set[str]]:
    """The fingerprints and the search terms of everything delivered."""
    async with app.shop.database.read() as reader:
        fingerprints = (await reader.scalars(select(FingerprintRow.fingerprint))).all()
        terms = (await reader.scalars(select(SearchTermRow.term))).all()
    return set(fingerprints), set(terms)


async def test_all_proxies_are_exchanged_and_the_old_ones_forgotten(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    assert "198.51.100.10:6000" in customer.messages[-1].text
    fingerprints, terms = await marks(app)

    await ask(customer)
    assert "The old ones stop working" in customer.text
    assert "It costs nothing" in customer.text
    await customer.tap("Exchange all")
    assert "are being exchanged" in customer.text
    assert exchanges(stat) == 0
    await app.pass_time(5, step=1)

    assert exchanges(stat) == 1
    new = customer.messages[-1].text
    assert "The proxies of order #1 are exchanged." in new
    assert "198.51.100.41:6000" in new
    assert "198.51.100.10:" not in new
    assert await customer.balance() == usd("3.10")
    new_fingerprints, new_terms = await marks(app)
    assert len(new_fingerprints) == len(fingerprints) == 3
    assert not new_fingerprints & fingerprints
    # The username stays: it is the order's own id.
    assert len(new_terms & terms) == 1
    await see(customer)
    await customer.tap("Show credentials")
    assert "198.51.100.41:6000" in customer.messages[-1].text


@ON_SQLITE
async def test_keeping_them_exchanges_nothing(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await ask(customer)

    await customer.tap("Keep them")
    await app.pass_time(5, step=1)

    assert "Order #1 is delivered." in customer.text
    assert exchanges(stat) == 0


async def test_a_double_tap_exchanges_once(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await ask(customer)
    button = customer.button("Exchange all")

    await asyncio.gather(customer.press(button), customer.press(button))
    await app.pass_time(5, step=1)
    await customer.press(button)
    await app.pass_time(5, step=1)

    assert "were exchanged" in customer.text
    assert exchanges(stat) == stat.orders[0].exchanges == 1


async def test_two_confirm_screens_at_once_exchange_once(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await customer.send("/orders")

    await customer.press(Exchange(order=1, intent="a" * 16).pack())
    await customer.press(Exchange(order=1, intent="b" * 16).pack())
    await app.pass_time(5, step=1)

    assert exchanges(stat) == 1
    assert await states(app) == [ExchangeState.DONE]


async def test_a_second_wish_after_the_first_is_done_exchanges_again(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)

    for _ in range(2):
        await ask(customer)
        await customer.tap("Exchange all")
        await app.pass_time(5, step=1)

    assert exchanges(stat) == 2
    assert "198.51.100.72:6000" in customer.messages[-1].text


async def test_a_lost_answer_is_read_again_and_never_sent_again(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    stat.faults.append(Fault(**LOST, is_done=True))
    stat.faults.append(Fault(method="GET", path="*/fetch/*", status=500, code="x", times=9))
    await ask(customer)

    await customer.tap("Exchange all")
    await app.pass_time(3, step=1)
    assert "did not answer about the exchange of order #1" in customer.messages[-1].text
    await app.pass_time(600, step=5)

    assert exchanges(stat) == 1
    assert "198.51.100.41:6000" in customer.messages[-1].text
    assert await states(app) == [ExchangeState.DONE]


@ON_SQLITE
async def test_a_lost_request_that_did_nothing_is_told_so_in_the_end(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    stat.faults.append(Fault(**LOST))
    await ask(customer)

    await customer.tap("Exchange all")
    await app.pass_time(800, step=10)
    assert await states(app) == [ExchangeState.UNCLEAR]
    await app.pass_time(200, step=10)

    assert await states(app) == [ExchangeState.UNCHANGED]
    assert "were not exchanged" in customer.messages[-1].text
    assert stat.orders[0].exchanges == 0
    await see(customer)
    await customer.tap("Show credentials")
    assert "198.51.100.10:6000" in customer.messages[-1].text


async def test_what_a_crash_left_behind_is_read_and_not_sent(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await ask(customer)
    await customer.tap("Exchange all")
    async with app.shop.database.write() as tx:
        await tx.execute(
            update(ExchangeRow).values(state=ExchangeState.SENDING, sent_at=app.clock.now())
        )

    await app.pass_time(1000, step=10)

    assert exchanges(stat) == 0
    assert await states(app) == [ExchangeState.UNCHANGED]


@ON_SQLITE
async def test_a_missing_feature_is_said_calmly_and_the_button_goes_away(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    stat.has_exchange = False
    await buy(customer)
    await ask(customer)

    await customer.tap("Exchange all")
    await app.pass_time(5, step=1)

    told = customer.messages[-1].text
    assert "Order #1 cannot be exchanged here." in told
    assert "Your proxies are the same and work as before." in told
    assert any("may not exchange proxies" in one.text for one in owner.messages)
    await see(customer)
    assert "Exchange all" not in " ".join(customer.labels)
    await customer.press(AskExchange(order=1).pack())
    assert "cannot be exchanged here" in customer.text
    await customer.press(Exchange(order=1, intent="c" * 16).pack())
    assert "cannot be exchanged here" in customer.text
    await app.pass_time(5, step=1)
    assert exchanges(stat) == 1
    # Nothing else of the account is stopped by it.
    await customer.open("ISP X1", "Stat Proxies")
    assert "Buy 1" in " ".join(customer.labels)

    await app.pass_time(8 * 86_400, step=3 * 3600)

    await see(customer)
    assert "♻️ Exchange all" in customer.labels


@ON_SQLITE
@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ({"status": 404, "code": "not_found_error"}, 1),
        ({"status": 429, "code": "too_many"}, 3),
        ({"error": httpx.ConnectError("x")}, 3),
    ],
)
async def test_a_clear_error_costs_nothing(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox, fault: dict[str, Any], sent: int
) -> None:
    await buy(customer)
    stat.faults.append(Fault(path=EXCHANGE, **fault, times=sent))
    await ask(customer)

    await customer.tap("Exchange all")
    await app.pass_time(60, step=1)

    assert "could not be exchanged" in customer.messages[-1].text
    assert await states(app) == [ExchangeState.REFUSED]
    assert exchanges(stat) == sent
    assert stat.orders[0].exchanges == 0
    assert await customer.balance() == usd("3.10")


async def test_nobody_exchanges_what_is_not_theirs(
    app: ShopFloor, customer: Customer, boris: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)

    await boris.press(AskExchange(order=1).pack())
    assert "Здесь ничего нет." in boris.text
    for intent in ("d" * 16, "x", ""):
        await boris.press(Exchange(order=1, intent=intent).pack())
    await app.pass_time(5, step=1)

    assert exchanges(stat) == 0
    assert await states(app) == []


@ON_SQLITE
async def test_an_order_of_another_provider_has_no_such_button(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB")
    await see(customer)
    assert "Exchange all" not in " ".join(customer.labels)

    await customer.press(Exchange(order=1, intent="e" * 16).pack())

    assert "cannot be exchanged here" in customer.text
    assert await states(app) == []


@ON_SQLITE
async def test_an_order_that_has_ended_has_no_such_button(
    app: ShopFloor, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)

    await app.pass_time(31 * 86_400, step=86_400)

    await see(customer)
    assert "Exchange all" not in " ".join(customer.labels)


@BY_HAND
async def test_without_a_detail_path_an_owner_delivers_the_new_ones(
    app: ShopFloor,
    customer: Customer,
    owner: Customer,
    other_owner: Customer,
    stat: StatProxiesSandbox,
) -> None:
    old = "\n".join(f"198.51.100.{one}:6000:ann:secret" for one in (7, 8, 9))
    new = old.replace("198.51.100.", "203.0.113.")
    await buy(customer)
    await owner.tap("Deliver by hand")
    await owner.send(old)
    await ask(customer)

    await customer.tap("Exchange all")
    await app.pass_time(5, step=1)
    assert exchanges(stat) == 1
    assert "Order #1 was exchanged, or may have been." in owner.text
    await owner.send("/shop")
    assert "1 order needs you." in owner.text
    await owner.tap("Inbox (1)")
    assert "#1 · Stat Proxies ISP for captchas × 3 · Alice" in owner.text
    assert "The money of these customers is held" not in owner.text
    await owner.tap("Order #1")
    assert "done, and the new proxies are not known yet" in owner.text
    await owner.tap("Deliver by hand")
    assert "nothing is charged" in owner.text
    await owner.send("\n".join(new.splitlines()[:2]))
    assert "3 were bought, and these are 2" in owner.text
    await owner.send(new)

    assert new in customer.messages[-1].text
    assert await states(app) == [ExchangeState.DONE]
    assert await customer.balance() == usd("3.10")
    assert "wanted by the customer: delivered anew" in owner.text
    assert f"by owner {owner.id}" in owner.text
    assert any(
        "said what it holds after its exchange" in one.text
        for one in app.core.messages(other_owner.id)
    )
    await owner.send("/shop")
    assert "No order needs you." in owner.text


@BY_HAND
async def test_nobody_is_asked_for_new_proxies_of_an_order_that_was_refunded(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await owner.tap("Deliver by hand")
    await owner.send("\n".join(f"198.51.100.{one}:6000:ann:secret" for one in (7, 8, 9)))
    await ask(customer)
    await customer.tap("Exchange all")
    await app.pass_time(5, step=1)
    await owner.send("/order 1")
    await owner.tap("Refund")
    await owner.send("broken")
    await owner.tap("Confirm")
    heard = len(owner.messages)

    await app.pass_time(2 * 3600, step=300)

    assert [one.text for one in owner.messages[heard:]] == []
    assert await states(app) == [ExchangeState.UNCHANGED]
    await owner.send("/order 1")
    assert "wanted by the customer: given up, as the order was refunded" in owner.text
    await owner.send("/shop")
    assert "No order needs you." in owner.text


@BY_HAND
async def test_an_owner_who_sees_the_same_lines_says_that_nothing_was_done(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    old = "\n".join(f"198.51.100.{one}:6000:ann:secret" for one in (7, 8, 9))
    await buy(customer)
    await owner.tap("Deliver by hand")
    await owner.send(old)
    stat.faults.append(Fault(**LOST))
    await ask(customer)
    await customer.tap("Exchange all")
    await app.pass_time(5, step=1)

    await owner.tap("Deliver by hand")
    await owner.send("\n".join(reversed(old.splitlines())))

    assert "were not exchanged" in customer.messages[-1].text
    assert await states(app) == [ExchangeState.UNCHANGED]


async def test_an_exchange_that_nobody_can_read_waits_in_the_inbox_until_an_owner_says_it(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    stat.faults.append(Fault(method="GET", path="*/fetch/*", status=500, code="x", times=10_000))
    await ask(customer)

    await customer.tap("Exchange all")
    await app.pass_time(1700, step=20)
    await owner.send("/shop")
    assert "No order needs you." in owner.text
    await app.pass_time(400, step=20)

    await owner.send("/shop")
    assert "1 order needs you." in owner.text
    await owner.send("/order 1")
    await owner.tap("Deliver by hand")
    await owner.send("\n".join(f"203.0.113.{one}:6000:ann:new" for one in (7, 8, 9)))
    assert "203.0.113.7:6000:ann:new" in customer.messages[-1].text
    assert await states(app) == [ExchangeState.DONE]

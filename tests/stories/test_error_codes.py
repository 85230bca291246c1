"""Every answer to an order: the right money, words for the customer and notice for the owner.

Told from the chat: what is held at once, what comes of it, how
often the order was sent, and who hears what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

FOR_EVER = 10**6
SHORT, LONG = 75, 16 * 60
GONE = "the provider no longer sells this plan"
AWAY = "temporarily unavailable"
DOUBT = "The provider did not answer. We are checking."
TOKEN_REFUSED = "The provider refuses the bot's token"
UNFUNDED = "Fund the account"
REFUSED = "The provider refused an order."
UNKNOWN = "a code that the bot does not know"

DELIVERED, RELEASED, IN_DOUBT, RESERVED = (
    OrderState.DELIVERED, OrderState.RELEASED, OrderState.IN_DOUBT, OrderState.RESERVED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """An answer to the order, and what must come of it."""

    name: str
    fault: dict[str, Any]
    at_once: OrderState
    after: float
    at_last: OrderState
    customer: str
    owner: str | None = None
    posts: int | None = 1
    more: tuple[dict[str, Any], ...] = field(default=())
    """Faults behind the first one."""


def refused(status: int, code: str, customer: str, owner: str, *, http: int | None = None) -> Case:
    """Certainly not done: the money is back at once."""
    name = code if http is None else f"{code} with {http}"
    fault = {"status": http or status, "code": code}
    return Case(name, fault, RELEASED, 0, RELEASED, customer, owner)


def busy(name: str, fault: dict[str, Any], seconds: float) -> Case:
    """Certainly not done, and done at the second try."""
    return Case(name, fault, RESERVED, seconds, DELIVERED, "Password:", posts=2)


def short_doubt(name: str, fault: dict[str, Any], owner: str | None = UNKNOWN) -> Case:
    """An error in the upstream's own form: most likely not made, known within a minute."""
    return Case(name, fault, IN_DOUBT, SHORT, RELEASED, AWAY, owner)


def doubt(name: str, fault: dict[str, Any]) -> Case:
    """Nobody knows: held until the quarantine is over."""
    return Case(name, fault, IN_DOUBT, LONG, RELEASED, AWAY)


def found(name: str, fault: dict[str, Any], owner: str | None = None) -> Case:
    """Nobody knows, but it was made: the list has it."""
    return Case(name, {**fault, "is_done": True}, IN_DOUBT, 10, DELIVERED, "Password:", owner)


def failure(code: str) -> str:
    """A body in the upstream's own form."""
    return f'{{"success":false,"error":{{"code":"{code}","message":"No."}}}}'


def sold(reference: str, more: str = "") -> str:
    """A body that says that an order was made, which it was not."""
    return f'{{"success":true,"order_id":{reference},"status":"completed"{more}}}'


CASES = (
    refused(400, "invalid_plan", GONE, REFUSED),
    refused(404, "provider_not_found", GONE, REFUSED),
    refused(400, "invalid_json", "the provider did not take the order", REFUSED),
    refused(401, "unauthorized", AWAY, TOKEN_REFUSED),
    refused(402, "insufficient_balance", AWAY, UNFUNDED),
    # The code decides, whatever the status says.
    refused(400, "insufficient_balance", AWAY, UNFUNDED, http=500),
    Case("success:false in a 200", {"body": failure("invalid_plan")}, RELEASED, 0, RELEASED, GONE,
         REFUSED),
    # One order at a time.
    busy("order_processing", {"status": 409, "code": "order_processing"}, 8),
    Case("order_processing for ever", {"status": 409, "code": "order_processing",
         "times": FOR_EVER}, RESERVED, 140, RELEASED, AWAY, posts=None),
    busy("429", {"status": 429, "code": "rate_limited"}, 8),
    *(
        busy(f"429 Retry-After {text}", {"status": 429, "code": "rate_limited",
             "headers": {"Retry-After": text}}, seconds)
        for text, seconds in (("0", 8), ("3", 8), ("soon", 8), ("-5", 8), ("1e3", 8),
                              ("1000000000", 125), ("Wed, 21 Oct 2015 07:28:00 GMT", 8))
    ),
    Case("429 for ever", {"status": 429, "code": "rate_limited", "times": FOR_EVER,
         "headers": {"Retry-After": "1000000000"}}, RESERVED, 260, RELEASED, AWAY, posts=2),
    # Their own form, and yet the balance may have been deducted.
    short_doubt("provider_error", {"status": 502, "code": "provider_error"}, None),
    found("provider_error of an order that was made", {"status": 502, "code": "provider_error"}),
    short_doubt("503", {"status": 503, "code": "maintenance"}),
    # When to ask again says nothing of what was done.
    short_doubt("503 with Retry-After", {"status": 503, "code": "maintenance",
         "headers": {"Retry-After": "5"}}),
    found("503 with Retry-After of an order that was made", {"status": 503,
          "code": "maintenance", "headers": {"Retry-After": "5"}}, UNKNOWN),
    short_doubt("an unknown code", {"status": 418, "code": "teapot"}),
    short_doubt("an unknown code in a 200", {"body": failure("teapot")}),
    short_doubt("a code that looks like none", {"status": 400, "code": "A token: 123"}),
    short_doubt("order_not_found", {"status": 404, "code": "order_not_found"}),
    short_doubt("proxy_not_found", {"status": 404, "code": "proxy_not_found"}),
    short_doubt("usage_not_available", {"status": 400, "code": "usage_not_available"}),
    short_doubt("a redirect", {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}),
    # Bodies that say nothing.
    doubt("HTML with 502", {"status": 502, "body": "<html>Bad gateway</html>"}),
    found("HTML with 502 of an order that was made", {"status": 502, "body": "<html>"}),
    doubt("HTML with 429", {"status": 429, "body": "<html>Slow down</html>"}),
    doubt("an empty 200", {"status": 200, "body": ""}),
    doubt("success:false without an error", {"body": '{"success":false}'}),
    doubt("an answer without an order id", {"body": '{"success":true}'}),
    doubt("an order id that could leave its path", {"body": sold('"../../x"')}),
    doubt("a field twice", {"body": sold('"ord_x"', ',"order_id":"ord_y"')}),
    doubt("a number that is none", {"body": sold('"ord_x"', ',"price":NaN')}),
    doubt("more than a megabyte", {"body": " " * (1 << 20) + "{}"}),
    found("a truncated answer", {"cut": 40}),
    # Connections that break.
    doubt("a lost request", {"error": httpx.ReadTimeout("lost")}),
    found("a lost answer", {"error": httpx.ReadTimeout("lost")}),
    found("a connection that broke", {"error": httpx.RemoteProtocolError("reset")}),
    doubt("a request that was cut off", {"error": httpx.WriteError("reset")}),
    Case("no connection once", {"error": httpx.ConnectError("refused")}, RESERVED, 12, DELIVERED,
         "Password:", posts=2),
    Case("no connection at all", {"error": httpx.ConnectError("refused"), "times": FOR_EVER},
         RESERVED, 35, RELEASED, "the provider could not be reached", posts=3),
    Case("a connection in no time", {"error": httpx.ConnectTimeout("slow"), "times": FOR_EVER},
         RESERVED, 35, RELEASED, "the provider could not be reached", posts=3),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
async def test_an_answer_to_an_order(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox, case: Case
) -> None:
    heard = len(owner.messages)
    await app.show(customer, "nodemaven", "1")
    sandbox.faults.append(Fault(**case.fault))

    await customer.tap("Buy")

    assert await app.state(customer) is case.at_once
    is_open = case.at_once is not RELEASED
    assert await app.held(customer) == usd("4.03" if is_open else "0")
    assert await customer.balance() == usd("5.97" if is_open else "10")
    if case.at_once is IN_DOUBT:
        assert DOUBT in customer.text
        assert "4.03 USD is held." in customer.text

    if case.after:
        await app.pass_time(case.after, step=max(2.0, case.after / 4))

    assert await app.state(customer) is case.at_last
    assert await app.held(customer) == usd("0")
    is_sold = case.at_last is DELIVERED
    assert await customer.balance() == usd("5.97" if is_sold else "10")
    assert case.customer in customer.messages[-1].text
    assert len(sandbox.orders) == int(is_sold)
    if case.posts is not None:
        assert sandbox.count("POST") == case.posts
    told = [one.text for one in owner.messages[heard:]]
    if case.owner is None:
        assert told == []
    else:
        assert [case.owner in text for text in told] == [True]
    if case.owner in {REFUSED, UNKNOWN}:
        assert ", #1 NodeMaven 1 GB" in told[0]


async def test_a_refused_token_stops_the_sale_until_it_is_taken_again(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await app.show(customer, "nodemaven", "1")
    app.clock.turn(40)
    sandbox.faults.append(
        Fault(method="GET", path="/account/*", status=401, code="unauthorized", times=FOR_EVER)
    )
    await customer.tap("Buy")
    assert AWAY in customer.messages[-1].text
    assert await customer.balance() == usd("10")
    await app.pass_time(65)

    await app.show(customer, "dataimpulse", "1")
    if any(label.startswith("Buy") for label in customer.labels):
        await customer.tap("Buy")
    assert "right now" in customer.text
    assert sandbox.count("POST") == 0
    assert sum(TOKEN_REFUSED in one.text for one in owner.messages) == 1

    sandbox.faults.clear()
    await app.pass_time(90)
    await app.show(customer, "dataimpulse", "1")
    await customer.tap("Buy")
    assert await app.state(customer) is DELIVERED


async def test_one_trouble_of_many_orders_is_told_once(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    heard = len(owner.messages)
    sandbox.faults.append(Fault(status=400, code="invalid_plan", times=3))

    for provider in ("nodemaven", "dataimpulse", "abcproxy"):
        await app.show(customer, provider, "1")
        await customer.tap("Buy")

    assert [REFUSED in one.text for one in owner.messages[heard:]] == [True]
    assert await customer.balance() == usd("10")

"""The probe says how accounts answer and what follows, and gives nothing of them away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.probe import AccountProbe, Answers
from bot.settings import Settings
from bot.upstreams.base import Upstream
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from bot.upstreams.sandbox_stat import (
    STAT_KEY,
    STAT_ORDER_PATH,
    STAT_PRODUCTS,
    StatProxiesSandbox,
)
from bot.upstreams.statproxies import StatProxies

TAG = "q" + "abcdefg" * 4
AT = 1_790_000_000.0


class Gate:
    """An account at the pretend GateProxy."""

    def __init__(self) -> None:
        self.sandbox = GateProxySandbox(clock=lambda: AT)
        self.answers = Answers()
        self.upstream: Upstream = GateProxy(
            TOKEN, seen=self.answers.see, transport=httpx.MockTransport(self.sandbox.handle)
        )


class Stat:
    """An account at the pretend StatProxies, whose orders are told by `path`."""

    def __init__(self, path: str = STAT_ORDER_PATH) -> None:
        self.sandbox = StatProxiesSandbox(clock=lambda: AT)
        self.answers = Answers()
        self.upstream: Upstream = StatProxies(
            STAT_KEY,
            plans=Settings(statproxies_products=STAT_PRODUCTS).statproxies_products,
            order_path=path,
            seen=self.answers.see,
            transport=httpx.MockTransport(self.sandbox.handle),
        )


class Probed:
    """What one probe printed."""

    def __init__(self, is_listed: bool, text: str) -> None:
        self.is_listed = is_listed
        self.text = text
        _, _, facts = text.partition("what follows for selling\n")
        said = [line.split(":")[0].split(maxsplit=1) for line in facts.splitlines() if line]
        self.said = {what: word for word, what in said}


async def probed(account: Gate | Stat, capsys: pytest.CaptureFixture[str]) -> Probed:
    before = len(account.sandbox.requests)
    is_listed = await AccountProbe(account.upstream, account.answers).run()
    asked = account.sandbox.requests[before:]
    assert {request.method for request in asked} <= {"GET"}
    return Probed(is_listed, capsys.readouterr().out)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    made = Gate()
    yield made
    await made.upstream.close()


@pytest.fixture
async def stat() -> AsyncIterator[Stat]:
    made = Stat()
    yield made
    await made.upstream.close()


async def test_gateproxy_is_drawn_without_a_value(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    for provider, plan in (("nodemaven", "0.120"), ("abcproxy", "1"), ("9proxy_cd_key", "ip25")):
        await gate.upstream.place(provider, plan, 1, "")
    username = gate.sandbox._username(gate.sandbox.orders[1])

    seen = await probed(gate, capsys)

    assert seen.is_listed
    assert seen.said == {
        "order list, 3 on page 1": "yes",
        "the list names plans": "yes",
        "the list tells times": "yes",
        "our tag in the list": "no",
        "credentials of an order": "yes",
        "usage": "yes",
    }
    assert "GET /orders/{…} answers 200" in seen.text
    assert "GET /proxies/{…}/auto/usage answers 200" in seen.text
    assert "password: text of 12\n" in seen.text or "cd_key: text of 22\n" in seen.text
    assert "status: text of 9 (completed)" in seen.text
    assert "currency: text of 3 (USD)" in seen.text
    password = str(gate.sandbox.password_of(username))
    references = [order.reference for order in gate.sandbox.orders]
    for secret in (TOKEN, username, password, *references, "495.05", "2026-", "abcproxy.vip"):
        assert secret not in seen.text
    assert "9P-" not in seen.text


async def test_an_order_id_of_letters_does_not_pass_for_a_word_of_the_path(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    await gate.upstream.place("nodemaven", "1", 1, "")
    gate.sandbox.orders[0].reference = "canary"

    seen = await probed(gate, capsys)

    assert "GET /orders/{…} answers 200" in seen.text
    assert "canary" not in seen.text


async def test_statproxies_is_drawn_without_a_value(
    stat: Stat, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await stat.upstream.place("statproxies", "captcha", 2, TAG)

    seen = await probed(stat, capsys)

    assert seen.said == {
        "order list, 1 on page 1": "yes",
        "the list names plans": "yes",
        "the list tells times": "yes",
        "our tag in the list": "yes",
        "credentials of an order": "yes",
        "usage": "no",
    }
    assert "GET /order/fetch/captcha/{…} answers 200" in seen.text
    assert "product_type: text of 7 (captcha)" in seen.text
    assert "customer: text of 29\n" in seen.text
    password = str(stat.sandbox.password_of(made.reference))
    for secret in (STAT_KEY, made.reference, str(made.subscription), TAG, password, "198.51."):
        assert secret not in seen.text


async def test_a_list_that_says_little_has_its_price(
    stat: Stat, capsys: pytest.CaptureFixture[str]
) -> None:
    await stat.upstream.place("statproxies", "captcha", 1, TAG)
    stat.sandbox.list_has_tag = stat.sandbox.list_has_product = False

    seen = await probed(stat, capsys)

    assert seen.said["the list names plans"] == "no"
    assert seen.said["our tag in the list"] == "unknown"
    assert "while an order is in doubt, the whole account waits" in seen.text


async def test_an_account_without_orders_leaves_open_what_they_look_like(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = await probed(gate, capsys)

    assert seen.said["order list, 0 on page 1"] == "yes"
    assert seen.said["plan, time and tag in the list"] == "unknown"
    assert seen.said["credentials of an order"] == "unknown"
    assert seen.said["usage"] == "unknown"


async def test_without_a_path_orders_are_delivered_by_hand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    by_hand = Stat(path="")
    await by_hand.upstream.place("statproxies", "captcha", 1, TAG)

    seen = await probed(by_hand, capsys)

    assert "STATPROXIES_ORDER_PATH is empty: you deliver every order by hand" in seen.text
    await by_hand.upstream.close()


async def test_no_listing_no_sale(stat: Stat, capsys: pytest.CaptureFixture[str]) -> None:
    stat.sandbox.has_list = False

    seen = await probed(stat, capsys)

    assert not seen.is_listed
    assert seen.said["order list"] == "no"
    assert "GET /order/list answers 404" in seen.text


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(method="GET", times=99, error=httpx.ConnectError("x")), "no_connection"),
        (Fault(method="GET", times=99, status=502, body="<html>canary"), "not_json"),
        (Fault(method="GET", times=99, body='"canary"'), "unreadable"),
    ],
    ids=["away", "page", "text"],
)
async def test_trouble_is_named_and_not_repeated(
    gate: Gate, capsys: pytest.CaptureFixture[str], fault: Fault, code: str
) -> None:
    gate.sandbox.faults.append(fault)

    seen = await probed(gate, capsys)

    assert not seen.is_listed
    assert f"the bot cannot use that: {code}" in seen.text
    assert "canary" not in seen.text

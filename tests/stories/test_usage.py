"""Usage: how much of the traffic is left, asked in the chat."""

from __future__ import annotations

import httpx
import pytest

from bot.domain.usage import size_in_bytes
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, labels, links
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

CHECKER = "https://t.me/proxysellergpbot"
HALF_A_DAY = 12 * 3600
ASKED = "/proxies/*"


async def test_the_traffic_of_an_order_has_a_bar_and_a_time(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    app.clock.turn(HALF_A_DAY)

    await customer.send("/usage")
    await customer.tap("#1")

    text = customer.text
    assert "Usage of order #1" in text
    assert "▰" in text
    assert "% used" in text
    figures = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    used, left, total = (size_in_bytes(figures[name]) for name in ("Used", "Left", "Total"))
    assert used
    assert left
    assert total == 1 << 30
    assert abs(used + left - total) < 1 << 20
    assert "Checked: 22 Nov 2026, 22:00 UTC" in text


async def test_checking_is_answered_at_once_and_edited_when_known(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/usage")
    bubbles = len(customer.messages)
    before = len(app.core.calls)

    await customer.tap("#1")

    drawn = [
        str(call.params["text"])
        for call in app.core.calls[before:]
        if call.method == "editMessageText"
    ]
    assert drawn[0] == "⏳ Checking usage…"
    assert "Total: 1GB" in drawn[1]
    assert len(customer.messages) == bubbles


async def test_a_refresh_asks_again_only_after_a_pause(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/start o_1")
    await customer.tap("Check usage")
    assert sandbox.count("GET", ASKED) == 1
    assert "It can be asked again in 20 seconds." in customer.text
    app.clock.turn(5)

    await customer.tap("Refresh")
    assert "It can be asked again in 15 seconds." in customer.text
    assert sandbox.count("GET", ASKED) == 1

    app.clock.turn(HALF_A_DAY)
    await customer.tap("Refresh")
    assert sandbox.count("GET", ASKED) == 2
    assert "Checked: 22 Nov 2026, 22:00 UTC" in customer.text


async def test_an_upstream_that_does_not_answer_leaves_the_last_reading(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/start o_1")
    await customer.tap("Check usage")
    app.clock.turn(60)
    sandbox.faults.append(
        Fault(method="GET", path=ASKED, error=httpx.ReadTimeout("silence"), times=10**6)
    )

    await customer.tap("Refresh")

    assert "The provider does not answer right now." in customer.text
    assert "Your order and your money are not affected." in customer.text
    assert "The last reading:" in customer.text
    assert "Total: 1GB" in customer.text


async def test_proxyseller_opens_its_own_bot(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "ProxySeller")
    kept = customer.messages[-1]
    assert links(kept) == {"📊 Check usage": CHECKER}
    assert "ProxySeller shows usage in its own bot." in kept.text

    await customer.send("/usage")
    await customer.tap("#1")
    assert links(customer.message) == {"🤖 Open the checker bot": CHECKER}
    await customer.send("/usage")
    await customer.tap("Type a username")
    assert links(customer.message) == {"🤖 ProxySeller checker": CHECKER}
    assert "ProxySeller" not in customer.labels


async def test_a_cd_key_has_no_usage_and_says_how_to_redeem_it(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("25 IPs", "9Proxy CD Key")
    assert "📊 Check usage" not in labels(customer.messages[-1])

    await customer.send("/usage")
    await customer.tap("#1")

    assert "9Proxy CD Key: no usage check exists." in customer.text
    assert "Open Dashboard, then Share Code." in customer.text
    await customer.tap("Show the code")
    assert "9P-" in customer.messages[-1].text


async def test_a_username_is_asked_of_its_provider(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    # Nothing is on sale by then: nobody has read the price list.
    app.clock.turn(HALF_A_DAY)
    await customer.send("/usage")
    await customer.tap("Type a username")
    await customer.tap("NodeMaven")
    assert "Send the NodeMaven username as it stands in your credentials" in customer.text

    await customer.send("nodemaven_3755b2-country-us")

    assert "Usage, NodeMaven" in customer.text
    assert "nodemaven_3755b2-country-us" in customer.text
    assert "Total: 1GB" in customer.text
    assert "▰" in customer.text
    await customer.tap("Another username")
    assert "Send the NodeMaven username" in customer.text


async def test_an_unknown_username_is_asked_about_calmly(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.send("/usage")
    await customer.tap("Type a username")
    await customer.tap("NodeMaven")

    await customer.send("nobody")

    assert "No traffic is known for this." in customer.text
    await customer.tap("Check usage")
    await customer.tap("Type a username")
    await customer.tap("NodeMaven")
    await customer.send("nobody_else")
    assert "Please try again in 20 seconds." in customer.text
    assert sandbox.count("GET", ASKED) == 1


async def test_a_username_that_cannot_be_one_may_be_typed_again(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.send("/usage")
    await customer.tap("Type a username")
    await customer.tap("NodeMaven")

    for words in ("two words", "имя", "a" * 201, "a\nb", "\u202eabc", "🔥"):
        await customer.send(words)
        assert "This does not look like a username." in customer.text

    assert sandbox.count("GET", ASKED) == 0
    await customer.send("nobody")
    assert "No traffic is known for this." in customer.text


@pytest.mark.parametrize("username", ["../../etc/passwd", "a/b", "%2e%2e", ".", "..", "a?b=c#d"])
async def test_a_username_never_becomes_a_path(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox, username: str
) -> None:
    await customer.send("/usage")
    await customer.tap("Type a username")
    await customer.tap("NodeMaven")
    before = len(sandbox.requests)

    await customer.send(username)

    assert "No traffic is known for this." in customer.text
    for request in sandbox.requests[before:]:
        assert request.path.startswith("/proxies/nodemaven/")
        assert request.path.count("/") == 4


async def test_usage_without_orders_offers_the_username(customer: Customer) -> None:
    await customer.send("/usage")

    assert "No delivered orders here. You can type the username of a proxy." in customer.text

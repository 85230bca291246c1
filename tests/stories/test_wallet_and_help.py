"""The wallet's statement, help, and words between customers and owners."""

from __future__ import annotations

import pytest

from bot.callbacks import AskOwner
from bot.domain.money import usd
from bot.handlers.introduction import owner_commands
from bot.i18n import texts
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, links
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

HOSTILE = (
    "<b>", "</code>", '<a href="tg://user?id=1">x</a>', "<tg-spoiler>", "&lt;", "&#0;",
    "<script>", "*_[]()~>#+-=|{}.!", "{0}", "%s", "${x}", "```", "{{7*7}}", "=cmd()",
    "' OR 1=1--", '"; drop table', "../../etc/passwd", "%00", "\r\nX: y", "javascript:alert(1)",
    "a\u202eb", "a\u2066b\u2069", "a\u200db", "\ufeffa", "🇩🇪🇫🇷", "\u0410dmin",
    "e" + "\u0301" * 900, "a\n" * 400,
)  # fmt: skip


async def test_an_untouched_wallet_says_so(app: ShopFloor) -> None:
    from tests.telegram import ALICE

    alice = await app.person(ALICE)

    await alice.send("/balance")

    assert "Available: 0.00 USD" in alice.text
    assert "No money has moved yet." in alice.text
    assert "To top up, write to the owner." in alice.text


async def test_the_statement_tells_every_movement_in_words(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    sandbox.faults.append(Fault(status=400, code="invalid_plan"))
    await app.show(customer, "dataimpulse", "1")
    await customer.tap("Buy")
    await owner.send("/topup @alice 5 for <May>")
    await owner.tap("Confirm")
    await owner.send("/debit @alice 2 paid twice")
    await owner.tap("Confirm")
    await owner.send("/order 1")
    await owner.tap("Refund")
    await owner.send("it never worked")
    await owner.tap("Confirm")
    sandbox.faults.append(Fault(pending=10**6))
    await app.show(customer, "nodemaven", "0.120")
    await customer.tap("Buy")

    await customer.send("/balance")

    assert "Available: 12.48 USD" in customer.text
    assert "Held for open orders: 0.52 USD" in customer.text
    for line in (
        "-0.52 USD for order #3", "+4.03 USD refunded, order #1",
        "-2.00 USD taken off: paid twice", "+5.00 USD topped up: for <May>",
        "+1.33 USD given back, order #2", "-1.33 USD for order #2",
        "-4.03 USD for order #1",
    ):  # fmt: skip
        assert line in customer.text
    assert await customer.balance() == usd("12.48")


async def test_a_long_statement_is_read_page_by_page(app: ShopFloor, customer: Customer) -> None:
    for number in range(1, 11):
        await app.bench.top_up((await app.shop.customers.find("1001")).id, f"{number}.00")
    await app.settle()

    await customer.send("/balance")
    assert customer.text.count("topped up") == 8
    await customer.tap("Older")
    assert customer.text.count("topped up") == 3
    await customer.tap("Newest")
    assert "+10.00 USD topped up" in customer.text


@pytest.mark.parametrize("settings", [{"support": "@shop_help"}], ids=["support"])
async def test_a_named_contact_is_a_link_everywhere(customer: Customer) -> None:
    chat = {"💬 Write to the owner": "https://t.me/shop_help"}

    await customer.send("/help")
    assert "write to @shop_help" in customer.text
    assert links(customer.message) == chat
    await customer.send("/balance")
    assert links(customer.message) == chat
    await customer.open("5 GB", "NodeMaven")
    assert links(customer.message) == chat


async def test_help_tells_owners_of_their_commands_and_nobody_else(
    customer: Customer, owner: Customer
) -> None:
    await owner.send("/help")
    await customer.send("/help")

    theirs = {f"/{command}" for command in owner_commands(texts("en"))}
    assert theirs <= set(owner.text.split())
    assert not theirs & set(customer.text.split())


async def test_words_reach_the_owners_and_the_answer_comes_back(
    app: ShopFloor, customer: Customer, owner: Customer, other_owner: Customer
) -> None:
    await customer.send("/help")
    await customer.tap("Write to the owner")
    assert "Send your message now" in customer.text

    await customer.send("I paid <10> & more")

    assert "Thank you, your message is on its way to the owner." in customer.text
    for reader in (owner, other_owner):
        assert "Alice (1001, @alice) asks:" in reader.messages[-1].text
        assert "I paid <10> & more" in reader.messages[-1].text
    await owner.tap("Reply")
    await owner.send("It is <there>")
    assert "The shop answers:" in customer.messages[-1].text
    assert "It is <there>" in customer.messages[-1].text
    await customer.tap("Answer")
    await customer.send("thanks")
    assert "thanks" in owner.messages[-1].text


async def test_an_owner_tops_up_out_of_a_customers_words(
    app: ShopFloor, customer: Customer, owner: Customer
) -> None:
    await customer.send("/help")
    await customer.tap("Write to the owner")
    await customer.send("paid")

    await owner.tap("Top up")
    await owner.send("10,50 thank you")
    await owner.tap("Confirm")

    assert await customer.balance() == usd("20.50")
    assert "Note: thank you" in customer.messages[-1].text


async def test_cancel_leaves_a_question_unanswered(
    app: ShopFloor, customer: Customer, owner: Customer
) -> None:
    await customer.send("/help")
    await customer.tap("Write to the owner")
    heard = len(owner.messages)

    await customer.send("/cancel")
    await customer.send("to nobody")

    assert "The shop works with buttons." in customer.text
    assert len(owner.messages) == heard


async def test_words_that_are_empty_or_too_long_may_be_typed_again(
    customer: Customer, owner: Customer
) -> None:
    await customer.send("/help")
    await customer.tap("Write to the owner")
    heard = len(owner.messages)

    for words in ("a" * 1001, "\u200b\u200b", "\u3164", "\u2066\u2069"):
        await customer.send(words)
        assert "That was empty or too long, so it was not sent." in customer.text
    assert len(owner.messages) == heard
    await customer.send("a" * 1000)

    assert "a" * 1000 in owner.messages[-1].text


async def test_hostile_words_arrive_as_they_were_typed(
    customer: Customer, owner: Customer
) -> None:
    await customer.send("/help")
    *short, marks, breaks = HOSTILE
    for words in ("\n".join(short[:12]), "\n".join(short[12:]), marks, breaks):
        await customer.press(AskOwner().pack())
        await customer.send(words)

        assert "on its way to the owner" in customer.text, words
        assert "asks:" in owner.messages[-1].text
    assert "<script>" in "".join(one.text for one in owner.messages)
    assert not any("\u202e" in one.text for one in owner.messages)


async def test_hostile_names_are_shown_as_text(app: ShopFloor, owner: Customer) -> None:
    from bot.demo.telegram import Person

    for number, name in enumerate(("<b>Eve</b>", "{name}", "\u202eeve", "\u3164", "&amp;", "%s")):
        eve = await app.person(Person(5000 + number, name, None))
        assert "Hello" in eve.text
        await eve.send("/help")
        await eve.tap("Write to the owner")
        await eve.send("hi")
        assert "asks:" in owner.messages[-1].text
        assert "\u202e" not in owner.messages[-1].text


async def test_nonsense_is_answered_on_every_screen(app: ShopFloor, customer: Customer) -> None:
    for command in ("/start", "/browse", "/orders", "/balance", "/help", "/language", "/usage"):
        await customer.send(command)
        for words in ("10", "/topup", "Buy", "\n".join(HOSTILE[:12])):
            await customer.send(words)
            assert "The shop works with buttons." in customer.text

    assert await customer.balance() == usd("10")

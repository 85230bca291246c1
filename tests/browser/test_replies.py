"""Replies and forwards: by mouse, by touch and by keyboard, and what of them reaches the bot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.demo.cast import ALICE, BORIS, OLGA
from tests.browser.conftest import Open
from tests.browser.person import Locator, Phone, expect
from tests.browser.stage import Stage
from tests.demo import running

PAID = "I have paid 7"


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    stage.does(lambda: stage.core.send(ALICE, "/start"))
    yield stage
    stage.close()


@pytest.fixture
def alice(stage: Stage, visit: Open) -> Phone:
    return visit(at=stage.url).phone(ALICE.id)


def newest(stage: Stage) -> dict[str, Any]:
    """The newest message that the bot was told of."""
    message: dict[str, Any] = stage.says("getUpdates", offset=-1)[0]["message"]
    return message


def told(alice: Phone) -> Locator:
    return alice.node.locator(".replying")


def test_an_owner_answers_what_a_customer_wrote(visit: Open) -> None:
    screen = visit()
    boris, olga = screen.phone(running.BORIS), screen.phone(running.OLGA)
    boris.start()
    olga.send("/language")
    olga.tap("English")
    boris.send(PAID)

    boris.act(boris.finds(PAID), "Forward to Olga")

    expect(boris.node.get_by_text("Olga has it, and forwards it to the bot")).to_be_visible()
    forwarded = olga.finds("Forwarded from Борис")
    expect(forwarded).to_contain_text(PAID)
    olga.sees("answer that message with /topup 10")

    olga.act(forwarded, "Reply")
    expect(olga.node.get_by_role("textbox")).to_be_focused()
    olga.node.page.keyboard.type("/topup 7 paid")
    olga.node.page.keyboard.press("Enter")

    olga.sees("Борис")
    expect(olga.bubbles.filter(has_text="/topup 7 paid").locator(".quoted")).to_have_text(PAID)
    olga.tap("Confirm")
    boris.sees("7,00 USD")
    screen.sees_that_all_is_well()


def test_a_reply_names_its_message_and_the_next_words_are_none(stage: Stage, alice: Phone) -> None:
    stage.says("sendMessage", chat_id=ALICE.id, text="Which one?")
    asked = alice.finds("Which one?")

    alice.act(asked, "Reply")
    expect(told(alice)).to_contain_text("Reply to: Which one?")
    alice.send("This one")

    expect(alice.last.locator(".quoted")).to_have_text("Which one?")
    assert newest(stage)["reply_to_message"]["text"] == "Which one?"
    expect(told(alice)).to_be_hidden()
    alice.send("And that")
    alice.finds("And that")
    assert "reply_to_message" not in newest(stage)


def test_a_reply_can_be_left(stage: Stage, alice: Phone) -> None:
    first = alice.finds("/start")

    alice.act(first, "Reply")
    alice.node.get_by_role("button", name="Do not reply").click()
    expect(told(alice)).to_be_hidden()
    expect(alice.node.get_by_role("textbox")).to_be_focused()

    alice.act(first, "Reply")
    alice.node.page.keyboard.press("Escape")
    expect(told(alice)).to_be_hidden()
    alice.send("Hello")
    alice.finds("Hello")
    assert "reply_to_message" not in newest(stage)


def test_what_is_replied_to_changes_and_goes_with_its_message(stage: Stage, alice: Phone) -> None:
    sent = stage.says("sendMessage", chat_id=ALICE.id, text="First")["message_id"]
    alice.act(alice.finds("First"), "Reply")

    stage.says("editMessageText", chat_id=ALICE.id, message_id=sent, text="Changed")
    expect(told(alice)).to_contain_text("Reply to: Changed")
    stage.says("deleteMessage", chat_id=ALICE.id, message_id=sent)

    expect(told(alice)).to_be_hidden()


def test_a_hidden_password_stays_hidden_in_what_is_replied_to(stage: Stage, alice: Phone) -> None:
    text = "login <tg-spoiler>hunter2</tg-spoiler> end"
    stage.says("sendMessage", chat_id=ALICE.id, text=text, parse_mode="HTML")

    alice.act(alice.finds("login"), "Reply")
    expect(told(alice)).to_contain_text(f"login {'░' * 7} end")
    alice.send("Thanks")

    expect(alice.last.locator(".quoted")).to_have_text(f"login {'░' * 7} end")


def test_a_forward_reaches_the_bot_from_the_owner_with_its_author(
    stage: Stage, alice: Phone
) -> None:
    alice.send(PAID)

    alice.act(alice.finds(PAID), "Forward to Olga")

    Phone(alice.node.page.locator(f"#phone-{OLGA.id}")).finds("Forwarded from Alice")
    forward = newest(stage)
    assert forward["text"] == PAID
    assert (forward["from"]["id"], forward["chat"]["id"]) == (OLGA.id, OLGA.id)
    assert forward["forward_origin"]["type"] == "user"
    assert forward["forward_origin"]["sender_user"]["id"] == ALICE.id


def test_only_a_customers_own_words_can_be_forwarded_and_only_to_an_owner(
    stage: Stage, visit: Open
) -> None:
    stage.does(lambda: stage.core.send(OLGA, "/shop"))
    stage.says("sendMessage", chat_id=ALICE.id, text="Welcome")
    screen = visit(at=stage.url)
    alice, olga = screen.phone(ALICE.id), screen.phone(OLGA.id)

    offered = {
        text: phone.finds(text).locator(".actions button").all_text_contents()
        for phone, text in ((alice, "/start"), (alice, "Welcome"), (olga, "/shop"))
    }

    assert offered == {
        "/start": ["Reply", "Forward to Olga"],
        "Welcome": ["Reply"],
        "/shop": ["Reply"],
    }


def test_the_keyboard_alone_replies_and_leaves(stage: Stage, alice: Phone) -> None:
    keyboard = alice.node.page.keyboard
    message = alice.finds("/start")
    actions = message.get_by_role("button", name=re.compile("Actions for the message of"))
    # From the box back over the menu of commands to the newest message.
    alice.node.get_by_role("textbox").focus()
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    expect(actions).to_be_focused()
    expect(actions).to_have_css("opacity", "1")

    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(message.get_by_role("button", name="Reply")).to_be_focused()
    keyboard.press("Escape")
    expect(message.get_by_role("button", name="Reply")).to_be_hidden()
    expect(actions).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Tab")
    keyboard.press("Enter")

    box = alice.node.get_by_role("textbox")
    expect(box).to_be_focused()
    expect(box).to_have_accessible_description("Reply to: /start")


def test_fingers_find_it_too_and_it_speaks_russian(stage: Stage, visit: Open) -> None:
    stage.does(lambda: stage.core.send(BORIS, PAID))
    screen = visit(at=stage.url, size=(390, 844), locale="ru-RU", has_touch=True, is_mobile=True)
    screen.page.get_by_role("tab", name="Борис").tap()
    boris = screen.phone(BORIS.id)
    message = boris.finds(PAID)

    opener = message.get_by_role("button", name=re.compile("Действия"))
    expect(opener).to_have_css("opacity", "1")
    opener.tap()
    expect(message.get_by_role("button", name="Переслать: Olga")).to_be_in_viewport(ratio=1)
    message.get_by_role("button", name="Ответить").tap()

    expect(told(boris)).to_contain_text(f"Ответ на: {PAID}")

"""What a bot may send looks and works as in Telegram."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.demo.cast import ALICE, BORIS
from bot.demo.telegram import UploadedFile
from tests.browser.conftest import Open
from tests.browser.person import Phone, expect
from tests.browser.stage import Stage, picture
from tests.demo.running import until


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    stage.does(lambda: stage.core.send(ALICE, "/start"))
    yield stage
    stage.close()


@pytest.fixture
def alice(stage: Stage, visit: Open) -> Phone:
    return visit(at=stage.url).phone(ALICE.id)


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


def newest_tap(stage: Stage, known: list[str]) -> str | None:
    """The last tap's query, once it is none of these."""
    updates = stage.says("getUpdates", offset=-1)
    taps = [each["callback_query"]["id"] for each in updates if "callback_query" in each]
    return next((one for one in taps if one not in known), None)


def says(stage: Stage, text: str, *buttons: dict[str, Any]) -> int:
    sent = stage.says(
        "sendMessage",
        chat_id=ALICE.id,
        text=text,
        parse_mode="HTML",
        reply_markup=keyboard(*buttons) if buttons else None,
    )
    return int(sent["message_id"])


def test_buttons_have_their_colours_and_a_disabled_one_does_nothing(
    stage: Stage, alice: Phone
) -> None:
    styles = ("primary", "success", "danger")
    coloured = [{"text": one, "callback_data": one, "style": one} for one in styles]
    says(stage, "Pick", *coloured, {"text": "2/5", "disabled": {}})

    colour = "node => getComputedStyle(node).backgroundColor"
    found = {alice.last.get_by_role("button", name=one).evaluate(colour) for one in styles}

    assert len(found) == len(styles)
    expect(alice.last.get_by_role("button", name="2/5")).to_be_disabled()


def test_the_keyboard_goes_on_in_the_chat_after_start(stage: Stage, visit: Open) -> None:
    boris = visit(at=stage.url, size=(1900, 950)).phone(BORIS.id)

    boris.node.get_by_role("button", name="START").press("Enter")

    expect(boris.bubbles).to_have_count(1)
    expect(boris.node.get_by_role("log")).to_be_focused()


def test_a_tap_ends_in_a_toast_or_in_an_alert(stage: Stage, alice: Phone) -> None:
    says(stage, "Pick", {"text": "Tap", "callback_data": "x"})

    taps: list[str] = []
    for shows_alert in (False, True):
        alice.tap("Tap")
        expect(alice.last.get_by_role("button", name="Tap")).to_have_attribute("aria-busy", "true")
        # The button is busy before the tap has come through.
        taps.append(until(lambda: newest_tap(stage, taps)))
        stage.says(
            "answerCallbackQuery",
            callback_query_id=taps[-1],
            text="You <b>did</b>",
            show_alert=shows_alert,
        )
        expect(alice.last.get_by_role("button", name="Tap")).not_to_have_attribute(
            "aria-busy", "true"
        )
        if not shows_alert:
            expect(alice.node.locator(".toast")).to_have_text("You <b>did</b>")
    dialog = alice.node.page.get_by_role("dialog")
    expect(dialog).to_contain_text("You <b>did</b>")
    dialog.get_by_role("button", name="OK").click()
    expect(dialog).to_be_hidden()


def test_an_edit_changes_the_bubble_in_its_place_and_is_seen(stage: Stage, alice: Phone) -> None:
    first = says(stage, "First")
    says(stage, "Second")
    alice.sees("Second")

    stage.says("editMessageText", chat_id=ALICE.id, message_id=first, text="Changed")

    changed = alice.bubbles.nth(1)
    expect(changed).to_contain_text("Changed")
    expect(changed).to_contain_text("edited")
    expect(alice.bubbles).to_have_count(3)


def test_the_bot_types_until_it_has_written(stage: Stage, alice: Phone) -> None:
    expect(alice.bubbles).to_have_count(1)

    stage.says("sendChatAction", chat_id=ALICE.id, action="typing")
    expect(alice.node.get_by_text("is typing…")).to_be_visible()
    says(stage, "Written")

    alice.sees("Written")
    expect(alice.node.get_by_text("is typing…")).to_have_count(0)


def test_spoilers_and_long_quotes_open_when_they_are_pressed(stage: Stage, alice: Phone) -> None:
    quote = "\n".join(f"line {number}" for number in range(20))
    says(stage, f"<tg-spoiler>secret</tg-spoiler><blockquote expandable>{quote}</blockquote>")
    height = "node => node.offsetHeight"
    folded = alice.last.locator("blockquote").evaluate(height)

    alice.last.locator("blockquote").click()
    alice.last.get_by_role("button", name="Hidden text: press to show").press(" ")

    assert alice.last.locator("blockquote").evaluate(height) > folded
    expect(alice.last.locator("tg-spoiler")).to_have_class("open")


def test_a_time_is_shown_where_the_reader_is(stage: Stage, alice: Phone) -> None:
    says(stage, '<tg-time unix="1800000000" format="Dt">then</tg-time>')

    expect(alice.last.locator("tg-time")).to_contain_text("January 15, 2027")


def test_files_and_pictures_can_be_seen_and_kept(stage: Stage, alice: Phone) -> None:
    hostile = UploadedFile("page.html", b"<script>alert(1)</script>", "text/html")
    stage.says("sendPhoto", {"photo": picture()}, chat_id=ALICE.id, caption="A square")
    image = alice.last.get_by_role("img", name="A square")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 40)

    stage.says("sendDocument", {"document": hostile}, chat_id=ALICE.id)
    alice.sees("page.html")
    with alice.node.page.expect_download() as download:
        alice.last.get_by_role("link").click()

    assert download.value.suggested_filename == "page.html"


def test_a_command_in_a_text_is_sent_when_it_is_pressed(stage: Stage, alice: Phone) -> None:
    says(stage, "Try /help now")

    alice.last.get_by_role("button", name="/help").click()

    expect(alice.last).to_have_class(re.compile("own"))
    assert stage.core.messages(ALICE.id)[-1].text == "/help"


def test_a_link_leaves_only_after_it_was_shown(stage: Stage, alice: Phone) -> None:
    says(stage, '<a href="https://shop.example/?a=1">here</a>')

    alice.last.get_by_role("link", name="here").click()

    dialog = alice.node.page.get_by_role("dialog")
    expect(dialog).to_contain_text("https://shop.example/?a=1")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()

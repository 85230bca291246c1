"""The fake Telegram refuses what Telegram refuses, in the same words."""

from __future__ import annotations

import ast
import asyncio
import json
import struct
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiogram.types
import aiohttp
import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BufferedInputFile,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from aiohttp import web

from bot.demo.telegram import (
    Answer,
    CallbackAnswer,
    Change,
    Fault,
    Message,
    NoAnswer,
    Person,
    Telegram,
    UploadedFile,
)
from bot.demo.telegram_html import (
    BadLink,
    BadMarkup,
    checked_link,
    cut,
    find_entities,
    parse_html,
    render_html,
    tidy,
)
from bot.demo.telegram_http import application

ANN = Person(1, "Ann", "ann", "de")
BOB = Person(2, "Bob", last_name="Builder")
GROUP = -100_500
TOKEN = "7000000001:demo"
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"
BUTTON = "Bad Request: can't parse inline keyboard button: "
KEY = "Bad Request: can't parse keyboard button: "


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telegram(clock: Clock) -> Telegram:
    """A bot that Ann has started; the /start is message 1."""
    telegram = Telegram(clock=clock)
    telegram.send(ANN, "/start")
    return telegram


def said(telegram: Telegram, text: str = "Hello", **more: Any) -> Answer:
    return telegram.call("sendMessage", {"chat_id": ANN.id, "text": text, **more})


def inline(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "Tap", **button} for button in buttons]]}


def keys(*buttons: Any, **more: Any) -> dict[str, Any]:
    return {"keyboard": [list(buttons)], **more}


def last(telegram: Telegram) -> Message:
    return telegram.messages(ANN.id)[-1]


def updates(telegram: Telegram, **params: Any) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = telegram.call("getUpdates", params).result
    return result


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("<abacaba", "Unclosed start tag at byte offset 0"),
        ("🏟&lt;<abac aba>", 'Unsupported start tag "abac" at byte offset 8'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("a<br>", 'Unsupported start tag "br" at byte offset 1'),
        ("<i   =aba>", 'Empty attribute name in the tag "i" at byte offset 0'),
        ("<i aba  =  ", 'Unclosed start tag "i" at byte offset 0'),
        ("<a href", 'Unclosed start tag "a" at byte offset 0'),
        ("<i aba = 190azAz-.,", "Unexpected end of name token at byte offset 9"),
        ('<i aba = "&lt;>', "Unclosed start tag at byte offset 0"),
        ("</", "Unexpected end tag at byte offset 0"),
        ("<b></b></b>", "Unexpected end tag at byte offset 7"),
        ("<i>a</i   ", "Unclosed end tag at byte offset 4"),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><I>x</i>", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<tg-emoji emoji-id="x">y</tg-emoji>', "Invalid custom emoji identifier specified"),
        ("<tg-time>now</tg-time>", "Invalid date specified"),
        ('<tg-time unix="5" format="x">n</tg-time>', "Invalid date-time format specified"),
        (
            "&#xDFDF;",
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units",
        ),
    ],
)
def test_markup_that_telegram_cannot_parse_is_refused_with_the_place(
    telegram: Telegram, source: str, problem: str
) -> None:
    answer = said(telegram, source, parse_mode="HTML")

    assert answer.status == 400
    assert answer.body == {
        "ok": False,
        "error_code": 400,
        "description": f"Bad Request: can't parse entities: {problem}",
    }
    with pytest.raises(BadMarkup):
        parse_html(source)


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("a & b &amp; c &nbsp; &ltx", "a & b & c &nbsp; &ltx", []),
        ("&lt;&gt;&quot;&#39;&#x27;&lt", "<>\"''<", []),
        ("&#0;&#99999999;", "&#0;&#99999999;", []),
        ("<b>a</b><strong>b</strong>", "ab", [("bold", 0, 1), ("bold", 1, 1)]),
        ("<i>a</i><em>b</em>", "ab", [("italic", 0, 1), ("italic", 1, 1)]),
        ("<u>a</u><ins>b</ins>", "ab", [("underline", 0, 1), ("underline", 1, 1)]),
        (
            "<s>a</s><strike>b</strike><del>c</del>",
            "abc",
            [("strikethrough", 0, 1), ("strikethrough", 1, 1), ("strikethrough", 2, 1)],
        ),
        (
            "<tg-spoiler>a</tg-spoiler><span class=tg-spoiler>b</span>",
            "ab",
            [("spoiler", 0, 1), ("spoiler", 1, 1)],
        ),
        ("🏟<b>🏟x</b>", "🏟🏟x", [("bold", 2, 3)]),
        ("<B>x</B >", "x", [("bold", 0, 1)]),
        ("<b>x</>", "x", [("bold", 0, 1)]),
        ("<b></b>x", "x", []),
        ("<b><i>x</i>y</b>", "xy", [("bold", 0, 2), ("italic", 0, 1)]),
        ("<b onclick='x()'>x</b>", "x", [("bold", 0, 1)]),
        ("<blockquote>x</blockquote>", "x", [("blockquote", 0, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        ("<code>x</code><pre>y</pre>", "xy", [("code", 0, 1), ("pre", 1, 1)]),
        ("<code class='language-c'>x</code>", "x", [("code", 0, 1)]),
        (
            '<pre><code class="language-python">x</code></pre>',
            "x",
            [("pre", 0, 1, {"language": "python"})],
        ),
        (
            "<a href='example.com'>x</a>",
            "x",
            [("text_link", 0, 1, {"url": "http://example.com/"})],
        ),
        (
            '<a href="https://a.b/?c=1&amp;d=2">x</a>',
            "x",
            [("text_link", 0, 1, {"url": "https://a.b/?c=1&d=2"})],
        ),
        ("<a>a.bc</a>", "a.bc", [("text_link", 0, 4, {"url": "http://a.bc/"})]),
        ("<a href='nowhere'>x</a>", "x", []),
        (
            '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
            "👍",
            [("custom_emoji", 0, 2, {"custom_emoji_id": "5368324170671202286"})],
        ),
        (
            '<tg-time unix="1647531900" format="wDT">22:45</tg-time>',
            "22:45",
            [("date_time", 0, 5, {"unix_time": 1647531900, "date_time_format": "wDT"})],
        ),
        (
            '<tg-time unix="1647531900">22:45</tg-time>',
            "22:45",
            [("date_time", 0, 5, {"unix_time": 1647531900})],
        ),
    ],
)
def test_every_tag_of_the_bot_api_becomes_plain_text_and_entities(
    source: str, text: str, entities: list[tuple[Any, ...]]
) -> None:
    expected = [
        {"type": kind, "offset": offset, "length": length, **(more[0] if more else {})}
        for kind, offset, length, *more in entities
    ]

    assert parse_html(source) == (text, expected)
    assert parse_html(render_html(text, expected)) == (text, expected)


def test_a_text_loses_the_white_space_around_it(telegram: Telegram) -> None:
    said(telegram, " \n <b>Hi</b> \t there \r\n ", parse_mode="HTML")

    assert last(telegram).text == "Hi   there"
    assert last(telegram).entities == [{"type": "bold", "offset": 0, "length": 2}]


def test_white_space_inside_the_first_tag_stays() -> None:
    assert tidy("  x ", [{"type": "bold", "offset": 0, "length": 4}]) == (
        "  x",
        [{"type": "bold", "offset": 0, "length": 3}],
    )


def test_commands_links_and_mentions_are_found_in_plain_text() -> None:
    text = "/start@demo_shop_bot 1/2 @ann a@b.io #gb1 https://x.io/a_b, /a/b"

    found = [
        (each["type"], cut(text, each["offset"], each["length"]))
        for each in find_entities(text, [])
    ]

    assert found == [
        ("bot_command", "/start@demo_shop_bot"),
        ("mention", "@ann"),
        ("email", "a@b.io"),
        ("hashtag", "#gb1"),
        ("url", "https://x.io/a_b"),
    ]


def test_nothing_is_found_inside_code(telegram: Telegram) -> None:
    said(telegram, "<code>http://u:p@proxy.example.com:80</code> /help", parse_mode="HTML")

    assert [each["type"] for each in last(telegram).entities] == ["code", "bot_command"]


def test_the_html_made_for_a_page_holds_known_tags_only(telegram: Telegram) -> None:
    said(
        telegram, "<b onclick='x()'>1 &lt; 2</b> <a href='a.bc/?x&amp;y'>z</a>", parse_mode="HTML"
    )

    assert last(telegram).safe_html == ('<b>1 &lt; 2</b> <a href="http://a.bc/?x&amp;y">z</a>')
    assert last(telegram).html.startswith("<b onclick")


def test_overlapping_entities_still_make_balanced_html() -> None:
    crossing = [
        {"type": "bold", "offset": 0, "length": 2},
        {"type": "italic", "offset": 1, "length": 2},
    ]

    assert render_html("abc", crossing) == "<b>a<i>b</i></b>c"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("ftp://example.com", "Unsupported URL protocol"),
        ("javascript:alert(1)", "Wrong HTTP URL"),
        ("not-a-url", "Wrong HTTP URL"),
        ("http://localhost", "Wrong HTTP URL"),
        ("https://", "URL host is empty"),
        ("https://a b.c", "Wrong HTTP URL"),
    ],
)
def test_a_link_that_leads_nowhere_is_refused(link: str, reason: str) -> None:
    with pytest.raises(BadLink, match=reason):
        checked_link(link)


@pytest.mark.parametrize(
    ("link", "stored"),
    [
        ("t.me/x", "http://t.me/x"),
        ("HTTPS://t.me", "https://t.me/"),
        ("https://t.me?start=1", "https://t.me/?start=1"),
        ("tg://user?id=5", "tg://user?id=5"),
    ],
)
def test_a_link_is_stored_as_telegram_writes_it(link: str, stored: str) -> None:
    assert checked_link(link) == stored


@pytest.mark.parametrize(
    ("params", "status", "description"),
    [
        ({"text": ""}, 400, "Bad Request: message text is empty"),
        ({"text": None}, 400, "Bad Request: message text is empty"),
        ({"text": " \n "}, 400, "Bad Request: text must be non-empty"),
        ({"text": "<b> </b>", "parse_mode": "html"}, 400, "Bad Request: text must be non-empty"),
        ({"text": "x" * 4097}, 400, "Bad Request: message is too long"),
        ({"text": "🏟" * 2049}, 400, "Bad Request: message is too long"),
        ({"text": "\ud800"}, 400, "Bad Request: strings must be encoded in UTF-8"),
        ({"parse_mode": "MarkdownV2"}, 400, "Bad Request: unsupported parse_mode"),
        ({"parse_mode": "INVALID"}, 400, "Bad Request: unsupported parse_mode"),
        ({"chat_id": None}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": ""}, 400, "Bad Request: chat_id is empty"),
        ({"chat_id": 0}, 400, "Bad Request: chat not found"),
        ({"chat_id": "@nobody"}, 400, "Bad Request: chat not found"),
        ({"chat_id": BOB.id}, 400, "Bad Request: chat not found"),
        ({"message_thread_id": 5}, 400, "Bad Request: message thread not found"),
        (
            {"reply_parameters": {"message_id": 99}},
            400,
            "Bad Request: message to be replied not found",
        ),
        ({"reply_to_message_id": 99}, 400, "Bad Request: message to be replied not found"),
        ({"reply_parameters": {"quote": "x"}}, 400, 'Bad Request: can\'t find field "message_id"'),
        ({"reply_parameters": "[]"}, 400, "Bad Request: can't parse reply parameters JSON object"),
        ({"message_effect_id": "9" * 19}, 400, "Bad Request: EFFECT_ID_INVALID"),
        (
            {"link_preview_options": {"is_disabled": "yes"}},
            400,
            'Bad Request: field "is_disabled" must be of type Boolean',
        ),
        (
            {"entities": [{"type": "huge", "offset": 0, "length": 1}]},
            400,
            "Bad Request: can't parse MessageEntity: Unsupported type specified",
        ),
        (
            {"entities": [{"type": "bold", "offset": -1, "length": 1}]},
            400,
            "Bad Request: receive an entity with incorrect offset -1",
        ),
        (
            {"entities": [{"type": "bold", "offset": 100, "length": 1}]},
            400,
            "Bad Request: entity begins after the end of the text at UTF-16 offset 100",
        ),
        (
            {"entities": [{"type": "bold", "offset": 0, "length": 100}]},
            400,
            "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text "
            "at UTF-16 offset 100",
        ),
    ],
)
def test_a_message_is_refused_in_the_words_of_telegram(
    telegram: Telegram, params: dict[str, Any], status: int, description: str
) -> None:
    answer = telegram.call("sendMessage", {"chat_id": ANN.id, "text": "Hello", **params})

    assert (answer.status, answer.description) == (status, description)
    assert len(telegram.messages(ANN.id)) == 1


@pytest.mark.parametrize(
    ("markup", "description"),
    [
        ("{", "Bad Request: can't parse reply keyboard markup JSON object"),
        ([], "Bad Request: object expected as reply markup"),
        ({"inline_keyboard": "x"}, 'Bad Request: field "inline_keyboard" must be of type Array'),
        (
            {"inline_keyboard": [{}]},
            'Bad Request: field "inline_keyboard" must be an Array of Arrays',
        ),
        (
            {"inline_keyboard": [["x"]]},
            BUTTON + "InlineKeyboardButton must be an Object",
        ),
        ({"inline_keyboard": [[{"callback_data": "x"}]]}, BUTTON + 'Can\'t find field "text"'),
        (inline({"text": 5}), BUTTON + 'Field "text" must be of type String'),
        (inline({"text": " ", "url": "t.me"}), BUTTON + "Button text must be non-empty"),
        (inline({}), BUTTON + "Text buttons are unallowed in the inline keyboard"),
        (
            inline({"callback_data": ""}),
            BUTTON + "Text buttons are unallowed in the inline keyboard",
        ),
        (
            inline({"callback_data": "x", "url": "t.me"}),
            BUTTON + "Exactly one of url, callback_data must be used",
        ),
        (inline({"callback_data": "x" * 65}), "Bad Request: BUTTON_DATA_INVALID"),
        (inline({"callback_data": "ж" * 33}), "Bad Request: BUTTON_DATA_INVALID"),
        (inline({"callback_data": 5}), BUTTON + 'Field "callback_data" must be of type String'),
        (
            inline({"url": "not-a-url"}),
            "Bad Request: inline keyboard button URL 'not-a-url' is invalid: Wrong HTTP URL",
        ),
        (
            inline({"url": "ftp://example.com"}),
            "Bad Request: inline keyboard button URL 'ftp://example.com' is invalid: "
            "Unsupported URL protocol",
        ),
        (inline({"url": "t.me/" + "x" * 2048}), "Bad Request: BUTTON_URL_INVALID"),
        (inline({"copy_text": {"text": ""}}), "Bad Request: BUTTON_COPY_TEXT_INVALID"),
        (inline({"copy_text": {"text": "x" * 257}}), "Bad Request: BUTTON_COPY_TEXT_INVALID"),
        (inline({"copy_text": {}}), BUTTON + 'Can\'t find field "text"'),
        (inline({"copy_text": "x"}), BUTTON + 'Field "copy_text" must be of type Object'),
        (inline({"disabled": True}), BUTTON + 'Field "disabled" must be of type Object'),
        (
            inline({"disabled": {}, "callback_data": "x"}),
            BUTTON + "Exactly one of callback_data, disabled must be used",
        ),
        (
            inline({"callback_data": "x", "style": "link"}),
            "Bad Request: invalid button style specified",
        ),
        (
            inline({"callback_data": "x", "icon_custom_emoji_id": "x"}),
            "Bad Request: invalid custom emoji identifier specified",
        ),
        (inline({"pay": True}), "Bad Request: BUTTON_TYPE_INVALID"),
        (inline({"login_url": {"url": "https://a.bc"}}), "Bad Request: BOT_DOMAIN_INVALID"),
        (
            inline({"web_app": {"url": "http://example.com"}}),
            "Bad Request: inline keyboard button Web App URL 'http://example.com' is invalid: "
            "Only HTTPS links are allowed",
        ),
        (
            {"inline_keyboard": [[{"text": "x", "callback_data": "x"}]] * 101},
            "Bad Request: reply markup is too long",
        ),
        (keys({"text": ""}), KEY + "Button text must be non-empty"),
        (keys(5), KEY + "KeyboardButton must be an Object"),
        (keys("A", selective="yes"), 'Bad Request: field "selective" must be of type Boolean'),
        (
            keys({"text": "Who?", "request_users": {}}),
            KEY + 'Can\'t find field "request_id"',
        ),
        (
            keys({"text": "Who?", "request_users": {"request_id": 1, "max_quantity": 11}}),
            "Bad Request: BUTTON_QUANTITY_MAX_INVALID",
        ),
        (
            keys(*[{"text": "Who?", "request_users": {"request_id": 1}}] * 2),
            "Bad Request: duplicate request identifier in the keyboard",
        ),
        (
            {"remove_keyboard": "yes"},
            'Bad Request: field "remove_keyboard" must be of type Boolean',
        ),
        ({"force_reply": "yes"}, 'Bad Request: field "force_reply" must be of type Boolean'),
    ],
)
def test_a_keyboard_is_refused_in_the_words_of_telegram(
    telegram: Telegram, markup: Any, description: str
) -> None:
    assert said(telegram, reply_markup=markup).description == description


@pytest.mark.parametrize(
    "button",
    [
        {"callback_data": "x" * 64},
        {"callback_data": "ж" * 32, "style": "primary"},
        {"url": "https://t.me/proxy_bot", "style": "success"},
        {"copy_text": {"text": "x" * 256}},
        {"disabled": {}, "style": "danger"},
        {"switch_inline_query": ""},
    ],
)
def test_a_good_button_is_shown_as_it_was_sent(telegram: Telegram, button: dict[str, Any]) -> None:
    sent = said(telegram, reply_markup=json.dumps(inline(button)))

    assert last(telegram).rows == [[{"text": "Tap", **button}]]
    assert sent.result["reply_markup"] == {"inline_keyboard": [[{"text": "Tap", **button}]]}


def test_a_long_text_is_measured_without_its_tags(telegram: Telegram) -> None:
    assert said(telegram, "<b>" + "x" * 4096 + "</b>", parse_mode="HTML").ok


def test_numbers_and_json_may_come_as_text(telegram: Telegram) -> None:
    reply = json.dumps({"message_id": 1})

    answer = telegram.call(
        "SENDMESSAGE",
        {"chat_id": "1", "text": "x", "reply_parameters": reply, "protect_content": "true"},
    )

    assert answer.result["reply_to_message"]["text"] == "/start"
    assert answer.result["has_protected_content"] is True


def test_a_reply_to_nothing_may_be_allowed(telegram: Telegram) -> None:
    assert said(
        telegram, reply_parameters={"message_id": 99, "allow_sending_without_reply": True}
    ).ok


def test_a_message_carries_who_where_and_when(telegram: Telegram, clock: Clock) -> None:
    assert said(telegram).result == {
        "message_id": 2,
        "from": {
            "id": telegram.bot_id,
            "is_bot": True,
            "first_name": "Demo Shop",
            "username": "demo_shop_bot",
        },
        "chat": {"id": 1, "type": "private", "first_name": "Ann", "username": "ann"},
        "date": int(clock.now),
        "text": "Hello",
    }


def test_a_stranger_is_not_found_and_an_acquaintance_must_write_first(telegram: Telegram) -> None:
    telegram.send(BOB, "Hi all", chat=GROUP)

    assert telegram.call("sendMessage", {"chat_id": 3, "text": "x"}).status == 400
    answer = telegram.call("sendMessage", {"chat_id": BOB.id, "text": "x"})
    assert answer.status == 403
    assert answer.description == "Forbidden: bot can't initiate conversation with a user"

    telegram.send(BOB, "/start")

    assert telegram.call("sendMessage", {"chat_id": BOB.id, "text": "x"}).ok


def test_somebody_who_blocked_the_bot_hears_nothing_until_they_write_again(
    telegram: Telegram,
) -> None:
    said(telegram)

    telegram.block(ANN)

    assert said(telegram).status == 403
    assert said(telegram).description == "Forbidden: bot was blocked by the user"
    edit = {"chat_id": ANN.id, "message_id": 2, "text": "x"}
    assert telegram.call("editMessageText", edit).status == 403
    telegram.send(ANN, "/start")
    assert said(telegram).ok
    members = [each["my_chat_member"] for each in updates(telegram) if "my_chat_member" in each]
    assert [each["new_chat_member"]["status"] for each in members] == ["kicked", "member"]
    telegram.unblock(ANN)
    assert len(updates(telegram)) == 4


def test_a_group_is_a_chat_of_its_own(telegram: Telegram) -> None:
    telegram.send(ANN, "/start@demo_shop_bot", chat=GROUP)

    chat = updates(telegram)[-1]["message"]["chat"]
    assert chat == {"id": GROUP, "type": "supergroup", "title": "Group 100500"}
    assert telegram.call("sendMessage", {"chat_id": GROUP, "text": "x"}).ok
    assert [each.text for each in telegram.messages(GROUP)] == ["/start@demo_shop_bot", "x"]
    gone = telegram.call("deleteMessage", {"chat_id": GROUP, "message_id": 1})
    assert gone.description == "Bad Request: message can't be deleted"


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"message_id": None}, "Bad Request: message identifier is not specified"),
        ({"message_id": 99}, "Bad Request: message to edit not found"),
        ({"message_id": 1}, "Bad Request: message can't be edited"),
        ({"message_id": 3}, "Bad Request: message can't be edited"),
        ({"message_id": 4}, "Bad Request: there is no text in the message to edit"),
        ({"text": ""}, "Bad Request: message text is empty"),
        ({"text": "x" * 4097}, "Bad Request: message is too long"),
        ({"text": " Hello ", "reply_markup": inline({"callback_data": "x"})}, NOT_MODIFIED),
        ({"reply_markup": keys("A")}, "Bad Request: inline keyboard expected"),
        ({"chat_id": 99}, "Bad Request: chat not found"),
    ],
)
def test_an_edit_is_refused_in_the_words_of_telegram(
    telegram: Telegram, params: dict[str, Any], description: str
) -> None:
    said(telegram, reply_markup=inline({"callback_data": "x"}))
    said(telegram, reply_markup=keys("A"))
    file = UploadedFile("a.txt", b"a")
    telegram.call("sendDocument", {"chat_id": ANN.id}, {"document": file})

    answer = telegram.call(
        "editMessageText", {"chat_id": ANN.id, "message_id": 2, "text": "New", **params}
    )

    assert (answer.status, answer.description) == (400, description)
    assert telegram.messages(ANN.id)[1].text == "Hello"


def test_an_edit_without_a_keyboard_takes_the_keyboard_away(
    telegram: Telegram, clock: Clock
) -> None:
    said(telegram, reply_markup=inline({"callback_data": "x"}))
    clock.now += 60

    edited = telegram.call(
        "editMessageText", {"chat_id": ANN.id, "message_id": 2, "text": "Hello"}
    )

    assert edited.result["edit_date"] == edited.result["date"] + 60
    assert "reply_markup" not in edited.result
    assert last(telegram).edited
    assert last(telegram).rows == []


def test_the_same_words_in_bold_are_a_change(telegram: Telegram) -> None:
    said(telegram)
    edit = {"chat_id": 1, "message_id": 2, "text": "<b>Hello</b>", "parse_mode": "HTML"}

    assert telegram.call("editMessageText", edit).ok
    assert telegram.call("editMessageText", edit).description == NOT_MODIFIED


def test_a_keyboard_can_be_changed_alone(telegram: Telegram) -> None:
    said(telegram)
    edit = {"chat_id": 1, "message_id": 2, "reply_markup": inline({"callback_data": "y"})}

    assert telegram.call("editMessageReplyMarkup", edit).result["text"] == "Hello"
    assert telegram.call("editMessageReplyMarkup", edit).description == NOT_MODIFIED
    assert last(telegram).buttons == [{"text": "Tap", "callback_data": "y"}]


def test_a_message_is_deleted_once_and_not_when_it_is_old(
    telegram: Telegram, clock: Clock
) -> None:
    said(telegram)
    gone = {"chat_id": ANN.id, "message_id": 2}

    assert telegram.call("deleteMessage", gone).result is True
    assert telegram.call("deleteMessage", gone).description == (
        "Bad Request: message to delete not found"
    )
    edit = telegram.call("editMessageText", {**gone, "text": "x"})
    assert edit.description == "Bad Request: message to edit not found"
    assert said(telegram).result["message_id"] == 3
    clock.now += 49 * 3600
    assert telegram.call("deleteMessage", {"chat_id": ANN.id, "message_id": 3}).description == (
        "Bad Request: message can't be deleted for everyone"
    )


def test_a_tap_brings_the_whole_message_with_its_keyboard(telegram: Telegram) -> None:
    sent = said(telegram, reply_markup=inline({"callback_data": "buy"})).result

    query = telegram.tap(ANN, sent["message_id"], "buy")

    update = updates(telegram)[-1]["callback_query"]
    assert update["id"] == query
    assert update["data"] == "buy"
    assert update["from"]["language_code"] == "de"
    assert update["message"] == sent


def test_a_tap_may_send_any_data_and_come_from_a_deleted_message(telegram: Telegram) -> None:
    said(telegram)
    telegram.delete(ANN.id, 2)

    telegram.tap(ANN, 2, "data no button ever had " * 9)

    message = updates(telegram)[-1]["callback_query"]["message"]
    assert message["date"] == 0
    assert message["message_id"] == 2
    assert "text" not in message


def test_a_tap_is_answered_once_and_in_time(telegram: Telegram, clock: Clock) -> None:
    first, second = telegram.tap(ANN, 1, "x"), telegram.tap(ANN, 1, "x")
    answer = {"callback_query_id": first, "text": "Sold out", "show_alert": "true"}

    assert telegram.answers(first) is None
    assert telegram.call("answerCallbackQuery", answer).result is True
    assert telegram.answers(first) == CallbackAnswer("Sold out", show_alert=True)
    assert telegram.call("answerCallbackQuery", answer).description == TOO_OLD
    clock.now += 16
    late = telegram.call("answerCallbackQuery", {"callback_query_id": second})
    assert late.description == TOO_OLD
    assert telegram.call("answerCallbackQuery", {}).description == TOO_OLD
    assert telegram.answers(second) is None


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"text": "x" * 201}, "Bad Request: MESSAGE_TOO_LONG"),
        ({"url": "https://example.com"}, "Bad Request: URL_INVALID"),
    ],
)
def test_an_answer_to_a_tap_has_limits(
    telegram: Telegram, params: dict[str, str], description: str
) -> None:
    query = telegram.tap(ANN, 1, "x")

    refused = telegram.call("answerCallbackQuery", {"callback_query_id": query, **params})

    assert refused.description == description
    link = "https://t.me/demo_shop_bot?start=x"
    allowed = {"callback_query_id": query, "text": "x" * 200, "url": link}
    assert telegram.call("answerCallbackQuery", allowed).ok


def test_an_update_comes_again_until_it_is_confirmed(telegram: Telegram) -> None:
    second = telegram.send(ANN, "two", reply_to=1, forward_of=BOB)

    first = updates(telegram, limit=1)
    assert [each["message"]["text"] for each in first] == ["/start"]
    assert first[0]["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert len(updates(telegram)) == 2

    rest = updates(telegram, offset=str(second))

    assert [each["update_id"] for each in rest] == [second]
    assert rest[0]["message"]["reply_to_message"]["message_id"] == 1
    assert rest[0]["message"]["forward_origin"]["sender_user"]["last_name"] == "Builder"
    assert updates(telegram, offset=second + 1) == []
    assert telegram.call("getWebhookInfo").result["pending_update_count"] == 0


def test_a_negative_offset_keeps_only_the_end(telegram: Telegram) -> None:
    telegram.send(ANN, "two")
    third = telegram.send(ANN, "three")

    assert [each["update_id"] for each in updates(telegram, offset=-1)] == [third]
    assert len(updates(telegram)) == 1


def test_kinds_of_updates_that_were_not_asked_for_stay_away(telegram: Telegram) -> None:
    assert len(updates(telegram, allowed_updates='["callback_query"]')) == 1

    telegram.send(ANN, "unheard")
    telegram.tap(ANN, 1, "heard")

    assert "callback_query" in updates(telegram, offset=-1)[0]
    assert telegram.messages(ANN.id)[-1].text == "unheard"
    updates(telegram, allowed_updates="[]")
    telegram.send(ANN, "heard again")
    assert updates(telegram)[-1]["message"]["text"] == "heard again"
    telegram.call("deleteWebhook", {"drop_pending_updates": True})
    assert updates(telegram) == []


async def test_a_poll_waits_for_the_next_update(telegram: Telegram) -> None:
    offset = updates(telegram)[-1]["update_id"] + 1
    poll = asyncio.gather(telegram.request("getUpdates", {"offset": offset, "timeout": 30}))
    await asyncio.sleep(0)

    telegram.send(ANN, "now")

    (answer,) = await poll
    assert [each["message"]["text"] for each in answer.result] == ["now"]
    assert telegram.calls[-1].answer == answer


async def test_a_poll_that_hears_nothing_ends_empty(telegram: Telegram) -> None:
    updates(telegram, offset=2**40)
    poll = asyncio.gather(telegram.request("getUpdates", {"timeout": 30}))
    await asyncio.sleep(0)

    telegram.hang_up()

    assert (await poll)[0].result == []
    assert (await telegram.request("getUpdates", {"timeout": 0})).result == []


async def test_a_second_poller_ends_the_first_with_a_conflict(telegram: Telegram) -> None:
    updates(telegram, offset=2**40)
    first = asyncio.gather(telegram.request("getUpdates", {"timeout": 30}))
    await asyncio.sleep(0)
    second = asyncio.gather(telegram.request("getUpdates", {"timeout": 30}))

    (conflict,) = await first

    assert conflict.status == 409
    assert conflict.description == (
        "Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running"
    )
    telegram.send(ANN, "now")
    assert len((await second)[0].result) == 1


def test_somebody_shares_users_by_a_button(telegram: Telegram) -> None:
    wanted = {"request_id": 7, "request_name": True}
    said(
        telegram,
        reply_markup=keys({"text": "Who?", "request_users": wanted}, one_time_keyboard=True),
    )
    assert telegram.keyboard(ANN.id) is not None

    telegram.share_users(ANN, 7, [BOB])

    shared = updates(telegram)[-1]["message"]["users_shared"]
    user = {"user_id": 2, "first_name": "Bob", "last_name": "Builder"}
    assert shared == {"request_id": 7, "users": [user]}
    assert telegram.keyboard(ANN.id) is None
    telegram.share_users(ANN, 8, [ANN])
    assert updates(telegram)[-1]["message"]["users_shared"]["users"] == [{"user_id": 1}]


def test_a_reply_keyboard_stays_until_it_is_removed(telegram: Telegram) -> None:
    said(telegram, reply_markup=keys("A", resize_keyboard=True))
    telegram.send(ANN, "A")
    assert telegram.keyboard(ANN.id) == {"keyboard": [[{"text": "A"}]], "resize_keyboard": True}

    said(telegram, reply_markup={"remove_keyboard": True})

    assert telegram.keyboard(ANN.id) is None
    assert last(telegram).reply_keyboard == {"remove_keyboard": True}


def test_a_document_is_kept_and_can_be_fetched_and_sent_again(telegram: Telegram) -> None:
    file = UploadedFile("list.csv", b"a,b", "text/csv")
    params = {
        "chat_id": 1,
        "document": "attach://x",
        "caption": "<b>All</b>",
        "parse_mode": "HTML",
    }

    sent = telegram.call("sendDocument", params, {"x": file}).result

    assert sent["caption"] == "All"
    assert sent["caption_entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    file_id = sent["document"]["file_id"]
    path = telegram.call("getFile", {"file_id": file_id}).result["file_path"]
    assert path == "documents/file_1.csv"
    assert telegram.file(path) == file
    again = telegram.call("sendDocument", {"chat_id": 1, "document": file_id}).result
    assert again["document"] == sent["document"]
    edited = telegram.call("editMessageCaption", {"chat_id": 1, "message_id": 2, "caption": "x"})
    assert edited.result["caption"] == "x"


@pytest.mark.parametrize(
    ("method", "params", "files", "description"),
    [
        ("sendDocument", {}, {}, "Bad Request: there is no document in the request"),
        ("sendPhoto", {}, {}, "Bad Request: there is no photo in the request"),
        (
            "sendDocument",
            {"document": "https://example.com/a"},
            {},
            "Bad Request: wrong file identifier/HTTP URL specified",
        ),
        ("sendDocument", {}, {"document": b""}, "Bad Request: file must be non-empty"),
        ("sendPhoto", {}, {"photo": b"text"}, "Bad Request: IMAGE_PROCESS_FAILED"),
        ("sendPhoto", {}, {"photo": png(1, 21)}, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        ("sendPhoto", {}, {"photo": b"x" * 10_000_001}, "Request Entity Too Large"),
        (
            "sendDocument",
            {"caption": "x" * 1025},
            {"document": b"x"},
            "Bad Request: message caption is too long",
        ),
        ("getFile", {"file_id": "x"}, {}, "Bad Request: invalid file_id"),
        (
            "editMessageCaption",
            {"message_id": 2, "caption": "x"},
            {},
            "Bad Request: there is no caption in the message to edit",
        ),
        ("sendChatAction", {"action": "x"}, {}, "Bad Request: wrong parameter action in request"),
        (
            "setMessageReaction",
            {"message_id": 99},
            {},
            "Bad Request: message to react not found",
        ),
        (
            "setMessageReaction",
            {"message_id": 1, "reaction": '[{"type":"emoji","emoji":"🏟"}]'},
            {},
            "Bad Request: REACTION_INVALID",
        ),
        ("deleteMessage", {}, {}, "Bad Request: message identifier is not specified"),
    ],
)
def test_other_calls_are_refused_in_the_words_of_telegram(
    telegram: Telegram,
    method: str,
    params: dict[str, Any],
    files: dict[str, bytes],
    description: str,
) -> None:
    said(telegram)
    uploaded = {name: UploadedFile("a.bin", data) for name, data in files.items()}

    answer = telegram.call(method, {"chat_id": ANN.id, **params}, uploaded)

    assert answer.description == description


def test_a_photo_has_the_size_of_its_picture(telegram: Telegram) -> None:
    photo = UploadedFile("qr.png", png(300, 200))

    sent = telegram.call("sendPhoto", {"chat_id": 1}, {"photo": photo}).result

    assert (sent["photo"][0]["width"], sent["photo"][0]["height"]) == (300, 200)


def test_the_page_hears_of_every_change(telegram: Telegram) -> None:
    changes: list[Change] = []
    telegram.on_change.append(changes.append)

    telegram.call("sendChatAction", {"chat_id": 1, "action": "typing"})
    said(telegram)
    reaction = [{"type": "emoji", "emoji": "❤️"}]
    telegram.call("setMessageReaction", {"chat_id": 1, "message_id": 1, "reaction": reaction})
    telegram.call("deleteMessage", {"chat_id": 1, "message_id": 2})

    assert changes == [
        Change("action", 1),
        Change("message", 1, 2),
        Change("reaction", 1, 1),
        Change("delete", 1, 2),
    ]
    assert telegram.messages(ANN.id)[0].reactions == ["❤"]


def test_commands_are_chosen_by_scope_and_language(telegram: Telegram) -> None:
    def set_commands(command: str, **more: Any) -> Answer:
        commands = [{"command": command, "description": " What it does "}]
        return telegram.call("setMyCommands", {"commands": commands, **more})

    set_commands("/start")
    assert telegram.commands(ANN) == [{"command": "start", "description": "What it does"}]
    set_commands("los", language_code="de")
    assert telegram.commands(ANN)[0]["command"] == "los"
    set_commands("all", scope={"type": "all_private_chats"})
    assert telegram.commands(ANN)[0]["command"] == "all"
    chat = json.dumps({"type": "chat", "chat_id": ANN.id})
    set_commands("topup", scope=chat)
    assert telegram.commands(ANN)[0]["command"] == "topup"
    assert telegram.call("getMyCommands", {"scope": chat}).result[0]["command"] == "topup"
    telegram.call("deleteMyCommands", {"scope": chat})
    assert telegram.commands(ANN)[0]["command"] == "all"
    telegram.call("setMyCommands", {"commands": [], "scope": {"type": "all_private_chats"}})
    assert telegram.commands(ANN)[0]["command"] == "los"
    assert telegram.call("getMyCommands").result[0]["command"] == "start"


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({}, "Bad Request: expected an Array of BotCommand"),
        ({"commands": "["}, "Bad Request: can't parse commands JSON object"),
        ({"commands": [{}]}, "Bad Request: can't parse BotCommand: Can't find field \"command\""),
        ({"commands": [("", "x")]}, "Bad Request: command must be non-empty"),
        ({"commands": [("Start", "x")]}, "Bad Request: BOT_COMMAND_INVALID"),
        ({"commands": [("x" * 33, "x")]}, "Bad Request: command length must not exceed 32"),
        ({"commands": [("x", " ")]}, "Bad Request: command description must be non-empty"),
        (
            {"commands": [("x", "x" * 257)]},
            "Bad Request: command description length must not exceed 256",
        ),
        ({"commands": [("x", "x")] * 101}, "Bad Request: BOT_COMMANDS_TOO_MUCH"),
        ({"language_code": "deu"}, "Bad Request: invalid language code specified"),
        (
            {"scope": {"type": "x"}},
            "Bad Request: can't parse BotCommandScope: Unsupported type specified",
        ),
        ({"scope": {"type": "chat", "chat_id": 99}}, "Bad Request: chat not found"),
        (
            {"scope": {"type": "chat_administrators", "chat_id": 1}},
            "Bad Request: can't use specified scope in private chats",
        ),
    ],
)
def test_commands_are_refused_in_the_words_of_telegram(
    telegram: Telegram, params: dict[str, Any], description: str
) -> None:
    commands = params.get("commands", [("x", "x")] if params else None)
    if isinstance(commands, list):
        commands = [
            {"command": each[0], "description": each[1]} if isinstance(each, tuple) else each
            for each in commands
        ]

    answer = telegram.call("setMyCommands", {**params, "commands": commands})

    assert answer.description == description


@pytest.mark.parametrize(
    ("what", "method", "most"),
    [
        ("name", "MyName", 64),
        ("description", "MyDescription", 512),
        ("short_description", "MyShortDescription", 120),
    ],
)
def test_a_bot_describes_itself_in_every_language(
    telegram: Telegram, what: str, method: str, most: int
) -> None:
    assert not telegram.call(f"set{method}", {what: "x" * (most + 1)}).ok
    telegram.call(f"set{method}", {what: "x" * most})
    telegram.call(f"set{method}", {what: "Laden", "language_code": "de"})

    assert telegram.call(f"get{method}").result == {what: "x" * most}
    assert telegram.call(f"get{method}", {"language_code": "de"}).result == {what: "Laden"}
    assert telegram.call(f"get{method}", {"language_code": "ru"}).result == {what: "x" * most}


def test_a_name_that_is_taken_back_is_the_first_one_again(telegram: Telegram) -> None:
    telegram.call("setMyName", {"name": "Other"})
    assert telegram.call("getMe").result["first_name"] == "Other"

    telegram.call("setMyName", {"name": ""})

    assert telegram.call("getMe").result["first_name"] == "Demo Shop"


def test_a_menu_button_is_set_for_all_or_for_one(telegram: Telegram) -> None:
    app = {"type": "web_app", "text": "Open", "web_app": {"url": "https://a.bc"}}

    assert telegram.call("getChatMenuButton").result == {"type": "commands"}
    assert telegram.call("setChatMenuButton", {"chat_id": 1, "menu_button": app}).ok
    assert telegram.call("getChatMenuButton", {"chat_id": 1}).result == app
    assert telegram.call("getChatMenuButton").result == {"type": "commands"}
    telegram.call("setChatMenuButton", {"chat_id": 1})
    assert telegram.call("getChatMenuButton", {"chat_id": 1}).result == {"type": "commands"}
    refused = telegram.call("setChatMenuButton", {"menu_button": {"type": "x"}})
    assert refused.description == "Bad Request: can't parse MenuButton: Unsupported type specified"


def test_a_method_that_is_not_there_is_not_found(telegram: Telegram) -> None:
    answer = telegram.call("sendDice", {"chat_id": 1})

    assert answer.body == {"ok": False, "error_code": 404, "description": "Not Found"}


@pytest.mark.parametrize("junk", ["[", "[5]", '{"type": 5}', "null", "-1", 5, [[5]], {"a": {}}])
def test_no_parameter_makes_the_fake_stumble(telegram: Telegram, junk: Any) -> None:
    said(telegram)
    good = {"chat_id": ANN.id, "message_id": 2, "text": "x", "action": "typing"}
    names = (
        "allowed_updates caption caption_entities chat_id commands document entities limit "
        "link_preview_options menu_button message_id offset reaction reply_markup "
        "reply_parameters scope text timeout url"
    )

    for method in (
        *("sendMessage", "sendDocument", "editMessageText", "editMessageReplyMarkup"),
        *("setMyCommands", "setChatMenuButton", "setMessageReaction", "getUpdates", "getChat"),
        *("answerCallbackQuery", "deleteWebhook", "setMyName", "getMyCommands"),
    ):
        for name in names.split():
            answer = telegram.call(method, {**good, name: junk})
            assert answer.status in (200, 400)
            json.dumps(answer.body)


def test_too_many_requests_names_the_seconds_to_wait(telegram: Telegram) -> None:
    telegram.faults.append(Fault(method="sendMessage", status=429, retry_after=3, times=2))

    assert telegram.call("getMe").ok
    assert said(telegram).body == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    assert said(telegram).status == 429
    assert said(telegram).ok
    assert telegram.faults == []


@pytest.mark.parametrize(
    ("fault", "status", "content"),
    [
        (Fault(status=502), 502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        (
            Fault(status=500, description="Internal Server Error: restart"),
            500,
            '{"ok": false, "error_code": 500, "description": "Internal Server Error: restart"}',
        ),
        (
            Fault(chat_id=1, status=400, description="Bad Request: VOICE_MESSAGES_FORBIDDEN"),
            400,
            '{"ok": false, "error_code": 400, '
            '"description": "Bad Request: VOICE_MESSAGES_FORBIDDEN"}',
        ),
        (
            Fault(status=403),
            403,
            '{"ok": false, "error_code": 403, "description": "Forbidden"}',
        ),
    ],
)
def test_a_refusal_can_be_ordered(
    telegram: Telegram, fault: Fault, status: int, content: str
) -> None:
    telegram.faults.append(fault)

    answer = said(telegram)

    assert (answer.status, answer.content) == (status, content)
    assert len(telegram.messages(ANN.id)) == 1


def test_a_lost_answer_has_taken_effect_and_a_lost_call_has_not(telegram: Telegram) -> None:
    telegram.faults += [Fault(lose_answer=True), Fault(lose_call=True)]

    with pytest.raises(NoAnswer):
        said(telegram, "arrived")
    with pytest.raises(NoAnswer):
        said(telegram, "lost")

    assert [each.text for each in telegram.messages(ANN.id)] == ["/start", "arrived"]
    assert [call.answer for call in telegram.calls] == [None, None]
    assert telegram.count("sendmessage") == 2


def test_a_fault_of_one_chat_finds_the_taps_of_that_chat(telegram: Telegram) -> None:
    query = telegram.tap(ANN, 1, "x")
    telegram.faults += [Fault(chat_id=BOB.id, status=403), Fault(chat_id=ANN.id, status=400)]

    assert telegram.call("answerCallbackQuery", {"callback_query_id": query}).status == 400
    assert len(telegram.faults) == 1


def test_the_core_needs_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; from bot.demo.telegram import Telegram; "
        "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )

    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, check=True)

    assert ast.literal_eval(done.stdout.decode()) <= {"bot", "__main__"}


def test_the_contract_keeps_every_file_of_the_fake_apart_from_the_shop() -> None:
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if "fake Bot API" in one["name"])
    fake = {f"bot.demo.{file.stem}" for file in (root / "bot/demo").glob("telegram*.py")}
    beside = {f"bot.demo.{file.stem}" for file in (root / "bot/demo").glob("[a-z]*.py")} - fake
    shop = {
        f"bot.{found.stem}"
        for found in (root / "bot").iterdir()
        if found.stem not in {"demo", "locales", "__init__", "__pycache__"}
    }

    assert set(contract["source_modules"]) == fake
    assert set(contract["forbidden_modules"]) == shop | beside


@pytest.fixture
async def base(telegram: Telegram) -> AsyncIterator[str]:
    runner = web.AppRunner(application(telegram, TOKEN))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def http(base: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base) as session:
        yield session


@pytest.fixture
async def bot(base: str) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(base))
    async with Bot(TOKEN, session=session) as bot:
        yield bot


async def test_a_real_client_speaks_to_the_fake(telegram: Telegram, bot: Bot) -> None:
    markup = InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="Buy", callback_data="buy", style="success")]]
    )

    me = await bot.get_me()
    sent = await bot.send_message(ANN.id, "<b>1 GB</b>", parse_mode="HTML", reply_markup=markup)
    query = telegram.tap(ANN, sent.message_id, "buy")
    received = await bot.get_updates(timeout=5)
    assert await bot.answer_callback_query(query, text="Bought")
    edited = await bot.edit_message_text("Done", chat_id=ANN.id, message_id=sent.message_id)

    assert me.username == "demo_shop_bot"
    assert received[0].message is not None
    assert received[0].message.text == "/start"
    tapped = received[1].callback_query
    assert tapped is not None
    assert tapped.data == "buy"
    assert isinstance(tapped.message, aiogram.types.Message)
    assert tapped.message.reply_markup is not None
    assert tapped.message.reply_markup.model_dump() == markup.model_dump()
    assert isinstance(edited, aiogram.types.Message)
    assert edited.text == "Done"
    assert edited.reply_markup is None
    assert telegram.answers(query) == CallbackAnswer("Bought")


async def test_a_real_client_understands_the_rest(telegram: Telegram, bot: Bot) -> None:
    await bot.set_my_commands(
        [BotCommand(command="start", description="Begin")],
        scope=BotCommandScopeAllPrivateChats(),
        language_code="de",
    )
    document = BufferedInputFile(b"a,b", "list.csv")
    sent = await bot.send_document(ANN.id, document, caption="All")
    assert sent.document is not None
    file = await bot.get_file(sent.document.file_id)
    assert file.file_path is not None
    content = await bot.download_file(file.file_path)
    chat = await bot.get_chat(ANN.id)
    webhook = await bot.get_webhook_info()
    telegram.delete(ANN.id, sent.message_id)
    telegram.tap(ANN, sent.message_id, "x")
    telegram.block(ANN)
    *_, tapped, blocked = await bot.get_updates()

    assert telegram.commands(ANN) == [{"command": "start", "description": "Begin"}]
    assert content is not None
    assert content.read() == b"a,b"
    assert chat.first_name == "Ann"
    assert webhook.pending_update_count == 1
    assert tapped.callback_query is not None
    assert isinstance(tapped.callback_query.message, InaccessibleMessage)
    assert blocked.my_chat_member is not None
    assert blocked.my_chat_member.new_chat_member.status == "kicked"


async def test_a_real_client_hears_refusals_as_its_own_exceptions(
    telegram: Telegram, bot: Bot
) -> None:
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(99, "x")
    telegram.faults.append(Fault(status=429, retry_after=3))
    with pytest.raises(TelegramRetryAfter) as slower:
        await bot.send_message(ANN.id, "x")
    assert slower.value.retry_after == 3
    telegram.faults.append(Fault(status=500, description="Internal Server Error"))
    with pytest.raises(TelegramServerError):
        await bot.send_message(ANN.id, "x")
    telegram.faults.append(Fault(lose_answer=True))
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(ANN.id, "arrived")
    telegram.block(ANN)
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await bot.send_message(ANN.id, "x")

    assert last(telegram).text == "arrived"


@pytest.mark.parametrize("kind", ["query", "form", "json", "multipart"])
async def test_parameters_may_come_in_every_way_of_the_bot_api(
    telegram: Telegram, http: aiohttp.ClientSession, kind: str
) -> None:
    params = {"chat_id": "1", "text": "x", "reply_markup": json.dumps(inline({"url": "t.me/x"}))}
    form = aiohttp.FormData(params, default_to_multipart=True)
    bodies: dict[str, dict[str, Any]] = {
        "query": {"params": params},
        "form": {"data": params},
        "json": {"json": params},
        "multipart": {"data": form},
    }

    async with http.post(f"/bot{TOKEN}/sendMessage", **bodies[kind]) as response:
        answer = await response.json()

    assert response.status == 200
    assert answer["result"]["text"] == "x"
    assert last(telegram).buttons[0]["url"] == "http://t.me/x"


async def test_a_wrong_token_is_unauthorized(http: aiohttp.ClientSession) -> None:
    async with http.get("/bot7000000001:other/getMe") as response:
        answer = await response.json()
    async with http.get("/file/bot7000000001:other/documents/file_1") as file:
        pass

    assert response.status == file.status == 401
    assert answer == {"ok": False, "error_code": 401, "description": "Unauthorized"}


async def test_what_is_not_there_is_not_found(http: aiohttp.ClientSession) -> None:
    for path in (f"/bot{TOKEN}/sendDice", f"/file/bot{TOKEN}/documents/file_1"):
        async with http.get(path) as response:
            answer = await response.json()
        assert answer == {"ok": False, "error_code": 404, "description": "Not Found"}
        assert response.status == 404


async def test_a_broken_gateway_answers_with_a_page(
    telegram: Telegram, http: aiohttp.ClientSession
) -> None:
    telegram.faults.append(Fault(status=502))

    async with http.get(f"/bot{TOKEN}/getMe") as response:
        page = await response.text()

    assert response.status == 502
    assert response.content_type == "text/html"
    assert "Bad Gateway" in page


async def test_another_process_can_play_the_person(
    telegram: Telegram, http: aiohttp.ClientSession
) -> None:
    async def post(path: str, **body: Any) -> Any:
        async with http.post(f"/sim/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    bob = {"id": 2, "first_name": "Bob"}
    await post("message", person=bob, text="/start")
    telegram.call("sendMessage", {"chat_id": 2, "text": "Hi", "reply_markup": keys("A")})
    tapped = await post("tap", person=2, message_id=2, data="x")
    await post("users", person=2, request_id=1, users=[1])
    await post("fault", method="answerCallbackQuery", status=400, description="Bad Request: x")
    query = {"callback_query_id": tapped["callback_query_id"], "text": "Yes"}
    assert telegram.call("answerCallbackQuery", query).description == "Bad Request: x"
    assert telegram.call("answerCallbackQuery", query).ok
    await post("block", person=2)
    await post("unblock", person=2)
    await post("delete", chat=2, message_id=1)
    async with http.get("/sim/answer", params={"id": tapped["callback_query_id"]}) as response:
        assert await response.json() == {"text": "Yes", "show_alert": False, "url": None}
    async with http.get("/sim/transcript", params={"person": 2}) as response:
        seen = await response.json()
    async with http.get("/sim/calls", params={"method": "sendmessage"}) as response:
        calls = await response.json()

    assert [(each["text"], each["from_bot"]) for each in seen["messages"]] == [
        ("Hi", True),
        ("", False),
    ]
    assert seen["keyboard"] == {"keyboard": [[{"text": "A"}]]}
    assert [call["params"]["text"] for call in calls] == ["Hi"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("message", {"person": 99, "text": "x"}),
        ("message", {"person": {"name": "x"}, "text": "x"}),
        ("message", {"person": 1}),
        ("message", []),
        ("message", {"person": 1, "text": "x", "reply_to": []}),
        ("message", {"person": 1, "text": "x", "chat": {}}),
        ("message", {"person": [], "text": "x"}),
        ("message", {"person": {"id": [], "first_name": "x"}, "text": "x"}),
        ("tap", {"person": 1, "message_id": None, "data": "x"}),
        ("tap", {"person": 1, "message_id": "all", "data": "x"}),
        ("users", {"person": 1, "request_id": {}, "users": []}),
        ("users", {"person": 1, "request_id": 1, "users": None}),
        ("delete", {"chat": 1, "message_id": 1e999}),
        ("fault", {"colour": "red"}),
    ],
)
async def test_nonsense_from_the_persons_side_is_a_400(
    http: aiohttp.ClientSession, path: str, body: Any
) -> None:
    async with http.post(f"/sim/{path}", json=body) as response:
        assert response.status == 400


async def test_another_page_in_the_browser_cannot_play_the_person(
    http: aiohttp.ClientSession,
) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        async with http.get("/sim/calls", headers=headers) as response:
            assert response.status == 403


async def test_changes_are_told_as_they_happen(
    telegram: Telegram, http: aiohttp.ClientSession
) -> None:
    async with http.get("/sim/events") as stream:
        assert await stream.content.readuntil(b"\n\n") == b": hello\n\n"

        said(telegram)

        event = await stream.content.readuntil(b"\n\n")
        assert event == (
            b'event: message\ndata: {"kind": "message", "chat_id": 1, "message_id": 2}\n\n'
        )


class Watched(Telegram):
    """Says when a call has arrived over HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self.is_called = asyncio.Event()

    async def request(self, *arguments: Any) -> Answer:
        self.is_called.set()
        return await super().request(*arguments)


async def test_a_shutdown_does_not_wait_for_pollers_and_pages() -> None:
    telegram = Watched()
    runner = web.AppRunner(application(telegram, TOKEN))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(base) as http, http.get("/sim/events") as stream:
        await stream.content.readuntil(b"\n\n")
        poll = asyncio.gather(http.get(f"/bot{TOKEN}/getUpdates?timeout=30").__aenter__())
        await telegram.is_called.wait()

        async with asyncio.timeout(5):
            await runner.cleanup()

        (response,) = await poll
        assert (await response.json())["result"] == []
        assert await stream.content.read() == b""
        response.release()

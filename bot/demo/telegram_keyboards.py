"""Keyboards under messages, read as strictly as Telegram reads them."""

import re
from collections.abc import Callable
from typing import Any, NoReturn

from bot.demo.telegram_html import BadLink, checked_link

Button = dict[str, Any]
Markup = dict[str, Any]

_STYLES = ("primary", "success", "danger")
_ACTIONS = (
    "url",
    "callback_data",
    "copy_text",
    "disabled",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "web_app",
    "login_url",
    "callback_game",
    "pay",
)
_REQUESTS = (
    "request_users",
    "request_chat",
    "request_contact",
    "request_location",
    "request_poll",
    "request_managed_bot",
    "web_app",
)
_FLAGS = ("is_persistent", "resize_keyboard", "one_time_keyboard", "selective")
_MOST_BUTTONS = 100
_INLINE = "can't parse inline keyboard button: "
_REPLY = "can't parse keyboard button: "


class BadKeyboard(Exception):
    """Telegram would refuse this keyboard; the words are what follows "Bad Request: "."""


def read_markup(markup: Any, *, only_inline: bool = False) -> Markup:
    """One of Telegram's four kinds of reply markup, checked; empty if there is none.

    The answer has one of the keys inline_keyboard, keyboard, remove_keyboard, force_reply.
    """
    if markup is None:
        return {}
    if not isinstance(markup, dict):
        _refuse("object expected as reply markup")
    if "inline_keyboard" in markup:
        rows = _rows(markup, "inline_keyboard", _inline_button)
        return {"inline_keyboard": rows} if rows else {}
    if only_inline:
        # An empty object is no markup at all; anything else has to be inline.
        if not markup:
            return {}
        _refuse("inline keyboard expected")
    if "keyboard" in markup:
        rows = _rows(markup, "keyboard", _reply_button)
        asked = [
            each[kind]["request_id"]
            for row in rows
            for each in row
            for kind in ("request_users", "request_chat")
            if kind in each
        ]
        if len(asked) != len(set(asked)):
            # Documented as "must be unique within the message"; the words are ours.
            _refuse("duplicate request identifier in the keyboard")
        known: Markup = {name: _flag(markup, name) for name in _FLAGS if name in markup}
        if placeholder := markup.get("input_field_placeholder"):
            known["input_field_placeholder"] = str(placeholder)[:64]
        return {"keyboard": rows, **known} if rows else {}
    for name in ("remove_keyboard", "force_reply"):
        if _flag(markup, name):
            return {name: True, **{key: markup[key] for key in ("selective",) if key in markup}}
    return {}


def _refuse(words: str) -> NoReturn:
    raise BadKeyboard(words)


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        _refuse(f'field "{name}" must be of type Boolean')
    return value


def _rows(markup: dict[str, Any], name: str, read: Callable[[Any], Button]) -> list[list[Button]]:
    rows = markup[name]
    if not isinstance(rows, list):
        _refuse(f'field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        _refuse(f'field "{name}" must be an Array of Arrays')
    checked = [[read(button) for button in row] for row in rows if row]
    if sum(map(len, checked)) > _MOST_BUTTONS:
        # A hundred is what bots observe; Telegram documents no number.
        _refuse("reply markup is too long")
    return checked


def _label(button: dict[str, Any], where: str) -> str:
    if "text" not in button:
        _refuse(f'{where}Can\'t find field "text"')
    if not isinstance(button["text"], str):
        _refuse(f'{where}Field "text" must be of type String')
    if not button["text"].strip():
        # Refused by Telegram as well; the words are ours.
        _refuse(f"{where}Button text must be non-empty")
    return button["text"]


def _looks(button: dict[str, Any]) -> Button:
    looks: Button = {}
    if (style := button.get("style")) is not None:
        if style not in _STYLES:
            # Not sure of the words.
            _refuse("invalid button style specified")
        looks["style"] = style
    if (icon := button.get("icon_custom_emoji_id")) is not None:
        if not re.fullmatch(r"[1-9][0-9]{0,18}", str(icon)):
            _refuse("invalid custom emoji identifier specified")
        looks["icon_custom_emoji_id"] = str(icon)
    return looks


def _inline_button(button: Any) -> Button:
    if not isinstance(button, dict):
        _refuse(f"{_INLINE}InlineKeyboardButton must be an Object")
    text = _label(button, _INLINE)
    # An empty string means "not given", except for the two inline queries, which may be empty.
    given = {
        name: button[name]
        for name in _ACTIONS
        if button.get(name) is not None
        and (button[name] not in ("", False) or name.startswith("switch_inline_query"))
    }
    if not given:
        _refuse(f"{_INLINE}Text buttons are unallowed in the inline keyboard")
    if len(given) > 1:
        # Telegram takes one of them and says nothing; its documentation says "exactly one".
        _refuse(f"{_INLINE}Exactly one of {', '.join(given)} must be used")
    ((name, value),) = given.items()
    return {"text": text, **_looks(button), name: _action(name, value)}


def _action(name: str, value: Any) -> Any:
    match name, value:
        case "url", str(url):
            try:
                link = checked_link(url)
            except BadLink as reason:
                _refuse(f"inline keyboard button URL '{url}' is invalid: {reason}")
            if len(link.encode()) > 2048:
                # What Telegram's servers answer to links that only they can judge.
                _refuse("BUTTON_URL_INVALID")
            return link
        case "callback_data", str(data):
            if len(data.encode("utf-8", "surrogatepass")) > 64:
                _refuse("BUTTON_DATA_INVALID")
            return data
        case "copy_text", {"text": str(text)}:
            if not 1 <= len(text) <= 256:
                _refuse("BUTTON_COPY_TEXT_INVALID")
            return {"text": text}
        case "copy_text", dict():
            _refuse(f'{_INLINE}Can\'t find field "text"')
        case "disabled", dict():
            return {}
        case "web_app", {"url": str(url)}:
            if not url.startswith("https://"):
                _refuse(
                    f"inline keyboard button Web App URL '{url}' is invalid: "
                    "Only HTTPS links are allowed"
                )
            return {"url": url}
        case "login_url", {"url": str()}:
            # Needs a domain that the owner has linked with BotFather; nobody has here.
            _refuse("BOT_DOMAIN_INVALID")
        case (("pay" | "callback_game"), _):
            # Only under invoices and games, which this Telegram does not send.
            _refuse("BUTTON_TYPE_INVALID")
        case (("switch_inline_query" | "switch_inline_query_current_chat"), str()):
            return value
        case "switch_inline_query_chosen_chat", dict():
            return value
        case (("url" | "callback_data" | "switch_inline_query" as field), _):
            _refuse(f'{_INLINE}Field "{field}" must be of type String')
        case _:
            _refuse(f'{_INLINE}Field "{name}" must be of type Object')


def _reply_button(button: Any) -> Button:
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict):
        _refuse(f"{_REPLY}KeyboardButton must be an Object")
    text = _label(button, _REPLY)
    given = {name: button[name] for name in _REQUESTS if button.get(name) not in (None, False)}
    if len(given) > 1:
        _refuse(f"{_REPLY}At most one of {', '.join(given)} must be used")
    for name, value in given.items():
        if name in ("request_users", "request_chat"):
            given[name] = _request(name, value)
    return {"text": text, **_looks(button), **given}


def _request(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(f'{_REPLY}Field "{name}" must be of type Object')
    if "request_id" not in value:
        _refuse(f'{_REPLY}Can\'t find field "request_id"')
    for field in ("request_id", "max_quantity"):
        if not isinstance(value.get(field, 1), int):
            _refuse(f'{_REPLY}Field "{field}" must be of type Number')
    if not 1 <= value.get("max_quantity", 1) <= 10:
        _refuse("BUTTON_QUANTITY_MAX_INVALID")
    return value

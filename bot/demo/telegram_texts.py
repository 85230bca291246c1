"""Texts and captions of a call, read, tidied and measured."""

import html
import re
from collections.abc import Mapping
from typing import Any

from bot.demo.telegram_html import (
    BadMarkup,
    Entity,
    find_entities,
    parse_html,
    render_html,
    tidy,
    units,
)
from bot.demo.telegram_values import Params, Person, person_wire, refuse

TEXT_LENGTH, CAPTION_LENGTH = 4096, 1024

_ENTITY_TYPES = """
    mention hashtag cashtag bot_command url email phone_number bold italic underline
    strikethrough spoiler blockquote expandable_blockquote code pre text_link text_mention
    custom_emoji date_time
"""


def read_text(given: Params, people: Mapping[int, Person]) -> dict[str, Any]:
    """The text of a call as fields of a Message; `check_text` measures it later.

    Telegram looks at the text first, then at chat and message, and last at the length.
    """
    if not given.text("text"):
        refuse("message text is empty")
    return _read(given, "text", "entities", people)


def check_text(content: Mapping[str, Any]) -> None:
    """Refuse a text that shows nothing, or too much."""
    if not content["text"]:
        refuse("text must be non-empty")
    # "4096 characters after entities parsing": of the two ways to count, the stricter.
    if units(content["text"]) > TEXT_LENGTH:
        refuse("message is too long")


def read_caption(given: Params, people: Mapping[int, Person]) -> dict[str, Any]:
    """The caption of a call as fields of a Message; it may be empty."""
    content = _read(given, "caption", "caption_entities", people)
    if units(content["text"]) > CAPTION_LENGTH:
        refuse("message caption is too long")
    return content


def said(text: str) -> dict[str, Any]:
    """What a person writes, as fields of a Message."""
    text, _ = tidy(text, [])
    return {
        "text": text,
        "entities": find_entities(text, []),
        "html": html.escape(text, quote=False),
    }


def _read(
    given: Params, name: str, entities_name: str, people: Mapping[int, Person]
) -> dict[str, Any]:
    source = text = given.text(name)
    if any("\ud800" <= character <= "\udfff" for character in source):
        refuse("strings must be encoded in UTF-8")
    mode = given.text("parse_mode").lower()
    # Telegram knows Markdown and MarkdownV2 as well; this one says plainly that it does not.
    if mode not in ("", "none", "html"):
        refuse("unsupported parse_mode")
    if mode == "html":
        try:
            text, entities = parse_html(source)
        except BadMarkup as problem:
            refuse(f"can't parse entities: {problem}")
    else:
        entities = _entities(given.array(entities_name, "entities"), source)
    text, entities = tidy(text, [_mention(entity, people) for entity in entities])
    return {
        "text": text,
        "entities": find_entities(text, entities),
        "html": source.strip(" \n") if mode == "html" else render_html(text, entities),
    }


def _mention(entity: Entity, people: Mapping[int, Person]) -> Entity:
    match = re.fullmatch(r"tg://user/?\?id=([0-9]{1,15})", entity.get("url", ""))
    person = people.get(int(match[1])) if match else None
    if person is None:
        return entity
    span = {"offset": entity["offset"], "length": entity["length"]}
    return {"type": "text_mention", **span, "user": person_wire(person)}


def _entities(given: list[Any], text: str) -> list[Entity]:
    """Entities that came beside the text; only what a typo would break is checked."""
    entities: list[Entity] = []
    for each in given:
        if not isinstance(each, dict) or each.get("type") not in _ENTITY_TYPES.split():
            refuse("can't parse MessageEntity: Unsupported type specified")
        read = Params(each)
        offset, length = read.integer("offset"), read.integer("length")
        if offset < 0:
            refuse(f"receive an entity with incorrect offset {offset}")
        if offset > units(text):
            refuse(f"entity begins after the end of the text at UTF-16 offset {offset}")
        if offset + length > units(text):
            refuse(
                f"entity beginning at UTF-16 offset {offset} ends after the end of the text "
                f"at UTF-16 offset {offset + length}"
            )
        entities.append({**each, "offset": offset, "length": length})
    return entities

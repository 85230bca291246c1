"""The gallery as one page that needs nothing else, with the bubbles of the demo's page."""

from __future__ import annotations

from html import escape
from pathlib import Path

from bot import demo
from bot.demo.telegram_html import parse_html, render_html
from bot.i18n import LANGUAGES, texts
from bot.screens.base import Button, Copy, Link, Screen
from tests.gallery.rooms import ROOMS

DEMO = Path(demo.__file__).with_name("page")


def page() -> str:
    """Every room in every language."""
    looks = (DEMO / "look.css", DEMO / "chat.css", Path(__file__).with_name("gallery.css"))
    look = "".join(file.read_text("utf-8") for file in looks)
    links = " · ".join(f'<a href="#{room}">{room}</a>' for room in ROOMS)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title>'
        f"<style>{look}</style><nav>{links}</nav>{''.join(map(_room, ROOMS))}</html>"
    )


def _room(room: str) -> str:
    by_language = (ROOMS[room](texts(language)) for language in LANGUAGES)
    hung = "".join(
        f'<section class="shown"><h3>{escape(same[0].title)}</h3>'
        + "".join(
            f'<article class="message keyed" lang="{language}">{_bubble(one.screen)}</article>'
            for language, one in zip(LANGUAGES, same, strict=True)
        )
        + "</section>"
        for same in zip(*by_language, strict=True)
    )
    return f'<h2 id="{room}">{room}</h2><div class="phone">{hung}</div>'


def _bubble(screen: Screen) -> str:
    text = render_html(*parse_html(screen.text))
    # As on the demo's page: a block ends its line by itself.
    text = text.replace("</blockquote>\n", "</blockquote>").replace("</pre>\n", "</pre>")
    keys = "".join(f"<div>{''.join(map(_key, row))}</div>" for row in screen.rows)
    return (
        f'<div class="bubble"><div class="text">{text}</div></div><div class="keys">{keys}</div>'
    )


def _key(button: Button | Link | Copy) -> str:
    style = button.style if isinstance(button, Button) and button.style else ""
    return f'<button class="{style}">{escape(button.label.plain())}</button>'

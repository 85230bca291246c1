"""Texts for people: English in the code, other languages in `locales/`, escaped in one place."""

from __future__ import annotations

import html
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from gettext import c2py
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.money import Money

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

LOCALES = Path(__file__).parent / "locales"
LANGUAGES: Mapping[str, str] = {"en": "English", "ru": "Русский"}
"""Every language of the shop, named in itself."""


@dataclass(frozen=True, slots=True)
class Code:
    """A value that is copied by tapping it; in plain text just the value."""

    value: str

    def html(self) -> str:
        return f"<code>{html.escape(self.value, quote=False)}</code>"

    def plain(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Secret:
    """A value behind a spoiler. Telegram puts no code entity into one, so a button copies it."""

    value: str

    def html(self) -> str:
        return f"<tg-spoiler>{html.escape(self.value, quote=False)}</tg-spoiler>"

    def plain(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are copied together."""

    value: str

    def html(self) -> str:
        return f"<pre>{html.escape(self.value, quote=False)}</pre>"

    def plain(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence with its values. `html()` escapes the values, `plain()` is for labels and toasts.

    The template is ours and may hold HTML tags; values are anybody's.
    """

    template: str
    values: Mapping[str, object]
    locale: str

    def html(self) -> str:
        """The text for a message body."""
        return self.template.format_map(
            {name: _as_html(value, self.locale) for name, value in self.values.items()}
        )

    def plain(self) -> str:
        """The text for a button label or a toast, without tags."""
        return self.template.format_map(
            {name: _as_plain(value, self.locale) for name, value in self.values.items()}
        )


@dataclass(frozen=True, slots=True)
class Joined:
    """Several texts as one, with `glue` between them; empty parts are left out."""

    parts: tuple[Value, ...]
    glue: str = "\n"

    def html(self) -> str:
        return self.glue.join(filter(None, (part.html() for part in self.parts)))

    def plain(self) -> str:
        return self.glue.join(filter(None, (part.plain() for part in self.parts)))


Value = Text | Joined | Code | Secret | Block


def lines(*parts: Value | None) -> Joined:
    """Texts under each other; None is left out."""
    return Joined(tuple(part for part in parts if part is not None))


def paragraphs(*parts: Value | None) -> Joined:
    """Texts with an empty line between them; None is left out."""
    return Joined(tuple(part for part in parts if part is not None), glue="\n\n")


class Texts:
    """One language: `t("Buy for {price}", price=offer.price)`.

    A message id without a translation is shown in English; a test makes sure there is none.
    """

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._catalog = _catalog(self.language)

    def __call__(self, template: str, /, **values: object) -> Text:
        translated = self._catalog.get(template) if self._catalog else None
        found = translated.string if translated else None
        return Text(found if isinstance(found, str) and found else template, values, self.language)

    def n(self, one: str, many: str, /, *, n: int, **values: object) -> Text:
        """The form of a text that fits the number `n`, which it may show as `{n}`."""
        template = one if n == 1 else many
        translated = self._catalog.get(one) if self._catalog else None
        if (
            self._catalog is not None
            and translated
            and isinstance(translated.string, (tuple, list))
        ):
            template = translated.string[c2py(self._catalog.plural_expr)(n)] or template
        return Text(template, {"n": n, **values}, self.language)


@cache
def texts(language: str) -> Texts:
    """The texts of a language; English for a language that the shop does not speak."""
    return Texts(language)


@cache
def _catalog(language: str) -> Catalog | None:
    if language == "en":
        return None
    from babel.messages.pofile import read_po

    with (LOCALES / language / "bot.po").open("rb") as file:
        # Without the locale Babel would fall back to English plural rules.
        return read_po(file, locale=language)


def _as_html(value: object, locale: str) -> str:
    if isinstance(value, Text | Joined | Code | Secret | Block):
        return value.html()
    if isinstance(value, datetime):
        # Shown in the reader's own zone and language; the inner text is for older apps.
        seconds = int(value.timestamp())
        return f'<tg-time unix="{seconds}" format="dt">{_time(value, locale)}</tg-time>'
    return html.escape(_as_plain(value, locale), quote=False)


def _as_plain(value: object, locale: str) -> str:
    if isinstance(value, Text | Joined | Code | Secret | Block):
        return value.plain()
    if isinstance(value, Money):
        return f"{_number(value, locale)} {value.currency}"
    if isinstance(value, datetime):
        return _time(value, locale)
    return clean(str(value))


def _number(value: Money, locale: str) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value.decimal, format="#,##0.00####", locale=locale)


def _time(value: datetime, locale: str) -> str:
    from babel.dates import format_datetime

    return f"{format_datetime(value, 'd MMM y, HH:mm', locale=locale)} UTC"


# Direction marks and invisible characters let a name or a note imitate another text.
_HIDDEN = {
    code: None
    for span in ((0x00, 0x09), (0x0B, 0x20), (0x7F, 0xA0), (0x200B, 0x2010), (0x202A, 0x202F),
                 (0x2060, 0x2070), (0xFEFF, 0xFF00), (0x3164, 0x3165), (0xD800, 0xE000))
    for code in range(*span)
}  # fmt: skip


def clean(text: str) -> str:
    """`text` without control, direction and invisible characters; line breaks stay."""
    return text.translate(_HIDDEN)


def fields(template: str) -> frozenset[str]:
    """The names of the values that a template shows."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def missing(templates: Iterable[str], language: str) -> tuple[str, ...]:
    """Message ids without a translation into `language`."""
    catalog = _catalog(language)
    if catalog is None:
        return ()
    return tuple(one for one in templates if not getattr(catalog.get(one), "string", None))

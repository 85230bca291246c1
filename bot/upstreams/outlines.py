"""Outlines of foreign JSON: how it is built, and nothing of what it holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

_FIELD = re.compile(r"[A-Za-z]{1,20}(?:[_-][A-Za-z]{1,20})*", re.ASCII)
_WORD = re.compile(r"[A-Za-z]+(?:[ _-][A-Za-z]+){0,3}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3,5}", re.ASCII)
_LONGEST_NAME, _LONGEST_WORD, _MOST_WORDS = 40, 24, 8
_OF_PLANS = {"plan", "plan_id", "product_type", "product_id"}
_OF_PROVIDERS = {"provider", "provider_id", "id"}


@dataclass(frozen=True, slots=True)
class Outline:
    """Draws answers so that they can be shown to anybody.

    Names of fields, types and lengths are shown, and what stands at one place of many rows is
    drawn once. Of the values only these are, because everybody who buys there sees them and
    nobody can use them: a status, where it is letters alone; a currency, where it is three to
    five capitals; a plan or provider where its field says so and the price list names it, since
    an order might keep a code to redeem there. Everything else is masked: amounts and times,
    too, and whatever a field may be called, for no name of ours is a promise of theirs.
    The names themselves are shown only where each name of an object is letters: an object that
    is a map from ids or usernames has them in the place of names.
    """

    providers: Collection[str] = field(default=())
    plans: Collection[str] = field(default=())

    def of(self, value: object) -> tuple[str, ...]:
        """The lines of one whole answer."""
        return tuple(_under("", self._draw("", [value])))

    def _draw(self, name: str, values: Sequence[object]) -> Iterator[str]:
        """The lines of everything that stands under one name."""
        objects = [value for value in values if isinstance(value, dict)]
        lists = [value for value in values if isinstance(value, list)]
        plain = [value for value in values if not isinstance(value, dict | list)]
        kinds = []
        if objects:
            kinds.append("object" if any(objects) else "empty object")
        if lists:
            kinds.append(f"list of {_span(map(len, lists))}")
        kinds += dict.fromkeys(_kind(value) for value in plain if not isinstance(value, str))
        if texts := [value for value in plain if isinstance(value, str)]:
            kinds.append(f"text of {_span(map(len, texts))}" + self._words(name, texts))
        yield " or ".join(kinds)
        entries = [entry for value in lists for entry in value]
        if entries:
            yield from _under("each: ", self._draw(name, entries))
        yield from self._fields(objects)

    def _fields(self, objects: Sequence[dict[str, object]]) -> Iterator[str]:
        names = list(dict.fromkeys(name for fields in objects for name in fields))
        if all(self._is_field(name) for name in names):
            for name in names:
                found = [fields[name] for fields in objects if name in fields]
                rare = (
                    "" if len(found) == len(objects) else f" (in {len(found)} of {len(objects)})"
                )
                yield from _under(f"{name}{rare}: ", self._draw(name, found))
            return
        known = [name for name in names if name in self.providers]
        shown = f", {', '.join(known)} among them" if known else ""
        found = [value for fields in objects for value in fields.values()]
        lengths = _span(map(len, names))
        yield from _under(f"{len(names)} names of {lengths}{shown}: ", self._draw("", found))

    def _is_field(self, name: str) -> bool:
        return len(name) <= _LONGEST_NAME and bool(_FIELD.fullmatch(name))

    def _words(self, name: str, texts: Sequence[str]) -> str:
        words = [text for text in dict.fromkeys(texts) if self._may_show(name, text)]
        if not words:
            return ""
        more = ", …" if len(words) > _MOST_WORDS or len(words) < len(set(texts)) else ""
        return f" ({', '.join(words[:_MOST_WORDS])}{more})"

    def _may_show(self, name: str, text: str) -> bool:
        match name:
            case "status" | "state":
                return len(text) <= _LONGEST_WORD and bool(_WORD.fullmatch(text))
            case "currency":
                return bool(_CURRENCY.fullmatch(text))
            case _ if name in _OF_PLANS:
                return text in self.plans
            case _ if name in _OF_PROVIDERS:
                return text in self.providers
            case _:
                return False


def _under(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield head + next(lines)
    for line in lines:
        yield f"  {line}"


def _span(lengths: Iterator[int]) -> str:
    found = sorted(lengths)
    least, most = found[0], found[-1]
    return str(most) if least == most else f"{least} to {most}"


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int():
            return "whole number"
        case Decimal():
            return "number with decimals"
        case _:
            raise TypeError

"""Search: what may be looked for, and what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.customers import Person
from bot.domain.errors import BadCredentials
from bot.domain.orders import (
    Credentials,
    Delivery,
    LaneId,
    Order,
    UpstreamOrder,
    is_port,
    parse_proxies,
)
from bot.domain.tastes import logins_of
from bot.domain.wallets import Posting

TERMS_MADE: Final = "2"
"""How `terms_of` makes them: where it is another word, those that were made before are not."""
LONGEST = 300
"""Characters that are looked for; nothing longer was ever delivered in one word."""

_URL = re.compile(r"[a-z0-9]+://[^\s'\"]+@[^\s'\"/]+", re.ASCII | re.IGNORECASE)


class Kind(StrEnum):
    """What the words of a search are taken for. The letters are a wire format."""

    ORDER = "o"
    PROVIDER = "p"
    TERM = "t"
    """The host or the username of a proxy."""
    AMOUNT = "a"
    PERSON = "c"
    MOVED = "m"
    """The amount of a top-up or a debit."""
    STRAY = "u"
    """An order of the upstream that is none of ours."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to read the words that leads on; `value` fits a button, `name` is shown."""

    kind: Kind
    value: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked for, without anything secret that was pasted with it, and what fits."""

    sought: str
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of found orders with their customers, newest first; `older` leads on."""

    way: Way
    orders: tuple[tuple[Order, Person], ...]
    older: int | None


@dataclass(frozen=True, slots=True)
class MovedPage:
    """A page of top-ups and debits of one amount, newest first; `older` leads on."""

    way: Way
    moved: tuple[tuple[Posting, Person], ...]
    older: int | None


@dataclass(frozen=True, slots=True)
class FoundStray:
    """An order that an upstream lists and that serves none of ours."""

    upstream: str
    lane: LaneId
    order: UpstreamOrder


def sought(words: str) -> str:
    """The host or username in what was pasted: a whole line or URL counts by its username.

    So does a line of any other format with the URL in it.
    """
    words = words.strip()
    url = _URL.search(words)
    for line in (words, "" if url is None else url[0]):
        try:
            (proxy,) = parse_proxies(line).proxies
        except (BadCredentials, ValueError):
            continue
        return proxy.username
    host, _, port = words.rpartition(":")
    return host if host and is_port(port) else words


def term(text: str) -> str:
    """A host or username in the one form that is compared."""
    return text.strip().rstrip(".").casefold()


def terms_of(delivery: Delivery | None) -> frozenset[str]:
    """What a delivery is found by: hosts and usernames, never a password or a code.

    The login alone as well, which is the same however country and session are changed.
    """
    match delivery:
        case Credentials(proxies):
            names = {term(proxy.username) for proxy in proxies}
            hosts = {term(proxy.host) for proxy in proxies}
            return frozenset(names | hosts).union(*map(logins_of, names))
        case _:
            return frozenset()

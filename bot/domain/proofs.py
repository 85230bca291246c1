"""Proofs: what a test through a delivered proxy has shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.orders import Order


class Outcome(StrEnum):
    """How a test ended."""

    WORKS = "works"
    LOGIN_REFUSED = "login_refused"
    NO_CONNECTION = "no_connection"
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"
    """Something answered, but not with an address."""
    NOT_PUBLIC = "not_public"
    """The delivered host lies in a private network, which the shop never reaches into."""
    UNTESTABLE = "untestable"
    """Neither an HTTP proxy nor a SOCKS5 proxy."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What one test through one proxy has shown."""

    outcome: Outcome
    exit_address: str | None = field(default=None, repr=False)
    country: str | None = None
    """Two letters, where the answer tells."""
    millis: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A test that was made, and of which proxy of its order: the first one stands for all."""

    probed: Probed
    wanted: str | None
    """The country that was ordered, where the username tells."""
    protocol: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderProof:
    """The last test of an order; `again_in` seconds must pass before the next one."""

    order: Order
    proof: Proof
    again_in: int


# Each provider writes the country into the username in its own way.
_COUNTRY = re.compile(
    r"(?:-country-|-region-|__cr\.|_c_)(?P<country>[A-Za-z]{2})(?![A-Za-z])", re.ASCII
)


def wanted_country(username: str) -> str | None:
    """The country that a username asks for, in two capital letters; None where it names none."""
    found = _COUNTRY.search(username)
    return None if found is None else found["country"].upper()

"""Traffic: how much of an order was used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from bot.domain.orders import Order

_SIZE = re.compile(
    r"\s*(?P<number>[0-9]{1,12}(?:[.,][0-9]{1,9})?)\s*(?P<unit>(?:[KMGTP]I?)?B)\s*",
    re.IGNORECASE | re.ASCII,
)
_POWER = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def size_in_bytes(text: str) -> int | None:
    """Read `120 MB`, `1.2GB`, `5 GiB`; None for anything else.

    The base is 1024 for every unit: no upstream says which it means, and one base for both
    sides of a ratio keeps the ratio right. For sorting and bars, never for money.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    whole, _, fraction = found["number"].replace(",", ".").partition(".")
    scale = int("1" + "0" * len(fraction))
    return (int(whole + fraction) << 10 * _POWER[found["unit"][0].upper()]) // scale


@dataclass(frozen=True, slots=True)
class Traffic:
    """What an upstream said of used, remaining and total traffic, in its own words."""

    used: str | None
    remaining: str | None
    total: str | None

    @property
    def used_share(self) -> float | None:
        """Used over total, 0 to 1; None where the figures do not allow it."""
        total = size_in_bytes(self.total or "")
        used = size_in_bytes(self.used or "")
        left = size_in_bytes(self.remaining or "")
        if used is None and total is not None and left is not None:
            used = total - left
        if total is None and used is not None and left is not None:
            total = used + left
        if not total or used is None:
            return None
        return min(max(used / total, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading of the traffic, and when it was taken."""

    traffic: Traffic
    at: datetime


@dataclass(frozen=True, slots=True)
class AskBot:
    """The provider shows usage in its own Telegram bot, at `url`."""

    url: str


@dataclass(frozen=True, slots=True)
class Unknowable:
    """Nobody can tell the usage of this plan."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The upstream did not answer; `last` is the reading before, where there is one."""

    last: Measured | None


UsageSeen = Measured | AskBot | Unknowable | Unreachable


@dataclass(frozen=True, slots=True)
class OrderUsage:
    """The usage of an order; `again_in` seconds must pass before the upstream is asked anew."""

    order: Order
    seen: UsageSeen
    again_in: int

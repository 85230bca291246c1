"""Traffic: how much of an order was used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    def used_bytes(self) -> int | None:
        """Our reading of what was used; None where the figures do not tell."""
        used = size_in_bytes(self.used or "")
        total, left = size_in_bytes(self.total or ""), size_in_bytes(self.remaining or "")
        if used is None and total is not None and left is not None:
            used = max(total - left, 0)
        return used

    @property
    def total_bytes(self) -> int | None:
        """Our reading of the whole; None where the figures do not tell, or tell nothing."""
        total = size_in_bytes(self.total or "")
        used, left = size_in_bytes(self.used or ""), size_in_bytes(self.remaining or "")
        if total is None and used is not None and left is not None:
            total = used + left
        return total or None

    @property
    def used_share(self) -> float | None:
        """Used over total, 0 to 1; None where the figures do not allow it."""
        used, total = self.used_bytes, self.total_bytes
        return None if used is None or total is None else min(used / total, 1.0)

    def is_past(self, percent: int) -> bool | None:
        """Whether so much of the whole is used; None where the figures do not tell."""
        used, total = self.used_bytes, self.total_bytes
        return None if used is None or total is None else used * 100 >= percent * total


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
class Pace:
    """How fast traffic went lately, and how long the rest lasts if it goes on like that."""

    bytes_a_day: int
    left_in: timedelta


LATELY = timedelta(days=3)
SHORTEST = timedelta(hours=1)
"""Two readings closer together tell no pace: upstreams round their figures."""
LONGEST = timedelta(days=365)


def pace(readings: Sequence[Measured], delivered_at: datetime) -> Pace | None:
    """The pace of the last three days, from readings that stand newest first; None if unknown.

    At the delivery nothing was used, so one reading is enough. What was used before the figure
    fell, as after a refill, does not count.
    """
    points = [(one.at, used) for one in readings if (used := one.traffic.used_bytes) is not None]
    if not points or points[0][0] != readings[0].at:
        return None
    total = readings[0].traffic.total_bytes
    now, used = first = points[0]
    for at, earlier in [*points[1:], (delivered_at, 0)]:
        # Nothing is older than the delivery but a clock that was set.
        if (
            at > first[0]
            or earlier > first[1]
            or (now - first[0] >= SHORTEST and now - at > LATELY)
        ):
            break
        first = (at, earlier)
    passed, went = now - first[0], used - first[1]
    if total is None or passed < SHORTEST or went <= 0:
        return None
    day = timedelta(days=1) // timedelta(microseconds=1)
    micros = passed // timedelta(microseconds=1)
    left = max(total - used, 0) * micros // went
    longest = LONGEST // timedelta(microseconds=1)
    return Pace(went * day // micros, timedelta(microseconds=min(left, longest)))


def history(readings: Sequence[Measured], most: int = 5) -> tuple[Measured, ...]:
    """The newest readings, newest first; of several with one figure the latest stands for all."""
    kept: list[Measured] = []
    for one in readings:
        if not kept or kept[-1].traffic != one.traffic:
            kept.append(one)
    return tuple(kept[:most])


@dataclass(frozen=True, slots=True)
class OrderUsage:
    """The usage of an order; `again_in` seconds must pass before the upstream is asked anew.

    `readings` stand newest first; `alert` is the percentage at which the customer wants to be
    told.
    """

    order: Order
    seen: UsageSeen
    again_in: int
    readings: tuple[Measured, ...] = ()
    alert: int | None = None


ALERTS = (50, 75, 90, 95)
"""Percentages at which a customer may want to be told."""


@dataclass(frozen=True, slots=True)
class AlertChoice:
    """An order with the percentage that is chosen for it, if one is."""

    order: Order
    percent: int | None

"""Plans that owners price: what is listed of them, how they are named, what can be changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from bot.domain.catalog import Plan
from bot.domain.errors import BadAmount
from bot.domain.markup import Rule
from bot.domain.money import Money, parse_amount, usd

PlanChangeId = NewType("PlanChangeId", int)

MOST_COST = usd("1000")
"""Of one piece; more is a slip of the finger."""
MOST_DAYS = 366
MOST_PIECES = 1000
"""The most pieces that any order may be allowed to have."""
MOST_TITLE = 64
"""Characters."""
_LONGEST_NAME = 80
"""No code or title is longer, with its quotes."""
_QUOTES = "\"“”„«»'"
_WHOLE = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)

Fact = Money | int | str
"""What can be changed of a plan: a cost, days or pieces, a title."""


class PlanDeed(StrEnum):
    """What an owner does to a plan."""

    COST = "cost"
    DAYS = "days"
    MOST = "most"
    TITLE = "title"
    HIDE = "hide"
    SHOW = "show"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan that owners price, on sale or not, with its price per piece at today's markup."""

    plan: Plan
    price: Money
    rule: Rule
    decided_by: str
    """The name of the deciding rule's scope; empty for everything."""
    is_refused: bool = False
    """The upstream refused it, so it is not sold until an owner shows it."""
    has_lane: bool = True
    """Some account of the shop buys it."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One entry of the history. `old` and `new` are what was changed, unless hidden or shown."""

    id: PlanChangeId
    deed: PlanDeed
    old: Fact | None
    new: Fact | None
    by: int
    at: datetime


@dataclass(frozen=True, slots=True)
class NamedPlanChange:
    """An entry of the history with names for people."""

    change: PlanChange
    name: str
    person_name: str


@dataclass(frozen=True, slots=True)
class PlanChangePage:
    """A page of the history, newest first; `older` is the cursor of the next page."""

    changes: tuple[NamedPlanChange, ...]
    older: int | None


def parse_cost(text: str) -> Money:
    """Read what one piece costs, as a person typed it: 0.01 to 1000 USD; raises `BadAmount`."""
    cost = parse_amount(text)
    if cost > MOST_COST:
        raise BadAmount(text)
    return cost


def parse_whole(text: str, most: int) -> int | None:
    """Read a whole number that a person typed, 1 to `most`; None for anything else."""
    if not _WHOLE.fullmatch(text):
        return None
    return int(text) if int(text) <= most else None


def parse_title(text: str) -> str | None:
    """Read a title of 1 to 64 characters that can be shown; None for anything else."""
    title = text.strip()
    return title if title.isprintable() and 0 < len(title) <= MOST_TITLE else None


def called(plans: Sequence[Plan], name: str) -> Plan | None:
    """The plan of this code or title; None where there is none, or more than one.

    A code that is written exactly goes first: codes may differ in nothing but their case, and
    what is a code may be the title of another plan.
    """
    exact = [plan for plan in plans if plan.code == name]
    if len(exact) == 1:
        return exact[0]
    folded = name.casefold()
    found = [plan for plan in plans if folded in {plan.code.casefold(), plan.title.casefold()}]
    return found[0] if len(found) == 1 else None


def named(lines: Sequence[PlanLine], words: str) -> PlanLine | None:
    """The plan that is `called` what the words say, in quotes or without."""
    name = words.strip(" ").strip(_QUOTES).strip(" ")
    plan = called([line.plan for line in lines], name)
    return next((line for line in lines if line.plan is plan), None)


def named_first(lines: Sequence[PlanLine], words: str) -> tuple[PlanLine | None, str]:
    """The plan that words begin with, by its longest name there, and the rest after it.

    A code that is written exactly goes first: a title, too, may stand after it.
    """
    parts = words.split(" ")
    for line in lines:
        if line.plan.code == parts[0]:
            return line, " ".join(parts[1:]).strip(" ")
    for end in range(min(len(parts), _LONGEST_NAME), 0, -1):
        name = " ".join(parts[:end])
        if len(name) <= _LONGEST_NAME and (found := named(lines, name)) is not None:
            return found, " ".join(parts[end:]).strip(" ")
    return None, words

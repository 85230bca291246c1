"""Markup: rules, and how they turn a cost into a price."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from bot.domain.catalog import Plan, PlanId, ProviderId
from bot.domain.errors import BadAmount, BadMarkup
from bot.domain.money import Money, parse_amount

RuleChangeId = NewType("RuleChangeId", int)

MOST_BP = 100_000
"""A markup of 1,000 %: more is a slip of the finger."""

_PERCENT = re.compile(
    r"\+?(?P<whole>0|[1-9][0-9]{0,3})(?:[.,](?P<hundredths>[0-9]{1,2}))?%", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A percentage (in basis points) plus a fixed amount, with a least profit; all per piece."""

    percent_bp: int = 0
    fixed: Money = Money(0)
    least: Money = Money(0)

    def price(self, cost: Money) -> Money:
        """The price of one piece, rounded up to the cent; never below `cost`.

        The only place of the shop that rounds money.
        """
        # Ceiling division, so that a fraction of a micro-unit is never given away.
        share = -(-cost.micros * self.percent_bp // 10_000)
        profit = max(share + self.fixed.micros, self.least.micros)
        return Money(cost.micros + profit).rounded_up()

    def __str__(self) -> str:
        parts = []
        if self.percent_bp or not self.fixed.micros:
            whole, hundredths = divmod(self.percent_bp, 100)
            digits = f".{hundredths:02}".rstrip("0") if hundredths else ""
            parts.append(f"{whole}{digits}%")
        if self.fixed.micros:
            parts.append(f"+{str(self.fixed).removesuffix(' USD')}")
        if self.least.micros:
            parts.append(f"min {str(self.least).removesuffix(' USD')}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule covers: one plan, one provider, or (both None) everything."""

    provider: ProviderId | None = None
    plan: PlanId | None = None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Markups:
    """All rules in force. The most specific one replaces the wider ones whole."""

    rules: Mapping[Scope, Rule]
    default: Rule
    """The setting `MARKUP`: holds where no rule does."""

    def deciding(self, plan: Plan) -> tuple[Scope | None, Rule]:
        """The rule for `plan` and its scope; scope None means the setting decides."""
        for scope in (Scope(plan=plan.id), Scope(provider=plan.provider.id), EVERYTHING):
            if scope in self.rules:
                return scope, self.rules[scope]
        return None, self.default

    def price(self, plan: Plan) -> Money:
        """Today's price for one piece of `plan`."""
        return self.deciding(plan)[1].price(plan.cost)

    def changed(self, scope: Scope, rule: Rule | None) -> Markups:
        """These rules with one replaced, or removed where `rule` is None."""
        rest = {at: kept for at, kept in self.rules.items() if at != scope}
        return Markups(rest if rule is None else {**rest, scope: rule}, self.default)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One entry of the history: who set or removed which rule, and when."""

    id: RuleChangeId
    scope: Scope
    rule: Rule | None
    by: int
    at: datetime


def parse_rule(words: str) -> Rule:
    """Read `20%`, `+0.50`, `15% +0.20 min 0.30`; raises `BadMarkup` with what is none."""
    percent: int | None = None
    fixed: Money | None = None
    least: Money | None = None
    rest = words.split()
    if not rest:
        raise BadMarkup(words)
    while rest:
        word = rest.pop(0)
        found = _PERCENT.fullmatch(word)
        if found is not None and percent is None and fixed is None and least is None:
            percent = int(found["whole"]) * 100 + int((found["hundredths"] or "").ljust(2, "0"))
            if percent > MOST_BP:
                raise BadMarkup(word)
        elif word.startswith("+") and fixed is None and least is None:
            fixed = _amount(word[1:], word)
        elif word.casefold() in {"min", "мин"} and rest and least is None:
            least = _amount(rest.pop(0), word)
        else:
            raise BadMarkup(word)
    if percent is None and fixed is None:
        raise BadMarkup(words)
    return Rule(percent or 0, fixed or Money(0), least or Money(0))


def _amount(text: str, word: str) -> Money:
    try:
        return parse_amount(text)
    except BadAmount:
        raise BadMarkup(word) from None


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in force and what it covers; an empty name means everything."""

    scope: Scope
    name: str
    rule: Rule
    is_default: bool
    """Not set in the chat: the setting `MARKUP`."""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A sample price, and the rule that decides it."""

    plan: Plan
    price: Money
    rule: Rule
    decided_by: str
    """The name of the deciding rule's scope; empty for everything."""


@dataclass(frozen=True, slots=True)
class NamedChange:
    """An entry of the history with names for people."""

    change: RuleChange
    name: str
    person_name: str


@dataclass(frozen=True, slots=True)
class RulePage:
    """A page of the history, newest first; `older` is the cursor of the next page."""

    changes: tuple[NamedChange, ...]
    older: int | None

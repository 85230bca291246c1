"""Requests: what an owner asked for and has yet to confirm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NewType

from bot.domain.catalog import Plan, PlanId
from bot.domain.customers import Person
from bot.domain.markup import Rule, Scope
from bot.domain.money import Money
from bot.domain.orders import CustomerId, Order, OrderId

RequestId = NewType("RequestId", int)

VALID = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TopUp:
    """Put money into a wallet; or, as a debit, take it out with a reason."""

    customer: CustomerId
    amount: Money
    note: str
    is_debit: bool


@dataclass(frozen=True, slots=True)
class MarkupChange:
    """Set the rule of a scope, or remove it (None)."""

    scope: Scope
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Give a delivered order's price back."""

    order: OrderId
    reason: str


@dataclass(frozen=True, slots=True)
class CostChange:
    """Let one piece of a plan cost `new`, where it costs `old` still."""

    plan: PlanId
    old: Money
    new: Money


Asked = TopUp | MarkupChange | Refund | CostChange


@dataclass(frozen=True, slots=True)
class Request:
    """A preview that waits for Confirm; done at most once, within ten minutes."""

    id: RequestId
    asked: Asked
    by: CustomerId
    at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class TopUpPreview:
    """What a top-up or debit would do. `repeats`: when the same was done just before."""

    request: RequestId
    asked: TopUp
    person: Person
    before: Money
    after: Money
    repeats: datetime | None


@dataclass(frozen=True, slots=True)
class PriceMove:
    """A plan's price before and after a markup change, and the rule that decides then."""

    plan: Plan
    old: Money
    new: Money
    rule: Rule
    decided_by: str
    """The name of the deciding rule's scope; empty for everything."""


@dataclass(frozen=True, slots=True)
class MarkupPreview:
    """What a markup change would do; `moves` holds examples, `concerned` counts all plans.

    `shadowed` counts those of them where a rule of their own, or of their provider, goes before.
    """

    request: RequestId
    asked: MarkupChange
    scope_name: str
    """The provider's name, or the plan's; empty for everything."""
    moves: tuple[PriceMove, ...]
    concerned: int
    shadowed: int


@dataclass(frozen=True, slots=True)
class CostPreview:
    """What a change of a cost would do to the price, and the rule that decides it."""

    request: RequestId
    asked: CostChange
    plan: Plan
    old_price: Money
    new_price: Money
    rule: Rule
    decided_by: str
    """The name of the deciding rule's scope; empty for everything."""


@dataclass(frozen=True, slots=True)
class RefundPreview:
    """What a refund would do."""

    request: RequestId
    order: Order
    person: Person
    reason: str

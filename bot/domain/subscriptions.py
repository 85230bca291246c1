"""Subscriptions: what an upstream is paid for again and again, until that is cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from bot.domain.orders import OrderId

SubscriptionId = NewType("SubscriptionId", int)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One upstream order's subscription; its proxies work until `ends_at` either way."""

    id: SubscriptionId
    upstream: str
    reference: str
    plan: str
    order: OrderId | None
    """None for one that no order of ours explains."""
    opened_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None
    tries: int
    error: str | None
    """Why the last try did not cancel it: a code."""

"""One upstream account, and what it was last seen to hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.money import Money
from bot.domain.orders import LaneId
from bot.upstreams.base import Upstream


@dataclass(frozen=True, slots=True)
class Reading:
    """A list and a balance read together: the evidence for finding out later."""

    began_at: datetime
    balance: Money | None


@dataclass(slots=True)
class Lane:
    """One upstream account; its orders are placed one at a time."""

    id: LaneId
    upstream: Upstream
    is_listed: bool
    list_names_plans: bool | None
    list_tells_tags: bool | None
    """Whether the list returns the tag of an order; None until it showed an order of ours."""
    is_blank: bool = False
    """Its first look showed nothing, as one at a list that does not work: it is made again."""
    reading: Reading | None = None
    balance: Money | None = None
    balance_at: datetime | None = None
    no_exchange_until: datetime | None = None
    """Our account may not exchange proxies: until then nobody asks it again."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_looked_through(self) -> bool:
        """Whether what the list shows from now on is younger than the first look at it."""
        return self.is_listed and not self.is_blank

    @property
    def tells_plans_apart(self) -> bool:
        """Whether the list carries provider and plan, so that one doubt blocks only its like."""
        return self.list_names_plans is True

    def plan_of(self, listed: str | None, bought: str) -> str:
        """What an upstream order is called where it is cancelled.

        As the list calls it where that names plans as we do, or else as what was bought.
        """
        return (listed if self.tells_plans_apart else None) or bought

    @property
    def tells_orders_apart(self) -> bool:
        """Whether the list carries our own tag, so that one doubt blocks nothing."""
        return self.list_tells_tags is True

    @property
    def is_by_hand(self) -> bool:
        """No call tells what was bought: an owner delivers every order."""
        return not self.upstream.tells_credentials

    def may_exchange(self, now: datetime) -> bool:
        """Whether proxies can be exchanged here, as far as anybody knows."""
        is_lacking = self.no_exchange_until is not None and now < self.no_exchange_until
        return self.upstream.exchange is not None and not is_lacking

"""Orders as owners see them: those that need a person, and everybody's whole history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.customers import Person
from bot.domain.exchanges import Wish
from bot.domain.orders import Attempt, LaneId, Move, Order, OrderState
from bot.domain.wallets import Posting


@dataclass(frozen=True, slots=True)
class Sent:
    """One notice of an order: what kind, to whom, and what became of it."""

    kind: str
    to: int
    at: datetime
    done_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class OrderFile:
    """An order's whole history, masked: what `/order` shows."""

    order: Order
    person: Person
    lane: LaneId
    moves: tuple[Move, ...]
    attempts: tuple[Attempt, ...]
    postings: tuple[Posting, ...]
    notices: tuple[Sent, ...]
    exchanges: tuple[Wish, ...] = ()

    @property
    def may_say(self) -> bool:
        """Whether an owner may say what the order holds after an exchange."""
        is_there = self.order.state is OrderState.DELIVERED
        return is_there and any(wish.may_be_said for wish in self.exchanges)


@dataclass(frozen=True, slots=True)
class Case:
    """An order that needs a person, with how many upstream orders it might be.

    `exchanged_at`: it is about an exchange that was sent then, and no money is held.
    """

    order: Order
    person: Person
    candidates: int
    exchanged_at: datetime | None = None

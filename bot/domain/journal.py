"""The journal: the newest orders and postings, and the sums of all books at that moment."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.customers import Person
from bot.domain.money import Money
from bot.domain.orders import Move, Order
from bot.domain.wallets import Posting


@dataclass(frozen=True, slots=True)
class Trail:
    """An order and every state it has been in, oldest first."""

    order: Order
    person: Person
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Sums:
    """Where all the money is that was ever paid in."""

    customers: Money
    held: Money
    sales: Money
    adjustments: Money
    paid_in: Money

    @property
    def are_whole(self) -> bool:
        """Whether customers + held + sales + adjustments = paid in."""
        parts = self.customers + self.held + self.sales + self.adjustments
        return parts == self.paid_in


@dataclass(frozen=True, slots=True)
class Journal:
    """What happened last, newest first."""

    trails: tuple[Trail, ...]
    postings: tuple[Posting, ...]
    sums: Sums
    posted: int
    """How many postings there are in all."""
    bound: int
    """Orders that belong to an upstream's order: sold, or on their way."""
    unknown: int
    """Orders that may or may not have been made at the upstream."""
    strays: int
    """Orders at the upstream that belong to none of ours; an owner knows of them."""

"""People: customers, and the owners among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.catalog import PlanId
from bot.domain.money import Money
from bot.domain.orders import CustomerId


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who Telegram says is tapping or typing."""

    id: CustomerId
    name: str
    username: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as an owner sees one."""

    id: CustomerId
    name: str
    username: str | None

    def __str__(self) -> str:
        handle = f", @{self.username}" if self.username else ""
        return f"{self.name} ({self.id}{handle})"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with what one tap needs to know; `balance` is the available money."""

    id: CustomerId
    name: str
    username: str | None
    language: str
    balance: Money
    prompt: str | None
    wanted_plan: PlanId | None
    is_blocked: bool
    is_owner: bool
    wants_sales: bool

    @property
    def person(self) -> Person:
        return Person(self.id, self.name, self.username)


@dataclass(frozen=True, slots=True)
class ShopInfo:
    """What screens say about the shop itself; `support` is a username without the @, or None."""

    support: str | None
    bot_username: str
    restored_at: datetime | None = None
    """When a backup took the place of the books: what was shown before names other things."""

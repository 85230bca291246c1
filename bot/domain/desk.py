"""The shop as its owner sees it: lanes, stops and sales."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.money import Money
from bot.domain.orders import LaneId


@dataclass(frozen=True, slots=True)
class Stop:
    """Selling is stopped for `scope`: `shop` or `lane:N`."""

    scope: str
    reason: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class LaneState:
    """An upstream account as last read; None where it was not read yet."""

    id: LaneId
    upstream: str
    balance: Money | None
    read_at: datetime | None
    waiting: int
    """Orders in line."""
    has_token: bool
    has_balance: bool = True
    """Whether the upstream tells what the account holds."""
    is_listed: bool = True
    """Whether its order list was read; nothing is sold before."""


@dataclass(frozen=True, slots=True)
class Today:
    """Sales since midnight UTC, refunds taken off."""

    orders: int
    sales: Money
    profit: Money


@dataclass(frozen=True, slots=True)
class ShopState:
    """Everything `/shop` shows, as of `at`."""

    at: datetime
    lanes: tuple[LaneState, ...]
    stops: tuple[Stop, ...]
    catalog_read_at: datetime | None
    plans: int
    today: Today
    in_review: int
    undelivered: int
    """Notices that Telegram refused for good."""
    audited_at: datetime | None = None
    """When this process last audited the books."""
    backed_up_at: datetime | None = None
    """When the newest backup was made; None where there is none, or none of ours is made."""
    running: int = 0
    """Subscriptions that are not cancelled yet."""
    subscriptions: int = 0
    """These, and those that are cancelled and still work."""


class Resumed(StrEnum):
    """What came of an owner's wish to sell again."""

    OPEN = "open"
    BOOKS_DIFFER = "books_differ"
    LISTS_UNREAD = "lists_unread"
    """A backup was restored, and what an upstream sold since is not known yet."""

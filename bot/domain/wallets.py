"""Wallets as people read them: balances and statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.money import Money
from bot.domain.orders import OrderId


class PostingKind(StrEnum):
    """The business event behind a posting."""

    TOPUP = "topup"
    DEBIT = "debit"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"
    COST = "cost"
    STRAY = "stray"


@dataclass(frozen=True, slots=True)
class Balance:
    """What a customer can spend, and what is held for open orders."""

    available: Money
    held: Money


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement; `change` is signed as its reader sees it."""

    id: int
    kind: PostingKind
    source: str
    destination: str
    change: Money
    order: OrderId | None
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of a customer's postings, newest first; `older` is the cursor of the next page."""

    balance: Balance
    postings: tuple[Posting, ...]
    older: int | None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit compared, and every difference it found."""

    compared: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def is_green(self) -> bool:
        return not self.differences

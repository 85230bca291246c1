"""What is on sale: providers, plans and offers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NewType

from bot.domain.money import Money

ProviderId = NewType("ProviderId", int)
PlanId = NewType("PlanId", int)


@dataclass(frozen=True, slots=True)
class UsageByApi:
    """The upstream tells the traffic of an order."""


@dataclass(frozen=True, slots=True)
class UsageByBot:
    """The provider tells it in a Telegram bot of its own."""

    url: str


@dataclass(frozen=True, slots=True)
class UsageUnknown:
    """Nobody tells it."""


UsageCheck = UsageByApi | UsageByBot | UsageUnknown


@dataclass(frozen=True, slots=True)
class Provider:
    """The brand a customer picks; `code` is the upstream's word for it."""

    id: ProviderId
    upstream: str
    code: str
    name: str
    usage: UsageCheck
    is_code: bool = False
    """Sells a code to redeem instead of a proxy."""
    is_priced_here: bool = False
    """No price list tells its costs: owners set them in the chat."""


def title_mark(title: str) -> str:
    """Six hexadecimal digits by which a button says what was on sale: titles do not fit in.

    The same for titles that differ in blanks and case alone: two calls may spell one plan so.
    """
    said = "".join(title.split()).casefold()
    return sha256(said.encode(errors="surrogatepass")).hexdigest()[:6]


@dataclass(frozen=True, slots=True)
class Plan:
    """One thing an upstream sells. `code` is opaque and is sent back exactly as it came."""

    id: PlanId
    provider: Provider
    code: str
    title: str
    cost: Money
    size: int | None
    """Bytes, for sorting only; None where the title does not say."""
    read_at: datetime
    """When the upstream last named this cost."""
    most: int = 1
    """The most pieces of one order; the cost is that of one."""
    days: int | None = None
    """How long what was bought works; None where nobody says."""
    is_hidden: bool = False
    """An owner does not offer it; what was accepted before goes on."""


@dataclass(frozen=True, slots=True)
class PlanSeed:
    """A plan of an upstream that tells no prices, as the settings first name it."""

    code: str
    title: str
    cost: Money
    """Of one piece."""
    days: int
    """How long what was bought works."""
    most: int
    """The most pieces of one order."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan at today's price per piece.

    `is_stale`: shown, but not sold until its cost is read again or its account can buy.
    """

    plan: Plan
    price: Money
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """A provider with what it offers, smallest first."""

    provider: Provider
    offers: tuple[Offer, ...]

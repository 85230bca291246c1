"""What every upstream can do, and the words it answers in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.domain.catalog import UsageCheck
from bot.domain.money import Money
from bot.domain.orders import Credentials, Delivery
from bot.domain.usage import Traffic


class Progress(StrEnum):
    """How far an upstream says it is with an order."""

    READY = "ready"
    PENDING = "pending"
    """Also every word that we do not know: it is neither success nor failure."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Priced:
    """One plan of an upstream's price list. `code` is opaque: it is sent back as it came."""

    code: str
    title: str
    cost: Money
    most: int = 1
    """The most pieces of one order; `cost` is that of one."""
    days: int | None = None
    """How long what was bought works; None where nobody says."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """A provider with its plans. `is_active` is False for every status but `active`.

    `plans` is None where they could not be read now: what is known of them stays.
    `is_seed`: nobody tells prices, and the plans are the ones to begin with.
    """

    provider: str
    name: str
    usage: UsageCheck
    is_code: bool
    is_active: bool
    plans: tuple[Priced, ...] | None
    is_seed: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """An order that exists at the upstream.

    `delivery` is None while its credentials are not here. `raw` is the upstream's whole answer,
    kept encrypted so that an owner can deliver by hand what the adapter did not understand.
    `subscription` is the id by which it goes on being paid until that is cancelled.
    """

    reference: str
    progress: Progress
    delivery: Delivery | None
    raw: str = field(repr=False)
    subscription: str | None = None

    def whole(self, quantity: int) -> Delivery | None:
        """What was delivered, once all of it is here; a proxy that is told twice is one."""
        if self.progress is not Progress.READY:
            return None
        match self.delivery:
            case Credentials(proxies) if len(set(proxies)) < quantity:
                return None
            case delivery:
                return delivery


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the order list. None means that the list does not say."""

    reference: str
    provider: str | None
    plan: str | None
    progress: Progress
    tag: str | None = None
    quantity: int | None = None
    subscription: str | None = None
    is_cancelled: bool = False
    """The list says that nothing more is paid for it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the order list; `is_last` when nothing can follow it."""

    orders: tuple[Listed, ...]
    is_last: bool


class UsageReader(Protocol):
    """The ability to tell traffic."""

    async def of_order(self, reference: str) -> Traffic:
        """The traffic of one of our orders; `Refused` where there is none."""

    async def of_username(self, provider: str, username: str) -> Traffic:
        """The traffic of any proxy of a provider, by its full username."""


class BalanceReader(Protocol):
    """The ability to tell what our account there holds."""

    async def read(self) -> Money:
        """Our balance, in the upstream's currency."""


class SubscriptionCanceller(Protocol):
    """The ability to end what is paid again and again."""

    async def cancel(self, subscription: str, plan: str) -> None:
        """Pay no further period. Safe to repeat; `Refused` where there is no such thing."""


class Exchanger(Protocol):
    """The ability to have other addresses in the place of those that an order delivered."""

    async def exchange(self, reference: str) -> None:
        """Exchange every proxy of an order. Never repeated: a second one exchanges again.

        `Lacking` where our account may not, `Unclear` where it may have happened.
        """


class Upstream(Protocol):
    """One account at one company. Every call raises `UpstreamError`, which says what is known."""

    name: str
    usage: UsageReader | None
    balance: BalanceReader | None
    subscriptions: SubscriptionCanceller | None
    exchange: Exchanger | None
    tells_credentials: bool
    """Whether `order` brings what was bought; where it does not, an owner delivers by hand."""

    async def plans(self, provider: str | None = None) -> tuple[PriceList, ...]:
        """What is for sale, of one provider or of all."""

    async def place(self, provider: str, plan: str, quantity: int, tag: str) -> Made:
        """Order once. Never repeated by anybody: no upstream has an idempotency key."""

    async def order(self, reference: str, provider: str, plan: str) -> Made:
        """One order as it stands now; provider and plan say how to ask for it and read it."""

    async def recent(self, page: int) -> Page:
        """A page of the order list, from 1."""

    async def close(self) -> None:
        """Let go of connections."""

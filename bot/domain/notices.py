"""Notices: what the shop owes somebody a message about.

A notice names things and holds no secret: its text is drawn when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.catalog import PlanId
from bot.domain.exchanges import ExchangeState
from bot.domain.money import Money
from bot.domain.orders import CustomerId, OrderId


@dataclass(frozen=True, slots=True)
class OrderMoved:
    """To a customer: the living screen of an order is out of date. Edits it, sends nothing."""

    order: OrderId
    kind: Literal["order_moved"] = "order_moved"


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """To a customer: the credentials, in a message of their own."""

    order: OrderId
    kind: Literal["order_delivered"] = "order_delivered"


@dataclass(frozen=True, slots=True)
class OrderInDoubt:
    """To a customer: the provider did not answer; the money is held while it is found out.

    `lane_waits`: other orders of the account wait as well until it is known.
    """

    order: OrderId
    lane_waits: bool
    kind: Literal["order_in_doubt"] = "order_in_doubt"


@dataclass(frozen=True, slots=True)
class OrderInReview:
    """To a customer: a person is looking at the order; the money is held."""

    order: OrderId
    kind: Literal["order_in_review"] = "order_in_review"


@dataclass(frozen=True, slots=True)
class OrderReleased:
    """To a customer: not charged. `new_price` where the price rose before it was placed."""

    order: OrderId
    new_price: Money | None = None
    kind: Literal["order_released"] = "order_released"


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """To a customer: a delivered order's price came back."""

    order: OrderId
    reason: str
    kind: Literal["order_refunded"] = "order_refunded"


@dataclass(frozen=True, slots=True)
class OrderExchanged:
    """To a customer: the credentials that took the place of an order's, as a message."""

    order: OrderId
    kind: Literal["order_exchanged"] = "order_exchanged"


@dataclass(frozen=True, slots=True)
class ExchangeTold:
    """To a customer: an exchange brought nothing new, or nobody knows yet whether it did."""

    order: OrderId
    state: ExchangeState
    kind: Literal["exchange_told"] = "exchange_told"


@dataclass(frozen=True, slots=True)
class UsageAlerted:
    """To a customer: so much of an order's traffic is used, as they wanted to be told."""

    order: OrderId
    percent: int
    kind: Literal["usage_alerted"] = "usage_alerted"


@dataclass(frozen=True, slots=True)
class UsageUnwatched:
    """To a customer: the provider tells nothing about an order, so its alert has ended."""

    order: OrderId
    kind: Literal["usage_unwatched"] = "usage_unwatched"


@dataclass(frozen=True, slots=True)
class ProxyTested:
    """To a customer: what was just delivered was tested, and what came of it."""

    order: OrderId
    kind: Literal["proxy_tested"] = "proxy_tested"


@dataclass(frozen=True, slots=True)
class WalletChanged:
    """To a customer: an owner topped up or debited the wallet."""

    amount: Money
    balance: Money
    is_debit: bool
    note: str
    wanted_plan: PlanId | None = None
    kind: Literal["wallet_changed"] = "wallet_changed"


@dataclass(frozen=True, slots=True)
class OwnerReplied:
    """To a customer: an owner's answer."""

    words: str
    kind: Literal["owner_replied"] = "owner_replied"


@dataclass(frozen=True, slots=True)
class CustomerAsks:
    """To owners: a customer's words."""

    customer: CustomerId
    words: str
    kind: Literal["customer_asks"] = "customer_asks"


@dataclass(frozen=True, slots=True)
class CustomerComplains:
    """To owners: something is wrong with an order; its last usage is shown with it."""

    order: OrderId
    kind: Literal["customer_complains"] = "customer_complains"


@dataclass(frozen=True, slots=True)
class WalletMoved:
    """To the other owners: who topped up or debited whom."""

    by: CustomerId
    customer: CustomerId
    amount: Money
    balance: Money
    is_debit: bool
    note: str
    kind: Literal["wallet_moved"] = "wallet_moved"


@dataclass(frozen=True, slots=True)
class MarkupMoved:
    """To the other owners: who changed which rule."""

    by: CustomerId
    change: int
    kind: Literal["markup_moved"] = "markup_moved"


@dataclass(frozen=True, slots=True)
class PlanMoved:
    """To the other owners: who changed a plan, hid it, or offers it again."""

    by: CustomerId
    change: int
    kind: Literal["plan_moved"] = "plan_moved"


@dataclass(frozen=True, slots=True)
class OrderNeedsPerson:
    """To owners: an order is under review, and has been for so many whole hours."""

    order: OrderId
    hours: int = 0
    kind: Literal["order_needs_person"] = "order_needs_person"


@dataclass(frozen=True, slots=True)
class OrderToDeliver:
    """To owners: an order was made, and only they can tell what it delivers."""

    order: OrderId
    kind: Literal["order_to_deliver"] = "order_to_deliver"


@dataclass(frozen=True, slots=True)
class ExchangeToDeliver:
    """To owners: an order may have new proxies, and only they can tell which."""

    order: OrderId
    kind: Literal["exchange_to_deliver"] = "exchange_to_deliver"


@dataclass(frozen=True, slots=True)
class SubscriptionRuns:
    """To owners: a subscription is not cancelled yet, and is paid again after `ends_at`."""

    upstream: str
    reference: str
    ends_at: datetime
    kind: Literal["subscription_runs"] = "subscription_runs"


@dataclass(frozen=True, slots=True)
class OrderDecided:
    """To the other owners: who decided what about an order (release, refund, bind, by hand)."""

    by: CustomerId
    order: OrderId
    decision: str
    kind: Literal["order_decided"] = "order_decided"


@dataclass(frozen=True, slots=True)
class Sold:
    """To owners who want it: a sale."""

    order: OrderId
    kind: Literal["sold"] = "sold"


@dataclass(frozen=True, slots=True)
class StrayFound:
    """To owners: the upstream holds an order that no order of ours explains."""

    upstream: str
    reference: str
    cost: Money | None
    is_paid_again: bool = False
    """It is a subscription, which the shop cancels."""
    kind: Literal["stray_found"] = "stray_found"


@dataclass(frozen=True, slots=True)
class BackupMade:
    """To owners who want it: a sealed backup, sent as a file. `file` is its path."""

    file: str
    kind: Literal["backup_made"] = "backup_made"


@dataclass(frozen=True, slots=True)
class ShopReady:
    """To an owner, at the first contact: what works, and what to do next."""

    kind: Literal["shop_ready"] = "shop_ready"


@dataclass(frozen=True, slots=True)
class Trouble:
    """To owners: something of the shop needs them. `code` decides the words.

    `detail` is an upstream's code, a number or a name: never a body, a token or a credential.
    """

    code: str
    detail: str = ""
    kind: Literal["trouble"] = "trouble"


ForCustomers = (
    OrderMoved
    | OrderDelivered
    | OrderInDoubt
    | OrderInReview
    | OrderReleased
    | OrderRefunded
    | OrderExchanged
    | ExchangeTold
    | UsageAlerted
    | UsageUnwatched
    | ProxyTested
    | WalletChanged
    | OwnerReplied
)
ForOwners = (
    CustomerAsks
    | CustomerComplains
    | WalletMoved
    | MarkupMoved
    | PlanMoved
    | OrderNeedsPerson
    | OrderToDeliver
    | ExchangeToDeliver
    | SubscriptionRuns
    | OrderDecided
    | Sold
    | StrayFound
    | BackupMade
    | ShopReady
    | Trouble
)
"""Of these, none reaches anybody who is no owner when it is sent."""

Notice = ForCustomers | ForOwners


def batches(parts: Iterable[str], most: int = 280) -> tuple[str, ...]:
    """Parts joined to as few details as may be; each is short enough to be shown whole."""
    made: list[str] = []
    for part in parts:
        if made and len(made[-1]) + len(part) + 2 <= most:
            made[-1] += f"; {part}"
        else:
            made.append(part[:most])
    return tuple(made)

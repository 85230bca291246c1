"""Orders: their states, the legal moves between them, and what a customer gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from urllib.parse import quote, unquote

from bot.domain.catalog import Offer, PlanId, ProviderId, title_mark
from bot.domain.errors import BadCredentials
from bot.domain.money import Money

CustomerId = NewType("CustomerId", int)
OrderId = NewType("OrderId", int)
LaneId = NewType("LaneId", int)

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.IGNORECASE | re.ASCII)
_PIECES = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_SCHEMES = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}


class OrderState(StrEnum):
    """Where an order stands; who moves it on is in the README."""

    RESERVED = "reserved"
    PLACING = "placing"
    PREPARING = "preparing"
    IN_DOUBT = "in_doubt"
    REVIEW = "review"
    DELIVERED = "delivered"
    RELEASED = "released"
    REFUNDED = "refunded"


_S = OrderState

# reserved ──▶ placing ──▶ delivered ──▶ refunded
#    │ ▲         │  │ └──▶ preparing ──▶ delivered, review
#    │ └─ busy ──┘  └────▶ in_doubt ───▶ delivered, preparing, released, review
#    └─▶ released                        review ──▶ delivered, preparing, released, in_doubt
MOVES: Mapping[OrderState, frozenset[OrderState]] = {
    _S.RESERVED: frozenset({_S.PLACING, _S.RELEASED}),
    _S.PLACING: frozenset({_S.RESERVED, _S.DELIVERED, _S.PREPARING, _S.RELEASED, _S.IN_DOUBT}),
    _S.PREPARING: frozenset({_S.DELIVERED, _S.REVIEW}),
    _S.IN_DOUBT: frozenset({_S.DELIVERED, _S.PREPARING, _S.RELEASED, _S.REVIEW}),
    _S.REVIEW: frozenset({_S.DELIVERED, _S.PREPARING, _S.RELEASED, _S.IN_DOUBT}),
    _S.DELIVERED: frozenset({_S.REFUNDED}),
    _S.RELEASED: frozenset(),
    _S.REFUNDED: frozenset(),
}
"""The only moves there are; every change of a state is a compare-and-set derived from this."""

OPEN = frozenset(state for state in OrderState if MOVES[state] and state is not _S.DELIVERED)
"""States in which the price is held."""


def sources(target: OrderState) -> frozenset[OrderState]:
    """The states from which `target` may be reached."""
    return frozenset(state for state, targets in MOVES.items() if target in targets)


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy, exactly as the upstream delivered it."""

    host: str
    port: int
    username: str = field(repr=False)
    password: str = field(repr=False)
    protocol: str = "HTTP"

    @property
    def line(self) -> str:
        """`host:port:user:pass`."""
        return f"{self.host}:{self.port}:{self.username}:{self.password}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS; everything else is spoken to as HTTP."""
        return "SOCKS" in self.protocol.upper()

    @property
    def url(self) -> str:
        """`protocol://user:pass@host:port`, user and password percent-encoded."""
        scheme = "socks5" if self.is_socks else "http"
        user, password = quote(self.username, safe=""), quote(self.password, safe="")
        return f"{scheme}://{user}:{password}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a proxy order delivers: one proxy or many."""

    proxies: tuple[Proxy, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """What a CD key order delivers: text to redeem, once."""

    codes: tuple[str, ...] = field(repr=False)


Delivery = Credentials | RedeemCode


@dataclass(frozen=True, slots=True)
class Claim:
    """What a Buy button says: nothing in it is believed, all of it is compared."""

    plan: PlanId
    price: Money
    """Of all pieces."""
    intent: str
    again: bool = False
    """The customer has seen that the same plan was ordered a moment ago, and wants one more."""
    quantity: int = 1
    days: int | None = None
    """For how long what is bought works, as the customer saw it; None where nobody said."""
    title: str | None = None
    """The mark of the title that the customer saw; None on buttons of older menus."""

    @classmethod
    def of(cls, offer: Offer, intent: str, *, again: bool = False, quantity: int = 1) -> Claim:
        """What the button says that buys so many pieces of an offer as it is."""
        plan = offer.plan
        price, title = offer.price * quantity, title_mark(plan.title)
        return cls(plan.id, price, intent, again, quantity, plan.days, title)


@dataclass(frozen=True, slots=True)
class Order:
    """An intent that the shop accepted."""

    id: OrderId
    customer: CustomerId
    plan: PlanId
    provider: ProviderId
    provider_name: str
    title: str
    is_code: bool
    quantity: int
    price: Money
    cost: Money
    state: OrderState
    accepted_at: datetime
    moved_at: datetime
    reason: str | None
    """Why it was released or is under review: a code, put into words by screens."""
    upstream_order_id: str | None
    shown_at: datetime | None
    """When a redeem code was first shown to its customer."""
    works_until: datetime | None = None
    """The end of the time that was bought, once it has begun; None where nobody says."""
    days: int | None = None
    """How much time was bought, whatever the plan says by now; None where nobody says."""


@dataclass(frozen=True, slots=True)
class Line:
    """An order's place among those waiting on its lane; the next to be placed has place 1."""

    order: Order
    place: int | None
    can_cancel: bool
    can_test: bool = False
    """It delivered proxies, and the shop tests them."""
    is_by_hand: bool = False
    """No upstream tells its credentials: an owner delivers it."""
    can_exchange: bool = False
    """Its proxies work, and nobody knows that they cannot be exchanged."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of a customer's orders, newest first; `older` is the cursor of the next page."""

    orders: tuple[Order, ...]
    older: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """One step of an order's history."""

    at: datetime
    source: OrderState | None
    target: OrderState
    actor: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to place an order, and what came of it; masked, so owners may read it."""

    number: int
    sent_at: datetime
    ended_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class UpstreamOrder:
    """A row of the upstream's list that no order of ours is bound to yet."""

    id: int
    reference: str
    provider: str | None
    plan: str | None
    seen_at: datetime


def parse_pieces(text: str, most: int) -> int | None:
    """Read a number of pieces that a person typed, 1 to `most`; None for anything else.

    Also for what Python would take for a number: `+3`, `1_0`, digits of other scripts.
    """
    if not _PIECES.fullmatch(text):
        return None
    return int(text) if int(text) <= most else None


def parse_proxies(pasted: str, *, only_clear: bool = False) -> Credentials:
    """Read lines of `host:port:user:pass`, `user:pass:host:port`, `user:pass@host:port` or URLs.

    Where a line can be more than one of these, a host with a dot decides.
    Raises `BadCredentials` with the number of the first line that is none of these; with
    `only_clear`, also of one that no dot decides.
    """
    lines = [(line.strip(), at) for at, line in enumerate(pasted.splitlines(), 1) if line.strip()]
    if not lines:
        raise BadCredentials(1)
    proxies = []
    for line, number in lines:
        readings = _readings(line)
        likely = [proxy for proxy in readings if "." in proxy.host] or readings
        if not likely or (only_clear and len(likely) > 1):
            raise BadCredentials(number)
        proxies.append(likely[0])
    return Credentials(tuple(proxies))


def _readings(line: str) -> list[Proxy]:
    url = _URL.fullmatch(line)
    if url and url["scheme"].casefold() not in _SCHEMES:
        return []
    plain = url["rest"] if url else line
    protocol = "SOCKS5" if url and url["scheme"].casefold().startswith("socks") else "HTTP"
    user, _, address = plain.rpartition("@")
    front, *back = plain.rsplit(":", 2)
    forms = [
        [*address.split(":", 1), *user.split(":", 1)],
        # A password may hold `@` and `:`.
        plain.split(":", 3),
        [*back, *front.split(":", 1)],
    ]
    found = []
    for parts in forms:
        if len(parts) == 4:
            host, port, username, password = parts
            if url:
                username, password = unquote(username), unquote(password)
            if is_host(host) and is_port(port) and username and password:
                found.append(Proxy(host, int(port), username, password, protocol))
    return found


def is_port(text: str) -> bool:
    """Whether `text` is a port number in ASCII digits."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def is_host(text: str) -> bool:
    """Whether `text` can be a host name or an IPv4 address: nothing that a link could abuse."""
    letters = text.replace(".", "").replace("-", "")
    return 0 < len(text) <= 253 and letters.isascii() and letters.isalnum()

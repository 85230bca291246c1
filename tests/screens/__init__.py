"""Screens: data in, screen out. Here are the people, plans and orders they are drawn with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.domain.catalog import (
    Offer,
    Plan,
    PlanId,
    Provider,
    ProviderId,
    Shelf,
    UsageByApi,
    UsageByBot,
    UsageUnknown,
)
from bot.domain.customers import Customer
from bot.domain.money import usd
from bot.domain.orders import (
    Credentials,
    CustomerId,
    Line,
    Order,
    OrderId,
    OrderState,
    Proxy,
    RedeemCode,
)
from bot.i18n import texts
from bot.screens.base import Screen

EN = texts("en")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOON_HTML = '<tg-time unix="1795348800" format="dt">22 Nov 2026, 12:00 UTC</tg-time>'
CHECKER = "https://t.me/proxysellergpbot"

NODEMAVEN = Provider(ProviderId(4), "gateproxy", "nodemaven", "NodeMaven", UsageByApi())
PROXYSELLER = Provider(
    ProviderId(3), "gateproxy", "proxyseller", "ProxySeller", UsageByBot(CHECKER)
)
CD_KEY = Provider(
    ProviderId(6), "gateproxy", "9proxy_cdkey", "9Proxy CD Key", UsageUnknown(), is_code=True
)
STAT = Provider(ProviderId(7), "statproxies", "captcha", "Stat Proxies", UsageUnknown())

GIG = Offer(Plan(PlanId(7), NODEMAVEN, "1", "1 GB", usd("3.50"), 2**30, NOON), price=usd("4.20"))
FIVE_GIGS = Offer(
    Plan(PlanId(8), NODEMAVEN, "5", "5 GB", usd("15"), 5 * 2**30, NOON), price=usd("18")
)
CODE_OFFER = Offer(Plan(PlanId(9), CD_KEY, "100", "100 IPs", usd("5"), None, NOON), usd("6"))

HOSTILE = "<b>\u202e</b>&lt;{0}%s{price}\u2066\x00<a href='tg://user?id=1'>x</a>"
LONG = "Residential rotating premium traffic, world wide, 1 GB a day"
WORST = Provider(ProviderId(2**53), "gateproxy", "x", HOSTILE * 40, UsageByApi())
WORST_OFFER = Offer(
    Plan(PlanId(999_999_999), WORST, "x", LONG * 40, usd("1"), None, NOON), usd("999999.123456")
)

ANNA = Customer(
    id=CustomerId(100),
    name="Anna",
    username="anna",
    language="en",
    balance=usd("10"),
    prompt=None,
    wanted_plan=None,
    is_blocked=False,
    is_owner=False,
    wants_sales=False,
)

ORDER = Order(
    id=OrderId(42),
    customer=ANNA.id,
    plan=GIG.plan.id,
    provider=NODEMAVEN.id,
    provider_name="NodeMaven",
    title="1 GB",
    is_code=False,
    quantity=1,
    price=usd("4.20"),
    cost=usd("3.50"),
    state=OrderState.DELIVERED,
    accepted_at=NOON,
    moved_at=NOON,
    reason=None,
    upstream_order_id="4711",
    shown_at=None,
)
CODE_ORDER = replace(ORDER, provider_name="9Proxy CD Key", title="100 IPs", is_code=True)
WORST_ORDER = replace(
    ORDER,
    id=OrderId(2**53),
    plan=PlanId(999_999_999),
    provider_name=HOSTILE * 40,
    title=LONG * 40,
    price=usd("999999.123456"),
    quantity=100,
)

PROXY = Proxy("gate.nodemaven.com", 8080, "anna__cr.us;sid.1", "p<&>w")
CREDENTIALS = Credentials((PROXY,))
KEY = RedeemCode(("9P-AAAA-BBBB",))


def shelf(*offers: Offer) -> Shelf:
    """A provider's shelf with these offers."""
    return Shelf(offers[0].plan.provider, offers)


def many_offers(count: int) -> tuple[Offer, ...]:
    """Plans of 1 GB, 2 GB and so on."""
    return tuple(
        replace(GIG, plan=replace(GIG.plan, id=PlanId(n), title=f"{n} GB"))
        for n in range(1, count + 1)
    )


def line(state: OrderState, place: int | None = None, *, can_cancel: bool = False) -> Line:
    """The order in this state, at this place in line."""
    return Line(replace(ORDER, state=state), place, can_cancel)


def labels(screen: Screen) -> list[list[str]]:
    """What stands on the buttons, row by row."""
    return [[button.label.plain() for button in row] for row in screen.rows]

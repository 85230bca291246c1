"""People, orders and hostile words that the owner's screens are drawn with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.callbacks import KEPT
from bot.demo.telegram_html import parse_html, units
from bot.domain.cases import OrderFile, Sent
from bot.domain.catalog import Plan, PlanId, Provider, ProviderId, UsageByApi, UsageUnknown
from bot.domain.customers import Person
from bot.domain.desk import LaneState, ShopState, Today
from bot.domain.markup import (
    EVERYTHING,
    PriceLine,
    Rule,
    RuleChange,
    RuleChangeId,
    RuleLine,
    Scope,
)
from bot.domain.money import usd
from bot.domain.orders import Attempt, CustomerId, LaneId, Move, Order, OrderId, OrderState
from bot.domain.plans import PlanLine
from bot.domain.requests import RequestId, TopUp, TopUpPreview
from bot.domain.wallets import Posting, PostingKind
from bot.i18n import texts
from bot.screens.base import Button, Screen

EN = texts("en")
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
AT = "4 May 2026, 12:00 UTC"

HOSTILE = (
    "<b>",
    "</code>",
    '<a href="tg://user?id=1">x</a>',
    "<tg-spoiler>",
    "&lt;",
    "&#0;",
    "*_[]()~>#+-=|{}.!",
    "{0}",
    "{price}",
    "%s",
    "${x}",
    "```",
    "\u202eenoD",
    "a\u0301" * 40,
    "\u3164",
    "\x00\x07",
    "\ud800",
    "🏴" * 40,
    "' OR 1=1--",
    "\r\nX: y",
)

ANN = Person(CustomerId(1001), "Ann", "ann")
OLGA = Person(CustomerId(7), "Olga", None)

NODEMAVEN = Provider(ProviderId(4), "gateproxy", "nodemaven", "NodeMaven", UsageByApi())
GIG = Plan(PlanId(11), NODEMAVEN, "1GB", "1 GB", usd("3.36"), 1024**3, NOON)

ORDER = Order(
    id=OrderId(42),
    customer=ANN.id,
    plan=GIG.id,
    provider=NODEMAVEN.id,
    provider_name="NodeMaven",
    title="1 GB",
    is_code=False,
    quantity=1,
    price=usd("4.03"),
    cost=usd("3.36"),
    state=OrderState.DELIVERED,
    accepted_at=NOON,
    moved_at=NOON + timedelta(minutes=1),
    reason=None,
    upstream_order_id="ord_9x1a8f",
    shown_at=None,
)

STAT = Provider(
    ProviderId(9), "statproxies", "statproxies", "Stat Proxies", UsageUnknown(),
    is_priced_here=True,
)  # fmt: skip
ISP = Plan(
    PlanId(27), STAT, "captcha", "ISP for captchas", usd("2"), None, NOON, most=100, days=30
)
LINE = PlanLine(ISP, usd("2.40"), Rule(2000), "")

STATE = ShopState(
    at=NOON,
    lanes=(LaneState(LaneId(1), "gateproxy", usd("27.52"), NOON, 2, has_token=True),),
    stops=(),
    catalog_read_at=NOON,
    plans=31,
    today=Today(4, usd("16.12"), usd("2.68")),
    in_review=0,
    undelivered=0,
)

REQUEST = RequestId(9)
TOP_UP = TopUp(ANN.id, usd("10"), "thanks", is_debit=False)
PREVIEW = TopUpPreview(REQUEST, TOP_UP, ANN, usd("3"), usd("13"), None)
RULES = (
    RuleLine(EVERYTHING, "", Rule(2000), is_default=True),
    RuleLine(Scope(provider=NODEMAVEN.id), "NodeMaven", Rule(1500, usd("0.20")), is_default=False),
)
SAMPLE = PriceLine(GIG, usd("4.07"), Rule(1500, usd("0.20")), "NodeMaven")
CHANGE = RuleChange(RuleChangeId(3), Scope(provider=NODEMAVEN.id), Rule(1500), OLGA.id, NOON)
FILE = OrderFile(
    order=ORDER,
    person=ANN,
    lane=LaneId(1),
    moves=(
        Move(NOON, None, OrderState.RESERVED, "customer:1001", None),
        Move(NOON, OrderState.RESERVED, OrderState.PLACING, "shop", None),
        Move(NOON, OrderState.PLACING, OrderState.DELIVERED, "shop", "made"),
    ),
    attempts=(Attempt(1, NOON, NOON, "made"),),
    postings=(
        Posting(
            1, PostingKind.HOLD, "customer:1001", "held:42", usd("4.03"), ORDER.id, "hold",
            "customer:1001", NOON,
        ),
    ),
    notices=(Sent("order_delivered", 1001, NOON, NOON, "sent"),),
)  # fmt: skip
EVERYTHING_RULE = RuleLine(EVERYTHING, "", Rule(2000), is_default=True)


def order_in(state: OrderState, reason: str | None = None) -> Order:
    return replace(ORDER, state=state, reason=reason)


def labels(screen: Screen) -> list[list[str]]:
    return [[button.label.plain() for button in row] for row in screen.rows]


def visible(screen: Screen) -> str:
    """What a person reads: the text after Telegram has parsed it; fails where it would refuse."""
    text, _ = parse_html(screen.text)
    assert 0 < units(text) <= 4096
    for row in screen.rows:
        assert 0 < len(row) <= 8
        for button in row:
            assert button.label.plain().strip()
            assert "<" not in button.label.template
            if isinstance(button, Button):
                assert len((KEPT + button.does.pack()).encode()) <= 64
    if screen.asks is not None:
        assert len(screen.asks.pack().encode()) <= 64
    return text


def payloads(screen: Screen) -> list[object]:
    return [one.does for row in screen.rows for one in row if isinstance(one, Button)]

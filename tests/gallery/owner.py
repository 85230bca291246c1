"""The rooms of the gallery that owners see, and the messages that the shop sends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.domain.catalog import Offer
from bot.domain.markup import EVERYTHING, NamedChange, RulePage, Scope
from bot.domain.money import usd
from bot.domain.notices import (
    BackupMade,
    CustomerAsks,
    CustomerComplains,
    MarkupMoved,
    OrderDecided,
    OrderInDoubt,
    OrderInReview,
    OrderNeedsPerson,
    OrderRefunded,
    OrderReleased,
    OrderToDeliver,
    OwnerReplied,
    Sold,
    StrayFound,
    SubscriptionRuns,
    WalletChanged,
    WalletMoved,
)
from bot.domain.orders import LaneId, OrderState, UpstreamOrder
from bot.domain.requests import MarkupChange, MarkupPreview, PriceMove, RefundPreview, TopUpPreview
from bot.domain.shop import Case, LaneState, Stop
from bot.domain.subscriptions import Subscription, SubscriptionId
from bot.i18n import Texts
from bot.screens import notices, owner, subscriptions
from bot.screens.welcome import welcome
from tests.gallery import Shown, alert, show
from tests.screens.owner_samples import ANN, GIG, NODEMAVEN, NOON, OLGA, ORDER, STATE, order_in
from tests.screens.test_notices import EVERYTHING_RULE, INTENT, MEASURED, TROUBLES
from tests.screens.test_owner import CHANGE, FILE, PREVIEW, REQUEST, RULES, SAMPLE, TOP_UP

REVIEW = order_in(OrderState.REVIEW, "too_many_candidates")
STRAY = UpstreamOrder(5, "ord_9x1a90", "nodemaven", "1GB", NOON)
NAMED = NamedChange(CHANGE, "NodeMaven", "Olga")
DEBIT = replace(TOP_UP, amount=usd("3"), note="paid twice", is_debit=True)
RUNS = Subscription(
    SubscriptionId(1), "statproxies", "sub_1Q", "captcha", ORDER.id, NOON,
    NOON + timedelta(days=30), None, 3, "timeout",
)  # fmt: skip


def of_owner(t: Texts) -> Iterator[Shown]:
    """Commands of an owner."""
    yield from _of_money(t)
    yield from _of_markup(t)
    yield from _of_shop(t)
    yield from _of_decisions(t)
    yield show("", owner.block_whom, t)
    yield show("", owner.blocked, t, ANN)
    yield show("", owner.unblocked, t, ANN)
    yield show("", owner.not_yourself, t)
    yield show("", owner.ask_reply, t, ANN)
    yield show("refused", owner.ask_reply, t, ANN, owner.too_long(t, 1000))
    yield show("", owner.replied, t, ANN.id)


def _of_money(t: Texts) -> Iterator[Shown]:
    yield show("", owner.pick_person, t)
    yield show("", owner.unknown_person, t, "demo_shop_bot")
    yield show("", owner.hidden_person, t)
    yield show("", owner.forwarded, t)
    yield show("", owner.ask_amount, t, ANN)
    yield show("refused", owner.ask_amount, t, ANN, owner.not_an_amount(t, "1e3"))
    yield show("", owner.top_up_refused, t, owner.not_an_amount(t, "-5"))
    yield show("no amount", owner.debit_refused, t, owner.not_a_debit(t, "1,000"))
    yield show("no reason", owner.debit_refused, t, owner.no_reason(t))
    yield show("", owner.top_up, t, PREVIEW)
    yield show("a second time", owner.top_up, t, replace(PREVIEW, repeats=NOON))
    debit = TopUpPreview(REQUEST, DEBIT, ANN, usd("3"), usd("0"), None)
    yield show("a debit", owner.top_up, t, debit)
    yield show("", owner.topped_up, t, TOP_UP, ANN, usd("13"))
    yield show("a debit", owner.topped_up, t, DEBIT, ANN, usd("0"))
    yield show("", owner.dropped, t)


def _of_markup(t: Texts) -> Iterator[Shown]:
    yield show("", owner.markup, t, RULES, [SAMPLE])
    yield show("just applied", owner.markup, t, RULES, [SAMPLE], is_applied=True)
    yield show("", owner.bad_markup, t, "nodemaven cheap")
    rule = CHANGE.rule
    assert rule is not None
    move = PriceMove(GIG, usd("4.04"), usd("3.87"), rule, "NodeMaven")
    change = MarkupChange(Scope(provider=NODEMAVEN.id), rule)
    new = MarkupPreview(REQUEST, change, "NodeMaven", (move,), 3, 0)
    yield show("", owner.markup_preview, t, new)
    off = MarkupPreview(REQUEST, MarkupChange(EVERYTHING, None), "", (), 0, 0)
    yield show("off", owner.markup_preview, t, off)
    yield show("", owner.markup_history, t, RulePage((NAMED,), older=3))


def _of_shop(t: Texts) -> Iterator[Shown]:
    at_work = replace(STATE, at=NOON + timedelta(seconds=48), audited_at=NOON, backed_up_at=NOON)
    stops = (
        Stop("shop", "audit", NOON, "audit"),
        Stop("lane:1", "insufficient_balance", NOON, "shop"),
    )
    lanes = (*STATE.lanes, LaneState(LaneId(2), "gateproxy", None, None, 0, has_token=False))
    stopped = replace(at_work, stops=stops, lanes=lanes, in_review=1)
    yield show("at work", owner.shop, t, at_work, wants_sales=False)
    yield show("stopped", owner.shop, t, stopped, wants_sales=True)
    yield show("after a green audit", owner.shop, t, at_work, wants_sales=True, is_green=True)
    yield alert(owner.lists_unread, t)
    yield alert(owner.not_resumed, t)
    waits = NOON + timedelta(minutes=31)
    yield show("", owner.inbox, t, (Case(REVIEW, ANN, candidates=2),), waits)
    yield show("empty", owner.inbox, t, (), NOON)


def _of_decisions(t: Texts) -> Iterator[Shown]:
    for state in OrderState:
        reason = {OrderState.REVIEW: "too_many_candidates", OrderState.RELEASED: "unpaid"}
        one = order_in(state, reason.get(state))
        file = replace(FILE, order=one)
        if state is not OrderState.DELIVERED:
            file = replace(file, moves=FILE.moves[:1], attempts=(), notices=())
        yield show(state.value, owner.order, t, file)
    yield show("", owner.no_order, t)
    yield show("", owner.strays, t, REVIEW, (STRAY,))
    yield show("none", owner.strays, t, REVIEW, ())
    yield show("", owner.hand_over, t, ORDER.id)
    yield show("after an exchange", owner.hand_over, t, ORDER.id, is_exchange=True)
    yield show("a bad line", owner.hand_over, t, ORDER.id, owner.bad_line(t, 3))
    before = owner.delivered_before(t, ORDER.id)
    yield show("delivered before", owner.hand_over, t, ORDER.id, before)
    yield show("", owner.give_back, t, ORDER.id)
    yield show("", owner.ask_refund_reason, t, ORDER.id)
    yield show("refused", owner.ask_refund_reason, t, ORDER.id, owner.too_long(t, 200))
    refund = RefundPreview(REQUEST, ORDER, ANN, "never worked")
    yield show("", owner.refund_preview, t, refund)
    code = replace(refund, order=replace(ORDER, is_code=True, shown_at=NOON))
    yield show("a code that was seen", owner.refund_preview, t, code)
    yield show("", owner.refunded, t, ORDER)


def of_subscriptions(t: Texts) -> Iterator[Shown]:
    """What upstreams are paid for again and again."""
    ended = replace(RUNS, id=SubscriptionId(2), reference="sub_1P", cancelled_at=NOON)
    yield show("", subscriptions.subscriptions, t, (RUNS, ended))
    yield show("none runs", subscriptions.subscriptions, t, (ended,))
    yield show("", subscriptions.sure, t, RUNS.id)


def of_welcome(t: Texts) -> Iterator[Shown]:
    """An owner's first contact."""
    works = replace(STATE, audited_at=NOON, backed_up_at=NOON)
    nothing_yet = replace(
        STATE,
        lanes=(LaneState(LaneId(1), "gateproxy", None, None, 0, has_token=True),),
        catalog_read_at=None,
        plans=0,
    )
    yield show("everything works", welcome, t, works, EVERYTHING_RULE)
    yield show("nothing was read yet", welcome, t, nothing_yet, EVERYTHING_RULE)


def of_notices(t: Texts) -> Iterator[Shown]:
    """What comes by itself: to customers, then to owners."""
    yield show("", notices.order_in_doubt, t, OrderInDoubt(ORDER.id, lane_waits=False), ORDER)
    waiting = OrderInDoubt(ORDER.id, lane_waits=True)
    yield show("others wait", notices.order_in_doubt, t, waiting, ORDER)
    yield show("", notices.order_in_review, t, OrderInReview(ORDER.id), REVIEW)
    for reason in ("unavailable", "not_sent", "plan_gone", "price_rose", "refused", "cancelled"):
        released = OrderReleased(ORDER.id, usd("4.20") if reason == "price_rose" else None)
        order = order_in(OrderState.RELEASED, reason)
        yield show(reason, notices.order_released, t, released, order, INTENT)
    refunded = OrderRefunded(ORDER.id, "never worked")
    yield show("", notices.order_refunded, t, refunded, order_in(OrderState.REFUNDED))
    added = WalletChanged(usd("10"), usd("13"), False, "thanks", GIG.id)
    yield show("", notices.wallet_changed, t, added, Offer(GIG, usd("4.03")))
    taken = WalletChanged(usd("3"), usd("0"), True, "paid twice", None)
    yield show("a debit", notices.wallet_changed, t, taken, None)
    yield show("", notices.owner_replied, t, OwnerReplied("Please try another country."))
    yield show("", notices.customer_asks, t, CustomerAsks(ANN.id, "I paid you 10"), ANN)
    wrong = CustomerComplains(ORDER.id)
    yield show("", notices.customer_complains, t, wrong, ORDER, ANN, MEASURED)
    moved = WalletMoved(OLGA.id, ANN.id, usd("10"), usd("13"), False, "thanks")
    yield show("", notices.wallet_moved, t, moved, OLGA, ANN)
    yield show("", notices.markup_moved, t, MarkupMoved(OLGA.id, 3), OLGA, NAMED)
    for case, hours in (("", 0), ("after three hours", 3), ("after a day", 24)):
        needs = OrderNeedsPerson(ORDER.id, hours)
        yield show(case, notices.order_needs_person, t, needs, REVIEW, ANN)
    by_hand = order_in(OrderState.PREPARING)
    yield show("", notices.order_to_deliver, t, OrderToDeliver(ORDER.id), by_hand, ANN)
    runs = SubscriptionRuns(RUNS.upstream, RUNS.reference, RUNS.ends_at)
    yield show("", notices.subscription_runs, t, runs)
    for decision, state in (
        ("bound", OrderState.DELIVERED),
        ("by_hand", OrderState.DELIVERED),
        ("given_back", OrderState.RELEASED),
        ("kept_waiting", OrderState.IN_DOUBT),
        ("refunded", OrderState.REFUNDED),
    ):
        decided = OrderDecided(OLGA.id, ORDER.id, decision)
        yield show(decision, notices.order_decided, t, decided, OLGA, order_in(state))
    yield show("", notices.sold, t, Sold(ORDER.id), ORDER, ANN)
    for case, is_paid_again in (("", False), ("a subscription", True)):
        stray = StrayFound("gateproxy", "ord_9x1a90", usd("3.36"), is_paid_again)
        yield show(case, notices.stray_found, t, stray)
    backup = BackupMade("data/backups/bot-20261122T100000Z.backup")
    yield show("", notices.backup_made, t, backup)
    for trouble, _ in TROUBLES:
        case = f"{trouble.code} {trouble.detail}".strip()
        yield show(case, notices.trouble, t, trouble)

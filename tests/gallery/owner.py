"""The rooms of the gallery that owners see, and the messages that the shop sends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.domain.cases import Case
from bot.domain.catalog import Offer, PlanId
from bot.domain.desk import LaneState, Stop
from bot.domain.exchanges import REFUNDED, ExchangeState, Wish
from bot.domain.markup import EVERYTHING, NamedChange, Rule, RulePage, Scope
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
    PlanMoved,
    Sold,
    StrayFound,
    SubscriptionRuns,
    WalletChanged,
    WalletMoved,
)
from bot.domain.orders import LaneId, OrderState, UpstreamOrder
from bot.domain.plans import (
    Fact,
    NamedPlanChange,
    PlanChange,
    PlanChangeId,
    PlanChangePage,
    PlanDeed,
)
from bot.domain.requests import (
    CostChange,
    CostPreview,
    MarkupChange,
    MarkupPreview,
    PriceMove,
    RefundPreview,
    TopUpPreview,
)
from bot.domain.search import FoundStray
from bot.domain.subscriptions import Subscription, SubscriptionId
from bot.i18n import Texts
from bot.screens import (
    cases,
    customers,
    desk,
    markup,
    notices,
    order_files,
    owner_notices,
    plan_questions,
    plans,
    requests,
    subscriptions,
    topups,
    troubles,
)
from bot.screens.welcome import welcome
from bot.screens.words import too_long
from tests.gallery import Shown, alert, show
from tests.screens.owner_samples import (
    ANN,
    CHANGE,
    EVERYTHING_RULE,
    FILE,
    GIG,
    ISP,
    LINE,
    NODEMAVEN,
    NOON,
    OLGA,
    ORDER,
    PREVIEW,
    REQUEST,
    RULES,
    SAMPLE,
    STATE,
    TOP_UP,
    order_in,
)
from tests.screens.test_notices import INTENT
from tests.screens.test_owner_notices import MEASURED
from tests.screens.test_troubles import TROUBLES

REVIEW = order_in(OrderState.REVIEW, "too_many_candidates")
STRAY = UpstreamOrder(5, "ord_9x1a90", "nodemaven", "1GB", NOON)
NAMED = NamedChange(CHANGE, "NodeMaven", "Olga")
DEBIT = replace(TOP_UP, amount=usd("3"), note="paid twice", is_debit=True)
RUNS = Subscription(
    SubscriptionId(1), "statproxies", "sub_1Q", "captcha", ORDER.id, NOON,
    NOON + timedelta(days=30), None, 3, "timeout",
)  # fmt: skip


def of_topups(t: Texts) -> Iterator[Shown]:
    """Money added and taken."""
    yield show("", topups.pick_person, t)
    yield show("", topups.hidden_person, t)
    yield show("", topups.forwarded, t)
    yield show("", topups.ask_amount, t, ANN)
    yield show("refused", topups.ask_amount, t, ANN, topups.not_an_amount(t, "1e3"))
    yield show("", topups.top_up_refused, t, topups.not_an_amount(t, "-5"))
    yield show("no amount", topups.debit_refused, t, topups.not_a_debit(t, "1,000"))
    yield show("no reason", topups.debit_refused, t, topups.no_reason(t))
    yield show("", topups.top_up, t, PREVIEW)
    yield show("a second time", topups.top_up, t, replace(PREVIEW, repeats=NOON))
    debit = TopUpPreview(REQUEST, DEBIT, ANN, usd("3"), usd("0"), None)
    yield show("a debit", topups.top_up, t, debit)
    yield show("", topups.topped_up, t, TOP_UP, ANN, usd("13"))
    yield show("a debit", topups.topped_up, t, DEBIT, ANN, usd("0"))


def of_requests(t: Texts) -> Iterator[Shown]:
    """What became of a preview."""
    yield show("", requests.dropped, t)


def of_customers(t: Texts) -> Iterator[Shown]:
    """Customers as owners deal with them."""
    yield show("", customers.unknown_person, t, "demo_shop_bot")
    yield show("", customers.block_whom, t)
    yield show("", customers.blocked, t, ANN)
    yield show("", customers.unblocked, t, ANN)
    yield show("", customers.not_yourself, t)
    yield show("", customers.ask_reply, t, ANN)
    yield show("refused", customers.ask_reply, t, ANN, too_long(t, 1000))
    yield show("", customers.replied, t, ANN.id)


def of_markup(t: Texts) -> Iterator[Shown]:
    """Rules and prices."""
    yield show("", markup.markup, t, RULES, [SAMPLE])
    yield show("just applied", markup.markup, t, RULES, [SAMPLE], is_applied=True)
    yield show("", markup.bad_markup, t, "nodemaven cheap")
    rule = CHANGE.rule
    assert rule is not None
    move = PriceMove(GIG, usd("4.04"), usd("3.87"), rule, "NodeMaven")
    change = MarkupChange(Scope(provider=NODEMAVEN.id), rule)
    new = MarkupPreview(REQUEST, change, "NodeMaven", (move,), 3, 0)
    yield show("", markup.markup_preview, t, new)
    off = MarkupPreview(REQUEST, MarkupChange(EVERYTHING, None), "", (), 0, 0)
    yield show("off", markup.markup_preview, t, off)
    yield show("", markup.markup_history, t, RulePage((NAMED,), older=3))


def of_desk(t: Texts) -> Iterator[Shown]:
    """The shop at a glance."""
    at_work = replace(STATE, at=NOON + timedelta(seconds=48), audited_at=NOON, backed_up_at=NOON)
    stops = (
        Stop("shop", "audit", NOON, "audit"),
        Stop("lane:1", "insufficient_balance", NOON, "shop"),
    )
    lanes = (*STATE.lanes, LaneState(LaneId(2), "gateproxy", None, None, 0, has_token=False))
    stopped = replace(at_work, stops=stops, lanes=lanes, in_review=1)
    yield show("at work", desk.shop, t, at_work, wants_sales=False)
    yield show("stopped", desk.shop, t, stopped, wants_sales=True)
    yield show("after a green audit", desk.shop, t, at_work, wants_sales=True, is_green=True)
    yield alert(desk.lists_unread, t)
    yield alert(desk.not_resumed, t)


def of_cases(t: Texts) -> Iterator[Shown]:
    """Orders that need an owner, and what is decided about them."""
    waits = NOON + timedelta(minutes=31)
    yield show("", cases.inbox, t, (Case(REVIEW, ANN, candidates=2),), waits)
    yield show("empty", cases.inbox, t, (), NOON)
    exchanged = Case(ORDER, ANN, candidates=0, exchanged_at=NOON)
    yield show("after an exchange", cases.inbox, t, (exchanged,), waits)
    yield show("", cases.strays, t, REVIEW, (STRAY,))
    yield show("none", cases.strays, t, REVIEW, ())
    yield show("", cases.stray, t, FoundStray("gateproxy", LaneId(1), STRAY))
    yield show("", cases.hand_over, t, ORDER.id)
    yield show("after an exchange", cases.hand_over, t, ORDER.id, is_exchange=True)
    yield show("a bad line", cases.hand_over, t, ORDER.id, cases.bad_line(t, 3))
    before = cases.delivered_before(t, ORDER.id)
    yield show("delivered before", cases.hand_over, t, ORDER.id, before)
    yield show("", cases.give_back, t, ORDER.id)
    yield show("", cases.ask_refund_reason, t, ORDER.id)
    yield show("refused", cases.ask_refund_reason, t, ORDER.id, too_long(t, 200))
    refund = RefundPreview(REQUEST, ORDER, ANN, "never worked")
    yield show("", cases.refund_preview, t, refund)
    code = replace(refund, order=replace(ORDER, is_code=True, shown_at=NOON))
    yield show("a code that was seen", cases.refund_preview, t, code)
    yield show("", cases.refunded, t, ORDER)


def of_order_files(t: Texts) -> Iterator[Shown]:
    """The whole history of an order, as an owner reads it."""
    for state in OrderState:
        reason = {OrderState.REVIEW: "too_many_candidates", OrderState.RELEASED: "unpaid"}
        one = order_in(state, reason.get(state))
        file = replace(FILE, order=one)
        if state is not OrderState.DELIVERED:
            file = replace(file, moves=FILE.moves[:1], attempts=(), notices=())
        yield show(state.value, order_files.order_file, t, file)
    ends = {
        ExchangeState.DONE: "owner:2001", ExchangeState.REFUSED: None, ExchangeState.LACKING: None,
        ExchangeState.UNCHANGED: None,
    }  # fmt: skip
    wishes = tuple(
        Wish(NOON, state, NOON, NOON if state in ends else None, ends.get(state))
        for state in ExchangeState
    )
    dropped = Wish(NOON, ExchangeState.UNCHANGED, NOON, NOON, error=REFUNDED)
    yield show(
        "refunded in an exchange", order_files.order_file, t, replace(FILE, exchanges=(dropped,))
    )
    yield show("after exchanges", order_files.order_file, t, replace(FILE, exchanges=wishes))
    yield show("", order_files.no_order, t)


def of_subscriptions(t: Texts) -> Iterator[Shown]:
    """What upstreams are paid for again and again."""
    ended = replace(RUNS, id=SubscriptionId(2), reference="sub_1P", cancelled_at=NOON)
    yield show("", subscriptions.subscriptions, t, (RUNS, ended))
    yield show("none runs", subscriptions.subscriptions, t, (ended,))
    yield show("", subscriptions.sure, t, RUNS.id)


def of_plan_questions(t: Texts) -> Iterator[Shown]:
    """What owners are asked about one of these plans."""
    yield show("", plan_questions.ask_days, t, LINE)
    yield show("refused", plan_questions.ask_days, t, LINE, plan_questions.not_days(t, "none"))
    yield show("", plan_questions.ask_most, t, LINE)
    yield show("refused", plan_questions.ask_most, t, LINE, plan_questions.not_most(t, "1001"))
    yield show("", plan_questions.ask_title, t, LINE)
    yield show("refused", plan_questions.ask_title, t, LINE, plan_questions.not_title(t, "T" * 65))
    yield show("", plan_questions.ask_cost, t, LINE)
    yield show("refused", plan_questions.ask_cost, t, LINE, plan_questions.not_a_cost(t, "1e999"))


def of_plans(t: Texts) -> Iterator[Shown]:
    """What the plans cost that no price list tells of."""
    dearer = PlanChange(PlanChangeId(3), PlanDeed.COST, usd("2"), usd("2.50"), OLGA.id, NOON)
    off = replace(LINE, plan=replace(ISP, id=PlanId(28), code="x1", title="ISP X1"))
    hidden = replace(off, plan=replace(off.plan, is_hidden=True))
    third = replace(ISP, id=PlanId(29), code="level3", title="ISP Level3")
    refused = replace(LINE, plan=third, is_refused=True, decided_by="Stat Proxies")
    listed = (LINE, hidden, refused)
    yield show("no key", plans.plans, t, (replace(LINE, has_lane=False),), 0)
    yield show("", plans.plans, t, listed, 0)
    yield show("a second page", plans.plans, t, listed * 3, 1)
    yield show("none", plans.plans, t, (), 0)
    now = replace(LINE, plan=replace(ISP, cost=usd("2.50")), price=usd("3"))
    done = plans.priced(t, now, dearer)
    yield show("just applied", plans.plans, t, (now, *listed[1:]), 0, done)
    yield show("just hidden", plans.plans, t, listed, 0, plans.hidden(t, hidden))
    yield show("just shown", plans.plans, t, (LINE, off), 0, plans.offered(t, off))
    yield show("no deed", plans.refused, t, listed, plans.not_understood(t, "price captcha 2"))
    yield show("no plan", plans.refused, t, listed, plans.which(t))
    yield show("no such plan", plans.refused, t, listed, plans.unknown(t, listed, "NodeMaven"))
    yield show("none at all", plans.refused, t, (), plans.unknown(t, (), "captcha"))
    yield show("", plans.plan, t, LINE)
    yield show("hidden", plans.plan, t, hidden)
    week = replace(dearer, deed=PlanDeed.DAYS, old=30, new=7)
    fewer = replace(dearer, deed=PlanDeed.MOST, old=100, new=20)
    other = replace(dearer, deed=PlanDeed.TITLE, old=ISP.title, new="ISP, fast")
    told = plans.works_for(t, LINE, 7, week)
    yield show("for seven days", plans.plan, t, replace(LINE, plan=replace(ISP, days=7)), told)
    told = plans.takes_at_most(t, LINE, 20, fewer)
    yield show("fewer pieces", plans.plan, t, replace(LINE, plan=replace(ISP, most=20)), told)
    named = replace(LINE, plan=replace(ISP, title="ISP, fast"))
    yield show("renamed", plans.plan, t, named, plans.is_called(t, LINE, "ISP, fast", other))
    yield show("days as they were", plans.plan, t, LINE, plans.works_for(t, LINE, 30, None))
    same = plans.takes_at_most(t, LINE, 100, None)
    yield show("pieces as they were", plans.plan, t, LINE, same)
    same = plans.is_called(t, LINE, ISP.title, None)
    yield show("title as it was", plans.plan, t, LINE, same)
    asked = CostChange(ISP.id, usd("2"), usd("2.50"))
    preview = CostPreview(REQUEST, asked, ISP, usd("2.40"), usd("3"), Rule(2000), "")
    yield show("", plans.cost_preview, t, preview)
    unseen = replace(preview, plan=replace(ISP, is_hidden=True))
    yield show("of a hidden plan", plans.cost_preview, t, unseen)
    deeds = tuple(
        replace(dearer, id=PlanChangeId(number), deed=deed, old=None, new=None)
        for number, deed in ((2, PlanDeed.SHOW), (1, PlanDeed.HIDE))
    )
    newest = tuple(
        replace(one, id=PlanChangeId(number))
        for number, one in ((6, other), (5, fewer), (4, week))
    )
    changes = tuple(NamedPlanChange(one, ISP.title, "Olga") for one in (*newest, dearer, *deeds))
    yield show("", plans.plan_history, t, PlanChangePage(changes, older=1))
    yield show("empty", plans.plan_history, t, PlanChangePage((), older=None))


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
    no_balance = LaneState(
        LaneId(1), "statproxies", None, None, 0, has_token=True, has_balance=False
    )
    both = (no_balance, replace(no_balance, id=LaneId(2), is_listed=False))
    yield show("balances untold", welcome, t, replace(works, lanes=both), EVERYTHING_RULE)


def of_notices(t: Texts) -> Iterator[Shown]:
    """What comes to customers by itself."""
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


def of_owner_notices(t: Texts) -> Iterator[Shown]:
    """What comes to owners by itself."""
    yield show("", owner_notices.customer_asks, t, CustomerAsks(ANN.id, "I paid you 10"), ANN)
    wrong = CustomerComplains(ORDER.id)
    yield show("", owner_notices.customer_complains, t, wrong, ORDER, ANN, MEASURED)
    moved = WalletMoved(OLGA.id, ANN.id, usd("10"), usd("13"), False, "thanks")
    yield show("", owner_notices.wallet_moved, t, moved, OLGA, ANN)
    yield show("", owner_notices.markup_moved, t, MarkupMoved(OLGA.id, 3), OLGA, NAMED)
    changed_facts: dict[PlanDeed, tuple[Fact, Fact]] = {
        PlanDeed.COST: (usd("2"), usd("2.50")),
        PlanDeed.DAYS: (30, 7),
        PlanDeed.MOST: (100, 20),
        PlanDeed.TITLE: (ISP.title, "ISP, fast"),
    }
    for deed in PlanDeed:
        old, new = changed_facts.get(deed, (None, None))
        done = PlanChange(PlanChangeId(3), deed, old, new, OLGA.id, NOON)
        changed = NamedPlanChange(done, ISP.title, "Olga")
        yield show(deed.value, owner_notices.plan_moved, t, PlanMoved(OLGA.id, 3), OLGA, changed)
    for case, hours in (("", 0), ("after three hours", 3), ("after a day", 24)):
        needs = OrderNeedsPerson(ORDER.id, hours)
        yield show(case, owner_notices.order_needs_person, t, needs, REVIEW, ANN)
    by_hand = order_in(OrderState.PREPARING)
    yield show("", owner_notices.order_to_deliver, t, OrderToDeliver(ORDER.id), by_hand, ANN)
    runs = SubscriptionRuns(RUNS.upstream, RUNS.reference, RUNS.ends_at)
    yield show("", owner_notices.subscription_runs, t, runs)
    for decision, state in (
        ("bound", OrderState.DELIVERED),
        ("by_hand", OrderState.DELIVERED),
        ("given_back", OrderState.RELEASED),
        ("exchanged", OrderState.DELIVERED),
        ("kept_waiting", OrderState.IN_DOUBT),
        ("refunded", OrderState.REFUNDED),
    ):
        decided = OrderDecided(OLGA.id, ORDER.id, decision)
        yield show(decision, owner_notices.order_decided, t, decided, OLGA, order_in(state))
    yield show("", owner_notices.sold, t, Sold(ORDER.id), ORDER, ANN)
    for case, is_paid_again in (("", False), ("a subscription", True)):
        stray = StrayFound("gateproxy", "ord_9x1a90", usd("3.36"), is_paid_again)
        yield show(case, owner_notices.stray_found, t, stray)
    backup = BackupMade("data/backups/bot-20261122T100000Z.backup")
    yield show("", owner_notices.backup_made, t, backup)


def of_troubles(t: Texts) -> Iterator[Shown]:
    """What is wrong with the shop."""
    for trouble, _ in TROUBLES:
        case = f"{trouble.code} {trouble.detail}".strip()
        yield show(case, troubles.trouble, t, trouble)

"""Notices: each one is drawn, kept, safe with anybody's words, and offers the next step."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never, get_args

import pytest

from bot.callbacks import AskOwner, Buy, ShowPlan
from bot.domain.catalog import Offer, title_mark
from bot.domain.customers import Person
from bot.domain.exchanges import Exchanged, ExchangeState
from bot.domain.markup import NamedChange, Rule, RuleChange, RuleChangeId, Scope
from bot.domain.money import usd
from bot.domain.notices import (
    BackupMade,
    CustomerAsks,
    CustomerComplains,
    ExchangeToDeliver,
    ExchangeTold,
    MarkupMoved,
    Notice,
    OrderDecided,
    OrderDelivered,
    OrderExchanged,
    OrderInDoubt,
    OrderInReview,
    OrderMoved,
    OrderNeedsPerson,
    OrderRefunded,
    OrderReleased,
    OrderToDeliver,
    OwnerReplied,
    PlanMoved,
    ProxyTested,
    ShopReady,
    Sold,
    StrayFound,
    SubscriptionRuns,
    Trouble,
    UsageAlerted,
    UsageUnwatched,
    WalletChanged,
    WalletMoved,
)
from bot.domain.orders import Order, OrderState
from bot.domain.plans import NamedPlanChange, PlanChange, PlanChangeId, PlanDeed
from bot.domain.usage import Measured, Traffic
from bot.i18n import LANGUAGES, Texts, texts
from bot.screens import exchanges, notices, owner_notices, troubles
from bot.screens.base import Button, Screen, Style
from bot.screens.welcome import welcome
from tests.screens.owner_samples import (
    ANN,
    EN,
    EVERYTHING_RULE,
    GIG,
    HOSTILE,
    NODEMAVEN,
    NOON,
    OLGA,
    ORDER,
    STATE,
    labels,
    order_in,
    visible,
)

INTENT = "c0ffee00c0ffee00"


def samples(words: str) -> dict[type, Notice]:
    """One notice of each kind, with `words` wherever somebody else's words go."""
    found: list[Notice] = [
        OrderMoved(ORDER.id),
        OrderDelivered(ORDER.id),
        OrderInDoubt(ORDER.id, lane_waits=True),
        OrderInReview(ORDER.id),
        OrderReleased(ORDER.id, usd("4.20")),
        OrderRefunded(ORDER.id, words),
        OrderExchanged(ORDER.id),
        ExchangeTold(ORDER.id, ExchangeState.UNCLEAR),
        UsageAlerted(ORDER.id, 90),
        UsageUnwatched(ORDER.id),
        ProxyTested(ORDER.id),
        WalletChanged(usd("10"), usd("13"), False, words, GIG.id),
        OwnerReplied(words),
        CustomerAsks(ANN.id, words),
        CustomerComplains(ORDER.id),
        WalletMoved(OLGA.id, ANN.id, usd("10"), usd("13"), False, words),
        MarkupMoved(OLGA.id, 3),
        PlanMoved(OLGA.id, 3),
        OrderNeedsPerson(ORDER.id),
        OrderToDeliver(ORDER.id),
        ExchangeToDeliver(ORDER.id),
        SubscriptionRuns(words, words, NOON),
        OrderDecided(OLGA.id, ORDER.id, words),
        Sold(ORDER.id),
        StrayFound(words, words, usd("3.36"), is_paid_again=True),
        BackupMade("data/backups/bot-20261122T100000Z.backup"),
        ShopReady(),
        Trouble(words, words),
    ]
    return {type(one): one for one in found}


def draw(t: Texts, notice: Notice, order: Order, person: Person, words: str) -> Screen | None:
    """A notice as the courier would have it drawn; None for those that others draw."""
    match notice:
        case OrderExchanged():
            return None
        case ExchangeTold(state=state):
            return exchanges.told(t, Exchanged(order, state))
        case ExchangeToDeliver():
            return exchanges.to_deliver(t, order, person)
        case OrderMoved() | OrderDelivered() | UsageAlerted() | UsageUnwatched() | ProxyTested():
            return None
        case OrderInDoubt():
            return notices.order_in_doubt(t, notice, order)
        case OrderInReview():
            return notices.order_in_review(t, notice, order)
        case OrderReleased():
            return notices.order_released(t, notice, order, INTENT)
        case OrderRefunded():
            return notices.order_refunded(t, notice, order)
        case WalletChanged():
            plan = replace(GIG, title=words, provider=replace(NODEMAVEN, name=words))
            return notices.wallet_changed(t, notice, Offer(plan, usd("4.03")))
        case OwnerReplied():
            return notices.owner_replied(t, notice)
        case CustomerAsks():
            return owner_notices.customer_asks(t, notice, person)
        case CustomerComplains():
            seen = Measured(Traffic(words, words, words), NOON)
            return owner_notices.customer_complains(t, notice, order, person, seen)
        case WalletMoved():
            return owner_notices.wallet_moved(t, notice, person, person)
        case MarkupMoved():
            change = RuleChange(RuleChangeId(3), Scope(), Rule(1500), OLGA.id, NOON)
            return owner_notices.markup_moved(t, notice, person, NamedChange(change, words, words))
        case PlanMoved():
            dearer = PlanChange(
                PlanChangeId(3), PlanDeed.COST, usd("2"), usd("2.5"), OLGA.id, NOON
            )
            changed = NamedPlanChange(dearer, words, words)
            return owner_notices.plan_moved(t, notice, person, changed)
        case OrderNeedsPerson():
            return owner_notices.order_needs_person(t, notice, order, person)
        case OrderToDeliver():
            return owner_notices.order_to_deliver(t, notice, order, person)
        case SubscriptionRuns():
            return owner_notices.subscription_runs(t, notice)
        case OrderDecided():
            return owner_notices.order_decided(t, notice, person, order)
        case Sold():
            return owner_notices.sold(t, notice, order, person)
        case StrayFound():
            return owner_notices.stray_found(t, notice)
        case BackupMade():
            return owner_notices.backup_made(t, notice)
        case ShopReady():
            return welcome(t, STATE, EVERYTHING_RULE)
        case Trouble():
            return troubles.trouble(t, notice)
        case _:
            assert_never(notice)


def test_the_samples_hold_every_notice() -> None:
    assert set(samples("x")) == set(get_args(Notice))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "words",
    [*HOSTILE, "x" * 4096, "🏴" * 2048, "&" * 4096, "\n" * 4096],
    ids=lambda words: f"{ascii(words)[:20]} x{len(words)}",
)
def test_every_notice_is_kept_and_survives_anybodys_words(words: str, language: str) -> None:
    order = replace(ORDER, provider_name=words, title=words, reason=words)
    person = replace(ANN, name=words[:64])

    for notice in samples(words).values():
        screen = draw(texts(language), notice, order, person, words)
        if screen is not None:
            visible(screen)
            assert screen.kept
            assert screen.rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_button_that_spends_money_begins_with_buy(language: str) -> None:
    for notice in samples("words").values():
        screen = draw(texts(language), notice, ORDER, ANN, "words")
        for button in () if screen is None else (one for row in screen.rows for one in row):
            spends = isinstance(button, Button) and isinstance(button.does, Buy)
            assert button.label.plain().startswith(("Buy", "Купить")) == spends


def test_a_silent_provider_is_told_with_the_money_held_and_a_time() -> None:
    screen = notices.order_in_doubt(EN, OrderInDoubt(ORDER.id, lane_waits=False), ORDER)

    assert visible(screen) == (
        "The provider did not answer about order #42, NodeMaven 1 GB. We are checking. "
        "At most 15 minutes; then you get the proxy or your money back.\n\n"
        "4.03 USD is held, not spent."
    )
    assert labels(screen) == [["Order #42"]]


def test_a_waiting_lane_is_told_as_well() -> None:
    screen = notices.order_in_doubt(EN, OrderInDoubt(ORDER.id, lane_waits=True), ORDER)

    assert visible(screen).endswith(
        "Other orders of this provider wait as well until it is known."
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("unavailable", "temporarily unavailable"),
        ("unpaid", "temporarily unavailable"),
        ("not_sent", "the provider could not be reached"),
        ("plan_gone", "the provider no longer sells this plan"),
        ("price_rose", "the price rose before it was placed"),
        ("refused", "the provider did not take the order"),
        ("owner", "the owner gave the money back"),
        ("insufficient_balance", "temporarily unavailable"),
        (None, "temporarily unavailable"),
    ],
)
def test_a_released_order_says_why_in_words(reason: str | None, words: str) -> None:
    order = order_in(OrderState.RELEASED, reason)

    screen = notices.order_released(EN, OrderReleased(order.id), order, INTENT)

    assert visible(screen).startswith(
        "Not charged: 4.03 USD for order #42, NodeMaven 1 GB, is back in your balance.\n"
        f"Reason: {words}."
    )


def test_a_cancelled_order_is_called_cancelled() -> None:
    order = order_in(OrderState.RELEASED, "cancelled")

    screen = notices.order_released(EN, OrderReleased(order.id), order, INTENT)

    assert visible(screen) == (
        "Order #42, NodeMaven 1 GB, is cancelled. 4.03 USD is back in your balance."
    )


def test_a_risen_price_is_shown_old_and_new_with_a_button_that_buys_at_it() -> None:
    order = order_in(OrderState.RELEASED, "price_rose")

    screen = notices.order_released(EN, OrderReleased(order.id, usd("4.20")), order, INTENT)

    assert "The price was 4.03 USD and is 4.20 USD now." in visible(screen)
    (buy,) = screen.rows[0]
    assert isinstance(buy, Button)
    assert buy.label.plain() == "Buy for 4.20 USD"
    assert buy.does == Buy(
        plan=11, quantity=1, micros=4_200_000, days=0, title=title_mark("1 GB"),
        intent=INTENT, again=True,
    )  # fmt: skip
    assert buy.style is Style.SUCCESS


def test_a_top_up_leads_back_to_the_plan_that_was_wanted() -> None:
    notice = WalletChanged(usd("10"), usd("13"), False, "thanks", GIG.id)

    screen = notices.wallet_changed(EN, notice, Offer(GIG, usd("4.03")))

    assert visible(screen) == (
        "10.00 USD is added to your balance. You have 13.00 USD now.\n"
        "Note: thanks\n\n"
        "You wanted NodeMaven 1 GB for 4.03 USD."
    )
    (back,) = screen.rows[0]
    assert isinstance(back, Button)
    assert back.label.plain() == "Back to NodeMaven 1 GB"
    assert back.does == ShowPlan(plan=11, again=False)


def test_a_debit_says_why_and_leads_to_no_plan() -> None:
    notice = WalletChanged(usd("3"), usd("0"), True, "paid twice", None)

    screen = notices.wallet_changed(EN, notice, None)

    assert visible(screen) == (
        "3.00 USD was taken from your balance. You have 0.00 USD now.\nReason: paid twice"
    )
    assert labels(screen) == [["🛒 Browse", "💰 Balance"]]


def test_an_answer_can_be_answered() -> None:
    screen = notices.owner_replied(EN, OwnerReplied("Try <again>"))

    assert visible(screen) == "The shop answers:\n\nTry <again>"
    assert screen.rows[0][0] == Button(EN("Answer"), AskOwner())

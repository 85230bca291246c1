"""Notices to owners: exact words, and what an owner does next."""

from __future__ import annotations

import pytest

from bot.callbacks import OwnerOrder, Reply, RollBack, ShowMarkup, TopUpFor
from bot.domain.markup import NamedChange, Rule, RuleChange, RuleChangeId, Scope
from bot.domain.money import usd
from bot.domain.notices import (
    CustomerAsks,
    CustomerComplains,
    MarkupMoved,
    OrderDecided,
    OrderNeedsPerson,
    PlanMoved,
    Sold,
    WalletMoved,
)
from bot.domain.orders import OrderState
from bot.domain.plans import Fact, NamedPlanChange, PlanChange, PlanChangeId, PlanDeed
from bot.domain.usage import AskBot, Measured, Traffic, Unknowable, Unreachable, UsageSeen
from bot.screens import owner_notices
from bot.screens.base import Button
from tests.screens.owner_samples import ANN, AT, EN, NOON, OLGA, ORDER, labels, order_in, visible

MEASURED = Measured(Traffic("120 MB", "904 MB", "1 GB"), NOON)


def test_a_customers_words_come_with_top_up_and_reply() -> None:
    screen = owner_notices.customer_asks(EN, CustomerAsks(ANN.id, "I paid you 10"), ANN)

    assert visible(screen) == "Ann (1001, @ann) asks:\n\nI paid you 10"
    assert screen.rows == (
        (
            Button(EN("Top up"), TopUpFor(customer=1001)),
            Button(EN("Reply"), Reply(customer=1001)),
        ),
    )


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (MEASURED, f"Usage, read {AT}: 120 MB used, 904 MB left, 1 GB in total."),
        (Unreachable(MEASURED), f"Usage, read {AT}: 120 MB used, 904 MB left, 1 GB in total."),
        (Unreachable(None), "Its usage was never read."),
        (AskBot("https://t.me/proxysellergpbot"), "The provider shows usage in its own bot."),
        (Unknowable(), "This plan has no usage check."),
        (None, "Its usage was never read."),
    ],
)
def test_a_complaint_comes_with_the_order_and_its_last_usage(
    seen: UsageSeen | None, words: str
) -> None:
    screen = owner_notices.customer_complains(EN, CustomerComplains(ORDER.id), ORDER, ANN, seen)

    assert visible(screen) == (
        "Ann (1001, @ann) says that something is wrong with order #42.\n\n"
        f"NodeMaven 1 GB for 4.03 USD, accepted {AT}: delivered.\n"
        f"{words}\n\n"
        "Look at the order, then answer the customer."
    )
    assert screen.rows[0] == (
        Button(EN("Order #{id}", id=42), OwnerOrder(order=42)),
        Button(EN("Reply"), Reply(customer=1001)),
    )


def test_other_owners_read_who_moved_whose_money() -> None:
    notice = WalletMoved(OLGA.id, ANN.id, usd("10"), usd("13"), False, "thanks")

    assert visible(owner_notices.wallet_moved(EN, notice, OLGA, ANN)) == (
        "Olga (7) topped up Ann (1001, @ann) by 10.00 USD. The balance is 13.00 USD now.\n"
        "Note: thanks"
    )


def test_other_owners_can_undo_a_markup() -> None:
    change = RuleChange(RuleChangeId(3), Scope(), Rule(1500), OLGA.id, NOON)

    screen = owner_notices.markup_moved(
        EN, MarkupMoved(OLGA.id, 3), OLGA, NamedChange(change, "NodeMaven", "Olga")
    )

    assert visible(screen) == "Olga (7) set the markup of NodeMaven to 15%."
    assert [button.does for button in screen.rows[0] if isinstance(button, Button)] == [
        ShowMarkup(),
        RollBack(change=3),
    ]


@pytest.mark.parametrize(
    ("deed", "costs", "said"),
    [
        (
            PlanDeed.COST,
            (usd("2"), usd("2.5")),
            "Olga (7) changed the cost of ISP: 2.00 USD → 2.50 USD.",
        ),
        (PlanDeed.DAYS, (30, 7), "Olga (7) changed the days of ISP: 30 → 7."),
        (PlanDeed.DAYS, (None, 7), "Olga (7) changed the days of ISP: – → 7."),
        (
            PlanDeed.MOST,
            (100, 20),
            "Olga (7) changed the most pieces of one order of ISP: 100 → 20.",
        ),
        (PlanDeed.TITLE, ("A", "B"), "Olga (7) changed the title of a plan: A → B."),
        (PlanDeed.HIDE, (None, None), "Olga (7) hid ISP: it is not sold now."),
        (PlanDeed.SHOW, (None, None), "Olga (7) put ISP on sale again."),
    ],
)
def test_other_owners_read_what_was_done_to_a_plan(
    deed: PlanDeed, costs: tuple[Fact | None, Fact | None], said: str
) -> None:
    change = PlanChange(PlanChangeId(3), deed, *costs, OLGA.id, NOON)

    screen = owner_notices.plan_moved(
        EN, PlanMoved(OLGA.id, 3), OLGA, NamedPlanChange(change, "ISP", "Olga")
    )

    assert visible(screen) == said
    assert labels(screen) == [["Plans"]]


def test_an_order_that_needs_a_person_says_why() -> None:
    order = order_in(OrderState.REVIEW, "lane_without_token")

    screen = owner_notices.order_needs_person(EN, OrderNeedsPerson(order.id), order, ANN)

    assert visible(screen) == (
        "Order #42 needs you.\n\n"
        "NodeMaven 1 GB for 4.03 USD, Ann (1001, @ann).\n"
        "Reason: its account has no token in the settings.\n\n"
        "The customer's money is held until you decide."
    )
    assert labels(screen) == [["Decide", "Inbox"]]


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (3, "It has waited for 3 h."),
        (23, "Order #42 needs you."),
        (24, "Order #42 has waited for 24 h, and so has a customer's money."),
    ],
)
def test_a_reminder_says_how_long_it_waits_and_speaks_up_after_a_day(
    hours: int, words: str
) -> None:
    order = order_in(OrderState.REVIEW, "lane_without_token")

    assert words in visible(
        owner_notices.order_needs_person(EN, OrderNeedsPerson(order.id, hours), order, ANN)
    )


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ("bound", "bound it to an upstream order"),
        ("by_hand", "delivered it by hand"),
        ("given_back", "gave the money back"),
        ("exchanged", "said what it holds after its exchange"),
        ("kept_waiting", "lets the bot look for it again"),
        ("refunded", "refunded it"),
    ],
)
def test_other_owners_read_what_was_decided(decision: str, words: str) -> None:
    screen = owner_notices.order_decided(
        EN, OrderDecided(OLGA.id, ORDER.id, decision), OLGA, ORDER
    )

    assert visible(screen) == (
        f"Order #42, NodeMaven 1 GB: Olga (7) {words}. The order is delivered."
    )


def test_a_sale_says_what_it_earned() -> None:
    assert visible(owner_notices.sold(EN, Sold(ORDER.id), ORDER, ANN)) == (
        "Sold: NodeMaven 1 GB for 4.03 USD to Ann (1001, @ann). Profit: 0.67 USD."
    )

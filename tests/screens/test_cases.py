"""Cases: exact words, and the buttons that the state allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.callbacks import (
    Bind,
    GiveBack,
    HandOver,
    KeepWaiting,
    OwnerOrder,
    RefundFor,
    Reply,
    ShowStrays,
)
from bot.domain.cases import Case
from bot.domain.exchanges import LOST, READABLE, UNDER_WAY, ExchangeState, Wish
from bot.domain.orders import OPEN, Move, OrderId, OrderState, UpstreamOrder
from bot.domain.requests import RefundPreview
from bot.screens import cases
from bot.screens.base import Button
from bot.screens.order_files import order_file
from tests.screens.owner_samples import (
    ANN,
    AT,
    EN,
    FILE,
    NOON,
    ORDER,
    REQUEST,
    order_in,
    payloads,
    visible,
)


def test_the_inbox_says_who_waits_how_long() -> None:
    case = Case(order_in(OrderState.REVIEW), ANN, candidates=2)

    screen = cases.inbox(EN, (case,), NOON + timedelta(minutes=31))

    assert visible(screen) == (
        "1 order needs you\n\n"
        "#42 · NodeMaven 1 GB for 4.03 USD · Ann (1001, @ann) · waits 30 min · "
        "2 upstream orders fit\n\n"
        "The money of these customers is held until you decide."
    )
    assert payloads(screen)[0] == OwnerOrder(order=42)


def test_an_exchange_in_the_inbox_holds_nobodys_money() -> None:
    case = Case(ORDER, ANN, candidates=0, exchanged_at=NOON)

    screen = cases.inbox(EN, (case,), NOON + timedelta(minutes=31))

    assert visible(screen) == (
        "1 order needs you\n\n"
        "#42 · NodeMaven 1 GB · Ann (1001, @ann) · an exchange was sent 31 min ago: see at the "
        "provider what it holds now"
    )


def test_an_empty_inbox_says_so() -> None:
    assert visible(cases.inbox(EN, (), NOON)).startswith("No order needs you.")


def test_an_order_is_told_whole() -> None:
    assert visible(order_file(EN, FILE)) == (
        "Order #42: delivered\n"
        "NodeMaven 1 GB, 1 pc., for 4.03 USD (cost 3.36 USD).\n"
        "Customer: Ann (1001, @ann)\n"
        "Account 1, upstream order ord_9x1a8f\n\n"
        "States\n"
        f"{AT} · waiting in line, by the customer\n"
        f"{AT} · being placed, by the bot\n"
        f"{AT} · delivered, by the bot (made)\n\n"
        "Attempts\n"
        f"1. {AT} · made\n\n"
        "Money\n"
        f"{AT} · held: 4.03 USD\n\n"
        "Messages\n"
        f"{AT} · credentials to 1001: sent"
    )


def test_the_newest_of_two_hundred_moves_are_shown() -> None:
    moves = tuple(
        Move(NOON, None, OrderState.RESERVED, f"owner:{number}", "x" * 200)
        for number in range(200)
    )

    text = visible(order_file(EN, replace(FILE, moves=moves)))

    assert "by owner 199 " in text
    assert "earlier lines" in text
    assert "by owner 1 " not in text


def test_an_order_tells_who_wanted_and_who_ended_its_exchanges() -> None:
    wishes = (
        Wish(NOON, ExchangeState.REFUSED, NOON, NOON, error="not_found_error"),
        Wish(NOON, ExchangeState.DONE, NOON, NOON, "owner:900"),
        Wish(NOON, ExchangeState.UNCLEAR, NOON),
        Wish(NOON, ExchangeState.DONE, None, NOON, error=LOST),
        Wish(NOON, ExchangeState.UNCHANGED, None, NOON, error=LOST),
    )

    screen = order_file(EN, replace(FILE, exchanges=wishes))

    assert (
        "Exchanges\n"
        f"{AT} · wanted by the customer: not done, {AT}, by the bot (not_found_error)\n"
        f"{AT} · wanted by the customer: delivered anew, {AT}, by owner 900\n"
        f"{AT} · wanted by the customer: no answer, so the order is read\n"
        f"{AT} · after a restore: other proxies were found, and delivered anew, {AT}, by the bot\n"
        f"{AT} · after a restore: still to be compared with the provider\n"
    ) in visible(screen)
    assert payloads(screen)[:-2] == [
        HandOver(order=42), RefundFor(order=42), Reply(customer=1001), OwnerOrder(order=42)
    ]  # fmt: skip


@pytest.mark.parametrize("state", ExchangeState)
def test_an_owner_may_say_what_an_order_holds_once_it_may_have_been_exchanged(
    state: ExchangeState,
) -> None:
    screen = order_file(EN, replace(FILE, exchanges=(Wish(NOON, state),)))

    assert (HandOver(order=42) in payloads(screen)) == (state in READABLE)
    assert (OwnerOrder(order=42) in payloads(screen)) == (state in UNDER_WAY)


DECIDE = {
    OrderState.REVIEW: [
        ShowStrays(order=42),
        HandOver(order=42),
        GiveBack(order=42, sure=False),
        KeepWaiting(order=42),
        Reply(customer=1001),
    ],
    OrderState.PREPARING: [HandOver(order=42), Reply(customer=1001)],
    OrderState.DELIVERED: [RefundFor(order=42), Reply(customer=1001)],
}


@pytest.mark.parametrize("state", OrderState)
def test_an_order_offers_what_its_state_allows(state: OrderState) -> None:
    screen = order_file(EN, replace(FILE, order=order_in(state)))

    look = [OwnerOrder(order=42)] if state in OPEN else []
    assert payloads(screen)[:-2] == DECIDE.get(state, [Reply(customer=1001)]) + look


def test_a_stray_is_bound_with_one_tap() -> None:
    stray = UpstreamOrder(5, "ord_1", "nodemaven", "1GB", NOON)

    screen = cases.strays(EN, order_in(OrderState.REVIEW), (stray,))

    assert f"ord_1 · nodemaven 1GB · seen {AT}" in visible(screen)
    assert screen.rows[0] == (
        Button(EN("Bind {reference}", reference="ord_1"), Bind(order=42, upstream_order=5)),
    )


def test_a_bad_line_is_named_and_the_question_stays() -> None:
    screen = cases.hand_over(EN, OrderId(42), cases.bad_line(EN, 3))

    assert visible(screen).startswith("Line 3 could not be read. Nothing was delivered.")
    assert screen.asks == HandOver(order=42)


def test_money_is_given_back_only_after_asking_once_more() -> None:
    assert payloads(cases.give_back(EN, OrderId(42))) == [
        OwnerOrder(order=42),
        GiveBack(order=42, sure=True),
    ]


def test_a_refund_is_previewed() -> None:
    preview = RefundPreview(REQUEST, ORDER, ANN, "never worked")

    assert visible(cases.refund_preview(EN, preview)) == (
        "Refund order #42?\n\n"
        "NodeMaven 1 GB: 4.03 USD goes back to Ann (1001, @ann).\n"
        "Reason: never worked\n\n"
        "The proxy itself is not taken back.\n\n"
        "Nothing happens until you confirm, within ten minutes."
    )

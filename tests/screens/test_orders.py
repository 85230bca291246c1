"""The living screen of an order, what is delivered, and usage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.callbacks import MyOrders, ShowPlan
from bot.domain.orders import (
    OPEN,
    Line,
    OrderPage,
    OrderState,
)
from bot.domain.usage import Measured, Traffic
from bot.screens import orders
from bot.screens.base import Button, Screen
from tests.screens import (
    EN,
    NOON,
    NOON_HTML,
    ORDER,
    labels,
    line,
)

NONE_YET = OrderPage((), older=None)
READING = Measured(Traffic("620 MB", "380 MB", "1000 MB"), NOON)


def buttons(screen: Screen) -> list[Button]:
    return [button for row in screen.rows for button in row if isinstance(button, Button)]


def test_an_accepted_order_says_what_is_held() -> None:
    screen = orders.order(EN, line(OrderState.RESERVED, 1))

    assert screen.text == (
        "<b>Order #42 is accepted.</b> 4.20 USD is held.\n\n"
        "What you bought comes in a message of its own.\n\n"
        f"NodeMaven · 1 GB, 4.20 USD, {NOON_HTML}"
    )
    assert labels(screen) == [["🔄 Refresh"], ["⬅️ Back", "🏠 Home"]]


def test_an_order_in_line_says_its_place() -> None:
    screen = orders.order(EN, line(OrderState.RESERVED, 3))

    assert "You are number 3 in line." in screen.text


def test_after_a_while_in_line_it_can_be_cancelled() -> None:
    screen = orders.order(EN, line(OrderState.RESERVED, 3, can_cancel=True))

    assert "Taking longer than usual. Your money is held, not spent." in screen.text
    assert labels(screen)[0] == ["🔄 Refresh", "✖️ Cancel"]


@pytest.mark.parametrize(
    ("state", "said", "offered"),
    [
        (OrderState.PLACING, "Working on it.", ["🔄 Refresh"]),
        (
            OrderState.PREPARING,
            "Order #42 is being prepared by the provider.",
            ["🔄 Refresh", "🆘 Something is wrong"],
        ),
        (
            OrderState.IN_DOUBT,
            "The provider did not answer. We are checking. At most 15 minutes; "
            "then you get the proxy or your money back.",
            ["🔄 Refresh"],
        ),
        (
            OrderState.REVIEW,
            "<b>A person is checking your order #42.</b> Your money is held.",
            ["🔄 Refresh", "🆘 Something is wrong"],
        ),
        (
            OrderState.DELIVERED,
            "<b>Order #42 is delivered.</b>",
            [
                *("🔑 Show credentials", "🧩 Formats and files"),
                *("📊 Check usage", "🔁 Same again", "🆘 Something is wrong"),
            ],
        ),
        (
            OrderState.RELEASED,
            "Not charged: 4.20 USD is back in your balance. Reason: temporarily unavailable.",
            ["🔁 Same again"],
        ),
        (
            OrderState.REFUNDED,
            "<b>Order #42 was refunded.</b>\n\n4.20 USD is back in your balance.",
            ["🔁 Same again", "🆘 Something is wrong"],
        ),
    ],
)
def test_every_state_has_its_words_and_buttons(
    state: OrderState, said: str, offered: list[str]
) -> None:
    screen = orders.order(EN, line(state))

    assert said in screen.text
    assert [label for row in labels(screen)[:-1] for label in row] == offered


@pytest.mark.parametrize("state", [one for one in OrderState if one in OPEN])
def test_while_an_order_is_open_its_screen_says_that_money_is_held(state: OrderState) -> None:
    assert " is held" in orders.order(EN, line(state)).text


@pytest.mark.parametrize(
    "reason",
    ["cancelled", "unavailable", "price_rose", "plan_gone", "unpaid", "not_sent", "owner"],
)
def test_a_reason_is_put_into_words(reason: str) -> None:
    released = replace(ORDER, state=OrderState.RELEASED, reason=reason)

    text = orders.order(EN, Line(released, None, can_cancel=False)).text

    assert "Reason: " in text
    assert f"{reason}." not in text.replace("temporarily unavailable", "")


def test_buying_twice_in_a_moment_asks_whether_one_more_is_meant() -> None:
    screen = orders.order(EN, line(OrderState.RESERVED, 1), just_bought=True)

    assert screen.text.startswith(
        "<b>You ordered this plan a moment ago.</b> Nothing more was charged."
    )
    assert Button(EN("🔁 One more"), ShowPlan(plan=7, again=True)) in screen.rows[-2]


@pytest.mark.parametrize("state", OrderState)
def test_one_more_is_offered_once_and_in_place_of_same_again(state: OrderState) -> None:
    screen = orders.order(EN, line(state), just_bought=True)

    offered = [one.does for row in screen.rows for one in row if isinstance(one, Button)]
    assert offered.count(ShowPlan(plan=7, again=True)) == 1
    assert ShowPlan(plan=7, again=False) not in offered


def test_my_orders_name_provider_plan_and_state() -> None:
    waiting = replace(ORDER, state=OrderState.RESERVED)
    back = replace(ORDER, state=OrderState.RELEASED)
    screen = orders.my_orders(EN, OrderPage((waiting, ORDER, back), older=42), 0)

    assert screen.text == (
        "<b>My orders</b>\n\n"
        f"#42: waiting in line, 4.20 USD, {NOON_HTML}\n"
        f"#42: delivered, 4.20 USD, {NOON_HTML}\n"
        f"#42: not charged, 4.20 USD, {NOON_HTML}"
    )
    assert labels(screen) == [
        ["⏳ #42 · NodeMaven 1 GB"],
        ["✅ #42 · NodeMaven 1 GB"],
        ["↩️ #42 · NodeMaven 1 GB"],
        ["Older ▶️"],
        ["🔎 Find"],
        ["⬅️ Back"],
    ]
    assert Button(EN("Older ▶️"), MyOrders(before=42)) in screen.rows[-3]


def test_nothing_bought_yet_leads_to_the_plans() -> None:
    screen = orders.my_orders(EN, NONE_YET, 0)

    assert screen.text == "<b>No orders yet.</b>\n\nWhat you buy stands here."
    assert labels(screen) == [["🛒 Browse"], ["⬅️ Back"]]


def test_beyond_the_last_order_is_the_way_to_the_newest() -> None:
    screen = orders.my_orders(EN, NONE_YET, 1)

    assert screen.text == "<b>No older orders.</b>"
    assert labels(screen)[0] == ["⏮ Newest"]

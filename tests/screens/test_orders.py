"""The living screen of an order, what is delivered, and usage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.callbacks import CheckUsage, MyOrders, ShowPlan, TypeUsername
from bot.domain.orders import (
    OPEN,
    Line,
    OrderPage,
    OrderState,
)
from bot.domain.usage import AskBot, Measured, OrderUsage, Traffic, Unknowable, Unreachable
from bot.screens import orders
from bot.screens.base import Button, Link, Screen
from tests.screens import (
    CD_KEY,
    CHECKER,
    CODE_ORDER,
    EN,
    NODEMAVEN,
    NOON,
    NOON_HTML,
    ORDER,
    PROXYSELLER,
    STAT,
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
        ["⬅️ Back"],
    ]
    assert Button(EN("Older ▶️"), MyOrders(before=42)) in screen.rows[-2]


def test_nothing_bought_yet_leads_to_the_plans() -> None:
    screen = orders.my_orders(EN, NONE_YET, 0)

    assert screen.text == "<b>No orders yet.</b>\n\nWhat you buy stands here."
    assert labels(screen) == [["🛒 Browse"], ["⬅️ Back"]]


def test_beyond_the_last_order_is_the_way_to_the_newest() -> None:
    screen = orders.my_orders(EN, NONE_YET, 1)

    assert screen.text == "<b>No older orders.</b>"
    assert labels(screen)[0] == ["⏮ Newest"]


def test_measured_usage_is_a_bar_with_its_figures() -> None:
    screen = orders.usage(EN, OrderUsage(ORDER, READING, again_in=20))

    assert screen.text == (
        "<b>Usage of order #42</b>\nNodeMaven · 1 GB\n\n"
        "▰▰▰▰▰▰▱▱▱▱ 62 % used\n"
        "Used: 620 MB\nLeft: 380 MB\nTotal: 1000 MB\n"
        f"Checked: {NOON_HTML}\n\n"
        "It can be asked again in 20 seconds."
    )
    assert labels(screen) == [["🔄 Refresh"], ["⬅️ Back", "🏠 Home"]]


def test_figures_that_are_no_sizes_are_shown_without_a_bar() -> None:
    odd = Measured(Traffic("<b>lots</b>", None, "unlimited"), NOON)

    text = orders.usage(EN, OrderUsage(ORDER, odd, again_in=0)).text

    assert "▰" not in text
    assert "Used: &lt;b&gt;lots&lt;/b&gt;\nTotal: unlimited\n" in text
    assert "asked again" not in text


def test_an_answer_without_figures_says_so() -> None:
    text = orders.usage(
        EN, OrderUsage(ORDER, Measured(Traffic(None, None, None), NOON), again_in=0)
    ).text

    assert "The provider answered, but told no figures." in text


def test_proxyseller_usage_is_one_line_and_its_bot() -> None:
    bought = replace(ORDER, provider_name="ProxySeller")
    screen = orders.usage(EN, OrderUsage(bought, AskBot(CHECKER), again_in=0))

    assert screen.text.endswith("\n\nProxySeller shows usage in its own bot.")
    assert screen.rows[0] == (Link(EN("🤖 Open the checker bot"), CHECKER),)


def test_a_code_has_no_usage_check_but_steps_to_redeem_it() -> None:
    screen = orders.usage(EN, OrderUsage(CODE_ORDER, Unknowable(), again_in=0))

    assert "9Proxy CD Key: no usage check exists." in screen.text
    assert "2. Open Dashboard, then Share Code." in screen.text


def test_an_order_that_the_provider_does_not_know_says_so() -> None:
    screen = orders.usage(EN, OrderUsage(ORDER, Unknowable(), again_in=0))

    assert screen.text.endswith("NodeMaven tells no usage for this.")


def test_a_silent_provider_leaves_the_last_reading() -> None:
    screen = orders.usage(EN, OrderUsage(ORDER, Unreachable(READING), again_in=0))

    assert "The provider does not answer right now." in screen.text
    assert "The last reading:\n▰▰▰▰▰▰▱▱▱▱ 62 % used" in screen.text


def test_usage_can_be_picked_for_what_was_delivered() -> None:
    gone = replace(ORDER, state=OrderState.RELEASED)
    screen = orders.usage_menu(EN, OrderPage((ORDER, gone), older=None), 0)

    assert labels(screen) == [
        ["✅ #42 · NodeMaven 1 GB"],
        ["⌨️ Type a username"],
        ["⬅️ Back"],
    ]
    assert isinstance(screen.rows[0][0], Button)
    assert screen.rows[0][0].does == CheckUsage(order=42)


def test_without_deliveries_a_username_can_still_be_typed() -> None:
    screen = orders.usage_menu(EN, NONE_YET, 0)

    assert "No delivered orders here." in screen.text
    assert labels(screen)[0] == ["⌨️ Type a username"]


def test_only_providers_that_tell_are_asked_by_username() -> None:
    screen = orders.usage_providers(EN, (NODEMAVEN, PROXYSELLER, CD_KEY, STAT), 0)

    assert "ProxySeller shows usage in its own bot." in screen.text
    assert "9Proxy CD Key: no usage check exists. Redeem the code at 9proxy.com" in screen.text
    assert "Stat Proxies: no usage check exists." in screen.text
    assert labels(screen) == [
        ["NodeMaven"],
        ["🤖 ProxySeller checker"],
        ["⬅️ Back", "🏠 Home"],
    ]
    assert screen.rows[1] == (Link(EN("🤖 {provider} checker", provider="ProxySeller"), CHECKER),)


def test_a_username_is_asked_for_and_asked_again() -> None:
    first = orders.type_username(EN, NODEMAVEN)
    second = orders.type_username(EN, NODEMAVEN, is_refused=True)

    assert first.asks == second.asks == TypeUsername(provider=4)
    assert second.text.startswith("<b>This does not look like a username.</b>")


def test_usage_of_a_typed_username_shows_that_username() -> None:
    screen = orders.username_usage(EN, NODEMAVEN, "anna<b>", READING)

    assert screen.text.startswith(
        "<b>Usage, NodeMaven</b>\n<code>anna&lt;b&gt;</code>\n\n▰▰▰▰▰▰▱▱▱▱ 62 % used"
    )
    assert labels(screen) == [["⌨️ Another username"], ["⬅️ Back", "🏠 Home"]]

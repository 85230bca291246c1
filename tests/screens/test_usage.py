"""Usage as people read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.callbacks import CheckUsage, TypeUsername
from bot.domain.orders import (
    OrderPage,
    OrderState,
)
from bot.domain.usage import (
    AlertChoice,
    AskBot,
    Measured,
    OrderUsage,
    Traffic,
    Unknowable,
    Unreachable,
)
from bot.screens import usage
from bot.screens.base import Button, Link
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
)

NONE_YET = OrderPage((), older=None)
READING = Measured(Traffic("620 MB", "380 MB", "1000 MB"), NOON)


def test_measured_usage_is_a_bar_with_its_figures() -> None:
    screen = usage.usage(EN, OrderUsage(ORDER, READING, again_in=20))

    assert screen.text == (
        "<b>Usage of order #42</b>\nNodeMaven · 1 GB\n\n"
        "▰▰▰▰▰▰▱▱▱▱ 62 % used\n"
        "Used: 620 MB\nLeft: 380 MB\nTotal: 1000 MB\n"
        f"Checked: {NOON_HTML}\n\n"
        "It can be asked again in 20 seconds."
    )
    assert labels(screen) == [["🔄 Refresh"], ["⬅️ Back", "🏠 Home"]]


def at(hours: int, used: str) -> Measured:
    return Measured(Traffic(used, None, "1000 MB"), NOON + timedelta(hours=hours))


def test_a_course_tells_pace_what_is_left_and_what_was_read_before() -> None:
    readings = (at(24, "400 MB"), at(12, "100 MB"), at(11, "100 MB"))
    text = usage.usage(EN, OrderUsage(ORDER, readings[0], 0, readings, 75)).body.plain()

    assert text.endswith(
        "Pace: about 400 MB a day\n"
        "About 36 hours left at this pace\n"
        "The figures are the provider's; bar and pace are our reading of them.\n\n"
        "Before:\n23 Nov 2026, 00:00 UTC: 100 MB, 10 %"
    )


def test_an_alert_can_be_set_where_a_share_is_told_and_only_there() -> None:
    odd = Measured(Traffic("lots", None, None), NOON)
    with_share = usage.usage(EN, OrderUsage(ORDER, READING, 0, (READING,)))
    without = usage.usage(EN, OrderUsage(ORDER, odd, 0, (odd,)))
    chosen = usage.usage(EN, OrderUsage(ORDER, READING, 0, (READING,), 75))

    assert labels(with_share)[0] == ["🔄 Refresh", "🔔 Alert"]
    assert labels(without)[0] == ["🔄 Refresh"]
    assert labels(chosen)[0] == ["🔄 Refresh", "🔔 At 75 %"]


@pytest.mark.parametrize(
    ("hours", "used", "words"),
    [
        (24, "1 MB", "More than a year left at this pace"),
        (24, "100 MB", "About 9 days left at this pace"),
        (24, "500 MB", "About 24 hours left at this pace"),
        (24, "990 MB", "Less than an hour left at this pace"),
        (24, "1000 MB", "Nothing is left."),
    ],
)
def test_what_is_left_is_told_in_the_unit_that_fits(hours: int, used: str, words: str) -> None:
    text = usage.alerted(EN, ORDER, 50, (at(hours, used),)).body.plain()

    assert f"\n{words}\n" in text


def test_an_alert_is_chosen_by_buttons_and_taken_back() -> None:
    none, some = (usage.alert(EN, AlertChoice(ORDER, percent)) for percent in (None, 75))

    assert labels(none) == [["50 %", "75 %"], ["90 %", "95 %"], ["⬅️ Back", "🏠 Home"]]
    assert labels(some)[:3] == [["50 %", "🔔 75 %"], ["90 %", "95 %"], ["🔕 No alert"]]


def test_figures_that_are_no_sizes_are_shown_without_a_bar() -> None:
    odd = Measured(Traffic("<b>lots</b>", None, "unlimited"), NOON)

    text = usage.usage(EN, OrderUsage(ORDER, odd, again_in=0)).text

    assert "▰" not in text
    assert "Used: &lt;b&gt;lots&lt;/b&gt;\nTotal: unlimited\n" in text
    assert "asked again" not in text


def test_an_answer_without_figures_says_so() -> None:
    text = usage.usage(
        EN, OrderUsage(ORDER, Measured(Traffic(None, None, None), NOON), again_in=0)
    ).text

    assert "The provider answered, but told no figures." in text


def test_proxyseller_usage_is_one_line_and_its_bot() -> None:
    bought = replace(ORDER, provider_name="ProxySeller")
    screen = usage.usage(EN, OrderUsage(bought, AskBot(CHECKER), again_in=0))

    assert screen.text.endswith("\n\nProxySeller shows usage in its own bot.")
    assert screen.rows[0] == (Link(EN("🤖 Open the checker bot"), CHECKER),)


def test_a_code_has_no_usage_check_but_steps_to_redeem_it() -> None:
    screen = usage.usage(EN, OrderUsage(CODE_ORDER, Unknowable(), again_in=0))

    assert "9Proxy CD Key: no usage check exists." in screen.text
    assert "2. Open Dashboard, then Share Code." in screen.text


def test_an_order_that_the_provider_does_not_know_says_so() -> None:
    screen = usage.usage(EN, OrderUsage(ORDER, Unknowable(), again_in=0))

    assert screen.text.endswith("NodeMaven tells no usage for this.")


def test_a_silent_provider_leaves_the_last_reading() -> None:
    screen = usage.usage(EN, OrderUsage(ORDER, Unreachable(READING), again_in=0))

    assert "The provider does not answer right now." in screen.text
    assert "The last reading:\n▰▰▰▰▰▰▱▱▱▱ 62 % used" in screen.text


def test_usage_can_be_picked_for_what_was_delivered() -> None:
    gone = replace(ORDER, state=OrderState.RELEASED)
    screen = usage.usage_menu(EN, OrderPage((ORDER, gone), older=None), 0)

    assert labels(screen) == [
        ["✅ #42 · NodeMaven 1 GB"],
        ["⌨️ Type a username"],
        ["⬅️ Back"],
    ]
    assert isinstance(screen.rows[0][0], Button)
    assert screen.rows[0][0].does == CheckUsage(order=42)


def test_without_deliveries_a_username_can_still_be_typed() -> None:
    screen = usage.usage_menu(EN, NONE_YET, 0)

    assert "No delivered orders here." in screen.text
    assert labels(screen)[0] == ["⌨️ Type a username"]


def test_only_providers_that_tell_are_asked_by_username() -> None:
    screen = usage.usage_providers(EN, (NODEMAVEN, PROXYSELLER, CD_KEY, STAT), 0)

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
    first = usage.type_username(EN, NODEMAVEN)
    second = usage.type_username(EN, NODEMAVEN, is_refused=True)

    assert first.asks == second.asks == TypeUsername(provider=4)
    assert second.text.startswith("<b>This does not look like a username.</b>")


def test_usage_of_a_typed_username_shows_that_username() -> None:
    screen = usage.username_usage(EN, NODEMAVEN, "anna<b>", READING)

    assert screen.text.startswith(
        "<b>Usage, NodeMaven</b>\n<code>anna&lt;b&gt;</code>\n\n▰▰▰▰▰▰▱▱▱▱ 62 % used"
    )
    assert labels(screen) == [["⌨️ Another username"], ["⬅️ Back", "🏠 Home"]]

"""Every outcome that is raised on purpose has its own words."""

from __future__ import annotations

import pytest

from bot.domain.catalog import PlanId
from bot.domain.errors import (
    BadAmount,
    BadCredentials,
    BadMarkup,
    BadQuantity,
    BlockedCustomer,
    CostHolds,
    CostMoved,
    CustomerError,
    DeliveredBefore,
    InsufficientFunds,
    JustBought,
    NotFound,
    NoUsage,
    OfferGone,
    OverDebit,
    PlanChanged,
    PriceChanged,
    RuleHolds,
    ShopClosed,
    TooLate,
    TooManyOrders,
    TooSoon,
    WrongCount,
)
from bot.domain.money import usd
from bot.domain.orders import OrderId
from bot.screens import problems
from bot.screens.base import Link
from tests.screens import EN, HOSTILE, labels

EVERY: tuple[CustomerError, ...] = (
    BadAmount("1e3"),
    BadMarkup("a lot"),
    RuleHolds("NodeMaven", None),
    CostHolds("ISP", usd("2")),
    CostMoved("ISP", usd("2.40")),
    BadCredentials(3),
    DeliveredBefore(OrderId(12)),
    WrongCount(2, 3),
    BadQuantity(PlanId(7), 100),
    InsufficientFunds(PlanId(7), usd("4.20"), usd("1.20")),
    OverDebit(usd("1.20")),
    PriceChanged(PlanId(7), usd("4.20")),
    PlanChanged(PlanId(7)),
    OfferGone(),
    ShopClosed(),
    TooManyOrders(),
    JustBought(OrderId(42)),
    NotFound(),
    TooLate(),
    TooSoon(12),
    NoUsage(),
    BlockedCustomer(),
)


def test_every_outcome_is_in_the_table() -> None:
    assert {type(error) for error in EVERY} == set(CustomerError.__subclasses__())


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_every_outcome_has_words_of_its_own(error: CustomerError) -> None:
    screen = problems.problem(EN, error)

    assert screen.text != problems.internal(EN).text
    assert labels(screen)[-1] == ["🏠 Home"]


def test_an_outcome_without_words_is_answered_calmly() -> None:
    assert problems.problem(EN, CustomerError()).text == problems.internal(EN).text


def test_what_is_missing_is_told() -> None:
    text = problems.problem(EN, InsufficientFunds(PlanId(7), usd("4.20"), usd("1.20"))).text

    assert text == (
        "<b>Your balance does not cover this.</b> Nothing was charged.\n\n"
        "Price: 4.20 USD\nBalance: 1.20 USD\nMissing: 3.00 USD"
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1e3", "<b>This cannot be read:</b> 1e3"),
        ("", "<b>Nothing was typed.</b>"),
        (HOSTILE, "<b>This cannot be read:</b> &lt;b&gt;&lt;/b&gt;&amp;lt;{0}%s"),
        ("9" * 4096, "<b>This cannot be read:</b> " + "9" * 59 + "…\n"),
    ],
)
def test_a_wrong_amount_comes_back_with_a_hint(typed: str, said: str) -> None:
    text = problems.problem(EN, BadAmount(typed)).text

    assert text.startswith(said)
    assert text.endswith("Type an amount from 0.01 to 1000000, such as 10, 10.5 or 10,50.")


def test_a_pause_is_told_in_seconds() -> None:
    assert "in 12 seconds." in problems.problem(EN, TooSoon(12)).text
    assert "in 1 second." in problems.problem(EN, TooSoon(1)).text


def test_when_we_break_the_money_is_said_to_be_safe() -> None:
    screen = problems.internal(EN)

    assert "Your money is safe" in screen.text
    assert labels(screen) == [["🧾 My orders", "💰 Balance"], ["🏠 Home"]]


def test_a_group_is_shown_the_private_chat() -> None:
    screen = problems.group(EN, "shop_bot")

    assert screen.rows == ((Link(EN("Open the shop"), "https://t.me/shop_bot"),),)

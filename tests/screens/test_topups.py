"""Top-ups and debits: exact words, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.callbacks import Confirm, Drop, TopUpFor
from bot.domain.money import usd
from bot.domain.requests import TopUp, TopUpPreview
from bot.screens import topups
from bot.screens.base import Button, Style
from tests.screens.owner_samples import (
    ANN,
    AT,
    EN,
    NOON,
    PREVIEW,
    REQUEST,
    TOP_UP,
    labels,
    visible,
)


def test_a_top_up_shows_the_balance_before_and_after() -> None:
    screen = topups.top_up(EN, PREVIEW)

    assert visible(screen) == (
        "Top up Ann (1001, @ann) by 10.00 USD?\n\n"
        "Balance: 3.00 USD → 13.00 USD\n"
        "Note: thanks\n\n"
        "Nothing happens until you confirm, within ten minutes."
    )
    assert screen.rows == (
        (
            Button(EN("Drop"), Drop(request=9)),
            Button(EN("Confirm"), Confirm(request=9), Style.SUCCESS),
        ),
    )


def test_a_repeated_top_up_is_pointed_out() -> None:
    screen = topups.top_up(EN, replace(PREVIEW, repeats=NOON))

    assert f"Careful: the same was done already at {AT}." in visible(screen)


def test_a_debit_is_called_one() -> None:
    asked = TopUp(ANN.id, usd("3"), "paid twice", is_debit=True)

    preview = topups.top_up(EN, TopUpPreview(REQUEST, asked, ANN, usd("3"), usd("0"), None))
    done = topups.topped_up(EN, asked, ANN, usd("0"))

    assert visible(preview).startswith(
        "Take 3.00 USD from Ann (1001, @ann)?\n\nBalance: 3.00 USD → 0.00 USD\nReason: paid twice"
    )
    assert visible(done) == (
        "Done. 3.00 USD was taken from Ann (1001, @ann).\n"
        "Balance: 0.00 USD\n"
        "Reason: paid twice\n\n"
        "The customer and the other owners are told."
    )


def test_a_finished_top_up_says_who_got_what() -> None:
    screen = topups.topped_up(EN, TOP_UP, ANN, usd("13"))

    assert visible(screen).startswith(
        "Done. Ann (1001, @ann) got 10.00 USD.\nBalance: 13.00 USD\nNote: thanks"
    )
    assert labels(screen) == [["Top up"], ["🛠 Shop", "🏠 Home"]]


@pytest.mark.parametrize("typed", ["-5", "−5", "–5"])  # noqa: RUF001
def test_a_negative_top_up_is_answered_with_a_word_about_debit(typed: str) -> None:
    assert "/debit" in topups.not_an_amount(EN, typed).plain()
    assert topups.not_a_debit(EN, typed).plain() == "Write the amount without a minus."


def test_a_refused_amount_comes_with_a_hint_and_the_question_stays() -> None:
    screen = topups.ask_amount(EN, ANN, topups.not_an_amount(EN, "1e3"))

    assert visible(screen).startswith("“1e3” is not an amount. Write it like 10 or 10.50")
    assert screen.asks == TopUpFor(customer=1001)


def test_topup_alone_offers_telegrams_own_list() -> None:
    screen = topups.pick_person(EN)

    assert screen.picks_person is not None
    assert screen.picks_person.plain() == "Pick a person"

"""The balance and its statement."""

from __future__ import annotations

import pytest

from bot.domain.money import usd
from bot.domain.orders import OrderId
from bot.domain.wallets import Balance, Posting, PostingKind, Statement
from bot.screens import wallet
from tests.screens import EN, HOSTILE, NOON, NOON_HTML, labels

MONEY = Balance(available=usd("5.80"), held=usd("4.20"))


def posting(kind: PostingKind, change: str, reason: str = "") -> Posting:
    order = OrderId(42) if kind not in {PostingKind.TOPUP, PostingKind.DEBIT} else None
    return Posting(1, kind, "world", "customer:100", usd(change), order, reason, "owner:1", NOON)


def test_available_and_held_money_stand_apart() -> None:
    screen = wallet.balance(EN, Statement(MONEY, (), None), 0, None)

    assert screen.text == (
        "<b>Balance</b>\n"
        "Available: <b>5.80 USD</b>\n"
        "Held for open orders: 4.20 USD\n\n"
        "No money has moved yet.\n\n"
        "To top up, write to the owner."
    )
    assert labels(screen) == [["💬 Write to the owner"], ["⬅️ Back"]]


@pytest.mark.parametrize(
    ("kind", "change", "reason", "said"),
    [
        (PostingKind.TOPUP, "10", "by card", "+10.00 USD topped up: by card, "),
        (PostingKind.TOPUP, "10", "topup", "+10.00 USD topped up, "),
        (PostingKind.DEBIT, "-3", "mistake", "-3.00 USD taken off: mistake, "),
        (PostingKind.HOLD, "-4.20", "hold", "-4.20 USD for order #42, "),
        (PostingKind.RELEASE, "4.20", "unpaid", "+4.20 USD given back, order #42, "),
        (PostingKind.REFUND, "4.20", "x", "+4.20 USD refunded, order #42, "),
    ],
)
def test_a_posting_is_put_into_words(
    kind: PostingKind, change: str, reason: str, said: str
) -> None:
    statement = Statement(MONEY, (posting(kind, change, reason),), None)

    text = wallet.balance(EN, statement, 0, None).text

    assert f"<blockquote>{said}{NOON_HTML}</blockquote>" in text


def test_a_note_is_only_words() -> None:
    noted = posting(PostingKind.TOPUP, "10", HOSTILE * 10)

    text = wallet.balance(EN, Statement(MONEY, (noted,), None), 0, None).text

    assert "topped up: &lt;b&gt;&lt;/b&gt;&amp;lt;{0}%s" in text


def test_a_long_statement_is_turned_page_by_page() -> None:
    row = posting(PostingKind.TOPUP, "1")

    newest = wallet.balance(EN, Statement(MONEY, (row,), older=9), 0, None)
    older = wallet.balance(EN, Statement(MONEY, (row,), older=3), 9, None)
    beyond = wallet.balance(EN, Statement(MONEY, (), older=None), 3, None)

    assert labels(newest)[0] == ["Older ▶️"]
    assert labels(older)[0] == ["⏮ Newest", "Older ▶️"]
    assert labels(beyond)[0] == ["⏮ Newest"]
    assert "Nothing older." in beyond.text

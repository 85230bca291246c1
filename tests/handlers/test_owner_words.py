"""What owners type: amounts, people and order numbers, read strictly or refused."""

from __future__ import annotations

from typing import Final, get_args

import pytest

from bot.domain.errors import BadAmount
from bot.domain.money import Money, usd
from bot.domain.orders import OrderId
from bot.handlers import OWNERS
from bot.handlers.cases import read_order_number
from bot.handlers.customers import Asked, is_target, read_target
from bot.handlers.routes import Role, Route, Said
from bot.handlers.topups import read_amount
from tests.hostile import AMOUNTS

# What only spaces surround is read, for spaces part the words.
REFUSED: Final = [*AMOUNTS, "", "\t10", "10\r", "1 000 000"]
ACCEPTED: Final = {
    "1": usd("1"),
    "10": usd("10"),
    "10.5": usd("10.50"),
    "10,50": usd("10.50"),
    "10.50": usd("10.50"),
    "0.01": usd("0.01"),
    "1000000": usd("1000000"),
    " 10 ": usd("10"),
}
# List B, as far as no database is needed to refuse it.
NOBODY: Final = [
    "0", "-1", "-1001234567890", "1.0", "1e9", "٣", "007", "+7", "12345678901234567", "", "@",
    "@@ann", "ann smith", "ann-b", "@1ann", "a" * 33, "' OR 1=1--", "\u202eann", "аnn",  # noqa: RUF001
]  # fmt: skip


def named(words: str) -> str:
    return f"{ascii(words)[:24]} x{len(words)}"


@pytest.mark.parametrize("typed", REFUSED, ids=named)
def test_what_is_no_amount_is_refused_typed_alone(typed: str) -> None:
    with pytest.raises(BadAmount):
        read_amount(typed)


@pytest.mark.parametrize("typed", REFUSED, ids=named)
@pytest.mark.parametrize("note", ["", " thanks"], ids=["bare", "noted"])
def test_what_is_no_amount_is_refused_in_a_command(typed: str, note: str) -> None:
    asked = read_target(f"@ann {typed}{note}", is_answer=False)

    assert asked.target == "@ann"
    with pytest.raises(BadAmount):
        read_amount(asked.rest)


@pytest.mark.parametrize(("typed", "amount"), ACCEPTED.items(), ids=str)
def test_an_amount_is_read_alone_and_in_a_command(typed: str, amount: Money) -> None:
    assert read_amount(typed) == (amount, "")
    assert read_amount(f"{typed.strip()} for March") == (amount, "for March")
    assert read_amount(read_target(f"1001 {typed}", is_answer=False).rest) == (amount, "")


def test_a_note_may_stand_on_a_line_of_its_own() -> None:
    assert read_amount("10\nthanks for\nthe help") == (usd("10"), "thanks for\nthe help")


def test_a_note_without_a_visible_letter_is_none() -> None:
    assert read_amount("10 \u200b\u3164") == (usd("10"), "")


@pytest.mark.parametrize("words", ["10 000", "10 2 months", "1 000.50", "5 \u0660\u0660"])
def test_a_note_that_could_be_the_rest_of_the_amount_is_refused(words: str) -> None:
    with pytest.raises(BadAmount) as refused:
        read_amount(words)

    assert refused.value.typed == words


@pytest.mark.parametrize("word", NOBODY, ids=named)
def test_what_names_nobody_is_not_looked_up(word: str) -> None:
    assert not is_target(word)


@pytest.mark.parametrize(
    "word",
    [
        "1", "777000", "136817688", "1087968824", str(2**31), str(2**52 - 1), str(2**52),
        str(2**53), "@name", "name", "@Ann_Lee9", "a" * 32,
    ],
)  # fmt: skip
def test_ids_and_names_are_looked_up(word: str) -> None:
    assert is_target(word)


def test_an_id_beyond_the_database_is_nobody() -> None:
    assert not is_target(str(2**63))


@pytest.mark.parametrize(
    ("words", "is_answer", "asked"),
    [
        ("", False, Asked(None, "")),
        ("@ann", False, Asked("@ann", "")),
        ("@ann 10 thanks", False, Asked("@ann", "10 thanks")),
        ("1001  10", False, Asked("1001", "10")),
        ("", True, Asked(None, "")),
        ("10 thanks", True, Asked(None, "10 thanks")),
        ("1001 10", True, Asked(None, "1001 10")),
    ],
)
def test_an_answer_to_a_forwarded_message_names_nobody(
    words: str, is_answer: bool, asked: Asked
) -> None:
    assert read_target(words, is_answer=is_answer) == asked


def test_a_person_named_in_an_answer_is_not_taken_for_an_amount() -> None:
    with pytest.raises(BadAmount):
        read_amount(read_target("1001 10", is_answer=True).rest)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("42", OrderId(42)),
        ("#42", OrderId(42)),
        ("№42", OrderId(42)),
        ("", None),
        ("0", None),
        ("-1", None),
        ("042", None),
        ("4 2", None),
        ("٤٢", None),
        ("9" * 16, None),
        ("ord_9x1a8f", None),
    ],
)
def test_an_order_is_named_by_its_number(words: str, number: OrderId | None) -> None:
    assert read_order_number(words) == number


def test_every_route_asks_for_an_owner() -> None:
    assert {route.role for route in OWNERS} == {Role.OWNER}
    assert {type(route) for route in OWNERS} == set(get_args(Route))


def test_the_owners_commands() -> None:
    assert [route.command for route in OWNERS if isinstance(route, Said)] == [
        "topup", "debit", "markup", "plans", "shop", "order", "block", "unblock",
    ]  # fmt: skip

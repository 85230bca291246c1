"""Money and the amounts that people type."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadAmount
from bot.domain.money import CENT, MICROS, MOST_MICROS, Money, parse_amount, usd
from tests.hostile import AMOUNTS

REFUSED = [*AMOUNTS, "", " 10 ", "10\n"]

ACCEPTED = {
    "1": 1_000_000,
    "10": 10_000_000,
    "10.5": 10_500_000,
    "10,5": 10_500_000,
    "10.50": 10_500_000,
    "10,50": 10_500_000,
    "0.01": 10_000,
    "0,01": 10_000,
    "0.1": 100_000,
    "999999.99": 999_999_990_000,
    "1000000": 1_000_000_000_000,
    "1000000.00": 1_000_000_000_000,
}


@pytest.mark.parametrize("typed", REFUSED, ids=lambda typed: ascii(typed)[:30])
def test_what_is_not_plainly_an_amount_is_refused(typed: str) -> None:
    with pytest.raises(BadAmount) as refused:
        parse_amount(typed)

    assert refused.value.typed == typed


@pytest.mark.parametrize(("typed", "micros"), ACCEPTED.items())
def test_an_amount_is_read_to_the_cent(typed: str, micros: int) -> None:
    assert parse_amount(typed) == Money(micros, "USD")


@given(st.text())
def test_no_text_breaks_the_parser(typed: str) -> None:
    try:
        amount = parse_amount(typed)
    except BadAmount:
        return
    assert CENT <= amount.micros <= MOST_MICROS
    assert amount.micros % CENT == 0


@given(st.integers(1, 100_000_000))
def test_every_amount_of_cents_is_read_back(cents: int) -> None:
    amount = Money(cents * CENT)

    assert parse_amount(str(amount).removesuffix(" USD")) == amount


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("3.50", 3_500_000),
        ("0.000001", 1),
        ("-2.5", -2_500_000),
        ("1E+2", 100_000_000),
        ("0.4500000000000000", 450_000),
        (7, 7_000_000),
        (Decimal("27.52"), 27_520_000),
        (Decimal(0), 0),
    ],
)
def test_an_upstream_amount_is_exact(written: str | int | Decimal, micros: int) -> None:
    assert Money.parse(written, "USDT") == Money(micros, "USDT")


@pytest.mark.parametrize(
    "written",
    ["", "ten", "NaN", "sNaN", "Infinity", "-Infinity", "1E+1000000", "1E+13", Decimal("-1E+13")],
    ids=str,
)
def test_what_is_not_a_number_of_a_believable_size_is_refused(written: str | Decimal) -> None:
    with pytest.raises(ValueError, match="not a"):
        Money.parse(written)


@pytest.mark.parametrize(
    "written",
    ["0.0000001", "1E-7", "1E-1000000", "1E-9999999", "0.4500000000000000000000000000000000001"],
)
def test_an_amount_finer_than_a_micro_unit_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="finer than one micro-unit"):
        Money.parse(written)


def test_money_adds_subtracts_and_multiplies() -> None:
    assert usd("1.10") + usd("2.20") == usd("3.30")
    assert usd("1.10") - usd("2.20") == usd("-1.10")
    assert usd("1.10") * 3 == usd("3.30")


def test_money_compares() -> None:
    assert usd("1.10") < usd("1.11")
    assert usd("1.11") >= usd("1.11")
    assert max(usd("5"), usd("7")) == usd("7")


def test_currencies_do_not_mix() -> None:
    dollars, tethers = Money(MICROS), Money(MICROS, "USDT")

    with pytest.raises(ValueError, match="do not mix"):
        _ = dollars + tethers
    with pytest.raises(ValueError, match="do not mix"):
        _ = dollars - tethers
    with pytest.raises(ValueError, match="do not mix"):
        _ = dollars < tethers
    assert dollars != tethers


@pytest.mark.parametrize(
    ("micros", "rounded"),
    [(1, 10_000), (10_000, 10_000), (10_001, 20_000), (0, 0), (-1, 0), (-10_001, -10_000)],
)
def test_rounding_goes_up_to_the_cent(micros: int, rounded: int) -> None:
    assert Money(micros).rounded_up() == Money(rounded)


@pytest.mark.parametrize(
    ("micros", "printed"),
    [
        (4_200_000, "4.20 USD"),
        (450_000, "0.45 USD"),
        (1, "0.000001 USD"),
        (1_234_567, "1.234567 USD"),
        (100_000_000, "100.00 USD"),
        (1_000_000_000_000, "1000000.00 USD"),
        (0, "0.00 USD"),
        (-1_500_000, "-1.50 USD"),
    ],
)
def test_money_prints_at_least_two_decimals_and_never_rounds(micros: int, printed: str) -> None:
    assert str(Money(micros)) == printed


@given(st.integers(-MOST_MICROS, MOST_MICROS))
def test_what_is_printed_reads_back(micros: int) -> None:
    assert usd(str(Money(micros)).removesuffix(" USD")) == Money(micros)

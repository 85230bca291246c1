"""Money: whole micro-units of one currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import total_ordering

from bot.domain.errors import BadAmount

MICROS = 1_000_000
CENT = 10_000
BOOKS = "USD"
"""The currency of wallets, postings and orders."""

# Larger figures are a mistake or an attack; they also keep sums far from 2**63.
MOST_MICROS = 1_000_000_000_000

# Decimal rounds silently to 28 digits; here that is an error.
_EXACT = Context(prec=28, traps=[Inexact])

_AMOUNT = re.compile(r"(?P<whole>0|[1-9][0-9]{0,6})(?:[.,](?P<cents>[0-9]{1,2}))?", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `micros` millionths of one `currency` unit.

    Amounts of different currencies neither add nor compare (`ValueError`).
    """

    micros: int
    currency: str = BOOKS

    @classmethod
    def parse(cls, text: str | int | Decimal, currency: str = BOOKS) -> Money:
        """Read an amount as an upstream wrote it.

        Raises `ValueError` for what is not a finite number or is finer than one micro-unit.
        Amounts typed by people pass `parse_amount` instead.
        """
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError("not a number") from None
        # The bound comes before the multiplication: 1E+1000000 would otherwise be computed.
        if not number.is_finite() or number.copy_abs() > MOST_MICROS:
            raise ValueError("not a finite number of a believable size")
        try:
            micros = _EXACT.multiply(number, Decimal(MICROS))
        except Inexact:
            raise ValueError("finer than one micro-unit") from None
        if micros != micros.to_integral_value():
            raise ValueError("finer than one micro-unit")
        return cls(int(micros), currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.micros + self._like(other).micros, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.micros - self._like(other).micros, self.currency)

    def __mul__(self, pieces: int) -> Money:
        return Money(self.micros * pieces, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.micros < self._like(other).micros

    def rounded_up(self) -> Money:
        """The same amount, or the next whole cent above it."""
        return Money(-(-self.micros // CENT) * CENT, self.currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in whole units, for printing."""
        return Decimal(self.micros) / MICROS

    def __str__(self) -> str:
        return f"{plain(self.decimal)} {self.currency}"

    def _like(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other


def plain(number: Decimal) -> str:
    """At least two decimals, and as many as it takes to be exact."""
    whole, _, fraction = f"{number:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def usd(text: str) -> Money:
    """An amount in the currency of the books: `usd("4.03")`."""
    return Money.parse(text)


def parse_amount(text: str) -> Money:
    """Read an amount that a person typed: `10`, `10.5`, `10,50`; 0.01 to 1,000,000 USD.

    Everything else raises `BadAmount`, also what Python would take for a number
    (`1e3`, `1_000`, full-width digits).
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise BadAmount(text)
    cents = (found["cents"] or "").ljust(2, "0")
    micros = int(found["whole"]) * MICROS + int(cents) * CENT
    if not CENT <= micros <= MOST_MICROS:
        raise BadAmount(text)
    return Money(micros)

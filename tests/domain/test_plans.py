"""How plans that owners price are named, and what they may cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.catalog import PlanId
from bot.domain.errors import BadAmount
from bot.domain.money import usd
from bot.domain.plans import PlanLine, named, named_first, parse_cost, parse_title, parse_whole
from tests.hostile import TEXTS
from tests.screens.owner_samples import ISP, LINE


def line(number: int, code: str, title: str) -> PlanLine:
    return replace(LINE, plan=replace(ISP, id=PlanId(number), code=code, title=title))


CAPTCHA = line(1, "captcha", "ISP for captchas")
LARGE = line(2, "Captcha", "ISP, large")
X1 = line(3, "x1", "ISP")
X2 = line(4, "x2", "isp")
TEN = line(5, "10", "Ten 5")
THIRTY = line(6, "m", "30 days")
AFTER_A_CODE = line(7, "y", "x1 30")
LINES = (CAPTCHA, LARGE, X1, X2, TEN, THIRTY, AFTER_A_CODE)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("captcha", CAPTCHA),
        ("Captcha", LARGE),
        ("CAPTCHA", None),
        ("x1", X1),
        ("X1", X1),
        ("ISP FOR captchas", CAPTCHA),
        ('"ISP, large"', LARGE),
        ("«ISP, large»", LARGE),
        ("„ISP, large“", LARGE),
        (" x2 ", X2),
        ("ISP", None),
        ("ISP for", None),
        ("", None),
        ('""', None),
    ],
)
def test_a_plan_is_named_by_its_code_or_its_title(words: str, found: PlanLine | None) -> None:
    assert named(LINES, words) == found


@pytest.mark.parametrize(
    ("words", "found", "rest"),
    [
        ("captcha 2.50", CAPTCHA, "2.50"),
        ("captcha", CAPTCHA, ""),
        ("captcha  2.50", CAPTCHA, "2.50"),
        ("ISP for captchas 2.50", CAPTCHA, "2.50"),
        ("captcha 1 000", CAPTCHA, "1 000"),
        ("10 5", TEN, "5"),
        ("Ten 5 5", TEN, "5"),
        ("2.50 captcha", None, "2.50 captcha"),
        ("captcha ISP for captchas", CAPTCHA, "ISP for captchas"),
        ("x1 30 5", X1, "30 5"),
        ("30 days 5", THIRTY, "5"),
        ("", None, ""),
    ],
)
def test_the_longest_name_in_front_is_the_plan(
    words: str, found: PlanLine | None, rest: str
) -> None:
    assert named_first(LINES, words) == (found, rest)


def test_hostile_words_name_no_plan() -> None:
    lines = (CAPTCHA, X1)

    for words in TEXTS:
        assert named(lines, words) is None, ascii(words[:30])
        assert named_first(lines, words)[0] is None, ascii(words[:30])


@pytest.mark.parametrize(
    ("typed", "cost"), [("2", "2"), ("2.5", "2.5"), ("0,01", "0.01"), ("1000", "1000")]
)
def test_a_cost_is_an_amount(typed: str, cost: str) -> None:
    assert parse_cost(typed) == usd(cost)


@pytest.mark.parametrize("typed", ["", "0", "1000.01", "1000000", "1e2", "-1", "2 ", "\u0662"])
def test_what_no_piece_costs_is_refused(typed: str) -> None:
    with pytest.raises(BadAmount):
        parse_cost(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1", 1), ("30", 30), ("366", 366), ("367", None), ("0", None), ("007", None),
        ("", None), (" 7", None), ("7 ", None), ("+7", None), ("7.0", None), ("1e2", None),
        ("none", None), ("-", None), ("\u0667", None), ("9" * 4000, None),
    ],
)  # fmt: skip
def test_a_whole_number_is_digits_alone(typed: str, number: int | None) -> None:
    assert parse_whole(typed, 366) == number


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("ISP", "ISP"), ("  ISP  for all ", "ISP  for all"), ("T" * 64, "T" * 64),
        ("T" * 65, None), ("", None), ("   ", None), ("two\nlines", None), ("\u202eevil", None),
        ("\ud800", None), ("<b>ISP & co</b>", "<b>ISP & co</b>"), ("ИСП 🚀", "ИСП 🚀"),
    ],
)  # fmt: skip
def test_a_title_is_one_line_that_can_be_shown(typed: str, title: str | None) -> None:
    assert parse_title(typed) == title

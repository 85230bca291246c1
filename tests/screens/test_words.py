"""Words that screens share, cut to fit."""

from __future__ import annotations

import pytest

from bot.screens.words import cut, units


@pytest.mark.parametrize(
    ("words", "most", "kept"),
    [
        ("four", 4, "four"),
        ("fives", 4, "fiv…"),
        ("🏴🏴", 4, "🏴🏴"),
        ("🏴🏴🏴", 4, "🏴…"),
        ("", 4, ""),
    ],
)
def test_long_words_are_cut_between_characters(words: str, most: int, kept: str) -> None:
    assert cut(words, most) == kept
    assert units(kept) <= most

"""Customers as owners deal with them."""

from __future__ import annotations

from bot.screens import customers
from tests.screens.owner_samples import ANN, EN, visible


def test_an_unknown_person_comes_with_the_link_to_send() -> None:
    assert "https://t.me/ann_shop_bot" in visible(customers.unknown_person(EN, "ann_shop_bot"))


def test_a_block_names_the_way_back() -> None:
    assert "/unblock 1001" in visible(customers.blocked(EN, ANN))

"""An outline shows how an answer is built, and nothing that somebody could use."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.upstreams.outlines import Outline

OUTLINE = Outline(providers={"nodemaven", "9proxy", "NodeMaven"}, plans={"0.120", "captcha"})


def test_many_rows_are_drawn_once_with_what_only_some_of_them_have() -> None:
    rows = [
        {"order_id": "ord_1", "status": "completed", "provider": "nodemaven", "plan": "0.120"},
        {
            "order_id": "ord_222",
            "status": "pending",
            "provider": "9proxy",
            "price": Decimal("3.5"),
        },
        {"order_id": None, "status": "completed", "provider": "nodemaven", "price": 3},
    ]

    assert OUTLINE.of({"success": True, "orders": rows, "more": [], "note": {}}) == (
        "object",
        "  success: true or false",
        "  orders: list of 3",
        "    each: object",
        "      order_id: null or text of 5 to 7",
        "      status: text of 7 to 9 (completed, pending)",
        "      provider: text of 6 to 9 (nodemaven, 9proxy)",
        "      plan (in 1 of 3): text of 5 (0.120)",
        "      price (in 2 of 3): number with decimals or whole number",
        "  more: list of 0",
        "  note: empty object",
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"password": "SECRET"},
        {"username": "nodemaven"},
        {"plan": "SECRET"},
        {"provider": "SECRET"},
        {"id": "SECRET"},
        {"currency": "USDSECRET"},
        {"currency": "secret"},
        {"status": "SECRET-1"},
        {"status": "SECRET" * 5},
        {"status": ["SECRET1"]},
        {"code": "SECRET"},
        {"response": "SECRET"},
        {"balance": Decimal("27.52")},
        {"port": 27521},
        {"SECRET1": {"password": "x"}, "SECRET": {"password": "x"}},
        {"10.0.0.1": "x", "SECRET": "x"},
        {"SECRET" * 5: "x"},
        ["SECRET:8080:user:SECRET"],
        "SECRET",
    ],
    ids=str,
)
def test_what_might_be_of_use_to_somebody_is_masked(answer: object) -> None:
    drawn = "\n".join(OUTLINE.of(answer))

    assert "SECRET" not in drawn.upper()
    assert "nodemaven" not in drawn
    assert "27" not in drawn


def test_providers_are_named_where_they_stand_in_the_place_of_fields() -> None:
    drawn = OUTLINE.of({"9proxy": {"plan": "1"}, "new-1": {"plan": "0.120"}})

    assert drawn == (
        "object",
        "  2 names of 5 to 6, 9proxy among them: object",
        "    plan: text of 1 to 5 (0.120, …)",
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_every_answer_has_an_outline_of_lines_that_can_be_printed(value: object) -> None:
    for line in Outline().of(value):
        assert line.isprintable()


def test_a_list_in_a_list_keeps_its_place() -> None:
    assert OUTLINE.of(json.loads("[[1], [2, 3]]")) == (
        "list of 2",
        "  each: list of 1 to 2",
        "    each: whole number",
    )

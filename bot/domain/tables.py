"""Tables: cells that no spreadsheet takes for a formula."""

from __future__ import annotations

from typing import Any

_BEGINS_FORMULA = frozenset("=+-@\t\r")


def cell(value: Any) -> str:
    """The value as text; what a spreadsheet would calculate gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in _BEGINS_FORMULA else text

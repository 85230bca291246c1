"""The benchmark grows a shop whose books balance, and times everything that it names."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import benchmark
from tests.faults.histories import empty_database
from tests.inline import without_threads

# The audit at the end opens the newest credentials, so those must be of orders really bought.
ROUNDS = 20


def test_a_grown_shop_sells_and_its_books_balance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "ROUNDS", ROUNDS)
    empty_database()

    # What is held here is what it does; how long that takes is the benchmark's own matter.
    with without_threads():
        found = asyncio.run(benchmark.measured(tmp_path, orders=150))

    with closing(sqlite3.connect(tmp_path / "150.db")) as books:
        assert books.execute("SELECT state, count(*) FROM orders GROUP BY state").fetchall() == [
            ("delivered", 150 + ROUNDS + 1)
        ]
    assert {what: len(times) for what, times in found.items() if len(times) != ROUNDS} == {
        "an audit": 1
    }
    assert "Buy" in found
    assert min(min(times) for times in found.values()) > 0

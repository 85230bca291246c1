"""The short form of the state machines; the soak asks for more of the same."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import IN_MEMORY, Spares
from tests.inline import without_threads
from tests.machines import ledger, orders
from tests.machines.ledger import LedgerMachine
from tests.machines.machine import PEOPLE, Blanks, prove
from tests.machines.orders import OrderMachine


@pytest.fixture
def blanks(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Blanks:
    """A database for each example, on either kind."""
    if backend == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        return copies_of(template)
    spares: Spares = request.getfixturevalue("_postgres_spares")
    return spares.one


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> int | None:
    """The seed of `--hypothesis-seed`; without one the examples are always the same."""
    said = request.config.getoption("--hypothesis-seed")
    return None if said is None else int(said)


def copies_of(template: Path) -> Blanks:
    """A copy of a migrated and empty SQLite file for each example."""

    @contextmanager
    def copied() -> Iterator[str]:
        with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
            file = shutil.copy(template, Path(folder) / "bot.db")
            yield f"sqlite+aiosqlite:///{file}"

    return copied


def test_the_ledger_does_what_the_books_say(
    blanks: Blanks, backend: str, chance: int | None
) -> None:
    is_small = backend != "sqlite"

    seen = prove(LedgerMachine, blanks, examples=4 if is_small else 24, steps=40, chance=chance)

    # Whatever another seed happens upon, the examples of every day must try all there is.
    assert is_small or chance is not None or seen.keys() >= ledger.SEEN


TOURS = (
    "claim back_in_line claim deliver refund",
    "release",
    "claim release",
    "claim prepare deliver",
    "claim doubt deliver",
    "claim doubt prepare review hand_over",
    "claim doubt release",
    "claim doubt review bind",
    "claim doubt review give_back",
    "claim doubt review keep_waiting",
)


def test_every_move_of_the_table_is_made(blanks: Blanks) -> None:
    seen: Counter[str] = Counter()
    with without_threads():
        machine = OrderMachine(blanks, seen)
        try:
            for number, tour in enumerate(TOURS):
                order = machine._accept(PEOPLE[number % len(PEOPLE)], 0)
                machine.make_legal_moves(order, tour.split())
                machine.every_order_is_where_the_model_has_it()
                machine.the_ledger_says_what_the_books_say()
        finally:
            machine.teardown()

    assert seen.keys() >= orders.SEEN


def test_orders_move_as_the_table_says(blanks: Blanks, backend: str, chance: int | None) -> None:
    examples = 20 if backend == "sqlite" else 4

    seen = prove(OrderMachine, blanks, examples=examples, steps=40, chance=chance)

    assert seen.total()

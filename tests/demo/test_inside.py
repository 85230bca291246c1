"""The panel says plainly whether the books and the upstream's record agree."""

from __future__ import annotations

import pytest

from bot.demo.inside import Inside, verdict
from bot.domain.journal import Journal, Sums
from bot.domain.money import Money, usd
from bot.services.journals import Journals
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened, sandbox_for
from tests.conftest import ON_SQLITE

NOTHING = Money(0)
EMPTY = Sums(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)


@pytest.mark.parametrize(
    ("bound", "unknown", "strays", "made", "said"),
    [
        (0, 0, 0, 0, "equal"),
        (3, 0, 0, 3, "equal"),
        (3, 0, 1, 4, "equal"),
        (3, 1, 0, 3, "open"),
        (3, 1, 0, 4, "open"),
        (3, 0, 0, 4, "different"),
        (3, 1, 0, 5, "different"),
        (3, 0, 0, 2, "different"),
    ],
)
def test_an_order_too_many_or_too_few_is_called_a_difference(
    bound: int, unknown: int, strays: int, made: int, said: str
) -> None:
    journal = Journal((), (), EMPTY, 0, bound, unknown, strays)

    assert verdict(journal, made) == said


def test_money_that_is_nowhere_is_no_whole_sum() -> None:
    assert Sums(usd("1"), usd("2"), usd("3"), usd("-1"), usd("5")).are_whole
    assert not Sums(usd("1"), usd("2"), usd("3"), usd("0"), usd("5")).are_whole


@ON_SQLITE
async def test_a_look_that_an_order_fell_into_is_not_shown(
    database_url: str,
) -> None:
    clock = HandClock()
    sandbox: GateProxySandbox = sandbox_for(clock)
    async with opened(database_url, sandbox, clock) as bench:
        calm = await look(bench, made=[1, 1])
        disturbed = await look(bench, made=[1, 2])

    assert calm is not None
    assert disturbed is None


async def look(bench: Bench, made: list[int]) -> object:
    inside = Inside("", is_there=lambda: True, made=lambda: made.pop(0), announce=lambda: None)
    return await inside.look(Journals(bench.shop.database))

"""Many at once, two processes, and work cut off at any await: every cent stays where it was."""

from __future__ import annotations

import pytest

from tests.bench import Bench
from tests.faults.races import CUTS, cut_and_repeat, drain, together, two_shops_at_work


async def test_fifty_taps_on_one_wallet_buy_what_it_pays_for(database_url: str) -> None:
    assert await drain(database_url, seed=4) > 1


@pytest.mark.parametrize("seed", range(2))
async def test_buys_topups_debits_and_refunds_at_once_lose_no_cent(
    database_url: str, seed: int
) -> None:
    await together(database_url, seed)


@pytest.mark.parametrize("seed", range(2))
async def test_two_processes_that_both_work_buy_nothing_twice(
    database_url: str, seed: int
) -> None:
    await two_shops_at_work(database_url, seed)


@pytest.mark.parametrize("name", CUTS)
async def test_what_is_cut_off_at_any_await_happens_once_when_it_is_repeated(
    bench: Bench, name: str
) -> None:
    cuts = [await cut_and_repeat(bench, name, turns) for turns in (0, 7, 19, 40, 75, 130)]

    assert any(cuts)
    report = await bench.shop.audit.run()
    assert report.is_green, report.differences

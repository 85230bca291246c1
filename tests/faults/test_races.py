"""Many at once, two processes, and work cut off at any await: every cent stays where it was."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened, stat_sandbox_for
from tests.faults.races import (
    CUTS,
    cut_and_repeat,
    drain,
    exchanges_at_once,
    pasted_at_once,
    together,
    two_shops_at_work,
)


@pytest.fixture
async def bench(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> AsyncIterator[Bench]:
    """A shop that sells StatProxies as well."""
    async with opened(database_url, sandbox, clock, stat_sandbox_for(clock)) as bench:
        yield bench


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


@pytest.mark.parametrize("seed", range(3))
async def test_taps_jobs_a_refund_and_complaints_at_once_exchange_nothing_twice(
    database_url: str, seed: int
) -> None:
    await exchanges_at_once(database_url, seed)


@pytest.mark.parametrize("seed", range(2))
async def test_two_owners_who_paste_at_once_exchange_once(database_url: str, seed: int) -> None:
    await pasted_at_once(database_url, seed)


@pytest.mark.parametrize("name", CUTS)
async def test_what_is_cut_off_at_any_await_happens_once_when_it_is_repeated(
    bench: Bench, name: str
) -> None:
    cuts = [await cut_and_repeat(bench, name, turns) for turns in (0, 11, 37, 90)]

    assert any(cuts)
    report = await bench.shop.audit.run()
    assert report.is_green, report.differences

"""A shop on the bench, on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import Bench, HandClock, opened, sandbox_for, stat_sandbox_for
from tests.inline import no_threads  # noqa: F401 - a fixture of every test here


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sandbox(clock: HandClock) -> GateProxySandbox:
    return sandbox_for(clock)


@pytest.fixture
async def bench(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> AsyncIterator[Bench]:
    async with opened(database_url, sandbox, clock) as bench:
        yield bench


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    return stat_sandbox_for(clock)


@pytest.fixture
async def both(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> AsyncIterator[Bench]:
    """A shop that sells of both upstreams."""
    async with opened(database_url, sandbox, clock, stat) as bench:
        yield bench

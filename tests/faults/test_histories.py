"""Simulated histories of the real shop: whatever happens, money, orders and words agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import Unclear
from bot.services.cancellations import Cancellations
from bot.services.strays import Strays
from bot.upstreams.base import Made
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.statproxies import StatProxiesExchange
from tests.faults.histories import EXPECTED, KEPT_SEEDS, Played, Told, play, tell

ROOT = Path(__file__).parents[2]
SHORT = 40
"""Histories in the test suite; `python -m tests.soak` tells ten thousand."""


# Not by way of `tests.soak`, whose kills load all of Telegram.
TELLS = """
import sys
from tests.faults.histories import play
print("BEGIN", *play(int(sys.argv[1])).trace, sep="\\n")
"""
"""Before it stands the log of the migrations."""


@pytest.fixture(scope="module")
def told() -> Told:
    return tell(range(SHORT))


def test_no_history_loses_money_an_order_or_a_word(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{told.line}\n")

    assert told.histories == SHORT
    assert told.failures == []


def test_every_fault_death_act_and_move_has_occurred(told: Told) -> None:
    assert told.missing == []


@pytest.mark.parametrize("seed", KEPT_SEEDS)
def test_a_history_that_once_broke_a_promise(seed: int) -> None:
    assert play(seed).problems == ()


def test_the_same_seed_tells_the_same_history_in_every_process() -> None:
    # Sets of words come in another order there.
    with subprocess.Popen(
        [sys.executable, "-c", TELLS, "34"],
        cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "7"}, stdout=subprocess.PIPE, text=True,
    ) as there:  # fmt: skip
        here = play(34)
        said, _ = there.communicate()

    assert there.returncode == 0
    assert said.partition("BEGIN\n")[2].splitlines() == list(here.trace)
    assert len(here.trace) > 50
    assert play(29).digest != here.digest


def test_what_never_occurred_is_missed() -> None:
    told = Told()
    told.add(Played(1, (), (), type(told.seen)({"tap": 1}), 1, 1.0))

    assert set(told.missing) == EXPECTED - {"tap"}


# The oracle is worth what it notices: each of these rules is taken away once.


def broken(seeds: range, word: str) -> bool:
    """Whether one of these histories breaks a promise that this word is about."""
    return any(word in problem for seed in seeds for problem in play(seed).problems)


def test_the_oracle_notices_an_order_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    really = GateProxy.place

    async def twice(self: GateProxy, *asked: Any) -> Made:
        try:
            return await really(self, *asked)
        except Unclear:
            return await really(self, *asked)

    monkeypatch.setattr(GateProxy, "place", twice)

    assert broken(range(12), "sent twice")


def test_the_oracle_notices_that_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_now(self: Strays) -> None:
        pass

    monkeypatch.setattr(Strays, "watch", not_now)

    assert broken(range(12), "upstream order")


def test_the_oracle_notices_an_exchange_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    really = StatProxiesExchange.exchange

    async def twice(self: StatProxiesExchange, reference: str) -> None:
        await really(self, reference)
        await really(self, reference)

    monkeypatch.setattr(StatProxiesExchange, "exchange", twice)

    assert broken(range(1, 12), "requests for")


def test_the_oracle_notices_a_subscription_that_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_now(self: Cancellations) -> None:
        pass

    monkeypatch.setattr(Cancellations, "step", not_now)

    assert broken(range(1, 6), "billed again")

"""The shop, killed at every point: no money, no order and no word to anybody may be lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IS_CI, POSTGRES
from tests.faults.kill_scenarios import SCENARIOS, WHOLE
from tests.faults.kill_sweep import Kill, Swept, read

ROOT = Path(__file__).parents[2]
NAMES = ("migration", *(one.name for one in SCENARIOS))
# Alone on two cores it takes about a minute; what else runs there may take its time.
MOST_SECONDS = 1_200


def run(form: str, folder: Path, *arguments: str) -> dict[str, Swept]:
    """Sweep in a process of its own: this one has threads, and must not be forked."""
    report, log = folder / "report.json", folder / "sweep.log"
    command = [sys.executable, "-m", "tests.faults.kill_scenarios", form, str(report), *arguments]
    with log.open("wb") as said:
        subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            timeout=MOST_SECONDS, check=False,
        )  # fmt: skip
    if not report.exists():
        pytest.fail(log.read_text(errors="replace")[-5_000:])
    return {one.scenario: one for one in map(read, json.loads(report.read_text()))}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Swept]:
    return run("short", tmp_path_factory.mktemp("sweep"))


@pytest.mark.parametrize("name", NAMES)
def test_a_shop_killed_at_any_point_loses_nothing(
    swept: dict[str, Swept], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{swept[name].line}")

    assert swept[name].failures == []


def test_what_money_depends_on_is_killed_at_every_point(swept: dict[str, Swept]) -> None:
    for name in WHOLE:
        killed = {one.point for one in swept[name].kills}
        once = {point for point in swept[name].points if "#" not in point}
        essential = next(one.essential for one in SCENARIOS if one.name == name)
        assert killed >= once >= set(essential)


def test_a_sweep_that_killed_nothing_does_not_pass() -> None:
    assert Swept("buy", ("commit orders.accept before",), (), 1.0).failures
    assert not Swept("buy", ("a",), (Kill("a", (), 1.0, 0.0),), 1.0).failures


@pytest.mark.parametrize("server", [POSTGRES] if POSTGRES or IS_CI else [])
def test_a_handful_of_kills_on_postgresql_loses_nothing(server: str, tmp_path: Path) -> None:
    swept = run("postgresql", tmp_path, server)

    assert [failure for one in swept.values() for failure in one.failures] == []

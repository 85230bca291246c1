"""The soak writes a page of what was done and what was not, and fails where anything did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import soak
from tests.faults.histories import play
from tests.soak import Asked, Done, Part, main

TINY = [
    "--parts", "histories,cancellations,drains,drills", "--histories", "2",
    "--cancellations", "4", "--drains", "1", "--drills", "1", "--workers", "1",
]  # fmt: skip


def test_a_tiny_run_writes_a_page_with_its_counts_and_gaps(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "proof.md"

    ended = main([*TINY, "--page", str(page)])

    said = page.read_text()
    assert ended == 0
    assert "| simulated histories of the real code | 2 | 2 | 0 |" in said
    assert "| cancellations at a random await | 4 | 4 | 0 |" in said
    assert "- first seed: 1000000" in said
    assert "kills: not part of this run" in said
    assert "drills: a release asks for 100, this run for 1" in said


def test_a_failure_is_written_down_and_ends_the_run_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(asked: Asked) -> Done:
        return Done(asked.count, ["a cent was lost"])

    monkeypatch.setitem(soak.PARTS, "drills", Part("drills", 100, 5, lost))
    page = tmp_path / "proof.md"

    ended = main(["--parts", "drills", "--drills", "3", "--page", str(page)])

    assert ended == 1
    assert "- drills: a cent was lost" in page.read_text()
    assert "| drills | 3 | 3 | 1 |" in page.read_text()


def test_what_time_cut_short_is_a_gap_and_not_passed(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"

    alone = ["--parts", "drills", "--workers", "1", "--page", str(page)]
    main([*alone, "--drills", "5", "--minutes", "0"])

    assert "- drills: 0 of 5; the rest was not done" in page.read_text()


def test_a_run_stands_before_those_that_it_is_added_to(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    empty = ["--parts", "drills", "--minutes", "0", "--workers", "1", "--page", str(page)]

    for more in (["--drills", "5"], ["--drills", "6", "--add"], ["--drills", "7", "--add"]):
        main([*empty, *more])

    said = page.read_text()
    assert said.count("# Proof\n\nWritten by") == 1
    assert [said.index(f"drills: 0 of {count};") for count in (7, 6, 5)] == sorted(
        said.index(f"drills: 0 of {count};") for count in (5, 6, 7)
    )
    main([*empty, "--drills", "8"])
    assert page.read_text().count("## Run of") == 1


def test_one_history_is_told_again_by_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    ended = main(["--seed", "34"])

    *trace, last = capsys.readouterr().out.splitlines()
    assert ended == 0
    assert last.startswith("seed 34: ")
    assert last.endswith(f"digest {play(34).digest}")
    assert len(trace) > 50

"""The list of mutants stays true: every line it breaks is there, and so is every test it names."""

from __future__ import annotations

import re

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_breaks_one_line_that_a_test_watches(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    file, _, test = mutant.test.partition("::")

    assert mutant.broken(text) != text
    written = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(", written, re.MULTILINE), mutant.test


def test_every_mutant_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_line_that_is_gone_or_stands_twice_is_said() -> None:
    mutant = Mutant("one", "file", "guard", "", "test")

    for text in ("", "guard guard"):
        with pytest.raises(ValueError, match="one: the line stands"):
            mutant.broken(text)

"""Turns: what is rare in one history comes up in the next ones, one thing after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final, TypeVar

T = TypeVar("T")


class Turns:
    """Where a history begins in each list of things, so that forty of them go through it evenly.

    Chance alone leaves out one thing of thirty again and again, and a hundred histories would
    have to be told for what forty show by turns.
    """

    def __init__(self, seed: int) -> None:
        self._seed: Final = seed

    def of(self, things: Sequence[T], each: int) -> Iterator[T]:
        """The things in their order, without end; the next history begins `each` further on."""
        return (things[at % len(things)] for at in count(self._seed * each))

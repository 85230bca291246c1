"""The gallery: every screen of the shop in its usual cases, drawn with sample data."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ParamSpec

from bot.i18n import Text, Texts
from bot.screens.base import File, Screen

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of the gallery: the function that drew it, and for which case."""

    draws: Callable[..., Screen | Text]
    case: str
    screen: Screen

    @property
    def title(self) -> str:
        module = self.draws.__module__.rpartition(".")[2]
        return f"{module}.{self.draws.__name__}" + (f": {self.case}" if self.case else "")


Room = Callable[[Texts], Iterator[Shown]]


def show(case: str, draws: Callable[P, Screen], *given: P.args, **named: P.kwargs) -> Shown:
    """What this function draws of this data."""
    return Shown(draws, case, draws(*given, **named))


def alert(draws: Callable[[Texts], Text], t: Texts) -> Shown:
    """Words that pop up over the screen, which stays."""
    return Shown(draws, "an alert", Screen(draws(t)))


def drawn(screen: Screen) -> Iterator[str]:
    """A screen as lines of text: what is read, what comes with it, and its buttons."""
    read = html.unescape(re.sub(r"<[^>]+>", "", screen.text))
    for line in read.splitlines():
        yield f"▎{line}".rstrip()
    match screen.attached:
        case File(name=name) | str(name):
            yield f" 📎 {name}"
        case None:
            pass
    for row in screen.rows:
        yield " " + " ".join(f"[ {button.label.plain()} ]" for button in row)
    if screen.picks_person is not None:
        yield f" ⌨️ [ {screen.picks_person.plain()} ]"

"""The control strip: everything that can go wrong, at the press of a button."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Final

from bot.demo.page import Control
from bot.demo.telegram import Fault, Telegram

_FOR_GOOD: Final = sys.maxsize


def strip(
    core: Telegram, upstream: Iterable[Control], *, pull_the_plug: Callable[[], None]
) -> list[Control]:
    """All controls in the order in which they stand on the page."""
    switched = [*upstream, telegram_is_down(core), double_tap()]

    def calm() -> None:
        for control in switched:
            if control.is_on():
                control.press()

    return [Control("plug", pull_the_plug), *switched, Control("calm", calm)]


def telegram_is_down(core: Telegram) -> Control:
    """Every call of the bot gets a gateway's page; people's messages wait until it is over."""
    outage = Fault(status=502, times=_FOR_GOOD)

    def is_on() -> bool:
        return outage in core.faults

    def press() -> None:
        if is_on():
            core.faults.remove(outage)
        else:
            core.faults.append(outage)

    return Control("telegram", press, is_on)


def double_tap() -> Control:
    """Every tap on the page is sent twice; the page does it while this is on."""
    state = {"is_on": False}

    def press() -> None:
        state["is_on"] = not state["is_on"]

    return Control("twice", press, lambda: state["is_on"])

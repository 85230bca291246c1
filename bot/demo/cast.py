"""The people of the demo, and how Alice comes to her money."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bot.demo.telegram import Change, Message, Person, Telegram


@dataclass(frozen=True, slots=True)
class Cast:
    """One person of the page and what they stand for; the page has the words."""

    person: Person
    role: Literal["rich", "new", "owner"]


ALICE: Final = Person(1001, "Alice", "alice")
BORIS: Final = Person(1002, "Борис", "boris", "ru")
OLGA: Final = Person(2001, "Olga", "olga_owner")
CAST: Final = (
    Cast(ALICE, "rich"),
    Cast(BORIS, "new"),
    Cast(OLGA, "owner"),
)


async def welcome(core: Telegram, is_open: Callable[[], bool]) -> None:
    """Give Alice her balance the way any customer gets one: Olga tops it up in the chat."""
    await _until(core, is_open)
    core.send(ALICE, "/start")
    await _until(core, lambda: _from_bot(core, ALICE))
    core.send(OLGA, f"/topup @{ALICE.username} 25 welcome")
    await _until(core, lambda: _confirm(core))
    preview, data = _confirm(core)[-1]
    told = len(_from_bot(core, ALICE))
    core.tap(OLGA, preview.id, data)
    await _until(core, lambda: len(_from_bot(core, ALICE)) > told)


def _from_bot(core: Telegram, person: Person) -> list[Message]:
    return [message for message in core.messages(person.id) if message.from_bot]


def _confirm(core: Telegram) -> list[tuple[Message, str]]:
    return [
        (message, button["callback_data"])
        for message in _from_bot(core, OLGA)
        for button in message.buttons
        if "Confirm" in button["text"] and "callback_data" in button
    ]


async def _until(core: Telegram, condition: Callable[[], object]) -> None:
    changed = asyncio.Event()

    def wake(_: Change) -> None:
        changed.set()

    core.on_change.append(wake)
    try:
        while not condition():
            await changed.wait()
            changed.clear()
    finally:
        core.on_change.remove(wake)

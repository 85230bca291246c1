"""A running `python -m bot demo`, and what a browser can ask it for."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
ALICE, BORIS, OLGA = 1001, 1002, 2001
NODEMAVEN, ABC, DATAIMPULSE = "gate.nodemaven.", "abcproxy.localhost", "gw.dataimpulse."

# What somebody may have set for a shop of their own. None of it may reach the demo.
INHERITED = {
    "BOT_TOKEN": "no token at all",
    "ADMIN_IDS": str(ALICE),
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "markup": "900%",
}

PROVED = re.compile(r"(?:The (?:proxy|test) of order #|Прокси из заказа №|Проверка заказа №)(\d+)")

T = TypeVar("T")


def until(seen: Callable[[], T | None], seconds: float = 60) -> T:
    """What `seen` returns as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (result := seen()):
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.05)
    return result


def pass_the_lease(books: Path) -> None:
    """Let the lease of a process that was killed be over, where its seconds are not the story."""
    with closing(sqlite3.connect(books)) as database, database:
        database.execute("UPDATE leases SET until = 0")


class Demo:
    """A running `python -m bot demo` and what a browser can ask it for."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "demo", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **INHERITED, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        while not (found := re.search(r"open (http://\S+)", "".join(self.lines))):
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, "the demo ended before its page was open"
            self.lines.append(line)
        self.url = found[1]

    def ask(self, path: str, body: object = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.url + path, data, given)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read().decode()
            return json.loads(text) if answer.headers.get_content_subtype() == "json" else text

    def refuses(self, path: str, body: object = None, **headers: str) -> bool:
        try:
            self.ask(path, body, **headers)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 403
        return False

    @property
    def bot(self) -> dict[str, Any]:
        status: dict[str, Any] = self.ask("/demo/status")["bot"]
        return status

    @property
    def upstream(self) -> dict[str, Any]:
        """The upstreams' own records."""
        record: dict[str, Any] = self.ask("/demo/status")["upstream"]
        return record

    @property
    def made(self) -> int:
        """How many orders the upstreams have made."""
        return int(self.upstream["made"])

    @property
    def inside(self) -> dict[str, Any]:
        """What the page says about the books, as soon as they can be read."""
        inside: dict[str, Any] = until(lambda: self.ask("/demo/status")["inside"])
        return inside

    def is_on(self, name: str) -> bool:
        return name in self.ask("/demo/status")["on"]

    def control(self, name: str) -> None:
        self.ask(f"/demo/control/{name}", {})

    def chat(self, person: int = ALICE) -> list[dict[str, Any]]:
        """What the bot has written to somebody, oldest first."""
        messages = self.ask(f"/sim/transcript?person={person}")["messages"]
        return [message for message in messages if message["from_bot"]]

    def calls(self) -> list[dict[str, Any]]:
        """The bot's calls of the Bot API, answered ones only."""
        return [call for call in self.ask("/sim/calls") if call["answer"]]

    def texts(self, words: str, person: int = ALICE) -> list[str]:
        return [each["text"] for each in self.chat(person) if words in each["text"]]

    @property
    def has_told_all(self) -> bool:
        """Whether nothing comes any more by itself: the test of a proxy is told last."""
        inside = self.inside
        states = {order["id"]: order["state"] for order in inside["orders"]}
        # While the shop writes, the page shows the books as they were a moment ago.
        is_old = inside["counts"]["made"] != self.made
        if is_old or not {"reserved", "placing"}.isdisjoint(states.values()):
            return False
        delivered = {order for order, state in states.items() if state == "delivered"}
        texts = " ".join(each["text"] for person in (ALICE, BORIS) for each in self.chat(person))
        return delivered <= {int(number) for number in PROVED.findall(texts)}

    def send(self, text: str, person: int = ALICE) -> None:
        """Write something, and wait for the answer."""
        known = len(self.chat(person))
        self.ask("/sim/message", {"person": person, "text": text})
        until(lambda: len(self.chat(person)) > known)

    def tap(self, label: str, person: int = ALICE, *, times: int = 1) -> None:
        """Tap the button on the newest message that has it, as soon as there is one."""
        message_id, data = until(lambda: self._button(label, person))
        for _ in range(times):
            self.ask("/sim/tap", {"person": person, "message_id": message_id, "data": data})

    def open(self, provider: str, plan: str) -> None:
        """Go to the screen on which the plan can be bought."""

        def is_on_sale() -> bool:
            self.send("/browse")
            return self._button(provider, ALICE) is not None

        until(is_on_sale)
        self.tap(provider)
        self.tap(plan)
        until(lambda: self._button("Buy", ALICE))

    def _button(self, label: str, person: int) -> tuple[int, str] | None:
        # Not the newest alone: the test of a proxy is told in between, at any time.
        for message in reversed(self.chat(person)):
            for button in (each for row in message["rows"] for each in row):
                if label in button["text"] and "callback_data" in button:
                    return message["id"], button["callback_data"]
        return None

    def pass_the_lease(self) -> None:
        """Spare the bot that is started after the plug its wait for the one that was killed."""
        (books,) = self.folder.glob("*/bot.db")
        pass_the_lease(books)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=40)
        return self.process.returncode

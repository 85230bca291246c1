"""The demo as a person starts it: one process, a page, and a purchase by taps over real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parents[2]
ALICE, OLGA = 1001, 2001
NODEMAVEN, ABC, DATAIMPULSE = "gate.nodemaven.com", "abcproxy.vip", "gw.dataimpulse.com"

# What somebody may have set for a shop of their own. None of it may reach the demo.
INHERITED = {
    "BOT_TOKEN": "no token at all",
    "ADMIN_IDS": str(ALICE),
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "markup": "900%",
}

T = TypeVar("T")


def until(seen: Callable[[], T | None], seconds: float = 60) -> T:
    """What `seen` returns as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (result := seen()):
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.05)
    return result


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
        status: dict[str, Any] = self.ask("/demo/status")["upstream"]
        return status

    def control(self, name: str) -> None:
        self.ask(f"/demo/control/{name}", {})

    def chat(self, person: int = ALICE) -> list[dict[str, Any]]:
        """What the bot has written to somebody, oldest first."""
        messages = self.ask(f"/sim/transcript?person={person}")["messages"]
        return [message for message in messages if message["from_bot"]]

    def texts(self, words: str, person: int = ALICE) -> list[str]:
        return [each["text"] for each in self.chat(person) if words in each["text"]]

    def send(self, text: str, person: int = ALICE) -> None:
        """Write something, and wait for the answer."""
        known = len(self.chat(person))
        self.ask("/sim/message", {"person": person, "text": text})
        until(lambda: len(self.chat(person)) > known)

    def tap(self, label: str, person: int = ALICE, *, times: int = 1) -> None:
        """Tap the button on the newest message, as soon as it is there."""
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
        for message in self.chat(person)[-1:]:
            for button in (each for row in message["rows"] for each in row):
                if label in button["text"] and "callback_data" in button:
                    return message["id"], button["callback_data"]
        return None

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=40)
        return self.process.returncode


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Demo]]:
    running = [Demo(tmp_path_factory.mktemp("demo"))]
    yield running
    for demo in running:
        if demo.process.poll() is None:
            demo.end()


@pytest.fixture
def demo(demos: list[Demo], tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One demo for all tests of this file; another one only after a test that ended it."""
    if demos[-1].process.poll() is not None:
        demos.append(Demo(tmp_path_factory.mktemp("demo")))
    return demos[-1]


@pytest.fixture
def shop(demo: Demo) -> Demo:
    """The demo with its shop open and Alice's balance there."""
    until(lambda: demo.texts("25.00 USD"))
    until(lambda: demo.bot["state"] == "open")
    return demo


def test_the_page_says_demo_and_asks_nobody_else_for_anything(demo: Demo) -> None:
    page = demo.ask("/")

    assert "<b>DEMO</b>" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert not re.search(r"@import|url\(", page)


def test_other_hosts_and_other_pages_are_refused(demo: Demo) -> None:
    for path in ("/", "/demo/status", f"/sim/transcript?person={ALICE}", "/gateproxy/health"):
        assert demo.refuses(path, Host="shop.example")
        assert demo.refuses(path, Origin="http://shop.example")
        assert demo.refuses(path, Origin="null")
    assert demo.refuses("/demo/control/plug", {}, Origin="http://127.0.0.1:1")
    assert not demo.refuses("/demo/status", Origin=demo.url)


def test_alice_gets_her_balance_from_olga_and_buys_a_gigabyte(shop: Demo) -> None:
    assert shop.texts("got 25.00 USD", OLGA)

    shop.open("NodeMaven", "1 GB")
    shop.tap("Buy")

    (credentials,) = until(lambda: shop.texts(NODEMAVEN))
    assert "nodemaven_" in credentials
    shop.send("/balance")
    assert shop.texts("20.80 USD")


def test_tapping_buy_twice_buys_once(shop: Demo) -> None:
    bought = shop.upstream["orders"]

    shop.open("ABC Proxy", "1 GB")
    shop.tap("Buy", times=2)

    until(lambda: shop.texts(ABC))
    # Whatever the second tap started would be answered before this.
    shop.send("/balance")
    assert len(shop.texts(ABC)) == 1
    assert shop.upstream["orders"] == bought + 1


def test_an_order_survives_the_plug_and_is_delivered_once(shop: Demo) -> None:
    before = shop.upstream["orders"]
    shop.control("slow")
    shop.open("DataImpulse", "1 GB")
    shop.tap("Buy")
    until(lambda: not shop.upstream["expects"])

    shop.control("plug")

    until(lambda: shop.texts(DATAIMPULSE), seconds=90)
    shop.send("/balance")
    assert len(shop.texts(DATAIMPULSE)) == 1
    assert shop.upstream["orders"] == before + 1
    assert shop.bot["starts"] >= 2


def test_a_bot_that_ends_by_itself_is_reported_and_started_again(shop: Demo) -> None:
    starts, pid = shop.bot["starts"], shop.bot["pid"]

    os.kill(pid, signal.SIGTERM)

    until(lambda: "ended by itself" in shop.bot["note"])
    until(lambda: shop.bot["starts"] > starts and shop.bot["state"] == "open")
    assert shop.bot["pid"] != pid


def test_a_taken_port_is_said_and_another_one_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, port)
        try:
            assert f"port {port} is taken" in "".join(demo.lines)
            assert str(port) not in demo.url
        finally:
            assert demo.end() == 0


def test_sigterm_leaves_neither_a_bot_nor_a_folder(shop: Demo) -> None:
    pid = shop.bot["pid"]
    assert list(shop.folder.iterdir())

    assert shop.end() == 0

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(shop.folder.iterdir())

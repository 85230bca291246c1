"""The shop as it is run: a process of its own, and what it talks to behind loopback ports."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest
from aiohttp import hdrs, web

from bot.demo import telegram_http
from bot.demo.telegram import Message, Person, Telegram
from bot.upstreams.sandbox import TOKEN as GATEPROXY_TOKEN
from bot.upstreams.sandbox import GateProxySandbox
from tests.e2e.forks import ROOT, Fork, Forks
from tests.telegram import ALICE, OLGA, TOKEN

FORKS: Final = Forks()
PATIENCE: Final = 60.0
"""Seconds until something that should happen counts as never happening, on a busy machine."""

T = TypeVar("T")


async def until(seen: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """What `seen` returns as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (result := seen()):
        assert time.monotonic() < deadline, "this never happened"
        await asyncio.sleep(0.02)
    return result


class Server:
    """A pretended neighbour on a port of its own; nobody answers there until it opens."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def open(self) -> None:
        """Answer from now on."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def close(self) -> None:
        """Answer nothing any more."""
        await self._runner.cleanup()
        self._socket.close()


class Neighbours:
    """Telegram and GateProxy, each served over HTTP."""

    def __init__(self) -> None:
        self.core = Telegram(people=[ALICE, OLGA])
        self.sandbox = GateProxySandbox()
        self.telegram = Server(telegram_http.application(self.core, TOKEN))
        gateproxy = web.Application()
        gateproxy.router.add_route(hdrs.METH_ANY, "/{path:.*}", self._serve)
        self.gateproxy = Server(gateproxy)

    def environment(self, **changed: str) -> dict[str, str]:
        """All that somebody sets who runs the shop; an empty value leaves a setting out."""
        values = {
            "PATH": os.environ["PATH"],
            # Where the package is found from any folder.
            "PYTHONPATH": str(ROOT),
            "BOT_TOKEN": TOKEN,
            "ADMIN_IDS": str(OLGA.id),
            "GATEPROXY_TOKENS": GATEPROXY_TOKEN,
            "GATEPROXY_URL": self.gateproxy.url,
            "TELEGRAM_API_URL": self.telegram.url,
        }
        return {name: value for name, value in (values | changed).items() if value}

    async def _serve(self, request: web.Request) -> web.Response:
        """Hand one request to the sandbox; a line that it cuts is cut here, too."""
        asked = httpx.Request(
            request.method,
            "http://sandbox" + request.raw_path,
            headers=list(request.headers.items()),
            content=await request.read(),
        )
        try:
            answer = await self.sandbox.handle(asked)
        except httpx.HTTPError:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        kept = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
        return web.Response(status=answer.status_code, body=answer.content, headers=kept)


class Child:
    """A command that runs as a process of its own, and what it has said so far."""

    def __init__(self, process: Process | Fork, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        """Both of its streams, as far as they were written."""
        return self._log.read_text()

    def send(self, number: signal.Signals) -> None:
        """Signal this very process."""
        self.process.send_signal(number)

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once it is gone."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def close(self) -> None:
        """Make sure that it is gone."""
        if self.process.returncode is None:
            # One that a test has stopped could not hear of its end.
            self.send(signal.SIGCONT)
            self.process.terminate()
        try:
            await self.ended(25)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


class Street:
    """The neighbours, a folder to run the shop in, and the processes started there."""

    def __init__(self, neighbours: Neighbours, folder: Path, settings: dict[str, str]) -> None:
        self.neighbours = neighbours
        self._settings = settings
        self.core = neighbours.core
        self.sandbox = neighbours.sandbox
        self.folder = folder
        self.alice = Phone(self.core, ALICE)
        self.olga = Phone(self.core, OLGA)
        self.children: list[Child] = []
        self.has_books = False

    async def start(self, *arguments: str, **settings: str) -> Child:
        """Start a command as a process whose libraries have been read."""
        log, given = self._log(), self._given(settings)
        with log.open("wb") as out:
            fork = await asyncio.to_thread(
                FORKS.start, *arguments,
                folder=self.folder, settings=given, out=out.fileno(), errors=out.fileno(),
            )  # fmt: skip
        return self._child(fork, log)

    async def start_python(self, *arguments: str, **settings: str) -> Child:
        """Start `python -m bot …` the way a person does."""
        log, given = self._log(), self._given(settings)
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", *arguments,
                stdin=DEVNULL, stdout=out, stderr=out, cwd=self.folder, env=given,
            )  # fmt: skip
        return self._child(process, log)

    def _log(self) -> Path:
        return self.folder / f"child-{len(self.children)}.log"

    def _given(self, settings: dict[str, str]) -> dict[str, str]:
        return self.neighbours.environment(**(self._settings | settings))

    def _child(self, process: Process | Fork, log: Path) -> Child:
        child = Child(process, log)
        self.children.append(child)
        return child

    async def open(self, **settings: str) -> Child:
        """Start the shop, and wait until it is open."""
        child = await self.start("run", **settings)
        await until(lambda: self.says(child, "the shop is open"))
        return child

    async def close(self) -> None:
        """End every process that still runs."""
        for child in self.children:
            await child.close()

    def says(self, child: Child, words: str) -> bool:
        """Whether a process has said this; fails at once if it has ended instead."""
        said = child.said
        if words not in said:
            assert child.process.returncode is None, said
        return words in said

    async def fund(self, amount: str) -> None:
        """Let Alice start the bot and Olga top her up."""
        self.has_books = True
        await self.alice.say("/start")
        await self.alice.sees("Browse")
        await self.olga.say(f"/topup {ALICE.id} {amount}")
        await self.olga.tap("Confirm")
        await self.alice.sees("is added to your balance")

    async def go_to(self, provider: str, plan: str) -> None:
        """Let Alice find a plan, up to the screen on which it can be bought."""
        await until(lambda: self.sandbox.count("GET", "/pricing"))
        while not self.alice.has(provider):
            # What was read is on sale a moment later.
            await self.alice.asks("/browse")
        await self.alice.tap(provider)
        await self.alice.tap(plan)
        await self.alice.sees("Buy")

    @property
    def delivered(self) -> list[Message]:
        """The messages with credentials that Alice has got."""
        return [each for each in self.alice.messages if "gate.nodemaven.com" in each.text]


class Phone:
    """Somebody's chat with the bot; what they look for may take its time to come."""

    def __init__(self, core: Telegram, person: Person) -> None:
        self._core = core
        self.person = person

    @property
    def messages(self) -> list[Message]:
        """What the bot has written here, oldest first."""
        return [each for each in self._core.messages(self.person.id) if each.from_bot]

    async def say(self, text: str) -> None:
        """Write a text or a command."""
        self._core.send(self.person, text)

    async def asks(self, text: str) -> None:
        """Write something, and wait for an answer."""
        known = len(self.messages)
        await self.say(text)
        await until(lambda: len(self.messages) > known)

    async def sees(self, words: str, seconds: float = PATIENCE) -> Message:
        """The newest message that holds these words, in its text or on a button."""

        def found() -> Message | None:
            return next((each for each in reversed(self.messages) if words in _all(each)), None)

        return await until(found, seconds)

    def has(self, label: str) -> bool:
        """Whether the newest message has a button whose label holds these words."""
        newest = self.messages[-1:]
        return any(label in button["text"] for each in newest for button in each.buttons)

    async def tap(self, label: str, *, times: int = 1) -> list[str]:
        """Tap the newest button whose label holds these words, once it is there; the taps' ids.

        Waits until every tap was answered.
        """
        message_id, data = await until(lambda: self._button(label))
        taps = [self._core.tap(self.person, message_id, data) for _ in range(times)]
        await until(lambda: all(self._core.answers(one) is not None for one in taps))
        return taps

    def touch(self, label: str) -> str:
        """Tap a button that is there, and do not wait for anything; the tap's id."""
        found = self._button(label)
        assert found is not None, label
        return self._core.tap(self.person, *found)

    def _button(self, label: str) -> tuple[int, str] | None:
        for message in reversed(self.messages):
            for button in message.buttons:
                if label in button["text"] and "callback_data" in button:
                    return message.id, button["callback_data"]
        return None


def _all(message: Message) -> str:
    labels: Sequence[dict[str, Any]] = message.buttons
    return "\n".join([message.text, *(button["text"] for button in labels)])


@pytest.fixture
async def neighbours() -> AsyncIterator[Neighbours]:
    """Telegram and GateProxy, not open yet."""
    made = Neighbours()
    try:
        yield made
    finally:
        await made.telegram.close()
        await made.gateproxy.close()


@asynccontextmanager
async def audited(neighbours: Neighbours, folder: Path, **settings: str) -> AsyncIterator[Street]:
    """A street on which everything is closed and audited at the end."""
    made = Street(neighbours, folder, settings)
    try:
        yield made
        await made.close()
        if made.has_books:
            audit = await made.start("audit")
            assert await audit.ended() == 0, audit.said
    finally:
        await made.close()


@pytest.fixture
async def street(neighbours: Neighbours, tmp_path: Path) -> AsyncIterator[Street]:
    """A place to run the shop in; at the end the books must balance."""
    await neighbours.telegram.open()
    await neighbours.gateproxy.open()
    async with audited(neighbours, tmp_path) as made:
        yield made


@pytest.fixture
async def quiet_street(neighbours: Neighbours, tmp_path: Path) -> AsyncIterator[Street]:
    """The same, but nobody answers until a test opens the neighbours."""
    async with audited(neighbours, tmp_path) as made:
        yield made

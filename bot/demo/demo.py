"""`python -m bot demo`: the real bot as a child, and around it everything it talks to."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import httpx
from aiohttp import hdrs, web

from bot.demo import telegram
from bot.demo.page import Cast, Control, add_page
from bot.demo.telegram import Change, Message, Person, Telegram
from bot.domain.errors import StartRefused
from bot.settings import Settings
from bot.upstreams.sandbox import TOKEN, Fault, GateProxySandbox, catalogue

HOST: Final = "127.0.0.1"
ALICE: Final = Person(1001, "Alice", "alice")
BORIS: Final = Person(1002, "Борис", "boris", "ru")
OLGA: Final = Person(2001, "Olga", "olga_owner")
CAST: Final = (
    Cast(ALICE, "customer with some balance"),
    Cast(BORIS, "new customer"),
    Cast(OLGA, "owner of the shop"),
)

STOP_SECONDS: Final = 25.0
"""How long the bot may take to come to its end; it needs up to 20."""
WELCOME_SECONDS: Final = 120.0
_LOOK: Final = 0.1
_LONGEST_PAUSE: Final = 15.0
_LINES_OF_LOG: Final = 20
_SLOW_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 15.0
_BALANCE: Final = "500.00"
_GATEPROXY: Final = "/gateproxy"
_ROOT: Final = Path(__file__).parents[2]


async def demo(port: int) -> int:
    """Serve the page and keep the bot running behind it until SIGINT or SIGTERM; then 0.

    Everything lives in a temporary folder, which is gone afterwards.
    """
    if not 0 <= port <= 65535:
        raise StartRefused("--port: write a number from 0 to 65535; 0 finds a free one")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    with TemporaryDirectory(prefix="proxy-shop-demo-") as folder:
        core = Telegram(people=[one.person for one in CAST])
        token = f"{core.bot_id}:DEMO{secrets.token_hex(16)}"
        bot = Bot(core, Path(folder), announce=lambda: _announce(core))
        upstream = Upstream(announce=lambda: _announce(core))
        app = telegram.web(core, token=token)
        app.router.add_route(hdrs.METH_ANY, _GATEPROXY + "/{path:.*}", upstream.serve)
        add_page(
            app,
            people=CAST,
            controls=[
                Control(
                    "plug",
                    "Pull the plug",
                    "Kills the bot at once, in the middle of whatever it does, and starts it "
                    "again. Try it while an order is being placed slowly.",
                    bot.pull_the_plug,
                ),
                *upstream.controls(),
            ],
            status=lambda: {"bot": bot.status(), "upstream": upstream.status()},
        )
        async with _served(app, port) as url:
            _say(f"open {url}")
            _say("the bot is starting: this takes some ten seconds")
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(bot.keep_running(token, url)),
                    tasks.create_task(_welcome(core, bot)),
                ]
                await stop.wait()
                _say("closing the shop: what runs comes to its end first")
                for task in running:
                    task.cancel()
    _say("the demo is over, and everything in it is gone")
    return 0


class Bot:
    """The shop in a process of its own, started again whenever it is gone."""

    def __init__(self, core: Telegram, folder: Path, *, announce: Callable[[], None]) -> None:
        self._core = core
        self._folder = folder
        self._log = folder / "bot.log"
        self._announce = announce
        self._process: Process | None = None
        self._is_plug_pulled = False
        self._state: Literal["starting", "open", "down"] = "starting"
        self._note = ""
        self._starts = 0
        self._log_begins = 0

    def status(self) -> dict[str, Any]:
        """How the bot is doing, for the page."""
        return {
            "state": self._state,
            "note": self._note,
            "starts": self._starts,
            "pid": self._process.pid if self._process is not None else None,
        }

    def tell(self, note: str) -> None:
        """Put a sentence on the page."""
        self._note = note
        self._announce()

    @property
    def is_open(self) -> bool:
        """Whether the bot has asked for updates since it was started."""
        return self._state == "open"

    def pull_the_plug(self) -> None:
        """Kill the bot as a power cut would; it is started again at once."""
        if self._process is not None and self._process.returncode is None:
            self._is_plug_pulled = True
            self._process.kill()

    async def keep_running(self, token: str, url: str) -> None:
        """Start the bot, again and again; when cancelled, let it come to its end."""
        environment = _environment(token, url, self._folder)
        pause = 1.0
        try:
            while True:
                started_at = time.time()
                code = await self._run(environment, started_at)
                if self._is_plug_pulled:
                    self._is_plug_pulled = False
                    self._change("starting", "You pulled the plug. The bot is starting again.")
                    continue
                pause = 1.0 if time.time() - started_at > 60 else min(pause * 2, _LONGEST_PAUSE)
                self._change(
                    "down",
                    f"The bot ended by itself (exit code {code}) and is started again in "
                    f"{pause:.0f} s. Its last words are in the terminal.",
                )
                self._show_last_words(code)
                await asyncio.sleep(pause)
                self._change("starting", self._note)
        finally:
            await self._end()

    async def _run(self, environment: dict[str, str], started_at: float) -> int:
        self._starts += 1
        with self._log.open("ab") as log:
            self._log_begins = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run",
                stdin=DEVNULL, stdout=log, stderr=log,
                # No .env lies here, and nothing of the person's own folder is touched.
                cwd=self._folder, env=environment,
            )  # fmt: skip
        self._announce()
        ended = self._process.wait()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(started_at))
            code = await ended
            watching.cancel()
        return code

    async def _watch(self, started_at: float) -> None:
        # The core tells of changes that a page should draw; a call is none of them.
        while not any(  # noqa: ASYNC110
            call.at >= started_at and call.method.lower() == "getupdates"
            for call in reversed(self._core.calls)
        ):
            await asyncio.sleep(_LOOK)
        self._change("open", self._note if self._starts == 1 else "The bot is back.")

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _change(self, state: Literal["starting", "open", "down"], note: str) -> None:
        self._state = state
        self.tell(note)

    def _show_last_words(self, code: int) -> None:
        written = self._log.read_bytes()[self._log_begins :]
        lines = written.decode(errors="replace").splitlines()
        sys.stderr.write(
            "\n".join([f"the bot ended with exit code {code}:", *lines[-_LINES_OF_LOG:], ""])
        )
        sys.stderr.flush()


class Upstream:
    """The pretend GateProxy over HTTP, and the mischief that can be ordered from it."""

    def __init__(self, *, announce: Callable[[], None]) -> None:
        self.sandbox = GateProxySandbox()
        self._account = self.sandbox.accounts[TOKEN]
        self._announce = announce
        self._prices = "as usual"

    async def serve(self, request: web.Request) -> web.Response:
        """Hand one request to the sandbox; a line that it cuts is cut here, too."""
        asked = httpx.Request(
            request.method,
            "http://sandbox" + request.raw_path.removeprefix(_GATEPROXY),
            headers=list(request.headers.items()),
            content=await request.read(),
        )
        try:
            answer = await self.sandbox.handle(asked)
        except ConnectionError:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        finally:
            if request.method == "POST":
                self._announce()
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in {"content-length", "transfer-encoding"}
        }
        return web.Response(status=answer.status_code, body=answer.content, headers=kept)

    def status(self) -> dict[str, Any]:
        """The upstream's own record, and what it is up to."""
        busy = self._account.busy_until - time.time()
        expects = [
            "the next order is made and its answer lost"
            if fault.error is not None
            else f"the next order takes {fault.delay:.0f} s"
            for fault in self.sandbox.faults
        ]
        if busy > 0:
            expects.append(f"another order runs for {busy:.0f} s more")
        if self._prices != "as usual":
            expects.append(f"prices {self._prices}")
        return {
            "orders": len(self.sandbox.orders),
            "balance": f"{self._account.balance:.2f}",
            "expects": expects,
        }

    def controls(self) -> list[Control]:
        """The buttons of the strip that are about the upstream."""
        return [
            Control(
                "silent",
                "Upstream is silent",
                "The next order is made and paid there, but the answer gets lost on its way.",
                lambda: self._next_order(Fault(error=ConnectionError("silent"), is_done=True)),
            ),
            Control(
                "slow",
                f"Upstream is slow ({_SLOW_SECONDS:.0f} s)",
                "The next order takes that long.",
                lambda: self._next_order(Fault(delay=_SLOW_SECONDS)),
            ),
            Control(
                "busy",
                "Another order is running",
                f"For {_BUSY_SECONDS:.0f} s the upstream refuses every order: one at a time.",
                self._keep_busy,
            ),
            Control(
                "dearer",
                "Price goes up 10 %",
                "Every plan costs us more from now on. Open a plan first, then buy it: nobody "
                "pays a price they have not seen. The shop looks at prices once a minute.",
                self._raise_prices,
            ),
            Control(
                "empty",
                "Our account is empty",
                "The upstream has no money of ours left and refuses orders.",
                self._drain,
            ),
            Control("calm", "All is well again", "Takes back everything above.", self._calm),
        ]

    def _next_order(self, fault: Fault) -> None:
        self.sandbox.faults.append(fault)
        self._announce()

    def _keep_busy(self) -> None:
        self._account.busy_until = time.time() + _BUSY_SECONDS
        self._announce()

    def _raise_prices(self) -> None:
        for provider in self.sandbox.providers.values():
            for plan in provider.plans:
                plan.price = (plan.price * Decimal("1.10")).quantize(Decimal("0.01"))
        self._prices = "went up"
        self._announce()

    def _drain(self) -> None:
        self.sandbox.set_balance(TOKEN, "0.00")
        self._announce()

    def _calm(self) -> None:
        self.sandbox.faults.clear()
        self._account.busy_until = 0.0
        self.sandbox.providers = {provider.code: provider for provider in catalogue()}
        self._prices = "as usual"
        self.sandbox.set_balance(TOKEN, _BALANCE)
        self._announce()


async def _welcome(core: Telegram, bot: Bot) -> None:
    """Give Alice her balance the way any customer gets one: Olga tops it up in the chat."""
    try:
        async with asyncio.timeout(WELCOME_SECONDS):
            await _until(core, lambda: bot.is_open)
            core.send(ALICE, "/start")
            await _until(core, lambda: _from_bot(core, ALICE))
            core.send(OLGA, f"/topup @{ALICE.username} 25 welcome")
            await _until(core, lambda: _confirm(core))
            preview, data = _confirm(core)[-1]
            told = len(_from_bot(core, ALICE))
            core.tap(OLGA, preview.id, data)
            await _until(core, lambda: len(_from_bot(core, ALICE)) > told)
    except TimeoutError:
        bot.tell(
            "Olga could not give Alice her welcome balance: see what the bot says in her chat."
        )
    else:
        _say("the shop is open: Alice has 25.00 USD; Ctrl-C ends the demo")


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


def _announce(core: Telegram) -> None:
    """Tell the page to look at the status again."""
    for listener in list(core.on_change):
        listener(Change("status"))


def _environment(token: str, url: str, folder: Path) -> dict[str, str]:
    """What the bot may know: settings of the demo alone, nothing that was set outside."""
    # pydantic reads names in any case.
    names: Iterable[str] = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in names}
    path = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
    return {
        **kept,
        "PYTHONPATH": path,
        "BOT_TOKEN": token,
        "ADMIN_IDS": str(OLGA.id),
        "GATEPROXY_TOKENS": TOKEN,
        "GATEPROXY_URL": url + _GATEPROXY,
        "TELEGRAM_API_URL": url,
        "DATABASE_URL": f"sqlite:///{folder / 'bot.db'}",
    }


@asynccontextmanager
async def _served(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve on the loopback address at this port, or at a free one if it is taken; the URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as failure:
            if failure.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            await web.TCPSite(runner, HOST, 0).start()
            _say(f"port {port} is taken, so the demo has another one")
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

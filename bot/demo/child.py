"""The bot of the demo: the shop in a process of its own, killed at will and started again."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from bot.demo.telegram import Telegram
from bot.settings import Settings

STOP_SECONDS: Final = 25.0
"""How long the bot may take to come to its end; it needs up to 20."""
_LOOK: Final = 0.1
_LONGEST_PAUSE: Final = 15.0
_LINES_OF_LOG: Final = 20
_ROOT: Final = Path(__file__).parents[2]


State = Literal["starting", "open", "down"]
Note = Literal["", "pulled", "back", "ended", "no_welcome"]
"""What there is to say about it; the page has the words."""


class Bot:
    """The shop in a process of its own, started again whenever it is gone."""

    def __init__(self, core: Telegram, folder: Path, *, announce: Callable[[], None]) -> None:
        self._core = core
        self._folder = folder
        self._log = folder / "bot.log"
        self._announce = announce
        self._process: Process | None = None
        self._is_plug_pulled = False
        self._state: State = "starting"
        self._note: Note = ""
        self._code = 0
        self._starts = 0
        self._log_begins = 0
        self.was_open = False
        """Whether it has been open at least once: then its database is there."""

    def status(self) -> dict[str, Any]:
        """How the bot is doing, for the page."""
        return {
            "state": self._state,
            "note": self._note,
            "code": self._code,
            "starts": self._starts,
            "pid": self._process.pid if self._process is not None else None,
        }

    def tell(self, note: Note) -> None:
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

    async def keep_running(self, settings: Mapping[str, str]) -> None:
        """Start the bot, again and again; when cancelled, let it come to its end."""
        environment = _environment(settings)
        pause = 1.0
        try:
            while True:
                started_at = time.time()
                self._code = await self._run(environment, started_at)
                if self._is_plug_pulled:
                    self._is_plug_pulled = False
                    self._change("starting", "pulled")
                    continue
                pause = 1.0 if time.time() - started_at > 60 else min(pause * 2, _LONGEST_PAUSE)
                self._change("down", "ended")
                self._show_last_words()
                await asyncio.sleep(pause)
                self._change("starting", "ended")
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
        while not any(  # noqa: ASYNC110 - and so there is no event to wait for
            call.at >= started_at and call.method.lower() == "getupdates"
            for call in reversed(self._core.calls)
        ):
            await asyncio.sleep(_LOOK)
        self.was_open = True
        self._change("open", "" if self._starts == 1 else "back")

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

    def _change(self, state: State, note: Note) -> None:
        self._state = state
        self.tell(note)

    def _show_last_words(self) -> None:
        written = self._log.read_bytes()[self._log_begins :]
        lines = written.decode(errors="replace").splitlines()
        sys.stderr.write(
            "\n".join([f"the bot ended with exit code {self._code}:", *lines[-_LINES_OF_LOG:], ""])
        )
        sys.stderr.flush()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What the bot may know: settings of the demo alone, nothing that was set outside."""
    # pydantic reads names in any case.
    names: Iterable[str] = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in names}
    path = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, **settings}

"""The page over a fake Telegram alone: the test says what the bot would say."""

from __future__ import annotations

import asyncio
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from bot.demo import telegram_http
from bot.demo.cast import CAST
from bot.demo.page import add_page
from bot.demo.telegram import Telegram, UploadedFile

T = TypeVar("T")
NOTHING_INSIDE = {
    "bot": {"state": "open", "note": "", "code": 0, "starts": 1, "pid": 1},
    "upstream": {"made": 0, "asked": 0, "balance": "500.00", "renewing": 0, "orders": []},
    "inside": None,
}


class Stage:
    """Serves the page from a thread; everything about the core happens there as well."""

    def __init__(self) -> None:
        self.core = Telegram(people=[one.person for one in CAST])
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(30)

    def does(self, act: Callable[[], T]) -> T:
        """Do something where the core lives."""

        async def done() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(30)

    def says(
        self, method: str, files: dict[str, UploadedFile] | None = None, **params: Any
    ) -> Any:
        """One call of the bot, which has to be taken."""
        answer = self.does(lambda: self.core.call(method, params, files))
        assert answer.ok, answer.description
        return answer.result

    def close(self) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        app = telegram_http.application(self.core, "7000000001:demo")
        add_page(app, people=CAST, controls=[], status=lambda: NOTHING_INSIDE)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"


def picture() -> UploadedFile:
    """A small red square."""

    def chunk(name: bytes, data: bytes) -> bytes:
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    size = 40
    pixels = zlib.compress((b"\0" + b"\xc0\x30\x30" * size) * size)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return UploadedFile("square.png", png, "image/png")

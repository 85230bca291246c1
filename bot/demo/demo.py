"""`python -m bot demo`: the real bot as a child, and around it everything it talks to."""

from __future__ import annotations

import asyncio
import errno
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from aiohttp import hdrs, web

from bot.demo import telegram_http, upstream
from bot.demo.cast import CAST, OLGA, welcome
from bot.demo.child import Bot
from bot.demo.inside import Inside
from bot.demo.page import add_page
from bot.demo.strip import strip
from bot.demo.telegram import Change, Telegram
from bot.domain.errors import StartRefused
from bot.upstreams.sandbox_proxy import SandboxProxy

HOST: Final = "127.0.0.1"
WELCOME_SECONDS: Final = 120.0


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

        def announce() -> None:
            """Tell the page to look at the status again."""
            for listener in list(core.on_change):
                listener(Change("status"))

        token = f"{core.bot_id}:DEMO{secrets.token_hex(16)}"
        books = f"sqlite:///{folder}/bot.db"
        bot = Bot(core, Path(folder), announce=announce)
        seller = upstream.Upstreams(announce=announce)
        inside = Inside(
            f"sqlite+aiosqlite:///{folder}/bot.db",
            is_there=lambda: bot.was_open,
            made=lambda: seller.made,
            announce=announce,
        )
        app = telegram_http.application(core, token)
        for path in (upstream.PATH, upstream.STAT_PATH):
            app.router.add_route(hdrs.METH_ANY, path + "/{path:.*}", seller.serve)
        add_page(
            app,
            people=CAST,
            controls=strip(core, seller.controls(), pull_the_plug=bot.pull_the_plug),
            status=lambda: {
                "bot": bot.status(),
                "upstream": seller.record(),
                "inside": inside.status(),
            },
        )
        proxy = SandboxProxy(seller.password_of)
        async with _served(app, port) as url, proxy.served() as proxy_port:
            seller.sandbox.proxy_port = seller.stat.proxy_port = proxy_port
            settings = {
                "BOT_TOKEN": token,
                "ADMIN_IDS": str(OLGA.id),
                **seller.settings(url),
                "TELEGRAM_API_URL": url,
                "DATABASE_URL": books,
                # A name that means this machine; the pretend proxy answers for it.
                "PROXY_TEST_URL": "http://exit.localhost",
            }
            _say(f"open {url}")
            _say("the bot is starting: this takes some ten seconds")
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(bot.keep_running(settings)),
                    tasks.create_task(_welcome(core, bot)),
                    tasks.create_task(inside.watch()),
                ]
                await stop.wait()
                _say("closing the shop: what runs comes to its end first")
                for task in running:
                    task.cancel()
    _say("the demo is over, and everything in it is gone")
    return 0


async def _welcome(core: Telegram, bot: Bot) -> None:
    try:
        async with asyncio.timeout(WELCOME_SECONDS):
            await welcome(core, lambda: bot.is_open)
    except TimeoutError:
        bot.tell("no_welcome")
    else:
        _say("the shop is open: Alice has 25.00 USD; Ctrl-C ends the demo")


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

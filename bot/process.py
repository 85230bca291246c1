"""One process of the shop: it takes its turn, works until it is told to stop, and closes."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import DBAPIError

from bot.app import Shop, accounts, build
from bot.db.session import BooksGone, is_away, reason_of
from bot.domain.customers import ShopInfo
from bot.domain.errors import StartRefused
from bot.domain.notices import Trouble
from bot.every import every
from bot.services.fulfilment import LOOK, LaneWorker
from bot.services.leases import RENEW, Lease, LeaseLost
from bot.settings import Settings

if TYPE_CHECKING:
    from aiogram import Bot, Dispatcher

    from bot.handlers.courier import Courier
    from bot.handlers.polling import Polling

log = structlog.stdlib.get_logger(__name__)

DRAIN_SECONDS = 20.0
IDLE_SECONDS = 1.0
LOOK_SECONDS = 1.0
"""Between looks at the database file itself."""


async def run(settings: Settings) -> None:
    """Sell until SIGTERM or SIGINT; then let what runs come to its end, for up to 20 seconds.

    A second process on the same database waits until this one is gone.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    for warning in settings.warnings():
        log.warning(warning)
    async with build(settings, upstream_accounts=accounts(settings), may_migrate=True) as shop:
        # Imported this late because it takes seconds; the database was checked meanwhile.
        from bot.handlers.introduction import introduce
        from bot.i18n import LANGUAGES, texts

        for language in LANGUAGES:
            texts(language)

        async with _bot(settings) as bot:
            username = await _username(bot, stop)
            if username is None:
                return
            await introduce(bot, settings.admin_ids)
            # A full collection of all that was imported would stop everything for 160 ms.
            gc.collect()
            gc.freeze()
            support = settings.support.removeprefix("@") or None
            info = ShopInfo(support, username, await shop.restores.latest())
            await _take_turns(shop, bot, info, stop)
    log.info("the shop is closed")


async def _take_turns(shop: Shop, bot: Bot, info: ShopInfo, stop: asyncio.Event) -> None:
    """Work while this process holds the lease, and wait while another one does."""
    is_idle = is_silent = False
    while not stop.is_set():
        try:
            is_taken = await shop.lease.take()
        except Exception as error:
            _refuse_lost(shop)
            if not is_away(error):
                raise
            if not is_silent:
                is_silent = True
                log.warning("the database takes no writes: waiting", error=_reason(error))
            await wait(stop, IDLE_SECONDS)
            continue
        is_silent = False
        if is_taken:
            is_idle = False
            log.info("the shop is open", bot=f"@{info.bot_username}")
            await _work(shop, bot, info, stop)
        elif not is_idle:
            is_idle = True
            log.info("another process works: waiting for it to be gone")
        _refuse_lost(shop)
        await shop.jobs.beat()
        await wait(stop, IDLE_SECONDS)


async def _work(shop: Shop, bot: Bot, info: ShopInfo, stop: asyncio.Event) -> None:
    """Everything that runs while this process holds the lease."""
    try:
        async with asyncio.TaskGroup() as tasks:
            await shop.catalog.load()
            # Before the first look at the price list, which is read through a lane.
            await shop.lanes.open()
            # Before the first tap is handled: wrong books must not get worse.
            await shop.jobs.audit()
            telegram = telegram_side(shop, bot, info, tasks)
            shop.jobs.polled_at = lambda: telegram.polling.turned_at
            workers = Workers(shop, tasks)
            started = [
                tasks.create_task(telegram.polling.run()),
                tasks.create_task(telegram.courier.run()),
                tasks.create_task(workers.run()),
                tasks.create_task(_renew(shop.lease)),
                tasks.create_task(_watch(shop)),
                *(
                    tasks.create_task(every(job.seconds, job.run, name=job.name))
                    for job in shop.jobs.all()
                ),
            ]
            await stop.wait()
            log.info("closing: what runs comes to its end first")
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    # The courier last: it sends what the others' last steps left behind.
                    await asyncio.gather(telegram.polling.stop(), workers.stop())
                    await telegram.courier.stop()
            except TimeoutError:
                log.warning("closing although something still runs")
            for task in started:
                task.cancel()
            workers.cancel()
    except BaseExceptionGroup as group:
        await _ended(group, shop.database.lost)
    else:
        await shop.lease.give_up()
    finally:
        shop.jobs.polled_at = None


async def _ended(group: BaseExceptionGroup[BaseException], damage: str | None) -> None:
    """One clear reason out of a group; a lost lease only means that another process works."""
    refused = group.subgroup(StartRefused)
    if refused is not None:
        raise StartRefused(str(_first(refused))) from None
    if damage is not None:
        # SQLite may notice it first, and in its own words: the file is "readonly", say.
        raise StartRefused(damage) from None
    lost, rest = group.split(LeaseLost)
    if rest is not None:
        failed = _first(rest)
        if isinstance(failed, BooksGone):
            raise StartRefused(str(failed))
        if isinstance(failed, DBAPIError):
            raise StartRefused(f"DATABASE_URL: the database failed ({reason_of(failed)})")
        raise rest
    log.warning("the lease is lost: another process works now", reason=str(lost))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


@dataclass(frozen=True, slots=True)
class TelegramSide:
    """What reads from Telegram and what writes to it."""

    dispatcher: Dispatcher
    polling: Polling
    courier: Courier


def telegram_side(shop: Shop, bot: Bot, info: ShopInfo, tasks: asyncio.TaskGroup) -> TelegramSide:
    """Wire handlers, drawing and notices over one bot; their tasks live in `tasks`."""
    from aiogram import Dispatcher

    from bot.handlers import routes
    from bot.handlers.courier import Courier
    from bot.handlers.polling import Polling
    from bot.handlers.render import Renderer

    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.include_router(routes(shop.clock))
    dispatcher.workflow_data.update(shop.parts(info))
    renderer = Renderer(bot, orders=shop.orders)
    conflict = Trouble("second_poller")
    polling = Polling(
        bot,
        dispatcher,
        renderer,
        tasks,
        shop.clock,
        on_conflict=lambda: shop.outbox.alarm(conflict, dedupe=conflict.code),
    )
    courier = Courier(
        shop.outbox,
        renderer,
        tasks,
        shop.clock,
        bot=bot,
        orders=shop.orders,
        formats=shop.formats,
        customers=shop.customers,
        catalog=shop.catalog,
        markup=shop.markup,
        plans=shop.plans,
        usages=shop.usages,
        desk=shop.desk,
        proofs=shop.proofs,
    )
    return TelegramSide(dispatcher, polling, courier)


@asynccontextmanager
async def _bot(settings: Settings) -> AsyncIterator[Bot]:
    from aiogram import Bot
    from aiogram.client.default import DefaultBotProperties
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer

    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.telegram_api_url))
    plain = DefaultBotProperties(parse_mode="HTML", link_preview_is_disabled=True)
    bot = Bot(settings.bot_token.get_secret_value(), session, default=plain)
    try:
        yield bot
    finally:
        await session.close()


async def _username(bot: Bot, stop: asyncio.Event) -> str | None:
    """The bot's name, asked until Telegram answers; None when told to stop meanwhile."""
    from aiogram.exceptions import AiogramError, TelegramNotFound, TelegramUnauthorizedError

    while not stop.is_set():
        try:
            # Asked through the bot, which then remembers it for commands that name the bot.
            return (await bot.me()).username or ""
        except (TelegramUnauthorizedError, TelegramNotFound):
            raise StartRefused("BOT_TOKEN: Telegram does not know this token") from None
        except AiogramError as error:
            # The class alone: the text of a network error may hold the token.
            log.warning("TELEGRAM_API_URL: no answer, trying again", error=type(error).__name__)
            await wait(stop, 3)
    return None


class Workers:
    """One task for each lane, started as soon as the lane is open."""

    def __init__(self, shop: Shop, tasks: asyncio.TaskGroup) -> None:
        self._shop = shop
        self._tasks = tasks
        self._workers: dict[int, LaneWorker] = {}
        self._running: list[asyncio.Task[Any]] = []

    async def run(self) -> None:
        """Open lanes until every account has one, and start their workers."""
        is_open = is_late = False
        while not is_open:
            is_open = await self._shop.lanes.open()
            for lane in self._shop.lanes:
                if lane.id not in self._workers:
                    worker = self._workers[lane.id] = self._shop.worker(lane)
                    if is_late:
                        await self._shop.jobs.refresh_catalog()
                    self._running.append(
                        self._tasks.create_task(
                            every(LOOK, worker.drain, name=f"lane {lane.id}", sleep=worker.pause)
                        )
                    )
            if not is_open:
                is_late = True
                await asyncio.sleep(LOOK * 10)

    async def stop(self) -> None:
        """Let each worker finish the step it is in."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))

    def cancel(self) -> None:
        """End the tasks."""
        for task in self._running:
            task.cancel()


async def _renew(lease: Lease) -> None:
    """Keep the lease for as long as the database answers, and ask again when it does not.

    Nothing can be claimed, sold or sent twice meanwhile: all of that is written down first.
    """
    is_silent = False
    while True:
        await asyncio.sleep(RENEW)
        try:
            await lease.renew()
        except Exception as error:
            if not is_away(error):
                raise
            if not is_silent:
                log.warning("the lease cannot be renewed: trying again", error=_reason(error))
            is_silent = True
        else:
            is_silent = False


async def _watch(shop: Shop) -> None:
    """End the process once its database is damaged, deleted or replaced."""
    while True:
        _refuse_lost(shop)
        await asyncio.sleep(LOOK_SECONDS)


def _refuse_lost(shop: Shop) -> None:
    if shop.database.lost is not None:
        raise StartRefused(shop.database.lost)


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, DBAPIError) else type(error).__name__


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass

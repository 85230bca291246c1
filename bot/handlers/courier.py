"""The courier: sends what the shop owes people, until Telegram took it."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
)

from bot.db.vault import SealBroken
from bot.domain.catalog import Offer, PlanId
from bot.domain.clock import Clock
from bot.domain.errors import OfferGone
from bot.domain.exchanges import Exchanged
from bot.domain.markup import RuleChangeId
from bot.domain.notices import (
    BackupMade,
    CustomerAsks,
    CustomerComplains,
    ExchangeToDeliver,
    ExchangeTold,
    ForOwners,
    MarkupMoved,
    OrderDecided,
    OrderDelivered,
    OrderExchanged,
    OrderInDoubt,
    OrderInReview,
    OrderMoved,
    OrderNeedsPerson,
    OrderRefunded,
    OrderReleased,
    OrderToDeliver,
    OwnerReplied,
    PlanMoved,
    ProxyTested,
    ShopReady,
    Sold,
    StrayFound,
    SubscriptionRuns,
    Trouble,
    UsageAlerted,
    UsageUnwatched,
    WalletChanged,
    WalletMoved,
)
from bot.domain.orders import OrderId, OrderState
from bot.domain.plans import PlanChangeId
from bot.domain.tastes import grammar_of
from bot.handlers.buckets import Buckets
from bot.handlers.introduction import give_owner_menu
from bot.handlers.render import Renderer, limit_of
from bot.i18n import Texts, texts
from bot.screens import delivery as delivery_screens
from bot.screens import exchanges as exchange_screens
from bot.screens import notices, owner_notices
from bot.screens import orders as order_screens
from bot.screens import proofs as proof_screens
from bot.screens import usage as usage_screens
from bot.screens.base import Screen
from bot.screens.troubles import trouble
from bot.screens.welcome import welcome
from bot.services.catalog import Catalog
from bot.services.customers import Customers
from bot.services.desk import ShopDesk
from bot.services.formats import Formats
from bot.services.markup import Markup
from bot.services.orders import Orders
from bot.services.outbox import Outbox, Owed, Unreadable
from bot.services.plans import Plans
from bot.services.proofs import Proofs
from bot.services.usage import Usages

log: Final = structlog.stdlib.get_logger(__name__)

# About what Telegram takes; it publishes no exact numbers, so `retry_after` has the last word.
PER_SECOND: Final = 30
PER_CHAT_SECOND: Final = 1
CHAT_BURST: Final = 3
LOOK_SECONDS: Final = 0.5
PATIENCE: Final = 2.0
LONGEST_PAUSE: Final = 600.0
MOST_FAILURES: Final = 10
DRAIN_SECONDS: Final = 10.0

_TO_CUSTOMER = (
    OrderMoved | OrderDelivered | OrderInDoubt | OrderInReview | OrderReleased | OrderRefunded
)
_NOBODY_THERE = ("chat not found", "peer_id_invalid", "user not found", "input_user_deactivated")


class Courier:
    """Sends each notice at least once, in order within a chat, chats side by side.

    A notice counts as sent when Telegram took it. Somebody who blocked the bot gets theirs at the
    next contact; what Telegram refuses for good is given up and told to the owners. A delivery
    that cannot be opened is put off, and what came after it goes first.
    """

    def __init__(
        self,
        outbox: Outbox,
        renderer: Renderer,
        tasks: asyncio.TaskGroup,
        clock: Clock,
        *,
        bot: Bot,
        orders: Orders,
        formats: Formats,
        customers: Customers,
        catalog: Catalog,
        markup: Markup,
        plans: Plans,
        usages: Usages,
        desk: ShopDesk,
        proofs: Proofs,
        patience: float = PATIENCE,
    ) -> None:
        self._outbox = outbox
        self._renderer = renderer
        self._bot = bot
        self._tasks = tasks
        self._clock = clock
        self._orders = orders
        self._formats = formats
        self._customers = customers
        self._catalog = catalog
        self._markup = markup
        self._plans = plans
        self._usages = usages
        self._desk = desk
        self._proofs = proofs
        self._patience = patience
        self._everybody = Buckets(clock, burst=PER_SECOND, per_second=PER_SECOND)
        self._chats = Buckets(clock, burst=CHAT_BURST, per_second=PER_CHAT_SECOND)
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._taken: set[int] = set()
        self._failures: dict[int, int] = {}
        self._not_before: dict[int, float] = {}
        self._looking = asyncio.Lock()
        self._is_stopping = False

    async def run(self) -> None:
        """Send whatever becomes due, until `stop`; a failed look is logged and repeated."""
        while not self._is_stopping:
            self._outbox.woken.clear()
            if await self._look():
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._outbox.woken.wait()

    async def stop(self) -> None:
        """Take up what is due by now and nothing new; wait up to 10 s for it, cancel the rest."""
        self._is_stopping = True
        self._outbox.woken.set()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._look()
                while self._busy:
                    await asyncio.wait(self._busy.values())
        except TimeoutError:
            log.warning("notices are left for the next start", count=len(self._busy))
        finally:
            for task in self._busy.values():
                task.cancel()

    async def step(self) -> bool:
        """Send what is due; whether anything was.

        Waits for a slow chat for a moment only, and leaves it out until it is done.
        """
        # Of two looks at once, the slower would send again what the other one has sent.
        async with self._looking:
            now = self._clock.elapsed()
            due = await self._outbox.due(PER_SECOND + len(self._busy) + len(self._not_before))
            started = []
            for owed in due:
                if owed.chat_id in self._busy or self._not_before.get(owed.id, now) > now:
                    continue
                if not self._chats.has(owed.chat_id) or not self._everybody.take(None):
                    continue
                self._chats.take(owed.chat_id)
                task = self._tasks.create_task(self._deliver(owed))
                self._busy[owed.chat_id] = task
                started.append(task)
            if started:
                await asyncio.wait(started, timeout=self._patience)
            return bool(started)

    async def _look(self) -> bool:
        try:
            return await self.step()
        except Exception:
            # The database may be away for a while; what is owed stays in it.
            log.exception("the courier could not look")
            return False

    async def _deliver(self, owed: Owed) -> None:
        try:
            await self._attempt(owed)
        except Exception:
            # Held back in memory, because the database may be what failed.
            failures = self._failures[owed.id] = self._failures.get(owed.id, 0) + 1
            self._not_before[owed.id] = self._clock.elapsed() + _pause(failures)
            log.exception("a notice was not sent", notice=owed.id, kind=owed.notice.kind)
        else:
            self._failures.pop(owed.id, None)
            self._not_before.pop(owed.id, None)
        finally:
            self._busy.pop(owed.chat_id, None)

    async def _attempt(self, owed: Owed) -> None:
        """Send one notice and decide what Telegram's answer means."""
        if isinstance(owed.notice, Unreadable):
            await self._give_up(owed, "cannot be read")
            return
        # Whoever left ADMIN_IDS meanwhile is owed nothing that is for owners.
        if isinstance(owed.notice, ForOwners) and owed.chat_id not in self._outbox.owners:
            await self._outbox.withdraw(owed)
            return
        is_poison = self._failures.get(owed.id, 0) >= MOST_FAILURES
        if is_poison:
            if not isinstance(owed.notice, OrderDelivered | OrderExchanged):
                await self._give_up(owed, "cannot be drawn")
                return
            # What was paid for stays owed, and holds back nothing that came after it.
            await self._outbox.put_off(owed, LONGEST_PAUSE, "cannot be drawn")
        t = texts(owed.language)
        try:
            async with self._renderer.turns.take(owed.chat_id):
                if owed.id not in self._taken:
                    screen = await self._screen(t, owed)
                    if screen is not None:
                        await self._renderer.send(owed.chat_id, screen)
                    # From here on a database that fails makes no second message.
                    self._taken.add(owed.id)
                await self._outbox.sent(owed)
                self._taken.discard(owed.id)
                await self._redraw(t, owed)
        except SealBroken:
            # Only another start, with the right key, can open it.
            log.exception("a delivery cannot be opened", notice=owed.id, kind=owed.notice.kind)
            await self._outbox.put_off(owed, _pause(owed.tries), "cannot be opened")
        except TelegramRetryAfter as busy:
            await self._outbox.later(owed, limit_of(busy), "429")
        except TelegramForbiddenError:
            await self._customers.unreachable(owed.chat_id)
        except TelegramBadRequest as refused:
            if any(words in refused.message.lower() for words in _NOBODY_THERE):
                # An owner who never started the bot, or an account that is gone.
                await self._customers.unreachable(owed.chat_id)
            else:
                await self._give_up(owed, refused.message)
        except AiogramError as error:
            # Telegram is away: nothing is ever given up for that. The error's text may hold more
            # than its class should tell.
            await self._outbox.later(owed, _pause(owed.tries), type(error).__name__)

    async def _redraw(self, t: Texts, owed: Owed) -> None:
        """Bring the order's living screen up to date, where it still stands."""
        if not isinstance(owed.notice, _TO_CUSTOMER):
            return
        # Read within the chat's turn: a tap that left the screen has said so before, and the
        # drawing of one that has not comes after this.
        line, message_id = await self._orders.living(owed.notice.order)
        if message_id is not None and line.order.customer == owed.chat_id:
            screen = order_screens.order(t, line)
            await self._renderer.edit_patiently(owed.chat_id, message_id, screen)

    async def _give_up(self, owed: Owed, error: str) -> None:
        log.error("a notice was given up", notice=owed.id, kind=owed.notice.kind, error=error)
        await self._outbox.dead(owed, error)
        # An alert about an alert that cannot be sent would never end.
        if owed.chat_id not in self._outbox.owners:
            await self._outbox.alarm(
                Trouble("notice_dead", owed.notice.kind), dedupe="notice_dead"
            )

    async def _screen(self, t: Texts, owed: Owed) -> Screen | None:
        """The notice as it reads now; None for one that only changes a living screen."""
        match owed.notice:
            case OrderMoved():
                return None
            case OrderDelivered(order=order) | OrderExchanged(order=order):
                sold, delivery = await self._orders.delivered(order)
                formatting = await self._formats.of(sold.customer)
                known = self._usages.known(sold)
                provider = self._catalog.provider(sold.provider)
                grammar = grammar_of(provider.code, delivery)
                above = None
                if isinstance(owed.notice, OrderExchanged):
                    above = exchange_screens.replaced(t, sold)
                return delivery_screens.delivered(
                    t, sold, delivery, known, formatting, grammar, above=above
                )
            case ExchangeTold(order=number, state=state):
                return exchange_screens.told(t, Exchanged(await self._orders.find(number), state))
            case OrderInDoubt() | OrderInReview() if await self._is_shown(owed.notice.order):
                # The living screen says it in a moment; once is enough.
                return None
            case OrderInDoubt() as notice:
                return notices.order_in_doubt(t, notice, await self._orders.find(notice.order))
            case OrderInReview() as notice:
                return notices.order_in_review(t, notice, await self._orders.find(notice.order))
            case OrderReleased() as notice:
                order_ = await self._orders.find(notice.order)
                return notices.order_released(t, notice, order_, _intent(owed))
            case OrderRefunded() as notice:
                return notices.order_refunded(t, notice, await self._orders.find(notice.order))
            case UsageAlerted(order=number, percent=percent):
                watched = await self._orders.find(number)
                readings = await self._usages.readings(number)
                return usage_screens.alerted(t, watched, percent, readings)
            case ProxyTested(order=number):
                proof = await self._proofs.last(number)
                if proof is None:
                    return None
                return proof_screens.receipt(t, await self._orders.find(number), proof)
            case UsageUnwatched(order=number):
                return usage_screens.unwatched(t, await self._orders.find(number))
            case WalletChanged() as notice:
                return notices.wallet_changed(t, notice, self._offer(notice.wanted_plan))
            case OwnerReplied() as notice:
                return notices.owner_replied(t, notice)
            case _:
                return await self._screen_for_owner(t, owed)

    async def _screen_for_owner(self, t: Texts, owed: Owed) -> Screen | None:
        person = self._customers.person
        match owed.notice:
            case CustomerAsks() as notice:
                return owner_notices.customer_asks(t, notice, await person(notice.customer))
            case CustomerComplains() as notice:
                order = await self._orders.find(notice.order)
                seen = self._usages.known(order) or await self._usages.last(order.id)
                return owner_notices.customer_complains(
                    t, notice, order, await person(order.customer), seen
                )
            case WalletMoved() as notice:
                by = await person(notice.by)
                return owner_notices.wallet_moved(t, notice, by, await person(notice.customer))
            case MarkupMoved() as notice:
                named = await self._markup.change(RuleChangeId(notice.change))
                return owner_notices.markup_moved(t, notice, await person(notice.by), named)
            case PlanMoved() as notice:
                changed = await self._plans.change(PlanChangeId(notice.change))
                return owner_notices.plan_moved(t, notice, await person(notice.by), changed)
            case OrderNeedsPerson() as notice:
                order = await self._orders.find(notice.order)
                return owner_notices.order_needs_person(
                    t, notice, order, await person(order.customer)
                )
            case OrderToDeliver() as notice:
                order = await self._orders.find(notice.order)
                # Somebody has delivered it meanwhile.
                if order.state is not OrderState.PREPARING:
                    return None
                return owner_notices.order_to_deliver(
                    t, notice, order, await person(order.customer)
                )
            case ExchangeToDeliver() as notice:
                order = await self._orders.find(notice.order)
                return exchange_screens.to_deliver(t, order, await person(order.customer))
            case SubscriptionRuns() as notice:
                return owner_notices.subscription_runs(t, notice)
            case OrderDecided() as notice:
                order = await self._orders.find(notice.order)
                return owner_notices.order_decided(t, notice, await person(notice.by), order)
            case Sold() as notice:
                order = await self._orders.find(notice.order)
                return owner_notices.sold(t, notice, order, await person(order.customer))
            case StrayFound() as notice:
                return owner_notices.stray_found(t, notice)
            case BackupMade() as notice:
                # One that is gone by now was thinned out; the next day's comes by itself.
                is_there = await asyncio.to_thread(Path(notice.file).is_file)
                return owner_notices.backup_made(t, notice) if is_there else None
            case ShopReady():
                await give_owner_menu(self._bot, owed.chat_id)
                return welcome(t, await self._desk.state(), self._markup.rules()[0])
            case Trouble() as notice:
                return trouble(t, notice)
            case _:
                return None

    async def _is_shown(self, order: OrderId) -> bool:
        _, message_id = await self._orders.living(order)
        return message_id is not None

    def _offer(self, plan: PlanId | None) -> Offer | None:
        if plan is None:
            return None
        try:
            return self._catalog.offer(plan)
        except OfferGone:
            return None


def _intent(owed: Owed) -> str:
    """The intent behind the Buy button of a notice: the same one, if it is sent twice."""
    return hashlib.sha256(f"notice:{owed.id}".encode()).hexdigest()[:16]


def _pause(tries: int) -> float:
    return min(2.0 ** min(tries, 20), LONGEST_PAUSE)

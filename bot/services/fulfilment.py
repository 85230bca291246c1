"""The worker of a lane: places its orders one at a time, and asks for them until they are here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, func, select

from bot.db.models import AttemptRow, LaneRow, OrderRow
from bot.db.session import Database
from bot.domain.catalog import Plan, PlanId, title_mark
from bot.domain.clock import Clock
from bot.domain.errors import (
    Busy,
    NotSent,
    OfferGone,
    OutOfService,
    Refused,
    Unclear,
    UpstreamError,
)
from bot.domain.notices import OrderToDeliver, Trouble
from bot.domain.orders import OrderId, OrderState
from bot.services.catalog import Catalog
from bot.services.doubts import Doubts
from bot.services.lane import Lane
from bot.services.lanes import FRESH, READ_AGAIN, Lanes
from bot.services.moves import Moves
from bot.services.outbox import Outbox
from bot.services.placing import LONGEST, SEND_WITHIN, Placing
from bot.services.rows import IS_OPEN, ORDER
from bot.services.stops import SHOP, Stops, lane_scope
from bot.services.strays import Strays
from bot.services.wallets import Wallets
from bot.upstreams.base import Progress

log = structlog.get_logger()

LOOK = 1.0
"""Seconds between looks at the table, beside being woken."""
COST_FRESH = timedelta(seconds=60)
UNREADABLE = timedelta(seconds=30)
"""An order is released when its cost or the lane cannot be read for so long."""
BUSY_FOR = timedelta(seconds=120)
MOST_NOT_SENT = 3
IDLE = timedelta(minutes=3)
"""An order in line is released when its lane is stopped and has placed nothing for so long."""
POLLS = (2, 5, 10, 20, 40, 60)
"""Seconds between looks at an order being prepared; the last one repeats."""
PREPARING_FOR = timedelta(minutes=30)

_S = OrderState


class LaneWorker:
    """Everything that happens to one lane's orders after they were accepted.

    One step after another, never two at once: so a listing is never read while an attempt is
    in flight, and the path after a crash is the path of every day.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        placing: Placing,
        wallets: Wallets,
        moves: Moves,
        lanes: Lanes,
        stops: Stops,
        outbox: Outbox,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.lane = lane
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._placing = placing
        self._lanes = lanes
        self._stops = stops
        self._outbox = outbox
        self._jitter = jitter
        self._doubts = Doubts(
            lane, database=database, clock=clock, catalog=catalog, placing=placing,
            lanes=lanes,
        )  # fmt: skip
        self._strays = Strays(
            lane, database=database, clock=clock, catalog=catalog, wallets=wallets, moves=moves,
            listings=lanes.listings, outbox=outbox,
        )  # fmt: skip
        self._unreadable_since: datetime | None = None
        self._failed_at: datetime | None = None
        self._is_stopping = False
        self._stepping = asyncio.Lock()

    async def drain(self) -> None:
        """Step until nothing is due."""
        self.lane.woken.clear()
        async with self._stepping:
            while not self._is_stopping and await self.step():
                pass

    async def stop(self) -> None:
        """Take no further step, and wait for the one that runs."""
        self._is_stopping = True
        async with self._stepping:
            pass

    async def pause(self, seconds: float) -> None:
        """Wait to be woken, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.lane.woken.wait()
        except TimeoutError:
            pass

    async def step(self) -> bool:
        """Do the next thing that is due; False when nothing is."""
        now = self._clock.now()
        async with self._database.read() as reader:
            rows = (
                await reader.execute(
                    select(*ORDER)
                    .where(
                        OrderRow.lane_id == self.lane.id,
                        IS_OPEN,
                        OrderRow.state.in_((_S.RESERVED, _S.PLACING, _S.PREPARING, _S.IN_DOUBT)),
                    )
                    .order_by(OrderRow.id)
                )
            ).all()
        by_state: dict[str, list[Row[Any]]] = {}
        for row in rows:
            by_state.setdefault(row.state, []).append(row)
        for row in by_state.get(_S.PLACING, ()):
            # Nothing of this lane is in flight here: a crash or another process left it behind.
            await self._placing.doubt(OrderId(row.id), "interrupted")
            return True
        for row in by_state.get(_S.PREPARING, ()):
            if _is_due(row, now):
                await self._poll(row)
                return True
        doubtful = by_state.get(_S.IN_DOUBT, [])
        self._doubts.begin_to_count(doubtful)
        if any(_is_due(row, now) for row in doubtful):
            await self._doubts.find_out(doubtful)
            return True
        waiting = by_state.get(_S.RESERVED, [])
        is_busy = bool(waiting) and await self._serve(waiting, doubtful)
        # Behind the attempt, so that none waits for it, and however long the line is.
        await self._strays.watch()
        return is_busy

    async def _serve(self, waiting: Sequence[Row[Any]], doubtful: Sequence[Row[Any]]) -> bool:
        now = self._clock.now()
        if await self._is_stopped():
            for row in waiting:
                moments = (row.accepted_at, await self._placed_at(row.accepted_at))
                # What lies ahead was written by a clock that was wrong: it says nothing.
                known = [at for at in moments if at <= now]
                if not known or now - max(known) >= IDLE:
                    return await self._placing.release(
                        OrderId(row.id), "unavailable", only=(_S.RESERVED,)
                    )
            return False
        if self._failed_at is not None and timedelta(0) <= now - self._failed_at < READ_AGAIN:
            return False
        for row in waiting:
            if _is_due(row, now) and not self._waits(row, doubtful):
                plan = await self._prepare(row)
                if plan is not None:
                    await self._place(row, plan)
                return True
        return False

    def _waits(self, row: Row[Any], doubtful: Sequence[Row[Any]]) -> bool:
        """Whether an order in doubt could not be told from this one by a listing."""
        if self.lane.tells_orders_apart:
            return False
        if not self.lane.tells_plans_apart:
            return bool(doubtful)
        return any((one.provider, one.plan) == (row.provider, row.plan) for one in doubtful)

    async def _prepare(self, row: Row[Any]) -> Plan | None:
        """Gather the evidence and today's cost; None when the order cannot be placed now."""
        order, now = OrderId(row.id), self._clock.now()
        try:
            reading = self.lane.reading
            if reading is None or not timedelta(0) <= now - reading.began_at <= FRESH:
                reading = await self._lanes.read(self.lane)
            plan = await self._plan(row)
        except OutOfService as cause:
            await self._lanes.out_of_service(self.lane, cause)
            await self._placing.release(order, "unpaid", outcome=cause.code, only=(_S.RESERVED,))
            return None
        except OfferGone:
            await self._placing.release(order, "plan_gone", only=(_S.RESERVED,))
            return None
        except UpstreamError as error:
            await self._unreadable(order, error)
            return None
        self._unreadable_since = self._failed_at = None
        is_same = title_mark(plan.title) == title_mark(row.title)
        if not is_same and not plan.provider.is_priced_here:
            # The same code and price for something else: that was not agreed to.
            await self._placing.release(order, "plan_gone", only=(_S.RESERVED,))
            return None
        today = self._catalog.markups.price(plan) * row.quantity
        cost = plan.cost * row.quantity
        if today.micros > row.price_micros or cost.micros > row.price_micros:
            await self._placing.release(order, "price_rose", new_price=today, only=(_S.RESERVED,))
            return None
        if reading.balance is not None and reading.balance < cost:
            await self._cannot_pay(order)
            return None
        return plan

    async def _plan(self, row: Row[Any]) -> Plan:
        plan = self._catalog.agreed(PlanId(row.plan_id))
        if not timedelta(0) <= self._clock.now() - plan.read_at <= COST_FRESH:
            await self._catalog.refresh(self.lane.upstream, row.provider)
            plan = self._catalog.agreed(PlanId(row.plan_id))
        return plan

    async def _unreadable(self, order: OrderId, error: UpstreamError) -> None:
        now = self._clock.now()
        if self._failed_at is None or now - self._failed_at >= UNREADABLE:
            # Nobody has asked since the last failure: it says nothing about now.
            self._unreadable_since = None
        self._unreadable_since = self._unreadable_since or now
        self._failed_at = now
        log.warning("lane cannot be read", lane=self.lane.id, code=error.code)
        if now - self._unreadable_since >= UNREADABLE:
            await self._placing.release(
                order, "unavailable", outcome=error.code, only=(_S.RESERVED,)
            )

    async def _cannot_pay(self, order: OrderId) -> None:
        cheapest = self._catalog.cheapest(self.lane.upstream.name)
        short = OutOfService("insufficient_balance")
        balance = self.lane.balance
        if cheapest is None or balance is None or balance < cheapest:
            await self._lanes.out_of_service(self.lane, short)
        else:
            await self._outbox.alarm(
                Trouble("out_of_service", short.code), dedupe=f"short:{self.lane.id}"
            )
        await self._placing.release(order, "unpaid", outcome=short.code, only=(_S.RESERVED,))

    async def _place(self, row: Row[Any], plan: Plan) -> None:
        """Send the order once; what comes back, or does not, decides the next state."""
        started = self._clock.elapsed()
        claimed = await self._placing.claim(self.lane, OrderId(row.id), plan)
        if claimed is None:
            return
        order = claimed.order
        # GateProxy documents no idempotency key: a request that leaves late may buy for an
        # order that somebody has moved on since. Both clocks, because one may be set back.
        waited = self._clock.now() - claimed.sent_at
        is_late = self._clock.elapsed() - started > SEND_WITHIN.total_seconds()
        if is_late or not timedelta(0) <= waited <= SEND_WITHIN:
            await self._placing.back_in_line(order, "too_late_to_send", after=0)
            return
        upstream = self.lane.upstream
        try:
            made = await upstream.place(row.provider, row.plan, row.quantity, claimed.tag)
        except OutOfService as cause:
            await self._lanes.out_of_service(self.lane, cause)
            await self._placing.release(order, "unpaid", outcome=cause.code)
        except Busy as busy:
            await self._busy(order, busy)
        except Refused as refusal:
            log.warning("order refused", order=order, code=refusal.code)
            await self._placing.release(order, _reason(refusal), outcome=refusal.code)
            await self._take_off(plan, refusal)
            await self._outbox.alarm(
                Trouble("refused", _about(refusal.code, order, plan)),
                dedupe=f"refused:{refusal.code}",
            )
        except NotSent as error:
            await self._not_sent(order, error)
        except Unclear as unclear:
            log.warning("order in doubt", order=order, code=unclear.code)
            await self._placing.doubt(order, unclear.code, is_documented=unclear.documented)
            if unclear.documented and unclear.code != "provider_error":
                await self._outbox.alarm(
                    Trouble("unknown_code", _about(unclear.code, order, plan)),
                    dedupe=f"code:{unclear.code}",
                )
        else:
            self._lanes.spent(self.lane, claimed.cost)
            # Whatever came with it: an order that is not finished is asked for until it is.
            await self._placing.settle(
                order, made.reference, made.whole(row.quantity), made.raw,
                subscription=made.subscription,
            )  # fmt: skip

    async def _take_off(self, plan: Plan, refusal: Refused) -> None:
        """Offer nobody else what the upstream does not know, and read its prices again."""
        if refusal.code == "invalid_plan":
            await self._catalog.close(plan)
        elif refusal.code == "provider_not_found":
            await self._catalog.close_provider(plan.provider)
        else:
            return
        try:
            await self._catalog.refresh(self.lane.upstream)
        except UpstreamError as error:
            log.warning("the price list cannot be read", lane=self.lane.id, code=error.code)

    async def _busy(self, order: OrderId, busy: Busy) -> None:
        async with self._database.read() as reader:
            first = await reader.scalar(
                select(func.min(AttemptRow.sent_at)).where(AttemptRow.order_id == order)
            )
        now = self._clock.now()
        if first is not None and now - first >= BUSY_FOR:
            await self._placing.release(order, "unavailable", outcome=busy.code)
            return
        after = self._jitter(2.0, 6.0)
        if busy.after is not None:
            after = min(max(busy.after, after), BUSY_FOR.total_seconds())
        await self._placing.back_in_line(order, busy.code, after)

    async def _not_sent(self, order: OrderId, error: NotSent) -> None:
        async with self._database.read() as reader:
            before = await reader.scalar(
                select(func.count())
                .select_from(AttemptRow)
                .where(AttemptRow.order_id == order, AttemptRow.outcome == "not_sent")
            )
        log.warning("order not sent", order=order, code=error.code)
        if (before or 0) + 1 >= MOST_NOT_SENT:
            await self._placing.release(order, "not_sent", outcome="not_sent")
        else:
            await self._placing.back_in_line(order, "not_sent", after=10)

    async def _poll(self, row: Row[Any]) -> None:
        order = OrderId(row.id)
        if self.lane.is_by_hand:
            await self._ask_owners(row)
            return
        try:
            made = await self.lane.upstream.order(row.upstream_order_id, row.provider, row.plan)
        except UpstreamError as error:
            log.warning("order cannot be read", order=order, code=error.code)
            made = None
        delivery = None if made is None else made.whole(row.quantity)
        if made is not None and delivery is not None:
            await self._placing.settle(order, row.upstream_order_id, delivery, made.raw)
        elif made is not None and made.progress is Progress.FAILED:
            await self._placing.review(order, "failed_there")
        elif self._clock.now() - row.moved_at >= PREPARING_FOR:
            await self._placing.review(order, "no_credentials")
        else:
            await self._placing.poll_again(order, POLLS[min(row.checks, len(POLLS) - 1)])

    async def _ask_owners(self, row: Row[Any]) -> None:
        """Tell the owners at once, and every hour, of an order that only they can deliver."""
        order = OrderId(row.id)
        hours = (self._clock.now() - row.moved_at) // timedelta(hours=1)
        async with self._database.write() as tx:
            await self._outbox.owe_owners(
                tx, OrderToDeliver(order), dedupe=f"deliver:{order}:{row.moved_at}:{hours}"
            )
        await self._placing.poll_again(order, LONGEST.total_seconds())

    async def _is_stopped(self) -> bool:
        async with self._database.read() as reader:
            scopes = {stop.scope for stop in await self._stops.all(reader)}
        return SHOP in scopes or lane_scope(self.lane.id) in scopes

    async def _placed_at(self, default: datetime) -> datetime:
        async with self._database.read() as reader:
            found = await reader.scalar(
                select(LaneRow.placed_at).where(LaneRow.id == self.lane.id)
            )
        return found or default


def _is_due(row: Row[Any], now: datetime) -> bool:
    return not now < row.next_at <= now + LONGEST


def _about(code: str, order: OrderId, plan: Plan) -> str:
    return f"{code}, #{order} {plan.provider.name} {plan.title}"


def _reason(refusal: Refused) -> str:
    return "plan_gone" if refusal.code in {"invalid_plan", "provider_not_found"} else "refused"

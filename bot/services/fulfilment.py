"""The worker of a lane: places orders one at a time, polls them, finds out, watches for strays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import AttemptRow, LaneRow, OrderRow, PlanRow, ProviderRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.catalog import Plan, PlanId
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
from bot.domain.money import Money
from bot.domain.notices import OrderToDeliver, StrayFound, Trouble
from bot.domain.orders import Credentials, Delivery, LaneId, OrderId, OrderState
from bot.domain.wallets import PostingKind
from bot.services.catalog import Catalog
from bot.services.lanes import FRESH, Lane, Lanes
from bot.services.moves import stray_reference
from bot.services.outbox import Outbox
from bot.services.placing import SEND_WITHIN, Placing
from bot.services.rows import ORDER
from bot.services.stops import SHOP, Stops, lane_scope
from bot.services.subscriptions import begin
from bot.services.wallets import LOSS, Wallets, upstream_account
from bot.upstreams.base import Made, Progress

log = structlog.get_logger()

LOOK = 1.0
"""Seconds between looks at the table, beside being woken."""
COST_FRESH = timedelta(seconds=60)
READ_AGAIN = timedelta(seconds=3)
UNREADABLE = timedelta(seconds=30)
"""An order is released when its cost or the lane cannot be read for so long."""
BUSY_FOR = timedelta(seconds=120)
MOST_NOT_SENT = 3
IDLE = timedelta(minutes=3)
"""An order in line is released when its lane is stopped and has placed nothing for so long."""
CHECKS = (3, 8, 15, 30, 60, 120, 300, 600, 900)
"""Seconds after the attempt at which an order in doubt is looked for."""
POLLS = (2, 5, 10, 20, 40, 60)
"""Seconds between looks at an order being prepared; the last one repeats."""
PREPARING_FOR = timedelta(minutes=30)
UNLISTED_FOR = timedelta(minutes=15)
"""With the quarantine over and no listing for so long, a person decides."""
LONGEST = timedelta(minutes=5)
"""No pause of an order is longer: a later moment was written while the clock was wrong."""
WATCH = timedelta(minutes=5)
WATCHED_FOR = timedelta(hours=48)

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
        self._wallets = wallets
        self._lanes = lanes
        self._stops = stops
        self._outbox = outbox
        self._jitter = jitter
        self._unreadable_since: datetime | None = None
        self._failed_at: datetime | None = None
        self._watched_at: datetime | None = None
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
        if any(_is_due(row, now) for row in doubtful):
            await self._find_out(doubtful)
            return True
        waiting = by_state.get(_S.RESERVED, [])
        if waiting:
            return await self._serve(waiting, doubtful)
        return await self._watch()

    # Placing

    async def _serve(self, waiting: Sequence[Row[Any]], doubtful: Sequence[Row[Any]]) -> bool:
        now = self._clock.now()
        if await self._is_stopped():
            for row in waiting:
                if now - max(row.accepted_at, await self._placed_at(row.accepted_at)) >= IDLE:
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
            delivery = whole(made, row.quantity)
            await self._placing.settle(
                order, made.reference, delivery, made.raw, subscription=made.subscription
            )

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

    # Preparing

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
        delivery = whole(made, row.quantity)
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

    # Finding out

    async def _find_out(self, doubtful: Sequence[Row[Any]]) -> None:
        """Let one listing decide every order in doubt that it can."""
        try:
            began_at = await self._lanes.list(self.lane)
        except UpstreamError as error:
            # A listing that failed says nothing, above all not that there is no order.
            log.warning("list cannot be read", lane=self.lane.id, code=error.code)
            for row in doubtful:
                await self._look_later(row, None)
            return
        for group in self._groups(doubtful):
            await self._decide(group, began_at)

    def _groups(self, doubtful: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
        if not self.lane.tells_plans_apart:
            return [list(doubtful)]
        groups: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in doubtful:
            groups.setdefault((row.provider, row.plan), []).append(row)
        return list(groups.values())

    async def _decide(self, group: list[Row[Any]], began_at: datetime) -> None:
        candidates = await self._candidates(group)
        tagged = {one.tag: one for one in candidates if one.tag}
        by_tag = self.lane.tells_orders_apart or any(row.tag in tagged for row in group)
        unsure = None
        if by_tag:
            # Two orders of one tag were never sent: what that means is for a person to find out.
            if len(tagged) < sum(1 for one in candidates if one.tag):
                unsure = "too_many_candidates"
        elif len(candidates) > len(group):
            unsure = "too_many_candidates"
        elif candidates and await self._is_shared():
            unsure = "shared_account"
        if unsure is not None:
            for row in group:
                await self._placing.review(OrderId(row.id), unsure)
            return
        for row in group:
            mine = tagged.get(row.tag) if by_tag else self._oldest_after(candidates, row)
            if mine is not None:
                candidates.remove(mine)
                await self._adopt(row, mine.reference)
            elif began_at >= row.quarantine_until:
                await self._placing.release(
                    OrderId(row.id), "unavailable", outcome="not_found", only=(_S.IN_DOUBT,)
                )
            else:
                await self._look_later(row, began_at)

    def _oldest_after(self, candidates: list[Row[Any]], row: Row[Any]) -> Row[Any] | None:
        # What was known before the attempt cannot be what the attempt made.
        fits = (one for one in candidates if one.id > row.baseline_id)
        return next((one for one in fits if one.quantity in (None, row.quantity)), None)

    async def _candidates(self, group: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Upstream orders that nobody is bound to and that the group's attempts may have made."""
        first = min(row.baseline_id for row in group)
        query = (
            select(UpstreamOrderRow.__table__)
            .where(
                UpstreamOrderRow.lane_id == self.lane.id,
                UpstreamOrderRow.order_id.is_(None),
                UpstreamOrderRow.is_flagged == 0,
                UpstreamOrderRow.id > first,
            )
            .order_by(UpstreamOrderRow.id)
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        return [one for one in rows if any(self._may_be(one, row) for row in group)]

    def _may_be(self, listed: Row[Any], order: Row[Any]) -> bool:
        """Whether a listed order may be the one that this order's attempt made.

        A tag decides, unless this list is known to show something else in its place. Without one,
        what the list does not say fits, and so does a code that is none of ours: a list may
        write "1 GB" where the price list writes "1".
        """
        if self.lane.list_tells_tags or (self.lane.list_tells_tags is None and listed.tag):
            return bool(listed.tag == order.tag)
        if listed.quantity not in (None, order.quantity):
            return False
        provider, plan, name = order.provider, order.plan, self.lane.upstream.name
        is_told = listed.provider is not None and listed.plan is not None
        if is_told and self._catalog.knows(name, listed.provider, listed.plan):
            return bool((listed.provider, listed.plan) == (provider, plan))
        return listed.provider in (None, provider)

    async def _adopt(self, row: Row[Any], reference: str) -> None:
        made: Made | None = None
        if not self.lane.is_by_hand:
            try:
                made = await self.lane.upstream.order(reference, row.provider, row.plan)
            except UpstreamError as error:
                log.warning("found order cannot be read", order=row.id, code=error.code)
        delivery = whole(made, row.quantity)
        raw = "" if made is None else made.raw
        await self._placing.settle(OrderId(row.id), reference, delivery, raw, outcome="found")

    async def _look_later(self, row: Row[Any], listed_at: datetime | None) -> None:
        now = self._clock.now()
        if listed_at is None and now - row.quarantine_until >= UNLISTED_FOR:
            await self._placing.review(OrderId(row.id), "no_listing")
            return
        passed = (now - row.sent_at).total_seconds()
        pause = next((check - passed for check in CHECKS if check > passed), 60.0)
        left = (row.quarantine_until - now).total_seconds()
        if 0 < left < pause:
            pause = left
        await self._placing.poll_again(
            OrderId(row.id), min(max(pause, 1.0), LONGEST.total_seconds())
        )

    # The late watch

    async def _watch(self) -> bool:
        """Every five minutes: an upstream order that nothing of ours explains is a stray."""
        now = self._clock.now()
        # Nothing is sold before the list was read once.
        pause = WATCH if self.lane.is_listed else READ_AGAIN
        if self._watched_at is not None and timedelta(0) <= now - self._watched_at < pause:
            return False
        self._watched_at = now
        try:
            await self._lanes.list(self.lane)
        except UpstreamError as error:
            log.warning("list cannot be read", lane=self.lane.id, code=error.code)
            return False
        async with self._database.read() as reader:
            loose = (
                await reader.execute(
                    select(UpstreamOrderRow.__table__).where(
                        UpstreamOrderRow.lane_id == self.lane.id,
                        UpstreamOrderRow.order_id.is_(None),
                        UpstreamOrderRow.is_flagged == 0,
                    )
                )
            ).all()
            # Read now: while the list was read, a person may have let an order wait again.
            undecided = (
                await reader.execute(
                    select(*ORDER).where(
                        OrderRow.lane_id == self.lane.id,
                        OrderRow.state.in_((_S.PLACING, _S.IN_DOUBT, _S.REVIEW)),
                    )
                )
            ).all()
        for stray in loose:
            if not any(self._may_be(stray, row) for row in undecided):
                await self._write_off(stray)
        return False

    async def _write_off(self, stray: Row[Any]) -> None:
        """Book what an unexplained upstream order cost as a loss, and tell the owners."""
        name = self.lane.upstream.name
        async with self._database.write() as tx:
            flagged = await tx.scalar(
                update(UpstreamOrderRow)
                .where(
                    UpstreamOrderRow.id == stray.id,
                    UpstreamOrderRow.order_id.is_(None),
                    UpstreamOrderRow.is_flagged == 0,
                )
                .values(is_flagged=1)
                .returning(UpstreamOrderRow.id)
            )
            if flagged is None:
                return
            micros = await tx.scalar(
                select(PlanRow.cost_micros)
                .join(ProviderRow, ProviderRow.id == PlanRow.provider_id)
                .where(
                    ProviderRow.upstream == name,
                    ProviderRow.code == stray.provider,
                    PlanRow.code == stray.plan,
                )
            )
            cost = None if micros is None else Money(micros) * (stray.quantity or 1)
            is_paid_again = self.lane.upstream.subscriptions is not None
            if is_paid_again:
                now = self._clock.now()
                await begin(tx, self.lane.id, stray.reference, stray.plan or "", now)
            if cost is not None:
                await self._wallets.post(
                    tx, PostingKind.STRAY, stray_reference(name, stray.reference),
                    upstream_account(name), LOSS, cost, actor="shop", reason="stray",
                )  # fmt: skip
            await self._outbox.owe_owners(
                tx, StrayFound(name, stray.reference, cost, is_paid_again)
            )
            if not await self._is_late(tx, stray):
                # Nothing of ours was open that could have made it: somebody else did.
                await tx.execute(
                    update(LaneRow)
                    .where(LaneRow.id == self.lane.id)
                    .values(shared_until=self._clock.now() + WATCHED_FOR)
                )
                day = self._clock.now().strftime("%Y%m%d")
                await self._outbox.owe_owners(
                    tx, Trouble("shared_account"), dedupe=f"shared:{self.lane.id}:{day}"
                )

    async def _is_late(self, tx: AsyncConnection, stray: Row[Any]) -> bool:
        """Whether an order that was given back may have made it after all."""
        given_back = await tx.execute(
            select(*ORDER).where(
                OrderRow.lane_id == self.lane.id,
                OrderRow.state == _S.RELEASED,
                OrderRow.moved_at > self._clock.now() - WATCHED_FOR,
                OrderRow.baseline_id < stray.id,
            )
        )
        return any(self._may_be(stray, row) for row in given_back.all())

    # Small reads

    async def _is_shared(self) -> bool:
        async with self._database.read() as reader:
            until = await reader.scalar(
                select(LaneRow.shared_until).where(LaneRow.id == self.lane.id)
            )
        return until is not None and self._clock.now() < until

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


class Abandoned:
    """Orders of lanes that this process has no token for: a person works on them instead."""

    def __init__(
        self, database: Database, clock: Clock, lanes: Lanes, placing: Placing, outbox: Outbox
    ) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._placing = placing
        self._outbox = outbox

    async def step(self) -> None:
        """Hand unfinished orders to a person; give back what was never sent."""
        ours = [lane.id for lane in self._lanes]
        query = select(*ORDER).where(
            OrderRow.lane_id.not_in(ours),
            OrderRow.state.in_((_S.RESERVED, _S.PLACING, _S.PREPARING, _S.IN_DOUBT)),
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        for row in rows:
            order, lane = OrderId(row.id), LaneId(row.lane_id)
            if row.state == _S.RESERVED:
                if self._clock.now() - row.accepted_at >= IDLE:
                    await self._placing.release(order, "unavailable", only=(_S.RESERVED,))
                continue
            if not self._lanes.are_open and self._clock.now() - row.moved_at < PREPARING_FOR:
                # Its lane may only have a new token, whose list could not be read yet.
                continue
            if row.state == _S.PLACING:
                await self._placing.doubt(order, "interrupted")
            await self._placing.review(order, "lane_without_token")
            await self._outbox.alarm(
                Trouble("lane_without_token", str(lane)), dedupe=f"no_token:{lane}"
            )


def _is_due(row: Row[Any], now: datetime) -> bool:
    return not now < row.next_at <= now + LONGEST


def _about(code: str, order: OrderId, plan: Plan) -> str:
    return f"{code}, #{order} {plan.provider.name} {plan.title}"


def whole(made: Made | None, quantity: int) -> Delivery | None:
    """What was delivered, once it is finished and all of it is here."""
    if made is None or made.progress is not Progress.READY:
        return None
    match made.delivery:
        case Credentials(proxies) if len(proxies) < quantity:
            return None
        case delivery:
            return delivery


def _reason(refusal: Refused) -> str:
    return "plan_gone" if refusal.code in {"invalid_plan", "provider_not_found"} else "refused"

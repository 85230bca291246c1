"""Cancellations: each subscription is ended right after the sale, and asked about until it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, exists, func, or_, select, update

from bot.db.models import LaneRow, SubscriptionRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import Busy, NotFound, OutOfService, Refused, UpstreamError
from bot.domain.notices import SubscriptionRuns
from bot.domain.orders import CustomerId, LaneId, OrderId
from bot.domain.subscriptions import Subscription, SubscriptionId
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.outbox import Outbox
from bot.services.wallets import owner
from bot.upstreams.base import Listed

log = structlog.get_logger()

PAUSES = (5, 15, 60, 300, 900, 1800)
"""Seconds between tries; the last one repeats."""
AT_ONCE = 20
TOLD_AFTER = timedelta(hours=1)
TOLD_BEFORE_END = timedelta(days=3)
LISTED_BY = timedelta(minutes=10)
"""An order is in the list so long after it was made; before that, a 404 may only be haste."""
MOST_PAGES = 200
SHOWN = 20

_RUNNING = SubscriptionRow.cancelled_at.is_(None)


class Cancellations:
    """What keeps a sale of one period from being paid for twice. No customer waits for it."""

    def __init__(self, database: Database, clock: Clock, lanes: Lanes, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._outbox = outbox

    async def step(self) -> None:
        """Try each cancellation that is due, and tell the owners of those that do not succeed.

        Only the upstream's own word ends the trying, or an owner's. A try that was lost is
        simply made again: it cancels nothing twice.
        """
        now, next_at = self._clock.now(), SubscriptionRow.next_at
        # Nobody waits longer: what lies further ahead was written by a clock that was wrong.
        due = or_(next_at <= now, next_at > now + timedelta(seconds=PAUSES[-1]))
        for row in await self._running(due):
            await self._try(row)
        await self._tell()

    async def shown(self) -> tuple[Subscription, ...]:
        """What still runs, the oldest first, and what is cancelled but still works."""
        by_end = self._query().order_by(SubscriptionRow.ends_at).limit(SHOWN)
        # By themselves, and not looked for among all by their end: they are few.
        running = SubscriptionRow.id.in_(select(SubscriptionRow.id).where(_RUNNING))
        async with self._database.read() as reader:
            rows = [
                row
                for which in (running, self._works())
                for row in (await reader.execute(by_end.where(which))).all()
            ][:SHOWN]
        return tuple(
            Subscription(
                SubscriptionId(row.id), row.upstream, row.reference, row.plan,
                None if row.order_id is None else OrderId(row.order_id),
                row.opened_at, row.ends_at, row.cancelled_at, row.tries, row.error,
            )
            for row in rows
        )  # fmt: skip

    async def counts(self) -> tuple[int, int]:
        """How many are not cancelled yet, and how many with those that are and still work."""
        query = select(func.count()).select_from(SubscriptionRow)
        async with self._database.read() as reader:
            running = await reader.scalar(query.where(_RUNNING)) or 0
            return running, running + (await reader.scalar(query.where(self._works())) or 0)

    async def done_by_hand(self, subscription: SubscriptionId, by: CustomerId) -> None:
        """An owner has cancelled it at the upstream's own site; a second tap changes nothing."""
        async with self._database.read() as reader:
            known = await reader.scalar(
                select(SubscriptionRow.id).where(SubscriptionRow.id == subscription)
            )
        if known is None:
            raise NotFound
        await self._done(subscription, owner(by))

    async def _try(self, row: Row[Any]) -> None:
        lane = self._lanes.get(LaneId(row.lane_id))
        if lane is None or lane.upstream.subscriptions is None:
            await self._later(row, "no_key")
            return
        try:
            subscription, plan = row.subscription, row.plan
            if not subscription or not plan:
                found = (await self._listed(lane)).get(row.reference)
                subscription = subscription or (found and found.subscription)
                plan = plan or (found and found.plan)
            if not subscription or not plan:
                await self._later(row, "id_not_told")
                return
            await lane.upstream.subscriptions.cancel(subscription, plan)
        except OutOfService as cause:
            await self._lanes.out_of_service(lane, cause)
            await self._later(row, cause.code)
        except Busy as busy:
            await self._later(row, busy.code, busy.after or 0)
        except Refused as refusal:
            if refusal.code == "not_found_error" and await self._is_gone(lane, row):
                await self._done(SubscriptionId(row.id), "not_found")
            else:
                await self._later(row, refusal.code)
        except UpstreamError as error:
            await self._later(row, error.code)
        else:
            await self._done(SubscriptionId(row.id), "shop")

    async def _is_gone(self, lane: Lane, row: Row[Any]) -> bool:
        """Whether the list as well knows nothing of it that is still paid.

        Not where it shows nothing at all: so looks a list that does not work. Nor where it has
        never shown this order: it may be late with it, or show it by another id.
        """
        if self._clock.now() - row.opened_at < LISTED_BY:
            return False
        try:
            listed = await self._listed(lane)
        except UpstreamError:
            return False
        found = listed.get(row.reference)
        if found is None:
            return bool(listed) and await self._was_listed(row)
        return found.is_cancelled

    async def _was_listed(self, row: Row[Any]) -> bool:
        shown = exists().where(
            UpstreamOrderRow.lane_id == row.lane_id,
            UpstreamOrderRow.reference == row.reference,
            UpstreamOrderRow.is_listed == 1,
        )
        async with self._database.read() as reader:
            return bool(await reader.scalar(select(shown)))

    async def _listed(self, lane: Lane) -> dict[str, Listed]:
        listed: dict[str, Listed] = {}
        for number in range(1, MOST_PAGES + 1):
            page = await lane.upstream.recent(number)
            listed |= {one.reference: one for one in page.orders}
            if page.is_last:
                break
        return listed

    async def _later(self, row: Row[Any], code: str, after: float = 0) -> None:
        pause = max(PAUSES[min(row.tries, len(PAUSES) - 1)], after)
        log.warning("subscription runs on", subscription=row.id, code=code)
        await self._set(
            SubscriptionId(row.id),
            tries=SubscriptionRow.tries + 1,
            error=code,
            next_at=self._clock.now() + timedelta(seconds=pause),
        )

    async def _done(self, subscription: SubscriptionId, by: str) -> None:
        await self._set(subscription, cancelled_at=self._clock.now(), cancelled_by=by, error=None)

    async def _set(self, subscription: SubscriptionId, **values: Any) -> None:
        async with self._database.write() as tx:
            await tx.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.id == subscription, _RUNNING)
                .values(**values)
            )

    async def _tell(self) -> None:
        now = self._clock.now()
        late = or_(
            SubscriptionRow.opened_at <= now - TOLD_AFTER,
            SubscriptionRow.ends_at <= now + TOLD_BEFORE_END,
        )
        for row in await self._running(late):
            is_ending = row.ends_at - now <= TOLD_BEFORE_END
            # Once after an hour; then every day as the end comes nearer, and past it.
            when = now.strftime("%Y%m%d") if is_ending else "hour"
            notice = SubscriptionRuns(row.upstream, row.reference, row.ends_at)
            async with self._database.write() as tx:
                await self._outbox.owe_owners(tx, notice, dedupe=f"runs:{row.id}:{when}")

    async def _running(self, which: ColumnElement[bool]) -> list[Row[Any]]:
        query = (
            self._query().where(_RUNNING, which).order_by(SubscriptionRow.next_at).limit(AT_ONCE)
        )
        async with self._database.read() as reader:
            return list((await reader.execute(query)).all())

    def _works(self) -> ColumnElement[bool]:
        """Cancelled, and paid for a while yet."""
        return ~_RUNNING & (SubscriptionRow.ends_at > self._clock.now())

    def _query(self) -> Any:
        return select(SubscriptionRow.__table__, LaneRow.upstream).join(
            LaneRow, LaneRow.id == SubscriptionRow.lane_id
        )

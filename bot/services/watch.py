"""The watch: asks for the traffic of orders that have an alert."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, Select, delete, select, update

from bot.db.models import OrderRow, UsageAlertRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import Busy, OutOfService, Refused, UpstreamError
from bot.domain.notices import UsageUnwatched
from bot.domain.orders import CustomerId, LaneId, OrderId, OrderState
from bot.domain.usage import Measured, pace
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.outbox import Outbox
from bot.services.rows import ORDER, order_of
from bot.services.usage import Usages

log = structlog.stdlib.get_logger(__name__)

WATCH_SECONDS = 5.0
"""Between two questions to one account: at most twelve a minute, however many alerts are set."""
SOONEST = timedelta(minutes=15)
LATEST = timedelta(hours=2)
"""Between two questions about one order that is not past its alert."""
DAILY = timedelta(days=1)
MOST_REFUSALS = 8
"""Refusals in a row about one order, over some four days, that end its alert."""
FIRST_SILENCE = 60.0
LONGEST_SILENCE = 3600.0
"""Seconds that an account is left alone after it did not answer; doubled each time."""


class Watch:
    """Asks each account about one order a round: the one that has waited longest for its turn.

    So the cost of a round does not grow with the orders. The nearer the alert at the pace of the
    last days, the sooner an order is asked about again.
    """

    def __init__(
        self, database: Database, clock: Clock, lanes: Lanes, usages: Usages, outbox: Outbox
    ) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._usages = usages
        self._outbox = outbox
        self._silences: dict[LaneId, int] = {}
        self._silent_until: dict[LaneId, float] = {}

    async def step(self) -> None:
        """Ask each lane about the one order that has waited longest for its turn."""
        for lane in self._lanes:
            if self._silent_until.get(lane.id, 0.0) <= self._clock.elapsed():
                async with self._database.read() as reader:
                    row = (await reader.execute(self.due(lane))).one_or_none()
                if row is not None:
                    await self._ask(lane, row)

    def due(self, lane: Lane) -> Select[Any]:
        """The order of a lane that has waited longest for its turn."""
        return (
            select(*ORDER, UsageAlertRow.percent, UsageAlertRow.refusals)
            .join(UsageAlertRow, UsageAlertRow.order_id == OrderRow.id)
            .where(UsageAlertRow.lane_id == lane.id, UsageAlertRow.next_at <= self._clock.now())
            .order_by(UsageAlertRow.next_at)
            .limit(1)
        )

    async def _ask(self, lane: Lane, row: Row[Any]) -> None:
        order, now = OrderId(row.id), self._clock.now()
        reference = row.upstream_order_id
        if row.state != OrderState.DELIVERED or reference is None:
            await self._end(row, tell=False)
            return
        if lane.upstream.usage is None or self._usages.known(order_of(row)) is not None:
            await self._end(row, tell=True)
            return
        try:
            traffic = await lane.upstream.usage.of_order(reference)
        except (Busy, OutOfService) as error:
            await self._be_silent(lane, order, error)
        except Refused as refused:
            await self._refused(row, refused.code)
        except UpstreamError as error:
            await self._be_silent(lane, order, error)
        else:
            self._silences.pop(lane.id, None)
            if traffic.used_share is None:
                await self._refused(row, "no_figures")
                return
            await self._usages.keep(order, traffic)
            pause = self._pause(await self._usages.readings(order), row)
            await self._next(order, now + pause, refusals=0)

    def _pause(self, readings: tuple[Measured, ...], row: Row[Any]) -> timedelta:
        newest = readings[0].traffic
        if newest.is_past(row.percent):
            return DAILY
        going, used, total = pace(readings, row.moved_at), newest.used_bytes, newest.total_bytes
        if going is None or used is None or total is None or not going.bytes_a_day:
            return LATEST
        percent = int(row.percent)
        missing = max(percent * total // 100 - used, 0)
        return min(max(DAILY * missing // going.bytes_a_day // 4, SOONEST), LATEST)

    async def _refused(self, row: Row[Any], code: str) -> None:
        refusals = row.refusals + 1
        log.info("an alert learns nothing", order=row.id, code=code, refusals=refusals)
        if refusals >= MOST_REFUSALS:
            await self._end(row, tell=True)
            return
        pause = min(SOONEST * 2**refusals, DAILY)
        await self._next(OrderId(row.id), self._clock.now() + pause, refusals=refusals)

    async def _be_silent(self, lane: Lane, order: OrderId, error: UpstreamError) -> None:
        """Leave an account alone that did not answer, longer each time."""
        failures = self._silences.get(lane.id, 0)
        self._silences[lane.id] = failures + 1
        seconds = min(FIRST_SILENCE * 2 ** min(failures, 10), LONGEST_SILENCE)
        self._silent_until[lane.id] = self._clock.elapsed() + seconds
        log.warning("usage cannot be read", lane=lane.id, code=error.code, pause=seconds)
        # Behind the others: this order alone may be what the upstream cannot answer.
        await self._next(order, self._clock.now() + SOONEST)

    async def _next(self, order: OrderId, at: datetime, **values: int) -> None:
        async with self._database.write() as tx:
            await tx.execute(
                update(UsageAlertRow)
                .where(UsageAlertRow.order_id == order)
                .values(next_at=at, **values)
            )

    async def _end(self, row: Row[Any], *, tell: bool) -> None:
        order = OrderId(row.id)
        async with self._database.write() as tx:
            ended = await tx.scalar(
                delete(UsageAlertRow)
                .where(UsageAlertRow.order_id == order, UsageAlertRow.percent == row.percent)
                .returning(UsageAlertRow.order_id)
            )
            if ended is not None and tell:
                await self._outbox.owe(tx, CustomerId(row.customer_id), UsageUnwatched(order))

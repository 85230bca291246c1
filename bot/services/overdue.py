"""Overdue: orders and notices that rest longer than they may, and who hears of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select

from bot.db.models import LaneRow, OrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.notices import OrderNeedsPerson, Trouble
from bot.domain.orders import LaneId, OrderId, OrderState
from bot.services.doubts import UNLISTED_FOR
from bot.services.fulfilment import IDLE, PREPARING_FOR
from bot.services.lanes import Lanes
from bot.services.outbox import Outbox
from bot.services.placing import QUARANTINE
from bot.services.rows import IS_OPEN

REMIND = timedelta(hours=1)
PLACING_FOR = timedelta(minutes=2)
TAKEN_WITHIN = timedelta(minutes=5)
"""A notice to a customer that Telegram has not taken by then is late."""
GRACE = timedelta(minutes=2)
"""What the worker has on top of a limit to do what the limit asks of it."""

_S = OrderState


class Overdue:
    """Looks at what every open order waits for, whatever its worker makes of it.

    A worker moves an order on before its limit is over. One that cannot, because each of its
    steps fails, leaves the order where it is: its money is held, and nobody would hear of it.
    """

    def __init__(self, database: Database, clock: Clock, lanes: Lanes, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._outbox = outbox
        self._first_look_at: datetime | None = None
        # When what was moved by a clock that was ahead was first seen. Not kept anywhere: after
        # a restart it has as long as what rested meanwhile.
        self._ahead: dict[tuple[int, datetime], datetime] = {}

    async def look(self) -> None:
        """Tell the owners, once an hour for each, of what waits too long for us or for them."""
        now = self._clock.now()
        # What rested while no bot ran is for the workers first.
        first = self._first_look_at = min(self._first_look_at or now, now)
        query = (
            select(OrderRow.__table__, LaneRow.placed_at)
            .join(LaneRow, LaneRow.id == OrderRow.lane_id)
            .where(IS_OPEN)
            .order_by(OrderRow.id)
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        # Who waits in line behind one of these waits for as long as it does.
        held_up = {row.lane_id for row in rows if row.state in {_S.PLACING, _S.IN_DOUBT}}
        self._ahead = {
            (row.id, row.moved_at): self._ahead.get((row.id, row.moved_at), now)
            for row in rows
            if row.moved_at > now
        }
        for row in rows:
            order, lane = OrderId(row.id), self._lanes.get(LaneId(row.lane_id))
            since = self._ahead.get((row.id, row.moved_at), row.moved_at)
            if row.state == _S.PREPARING and lane is not None and lane.is_by_hand:
                continue  # The owners are asked for it every hour already.
            if row.state == _S.REVIEW:
                waited = now - since
                if waited >= REMIND:
                    hours = waited // timedelta(hours=1)
                    await self._outbox.alarm(
                        OrderNeedsPerson(order, hours), dedupe=f"remind:{order}"
                    )
            elif now >= max(_limit(row, since, now), first) + GRACE and not (
                row.state == _S.RESERVED and row.lane_id in held_up
            ):
                minutes = (now - since) // timedelta(minutes=1)
                await self._outbox.alarm(
                    Trouble("overdue", f"#{order}, {row.state}, {minutes} min"),
                    dedupe=f"overdue:{order}",
                )
        owed_at = await self._outbox.waits_since()
        if owed_at is not None and now >= max(owed_at, first) + TAKEN_WITHIN:
            minutes = (now - owed_at) // timedelta(minutes=1)
            await self._outbox.alarm(
                Trouble("notices_late", f"{minutes} min"), dedupe="notices_late"
            )


def _limit(row: Row[Any], since: datetime, now: datetime) -> datetime:
    """Until when an order may stay in its state, in which it is since then."""
    match row.state:
        case _S.PLACING:
            return since + PLACING_FOR
        case _S.PREPARING:
            return since + PREPARING_FOR
        case _S.IN_DOUBT:
            over = min(row.quarantine_until or since, since + QUARANTINE)
            return max(since, over) + UNLISTED_FOR
        case _:
            is_known = row.placed_at is not None and row.placed_at <= now
            return (max(since, row.placed_at) if is_known else since) + IDLE

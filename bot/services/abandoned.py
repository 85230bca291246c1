"""Orders of accounts that this process has no token for any more."""

from __future__ import annotations

from sqlalchemy import select

from bot.db.models import OrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.notices import Trouble
from bot.domain.orders import LaneId, OrderId, OrderState
from bot.services.fulfilment import IDLE, PREPARING_FOR
from bot.services.lanes import Lanes
from bot.services.outbox import Outbox
from bot.services.placing import Placing
from bot.services.rows import IS_OPEN, ORDER

_S = OrderState


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
            IS_OPEN,
            OrderRow.state.in_((_S.RESERVED, _S.PLACING, _S.PREPARING, _S.IN_DOUBT)),
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        for row in rows:
            order, lane = OrderId(row.id), LaneId(row.lane_id)
            if row.state == _S.RESERVED:
                # Or accepted by a clock that was ahead: nobody knows how long ago.
                if abs(self._clock.now() - row.accepted_at) >= IDLE:
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

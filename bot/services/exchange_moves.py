"""Exchange moves: what happens to an exchange, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import ExchangeRow, OrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.exchanges import LOST, READABLE, REFUNDED, UNDER_WAY, ExchangeState
from bot.domain.notices import ExchangeTold, Notice, OrderDecided, OrderExchanged
from bot.domain.orders import CustomerId, Delivery, LaneId, OrderId, OrderState
from bot.services.delivery import Deliveries
from bot.services.lanes import Lanes
from bot.services.looks import Looks
from bot.services.lost_exchanges import forget_lost
from bot.services.outbox import Outbox
from bot.services.wallets import owner

log = structlog.stdlib.get_logger(__name__)

_S = ExchangeState
UNSENT: Final = (_S.ASKED,)
ANSWERED: Final = (_S.SENDING, _S.UNCLEAR)
"""Of a request that was answered: another process may have taken it for one that broke off."""
_MADE = (_S.DONE,)
_ENDED = frozenset(_S) - UNDER_WAY


class ExchangeMoves:
    """Every change of an exchange is made in here, and only where nobody made another first."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lanes: Lanes,
        deliveries: Deliveries,
        outbox: Outbox,
        looks: Looks,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._deliveries = deliveries
        self._outbox = outbox
        self._looks = looks

    async def begin(self, row: Row[Any]) -> bool:
        """Committed before the first byte leaves; not for an order that was refunded meanwhile."""
        async with self._database.write() as tx:
            if not await self.is_there(tx, row.order_id):
                return False
            values = {"tries": ExchangeRow.tries + 1, "sent_at": self._clock.now()}
            return await self._set(tx, row, UNSENT, state=_S.SENDING, **values)

    async def move(self, row: Row[Any], state: ExchangeState, **values: Any) -> None:
        """What its answer says; `values` are set with the state."""
        async with self._database.write() as tx:
            await self._set(tx, row, (_S.SENDING,), state=state, **values)

    async def unclear(self, row: Row[Any], code: str) -> None:
        """Nobody knows whether it was done: its customer is told that the order is read again."""
        log.warning("exchange unclear", exchange=row.id, order=row.order_id, code=code)
        async with self._database.write() as tx:
            if await self._set(tx, row, (_S.SENDING,), state=_S.UNCLEAR, error=code):
                await self._tell(tx, row, _S.UNCLEAR)

    async def look_again(self, row: Row[Any], pause: timedelta) -> None:
        """The look has not ended it; the next one is due after the pause."""
        async with self._database.write() as tx:
            now = self._clock.now()
            await self._set(
                tx, row, READABLE, next_at=now + pause, checks=ExchangeRow.checks + 1,
                # Sent by a clock that was ahead, it waits no longer than any other.
                sent_at=min(row.sent_at, now),
            )  # fmt: skip

    async def look_late(self, row: Row[Any], pause: timedelta) -> None:
        """The same for one that was given up."""
        async with self._database.write() as tx:
            await self._set(tx, row, (_S.UNCHANGED,), next_at=self._clock.now() + pause)

    async def end(
        self, row: Row[Any], sources: Collection[ExchangeState], state: ExchangeState,
        code: str | None = None, *, by: CustomerId | None = None,
    ) -> bool:  # fmt: skip
        """End it as it was found: what has moved on meanwhile may have been carried out."""
        async with self._database.write() as tx:
            if not await self._close(tx, row, sources, state, by, error=code):
                return False
            log.info("exchange ended", order=row.order_id, state=state, code=code)
            await self._tell(tx, row, state)
            return True

    async def drop(self, row: Row[Any]) -> None:
        """End it without a word: of the refund, everybody was told."""
        async with self._database.write() as tx:
            await self._close(tx, row, READABLE, _S.UNCHANGED, None, error=REFUNDED)

    async def replace(
        self, row: Row[Any], delivery: Delivery, raw: str, *, by: CustomerId | None = None
    ) -> bool:
        """The new credentials in the place of the old ones: sealed, found by, and owed at once."""
        async with self._database.write() as tx:
            if row.error != LOST:
                return await self._give(tx, row, READABLE, delivery, raw, by=by)
            # An owner may have looked before a later exchange, which holds by now.
            if not await self._is_still(tx, row, row.asked_at, _MADE):
                return False
            return await self._give(tx, row, (_S.UNCHANGED,), delivery, raw, by=by)

    async def replace_late(
        self, row: Row[Any], delivery: Delivery, raw: str, read_at: datetime
    ) -> bool:
        """The same for what was given up, unless another exchange moved since the reading."""
        async with self._database.write() as tx:
            if not await self._is_still(tx, row, read_at):
                return False
            return await self._give(tx, row, (_S.UNCHANGED,), delivery, raw)

    async def let_be(self, row: Row[Any], since: datetime | None = None) -> bool:
        """Nothing was lost with the books that a restore put away, so nothing of it is kept.

        Not where another exchange has moved since `since`: the order may hold something else by
        now, or soon.
        """
        async with self._database.write() as tx:
            if since is not None and not await self._is_still(tx, row, since):
                return False
            let_be = await forget_lost(tx, ExchangeRow.id == row.id)
        self._looks.end(row.id)
        return let_be

    async def is_there(self, tx: AsyncConnection, order: OrderId) -> bool:
        """Whether an order is delivered, and not refunded since.

        It is the lock as well: until the end of the transaction nobody refunds it or asks for
        another exchange.
        """
        state = await tx.scalar(
            select(OrderRow.state).where(OrderRow.id == order).with_for_update()
        )
        return state == OrderState.DELIVERED

    async def _is_still(
        self, tx: AsyncConnection, row: Row[Any], since: datetime,
        ends: Collection[ExchangeState] = _ENDED,
    ) -> bool:  # fmt: skip
        """Whether the order is there, and no other exchange of it has moved since then.

        `ends`: only what has ended like this counts, beside what has not.
        """
        is_there = await self.is_there(tx, row.order_id)
        ended = and_(ExchangeRow.state.in_(ends), ExchangeRow.ended_at >= since)
        moved = exists().where(
            ExchangeRow.order_id == row.order_id,
            ExchangeRow.id != row.id,
            or_(ExchangeRow.ended_at.is_(None), ended),
        )
        return is_there and not await tx.scalar(select(moved))

    async def _give(
        self, tx: AsyncConnection, row: Row[Any], sources: Collection[ExchangeState],
        delivery: Delivery, raw: str, *, by: CustomerId | None = None,
    ) -> bool:  # fmt: skip
        """Not to somebody who has the money back: then nothing was given, and False."""
        order = OrderId(row.order_id)
        if not await self.is_there(tx, order):
            return False
        if not await self._close(tx, row, sources, _S.DONE, by):
            return False
        await self._deliveries.replace(tx, order, delivery, raw)
        await self._outbox.owe(tx, CustomerId(row.customer_id), OrderExchanged(order))
        return True

    async def _close(
        self, tx: AsyncConnection, row: Row[Any], sources: Collection[ExchangeState],
        state: ExchangeState, by: CustomerId | None, **values: Any,
    ) -> bool:  # fmt: skip
        values |= {"ended_at": self._clock.now(), "ended_by": None if by is None else owner(by)}
        is_ended = await self._set(tx, row, sources, state=state, **values)
        self._looks.end(row.id)
        if is_ended and by is not None:
            decided = OrderDecided(by, OrderId(row.order_id), "exchanged")
            await self._outbox.owe_owners(tx, decided, besides=by)
            lane = self._lanes.get(LaneId(row.lane_id))
            if lane is None or lane.is_by_hand:
                # Said is what it holds now: what was lost before is not to be said any more.
                await forget_lost(tx, ExchangeRow.order_id == row.order_id)
        return is_ended

    async def _tell(self, tx: AsyncConnection, row: Row[Any], state: ExchangeState) -> None:
        """Tell its customer, who hears no more of it than of the refund once there was one."""
        order_state = await tx.scalar(select(OrderRow.state).where(OrderRow.id == row.order_id))
        if order_state == OrderState.DELIVERED:
            notice: Notice = ExchangeTold(OrderId(row.order_id), state)
            await self._outbox.owe(tx, CustomerId(row.customer_id), notice)

    async def _set(
        self, tx: AsyncConnection, row: Row[Any], sources: Collection[ExchangeState],
        **values: Any,
    ) -> bool:  # fmt: skip
        """The compare-and-set behind every step; False when somebody else was first."""
        moved = await tx.scalar(
            update(ExchangeRow)
            .where(ExchangeRow.id == row.id, ExchangeRow.state.in_(sources))
            .values(**values)
            .returning(ExchangeRow.id)
        )
        return moved is not None

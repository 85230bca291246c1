"""Exchanges: every proxy of a delivered order exchanged, once per wish. No money hangs on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, and_, insert, or_, select, update

from bot.db.models import ExchangeRow, LaneRow, OrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import (
    Busy,
    DeliveredBefore,
    Lacking,
    NotFound,
    NotSent,
    OutOfService,
    Refused,
    TooLate,
    Unclear,
)
from bot.domain.exchanges import (
    LOST,
    READ_FOR,
    READABLE,
    Exchanged,
    ExchangeState,
)
from bot.domain.notices import (
    ExchangeToDeliver,
    Trouble,
)
from bot.domain.orders import CustomerId, LaneId, OrderId, OrderState
from bot.services.delivery import proxies_in
from bot.services.exchange_moves import ANSWERED, UNSENT, ExchangeMoves
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.looks import Looks
from bot.services.lost_exchanges import IS_LOST, is_over
from bot.services.orders import INTENT, Orders
from bot.services.outbox import Outbox
from bot.services.placing import LONGEST, SEND_WITHIN, WATCHED_FOR
from bot.services.strays import WATCH

log = structlog.stdlib.get_logger(__name__)

AT_ONCE = 20
MOST_TRIES = 3
"""Requests that certainly were not carried out, before the customer is told so."""
PAUSE = timedelta(seconds=10)
READS = (2, 5, 10, 20, 40, 60)
"""Seconds between looks at an order whose new credentials are awaited; the last one repeats."""
SURE = timedelta(minutes=15)
"""An answer that was lost most likely changes nothing any more after so long."""
ASK_OWNERS = timedelta(minutes=5)
LACKING_FOR = timedelta(days=7)
"""Support may switch the feature on any day; so often somebody finds out."""

_S = ExchangeState
_UNDER_WAY = ExchangeRow.ended_at.is_(None)


class Exchanges:
    """What a tap only writes down, a job sends once, and reads to its end.

    An exchange has no idempotency key: one that may have left is never sent again.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        lanes: Lanes,
        orders: Orders,
        outbox: Outbox,
        looks: Looks,
        moves: ExchangeMoves,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._orders = orders
        self._outbox = outbox
        self._looks = looks
        self._moves = moves

    async def under_way(self, customer: CustomerId, order: OrderId) -> Exchanged | None:
        """The exchange of the customer's own order that has not ended; else `NotFound`."""
        line = await self._orders.line(customer, order)
        row = await self._under_way(order)
        return None if row is None else Exchanged(line.order, _S(row.state))

    async def ask(self, customer: CustomerId, order: OrderId, intent: str) -> Exchanged | None:
        """Want an exchange, once per intent and one at a time, however often it is tapped.

        A known intent answers with its exchange, and so does any while one is under way. None
        where the order cannot be exchanged (any more); `NotFound` for somebody else's.
        """
        if not INTENT.fullmatch(intent):
            raise NotFound
        line = await self._orders.line(customer, order)
        now = self._clock.now()
        async with self._database.write() as tx:
            is_there = await self._moves.is_there(tx, order)
            known = (
                await tx.execute(
                    select(ExchangeRow.state)
                    .where(
                        ExchangeRow.order_id == order,
                        or_(ExchangeRow.intent == intent, ExchangeRow.ended_at.is_(None)),
                    )
                    .order_by((ExchangeRow.intent == intent).desc())
                )
            ).first()
            if known is not None:
                return Exchanged(line.order, _S(known.state))
            if not (is_there and line.can_exchange):
                return None
            await tx.execute(
                insert(ExchangeRow).values(
                    order_id=order, intent=intent, state=_S.ASKED, asked_at=now, next_at=now
                )
            )
        return Exchanged(line.order, _S.ASKED)

    async def waits_for_owner(self, order: OrderId) -> bool:
        """Whether an owner may say what an order holds after its exchange."""
        return await self._to_say(order) is not None

    async def hand_over(self, order: OrderId, pasted: str, by: CustomerId) -> None:
        """Deliver what an owner sees at the provider; the same lines as before: nothing was done.

        After a restore nobody asked, so of the same lines the customer hears nothing.
        The other owners are told. Raises `BadCredentials`, `WrongCount`, `DeliveredBefore`, or
        `TooLate` where no exchange waits for that, or somebody else was first.
        """
        row = await self._to_say(order)
        if row is None:
            raise TooLate
        delivery = proxies_in(pasted, row.quantity)
        if await self._looks.holds(order, delivery):
            is_mine = (
                await self._moves.let_be(row)
                if row.error == LOST
                else await self._moves.end(row, READABLE, _S.UNCHANGED, by=by)
            )
        else:
            is_mine = await self._moves.replace(row, delivery, "", by=by)
        if not is_mine:
            raise TooLate

    async def step(self) -> None:
        """Send what was asked for, and read what may have changed. Never two steps at once."""
        due = or_(_is_due(self._clock.now()), ExchangeRow.state == _S.SENDING)
        for row in await self._rows(and_(_UNDER_WAY, due), AT_ONCE):
            match _S(row.state):
                case _S.ASKED:
                    await self._send(row)
                case _S.SENDING:
                    # Nothing is in flight here: a crash or another process left it behind.
                    await self._moves.unclear(row, "interrupted")
                case _:
                    await self._read(row)

    async def watch(self) -> None:
        """Look again at orders whose exchange was given up: it may have been done after all.

        Their customers hold what works no more, and were told the contrary. After a restore that
        may be so for every order that runs: each is looked at until it could be read.
        """
        now = self._clock.now()
        given_up = and_(
            ExchangeRow.state == _S.UNCHANGED,
            ExchangeRow.sent_at > now - WATCHED_FOR,
            _is_due(now),
            # Not by the index of states: nearly every order is delivered.
            OrderRow.state.concat("") == OrderState.DELIVERED,
        )
        for row in await self._rows(given_up, AT_ONCE):
            await self._look_late(row)
        for row in await self._rows(and_(IS_LOST, _is_due(now)), AT_ONCE):
            if is_over(row, self._clock.now()) or self._is_said(row):
                await self._moves.let_be(row)
            else:
                await self._look_late(row)

    async def _send(self, row: Row[Any]) -> None:
        lane, started, now = self._lane(row), self._clock.elapsed(), self._clock.now()
        exchange = None if lane is None else lane.upstream.exchange
        is_there = row.order_state == OrderState.DELIVERED and row.upstream_order_id is not None
        if lane is None or exchange is None or not is_there:
            await self._moves.end(row, UNSENT, _S.REFUSED, "unavailable")
            return
        if not lane.may_exchange(now):
            await self._moves.end(row, UNSENT, _S.LACKING, "known")
            return
        if not await self._moves.begin(row):
            return
        if self._clock.elapsed() - started > SEND_WITHIN.total_seconds():
            # Somebody else may have taken it for one that was interrupted.
            await self._moves.unclear(row, "too_late_to_send")
            return
        try:
            await exchange.exchange(row.upstream_order_id)
        except Lacking as lacking:
            await self._lacking(row, lane, lacking.code)
        except OutOfService as cause:
            await self._lanes.out_of_service(lane, cause)
            await self._moves.end(row, ANSWERED, _S.REFUSED, cause.code)
        except (Busy, NotSent) as error:
            if row.tries + 1 >= MOST_TRIES:
                await self._moves.end(row, ANSWERED, _S.REFUSED, error.code)
            else:
                await self._moves.move(row, _S.ASKED, error=error.code, next_at=now + PAUSE)
        except Refused as refusal:
            await self._moves.end(row, ANSWERED, _S.REFUSED, refusal.code)
        except Unclear as unclear:
            await self._moves.unclear(row, unclear.code)
        else:
            await self._moves.move(row, _S.READING)

    async def _lacking(self, row: Row[Any], lane: Lane, code: str) -> None:
        """Offer it nobody on this account for a while, and tell the owners why."""
        until = self._clock.now() + LACKING_FOR
        async with self._database.write() as tx:
            await tx.execute(
                update(LaneRow).where(LaneRow.id == lane.id).values(no_exchange_until=until)
            )
            await self._outbox.owe_owners(
                tx, Trouble("no_exchange", code), dedupe=f"no_exchange:{lane.id}:{until:%Y%m%d}"
            )
        lane.no_exchange_until = until
        await self._moves.end(row, ANSWERED, _S.LACKING, code)

    async def _read(self, row: Row[Any]) -> None:
        """Find out what the order holds now, and deliver it if that is something else."""
        lane, now, order = self._lane(row), self._clock.now(), OrderId(row.order_id)
        if row.order_state != OrderState.DELIVERED:
            await self._moves.drop(row)
            return
        if lane is not None and lane.is_by_hand:
            await self._ask_owners(row)
            return
        look = await self._looks.at(row)
        if look is not None and look.is_new:
            try:
                await self._moves.replace(row, look.delivery, look.raw)
            except DeliveredBefore as known:
                log.warning("exchanged for another's", order=order, holder=known.order)
                await self._ask_owners(row)
            return
        is_sure = now - row.sent_at >= SURE
        if look is not None and look.is_same and row.state == _S.UNCLEAR and is_sure:
            await self._moves.end(row, READABLE, _S.UNCHANGED)
            return
        if now - row.sent_at >= READ_FOR:
            await self._ask_owners(row)
        else:
            pause = READS[min(row.checks, len(READS) - 1)]
            await self._moves.look_again(row, timedelta(seconds=pause))

    async def _look_late(self, row: Row[Any]) -> None:
        order, began_at = OrderId(row.order_id), self._clock.now()
        # Who waits for a delivery yet is told by it what the order holds.
        is_there = row.order_state == OrderState.DELIVERED
        look = await self._looks.at(row) if is_there else None
        if look is not None and look.is_new:
            try:
                if await self._moves.replace_late(row, look.delivery, look.raw, began_at):
                    return
            except DeliveredBefore as known:
                log.warning("exchanged for another's", order=order, holder=known.order)
        # Sent just before the books were lost, it may be done as late as any other. So may one
        # that ended a moment ago, with what the lost one had brought.
        is_sure = row.error == LOST and began_at - row.asked_at >= SURE
        is_same = look is not None and look.is_same
        if is_sure and is_same and await self._moves.let_be(row, began_at - SURE):
            return
        await self._moves.look_late(row, WATCH)

    def _is_said(self, row: Row[Any]) -> bool:
        """Whether an owner has delivered it since the restore, who alone sees what it holds."""
        lane = self._lane(row)
        is_there = row.order_state == OrderState.DELIVERED
        is_since: bool = row.moved_at > row.asked_at
        return lane is not None and lane.is_by_hand and is_there and is_since

    async def _ask_owners(self, row: Row[Any]) -> None:
        """Only they can say what the order holds: told at once, and every hour."""
        hours = (self._clock.now() - row.sent_at) // timedelta(hours=1)
        notice = ExchangeToDeliver(OrderId(row.order_id))
        async with self._database.write() as tx:
            await self._outbox.owe_owners(tx, notice, dedupe=f"exchange:{row.id}:{hours}")
        await self._moves.look_again(row, ASK_OWNERS)

    def _lane(self, row: Row[Any]) -> Lane | None:
        return self._lanes.get(LaneId(row.lane_id))

    async def _under_way(self, order: OrderId) -> Row[Any] | None:
        rows = await self._rows(and_(_UNDER_WAY, ExchangeRow.order_id == order), 1)
        return rows[0] if rows else None

    async def _to_say(self, order: OrderId) -> Row[Any] | None:
        """What an owner may end by saying what the order holds."""
        row = await self._under_way(order)
        if row is not None:
            return row if row.state in READABLE else None
        is_there = OrderRow.state == OrderState.DELIVERED
        rows = await self._rows(and_(IS_LOST, ExchangeRow.order_id == order, is_there), 1)
        return rows[0] if rows else None

    async def _rows(self, which: Any, most: int) -> Sequence[Row[Any]]:
        """Exchanges, those that wait longest first, with what their orders say."""
        query = (
            select(
                ExchangeRow.__table__,
                OrderRow.customer_id,
                OrderRow.lane_id,
                OrderRow.provider,
                OrderRow.plan,
                OrderRow.quantity,
                OrderRow.days,
                OrderRow.sent_at.label("placed_at"),
                OrderRow.upstream_order_id,
                OrderRow.state.label("order_state"),
                OrderRow.moved_at,
            )
            .join(OrderRow, OrderRow.id == ExchangeRow.order_id)
            .where(which)
            .order_by(ExchangeRow.next_at, ExchangeRow.id)
            .limit(most)
        )
        async with self._database.read() as reader:
            return (await reader.execute(query)).all()


def _is_due(now: datetime) -> ColumnElement[bool]:
    """No pause is longer than the longest one: a clock that was ahead wrote what lies later."""
    return or_(ExchangeRow.next_at <= now, ExchangeRow.next_at > now + LONGEST)

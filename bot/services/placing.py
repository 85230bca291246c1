"""Placing: what an attempt, a poll or a listing made known about an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.db.models import AttemptRow, LaneRow, OrderRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.catalog import Plan
from bot.domain.clock import Clock
from bot.domain.money import Money
from bot.domain.notices import (
    OrderInDoubt,
    OrderInReview,
    OrderMoved,
    OrderNeedsPerson,
    Trouble,
)
from bot.domain.orders import OPEN, CustomerId, Delivery, LaneId, OrderId, OrderState
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.lost_exchanges import look_for_lost_exchanges
from bot.services.moves import Moves, Taken
from bot.services.orders import SLOW
from bot.services.outbox import Outbox
from bot.services.rows import IS_OPEN, ORDER

SEND_WITHIN = timedelta(seconds=5)
"""A request that has not left by then must not leave: somebody may have moved the order on."""
LONGEST = timedelta(minutes=5)
"""No pause of an order is longer: a later moment was written while the clock was wrong."""
QUARANTINE = timedelta(minutes=15)
SHORT_QUARANTINE = timedelta(minutes=1)
"""After an error in the upstream's own form: most likely it was not made."""
WATCHED_FOR = timedelta(hours=48)
"""An order that was given back may turn up at the upstream for so long."""

_S = OrderState


@dataclass(frozen=True, slots=True)
class Claimed:
    """A committed attempt whose request has not left yet."""

    order: OrderId
    tag: str
    cost: Money
    sent_at: datetime


class Placing:
    """What the worker of a lane writes down, each in a transaction of its own."""

    def __init__(
        self, database: Database, clock: Clock, lanes: Lanes, outbox: Outbox, moves: Moves
    ) -> None:
        self._database = database
        self._clock = clock
        self._lanes = lanes
        self._outbox = outbox
        self._moves = moves

    async def claim(self, lane: Lane, order: OrderId, plan: Plan) -> Claimed | None:
        """Move an order from reserved to placing, with the evidence needed to find out later.

        None when somebody else was first. Committed before the first byte leaves.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            row = await self._moves.make(
                tx, order, _S.PLACING, only=(_S.RESERVED,), actor="shop",
                cost_micros=plan.cost.micros * OrderRow.quantity,
                sent_at=now, tries=OrderRow.tries + 1, checks=0, reason=None,
                baseline_id=select(
                    func.coalesce(func.max(UpstreamOrderRow.id), 0)
                ).scalar_subquery(),
            )  # fmt: skip
            if row is None:
                return None
            balance = None if lane.reading is None else lane.reading.balance
            await tx.execute(
                insert(AttemptRow).values(
                    order_id=order,
                    number=row.tries,
                    sent_at=now,
                    send_by=now + SEND_WITHIN,
                    balance_micros=None if balance is None else balance.micros,
                )
            )
            await tx.execute(update(LaneRow).where(LaneRow.id == lane.id).values(placed_at=now))
        return Claimed(OrderId(row.id), row.tag, Money(row.cost_micros), now)

    async def back_in_line(self, order: OrderId, outcome: str, after: float) -> None:
        """The request was certainly not taken: try again after a pause of `after` seconds."""
        async with self._database.write() as tx:
            moved = await self._moves.make(
                tx, order, _S.RESERVED, only=(_S.PLACING,), actor="shop", note=outcome,
                next_at=self._clock.now() + timedelta(seconds=after),
            )  # fmt: skip
            await self._moves.end_attempt(tx, moved, outcome)

    async def release(
        self, order: OrderId, reason: str, *, outcome: str | None = None,
        new_price: Money | None = None, only: tuple[OrderState, ...] = (),
    ) -> bool:  # fmt: skip
        """Give the hold back and tell the customer; False when the order has moved on."""
        async with self._database.write() as tx:
            moved = await self._moves.release(
                tx, order, reason, actor="shop", only=only, new_price=new_price, note=outcome
            )
            await self._moves.end_attempt(tx, moved, outcome)
        return moved is not None

    async def doubt(self, order: OrderId, outcome: str, *, is_documented: bool = False) -> None:
        """Nobody knows whether it was made: hold the money and find out by listing."""
        now = self._clock.now()
        pause = SHORT_QUARANTINE if is_documented else QUARANTINE
        async with self._database.write() as tx:
            moved = await self._moves.make(
                tx, order, _S.IN_DOUBT, only=(_S.PLACING,), actor="shop", note=outcome,
                quarantine_until=now + pause, next_at=now + timedelta(seconds=3), checks=0,
            )  # fmt: skip
            if moved is None:
                return
            await self._moves.end_attempt(tx, moved, outcome)
            lane = self._lanes.get(LaneId(moved.lane_id))
            waits = lane is None or not (lane.tells_plans_apart or lane.tells_orders_apart)
            await self._outbox.owe(
                tx,
                CustomerId(moved.customer_id),
                OrderInDoubt(order, waits),
                dedupe=f"doubt:{order}:{moved.tries}",
            )
            recent = await tx.scalar(
                select(func.count())
                .select_from(OrderRow)
                .where(
                    OrderRow.lane_id == moved.lane_id,
                    IS_OPEN,
                    OrderRow.state == _S.IN_DOUBT,
                    OrderRow.moved_at > now - timedelta(minutes=10),
                )
            )
            if recent == 3:
                await self._outbox.owe_owners(tx, Trouble("no_answer", str(moved.lane_id)))

    async def settle(
        self, order: OrderId, reference: str, delivery: Delivery | None, raw: str,
        *, actor: str = "shop", outcome: str | None = None, subscription: str | None = None,
    ) -> OrderState | None:  # fmt: skip
        """The upstream order exists: deliver it, or prepare while its credentials are missing.

        One transaction binds the upstream id and its subscription, captures the hold, books the
        cost, stores the credentials and owes the notice. None when the order has moved on
        meanwhile; an order whose upstream id already serves another one goes in doubt instead,
        and for one that would get what another one has a person decides.
        """
        try:
            async with self._database.write() as tx:
                return await self._moves.settle(
                    tx, order, reference, delivery, raw, actor, outcome, subscription
                )
        except (Taken, IntegrityError):
            await self.doubt(order, "upstream_id_taken")
            # One that was in doubt before stays due, and would be looked at without a pause.
            await self.poll_again(order, after=15)
            return None

    async def poll_again(self, order: OrderId, after: float) -> None:
        """Look at an unfinished order again after a pause of `after` seconds."""
        next_at = self._clock.now() + timedelta(seconds=after)
        async with self._database.write() as tx:
            await tx.execute(
                update(OrderRow)
                .where(OrderRow.id == order, OrderRow.state.in_(OPEN))
                .values(next_at=next_at, checks=OrderRow.checks + 1)
            )

    async def review(self, order: OrderId, reason: str) -> bool:
        """A person must decide; the hold stays, the customer and the owners are told."""
        async with self._database.write() as tx:
            return await self._moves.review(tx, order, reason, reason)

    async def set_aside(self) -> tuple[OrderId, ...]:
        """After a restore: a person decides about every order whose end may be lost.

        Waiting, sent or in doubt when the backup was made, each may have been placed, delivered
        or given up since. So none is sent, adopted or released by the shop itself. One that is
        bound to its upstream order goes on: what it delivers is what it delivered before.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            await look_for_lost_exchanges(tx, now)
            known = select(func.coalesce(func.max(UpstreamOrderRow.id), 0)).scalar_subquery()
            rows = await tx.execute(
                select(*ORDER)
                .where(OrderRow.state.in_((_S.RESERVED, _S.PLACING, _S.IN_DOUBT)))
                .order_by(OrderRow.id)
            )
            found = []
            for row in rows.all():
                order = OrderId(row.id)
                # Step by step, as it may have gone in the books that are lost.
                await self._moves.make(
                    tx, order, _S.PLACING, actor="restore", sent_at=now, baseline_id=known
                )
                await self._moves.make(
                    tx, order, _S.IN_DOUBT, only=(_S.PLACING,), actor="restore",
                    quarantine_until=now + QUARANTINE, next_at=now,
                )  # fmt: skip
                await self._moves.make(
                    tx, order, _S.REVIEW, only=(_S.IN_DOUBT,), actor="restore",
                    note="restored", reason="restored",
                )  # fmt: skip
                await self._outbox.owe(tx, CustomerId(row.customer_id), OrderInReview(order))
                await self._outbox.owe_owners(tx, OrderNeedsPerson(order))
                found.append(order)
        return tuple(found)

    async def tell_slow(self) -> None:
        """Bring the living screens of orders up to date that have waited for 20 seconds."""
        now = self._clock.now()
        which = (
            IS_OPEN,
            OrderRow.state.in_((_S.RESERVED, _S.PLACING)),
            OrderRow.is_slow_told == 0,
            # Or accepted by a clock that was ahead: it may be cancelled as well.
            or_(OrderRow.accepted_at <= now - SLOW, OrderRow.accepted_at >= now + SLOW),
        )
        async with self._database.read() as reader:
            slow = (await reader.execute(select(OrderRow.id).where(*which).limit(1))).first()
        if slow is None:
            return
        async with self._database.write() as tx:
            rows = await tx.execute(
                update(OrderRow)
                .where(*which)
                .values(is_slow_told=1)
                .returning(OrderRow.id, OrderRow.customer_id)
            )
            for row in rows.all():
                await self._outbox.owe(
                    tx, CustomerId(row.customer_id), OrderMoved(OrderId(row.id))
                )

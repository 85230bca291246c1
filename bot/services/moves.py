"""Moves: what happens to an order inside one transaction, and its money with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import (
    AttemptRow,
    CustomerRow,
    LaneRow,
    MoveRow,
    OrderRow,
    PostingRow,
    UpstreamOrderRow,
)
from bot.db.session import wake
from bot.domain.clock import Clock
from bot.domain.errors import DeliveredBefore
from bot.domain.money import Money
from bot.domain.notices import (
    OrderDelivered,
    OrderInReview,
    OrderMoved,
    OrderNeedsPerson,
    OrderReleased,
    Sold,
)
from bot.domain.orders import CustomerId, Delivery, LaneId, OrderId, OrderState, sources
from bot.domain.wallets import PostingKind
from bot.services.delivery import Deliveries
from bot.services.lanes import Lanes
from bot.services.outbox import Outbox
from bot.services.rows import IS_TOLD, ORDER, TOLD, lock, row_of
from bot.services.subscriptions import begin
from bot.services.wallets import (
    COST,
    LOSS,
    SALES,
    Wallets,
    held_for,
    upstream_account,
    wallet_of,
)

_S = OrderState


class Taken(Exception):
    """The upstream order serves another of ours, or is older than its attempt; nothing written."""


class Moves:
    """Every change of an order's state is made in here. What it may become is in `MOVES` alone.

    Each method is a part of its caller's transaction: it commits nothing, and what it raises
    undoes everything.
    """

    def __init__(
        self, clock: Clock, lanes: Lanes, wallets: Wallets, outbox: Outbox, deliveries: Deliveries
    ) -> None:
        self._clock = clock
        self._lanes = lanes
        self._wallets = wallets
        self._outbox = outbox
        self._deliveries = deliveries

    async def make(
        self, tx: AsyncConnection, order: OrderId, target: OrderState, *, actor: str,
        only: tuple[OrderState, ...] = (), note: str | None = None, **values: Any,
    ) -> Row[Any] | None:  # fmt: skip
        """The compare-and-set behind every change of a state; None when the move is not legal.

        Only from the states of `only` where they are given; `values` are set with the state.
        """
        legal = sources(target).intersection(only) if only else sources(target)
        before = await tx.scalar(
            select(OrderRow.state).where(OrderRow.id == order).with_for_update()
        )
        moved = (
            await tx.execute(
                update(OrderRow)
                .where(OrderRow.id == order, OrderRow.state.in_(legal))
                .values(state=target, moved_at=self._clock.now(), **values)
                .returning(*ORDER)
            )
        ).one_or_none()
        if moved is not None:
            await self.write(tx, order, before, target, actor, note)
            lane = self._lanes.get(LaneId(moved.lane_id))
            if lane is not None:
                wake(tx, lane.woken)
        return moved

    async def write(
        self, tx: AsyncConnection, order: OrderId, source: str | None, target: OrderState,
        actor: str, note: str | None,
    ) -> None:  # fmt: skip
        """Keep who moved an order, and why; `source` is None for one that begins."""
        await tx.execute(
            insert(MoveRow).values(
                order_id=order,
                source=source,
                target=target,
                actor=actor,
                note=note,
                at=self._clock.now(),
            )
        )

    async def settle(
        self, tx: AsyncConnection, order: OrderId, reference: str | None,
        delivery: Delivery | None, raw: str, actor: str, outcome: str | None,
        subscription: str | None = None,
    ) -> OrderState | None:  # fmt: skip
        """The upstream order exists: deliver it, or prepare while there is no delivery.

        Under review where another order has any of that delivery. None when the move is not
        legal; raises `Taken`.
        """
        before = await lock(tx, order)
        bound_to = None
        if reference is not None:
            named = select(UpstreamOrderRow.__table__).where(
                UpstreamOrderRow.lane_id == before.lane_id,
                UpstreamOrderRow.reference == reference,
            )
            known = (await tx.execute(named)).one_or_none()
            bound_to = None if known is None else known.order_id
            # What was known before the attempt cannot be what the attempt made: unless our tag
            # says that an earlier one did.
            is_older = (
                known is not None
                and known.id <= (before.baseline_id or 0)
                and known.tag != before.tag
            )
            if bound_to != order and (is_older or bound_to is not None):
                raise Taken
        if delivery is not None:
            customer = CustomerId(before.customer_id)
            # What was found in a list, or bound to what stands there, may be another order by
            # another id.
            is_found = outcome != "by_hand" and await self._is_found(tx, before)
            try:
                await self._deliveries.refuse_known(
                    tx, order, customer, delivery, is_found=is_found
                )
            except DeliveredBefore as known:
                return await self._set_apart(tx, before, reference, raw, actor, known.order)
        if delivery is None:
            moved = await self.make(
                tx, order, _S.PREPARING, actor=actor, note=outcome,
                upstream_order_id=reference, next_at=self._clock.now(), checks=0, reason=None,
            )  # fmt: skip
        else:
            moved = await self.make(
                tx, order, _S.DELIVERED, actor=actor, note=outcome,
                upstream_order_id=reference, by_hand=int(outcome == "by_hand"), reason=None,
            )  # fmt: skip
        if moved is None:
            return None
        if reference is not None and bound_to is None:
            await self.bind(tx, moved, reference, subscription)
        await self.end_attempt(tx, moved, outcome or TOLD)
        if delivery is None:
            if raw:
                await self._deliveries.seal(tx, order, None, raw)
            await self._outbox.owe(tx, CustomerId(moved.customer_id), OrderMoved(order))
            return _S.PREPARING
        await self._deliveries.keep(tx, order, CustomerId(moved.customer_id), delivery, raw)
        await self._capture(tx, moved, actor)
        return _S.DELIVERED

    async def release(
        self, tx: AsyncConnection, order: OrderId, reason: str, *, actor: str,
        only: tuple[OrderState, ...] = (), new_price: Money | None = None,
        note: str | None = None, tell: bool = True,
    ) -> Row[Any] | None:  # fmt: skip
        """Give the hold back, and tell the customer unless it was their own wish."""
        # Wallet before order, as accept does: two transactions never wait for each other.
        await self._wallets.available(tx, CustomerId((await row_of(tx, order)).customer_id))
        moved = await self.make(
            tx, order, _S.RELEASED, only=only, actor=actor, note=note or reason, reason=reason
        )
        if moved is None:
            return None
        await self.let_go(tx, moved)
        customer = CustomerId(moved.customer_id)
        await self._wallets.post(
            tx, PostingKind.RELEASE, f"order:{order}:settle", held_for(order),
            wallet_of(customer), Money(moved.price_micros),
            actor=actor, reason=reason, order=order,
        )  # fmt: skip
        if tell:
            await self._outbox.owe(
                tx, customer, OrderReleased(order, new_price), dedupe=f"released:{order}"
            )
        return moved

    async def review(self, tx: AsyncConnection, order: OrderId, reason: str, note: str) -> bool:
        """A person must decide; the hold stays, the customer and the owners are told."""
        moved = await self.make(tx, order, _S.REVIEW, actor="shop", note=note, reason=reason)
        if moved is None:
            return False
        # Without a dedupe key: every move is made once, and the next review is news again.
        await self._outbox.owe(tx, CustomerId(moved.customer_id), OrderInReview(order))
        await self._outbox.owe_owners(tx, OrderNeedsPerson(order))
        return True

    async def end_attempt(
        self, tx: AsyncConnection, row: Row[Any] | None, outcome: str | None
    ) -> None:
        """Keep how the last attempt of an order that was moved ended, once."""
        if row is not None and outcome is not None and row.tries:
            await tx.execute(
                update(AttemptRow)
                .where(
                    AttemptRow.order_id == row.id,
                    AttemptRow.number == row.tries,
                    AttemptRow.ended_at.is_(None),
                )
                .values(ended_at=self._clock.now(), outcome=outcome)
            )

    async def _is_found(self, tx: AsyncConnection, row: Row[Any]) -> bool:
        """Whether no answer has told, and none tells now, what serves it; or a person since."""
        if row.state == _S.PLACING:
            return False
        told = select(OrderRow.id).where(OrderRow.id == row.id, IS_TOLD)
        return await tx.scalar(told) is None

    async def bind(
        self, tx: AsyncConnection, row: Row[Any], reference: str, subscription: str | None = None
    ) -> None:
        """Bind an upstream order to the order that names it, and begin its subscription."""
        lane = LaneId(row.lane_id)
        bound = await tx.execute(
            update(UpstreamOrderRow)
            .where(
                UpstreamOrderRow.lane_id == row.lane_id,
                UpstreamOrderRow.reference == reference,
                or_(UpstreamOrderRow.order_id.is_(None), UpstreamOrderRow.order_id == row.id),
            )
            .values(
                order_id=row.id,
                subscription=func.coalesce(UpstreamOrderRow.subscription, subscription),
            )
            .returning(UpstreamOrderRow.plan)
        )
        listed = bound.one_or_none()
        if listed is None:
            await tx.execute(
                insert(UpstreamOrderRow).values(
                    lane_id=row.lane_id,
                    reference=reference,
                    provider=row.provider,
                    plan=row.plan,
                    tag=row.tag,
                    quantity=row.quantity,
                    subscription=subscription,
                    order_id=row.id,
                    is_listed=0,
                    seen_at=self._clock.now(),
                )
            )
        if row.days is not None:
            # A person may bind what was made of another plan: it is cancelled as what it is.
            plan, opened = row.plan, self._lanes.get(lane)
            if listed is not None and opened is not None:
                plan = opened.plan_of(listed.plan, plan)
            await begin(tx, lane, reference, plan, self._clock.now(), OrderId(row.id))

    async def let_go(self, tx: AsyncConnection, row: Row[Any]) -> None:
        """Unbind what the upstream made, so that the late watch books and tells what was paid."""
        if row.upstream_order_id is None:
            return
        await tx.execute(
            update(UpstreamOrderRow)
            .where(UpstreamOrderRow.order_id == row.id)
            .values(order_id=None)
        )
        await tx.execute(
            update(OrderRow).where(OrderRow.id == row.id).values(upstream_order_id=None)
        )

    async def _set_apart(
        self, tx: AsyncConnection, row: Row[Any], reference: str | None, raw: str, actor: str,
        holder: OrderId,
    ) -> OrderState | None:  # fmt: skip
        """It was made, but with what another order has: bound, kept sealed, shown to nobody."""
        order, reason = OrderId(row.id), "delivered_before"
        if row.state == _S.PREPARING:
            await self._deliveries.seal(tx, order, None, raw)
        elif not await self.settle(tx, order, reference, None, raw, actor, reason):
            return None
        is_moved = await self.review(tx, order, reason, f"{reason}: order {holder}")
        return _S.REVIEW if is_moved else None

    async def _capture(self, tx: AsyncConnection, row: Row[Any], actor: str) -> None:
        order, price = OrderId(row.id), Money(row.price_micros)
        # Capture and release share one reference, so that a hold resolves once.
        await self._wallets.post(
            tx, PostingKind.CAPTURE, f"order:{order}:settle", held_for(order), SALES, price,
            actor=actor, reason="capture", order=order,
        )  # fmt: skip
        lane = await tx.scalar(select(LaneRow.upstream).where(LaneRow.id == row.lane_id))
        source = upstream_account(str(lane))
        if row.upstream_order_id is not None and await tx.scalar(
            select(
                exists().where(
                    PostingRow.reference == stray_reference(str(lane), row.upstream_order_id)
                )
            )
        ):
            # It was written off as a stray: its cost is paid already, and no loss any more.
            source = LOSS
        await self._wallets.post(
            tx, PostingKind.COST, f"order:{order}:cost", source, COST, Money(row.cost_micros),
            actor=actor, reason="cost", order=order,
        )  # fmt: skip
        await self._outbox.owe(
            tx, CustomerId(row.customer_id), OrderDelivered(order), dedupe=f"delivered:{order}"
        )
        keen = select(CustomerRow.id).where(
            CustomerRow.id.in_(self._outbox.owners), CustomerRow.wants_sales == 1
        )
        await self._outbox.owe_owners(
            tx, Sold(order), only=[CustomerId(one) for one in (await tx.scalars(keen)).all()]
        )


def stray_reference(upstream: str, reference: str) -> str:
    """The posting that writes an upstream order off."""
    return f"stray:{upstream}:{reference}"

"""Subscriptions: what upstreams would be paid for again, written down with the order itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import OrderRow, SubscriptionRow, UpstreamOrderRow
from bot.domain.orders import LaneId, OrderId

UNKNOWN_DAYS = 28
"""No month is shorter, where nobody says how long a period is."""


async def begin(
    tx: AsyncConnection,
    lane: LaneId,
    reference: str,
    plan: str,
    now: datetime,
    order: OrderId | None = None,
) -> None:
    """Write down that an upstream order goes on being paid, in the transaction that learns it.

    Both of its ids are kept, for small letters cannot be undone. Its cancellation is due at
    once. An order that takes over what was a stray takes its subscription over as it stands.
    """
    known = await tx.scalar(
        update(SubscriptionRow)
        .where(SubscriptionRow.lane_id == lane, SubscriptionRow.reference == reference)
        .values(order_id=order)
        .returning(SubscriptionRow.id)
    )
    if known is not None:
        return
    subscription = await tx.scalar(
        select(UpstreamOrderRow.subscription).where(
            UpstreamOrderRow.lane_id == lane, UpstreamOrderRow.reference == reference
        )
    )
    days, opened_at = UNKNOWN_DAYS, now
    if order is not None:
        bought = (
            await tx.execute(select(OrderRow.days, OrderRow.sent_at).where(OrderRow.id == order))
        ).one()
        days, opened_at = bought.days or days, bought.sent_at or now
    await tx.execute(
        insert(SubscriptionRow).values(
            lane_id=lane,
            reference=reference,
            subscription=subscription,
            plan=plan,
            order_id=order,
            opened_at=opened_at,
            ends_at=opened_at + timedelta(days=days),
            next_at=now,
        )
    )

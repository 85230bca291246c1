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
    once. An order that takes over what nobody had takes its cancellation over as it stands, and
    says what it is: a list may not, or in words that its cancellation does not know.
    """
    days, opened_at = UNKNOWN_DAYS, now
    if order is not None:
        bought = (
            await tx.execute(select(OrderRow.days, OrderRow.sent_at).where(OrderRow.id == order))
        ).one()
        days, opened_at = bought.days or days, bought.sent_at or now
    told = {"order_id": order, "opened_at": opened_at, "ends_at": opened_at + timedelta(days=days)}
    which = SubscriptionRow.lane_id == lane, SubscriptionRow.reference == reference
    if await tx.scalar(select(SubscriptionRow.id).where(*which)) is not None:
        if order is not None:
            await tx.execute(update(SubscriptionRow).where(*which).values(plan=plan, **told))
        return
    subscription = await tx.scalar(
        select(UpstreamOrderRow.subscription).where(
            UpstreamOrderRow.lane_id == lane, UpstreamOrderRow.reference == reference
        )
    )
    await tx.execute(
        insert(SubscriptionRow).values(
            lane_id=lane,
            reference=reference,
            subscription=subscription,
            plan=plan,
            next_at=now,
            **told,
        )
    )

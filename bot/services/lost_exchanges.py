"""Exchanges lost with the books: what a restore does not know of, and has looked for.

restore -> unchanged, LOST -> done   other proxies were found, or an owner has said so
                           -> gone   nothing was lost, or it matters no more

They stand among the exchanges, though nobody wished for them: `Exchanges` looks, and delivers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import ExchangeRow, OrderRow, SubscriptionRow
from bot.domain.exchanges import LOST, ExchangeState
from bot.domain.orders import OrderState

_S = ExchangeState
_BOUND = (OrderState.PREPARING, OrderState.REVIEW, OrderState.DELIVERED)
"""The states of an order that is bound to its upstream order, as far as nobody took it back."""
IS_LOST = and_(
    ExchangeRow.state == _S.UNCHANGED,
    # As the index of states says it: nothing was sent that these books know of.
    ExchangeRow.sent_at.is_(None),
    ExchangeRow.error == LOST,
)


async def look_for_lost_exchanges(tx: AsyncConnection, now: datetime) -> None:
    """Have each order that runs read again: it may hold other proxies by now, or soon.

    What can be exchanged is sold by the period, and nothing else is. Who waits for a delivery
    here may have had it in the books that are lost, and exchanged it. An order that waits for
    that already begins to wait anew.
    """
    # One that was only asked for may have been sent since: its order is read again.
    await tx.execute(
        update(ExchangeRow)
        .where(ExchangeRow.state.in_((_S.ASKED, _S.SENDING)))
        .values(state=_S.UNCLEAR, sent_at=now, next_at=now, error="restored")
    )
    # What was sent just before these books were lost may be done late: as long as any other.
    again = update(ExchangeRow).where(IS_LOST).values(asked_at=now, next_at=now, ended_at=now)
    await tx.execute(again)
    runs = exists().where(SubscriptionRow.order_id == OrderRow.id, SubscriptionRow.ends_at > now)
    waits = exists().where(ExchangeRow.order_id == OrderRow.id, IS_LOST)
    at = literal(now, ExchangeRow.asked_at.type)
    orders = select(
        OrderRow.id, literal(f"{LOST} {now.isoformat()}"), literal(_S.UNCHANGED),
        literal(LOST), at, at, at,
    ).where(OrderRow.state.in_(_BOUND), runs, ~waits)  # fmt: skip
    columns = ["order_id", "intent", "state", "error", "asked_at", "next_at", "ended_at"]
    await tx.execute(insert(ExchangeRow).from_select(columns, orders))


def is_over(row: Row[Any], now: datetime) -> bool:
    """Whether it matters no more what an order holds: paid back, or its time has ended."""
    is_paid_back = row.order_state in {OrderState.RELEASED, OrderState.REFUNDED}
    ends_at = None if row.days is None else row.placed_at + timedelta(days=row.days)
    return is_paid_back or (ends_at is not None and ends_at <= now)


async def forget_lost(tx: AsyncConnection, which: ColumnElement[bool]) -> bool:
    """Keep nothing of a lost exchange; False where there is none any more."""
    gone = delete(ExchangeRow).where(which, IS_LOST)
    return await tx.scalar(gone.returning(ExchangeRow.id)) is not None

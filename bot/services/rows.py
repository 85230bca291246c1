"""Rows of orders, and the order that the rest of the shop knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, Row, and_, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import AttemptRow, MoveRow, OrderRow
from bot.domain.catalog import PlanId, ProviderId
from bot.domain.errors import NotFound
from bot.domain.money import Money
from bot.domain.orders import OPEN, CustomerId, Order, OrderId, OrderState

ORDER = (*OrderRow.__table__.c,)
_OPEN: BindParameter[Any] = bindparam("open", sorted(OPEN), expanding=True, literal_execute=True)
IS_OPEN = OrderRow.state.in_(_OPEN)
"""Not ended yet: said as the indexes of open orders say it, or SQLite does not see that they fit.

Beside it, a query names the states that it wants: without it, all orders that ever were are read.
"""

TOLD = "made"
"""How an attempt ends whose answer tells the id of the upstream order."""
BOUND = "bound"
"""What is noted where a person says which upstream order serves an order."""
IS_TOLD = and_(
    exists().where(AttemptRow.order_id == OrderRow.id, AttemptRow.outcome == TOLD),
    ~exists().where(MoveRow.order_id == OrderRow.id, MoveRow.note == BOUND),
)
"""Which upstream order serves it is known from its answer, neither from a list nor a person."""


async def row_of(reader: AsyncConnection, order: OrderId) -> Row[Any]:
    """Anybody's order; raises `NotFound`."""
    row = (await reader.execute(select(*ORDER).where(OrderRow.id == order))).one_or_none()
    if row is None:
        raise NotFound
    return row


async def lock(tx: AsyncConnection, order: OrderId) -> Row[Any]:
    """Anybody's order, which nobody else changes until the transaction ends; or `NotFound`.

    For what is read in order to be decided on: where writers do not exclude each other, an order
    that was only read may be another's by the time it is written.
    """
    locked = select(*ORDER).where(OrderRow.id == order).with_for_update()
    row = (await tx.execute(locked)).one_or_none()
    if row is None:
        raise NotFound
    return row


def order_of(row: Row[Any]) -> Order:
    """A row of `orders` as the rest of the shop knows it."""
    return Order(
        id=OrderId(row.id),
        customer=CustomerId(row.customer_id),
        plan=PlanId(row.plan_id),
        provider=ProviderId(row.provider_id),
        provider_name=row.provider_name,
        title=row.title,
        is_code=bool(row.is_code),
        quantity=row.quantity,
        price=Money(row.price_micros),
        cost=Money(row.cost_micros),
        state=OrderState(row.state),
        accepted_at=row.accepted_at,
        moved_at=row.moved_at,
        reason=row.reason,
        upstream_order_id=row.upstream_order_id,
        shown_at=row.shown_at,
        works_until=None
        if row.days is None or row.sent_at is None
        else row.sent_at + timedelta(days=row.days),
        days=row.days,
    )

"""Alerts: customers want to be told when the traffic of an order runs out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import OrderRow, UsageAlertRow
from bot.db.session import Database
from bot.domain.catalog import ProviderId, UsageByApi
from bot.domain.clock import Clock
from bot.domain.errors import NotFound
from bot.domain.notices import UsageAlerted
from bot.domain.orders import CustomerId, OrderId, OrderState
from bot.domain.usage import ALERTS, AlertChoice, Measured
from bot.services.catalog import Catalog
from bot.services.outbox import Outbox
from bot.services.rows import ORDER, order_of


class Alerts:
    """One alert an order, told once for each crossing, in a message of its own."""

    def __init__(self, database: Database, clock: Clock, catalog: Catalog, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._outbox = outbox

    async def choice(self, customer: CustomerId, order: OrderId) -> AlertChoice:
        """What is chosen for a delivered order whose traffic can be asked; else `NotFound`."""
        async with self._database.read() as reader:
            row = await self._mine(reader, customer, order)
        return AlertChoice(order_of(row), await self.percent(order))

    async def choose(self, customer: CustomerId, order: OrderId, percent: int) -> AlertChoice:
        """Tell the customer at this percentage, or never (0); asked for within seconds."""
        if percent not in {0, *ALERTS}:
            raise NotFound
        async with self._database.write() as tx:
            row = await self._mine(tx, customer, order)
            known = await tx.scalar(
                select(UsageAlertRow.percent)
                .where(UsageAlertRow.order_id == order)
                .with_for_update()
            )
            if known != percent:
                # A repeated tap must not let a crossing be told a second time.
                await tx.execute(delete(UsageAlertRow).where(UsageAlertRow.order_id == order))
                if percent:
                    await tx.execute(
                        insert(UsageAlertRow).values(
                            order_id=order,
                            lane_id=row.lane_id,
                            percent=percent,
                            next_at=self._clock.now(),
                        )
                    )
        return AlertChoice(order_of(row), percent or None)

    async def percent(self, order: OrderId) -> int | None:
        """At which percentage the customer of an order wants to be told; None for never."""
        async with self._database.read() as reader:
            found: int | None = await reader.scalar(
                select(UsageAlertRow.percent).where(UsageAlertRow.order_id == order)
            )
        return found

    async def decide(self, tx: AsyncConnection, order: OrderId, reading: Measured) -> None:
        """Tell a crossing in the transaction that keeps the reading; be ready for the next one."""
        row = (
            await tx.execute(
                select(*UsageAlertRow.__table__.c, OrderRow.customer_id)
                .join(OrderRow, OrderRow.id == UsageAlertRow.order_id)
                .where(UsageAlertRow.order_id == order)
                .with_for_update(of=UsageAlertRow)
            )
        ).one_or_none()
        is_past = None if row is None else reading.traffic.is_past(row.percent)
        if row is None or is_past is None or is_past == (row.told_at is not None):
            return
        await tx.execute(
            update(UsageAlertRow)
            .where(UsageAlertRow.order_id == order)
            .values(told_at=reading.at if is_past else None)
        )
        if is_past:
            await self._outbox.owe(
                tx, CustomerId(row.customer_id), UsageAlerted(order, row.percent)
            )

    async def _mine(
        self, reader: AsyncConnection, customer: CustomerId, order: OrderId
    ) -> Row[Any]:
        query = select(*ORDER).where(
            OrderRow.id == order,
            OrderRow.customer_id == customer,
            OrderRow.state == OrderState.DELIVERED,
            OrderRow.upstream_order_id.is_not(None),
        )
        row = (await reader.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        provider = self._catalog.provider(ProviderId(row.provider_id))
        if not isinstance(provider.usage, UsageByApi):
            raise NotFound
        return row

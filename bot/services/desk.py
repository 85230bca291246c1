"""The owner's desk: what `/shop` shows, and the switches on it."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select

from bot.db.models import LaneRow, OrderRow, OutboxRow, PostingRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.desk import LaneState, Resumed, ShopState, Today
from bot.domain.money import Money
from bot.domain.orders import LaneId
from bot.domain.wallets import AuditReport, PostingKind
from bot.services.audit import Audit
from bot.services.backups import Backups
from bot.services.cancellations import Cancellations
from bot.services.catalog import Catalog
from bot.services.lanes import Lanes
from bot.services.stops import RESTORED, SHOP, Stops


class ShopDesk:
    """Everything an owner sees at a glance; nothing here asks an upstream."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        lanes: Lanes,
        stops: Stops,
        audit: Audit,
        backups: Backups,
        cancellations: Cancellations,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._lanes = lanes
        self._stops = stops
        self._audit = audit
        self._backups = backups
        self._cancellations = cancellations

    async def state(self) -> ShopState:
        """The shop now."""
        async with self._database.read() as reader:
            rows = (await reader.execute(select(LaneRow.__table__).order_by(LaneRow.id))).all()
            waiting = await self._lanes.waiting(reader)
            lanes = []
            for row in rows:
                lane = self._lanes.get(LaneId(row.id))
                lanes.append(
                    LaneState(
                        LaneId(row.id),
                        row.upstream,
                        None if lane is None else lane.balance,
                        None if lane is None else lane.balance_at,
                        waiting.get(LaneId(row.id), 0),
                        lane is not None,
                        lane is None or lane.upstream.balance is not None,
                        lane is None or lane.is_listed,
                    )
                )
            stops = await self._stops.all(reader)
            in_review = await reader.scalar(
                select(func.count()).select_from(OrderRow).where(self._lanes.needs_person())
            )
            dead = await reader.scalar(
                select(func.count()).select_from(OutboxRow).where(OutboxRow.outcome == "dead")
            )
            midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
            sums = {
                kind: (int(micros), count)
                for kind, micros, count in (
                    await reader.execute(
                        select(
                            PostingRow.kind,
                            func.coalesce(func.sum(PostingRow.micros), 0),
                            func.count(),
                        )
                        .where(
                            PostingRow.kind.in_(("capture", "refund", "cost", "stray")),
                            PostingRow.at >= midnight,
                        )
                        .group_by(PostingRow.kind)
                    )
                ).all()
            }
        sold, orders = sums.get(PostingKind.CAPTURE, (0, 0))
        refunded, _ = sums.get(PostingKind.REFUND, (0, 0))
        cost, _ = sums.get(PostingKind.COST, (0, 0))
        lost, _ = sums.get(PostingKind.STRAY, (0, 0))
        sales = sold - refunded
        running, subscriptions = await self._cancellations.counts()
        return ShopState(
            at=self._clock.now(),
            lanes=tuple(lanes),
            stops=stops,
            catalog_read_at=self._catalog.read_at,
            plans=len(self._catalog.plans),
            today=Today(orders, Money(sales), Money(sales - cost - lost)),
            in_review=in_review or 0,
            undelivered=dead or 0,
            audited_at=self._audit.ran_at,
            backed_up_at=await asyncio.to_thread(self._backups.newest),
            running=running,
            subscriptions=subscriptions,
        )

    async def audit(self) -> AuditReport:
        """Audit the books now; a difference stops the shop."""
        return await self._audit.guard()

    async def resume(self) -> Resumed:
        """Sell again, after an audit that is green.

        After a restore every upstream's list has to be read first: what it holds and the books
        do not is flagged by then, and no order can take it over.
        """
        async with self._database.read() as reader:
            stop = next((s for s in await self._stops.all(reader) if s.scope == SHOP), None)
        if stop is None:
            return Resumed.OPEN
        if stop.reason == RESTORED and not self._lanes.are_listed:
            return Resumed.LISTS_UNREAD
        if not await self._audit.resume():
            return Resumed.BOOKS_DIFFER
        # Now, and not when a job looks: the owner goes and sees.
        self._catalog.paused = await self._lanes.paused()
        return Resumed.OPEN

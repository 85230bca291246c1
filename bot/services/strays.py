"""Strays: upstream orders that nothing of ours explains, booked as a loss and told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import LaneRow, OrderRow, PlanRow, ProviderRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import UpstreamError
from bot.domain.money import Money
from bot.domain.notices import StrayFound, Trouble
from bot.domain.orders import OrderState
from bot.domain.wallets import PostingKind
from bot.services.catalog import Catalog
from bot.services.doubts import may_have_made
from bot.services.lane import Lane
from bot.services.lanes import READ_AGAIN
from bot.services.listings import Listings
from bot.services.moves import stray_reference
from bot.services.outbox import Outbox
from bot.services.rows import IS_OPEN, ORDER
from bot.services.subscriptions import begin
from bot.services.wallets import LOSS, Wallets, upstream_account

log = structlog.get_logger()

WATCH = timedelta(minutes=5)
WATCHED_FOR = timedelta(hours=48)
"""An order that was given back may turn up at the upstream for so long."""

_S = OrderState


class Strays:
    """The late watch over one lane's order list; only its worker asks."""

    def __init__(
        self,
        lane: Lane,
        *,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        wallets: Wallets,
        listings: Listings,
        outbox: Outbox,
    ) -> None:
        self._lane = lane
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._wallets = wallets
        self._listings = listings
        self._outbox = outbox
        self._watched_at: datetime | None = None

    async def watch(self) -> None:
        """Every five minutes: an upstream order that nothing of ours explains is a stray."""
        now = self._clock.now()
        # Nothing is sold before the list was read once.
        pause = WATCH if self._lane.is_listed else READ_AGAIN
        if self._watched_at is not None and timedelta(0) <= now - self._watched_at < pause:
            return
        self._watched_at = now
        try:
            await self._listings.read(self._lane)
        except UpstreamError as error:
            log.warning("list cannot be read", lane=self._lane.id, code=error.code)
            return
        async with self._database.read() as reader:
            loose = (
                await reader.execute(
                    select(UpstreamOrderRow.__table__).where(
                        UpstreamOrderRow.lane_id == self._lane.id,
                        UpstreamOrderRow.order_id.is_(None),
                        UpstreamOrderRow.is_flagged == 0,
                    )
                )
            ).all()
            # Read now: while the list was read, a person may have let an order wait again.
            undecided = (
                await reader.execute(
                    select(*ORDER).where(
                        OrderRow.lane_id == self._lane.id,
                        IS_OPEN,
                        OrderRow.state.in_((_S.PLACING, _S.IN_DOUBT, _S.REVIEW)),
                    )
                )
            ).all()
        for stray in loose:
            if not any(self._may_have_made(row, stray) for row in undecided):
                await self._write_off(stray)

    async def _write_off(self, stray: Row[Any]) -> None:
        """Book what an unexplained upstream order cost as a loss, and tell the owners."""
        name = self._lane.upstream.name
        async with self._database.write() as tx:
            flagged = await tx.scalar(
                update(UpstreamOrderRow)
                .where(
                    UpstreamOrderRow.id == stray.id,
                    UpstreamOrderRow.order_id.is_(None),
                    UpstreamOrderRow.is_flagged == 0,
                )
                .values(is_flagged=1)
                .returning(UpstreamOrderRow.id)
            )
            if flagged is None:
                return
            micros = await tx.scalar(
                select(PlanRow.cost_micros)
                .join(ProviderRow, ProviderRow.id == PlanRow.provider_id)
                .where(
                    ProviderRow.upstream == name,
                    ProviderRow.code == stray.provider,
                    PlanRow.code == stray.plan,
                )
            )
            cost = None if micros is None else Money(micros) * (stray.quantity or 1)
            is_paid_again = self._lane.upstream.subscriptions is not None
            if is_paid_again:
                now = self._clock.now()
                await begin(tx, self._lane.id, stray.reference, stray.plan or "", now)
            if cost is not None:
                await self._wallets.post(
                    tx, PostingKind.STRAY, stray_reference(name, stray.reference),
                    upstream_account(name), LOSS, cost, actor="shop", reason="stray",
                )  # fmt: skip
            await self._outbox.owe_owners(
                tx, StrayFound(name, stray.reference, cost, is_paid_again)
            )
            if not await self._is_late(tx, stray):
                # Nothing of ours was open that could have made it: somebody else did.
                await tx.execute(
                    update(LaneRow)
                    .where(LaneRow.id == self._lane.id)
                    .values(shared_until=self._clock.now() + WATCHED_FOR)
                )
                day = self._clock.now().strftime("%Y%m%d")
                await self._outbox.owe_owners(
                    tx, Trouble("shared_account"), dedupe=f"shared:{self._lane.id}:{day}"
                )

    async def _is_late(self, tx: AsyncConnection, stray: Row[Any]) -> bool:
        """Whether an order that was given back may have made it after all."""
        given_back = await tx.execute(
            select(*ORDER).where(
                OrderRow.lane_id == self._lane.id,
                OrderRow.state == _S.RELEASED,
                OrderRow.moved_at > self._clock.now() - WATCHED_FOR,
                OrderRow.baseline_id < stray.id,
            )
        )
        return any(self._may_have_made(row, stray) for row in given_back.all())

    def _may_have_made(self, order: Row[Any], listed: Row[Any]) -> bool:
        return may_have_made(self._lane, self._catalog, order, listed)

"""Strays: upstream orders that nothing of ours explains, booked as a loss and told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, and_, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import (
    LaneRow,
    MoveRow,
    OrderRow,
    PlanRow,
    ProviderRow,
    UpstreamOrderRow,
)
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import UpstreamError
from bot.domain.money import Money
from bot.domain.notices import StrayFound, Trouble
from bot.domain.orders import OrderState
from bot.domain.wallets import PostingKind
from bot.services.catalog import Catalog
from bot.services.lane import Lane
from bot.services.lanes import READ_AGAIN
from bot.services.listings import Listings
from bot.services.makers import Makers, may_have_made
from bot.services.moves import Moves, stray_reference
from bot.services.other_ids import LISTED_WITHIN, OtherIds, apart
from bot.services.outbox import Outbox
from bot.services.placing import WATCHED_FOR
from bot.services.rows import IS_OPEN, ORDER
from bot.services.subscriptions import begin
from bot.services.wallets import LOSS, Wallets, upstream_account

log = structlog.get_logger()

WATCH = timedelta(minutes=5)

_S = OrderState
_LOOSE = and_(UpstreamOrderRow.order_id.is_(None), UpstreamOrderRow.is_flagged == 0)
"""Still to be decided on."""


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
        moves: Moves,
        listings: Listings,
        outbox: Outbox,
    ) -> None:
        self._lane = lane
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._wallets = wallets
        self._moves = moves
        self._listings = listings
        self._outbox = outbox
        self._watched_at: datetime | None = None

    async def watch(self) -> None:
        """Every five minutes: an upstream order that nothing of ours explains is a stray.

        An order of ours explains it that may have made it, or one that the list may show by
        another id.
        """
        now = self._clock.now()
        # Nothing is sold before the list was read once.
        pause = WATCH if self._lane.is_looked_through else READ_AGAIN
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
                    select(UpstreamOrderRow.__table__)
                    .where(UpstreamOrderRow.lane_id == self._lane.id, _LOOSE)
                    .order_by(UpstreamOrderRow.id)
                )
            ).all()
            if not loose:
                return
            # Read now: while the list was read, a person may have let an order wait again.
            undecided = (
                await reader.execute(
                    select(*ORDER).where(
                        OrderRow.lane_id == self._lane.id,
                        IS_OPEN,
                        OrderRow.state.in_((_S.RESERVED, _S.PLACING, _S.IN_DOUBT, _S.REVIEW)),
                    )
                )
            ).all()
            # Read last: what is bound by now, and undecided no more, stands here.
            other_ids = await OtherIds.read(reader, self._lane, self._catalog, loose)
        reviewed = self._makers(
            row for row in undecided if row.state == _S.REVIEW and row.upstream_order_id is None
        )
        # One that was made before a retry: its order may be served by it all the same.
        tagged = {row.tag: row for row in undecided if row.upstream_order_id is None}
        undecided = [row for row in undecided if row.state in {_S.PLACING, _S.IN_DOUBT}]
        # First what says most of itself: one that fits anything must not take its place.
        for stray in sorted(loose, key=lambda one: reviewed.count(one) + other_ids.count(one)):
            # The lane decides soon; a person may take days, and strangers' orders do not wait.
            if any(self._fits(row, stray) for row in undecided):
                continue
            waiting = reviewed.take(stray) or tagged.get(stray.tag)
            if waiting is not None:
                await self._end(stray, waiting)
                continue
            mine = other_ids.take(stray)
            if mine is None:
                await self._write_off(stray, other_ids)
            elif now - mine.seen_at >= LISTED_WITHIN:
                await self._set_apart(stray)

    async def _write_off(self, stray: Row[Any], other_ids: OtherIds) -> None:
        """Book what an unexplained upstream order cost as a loss, and tell the owners."""
        name = self._lane.upstream.name
        async with self._database.write() as tx:
            if await self._bind_by_hand(tx, stray, other_ids):
                return
            mine = await self._named_by_tag(tx, stray)
            plan = stray.plan if mine is None else mine.plan
            if not await self._flag(tx, stray, plan, is_written_off=1):
                return
            cost = await self._cost(tx, stray) if mine is None else Money(mine.cost_micros)
            if cost is not None:
                await self._wallets.post(
                    tx, PostingKind.STRAY, stray_reference(name, stray.reference),
                    upstream_account(name), LOSS, cost, actor="shop", reason="stray",
                )  # fmt: skip
            await self._outbox.owe_owners(
                tx, StrayFound(name, stray.reference, cost, self._is_paid_again)
            )
            if mine is None and not await self._is_late(tx, stray):
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

    async def _end(self, stray: Row[Any], waiting: Row[Any]) -> None:
        """Pay for no further period of it: a person may take longer to say whose it is."""
        if self._is_paid_again:
            plan, now = self._lane.plan_of(stray.plan, waiting.plan), self._clock.now()
            async with self._database.write() as tx:
                await begin(tx, self._lane.id, stray.reference, plan, now)

    async def _named_by_tag(self, tx: AsyncConnection, stray: Row[Any]) -> Row[Any] | None:
        """The order of ours whose tag it has, given back or not: it says what was bought."""
        query = select(*ORDER).where(OrderRow.lane_id == self._lane.id, OrderRow.tag == stray.tag)
        return None if stray.tag is None else (await tx.execute(query)).one_or_none()

    async def _cost(self, tx: AsyncConnection, stray: Row[Any]) -> Money | None:
        """What it costs by the price list; None where that does not know it."""
        micros = await tx.scalar(
            select(PlanRow.cost_micros)
            .join(ProviderRow, ProviderRow.id == PlanRow.provider_id)
            .where(
                ProviderRow.upstream == self._lane.upstream.name,
                ProviderRow.code == stray.provider,
                PlanRow.code == stray.plan,
            )
        )
        return None if micros is None else Money(micros) * (stray.quantity or 1)

    async def _bind_by_hand(
        self, tx: AsyncConnection, stray: Row[Any], other_ids: OtherIds
    ) -> bool:
        """Bind it to an order that may have made it and that an owner has delivered since.

        What such an order cost is booked, so that one more upstream order is none too many. Not
        one that may have made what was set apart already, and which no sale explains.
        """
        by_hand = await tx.execute(
            select(*ORDER)
            .where(
                OrderRow.lane_id == self._lane.id,
                OrderRow.upstream_order_id.is_(None),
                OrderRow.by_hand == 1,
                # By its delivery: a refund moves it again, whenever that is.
                exists().where(
                    MoveRow.order_id == OrderRow.id,
                    MoveRow.target == _S.DELIVERED,
                    MoveRow.at > self._clock.now() - WATCHED_FOR,
                ),
                OrderRow.baseline_id < stray.id,
            )
            .order_by(OrderRow.id)
            .with_for_update()
        )
        makers = self._makers(by_hand.all())
        if not makers.left:
            return False
        for one in await apart(tx, self._lane, min(row.baseline_id for row in makers.left)):
            if not other_ids.is_explained(one):
                makers.take(one)
        mine = next((row for row in makers.left if self._may_serve(row, stray)), None)
        if mine is None:
            return False
        is_loose = select(UpstreamOrderRow.id).where(UpstreamOrderRow.id == stray.id, _LOOSE)
        if await tx.scalar(is_loose.with_for_update()) is None:
            return False
        await tx.execute(
            update(OrderRow)
            .where(OrderRow.id == mine.id)
            .values(upstream_order_id=stray.reference)
        )
        await self._moves.bind(tx, mine, stray.reference)
        log.info("found what an owner delivered", order=mine.id)
        return True

    async def _set_apart(self, stray: Row[Any]) -> None:
        """It may be one of ours by another id: nothing is booked, the owners are told once."""
        name = self._lane.upstream.name
        async with self._database.write() as tx:
            if await self._flag(tx, stray, stray.plan):
                month = self._clock.now().strftime("%Y%m")
                await self._outbox.owe_owners(
                    tx, Trouble("other_ids", name), dedupe=f"other_ids:{self._lane.id}:{month}"
                )

    async def _flag(
        self, tx: AsyncConnection, stray: Row[Any], plan: str | None, *, is_written_off: int = 0
    ) -> bool:
        """Look at it no more, and pay for no further period of it; False where it was bound."""
        flagged = await tx.scalar(
            update(UpstreamOrderRow)
            .where(UpstreamOrderRow.id == stray.id, _LOOSE)
            .values(is_flagged=1, is_written_off=is_written_off)
            .returning(UpstreamOrderRow.id)
        )
        if flagged is not None and self._is_paid_again:
            now = self._clock.now()
            await begin(tx, self._lane.id, stray.reference, plan or "", now)
        return flagged is not None

    @property
    def _is_paid_again(self) -> bool:
        return self._lane.upstream.subscriptions is not None

    def _may_serve(self, by_hand: Row[Any], stray: Row[Any]) -> bool:
        """Whether it may be bound to what an owner has delivered.

        Where proxies can be exchanged, an order is read again and its customer gets what it
        holds: so only what is surely the order's own, and never what somebody else bought.
        """
        is_sure = self._lane.upstream.exchange is None or stray.tag == by_hand.tag
        return is_sure and self._fits(by_hand, stray)

    async def _is_late(self, tx: AsyncConnection, stray: Row[Any]) -> bool:
        """Whether an order that was given back may have made it after all, and nothing before."""
        given_back = await tx.execute(
            select(*ORDER)
            .where(
                OrderRow.lane_id == self._lane.id,
                OrderRow.state == _S.RELEASED,
                OrderRow.moved_at > self._clock.now() - WATCHED_FOR,
                OrderRow.baseline_id < stray.id,
                # A refusal is no doubt: what was certainly not made explains nothing.
                exists().where(
                    MoveRow.order_id == OrderRow.id,
                    MoveRow.target.in_((_S.IN_DOUBT, _S.PREPARING)),
                ),
            )
            .order_by(OrderRow.id)
        )
        makers = self._makers(given_back.all())
        if not makers.left:
            return False
        written_off = await tx.execute(
            select(UpstreamOrderRow.__table__)
            .where(
                UpstreamOrderRow.lane_id == self._lane.id,
                UpstreamOrderRow.id > min(row.baseline_id for row in makers.left),
                UpstreamOrderRow.id != stray.id,
                UpstreamOrderRow.order_id.is_(None),
                UpstreamOrderRow.is_written_off == 1,
            )
            .order_by(UpstreamOrderRow.id)
        )
        for one in written_off.all():
            makers.take(one)
        return makers.take(stray) is not None

    def _makers(self, orders: Iterable[Row[Any]]) -> Makers:
        return Makers(orders, self._fits)

    def _fits(self, order: Row[Any], listed: Row[Any]) -> bool:
        """Whether an order may have made a listed one; never one that was known before."""
        is_later = order.baseline_id is not None and listed.id > order.baseline_id
        return is_later and may_have_made(self._lane, self._catalog, order, listed)

"""Orders in doubt: what the upstream's order list says about whether they were made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, or_, select

from bot.db.models import LaneRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import UpstreamError
from bot.domain.orders import OrderId, OrderState
from bot.services.catalog import Catalog
from bot.services.first_orders import FirstOrders
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.listings import Listing
from bot.services.makers import may_have_made
from bot.services.placing import LONGEST, QUARANTINE, Placing
from bot.upstreams.base import Made

log = structlog.get_logger()

CHECKS = (3, 8, 15, 30, 60, 120, 300, 600, 900)
"""Seconds after the attempt at which an order in doubt is looked for."""
UNLISTED_FOR = timedelta(minutes=15)
"""With the quarantine over and no listing that proves anything for so long, a person decides."""


class Doubts:
    """Finds out what became of one lane's orders in doubt; only its worker asks."""

    def __init__(
        self,
        lane: Lane,
        *,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        placing: Placing,
        lanes: Lanes,
    ) -> None:
        self._lane = lane
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._placing = placing
        self._lanes = lanes
        self._first_orders = FirstOrders(lane, database, lanes)
        # When each quarantine is over, in the time that only grows. Not kept anywhere: after a
        # restart it is counted from the time of day again.
        self._over_at: dict[tuple[int, datetime], float] = {}

    async def find_out(self, doubtful: Sequence[Row[Any]]) -> None:
        """Let one listing decide every order in doubt that it can."""
        try:
            listing = await self._lanes.listings.read(self._lane)
        except UpstreamError as error:
            # A listing that failed says nothing, above all not that there is no order.
            log.warning("list cannot be read", lane=self._lane.id, code=error.code)
            await self._look_all_later(doubtful)
            return
        for group in self._groups(doubtful):
            try:
                evidence = await self._first_orders.weigh(group, listing)
            except UpstreamError as error:
                log.warning("balance cannot be read", lane=self._lane.id, code=error.code)
                await self._look_all_later(group)
                continue
            await self._decide(group, evidence)

    def begin_to_count(self, doubtful: Sequence[Row[Any]]) -> None:
        """Count the quarantines that are new here from now on.

        A clock that is set forward from then on ends none, and one written by a clock that was
        ahead is no longer than any other.
        """
        now = self._clock.elapsed()
        self._over_at = {
            _quarantine(row): self._over_at.get(_quarantine(row), now + self._left(row))
            for row in doubtful
        }

    def _left(self, row: Row[Any]) -> float:
        left: timedelta = row.quarantine_until - self._clock.now()
        return min(left, QUARANTINE).total_seconds()

    def _groups(self, doubtful: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
        if not self._lane.tells_plans_apart:
            return [list(doubtful)]
        groups: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in doubtful:
            groups.setdefault((row.provider, row.plan), []).append(row)
        return list(groups.values())

    async def _decide(self, group: list[Row[Any]], listing: Listing) -> None:
        listed = await self._candidates(group)
        candidates = [one for one in listed if not one.is_flagged]
        set_apart = [one for one in listed if one.is_flagged]
        tagged = {one.tag: one for one in candidates if one.tag}
        by_tag = self._lane.tells_orders_apart or any(row.tag in tagged for row in group)
        unsure = None
        if by_tag:
            # Two orders of one tag were never sent: what that means is for a person to find out.
            if len(tagged) < sum(1 for one in candidates if one.tag):
                unsure = "too_many_candidates"
        elif candidates and (
            listing.may_be_older or len(listed) > len(group) or self._are_mixed(candidates, group)
        ):
            unsure = "too_many_candidates"
        elif candidates and await self._is_shared():
            unsure = "shared_account"
        if unsure is not None:
            for row in group:
                await self._placing.review(OrderId(row.id), unsure)
            return
        for row in group:
            mine = tagged.get(row.tag) if by_tag else self._oldest_after(candidates, row)
            if mine is not None:
                candidates.remove(mine)
                await self._adopt(row, mine.reference)
            elif self._oldest_after(set_apart, row) is not None:
                # First seen after a restore, or on two lanes: it may be this order's all the same.
                await self._placing.review(OrderId(row.id), "too_many_candidates")
            elif not listing.is_proof:
                log.warning("list is no proof", lane=self._lane.id)
                await self._look_later(row, is_proof=False)
            elif listing.began_at >= self._over_at[_quarantine(row)]:
                await self._placing.release(
                    OrderId(row.id),
                    "unavailable",
                    outcome="not_found",
                    only=(OrderState.IN_DOUBT,),
                )
            else:
                await self._look_later(row, is_proof=True)

    def _oldest_after(self, candidates: list[Row[Any]], row: Row[Any]) -> Row[Any] | None:
        # What was known before the attempt cannot be what the attempt made.
        later = (one for one in candidates if one.id > row.baseline_id)
        return next((one for one in later if self._may_have_made(row, one)), None)

    def _are_mixed(self, candidates: list[Row[Any]], group: list[Row[Any]]) -> bool:
        """Whether orders of more than one plan may have made the same upstream order."""
        return any(
            len({(row.provider, row.plan) for row in group if self._may_have_made(row, one)}) > 1
            for one in candidates
        )

    def _may_have_made(self, row: Row[Any], one: Row[Any]) -> bool:
        return may_have_made(self._lane, self._catalog, row, one)

    async def _candidates(self, group: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Upstream orders that nobody is bound to and that the group's attempts may have made.

        Flagged ones among them, which no order takes over by itself.
        """
        first = min(row.baseline_id for row in group)
        query = (
            select(UpstreamOrderRow.__table__)
            .where(
                UpstreamOrderRow.lane_id == self._lane.id,
                UpstreamOrderRow.order_id.is_(None),
                or_(
                    UpstreamOrderRow.id > first,
                    UpstreamOrderRow.tag.in_([row.tag for row in group]),
                ),
            )
            .order_by(UpstreamOrderRow.id)
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        return [one for one in rows if any(self._may_have_made(row, one) for row in group)]

    async def _adopt(self, row: Row[Any], reference: str) -> None:
        made: Made | None = None
        if not self._lane.is_by_hand:
            try:
                made = await self._lane.upstream.order(reference, row.provider, row.plan)
            except UpstreamError as error:
                log.warning("found order cannot be read", order=row.id, code=error.code)
        delivery = None if made is None else made.whole(row.quantity)
        raw = "" if made is None else made.raw
        await self._placing.settle(OrderId(row.id), reference, delivery, raw, outcome="found")

    async def _look_all_later(self, rows: Sequence[Row[Any]]) -> None:
        """Nothing was said about any of them."""
        for row in rows:
            await self._look_later(row, is_proof=False)

    async def _look_later(self, row: Row[Any], *, is_proof: bool) -> None:
        left = self._over_at[_quarantine(row)] - self._clock.elapsed()
        if not is_proof and -left >= UNLISTED_FOR.total_seconds():
            await self._placing.review(OrderId(row.id), "no_listing")
            return
        passed = (self._clock.now() - row.sent_at).total_seconds()
        pause = next((check - passed for check in CHECKS if check > passed), 60.0)
        if 0 < left < pause:
            pause = left
        await self._placing.poll_again(
            OrderId(row.id), min(max(pause, 1.0), LONGEST.total_seconds())
        )

    async def _is_shared(self) -> bool:
        async with self._database.read() as reader:
            until = await reader.scalar(
                select(LaneRow.shared_until).where(LaneRow.id == self._lane.id)
            )
        return until is not None and self._clock.now() < until


def _quarantine(row: Row[Any]) -> tuple[int, datetime]:
    """Which quarantine it is: an order that waits again begins another one."""
    return row.id, row.quarantine_until

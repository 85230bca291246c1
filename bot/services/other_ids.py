"""Other ids: what a list shows of our orders where it does not show the ids that answers told.

Nobody documents that a list tells the ids that the answers to orders told. So an order of ours
that the list itself does not show explains one that it shows, and none after it: what is listed
beyond what we made is somebody else's.

an answer told   the list shows
A                A                listed by the id told: it explains nothing else
B                                 unlisted: it explains one order
                 X                may be B: set apart after an hour, and nothing is booked
                 Y                one more than we made: a stray
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import OrderRow, UpstreamOrderRow
from bot.services.catalog import Catalog
from bot.services.lane import Lane
from bot.services.makers import Makers, may_have_made
from bot.services.placing import WATCHED_FOR
from bot.services.rows import IS_TOLD

LISTED_WITHIN = timedelta(hours=1)
"""What no list shows by then, it shows by another id than the answer told, or not at all."""


class OtherIds(Makers):
    """Orders of ours that no list has shown, as long as they explain none that it shows."""

    def __init__(self, lane: Lane, catalog: Catalog, unlisted: Sequence[Row[Any]]) -> None:
        super().__init__(unlisted, self._may_be)
        self._lane = lane
        self._catalog = catalog
        self._explained: set[int] = set()

    @classmethod
    async def read(
        cls, reader: AsyncConnection, lane: Lane, catalog: Catalog, listed: Sequence[Row[Any]]
    ) -> OtherIds:
        """What may explain any of these upstream orders, and explains none from before."""
        oldest = min(one.seen_at for one in listed)
        unlisted = await _unlisted(reader, lane, oldest - WATCHED_FOR)
        found = cls(lane, catalog, unlisted)
        if unlisted:
            for one in await apart(reader, lane, unlisted[0].id):
                found.take(one)
        return found

    def take(self, listed: Row[Any]) -> Row[Any] | None:
        """The sale that explains it, and none after it; None where there is none."""
        mine = super().take(listed)
        if mine is not None:
            self._explained.add(listed.id)
        return mine

    def is_explained(self, listed: Row[Any]) -> bool:
        """Whether a sale explains it already."""
        return listed.id in self._explained

    def _may_be(self, ours: Row[Any], listed: Row[Any]) -> bool:
        """Whether this order of ours, which no list has shown, may be the listed one."""
        is_earlier = ours.id < listed.id and listed.seen_at - ours.seen_at < WATCHED_FOR
        may_be = bool(listed.is_listed) and is_earlier
        return may_be and may_have_made(self._lane, self._catalog, ours, listed)


async def apart(reader: AsyncConnection, lane: Lane, after: int) -> Sequence[Row[Any]]:
    """What was set apart and is younger than that row; not what was written off."""
    query = (
        select(UpstreamOrderRow.__table__)
        .where(
            UpstreamOrderRow.lane_id == lane.id,
            UpstreamOrderRow.id > after,
            UpstreamOrderRow.order_id.is_(None),
            UpstreamOrderRow.is_flagged == 1,
            UpstreamOrderRow.is_written_off == 0,
        )
        .order_by(UpstreamOrderRow.id)
    )
    return (await reader.execute(query)).all()


async def _unlisted(reader: AsyncConnection, lane: Lane, since: datetime) -> Sequence[Row[Any]]:
    """What answers told since then and no list has shown, the oldest first.

    Not what is missing where a later one stands by the id that its answer told: a list that
    leaves one out shows it by no other id either.
    """
    query = (
        select(UpstreamOrderRow.__table__)
        .where(
            UpstreamOrderRow.lane_id == lane.id,
            UpstreamOrderRow.is_listed == 0,
            UpstreamOrderRow.seen_at > since,
        )
        .order_by(UpstreamOrderRow.id)
    )
    rows = (await reader.execute(query)).all()
    if not rows:
        return rows
    as_told = (
        select(UpstreamOrderRow.provider, func.max(UpstreamOrderRow.id).label("last"))
        .join(OrderRow, OrderRow.id == UpstreamOrderRow.order_id)
        .where(
            UpstreamOrderRow.lane_id == lane.id,
            UpstreamOrderRow.id > rows[0].id,
            UpstreamOrderRow.is_listed == 1,
            IS_TOLD,
        )
        .group_by(UpstreamOrderRow.provider)
    )
    last = {row.provider: row.last for row in (await reader.execute(as_told)).all()}
    return [row for row in rows if row.id > last.get(row.provider, 0)]

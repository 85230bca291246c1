"""First orders: what a list proves of an account of which no order was known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, exists, select, tuple_

from bot.db.models import AttemptRow, UpstreamOrderRow
from bot.db.session import Database
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.listings import Listing
from bot.services.placing import SHORT_QUARANTINE


class FirstOrders:
    """The balance of an account tells its list from a broken one, until it has shown orders.

    An empty list looks like one that does not work, and an old order that it shows at last like
    a new one: it is taken for ours only by its tag, or where the balance has moved. Where no
    call tells the balance, a refusal is believed.
    """

    def __init__(self, lane: Lane, database: Database, lanes: Lanes) -> None:
        self._lane = lane
        self._database = database
        self._lanes = lanes

    async def weigh(self, group: Sequence[Row[Any]], listing: Listing) -> Listing:
        """What this list proves of orders in doubt; of later ones, what it proves anyway.

        Raises `UpstreamError` where the balance cannot be read.
        """
        if not await self._are_first(group):
            return listing
        is_unspent = await self._is_unspent(group)
        if not is_unspent and await self._has_sold_since(group):
            # What others bought has moved the balance, and what the list shows of it proves it.
            return replace(listing, may_be_older=True)
        is_refused = is_unspent is None and all(map(_is_documented, group))
        is_proof = bool(is_unspent or is_refused)
        return replace(listing, is_proof=is_proof, may_be_older=is_unspent is not False)

    async def _are_first(self, group: Sequence[Row[Any]]) -> bool:
        """Whether no upstream order was known when the first of them was attempted."""
        known = exists().where(
            UpstreamOrderRow.lane_id == self._lane.id,
            UpstreamOrderRow.id <= min(row.baseline_id for row in group),
        )
        async with self._database.read() as reader:
            return not await reader.scalar(select(known))

    async def _is_unspent(self, group: Sequence[Row[Any]]) -> bool | None:
        """Whether our account holds to the cent what it held before these attempts.

        None where no call tells what it holds.
        """
        last = tuple_(AttemptRow.order_id, AttemptRow.number).in_(
            [(row.id, row.tries) for row in group]
        )
        async with self._database.read() as reader:
            held = (await reader.scalars(select(AttemptRow.balance_micros).where(last))).all()
        left = await self._lanes.read_balance(self._lane)
        return None if left is None else held == [left.micros] * len(group)

    async def _has_sold_since(self, group: Sequence[Row[Any]]) -> bool:
        """Whether the list has shown an order of ours that was made since."""
        sold = exists().where(
            UpstreamOrderRow.lane_id == self._lane.id,
            UpstreamOrderRow.id > min(row.baseline_id for row in group),
            UpstreamOrderRow.order_id.is_not(None),
            UpstreamOrderRow.is_listed == 1,
        )
        async with self._database.read() as reader:
            return bool(await reader.scalar(select(sold)))


def _is_documented(row: Row[Any]) -> bool:
    """Whether it is in doubt after an error in the upstream's own form."""
    pause: timedelta = row.quarantine_until - row.moved_at
    return pause <= SHORT_QUARANTINE

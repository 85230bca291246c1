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
    a new one: it is taken for ours only by its tag, or where just its cost was spent. Where no
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
        spent = await self._spent(group)
        is_unspent = spent == [0] * len(group)
        if not is_unspent and await self._has_sold_since(group):
            # What others bought has moved the balance, and what the list shows of it proves it.
            return replace(listing, may_be_older=True)
        is_refused = spent is None and all(map(_is_documented, group))
        # Whoever pays into the account moves its balance as well.
        cost = sum(row.cost_micros for row in group)
        is_paid = spent is not None and max(spent, default=0) == cost
        return replace(listing, is_proof=is_unspent or is_refused, may_be_older=not is_paid)

    async def _are_first(self, group: Sequence[Row[Any]]) -> bool:
        """Whether no upstream order was known when the first of them was attempted."""
        known = exists().where(
            UpstreamOrderRow.lane_id == self._lane.id,
            UpstreamOrderRow.id <= min(row.baseline_id for row in group),
        )
        async with self._database.read() as reader:
            return not await reader.scalar(select(known))

    async def _spent(self, group: Sequence[Row[Any]]) -> list[int] | None:
        """How much less our account holds than before each of these attempts.

        Of each whose balance was kept; None where no call tells what it holds.
        """
        last = tuple_(AttemptRow.order_id, AttemptRow.number).in_(
            [(row.id, row.tries) for row in group]
        )
        async with self._database.read() as reader:
            held = (await reader.scalars(select(AttemptRow.balance_micros).where(last))).all()
        left = await self._lanes.read_balance(self._lane)
        if left is None:
            return None
        return [micros - left.micros for micros in held if micros is not None]

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

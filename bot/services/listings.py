"""Listings: the order list of an upstream account, kept row by row, and what it proves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import LaneRow, OrderRow, UpstreamOrderRow
from bot.db.session import Database, insert_missing
from bot.domain.clock import Clock
from bot.domain.errors import StartRefused
from bot.domain.notices import Trouble, batches
from bot.domain.orders import LaneId
from bot.services.catalog import Catalog
from bot.services.lane import Lane
from bot.services.outbox import Outbox
from bot.services.rows import IS_TOLD
from bot.services.stops import RESTORED, SHOP, Stops, lane_scope
from bot.services.subscriptions import begin
from bot.upstreams.base import Listed

MOST_PAGES = 10
FIRST_PAGES = 200
"""The first reading of a list goes on to its end, so that old orders are not taken for strays."""

SAME_ACCOUNT = "same_account"


@dataclass(frozen=True, slots=True)
class Listing:
    """An order list, read to where nothing new comes."""

    began_at: float
    """In the time that only grows."""
    is_proof: bool
    """It showed the newest order known before; one that hides that may hide any other."""
    may_be_older: bool = False
    """What it shows without our tag may have been there before the orders in doubt."""


class Listings:
    """Reads the order lists of lanes, and keeps every order that they show."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: Outbox,
        stops: Stops,
        catalog: Catalog,
        of: Callable[[str], Sequence[Lane]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._stops = stops
        self._catalog = catalog
        self._of = of

    async def read(self, lane: Lane) -> Listing:
        """Page through the order list until nothing new comes.

        Raises `UpstreamError`: a listing that failed anywhere says nothing at all.
        """
        began_at = self._clock.elapsed()
        newest = await self._newest(lane)
        is_proof = False
        seen: dict[str, Listed] = {}
        pages = MOST_PAGES if lane.is_looked_through else FIRST_PAGES
        for number in range(1, pages + 1):
            page = await lane.upstream.recent(number)
            fresh = {one.reference: one for one in page.orders if one.reference not in seen}
            seen.update(fresh)
            is_proof = is_proof or newest in seen
            if page.is_last or not fresh:
                break
            # The order of the list is not documented, so one known id does not end it:
            # two whole pages of nothing new do, once the newest was seen.
            is_deep = lane.is_looked_through and number >= 2
            if is_deep and (is_proof or newest is None) and not await self._unknown(lane, fresh):
                break
        await self._keep(lane, tuple(seen.values()))
        return Listing(began_at, is_proof)

    async def shared(
        self, tx: AsyncConnection, lane: Lane, listed: set[str] | Select[str]
    ) -> dict[str, LaneId]:
        """Which of these ids another lane of this process lists as well, and which lane."""
        others = [one.id for one in self._of(lane.upstream.name) if one.id != lane.id]
        query = select(UpstreamOrderRow.reference, UpstreamOrderRow.lane_id).where(
            UpstreamOrderRow.reference.in_(listed), UpstreamOrderRow.lane_id.in_(others)
        )
        return {row.reference: LaneId(row.lane_id) for row in (await tx.execute(query)).all()}

    async def _newest(self, lane: Lane) -> str | None:
        """The order known last, which a list must show; None where there is none.

        A cancelled one as well: a list that leaves those out looks like one that is cut short,
        and what proves nothing comes to a person.
        """
        query = (
            select(UpstreamOrderRow.reference)
            .where(UpstreamOrderRow.lane_id == lane.id)
            .order_by(UpstreamOrderRow.id.desc())
            .limit(1)
        )
        async with self._database.read() as reader:
            return await reader.scalar(query)

    async def _unknown(self, lane: Lane, listed: Iterable[str]) -> set[str]:
        listed = set(listed)
        query = select(UpstreamOrderRow.reference).where(
            UpstreamOrderRow.lane_id == lane.id, UpstreamOrderRow.reference.in_(listed)
        )
        async with self._database.read() as reader:
            return listed - set((await reader.scalars(query)).all())

    async def _confirmed(self, lane: Lane, listed: Iterable[str]) -> Sequence[str]:
        """Those that an answer told, and that a list shows now for the first time."""
        query = select(UpstreamOrderRow.reference).where(
            UpstreamOrderRow.lane_id == lane.id,
            UpstreamOrderRow.is_listed == 0,
            UpstreamOrderRow.reference.in_(set(listed)),
        )
        async with self._database.read() as reader:
            return (await reader.scalars(query)).all()

    async def _capabilities(
        self, lane: Lane, listed: Sequence[Listed]
    ) -> tuple[bool | None, bool | None]:
        """Whether the list names provider and plan as we do, and returns our tags.

        Orders whose answer told their id prove it, or disprove it: what a person bound, or was
        found by what the list says, disproves nothing. Our tag proves itself wherever it stands.
        Before there are any such orders, it is enough that every row names a plan of the price
        list. None where nothing says anything.
        """
        said = {one.reference: (one.provider, one.plan) for one in listed}
        tags = {one.reference: one.tag for one in listed}
        query = (
            select(
                UpstreamOrderRow.reference,
                OrderRow.provider,
                OrderRow.plan,
                OrderRow.tag,
                IS_TOLD.label("is_told"),
            )
            .join(OrderRow, OrderRow.id == UpstreamOrderRow.order_id)
            .where(
                UpstreamOrderRow.lane_id == lane.id,
                UpstreamOrderRow.reference.in_(said),
            )
        )
        async with self._database.read() as reader:
            ours = (await reader.execute(query)).all()
        is_tagged = [tags[row.reference] == row.tag for row in ours]
        told = [row for row in ours if row.is_told]
        if not told:
            known = [self._catalog.knows(lane.upstream.name, *one) for one in said.values()]
            return (True if known and all(known) else None), (True if any(is_tagged) else None)
        return (
            all(said[row.reference] == (row.provider, row.plan) for row in told),
            all(tags[row.reference] == row.tag for row in told),
        )

    async def _keep(self, lane: Lane, listed: Sequence[Listed]) -> None:
        names, tags = await self._capabilities(lane, listed)
        unknown = await self._unknown(lane, (one.reference for one in listed))
        confirmed = await self._confirmed(lane, (one.reference for one in listed))
        learned = {
            name: told
            for name, told in (("list_names_plans", names), ("list_tells_tags", tags))
            if told is not None and told != getattr(lane, name)
        }
        if not unknown and not confirmed and lane.is_looked_through and not learned:
            return
        now = self._clock.now()
        async with self._database.write() as tx:
            # Asked here: another process may have listed it first since this one opened the lane.
            is_first = not await tx.scalar(select(LaneRow.is_listed).where(LaneRow.id == lane.id))
            # Twice in a row: one that does not work looks the same, and old orders are not ours.
            is_blank = is_first and not listed and not lane.is_blank
            shared = await self.shared(tx, lane, unknown)
            new = [one for one in listed if one.reference in unknown]
            if new:
                await tx.execute(
                    # Another process may have written one down since: either row will do.
                    insert_missing(tx, UpstreamOrderRow),
                    [
                        {
                            "lane_id": lane.id,
                            "reference": one.reference,
                            "provider": one.provider,
                            "plan": one.plan,
                            "tag": one.tag,
                            "quantity": one.quantity,
                            "subscription": one.subscription,
                            "is_listed": 1,
                            # Older than the bot's first look, or of a twin: never one of ours.
                            "is_flagged": int(is_first or one.reference in shared),
                            "seen_at": now,
                        }
                        for one in new
                    ],
                )
            if confirmed:
                await tx.execute(
                    update(UpstreamOrderRow)
                    .where(
                        UpstreamOrderRow.lane_id == lane.id,
                        UpstreamOrderRow.reference.in_(confirmed),
                    )
                    .values(is_listed=1)
                )
            values = {"is_listed": int(not is_blank)} | {
                name: int(told) for name, told in learned.items()
            }
            await tx.execute(update(LaneRow).where(LaneRow.id == lane.id).values(**values))
            if shared:
                for twin in (lane.id, *sorted(set(shared.values()))):
                    await self._stops.stop(tx, lane_scope(twin), SAME_ACCOUNT, "shop")
                await self._outbox.owe_owners(tx, Trouble("same_account", lane.upstream.name))
            is_restored = is_first and await self._stops.reason(tx, SHOP) == RESTORED
            if is_restored:
                # Made after the backup: flagged above, so that no order of ours takes one over.
                found = [one.reference for one in new] + await self._set_apart(tx, lane)
                for detail in batches(found) or (() if is_blank else ("0",)):
                    await self._outbox.owe_owners(tx, Trouble("restored_orders", detail))
                if lane.upstream.subscriptions is not None:
                    # No order takes them over, and each would be paid for again and again.
                    for one in new:
                        if not one.is_cancelled:
                            await begin(tx, lane.id, one.reference, one.plan or "", now)
        is_start = not lane.is_listed
        lane.is_listed, lane.is_blank = True, is_blank
        lane.list_names_plans = lane.list_names_plans if names is None else names
        lane.list_tells_tags = lane.list_tells_tags if tags is None else tags
        if shared and is_start:
            raise StartRefused("GATEPROXY_TOKENS: two tokens belong to one account")

    async def _set_apart(self, tx: AsyncConnection, lane: Lane) -> list[str]:
        """Flag what nobody had when the backup was made: the lost books may have sold it since.

        Not what has a tag of ours, which says for whom it was made.
        """
        ours = select(OrderRow.tag).where(OrderRow.lane_id == lane.id)
        flagged = await tx.execute(
            update(UpstreamOrderRow)
            .where(
                UpstreamOrderRow.lane_id == lane.id,
                UpstreamOrderRow.order_id.is_(None),
                UpstreamOrderRow.is_flagged == 0,
                or_(UpstreamOrderRow.tag.is_(None), UpstreamOrderRow.tag.not_in(ours)),
            )
            .values(is_flagged=1)
            .returning(UpstreamOrderRow.reference, UpstreamOrderRow.plan)
        )
        loose = flagged.all()
        if lane.upstream.subscriptions is not None:
            for one in loose:
                await begin(tx, lane.id, one.reference, one.plan or "", self._clock.now())
        return [one.reference for one in loose]

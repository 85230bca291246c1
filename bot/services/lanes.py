"""Lanes: the upstream accounts of this process, their balances and their stops."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from bot.db.models import ExchangeRow, LaneRow, OrderRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import OutOfService, Unclear, UpstreamError
from bot.domain.exchanges import READ_FOR, READABLE
from bot.domain.money import BOOKS, Money
from bot.domain.notices import Trouble
from bot.domain.orders import LaneId, OrderState
from bot.services.catalog import Catalog
from bot.services.lane import Lane, Reading
from bot.services.listings import SAME_ACCOUNT, Listings
from bot.services.outbox import Outbox
from bot.services.rows import IS_OPEN
from bot.services.stops import SHOP, Stops, lane_scope
from bot.upstreams.base import Upstream

FRESH = timedelta(seconds=30)
"""How old the evidence of list and balance may be when an order is placed."""
READ_AGAIN = timedelta(seconds=3)
"""A lane that could not be read is left alone for so long."""
OUT_OF_SERVICE = frozenset(
    {
        "unauthorized", "insufficient_balance", "invalid_api_key", "insufficient_permissions",
        "out_of_service",
    }
)  # fmt: skip
"""Reasons of stops that end by themselves once the account can buy again."""


@dataclass(frozen=True, slots=True)
class Account:
    """A configured account of an upstream; the token itself stays in the client."""

    upstream: Upstream
    fingerprint: str


def fingerprint(token: str) -> str:
    """Enough of a hash to know a token again, and nothing of the token."""
    return hashlib.sha256(b"lane:" + token.encode()).hexdigest()[:32]


class Lanes:
    """Every lane that this process has a token for."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: Outbox,
        stops: Stops,
        catalog: Catalog,
        accounts: Sequence[Account],
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._stops = stops
        self._accounts = accounts
        self._catalog = catalog
        self._lanes: dict[LaneId, Lane] = {}
        # Unknown tokens whose list showed nothing when it was first looked at.
        self._blank: set[str] = set()
        self.listings = Listings(database, clock, outbox, stops, catalog, self.of)
        self.are_open = False
        """Every configured account has its lane; until then a lane may only seem abandoned."""

    def __iter__(self) -> Iterator[Lane]:
        return iter(tuple(self._lanes.values()))

    @property
    def are_listed(self) -> bool:
        """Every configured account has its lane, and each list was read whole once."""
        return self.are_open and all(lane.is_looked_through for lane in self)

    def get(self, lane: LaneId) -> Lane | None:
        """A lane of this process."""
        return self._lanes.get(lane)

    def of(self, upstream: str) -> tuple[Lane, ...]:
        """The lanes of one upstream."""
        return tuple(lane for lane in self._lanes.values() if lane.upstream.name == upstream)

    async def open(self) -> bool:
        """Give every configured account its lane; False while one cannot be told yet.

        A known token keeps its lane. An unknown token whose list holds orders of a lane that
        has lost its token takes that lane over. Raises `StartRefused` where two tokens turn
        out to be one account: either could adopt the other's order.
        """
        known = await self._rows()
        ours = {account.fingerprint for account in self._accounts}
        all_open = True
        for account in self._accounts:
            upstream = account.upstream
            if any(lane.upstream is upstream for lane in self._lanes.values()):
                continue
            rows = [row for row in known if row.upstream == upstream.name]
            row = next((r for r in rows if r.token_fingerprint == account.fingerprint), None)
            if row is None:
                orphans = [r for r in rows if r.token_fingerprint not in ours]
                try:
                    row = await self._adopt_or_make(account, orphans)
                except UpstreamError:
                    # It may be an old lane's new token: until its list is read, nobody knows.
                    all_open = False
                    continue
            named, tagged = (
                None if told is None else bool(told)
                for told in (row.list_names_plans, row.list_tells_tags)
            )
            lane_id = LaneId(row.id)
            lane = Lane(lane_id, upstream, bool(row.is_listed), named, tagged)
            lane.no_exchange_until = row.no_exchange_until
            self._lanes[lane_id] = lane
            if not lane.is_listed:
                # Now if it can be, so that two tokens of one account are found out at the start.
                with suppress(UpstreamError):
                    await self.listings.read(lane)
        if all_open and not self.are_open:
            await self._part_twins()
        self.are_open = all_open
        return all_open

    async def read(self, lane: Lane) -> Reading:
        """Read list and balance of a lane now; raises `UpstreamError`.

        Every id seen is kept: what is known before an order is placed cannot be that order.
        """
        began_at = self._clock.now()
        await self.listings.read(lane)
        if not lane.is_looked_through:
            # What is sold between the two looks would count as older than the bot.
            await self.listings.read(lane)
        balance = await self.read_balance(lane)
        lane.reading = Reading(began_at, balance)
        return lane.reading

    async def read_balance(self, lane: Lane) -> Money | None:
        """What our account holds, in the currency of the books; None where it cannot be told."""
        if lane.upstream.balance is None:
            return None
        read = await lane.upstream.balance.read()
        lane.balance = Money(read.micros, BOOKS)
        lane.balance_at = self._clock.now()
        return lane.balance

    def spent(self, lane: Lane, cost: Money) -> None:
        """Take an order of our own off the reading, so that it stays true until the next one."""
        if lane.balance is not None:
            lane.balance -= cost
        if lane.reading is not None and lane.reading.balance is not None:
            lane.reading = Reading(lane.reading.began_at, lane.reading.balance - cost)

    async def out_of_service(self, lane: Lane, cause: OutOfService) -> None:
        """Stop a lane whose account cannot buy, and tell the owners once."""
        reason = cause.code if cause.code in OUT_OF_SERVICE else "out_of_service"
        async with self._database.write() as tx:
            if await self._stops.stop(tx, lane_scope(lane.id), reason, "shop"):
                await self._outbox.owe_owners(tx, Trouble("out_of_service", cause.code))

    async def try_to_resume(self, lane: Lane, cheapest: Money | None) -> None:
        """Read the balance, and end a stop that an empty or refused account caused."""
        balance = await self.read_balance(lane)
        if balance is not None and cheapest is not None and balance < cheapest:
            return
        async with self._database.read() as reader:
            stopped = {stop.scope: stop.reason for stop in await self._stops.all(reader)}
        if balance is None and lane_scope(lane.id) in stopped:
            # Nothing else shows that the account is taken again.
            await lane.upstream.recent(1)
        if stopped.get(lane_scope(lane.id)) in OUT_OF_SERVICE:
            async with self._database.write() as tx:
                if await self._stops.end(tx, lane_scope(lane.id)):
                    await self._outbox.owe_owners(tx, Trouble("in_service"))
            lane.woken.set()

    async def paused(self) -> frozenset[str]:
        """The upstreams that ever sold here and of which no lane can sell now.

        A lane cannot while it or the whole shop is stopped, nor before its list was read: an
        order whose answer gets lost could not be found again.
        """
        async with self._database.read() as reader:
            scopes = {stop.scope for stop in await self._stops.all(reader)}
        selling = {
            lane.upstream.name
            for lane in self
            if lane.is_listed and not {SHOP, lane_scope(lane.id)} & scopes
        }
        return frozenset(one.upstream for one in self._catalog.providers) - selling

    def needs_person(self) -> ColumnElement[bool]:
        """Orders that go on by a person alone: under review, or to be delivered by hand.

        Or exchanged, with new proxies that nothing tells of but the provider's own site.
        """
        by_hand = [lane.id for lane in self if lane.is_by_hand]
        too_long = ExchangeRow.sent_at <= self._clock.now() - READ_FOR
        made = aliased(OrderRow)
        # By themselves, as they are few; joined with a state, nearly all orders would be read.
        exchanged = (
            select(ExchangeRow.order_id)
            .join(made, made.id == ExchangeRow.order_id)
            .where(
                ExchangeRow.ended_at.is_(None),
                ExchangeRow.state.in_(READABLE),
                made.state.concat("") == OrderState.DELIVERED,
                or_(made.lane_id.in_(by_hand), too_long),
            )
        )
        return or_(
            OrderRow.state == OrderState.REVIEW,
            and_(OrderRow.state == OrderState.PREPARING, OrderRow.lane_id.in_(by_hand)),
            OrderRow.id.in_(exchanged),
        )

    async def waiting(self, tx: AsyncConnection) -> dict[LaneId, int]:
        """How many open orders each lane has."""
        query = select(OrderRow.lane_id, func.count()).where(IS_OPEN).group_by(OrderRow.lane_id)
        return {LaneId(lane): count for lane, count in (await tx.execute(query)).all()}

    async def _rows(self) -> Sequence[Row[Any]]:
        async with self._database.read() as reader:
            return (await reader.execute(select(LaneRow.__table__).order_by(LaneRow.id))).all()

    async def _adopt_or_make(self, account: Account, orphans: Sequence[Row[Any]]) -> Row[Any]:
        listed: tuple[str, ...] = ()
        if orphans:
            page = await account.upstream.recent(1)
            listed = tuple(one.reference for one in page.orders)
            if not listed and account.fingerprint not in self._blank:
                # Once more: one that does not work looks the same, and a lane is never moved.
                self._blank.add(account.fingerprint)
                raise Unclear("blank_list")
        async with self._database.write() as tx:
            taken = await tx.scalar(
                select(UpstreamOrderRow.lane_id)
                .where(
                    UpstreamOrderRow.lane_id.in_([row.id for row in orphans]),
                    UpstreamOrderRow.reference.in_(listed),
                )
                .limit(1)
            )
            if taken is not None:
                changed = (
                    update(LaneRow)
                    .where(LaneRow.id == taken)
                    .values(token_fingerprint=account.fingerprint)
                )
                return (await tx.execute(changed.returning(*LaneRow.__table__.c))).one()
            made = insert(LaneRow).values(
                upstream=account.upstream.name,
                token_fingerprint=account.fingerprint,
                opened_at=self._clock.now(),
            )
            return (await tx.execute(made.returning(*LaneRow.__table__.c))).one()

    async def _part_twins(self) -> None:
        """End the stops of lanes that share their account with no other lane here any more."""
        async with self._database.write() as tx:
            stops = {stop.scope: stop.reason for stop in await self._stops.all(tx)}
            for lane in self:
                if stops.get(lane_scope(lane.id)) == SAME_ACCOUNT:
                    mine = aliased(UpstreamOrderRow)
                    listed = select(mine.reference).where(mine.lane_id == lane.id)
                    if not await self.listings.shared(tx, lane, listed):
                        await self._stops.end(tx, lane_scope(lane.id))

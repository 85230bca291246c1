"""Lanes: the upstream accounts of this process, and what each was last seen to hold."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from bot.db.models import ExchangeRow, LaneRow, OrderRow, SubscriptionRow, UpstreamOrderRow
from bot.db.session import Database, insert_missing
from bot.domain.clock import Clock
from bot.domain.errors import OutOfService, StartRefused, UpstreamError
from bot.domain.exchanges import READ_FOR, READABLE
from bot.domain.money import BOOKS, Money
from bot.domain.notices import Trouble, batches
from bot.domain.orders import LaneId, OrderState
from bot.services.catalog import Catalog
from bot.services.outbox import Outbox
from bot.services.rows import IS_OPEN
from bot.services.stops import RESTORED, SHOP, Stops, lane_scope
from bot.services.subscriptions import begin
from bot.upstreams.base import Listed, Upstream

FRESH = timedelta(seconds=30)
"""How old the evidence of list and balance may be when an order is placed."""
READ_AGAIN = timedelta(seconds=3)
"""A lane that could not be read is left alone for so long."""
MOST_PAGES = 10
FIRST_PAGES = 200
"""The first reading of a list goes on to its end, so that old orders are not taken for strays."""

SAME_ACCOUNT = "same_account"
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


@dataclass(frozen=True, slots=True)
class Reading:
    """A list and a balance read together: the evidence for finding out later."""

    began_at: datetime
    balance: Money | None


@dataclass(frozen=True, slots=True)
class Listing:
    """An order list, read to where nothing new comes."""

    began_at: datetime
    is_proof: bool
    """It showed the newest order known before; one that hides that may hide any other."""


@dataclass(slots=True)
class Lane:
    """One upstream account; its orders are placed one at a time."""

    id: LaneId
    upstream: Upstream
    is_listed: bool
    list_names_plans: bool | None
    list_tells_tags: bool | None
    """Whether the list returns the tag of an order; None until it showed an order of ours."""
    reading: Reading | None = None
    balance: Money | None = None
    balance_at: datetime | None = None
    no_exchange_until: datetime | None = None
    """Our account may not exchange proxies: until then nobody asks it again."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tells_plans_apart(self) -> bool:
        """Whether the list carries provider and plan, so that one doubt blocks only its like."""
        return self.list_names_plans is True

    @property
    def tells_orders_apart(self) -> bool:
        """Whether the list carries our own tag, so that one doubt blocks nothing."""
        return self.list_tells_tags is True

    @property
    def is_by_hand(self) -> bool:
        """No call tells what was bought: an owner delivers every order."""
        return not self.upstream.tells_credentials

    def may_exchange(self, now: datetime) -> bool:
        """Whether proxies can be exchanged here, as far as anybody knows."""
        is_lacking = self.no_exchange_until is not None and now < self.no_exchange_until
        return self.upstream.exchange is not None and not is_lacking


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
        self.are_open = False
        """Every configured account has its lane; until then a lane may only seem abandoned."""

    def __iter__(self) -> Iterator[Lane]:
        return iter(tuple(self._lanes.values()))

    @property
    def are_listed(self) -> bool:
        """Every configured account has its lane, and each list was read whole once."""
        return self.are_open and all(lane.is_listed for lane in self)

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
                    await self.list(lane)
        if all_open and not self.are_open:
            await self._part_twins()
        self.are_open = all_open
        return all_open

    async def read(self, lane: Lane) -> Reading:
        """Read list and balance of a lane now; raises `UpstreamError`.

        Every id seen is kept: what is known before an order is placed cannot be that order.
        """
        began_at = self._clock.now()
        await self.list(lane)
        balance = await self.read_balance(lane)
        lane.reading = Reading(began_at, balance)
        return lane.reading

    async def list(self, lane: Lane) -> Listing:
        """Page through the order list until nothing new comes.

        Raises `UpstreamError`: a listing that failed anywhere says nothing at all.
        """
        began_at = self._clock.now()
        newest = await self._newest(lane)
        seen: dict[str, Listed] = {}
        pages = MOST_PAGES if lane.is_listed else FIRST_PAGES
        for number in range(1, pages + 1):
            page = await lane.upstream.recent(number)
            fresh = {one.reference: one for one in page.orders if one.reference not in seen}
            seen.update(fresh)
            if page.is_last or not fresh:
                break
            # The order of the list is not documented, so one known id does not end it:
            # two whole pages of nothing new do, once the newest was seen.
            is_seen = newest is None or newest in seen
            if lane.is_listed and number >= 2 and is_seen and not await self._unknown(lane, fresh):
                break
        await self._keep(lane, tuple(seen.values()))
        return Listing(began_at, newest is None or newest in seen)

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

    async def _newest(self, lane: Lane) -> str | None:
        """The order known last, which a list must show; None where there is none.

        Nor where that one was cancelled: a list may leave those out.
        """
        is_cancelled = exists().where(
            SubscriptionRow.lane_id == UpstreamOrderRow.lane_id,
            SubscriptionRow.reference == UpstreamOrderRow.reference,
            SubscriptionRow.cancelled_at.is_not(None),
        )
        query = (
            select(UpstreamOrderRow.reference, is_cancelled.label("is_cancelled"))
            .where(UpstreamOrderRow.lane_id == lane.id)
            .order_by(UpstreamOrderRow.id.desc())
            .limit(1)
        )
        async with self._database.read() as reader:
            row = (await reader.execute(query)).one_or_none()
        return None if row is None or row.is_cancelled else str(row.reference)

    async def _unknown(self, lane: Lane, listed: Iterable[str]) -> set[str]:
        listed = set(listed)
        query = select(UpstreamOrderRow.reference).where(
            UpstreamOrderRow.lane_id == lane.id, UpstreamOrderRow.reference.in_(listed)
        )
        async with self._database.read() as reader:
            return listed - set((await reader.scalars(query)).all())

    async def _capabilities(
        self, lane: Lane, listed: Sequence[Listed]
    ) -> tuple[bool | None, bool | None]:
        """Whether the list names provider and plan as we do, and returns our tags.

        Orders that we know prove it, or disprove it; before there are any, it is enough that
        every row names a plan of the price list. None where neither says anything.
        """
        said = {one.reference: (one.provider, one.plan) for one in listed}
        tags = {one.reference: one.tag for one in listed}
        query = (
            select(UpstreamOrderRow.reference, OrderRow.provider, OrderRow.plan, OrderRow.tag)
            .join(OrderRow, OrderRow.id == UpstreamOrderRow.order_id)
            .where(UpstreamOrderRow.lane_id == lane.id, UpstreamOrderRow.reference.in_(said))
        )
        async with self._database.read() as reader:
            ours = (await reader.execute(query)).all()
        name = lane.upstream.name
        if not ours:
            known = [self._catalog.knows(name, *one) for one in said.values()]
            return (True if known and all(known) else None), None
        return (
            all(said[row.reference] == (row.provider, row.plan) for row in ours),
            all(tags[row.reference] == row.tag for row in ours),
        )

    async def _keep(self, lane: Lane, listed: Sequence[Listed]) -> None:
        names, tags = await self._capabilities(lane, listed)
        unknown = await self._unknown(lane, (one.reference for one in listed))
        learned = {
            name: told
            for name, told in (("list_names_plans", names), ("list_tells_tags", tags))
            if told is not None and told != getattr(lane, name)
        }
        if not unknown and lane.is_listed and not learned:
            return
        now = self._clock.now()
        async with self._database.write() as tx:
            # Asked here: another process may have listed it first since this one opened the lane.
            is_first = not await tx.scalar(select(LaneRow.is_listed).where(LaneRow.id == lane.id))
            shared = await self._shared(tx, lane, unknown)
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
                            # Older than the bot's first look, or of a twin: never one of ours.
                            "is_flagged": int(is_first or one.reference in shared),
                            "seen_at": now,
                        }
                        for one in new
                    ],
                )
            values = {"is_listed": 1} | {name: int(told) for name, told in learned.items()}
            await tx.execute(update(LaneRow).where(LaneRow.id == lane.id).values(**values))
            if shared:
                for twin in (lane.id, *sorted(set(shared.values()))):
                    await self._stops.stop(tx, lane_scope(twin), SAME_ACCOUNT, "shop")
                await self._outbox.owe_owners(tx, Trouble("same_account", lane.upstream.name))
            if is_first and await self._stops.reason(tx, SHOP) == RESTORED:
                # Made after the backup: flagged above, so that no order of ours takes one over.
                for detail in batches(one.reference for one in new) or ("0",):
                    await self._outbox.owe_owners(tx, Trouble("restored_orders", detail))
                if lane.upstream.subscriptions is not None:
                    # No order takes them over, and each would be paid for again and again.
                    for one in new:
                        if not one.is_cancelled:
                            await begin(tx, lane.id, one.reference, one.plan or "", now)
        is_start = not lane.is_listed
        lane.is_listed = True
        lane.list_names_plans = lane.list_names_plans if names is None else names
        lane.list_tells_tags = lane.list_tells_tags if tags is None else tags
        if shared and is_start:
            raise StartRefused("GATEPROXY_TOKENS: two tokens belong to one account")

    async def _shared(
        self, tx: AsyncConnection, lane: Lane, listed: set[str] | Select[str]
    ) -> dict[str, LaneId]:
        """Which of these ids another lane of this process lists as well, and which lane."""
        others = [one.id for one in self.of(lane.upstream.name) if one.id != lane.id]
        query = select(UpstreamOrderRow.reference, UpstreamOrderRow.lane_id).where(
            UpstreamOrderRow.reference.in_(listed), UpstreamOrderRow.lane_id.in_(others)
        )
        return {row.reference: LaneId(row.lane_id) for row in (await tx.execute(query)).all()}

    async def _part_twins(self) -> None:
        """End the stops of lanes that share their account with no other lane here any more."""
        async with self._database.write() as tx:
            stops = {stop.scope: stop.reason for stop in await self._stops.all(tx)}
            for lane in self:
                if stops.get(lane_scope(lane.id)) == SAME_ACCOUNT:
                    mine = aliased(UpstreamOrderRow)
                    listed = select(mine.reference).where(mine.lane_id == lane.id)
                    if not await self._shared(tx, lane, listed):
                        await self._stops.end(tx, lane_scope(lane.id))

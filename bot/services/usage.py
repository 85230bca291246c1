"""Usage: what can be known about an order's traffic."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from sqlalchemy import insert, select

from bot.db.models import OrderRow, UsageReadingRow
from bot.db.session import Database
from bot.domain.catalog import ProviderId, UsageByApi, UsageByBot, UsageUnknown
from bot.domain.clock import Clock
from bot.domain.errors import NotFound, NoUsage, Refused, TooSoon, UpstreamError
from bot.domain.orders import CustomerId, LaneId, Order, OrderId, OrderState
from bot.domain.usage import (
    AskBot,
    Measured,
    OrderUsage,
    Traffic,
    Unknowable,
    Unreachable,
    UsageSeen,
)
from bot.services.alerts import Alerts
from bot.services.catalog import Catalog
from bot.services.lanes import Lanes
from bot.services.rows import ORDER, order_of

KEPT = 30
"""Readings that history and pace look at."""
PAUSE = timedelta(seconds=20)
"""Between two questions about the same order, or by the same customer about usernames."""
MOST_REMEMBERED = 10_000
LONGEST_USERNAME = 200


class Usages:
    """Readings of traffic: asked of the upstream at most once per pause, and kept."""

    def __init__(
        self, database: Database, clock: Clock, catalog: Catalog, lanes: Lanes, alerts: Alerts
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._lanes = lanes
        self._alerts = alerts
        self._asked: OrderedDict[CustomerId, datetime] = OrderedDict()

    def known(self, order: Order) -> UsageSeen | None:
        """What needs no question: None where the upstream has to be asked."""
        try:
            usage = self._catalog.provider(order.provider).usage
        except NotFound:
            return None
        match usage:
            case UsageByBot(url):
                return AskBot(url)
            case UsageUnknown():
                return Unknowable()
            case UsageByApi():
                return None

    async def of_order(self, customer: CustomerId, order: OrderId) -> OrderUsage:
        """The traffic of the customer's own order; raises `NotFound` for another's.

        Within the pause the last reading answers again.
        """
        async with self._database.read() as reader:
            row = (
                await reader.execute(
                    select(*ORDER).where(OrderRow.id == order, OrderRow.customer_id == customer)
                )
            ).one_or_none()
        if row is None or row.state not in {OrderState.DELIVERED, OrderState.REFUNDED}:
            raise NotFound
        mine = order_of(row)
        known = self.known(mine)
        if known is not None:
            return OrderUsage(mine, known, 0)
        readings = await self.readings(order)
        alert = await self._alerts.percent(order)
        last = readings[0] if readings else None
        again_in = 0 if last is None else self._again_in(last.at)
        if last is not None and again_in > 0:
            return OrderUsage(mine, last, again_in, readings, alert)
        lane = self._lanes.get(LaneId(row.lane_id))
        if lane is None or lane.upstream.usage is None or row.upstream_order_id is None:
            return OrderUsage(mine, Unreachable(last), 0)
        try:
            traffic = await lane.upstream.usage.of_order(row.upstream_order_id)
        except Refused:
            return OrderUsage(mine, Unknowable(), 0)
        except UpstreamError:
            return OrderUsage(mine, Unreachable(last), 0)
        measured = await self.keep(order, traffic)
        readings = (measured, *readings)
        return OrderUsage(mine, measured, self._again_in(measured.at), readings, alert)

    async def of_username(
        self, customer: CustomerId, provider: ProviderId, username: str
    ) -> UsageSeen:
        """The traffic of any proxy of a provider, by its full username.

        Raises `TooSoon` within the pause and `NoUsage` for a username nobody knows.
        """
        found = self._catalog.provider(provider)
        match found.usage:
            case UsageByBot(url):
                return AskBot(url)
            case UsageUnknown():
                return Unknowable()
            case UsageByApi():
                pass
        if not 0 < len(username) <= LONGEST_USERNAME or not username.isprintable():
            raise NoUsage
        asked = self._asked.get(customer)
        if asked is not None and self._again_in(asked) > 0:
            raise TooSoon(self._again_in(asked))
        self._asked[customer] = self._clock.now()
        self._asked.move_to_end(customer)
        if len(self._asked) > MOST_REMEMBERED:
            self._asked.popitem(last=False)
        for lane in self._lanes.of(found.upstream):
            if lane.upstream.usage is None:
                continue
            try:
                traffic = await lane.upstream.usage.of_username(found.code, username)
            except Refused:
                continue
            except UpstreamError:
                return Unreachable(None)
            return Measured(traffic, self._clock.now())
        raise NoUsage

    async def last(self, order: OrderId) -> Measured | None:
        """The last reading of an order."""
        readings = await self.readings(order, most=1)
        return readings[0] if readings else None

    async def readings(self, order: OrderId, most: int = KEPT) -> tuple[Measured, ...]:
        """The newest readings of an order, newest first."""
        async with self._database.read() as reader:
            found = await reader.execute(
                select(UsageReadingRow.__table__)
                .where(UsageReadingRow.order_id == order)
                .order_by(UsageReadingRow.id.desc())
                .limit(most)
            )
            rows = found.all()
        return tuple(Measured(Traffic(row.used, row.remaining, row.total), row.at) for row in rows)

    async def keep(self, order: OrderId, traffic: Traffic) -> Measured:
        """Keep a reading, in the upstream's own words."""
        measured = Measured(traffic, self._clock.now())
        async with self._database.write() as tx:
            await tx.execute(
                insert(UsageReadingRow).values(
                    order_id=order,
                    used=traffic.used,
                    remaining=traffic.remaining,
                    total=traffic.total,
                    at=measured.at,
                )
            )
            await self._alerts.decide(tx, order, measured)
        return measured

    def _again_in(self, asked: datetime) -> int:
        left = PAUSE - (self._clock.now() - asked)
        return max(0, -(-left // timedelta(seconds=1)))

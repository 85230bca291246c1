"""Looks: what an order holds at its upstream now, beside what its customer has of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row

from bot.db.vault import SealBroken
from bot.domain.clock import Clock
from bot.domain.errors import UpstreamError
from bot.domain.orders import Credentials, Delivery, LaneId, OrderId
from bot.services.lanes import Lanes
from bot.services.orders import Orders
from bot.upstreams.base import Made

log = structlog.stdlib.get_logger(__name__)

STEADY = timedelta(minutes=1)
"""Proxies may be exchanged one after another: where some of the old ones are left, so long the
same must be read before nothing more is expected to change."""

_Proxies = frozenset[tuple[str, int, str, str]]


@dataclass(frozen=True, slots=True)
class Look:
    """The proxies that one look has shown; it may be neither new nor the same: half done."""

    delivery: Credentials = field(repr=False)
    raw: str = field(repr=False)
    is_new: bool
    """This is what an exchange brought: all of it, and not only the first of many."""
    is_same: bool
    """These are the proxies that the customer has."""


class Looks:
    """One look after another at an exchanged order, until what it brought changes no more."""

    def __init__(self, clock: Clock, lanes: Lanes, orders: Orders) -> None:
        self._clock = clock
        self._lanes = lanes
        self._orders = orders
        # Not kept anywhere: after a restart an order is read for a while longer.
        self._seen: dict[int, tuple[_Proxies, float]] = {}

    async def at(self, row: Row[Any]) -> Look | None:
        """Read the order of an exchange; None where it cannot be, or not all of it is there."""
        made = await self._made(row)
        delivery = None if made is None else made.whole(row.quantity)
        if made is None or not isinstance(delivery, Credentials):
            return None
        before = await self._held(OrderId(row.order_id))
        is_new = self._is_new(row, before, delivery)
        return Look(delivery, made.raw, is_new, _same(before, delivery))

    async def holds(self, order: OrderId, told: Credentials) -> bool:
        """Whether these are the proxies that its customer has."""
        return _same(await self._held(order), told)

    def end(self, exchange: int) -> None:
        """Forget what was seen: nobody looks at this exchange any more."""
        self._seen.pop(exchange, None)

    async def _made(self, row: Row[Any]) -> Made | None:
        """What the provider says that the order holds now; None where it cannot be read."""
        lane = self._lanes.get(LaneId(row.lane_id))
        if lane is None or lane.is_by_hand:
            return None
        try:
            return await lane.upstream.order(row.upstream_order_id, row.provider, row.plan)
        except UpstreamError as error:
            log.warning("exchanged order cannot be read", order=row.order_id, code=error.code)
            return None

    async def _held(self, order: OrderId) -> Delivery | None:
        """What the order held before; None where nobody can open it.

        Then there is nothing to keep: what the provider shows takes its place.
        """
        try:
            _, before = await self._orders.delivered(order)
        except SealBroken:
            log.warning("a delivery cannot be opened", order=order)
            return None
        return before

    def _is_new(self, row: Row[Any], before: Delivery | None, after: Credentials) -> bool:
        proxies, now = _proxies(after), self._clock.elapsed()
        seen, since = self._seen.get(row.id, (proxies, now))
        if seen != proxies:
            since = now
        self._seen[row.id] = proxies, since
        if not isinstance(before, Credentials):
            return True
        if _same(before, after):
            return False
        # By the host alone: StatProxies exchanges addresses, and the password may be new at once.
        left = {one.host for one in before.proxies} & {one.host for one in after.proxies}
        return not left or now - since >= STEADY.total_seconds()


def _same(before: Delivery | None, after: Credentials) -> bool:
    """Whether these are the same proxies, in whatever order they are told."""
    return isinstance(before, Credentials) and _proxies(before) == _proxies(after)


def _proxies(found: Credentials) -> _Proxies:
    return frozenset((one.host, one.port, one.username, one.password) for one in found.proxies)

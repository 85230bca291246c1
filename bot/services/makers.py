"""Makers: orders of ours each of which may have made one upstream order, and no second one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Row

from bot.services.catalog import Catalog
from bot.services.lane import Lane


class Makers:
    """Whoever explains an upstream order explains none after it.

    What is listed beyond what such orders may have made is somebody else's, however many it is.
    `fits(order, listed)` says whether one may have made the other.
    """

    def __init__(
        self, orders: Iterable[Row[Any]], fits: Callable[[Row[Any], Row[Any]], bool]
    ) -> None:
        self.left = list(orders)
        self._fits = fits

    def take(self, listed: Row[Any]) -> Row[Any] | None:
        """The first that may have made it, and none after it; None where there is none."""
        mine = next((row for row in self.left if self._fits(row, listed)), None)
        if mine is not None:
            self.left.remove(mine)
        return mine

    def count(self, listed: Row[Any]) -> int:
        """How many may have made it."""
        return sum(self._fits(row, listed) for row in self.left)


def may_have_made(lane: Lane, catalog: Catalog, order: Row[Any], listed: Row[Any]) -> bool:
    """Whether this order's attempt may have made a listed upstream order.

    A tag decides, unless this list is known to show something else in its place. Without one,
    what the list does not say fits, and so does a code that is none of ours: a list may
    write "1 GB" where the price list writes "1".
    """
    if lane.list_tells_tags or (lane.list_tells_tags is None and listed.tag):
        return bool(listed.tag == order.tag)
    if listed.quantity not in (None, order.quantity):
        return False
    provider, plan, name = order.provider, order.plan, lane.upstream.name
    is_told = listed.provider is not None and listed.plan is not None
    if is_told and catalog.knows(name, listed.provider, listed.plan):
        return bool((listed.provider, listed.plan) == (provider, plan))
    return listed.provider in (None, provider)

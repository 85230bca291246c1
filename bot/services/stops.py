"""Stops: who stopped selling, where and why."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import StopRow
from bot.domain.clock import Clock
from bot.domain.desk import Stop
from bot.domain.errors import ShopClosed
from bot.domain.orders import LaneId

SHOP = "shop"
"""The scope that stops all selling and topping up."""
RESTORED = "restored"
"""The reason of a stop that waits for an owner to look at what happened after a backup."""


def lane_scope(lane: LaneId) -> str:
    """The scope that stops one lane."""
    return f"lane:{lane}"


class Stops:
    """Rows that outlive a restart: they stop accepting and placing, never settling."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def all(self, tx: AsyncConnection) -> tuple[Stop, ...]:
        """Every stop there is."""
        rows = (await tx.execute(select(StopRow.__table__).order_by(StopRow.scope))).all()
        return tuple(Stop(row.scope, row.reason, row.since, row.by) for row in rows)

    async def reason(self, tx: AsyncConnection, scope: str) -> str | None:
        """Why this scope is stopped; None where it is not."""
        return await tx.scalar(select(StopRow.reason).where(StopRow.scope == scope))

    async def refuse(self, tx: AsyncConnection, scope: str) -> None:
        """Raise `ShopClosed` where this scope is stopped."""
        if await tx.scalar(select(StopRow.scope).where(StopRow.scope == scope)):
            raise ShopClosed

    async def stop(self, tx: AsyncConnection, scope: str, reason: str, by: str) -> bool:
        """Stop a scope; False where it was stopped already (the first reason stays)."""
        if await tx.scalar(select(StopRow.scope).where(StopRow.scope == scope)):
            return False
        await tx.execute(
            insert(StopRow).values(scope=scope, reason=reason, since=self._clock.now(), by=by)
        )
        return True

    async def end(self, tx: AsyncConnection, scope: str) -> bool:
        """Go on selling; False where nothing was stopped."""
        ended = await tx.scalar(
            delete(StopRow).where(StopRow.scope == scope).returning(StopRow.scope)
        )
        return ended is not None

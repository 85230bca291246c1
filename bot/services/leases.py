"""Leases: one process works, the others wait until it is gone."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.db.models import LeaseRow
from bot.db.session import Database
from bot.domain.clock import Clock

LASTS = timedelta(seconds=10)
RENEW = 3.0
"""Seconds between renewals."""


class LeaseLost(Exception):
    """Another process works now; this one must stop at once."""


class Lease:
    """The right to poll, place and send. It saves work; the compare-and-set protects the money."""

    def __init__(self, database: Database, clock: Clock, name: str = "shop") -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._holder = secrets.token_hex(8)
        self.answered_at: float | None = None
        """When the database last said who holds it, by `clock.elapsed()`."""
        self._seen: tuple[datetime, float] | None = None
        """Until when another process holds it, and since when nothing else was read."""

    async def take(self) -> bool:
        """Take or renew the lease; False while another process holds it."""
        is_taken = await self._take()
        self.answered_at = self._clock.elapsed()
        return is_taken

    async def _take(self) -> bool:
        now, elapsed = self._clock.now(), self._clock.elapsed()
        is_free = or_(LeaseRow.holder == self._holder, LeaseRow.until < now)
        if self._seen is not None and elapsed - self._seen[1] > LASTS.total_seconds():
            # Whatever the clocks say: nobody renews it.
            is_free |= LeaseRow.until == self._seen[0]
        try:
            async with self._database.write() as tx:
                taken = await tx.scalar(
                    update(LeaseRow)
                    .where(LeaseRow.name == self._name, is_free)
                    .values(holder=self._holder, until=now + LASTS)
                    .returning(LeaseRow.name)
                )
                if taken is not None:
                    return True
                until = await tx.scalar(select(LeaseRow.until).where(LeaseRow.name == self._name))
                if until is not None:
                    if self._seen is None or self._seen[0] != until:
                        self._seen = until, elapsed
                    return False
                await tx.execute(
                    insert(LeaseRow).values(
                        name=self._name, holder=self._holder, until=now + LASTS
                    )
                )
        except IntegrityError:
            return False
        return True

    async def renew(self) -> None:
        """Keep the lease; raises `LeaseLost` where another process has it by now."""
        if not await self.take():
            raise LeaseLost

    async def give_up(self) -> None:
        """Let another process work at once."""
        async with self._database.write() as tx:
            await tx.execute(
                delete(LeaseRow).where(
                    LeaseRow.name == self._name, LeaseRow.holder == self._holder
                )
            )

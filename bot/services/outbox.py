"""Notices: written with the change they tell of, kept until Telegram took them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import Integer, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from bot.db.models import CustomerRow, OutboxRow
from bot.db.session import Database, insert_missing, wake
from bot.domain.clock import Clock
from bot.domain.notices import Notice
from bot.domain.orders import CustomerId

LONGEST = timedelta(hours=1)
"""No pause before the next try is longer."""
_NOTICE: TypeAdapter[Notice] = TypeAdapter(Annotated[Notice, Field(discriminator="kind")])
_UNTIL_CONTACT = datetime(9999, 1, 1, tzinfo=UTC)
_EARLIER = aliased(OutboxRow)
_DUE = (
    # Built once: it is asked several times a second, and running it takes less than building it.
    select(
        OutboxRow.id,
        OutboxRow.chat_id,
        OutboxRow.notice,
        OutboxRow.tries,
        func.coalesce(CustomerRow.language, "en").label("language"),
    )
    .outerjoin(CustomerRow, CustomerRow.id == OutboxRow.chat_id)
    .where(
        OutboxRow.done_at.is_(None),
        OutboxRow.next_at <= bindparam("now"),
        ~exists().where(
            _EARLIER.chat_id == OutboxRow.chat_id,
            _EARLIER.done_at.is_(None),
            _EARLIER.outcome.is_(None),
            _EARLIER.id < OutboxRow.id,
        ),
    )
    # As they are due, which is how the few of them are indexed: by their numbers, the database
    # would pass by everything that was ever sent.
    .order_by(OutboxRow.next_at, OutboxRow.id)
    .limit(bindparam("limit", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands where a notice should: a kind or a shape that this version does not know."""

    kind: str = "unreadable"


@dataclass(frozen=True, slots=True)
class Owed:
    """A notice that is due, and the language of its reader."""

    id: int
    chat_id: CustomerId
    notice: Notice | Unreadable
    tries: int
    language: str


class Outbox:
    """What the shop owes people; `woken` is set whenever something new was committed."""

    def __init__(self, database: Database, clock: Clock, owners: frozenset[CustomerId]) -> None:
        self._database = database
        self._clock = clock
        self.owners = owners
        self.woken = asyncio.Event()

    async def owe(
        self, tx: AsyncConnection, chat: CustomerId, notice: Notice, *, dedupe: str | None = None
    ) -> None:
        """Owe one person a notice, in the transaction of what it tells.

        A second notice with the same `dedupe` key is not written.
        """
        if dedupe is not None and await tx.scalar(
            select(exists().where(OutboxRow.dedupe == dedupe))
        ):
            return
        now = self._clock.now()
        await tx.execute(
            # On PostgreSQL another process may owe the same at the same moment: one is enough.
            insert_missing(tx, OutboxRow).values(
                chat_id=chat,
                notice=_NOTICE.dump_json(notice).decode(),
                order_id=getattr(notice, "order", None),
                dedupe=dedupe,
                created_at=now,
                next_at=now,
            )
        )
        wake(tx, self.woken)

    async def owe_owners(
        self,
        tx: AsyncConnection,
        notice: Notice,
        *,
        besides: CustomerId | None = None,
        only: Iterable[CustomerId] | None = None,
        dedupe: str | None = None,
    ) -> None:
        """Owe every owner a notice, or those in `only`, but not the one who did it."""
        for owner in sorted(self.owners if only is None else self.owners.intersection(only)):
            if owner != besides:
                key = None if dedupe is None else f"{dedupe}:{owner}"
                await self.owe(tx, owner, notice, dedupe=key)

    async def alarm(self, notice: Notice, *, dedupe: str) -> None:
        """Owe the owners an alert, at most one an hour for the same `dedupe` key."""
        hour = self._clock.now().strftime("%Y%m%d%H")
        async with self._database.write() as tx:
            await self.owe_owners(tx, notice, dedupe=f"{dedupe}:{hour}")

    async def due(self, limit: int = 30) -> tuple[Owed, ...]:
        """The oldest notice of each chat where its time has come, first what is due longest.

        Beside it what was put off before, where its time has come again.
        """
        async with self._database.read() as reader:
            asked = {"now": self._clock.now(), "limit": limit}
            rows = (await reader.execute(_DUE, asked)).all()
        return tuple(
            Owed(
                row.id,
                CustomerId(row.chat_id),
                _read(row.notice),
                row.tries,
                row.language,
            )
            for row in rows
        )

    async def waits_since(self) -> datetime | None:
        """When the oldest notice was written that a customer should have had; None: none waits.

        Owners read of it in this same way, so what waits for them is left out.
        """
        oldest = select(func.min(OutboxRow.created_at)).where(
            OutboxRow.done_at.is_(None),
            OutboxRow.next_at < _UNTIL_CONTACT,
            OutboxRow.chat_id.not_in(self.owners),
        )
        async with self._database.read() as reader:
            return await reader.scalar(oldest)

    async def sent(self, owed: Owed) -> None:
        """Telegram took it, or there was nothing left to show."""
        await self._set(owed, done_at=self._clock.now(), outcome="sent")

    async def later(self, owed: Owed, seconds: float, error: str) -> None:
        """Try again after a pause."""
        next_at = self._clock.now() + timedelta(seconds=seconds)
        await self._set(owed, next_at=next_at, tries=owed.tries + 1, error=error)

    async def put_off(self, owed: Owed, seconds: float, error: str) -> None:
        """Try again after a pause, and let what came after it go first."""
        next_at = self._clock.now() + timedelta(seconds=seconds)
        await self._set(
            owed, next_at=next_at, tries=owed.tries + 1, outcome="put_off", error=error
        )

    async def dead(self, owed: Owed, error: str) -> None:
        """Telegram will never take it; owners see it in `/shop`."""
        await self._set(owed, done_at=self._clock.now(), outcome="dead", error=error)

    async def withdraw(self, owed: Owed) -> None:
        """Its reader is no longer one of those whom it concerns."""
        await self._set(owed, done_at=self._clock.now(), outcome="withdrawn")

    async def park(self, tx: AsyncConnection, chat: CustomerId) -> None:
        """Keep everything owed to a person who cannot be reached until the next contact."""
        await tx.execute(
            update(OutboxRow)
            .where(OutboxRow.chat_id == chat, OutboxRow.done_at.is_(None))
            .values(next_at=_UNTIL_CONTACT)
        )

    async def unpark(self, tx: AsyncConnection, chat: CustomerId) -> None:
        """The person is back: send what was kept."""
        await tx.execute(
            update(OutboxRow)
            .where(
                OutboxRow.chat_id == chat,
                OutboxRow.done_at.is_(None),
                OutboxRow.next_at == _UNTIL_CONTACT,
            )
            .values(next_at=self._clock.now())
        )
        wake(tx, self.woken)

    async def pull_in(self) -> None:
        """Make due what was put off for longer than anything is: the clock was ahead then."""
        is_far = (
            OutboxRow.done_at.is_(None),
            OutboxRow.next_at > self._clock.now() + LONGEST,
            OutboxRow.next_at < _UNTIL_CONTACT,
        )
        async with self._database.read() as reader:
            far = (await reader.execute(select(OutboxRow.id).where(*is_far).limit(1))).first()
        if far is None:
            return
        async with self._database.write() as tx:
            await tx.execute(update(OutboxRow).where(*is_far).values(next_at=self._clock.now()))
            wake(tx, self.woken)

    async def _set(self, owed: Owed, **values: object) -> None:
        async with self._database.write() as tx:
            await tx.execute(update(OutboxRow).where(OutboxRow.id == owed.id).values(**values))


def _read(notice: str) -> Notice | Unreadable:
    try:
        return _NOTICE.validate_json(notice)
    except ValidationError:
        return Unreadable()

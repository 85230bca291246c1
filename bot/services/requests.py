"""Requests: what an owner previewed and may confirm once, within ten minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import RequestRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import NotFound, TooLate
from bot.domain.orders import CustomerId
from bot.domain.requests import (
    VALID,
    Asked,
    CostChange,
    MarkupChange,
    Refund,
    Request,
    RequestId,
    TopUp,
)

_BODIES: dict[str, TypeAdapter[Any]] = {
    "topup": TypeAdapter(TopUp),
    "debit": TypeAdapter(TopUp),
    "markup": TypeAdapter(MarkupChange),
    "refund": TypeAdapter(Refund),
    "cost": TypeAdapter(CostChange),
}


class Requests:
    """Previews on the way to a Confirm button."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def ask(self, tx: AsyncConnection, asked: Asked, by: CustomerId) -> RequestId:
        """Keep what an owner asked for until it is confirmed."""
        made = await tx.scalar(
            insert(RequestRow)
            .values(kind=_kind(asked), body=_body(asked), by=by, at=self._clock.now())
            .returning(RequestRow.id)
        )
        return RequestId(int(made or 0))

    async def open(self, request: RequestId, by: CustomerId) -> Request:
        """The owner's own request; `NotFound` for another's, `TooLate` when it has expired."""
        query = select(RequestRow.__table__).where(RequestRow.id == request, RequestRow.by == by)
        async with self._database.read() as reader:
            row = (await reader.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        if row.done_at is None and row.at < self._clock.now() - VALID:
            raise TooLate
        asked = _BODIES[row.kind].validate_json(row.body)
        return Request(request, asked, CustomerId(row.by), row.at, row.done_at)

    async def take(self, tx: AsyncConnection, request: RequestId) -> bool:
        """Mark a request done, in the transaction that does it; False where it was done before.

        Raises `TooLate` for one that expired or was dropped.
        """
        now = self._clock.now()
        taken = await tx.scalar(
            update(RequestRow)
            .where(
                RequestRow.id == request,
                RequestRow.done_at.is_(None),
                RequestRow.at >= now - VALID,
            )
            .values(done_at=now)
            .returning(RequestRow.id)
        )
        if taken is None:
            done_at = await tx.scalar(select(RequestRow.done_at).where(RequestRow.id == request))
            if done_at is None:
                raise TooLate
        return taken is not None

    async def drop(self, request: RequestId, by: CustomerId) -> None:
        """Let a preview expire; what was done stays done (`TooLate`)."""
        oldest = self._clock.now() - VALID
        async with self._database.write() as tx:
            # Not deleted: SQLite would give its number, and its button, to the next preview.
            dropped = await tx.scalar(
                update(RequestRow)
                .where(
                    RequestRow.id == request,
                    RequestRow.by == by,
                    RequestRow.done_at.is_(None),
                    RequestRow.at >= oldest,
                )
                .values(at=oldest - timedelta(seconds=1))
                .returning(RequestRow.id)
            )
        if dropped is None:
            raise TooLate


def _kind(asked: Asked) -> str:
    match asked:
        case TopUp(is_debit=False):
            return "topup"
        case TopUp():
            return "debit"
        case MarkupChange():
            return "markup"
        case Refund():
            return "refund"
        case CostChange():
            return "cost"


def _body(asked: Asked) -> str:
    return str(_BODIES[_kind(asked)].dump_json(asked).decode())

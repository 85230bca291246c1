"""The journal: what happened last in the books, read without disturbing them."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.db.models import CustomerRow, MoveRow, OrderRow, PostingRow, UpstreamOrderRow
from bot.db.session import Database
from bot.domain.customers import Person
from bot.domain.journal import Journal, Sums, Trail
from bot.domain.money import Money
from bot.domain.orders import CustomerId, Move, OrderState
from bot.services.audit import totals_of
from bot.services.rows import order_of
from bot.services.wallets import posting

_S = OrderState


class Journals:
    """Reads the newest entries; writes nothing, and holds no lock between two statements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, *, orders: int, postings: int) -> Journal:
        """So many orders and postings, newest first, and the sums of all books."""
        async with self._database.read() as reader:
            totals = await totals_of(reader)
            found = (
                await reader.execute(
                    select(OrderRow.__table__, CustomerRow.name, CustomerRow.username)
                    .join(CustomerRow, CustomerRow.id == OrderRow.customer_id)
                    .order_by(OrderRow.id.desc())
                    .limit(orders)
                )
            ).all()
            steps = (
                await reader.execute(
                    select(MoveRow.__table__)
                    .where(MoveRow.order_id.in_([row.id for row in found]))
                    .order_by(MoveRow.id)
                )
            ).all()
            posted = (
                await reader.execute(
                    select(PostingRow.__table__).order_by(PostingRow.id.desc()).limit(postings)
                )
            ).all()
            bound, unknown, strays = (
                await reader.execute(
                    select(
                        func.count(OrderRow.upstream_order_id),
                        func.count().filter(
                            OrderRow.upstream_order_id.is_(None),
                            OrderRow.state.in_((_S.PLACING, _S.IN_DOUBT, _S.REVIEW)),
                        ),
                        select(func.count())
                        .select_from(UpstreamOrderRow)
                        .where(
                            UpstreamOrderRow.order_id.is_(None), UpstreamOrderRow.is_flagged == 1
                        )
                        .scalar_subquery(),
                    )
                )
            ).one()
        trails = tuple(
            Trail(
                order_of(row),
                Person(CustomerId(row.customer_id), row.name, row.username),
                tuple(
                    Move(
                        step.at,
                        None if step.source is None else _S(step.source),
                        _S(step.target),
                        step.actor,
                        step.note,
                    )
                    for step in steps
                    if step.order_id == row.id
                ),
            )
            for row in found
        )
        return Journal(
            trails=trails,
            postings=tuple(posting(row, 1) for row in posted),
            sums=Sums(
                customers=Money(totals["customers"]),
                held=Money(totals["held"]),
                sales=Money(totals["sales"]),
                adjustments=Money(totals["adjustments"]),
                paid_in=Money(totals["paid in"]),
            ),
            posted=totals["postings"],
            bound=bound,
            unknown=unknown,
            strays=strays,
        )

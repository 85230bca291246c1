"""The audit: recomputes every figure from the postings, and freezes the shop on a difference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, and_, case, cast, exists, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.migrate import triggers_missing
from bot.db.models import DeliveryRow, OrderRow, PostingRow, WalletRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.money import Money
from bot.domain.notices import Trouble
from bot.domain.orders import OPEN, OrderState
from bot.domain.wallets import AuditReport
from bot.services.outbox import Outbox
from bot.services.stops import SHOP, Stops
from bot.services.wallets import ADJUSTMENTS, SALES, WORLD

MOST_NAMED = 5
AUDIT = "audit"

_S = OrderState


class Audit:
    """Compares what is written down twice. Reads only, until it finds a difference."""

    def __init__(self, database: Database, clock: Clock, outbox: Outbox, stops: Stops) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._stops = stops
        self.report: AuditReport | None = None
        """The last one of this process, made at `ran_at`."""
        self.ran_at: datetime | None = None

    async def run(self) -> AuditReport:
        """Recompute balances, holds and order states from the postings, to the micro-unit.

        One transaction, so that a purchase in between is no difference.
        """
        compared: list[str] = []
        differences: list[str] = []
        async with self._database.write() as tx:
            for name, query in _QUERIES:
                rows = (await tx.execute(query.limit(MOST_NAMED))).all()
                compared.append(name)
                differences += [f"{name}: {', '.join(map(str, row))}" for row in rows]
            totals = await self._totals(tx)
        compared.append("customers + held + sales + adjustments = paid in")
        if totals["parts"] != totals["paid in"]:
            parts, paid_in = Money(totals["parts"]), Money(totals["paid in"])
            differences.append(f"{compared[-1]}: {parts} is not {paid_in}")
        compared.append("the triggers that protect postings")
        differences += [
            f"a trigger is missing: {one}" for one in await triggers_missing(self._database)
        ]
        compared.append(f"{totals['postings']} postings, {totals['orders']} orders in all")
        self.report = AuditReport(tuple(compared), tuple(differences))
        self.ran_at = self._clock.now()
        return self.report

    async def guard(self) -> AuditReport:
        """Run, and on a difference stop selling and topping up and tell the owners."""
        report = await self.run()
        if not report.is_green:
            found = Trouble("audit_red", report.differences[0])
            async with self._database.write() as tx:
                if await self._stops.stop(tx, SHOP, AUDIT, AUDIT):
                    await self._outbox.owe_owners(tx, found)
                elif await self._stops.reason(tx, SHOP) != AUDIT:
                    # The shop stands still for another reason; the owners do not know this one.
                    await self._outbox.owe_owners(tx, found, dedupe=f"audit_red:{found.detail}")
        return report

    async def resume(self) -> bool:
        """End the stop of the shop after a green audit; False where the audit is still red."""
        report = await self.run()
        if report.is_green:
            async with self._database.write() as tx:
                await self._stops.end(tx, SHOP)
        return report.is_green

    async def totals(self) -> dict[str, int]:
        """The sums of the books in micro-units, and how many rows they stand on."""
        async with self._database.read() as reader:
            return await self._totals(reader)

    async def _totals(self, reader: AsyncConnection) -> dict[str, int]:
        def net(*accounts: Any) -> Any:
            into = case(
                (or_(*(one(PostingRow.destination) for one in accounts)), PostingRow.micros),
                else_=0,
            )
            out_of = case(
                (or_(*(one(PostingRow.source) for one in accounts)), PostingRow.micros), else_=0
            )
            return func.coalesce(func.sum(into - out_of), 0)

        customers, held = _starts("customer:"), _starts("held:")
        sales, adjustments = _is(SALES), _is(ADJUSTMENTS)
        row = (
            await reader.execute(
                select(
                    net(customers).label("customers"),
                    net(held).label("held"),
                    net(sales).label("sales"),
                    net(adjustments).label("adjustments"),
                    net(_is(WORLD)).label("world"),
                    func.count().label("postings"),
                    select(func.count()).select_from(OrderRow).scalar_subquery().label("orders"),
                ).select_from(PostingRow)
            )
        ).one()
        figures = {name: int(value) for name, value in row._mapping.items()}  # noqa: SLF001
        figures["paid in"] = -figures.pop("world")
        figures["parts"] = sum(figures[p] for p in ("customers", "held", "sales", "adjustments"))
        return figures


def _is(account: str) -> Any:
    return lambda column: column == account


def _starts(prefix: str) -> Any:
    return lambda column: column.startswith(prefix, autoescape=True)


def _moved(column: Any) -> Any:
    return select(func.coalesce(func.sum(PostingRow.micros), 0)).where(column).scalar_subquery()


def _queries() -> Sequence[tuple[str, Select[Any]]]:
    wallet = literal("customer:") + cast(WalletRow.customer_id, Text)
    sums = _moved(PostingRow.destination == wallet) - _moved(PostingRow.source == wallet)
    held = literal("held:") + cast(OrderRow.id, Text)
    holds = _moved(PostingRow.destination == held) - _moved(PostingRow.source == held)
    expected = case((OrderRow.state.in_(OPEN), OrderRow.price_micros), else_=0)

    def posted(reference: str, kind: str, micros: Any) -> Any:
        name = literal("order:") + cast(OrderRow.id, Text) + literal(f":{reference}")
        return exists().where(
            PostingRow.reference == name, PostingRow.kind == kind, PostingRow.micros == micros
        )

    sold = OrderRow.state.in_((_S.DELIVERED, _S.REFUNDED))
    return (
        (
            "each wallet = its postings",
            select(wallet, WalletRow.balance, sums).where(WalletRow.balance != sums),
        ),
        (
            "each open order holds its price, and no other holds anything",
            select(held, expected, holds).where(expected != holds),
        ),
        (
            "each order took its price once",
            select(held).where(~posted("hold", "hold", OrderRow.price_micros)),
        ),
        (
            "each delivered order was captured, at its cost",
            select(held).where(
                sold,
                ~and_(
                    posted("settle", "capture", OrderRow.price_micros),
                    posted("cost", "cost", OrderRow.cost_micros),
                ),
            ),
        ),
        (
            "each released order gave its price back",
            select(held).where(
                OrderRow.state == _S.RELEASED, ~posted("settle", "release", OrderRow.price_micros)
            ),
        ),
        (
            "each refunded order, and no other, gave its price back",
            select(held).where(
                (OrderRow.state == _S.REFUNDED)
                != posted("refund", "refund", OrderRow.price_micros)
            ),
        ),
        (
            "each delivered order has its credentials",
            select(held).where(sold, ~exists().where(DeliveryRow.order_id == OrderRow.id)),
        ),
        (
            "no posting names an order that is not there",
            select(PostingRow.reference).where(
                PostingRow.order_id.is_not(None),
                ~exists().where(OrderRow.id == PostingRow.order_id),
            ),
        ),
    )


_QUERIES = _queries()

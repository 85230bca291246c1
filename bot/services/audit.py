"""The audit: recomputes every figure from the postings, and freezes the shop on a difference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, and_, case, cast, exists, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.migrate import laws_missing, triggers_missing
from bot.db.models import (
    DeliveryRow,
    OrderRow,
    OutboxRow,
    PostingRow,
    UpstreamOrderRow,
    WalletRow,
)
from bot.db.session import Database
from bot.db.vault import SealBroken, Vault
from bot.domain.clock import Clock
from bot.domain.money import Money
from bot.domain.notices import Trouble
from bot.domain.orders import OPEN, OrderId, OrderState
from bot.domain.wallets import AuditReport
from bot.services.outbox import Outbox
from bot.services.stops import SHOP, Stops
from bot.services.wallets import ADJUSTMENTS, SALES, WORLD

MOST_NAMED = 5
OPENED = 20
"""How many of the newest credentials are opened."""
AUDIT = "audit"

_S = OrderState


class Audit:
    """Compares what is written down twice. Reads only, until it finds a difference."""

    def __init__(
        self, database: Database, clock: Clock, outbox: Outbox, stops: Stops, vault: Vault
    ) -> None:
        self._vault = vault
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
            totals = await totals_of(tx)
            sealed = (await tx.execute(_NEWEST)).all()
        compared.append("customers + held + sales + adjustments = paid in")
        if totals["parts"] != totals["paid in"]:
            parts, paid_in = Money(totals["parts"]), Money(totals["paid in"])
            differences.append(f"{compared[-1]}: {parts} is not {paid_in}")
        compared.append("the triggers that protect postings")
        differences += [
            f"a trigger is missing: {one}" for one in await triggers_missing(self._database)
        ]
        compared.append("the checks and unique keys of every table")
        differences += [f"a law is missing: {one}" for one in await laws_missing(self._database)]
        compared.append(f"the newest credentials open, {len(sealed)} of them")
        differences += [
            f"credentials do not open: held:{row.order_id}"
            for row in sealed
            if not self._opens(OrderId(row.order_id), row.sealed)
        ]
        compared.append(f"{totals['postings']} postings, {totals['orders']} orders in all")
        self.report = AuditReport(tuple(compared), tuple(differences))
        self.ran_at = self._clock.now()
        return self.report

    def _opens(self, order: OrderId, sealed: bytes) -> bool:
        try:
            self._vault.open(order, sealed)
        except SealBroken:
            return False
        return True

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


async def totals_of(reader: AsyncConnection) -> dict[str, int]:
    """The sums of the books in micro-units, and how many rows they stand on.

    One statement, so that a posting in between is no difference.
    """

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
        (
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
        )
        .mappings()
        .one()
    )
    figures = {name: int(value) for name, value in row.items()}
    figures["paid in"] = -figures.pop("world")
    figures["parts"] = sum(figures[p] for p in ("customers", "held", "sales", "adjustments"))
    return figures


def _is(account: str) -> Any:
    return lambda column: column == account


def _starts(prefix: str) -> Any:
    return lambda column: column.startswith(prefix, autoescape=True)


def _moved(column: Any) -> Any:
    return select(func.coalesce(func.sum(PostingRow.micros), 0)).where(column).scalar_subquery()


def _queries() -> Sequence[tuple[str, Select[*tuple[Any, ...]]]]:
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

    def told(how: str) -> Any:
        name = literal(f"{how}:") + cast(OrderRow.id, Text)
        return exists().where(OutboxRow.dedupe == name, OutboxRow.order_id == OrderRow.id)

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
            "each upstream order serves the order that names it",
            select(UpstreamOrderRow.reference, UpstreamOrderRow.order_id).where(
                UpstreamOrderRow.order_id.is_not(None),
                ~exists().where(
                    OrderRow.id == UpstreamOrderRow.order_id,
                    OrderRow.lane_id == UpstreamOrderRow.lane_id,
                    OrderRow.upstream_order_id == UpstreamOrderRow.reference,
                ),
            ),
        ),
        (
            "each order that was made has its upstream order",
            select(held).where(
                OrderRow.upstream_order_id.is_not(None),
                ~exists().where(
                    UpstreamOrderRow.order_id == OrderRow.id,
                    UpstreamOrderRow.reference == OrderRow.upstream_order_id,
                ),
            ),
        ),
        (
            "each customer was told how the order ended",
            select(held).where(
                or_(
                    and_(sold, ~told("delivered")),
                    # Who cancels reads it on the screen that answers the tap.
                    and_(
                        OrderRow.state == _S.RELEASED,
                        OrderRow.reason != "cancelled",
                        ~told("released"),
                    ),
                )
            ),
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
_NEWEST = (
    select(DeliveryRow.order_id, DeliveryRow.sealed)
    .order_by(DeliveryRow.order_id.desc())
    .limit(OPENED)
)

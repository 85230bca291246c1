"""Exports: every order for a spreadsheet or another program, without credentials."""

from __future__ import annotations

import csv
import json
from typing import Any, TextIO

from sqlalchemy import select

from bot.db.models import LaneRow, OrderRow
from bot.db.session import Database
from bot.domain.money import Money, plain
from bot.domain.tables import cell

BATCH = 500
FIELDS = (
    "id", "customer", "upstream", "provider", "plan", "title", "quantity", "cost", "price",
    "currency", "state", "upstream_order_id", "accepted_at", "moved_at",
)  # fmt: skip


async def print_orders(database: Database, form: str, out: TextIO) -> int:
    """Write every order, oldest first, as `jsonl` or `csv`; how many there were.

    Amounts are exact decimal texts, times are ISO 8601 in UTC. Read in short pieces, so that
    a running shop is not held up.
    """
    table = csv.DictWriter(out, FIELDS, lineterminator="\n")
    if form == "csv":
        table.writeheader()
    last = count = 0
    while True:
        query = (
            select(OrderRow.__table__, LaneRow.upstream)
            .join(LaneRow, LaneRow.id == OrderRow.lane_id)
            .where(OrderRow.id > last)
            .order_by(OrderRow.id)
            .limit(BATCH)
        )
        async with database.read() as reader:
            rows = (await reader.execute(query)).all()
        for row in rows:
            values = _values(row)
            if form == "csv":
                table.writerow({name: cell(value) for name, value in values.items()})
            else:
                out.write(json.dumps(values, ensure_ascii=False) + "\n")
        count += len(rows)
        if len(rows) < BATCH:
            return count
        last = rows[-1].id


def _values(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "customer": row.customer_id,
        "upstream": row.upstream,
        "provider": row.provider,
        "plan": row.plan,
        "title": row.title,
        "quantity": row.quantity,
        "cost": plain(Money(row.cost_micros).decimal),
        "price": plain(Money(row.price_micros).decimal),
        "currency": Money(0).currency,
        "state": row.state,
        "upstream_order_id": row.upstream_order_id,
        "accepted_at": row.accepted_at.isoformat(),
        "moved_at": row.moved_at.isoformat(),
    }

"""Keep which upstream orders were written off, whether or not their cost was known.

Existing rows: what a posting books as a loss counts as written off. What was told without a cost
cannot be told from what was set apart, and counts as that, as it did. The way down forgets it.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    big = "INTEGER" if op.get_context().dialect.name == "sqlite" else "BIGINT"
    # With the CHECK on the column itself, SQLite adds and drops it without rebuilding the table.
    op.execute(
        f"ALTER TABLE upstream_orders ADD COLUMN is_written_off {big} DEFAULT '0' NOT NULL"
        " CONSTRAINT ck_upstream_orders_is_written_off CHECK (is_written_off IN (0, 1))"
    )
    op.execute(
        "UPDATE upstream_orders SET is_written_off = 1 WHERE is_flagged = 1 AND EXISTS ("
        "SELECT 1 FROM postings JOIN lanes ON lanes.id = upstream_orders.lane_id "
        "WHERE postings.reference "
        "= 'stray:' || lanes.upstream || ':' || upstream_orders.reference)"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE upstream_orders DROP COLUMN is_written_off")

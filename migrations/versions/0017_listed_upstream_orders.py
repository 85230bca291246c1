"""Keep which upstream orders their list has shown by the id that is known of them.

Existing rows: what was not shown so far was booked as it was, so all of them count as shown. The
way down forgets it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

UNLISTED = sa.text("is_listed = 0")


def upgrade() -> None:
    big = "INTEGER" if op.get_context().dialect.name == "sqlite" else "BIGINT"
    # With the CHECK on the column itself, SQLite adds and drops it without rebuilding the table.
    op.execute(
        f"ALTER TABLE upstream_orders ADD COLUMN is_listed {big} DEFAULT '0' NOT NULL"
        " CONSTRAINT ck_upstream_orders_is_listed CHECK (is_listed IN (0, 1))"
    )
    op.execute("UPDATE upstream_orders SET is_listed = 1")
    op.create_index(
        "ix_upstream_orders_unlisted", "upstream_orders", ["lane_id", "seen_at"],
        sqlite_where=UNLISTED, postgresql_where=UNLISTED,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_upstream_orders_unlisted", "upstream_orders")
    op.execute("ALTER TABLE upstream_orders DROP COLUMN is_listed")

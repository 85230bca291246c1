"""Add orders of many pieces that are subscriptions.

Existing rows: every plan is sold one at a time; no order has an end, no upstream order
a subscription. What a list tells of tags is learned anew. The way down forgets all of it, also
which subscriptions are cancelled, so cancel what runs by hand before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# With the CHECK on the column itself, SQLite adds and drops it without rebuilding the table.
COLUMNS = (
    ("plans", "most", "{big} DEFAULT '1' NOT NULL", "most >= 1 AND most <= 1000"),
    ("plans", "days", "{big}", "days > 0"),
    ("orders", "days", "{big}", "days > 0"),
    ("lanes", "list_tells_tags", "{big}", "list_tells_tags IN (0, 1)"),
    ("upstream_orders", "quantity", "{big}", "quantity > 0"),
    ("upstream_orders", "subscription", "TEXT", None),
)


def upgrade() -> None:
    big = "INTEGER" if op.get_context().dialect.name == "sqlite" else "BIGINT"
    for table, column, kind, check in COLUMNS:
        law = "" if check is None else f" CONSTRAINT ck_{table}_{column} CHECK ({check})"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind.format(big=big)}{law}")
    op.create_table(
        "subscriptions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lane_id", BIG, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("opened_at", BIG, nullable=False),
        sa.Column("ends_at", BIG, nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("tries", BIG, server_default="0", nullable=False),
        sa.Column("cancelled_at", BIG, nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(cancelled_at IS NULL) = (cancelled_by IS NULL)",
            name=op.f("ck_subscriptions_cancelled_by"),
        ),
        sa.ForeignKeyConstraint(["lane_id"], ["lanes.id"], name=op.f("fk_subscriptions_lane_id")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_subscriptions_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint(
            "lane_id", "reference", name=op.f("uq_subscriptions_lane_id_reference")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_subscriptions_running",
        "subscriptions",
        ["next_at"],
        sqlite_where=sa.text("cancelled_at IS NULL"),
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("subscriptions")
    for table, column, _, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")

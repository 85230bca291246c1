"""Keep the alerts that customers set on the traffic of their orders.

Existing rows: none are touched. The way down forgets the alerts that were set.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "usage_alerts",
        sa.Column("order_id", BIG, autoincrement=False, nullable=False),
        sa.Column("lane_id", BIG, nullable=False),
        sa.Column("percent", BIG, nullable=False),
        sa.Column("told_at", BIG, nullable=True),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("refusals", BIG, server_default="0", nullable=False),
        sa.CheckConstraint("percent > 0 AND percent < 100", name=op.f("ck_usage_alerts_percent")),
        sa.ForeignKeyConstraint(["lane_id"], ["lanes.id"], name=op.f("fk_usage_alerts_lane_id")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_usage_alerts_order_id")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_usage_alerts")),
        sqlite_strict=True,
    )
    op.create_index("ix_usage_alerts_due", "usage_alerts", ["lane_id", "next_at"])


def downgrade() -> None:
    op.drop_table("usage_alerts")

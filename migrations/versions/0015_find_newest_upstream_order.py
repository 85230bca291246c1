"""Find the newest upstream order of a lane, however many the other lanes have.

Existing rows: all are indexed by their lane, nothing else changes. The way down drops the index.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_index("ix_upstream_orders_lane_id", "upstream_orders", ["lane_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_upstream_orders_lane_id", "upstream_orders")

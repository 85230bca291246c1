"""Find a customer's open orders, however many they ever bought.

Existing rows: the open ones are indexed by their customer, nothing else changes. The way down
drops the index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

OPEN = sa.text("state IN ('in_doubt', 'placing', 'preparing', 'reserved', 'review')")


def upgrade() -> None:
    op.create_index(
        "ix_orders_open_customer_id", "orders", ["customer_id"],
        sqlite_where=OPEN, postgresql_where=OPEN,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_orders_open_customer_id", "orders")

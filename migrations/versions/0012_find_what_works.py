"""Find the subscriptions that still work, however many there ever were.

Existing rows: they are indexed by their end, nothing else changes. The way down drops the index.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_index("ix_subscriptions_ends_at", "subscriptions", ["ends_at"])


def downgrade() -> None:
    op.drop_index("ix_subscriptions_ends_at", "subscriptions")

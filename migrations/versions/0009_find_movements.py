"""Find top-ups and debits by their amount.

Existing rows: postings are indexed by amount, nothing else changes. The way down drops the index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

MOVED = sa.text("kind IN ('topup', 'debit')")


def upgrade() -> None:
    op.create_index(
        "ix_postings_moved",
        "postings",
        ["micros", "id"],
        sqlite_where=MOVED,
        postgresql_where=MOVED,
    )


def downgrade() -> None:
    op.drop_index("ix_postings_moved", "postings")

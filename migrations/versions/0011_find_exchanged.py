"""Find what an exchange replaces, and exchanges that were given up, however many orders there are.

Existing rows: fingerprints are indexed by order and exchanges by state, nothing else changes. The
way down drops the indexes.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_fingerprints_order_id", "fingerprints", ["order_id"])
    op.create_index("ix_exchanges_state", "exchanges", ["state", "sent_at"])


def downgrade() -> None:
    op.drop_index("ix_exchanges_state", "exchanges")
    op.drop_index("ix_fingerprints_order_id", "fingerprints")

"""Keep which owner ended an exchange by what they saw at the provider.

Existing rows: nobody wrote down who it was, so they say that the bot did. The way down forgets it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("exchanges", sa.Column("ended_by", sa.Text(), nullable=True))


def downgrade() -> None:
    op.execute("ALTER TABLE exchanges DROP COLUMN ended_by")

"""Keep when a backup took the place of the books, so that no button from before it means anything.

Existing rows: none are touched; restores from before are not known. The way down forgets them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "restores",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("restores")

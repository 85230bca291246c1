"""Keep the tests that were made through delivered proxies.

Existing rows: none are touched; what was delivered before is tested when its customer asks. The
way down forgets the tests.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "proofs",
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_proofs_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proofs")),
        sqlite_strict=True,
    )
    op.create_index("ix_proofs_order_id", "proofs", ["order_id", "id"])


def downgrade() -> None:
    op.drop_table("proofs")

"""Make the tables of customers' formats, and of fingerprints of what was delivered.

Existing rows: whoever has not chosen a format gets lines, as before. What was delivered before has
no fingerprint, because it is sealed: only from now on is it noticed when something comes twice.
The way down forgets formats, templates and fingerprints.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "formats",
        sa.Column("customer_id", BIG, autoincrement=False, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "format IN ('curl', 'line', 'own', 'python', 'url')", name=op.f("ck_formats_format")
        ),
        sa.CheckConstraint(
            "format <> 'own' OR template IS NOT NULL", name=op.f("ck_formats_own_has_template")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_formats_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_formats")),
        sqlite_strict=True,
    )
    op.create_table(
        "fingerprints",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_fingerprints_order_id")
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_fingerprints")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("fingerprints")
    op.drop_table("formats")

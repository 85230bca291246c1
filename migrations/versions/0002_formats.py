"""Make the table of the formats in which customers have proxies written.

Existing rows: none; whoever has not chosen gets lines, as before. The way down forgets what was
chosen, and templates with it.
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


def downgrade() -> None:
    op.drop_table("formats")

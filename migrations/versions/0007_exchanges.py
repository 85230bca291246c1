"""Add exchanges of all proxies of an order.

Existing rows: no order was ever exchanged, and of no account is it known that it may not. The way
down forgets which exchanges were sent, so let none be under way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    big = "INTEGER" if op.get_context().dialect.name == "sqlite" else "BIGINT"
    op.execute(f"ALTER TABLE lanes ADD COLUMN no_exchange_until {big}")
    op.create_table(
        "exchanges",
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("asked_at", BIG, nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("sent_at", BIG, nullable=True),
        sa.Column("tries", BIG, server_default="0", nullable=False),
        sa.Column("checks", BIG, server_default="0", nullable=False),
        sa.Column("ended_at", BIG, nullable=True),
        sa.CheckConstraint(
            "state IN ('asked', 'done', 'lacking', 'reading', 'refused', 'sending',"
            " 'unchanged', 'unclear')",
            name=op.f("ck_exchanges_state"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('asked', 'reading', 'sending', 'unclear'))",
            name=op.f("ck_exchanges_ended_at"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_exchanges_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchanges")),
        sa.UniqueConstraint("order_id", "intent", name=op.f("uq_exchanges_order_id_intent")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_exchanges_under_way",
        "exchanges",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("exchanges")
    op.execute("ALTER TABLE lanes DROP COLUMN no_exchange_until")

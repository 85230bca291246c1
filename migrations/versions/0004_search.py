"""Find orders by host and username, by provider and by price.

Existing rows: orders get two indexes, and deliveries a column that says that they have no search
terms yet. The terms are made after the start, batch by batch: they need the key, which a
migration has not, and opening every delivery here would keep a large shop closed for minutes.
The way down drops the terms, which can be made again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "search_terms",
        sa.Column("order_id", BIG, autoincrement=False, nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_search_terms_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_search_terms_order_id")
        ),
        sa.PrimaryKeyConstraint("order_id", "term", name=op.f("pk_search_terms")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_search_terms_customer", "search_terms", ["term", "customer_id", "order_id"]
    )
    op.create_index("ix_search_terms_term", "search_terms", ["term", "order_id"])
    op.add_column("deliveries", sa.Column("indexed_with", sa.Text(), nullable=True))
    op.create_index("ix_deliveries_indexed_with", "deliveries", ["indexed_with"])
    op.create_index("ix_orders_provider_id", "orders", ["provider_id", "id"])
    op.create_index("ix_orders_price_micros", "orders", ["price_micros", "id"])


def downgrade() -> None:
    op.drop_index("ix_orders_price_micros", "orders")
    op.drop_index("ix_orders_provider_id", "orders")
    op.drop_index("ix_deliveries_indexed_with", "deliveries")
    op.drop_column("deliveries", "indexed_with")
    op.drop_table("search_terms")

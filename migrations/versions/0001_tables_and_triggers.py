"""Make the tables of the shop, and the triggers that keep postings as they are.

Existing rows: none, this is where a database begins. The way down drops every table with
whatever is in it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# INSERT OR REPLACE deletes a row without asking the delete trigger, unless the connection has
# recursive_triggers on, and other programs have not. RAISE(ABORT) undoes the statement.
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
    BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END
    """,
    """
    CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
    BEGIN SELECT RAISE(ABORT, 'postings are never deleted'); END
    """,
    """
    CREATE TRIGGER postings_no_replace BEFORE INSERT ON postings
    WHEN EXISTS (SELECT 1 FROM postings WHERE reference = NEW.reference OR id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'postings are never replaced'); END
    """,
)

POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION postings_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'postings are never changed or deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
    FOR EACH ROW EXECUTE FUNCTION postings_stay()
    """,
    """
    CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION postings_stay()
    """,
    """
    CREATE TRIGGER postings_no_truncate BEFORE TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION postings_stay()
    """,
)


def upgrade() -> None:
    op.create_table(
        "lanes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("token_fingerprint", sa.Text(), nullable=False),
        sa.Column("is_listed", BIG, server_default="0", nullable=False),
        sa.Column("list_names_plans", BIG, nullable=True),
        sa.Column("placed_at", BIG, nullable=True),
        sa.Column("shared_until", BIG, nullable=True),
        sa.Column("opened_at", BIG, nullable=False),
        sa.CheckConstraint("is_listed IN (0, 1)", name=op.f("ck_lanes_is_listed")),
        sa.CheckConstraint("list_names_plans IN (0, 1)", name=op.f("ck_lanes_list_names_plans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lanes")),
        sa.UniqueConstraint(
            "upstream", "token_fingerprint", name=op.f("uq_lanes_upstream_token_fingerprint")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        sqlite_strict=True,
    )
    op.create_table(
        "providers",
        sa.Column("id", BIG, nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("usage_url", sa.Text(), nullable=True),
        sa.Column("is_code", BIG, nullable=False),
        sa.Column("is_open", BIG, nullable=False),
        sa.CheckConstraint(
            "(usage = 'bot') = (usage_url IS NOT NULL)", name=op.f("ck_providers_usage_url")
        ),
        sa.CheckConstraint("usage IN ('api', 'bot', 'unknown')", name=op.f("ck_providers_usage")),
        sa.CheckConstraint("is_code IN (0, 1)", name=op.f("ck_providers_is_code")),
        sa.CheckConstraint("is_open IN (0, 1)", name=op.f("ck_providers_is_open")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("upstream", "code", name=op.f("uq_providers_upstream_code")),
        sqlite_strict=True,
    )
    op.create_table(
        "requests",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("done_at", BIG, nullable=True),
        sa.CheckConstraint(
            "kind IN ('debit', 'markup', 'refund', 'topup')", name=op.f("ck_requests_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sqlite_strict=True,
    )
    op.create_index("ix_requests_kind_done_at", "requests", ["kind", "done_at"])
    op.create_table(
        "stops",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_stops")),
        sqlite_strict=True,
    )
    op.create_table(
        "plans",
        sa.Column("id", BIG, nullable=False),
        sa.Column("provider_id", BIG, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("cost_micros", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_open", BIG, nullable=False),
        sa.Column("read_at", BIG, nullable=False),
        sa.CheckConstraint(
            "cost_micros > 0 AND cost_micros <= 1000000000000", name=op.f("ck_plans_cost_micros")
        ),
        sa.CheckConstraint("is_open IN (0, 1)", name=op.f("ck_plans_is_open")),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_plans_provider_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("provider_id", "code", name=op.f("uq_plans_provider_id_code")),
        sqlite_strict=True,
    )
    op.create_table(
        "customers",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("wanted_plan_id", BIG, nullable=True),
        sa.Column("is_blocked", BIG, server_default="0", nullable=False),
        sa.Column("is_reachable", BIG, server_default="1", nullable=False),
        sa.Column("wants_sales", BIG, server_default="0", nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.CheckConstraint("is_blocked IN (0, 1)", name=op.f("ck_customers_is_blocked")),
        sa.CheckConstraint("is_reachable IN (0, 1)", name=op.f("ck_customers_is_reachable")),
        sa.CheckConstraint("wants_sales IN (0, 1)", name=op.f("ck_customers_wants_sales")),
        sa.ForeignKeyConstraint(
            ["wanted_plan_id"], ["plans.id"], name=op.f("fk_customers_wanted_plan_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_customers_username", "customers", [sa.literal_column("lower(username)")], unique=True
    )
    op.create_table(
        "rule_changes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("provider_id", BIG, nullable=True),
        sa.Column("plan_id", BIG, nullable=True),
        sa.Column("percent_bp", BIG, nullable=True),
        sa.Column("fixed_micros", BIG, nullable=True),
        sa.Column("least_micros", BIG, nullable=True),
        sa.Column("request_id", BIG, nullable=False),
        sa.Column("by", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.CheckConstraint(
            (
                "(percent_bp IS NULL) = (fixed_micros IS NULL)"
                " AND (percent_bp IS NULL) = (least_micros IS NULL)"
            ),
            name=op.f("ck_rule_changes_whole_rule"),
        ),
        sa.CheckConstraint(
            "percent_bp >= 0 AND fixed_micros >= 0 AND least_micros >= 0",
            name=op.f("ck_rule_changes_not_negative"),
        ),
        sa.CheckConstraint(
            "provider_id IS NULL OR plan_id IS NULL", name=op.f("ck_rule_changes_scope")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_rule_changes_plan_id")),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_rule_changes_provider_id")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_rule_changes_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_changes")),
        sa.UniqueConstraint("request_id", name=op.f("uq_rule_changes_request_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "orders",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("lane_id", BIG, nullable=False),
        sa.Column("provider_id", BIG, nullable=False),
        sa.Column("plan_id", BIG, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("provider_name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("is_code", BIG, nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("cost_micros", BIG, nullable=False),
        sa.Column("price_micros", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("upstream_order_id", sa.Text(), nullable=True),
        sa.Column("by_hand", BIG, server_default="0", nullable=False),
        sa.Column("accepted_at", BIG, nullable=False),
        sa.Column("moved_at", BIG, nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("sent_at", BIG, nullable=True),
        sa.Column("baseline_id", BIG, nullable=True),
        sa.Column("quarantine_until", BIG, nullable=True),
        sa.Column("checks", BIG, server_default="0", nullable=False),
        sa.Column("tries", BIG, server_default="0", nullable=False),
        sa.Column("screen_message_id", BIG, nullable=True),
        sa.Column("is_slow_told", BIG, server_default="0", nullable=False),
        sa.Column("shown_at", BIG, nullable=True),
        sa.CheckConstraint(
            (
                "state IN ('delivered', 'in_doubt', 'placing', 'preparing', "
                "'refunded', 'released', 'reserved', 'review')"
            ),
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint(
            (
                "state NOT IN ('delivered', 'refunded')"
                " OR upstream_order_id IS NOT NULL OR by_hand = 1"
            ),
            name=op.f("ck_orders_delivered_is_bound"),
        ),
        sa.CheckConstraint("by_hand IN (0, 1)", name=op.f("ck_orders_by_hand")),
        sa.CheckConstraint(
            "cost_micros > 0 AND cost_micros <= 1000000000000", name=op.f("ck_orders_cost_micros")
        ),
        sa.CheckConstraint(
            "price_micros > 0 AND price_micros <= 1000000000000",
            name=op.f("ck_orders_price_micros"),
        ),
        sa.CheckConstraint("price_micros >= cost_micros", name=op.f("ck_orders_not_under_cost")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_orders_quantity")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_orders_customer_id")
        ),
        sa.ForeignKeyConstraint(["lane_id"], ["lanes.id"], name=op.f("fk_orders_lane_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_orders_plan_id")),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_orders_provider_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("customer_id", "intent", name=op.f("uq_orders_customer_id_intent")),
        sa.UniqueConstraint(
            "lane_id", "upstream_order_id", name=op.f("uq_orders_lane_id_upstream_order_id")
        ),
        sa.UniqueConstraint("tag", name=op.f("uq_orders_tag")),
        sqlite_strict=True,
    )
    op.create_index("ix_orders_customer_id", "orders", ["customer_id", "id"])
    op.create_index(
        "ix_orders_open",
        "orders",
        ["lane_id", "id"],
        sqlite_where=sa.text(
            "state IN ('in_doubt', 'placing', 'preparing', 'reserved', 'review')"
        ),
        postgresql_where=sa.text(
            "state IN ('in_doubt', 'placing', 'preparing', 'reserved', 'review')"
        ),
    )
    op.create_index(
        "ix_orders_screen",
        "orders",
        ["customer_id", "screen_message_id"],
        sqlite_where=sa.text("screen_message_id IS NOT NULL"),
        postgresql_where=sa.text("screen_message_id IS NOT NULL"),
    )
    op.create_index("ix_orders_state", "orders", ["state", "moved_at"])
    op.create_table(
        "wallets",
        sa.Column("customer_id", BIG, autoincrement=False, nullable=False),
        sa.Column("balance", BIG, nullable=False),
        sa.CheckConstraint(
            "balance >= 0 AND balance <= 1000 * 1000000000000", name=op.f("ck_wallets_balance")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_wallets_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_wallets")),
        sqlite_strict=True,
    )
    op.create_table(
        "attempts",
        sa.Column("order_id", BIG, autoincrement=False, nullable=False),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("sent_at", BIG, nullable=False),
        sa.Column("send_by", BIG, nullable=False),
        sa.Column("balance_micros", BIG, nullable=True),
        sa.Column("ended_at", BIG, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_attempts_order_id")),
        sa.PrimaryKeyConstraint("order_id", "number", name=op.f("pk_attempts")),
        sqlite_strict=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("order_id", BIG, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_deliveries_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_deliveries")),
        sqlite_strict=True,
    )
    op.create_table(
        "moves",
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", BIG, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_moves_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moves")),
        sqlite_strict=True,
    )
    op.create_index("ix_moves_order_id", "moves", ["order_id", "id"])
    op.create_table(
        "outbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("chat_id", BIG, nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("dedupe", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("tries", BIG, server_default="0", nullable=False),
        sa.Column("done_at", BIG, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outbox_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_outbox_dedupe")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_outbox_chat_id",
        "outbox",
        ["chat_id", "id"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_dead",
        "outbox",
        ["outcome"],
        sqlite_where=sa.text("outcome = 'dead'"),
        postgresql_where=sa.text("outcome = 'dead'"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["next_at"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_outbox_order_id", "outbox", ["order_id"])
    op.create_table(
        "postings",
        sa.Column("id", BIG, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("micros", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.CheckConstraint(
            (
                "kind IN ('capture', 'cost', 'debit', 'hold', 'refund', 'release', "
                "'stray', 'topup')"
            ),
            name=op.f("ck_postings_kind"),
        ),
        sa.CheckConstraint(
            "micros > 0 AND micros <= 1000 * 1000000000000", name=op.f("ck_postings_micros")
        ),
        sa.CheckConstraint("source <> destination", name=op.f("ck_postings_two_accounts")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_postings_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sa.UniqueConstraint("reference", name=op.f("uq_postings_reference")),
        sqlite_strict=True,
    )
    op.create_index("ix_postings_destination", "postings", ["destination", "id"])
    op.create_index("ix_postings_kind_at", "postings", ["kind", "at"])
    op.create_index("ix_postings_order_id", "postings", ["order_id"])
    op.create_index("ix_postings_source", "postings", ["source", "id"])
    op.create_table(
        "upstream_orders",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lane_id", BIG, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("is_flagged", BIG, server_default="0", nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
        sa.CheckConstraint("is_flagged IN (0, 1)", name=op.f("ck_upstream_orders_is_flagged")),
        sa.ForeignKeyConstraint(
            ["lane_id"], ["lanes.id"], name=op.f("fk_upstream_orders_lane_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_upstream_orders_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upstream_orders")),
        sa.UniqueConstraint(
            "lane_id", "reference", name=op.f("uq_upstream_orders_lane_id_reference")
        ),
        sa.UniqueConstraint("order_id", name=op.f("uq_upstream_orders_order_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_upstream_orders_loose",
        "upstream_orders",
        ["lane_id", "id"],
        sqlite_where=sa.text("order_id IS NULL AND is_flagged = 0"),
        postgresql_where=sa.text("order_id IS NULL AND is_flagged = 0"),
    )
    op.create_table(
        "usage_readings",
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("used", sa.Text(), nullable=True),
        sa.Column("remaining", sa.Text(), nullable=True),
        sa.Column("total", sa.Text(), nullable=True),
        sa.Column("at", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_usage_readings_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_readings")),
        sqlite_strict=True,
    )
    op.create_index("ix_usage_readings_order_id", "usage_readings", ["order_id", "id"])

    is_sqlite = op.get_context().dialect.name == "sqlite"
    for trigger in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    for table in (
        "usage_readings",
        "upstream_orders",
        "postings",
        "outbox",
        "moves",
        "deliveries",
        "attempts",
        "wallets",
        "orders",
        "rule_changes",
        "customers",
        "plans",
        "stops",
        "requests",
        "providers",
        "leases",
        "lanes",
    ):
        # Its indexes and triggers go with it.
        op.drop_table(table)
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION postings_stay()")

"""Let owners set what plans cost and hide them, where no price list tells of them.

Existing rows: what StatProxies sells is priced by owners from now on, at the cost it has, and
nothing is hidden. The way down keeps the costs as they stand, offers hidden plans again, and
forgets who changed what.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# With the CHECK on the column itself, SQLite adds and drops it without rebuilding the table.
COLUMNS = (("providers", "is_priced_here"), ("plans", "is_hidden"))

KINDS = ("debit", "markup", "refund", "topup")

# As those of postings, for the same reasons: see 0001.
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER plan_changes_no_update BEFORE UPDATE ON plan_changes
    BEGIN SELECT RAISE(ABORT, 'plan changes are never changed'); END
    """,
    """
    CREATE TRIGGER plan_changes_no_delete BEFORE DELETE ON plan_changes
    BEGIN SELECT RAISE(ABORT, 'plan changes are never deleted'); END
    """,
    """
    CREATE TRIGGER plan_changes_no_replace BEFORE INSERT ON plan_changes
    WHEN EXISTS (
        SELECT 1 FROM plan_changes WHERE request_id = NEW.request_id OR id = NEW.id
    )
    BEGIN SELECT RAISE(ABORT, 'plan changes are never replaced'); END
    """,
)

POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION plan_changes_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'plan changes are never changed or deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER plan_changes_no_update BEFORE UPDATE ON plan_changes
    FOR EACH ROW EXECUTE FUNCTION plan_changes_stay()
    """,
    """
    CREATE TRIGGER plan_changes_no_delete BEFORE DELETE ON plan_changes
    FOR EACH ROW EXECUTE FUNCTION plan_changes_stay()
    """,
    """
    CREATE TRIGGER plan_changes_no_truncate BEFORE TRUNCATE ON plan_changes
    FOR EACH STATEMENT EXECUTE FUNCTION plan_changes_stay()
    """,
)


def upgrade() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    big = "INTEGER" if is_sqlite else "BIGINT"
    for table, column in COLUMNS:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} {big} DEFAULT '0' NOT NULL"
            f" CONSTRAINT ck_{table}_{column} CHECK ({column} IN (0, 1))"
        )
    op.execute("UPDATE providers SET is_priced_here = 1 WHERE upstream = 'statproxies'")
    _let_requests_be(("cost", *KINDS))
    op.create_table(
        "plan_changes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("plan_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("old_micros", BIG, nullable=True),
        sa.Column("new_micros", BIG, nullable=True),
        sa.Column("request_id", BIG, nullable=True),
        sa.Column("by", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.CheckConstraint("kind IN ('cost', 'hide', 'show')", name=op.f("ck_plan_changes_kind")),
        sa.CheckConstraint(
            "(kind = 'cost') = (old_micros IS NOT NULL)"
            " AND (kind = 'cost') = (new_micros IS NOT NULL)"
            " AND (kind = 'cost') = (request_id IS NOT NULL)",
            name=op.f("ck_plan_changes_whole_cost"),
        ),
        sa.CheckConstraint(
            "old_micros > 0 AND new_micros > 0 AND new_micros <= 1000000000000",
            name=op.f("ck_plan_changes_new_micros"),
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_changes_plan_id")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_plan_changes_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_changes")),
        sa.UniqueConstraint("request_id", name=op.f("uq_plan_changes_request_id")),
        sqlite_strict=True,
    )
    op.create_index("ix_plan_changes_plan_id", "plan_changes", ["plan_id", "id"])
    for trigger in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    # Its index and triggers go with it.
    op.drop_table("plan_changes")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION plan_changes_stay()")
    op.execute("DELETE FROM requests WHERE kind = 'cost'")
    _let_requests_be(KINDS)
    for table, column in reversed(COLUMNS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _let_requests_be(kinds: tuple[str, ...]) -> None:
    law = f"kind IN ({', '.join(map(repr, kinds))})"
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_requests_kind"), "requests", type_="check")
        op.create_check_constraint(op.f("ck_requests_kind"), "requests", law)
        return
    # SQLite changes no CHECK: the rows wait elsewhere while the table is made anew. It keeps its
    # name all the time, because a renamed one would take the references of others along.
    op.execute("CREATE TABLE requests_kept AS SELECT * FROM requests")
    op.drop_table("requests")
    op.create_table(
        "requests",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("done_at", BIG, nullable=True),
        sa.CheckConstraint(law, name=op.f("ck_requests_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sqlite_strict=True,
    )
    op.create_index("ix_requests_kind_done_at", "requests", ["kind", "done_at"])
    op.execute(
        'INSERT INTO requests (id, kind, body, "by", at, done_at)'
        ' SELECT id, kind, body, "by", at, done_at FROM requests_kept'
    )
    op.drop_table("requests_kept")

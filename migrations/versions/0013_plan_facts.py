"""Keep in the history of plans which days, which most pieces and which title owners changed.

Existing rows: every change of a cost, every hiding and showing stays as it is, and has none of
these. The way down forgets changes of days, pieces and titles; the plans keep what they say.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

COSTS = ("cost", "hide", "show")
FACTS = ("days", "most", "title")
ROW = ("id", "plan_id", "kind", "old_micros", "new_micros", "request_id", "by", "at")

WHOLE_COST = (
    "(kind = 'cost') = (old_micros IS NOT NULL)"
    " AND (kind = 'cost') = (new_micros IS NOT NULL)"
    " AND (kind = 'cost') = (request_id IS NOT NULL)"
)
NEW_MICROS = "old_micros > 0 AND new_micros > 0 AND new_micros <= 1000000000000"
TEXTS = {
    "whole_text": (
        "(kind IN ('days', 'most', 'title')) = (new_text IS NOT NULL)"
        " AND (old_text IS NULL OR new_text IS NOT NULL)"
        " AND (old_text IS NOT NULL OR kind NOT IN ('most', 'title'))"
    ),
    "new_text": "old_text <> new_text",
}

# As 0008 has them: they go with the table, and must stand again before anybody writes.
TRIGGERS = (
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


def upgrade() -> None:
    kinds = (*COSTS, *FACTS)
    if op.get_context().dialect.name == "sqlite":
        _make_anew(kinds, TEXTS)
        return
    for column in ("old_text", "new_text"):
        op.add_column("plan_changes", sa.Column(column, sa.Text(), nullable=True))
    _say_kinds(_kinds(kinds))
    for name, law in TEXTS.items():
        op.create_check_constraint(op.f(f"ck_plan_changes_{name}"), "plan_changes", law)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        _make_anew(COSTS, {})
        return
    op.execute("ALTER TABLE plan_changes DISABLE TRIGGER plan_changes_no_delete")
    changes = _rows("plan_changes")
    op.execute(sa.delete(changes).where(changes.c.kind.not_in(COSTS)))
    op.execute("ALTER TABLE plan_changes ENABLE TRIGGER plan_changes_no_delete")
    for name in TEXTS:
        op.drop_constraint(op.f(f"ck_plan_changes_{name}"), "plan_changes", type_="check")
    _say_kinds(_kinds(COSTS))
    for column in ("old_text", "new_text"):
        op.drop_column("plan_changes", column)


def _kinds(kinds: tuple[str, ...]) -> str:
    return f"kind IN ({', '.join(map(repr, sorted(kinds)))})"


def _say_kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_plan_changes_kind"), "plan_changes", type_="check")
    op.create_check_constraint(op.f("ck_plan_changes_kind"), "plan_changes", kinds)


def _rows(table: str) -> sa.TableClause:
    return sa.table(table, *map(sa.column, ROW))


def _make_anew(kinds: tuple[str, ...], texts: dict[str, str]) -> None:
    # SQLite changes no CHECK: the rows wait elsewhere while the table is made anew. It keeps its
    # name all the time, as requests did in 0008.
    op.execute("CREATE TABLE plan_changes_kept AS SELECT * FROM plan_changes")
    op.drop_table("plan_changes")
    laws = {"kind": _kinds(kinds), "whole_cost": WHOLE_COST, "new_micros": NEW_MICROS} | texts
    op.create_table(
        "plan_changes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("plan_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("old_micros", BIG, nullable=True),
        sa.Column("new_micros", BIG, nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("old_text", "new_text") if texts),
        sa.Column("request_id", BIG, nullable=True),
        sa.Column("by", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        *(
            sa.CheckConstraint(law, name=op.f(f"ck_plan_changes_{name}"))
            for name, law in laws.items()
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
    kept = _rows("plan_changes_kept")
    back = sa.select(*kept.c).where(kept.c.kind.in_(kinds))
    op.execute(sa.insert(_rows("plan_changes")).from_select(ROW, back))
    op.drop_table("plan_changes_kept")
    for trigger in TRIGGERS:
        op.execute(trigger)

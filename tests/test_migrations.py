"""Migrations: every step, both ways, on both databases, and what interrupts them."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import shutil
import signal
import sqlite3
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

import bot.db.migrate as migrations
from bot.db.migrate import TRIGGERS, migrate, revision, schema_connection, triggers_missing
from bot.db.models import Base
from bot.db.session import Database
from bot.domain.errors import StartRefused
from tests.conftest import ON_POSTGRESQL, ON_SQLITE

# What each revision has: CHECKs, UNIQUEs and indexes, by name. Alembic's own check does not notice
# a CHECK that is gone, and SQLite forgets one when a table is rebuilt without it.
LAWS: dict[str | None, str] = {
    None: "",
    "0001": """
        ck_customers_is_blocked
        ck_customers_is_reachable
        ck_customers_wants_sales
        ck_lanes_is_listed
        ck_lanes_list_names_plans
        ck_orders_by_hand
        ck_orders_cost_micros
        ck_orders_delivered_is_bound
        ck_orders_not_under_cost
        ck_orders_price_micros
        ck_orders_quantity
        ck_orders_state
        ck_plans_cost_micros
        ck_plans_is_open
        ck_postings_kind
        ck_postings_micros
        ck_postings_two_accounts
        ck_providers_is_code
        ck_providers_is_open
        ck_providers_usage
        ck_providers_usage_url
        ck_requests_kind
        ck_rule_changes_not_negative
        ck_rule_changes_scope
        ck_rule_changes_whole_rule
        ck_upstream_orders_is_flagged
        ck_wallets_balance
        ix_moves_order_id
        ix_orders_customer_id
        ix_orders_open
        ix_orders_screen
        ix_orders_state
        ix_outbox_chat_id
        ix_outbox_dead
        ix_outbox_due
        ix_outbox_order_id
        ix_postings_destination
        ix_postings_kind_at
        ix_postings_order_id
        ix_postings_source
        ix_requests_kind_done_at
        ix_upstream_orders_loose
        ix_usage_readings_order_id
        uq_customers_username
        uq_lanes_upstream_token_fingerprint
        uq_orders_customer_id_intent
        uq_orders_lane_id_upstream_order_id
        uq_orders_tag
        uq_outbox_dedupe
        uq_plans_provider_id_code
        uq_postings_reference
        uq_providers_upstream_code
        uq_rule_changes_request_id
        uq_upstream_orders_lane_id_reference
        uq_upstream_orders_order_id
    """,
}
LAWS["0002"] = f"""
    {LAWS["0001"]}
    ck_formats_format
    ck_formats_own_has_template
"""
LAWS["0003"] = f"""
    {LAWS["0002"]}
    ck_usage_alerts_percent
    ix_usage_alerts_due
"""
LAWS["0004"] = f"""
    {LAWS["0003"]}
    ix_deliveries_indexed_with
    ix_orders_price_micros
    ix_orders_provider_id
    ix_search_terms_customer
    ix_search_terms_term
"""
LAWS["0005"] = f"""
    {LAWS["0004"]}
    ix_proofs_order_id
"""
LAWS["0006"] = f"""
    {LAWS["0005"]}
    ck_lanes_list_tells_tags
    ck_orders_days
    ck_plans_days
    ck_plans_most
    ck_subscriptions_cancelled_by
    ck_upstream_orders_quantity
    ix_subscriptions_running
    uq_subscriptions_lane_id_reference
"""
LAWS["0007"] = f"""
    {LAWS["0006"]}
    ck_exchanges_ended_at
    ck_exchanges_state
    uq_exchanges_order_id_intent
    uq_exchanges_under_way
"""
LAWS["0008"] = f"""
    {LAWS["0007"]}
    ck_plan_changes_kind
    ck_plan_changes_new_micros
    ck_plan_changes_whole_cost
    ck_plans_is_hidden
    ck_providers_is_priced_here
    ix_plan_changes_plan_id
    uq_plan_changes_request_id
"""
LAWS["0009"] = f"""
    {LAWS["0008"]}
    ix_postings_moved
"""
LAWS["0010"] = LAWS["0009"]
LAWS["0011"] = f"""
    {LAWS["0010"]}
    ix_exchanges_state
    ix_fingerprints_order_id
"""
LAWS["0012"] = f"""
    {LAWS["0011"]}
    ix_subscriptions_ends_at
"""
LAWS["0013"] = f"""
    {LAWS["0012"]}
    ck_plan_changes_new_text
    ck_plan_changes_whole_text
"""
LAWS["0014"] = f"""
    {LAWS["0013"]}
    ix_orders_open_customer_id
"""
LAWS["0015"] = f"""
    {LAWS["0014"]}
    ix_upstream_orders_lane_id
"""
LAWS["0016"] = LAWS["0015"]
LAWS["0017"] = f"""
    {LAWS["0016"]}
    ck_upstream_orders_is_listed
    ix_upstream_orders_unlisted
"""
LAWS["0018"] = f"""
    {LAWS["0017"]}
    ck_upstream_orders_is_written_off
"""
GUARDED = {"0001": "postings", "0008": "plan_changes"}
"""The migrations that make triggers, and the table of each."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def blank(blank_url: str) -> AsyncIterator[Database]:
    """A database in which nothing has been made yet."""
    async with opened(blank_url) as database:
        await database.ready()
        yield database


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a migration, as a later version of the bot would have it."""
    # A percent sign and a space, because folders may have them.
    folder = tmp_path / "100% mine" / "migrations"
    shutil.copytree(migrations.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "FOLDER", folder)

    def add(upgrade: str) -> None:
        known = sorted(path.name[:4] for path in folder.glob("versions/*.py"))
        number = f"{int(known[-1]) + 1:04}"
        (folder / "versions" / f"{number}_later.py").write_text(
            "import sqlalchemy as sa\n"
            "from alembic import op\n"
            f"revision = {number!r}\n"
            f"down_revision = {known[-1]!r}\n"
            "def upgrade():\n"
            f"    {upgrade}\n"
        )

    return add


async def alembic(database: Database, run: Callable[[Config], object]) -> None:
    """Run one of Alembic's commands as the bot would."""
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(migrations.FOLDER).replace("%", "%%"))

    def with_connection(connection: Connection) -> None:
        config.attributes["connection"] = connection
        run(config)

    async with schema_connection(database) as connection, connection.begin():
        await connection.run_sync(with_connection)


SQLITE_SHAPE = """
    SELECT type, tbl_name, sql FROM sqlite_master
    WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version'
"""
POSTGRESQL_SHAPE = """
    SELECT 'table', table_name, concat_ws(' ', column_name, data_type, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'law', conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) || tgenabled::text
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'trigger', '', pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""

Shape = frozenset[tuple[str, str, str]]


async def shape(database: Database) -> Shape:
    """All there is in a schema: columns, laws, indexes and triggers, as the database tells it."""
    statement = SQLITE_SHAPE if database.is_sqlite else POSTGRESQL_SHAPE
    async with database.read() as connection:
        rows = (await connection.execute(text(statement))).all()
    return frozenset(
        (kind, table, " ".join(line.strip().rstrip(",").split()))
        for kind, table, sql in rows
        if table != "alembic_version"
        for line in (written(sql) if kind == "table" and database.is_sqlite else [sql])
    )


def written(sql: str) -> list[str]:
    """A table as SQLite keeps it: a line for each column and each law, as it was written.

    A column added later stands behind the last one with its law.
    """
    added = re.sub(r", (?=\w+ (?:INTEGER|TEXT|BLOB)\b)", "\n", sql)
    return re.sub(r" (?=CONSTRAINT ck_)", "\n", added).splitlines()


def laws(found: Shape) -> set[str]:
    """The names of CHECKs, UNIQUEs and indexes."""
    return {name for *_, sql in found for name in re.findall(r"\b(?:ck|uq|ix)_\w+", sql)}


def triggers(found: Shape) -> set[str]:
    return {
        name
        for kind, _, sql in found
        if kind == "trigger"
        for name in re.findall(r"CREATE TRIGGER (\w+)", sql)
    }


def triggers_of(database: Database, revision: str) -> set[str]:
    """The names of the triggers that a revision has."""
    tables = tuple(table for made, table in GUARDED.items() if made <= revision)
    return {name for name in TRIGGERS[database.url.get_backend_name()] if name.startswith(tables)}


async def refusal(database: Database) -> str:
    """The one line with which `migrate` refuses."""
    with pytest.raises(StartRefused) as refused:
        await migrate(database)
    told = str(refused.value)
    assert told.startswith("DATABASE_URL: ")
    assert "\n" not in told
    return told


def overwrite(database: Database, place: int, content: bytes) -> None:
    with Path(str(database.url.database)).open("r+b") as file:
        file.seek(place)
        file.write(content)


def backups(database: Database) -> list[Path]:
    file = Path(str(database.url.database))
    return sorted(file.parent.glob(f"{file.name}.before-*"))


async def add_customer(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO customers (id, name, language, created_at) VALUES (7, 'Ann', 'en', 1)"
            )
        )


async def customers(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(text("SELECT name FROM customers"))).scalars())


def steps() -> list[Any]:
    """Every migration there is, the first one first."""
    script = ScriptDirectory(str(migrations.FOLDER))
    return [*reversed([*script.walk_revisions()])]


def test_migrations_form_one_line_numbered_like_their_files() -> None:
    found = [(Path(step.path).name[:4], step.revision, step.down_revision) for step in steps()]
    numbers = [f"{number:04}" for number in range(1, len(found) + 1)]

    assert found == list(zip(numbers, numbers, [None, *numbers], strict=False))


def test_every_migration_says_what_happens_to_existing_rows() -> None:
    for step in steps():
        assert "\n\nExisting rows: " in step.module.__doc__
        assert "say here what happens" not in step.module.__doc__


async def test_the_migrations_make_the_tables_of_the_models(
    database: Database, blank: Database
) -> None:
    async with blank.write() as connection:
        await connection.run_sync(Base.metadata.create_all)

    made = {part for part in await shape(database) if part[0] != "trigger"}

    assert made == await shape(blank)


# On SQLite Alembic cannot see an index on an expression; the test above can.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
async def test_alembic_finds_nothing_to_add(database: Database) -> None:
    await alembic(database, command.check)


async def test_every_step_leads_up_and_down_and_up_again(blank: Database) -> None:
    assert list(LAWS)[1:] == [step.revision for step in steps()]
    before = await shape(blank)

    for step in steps():

        def up(config: Config, target: str = step.revision) -> None:
            command.upgrade(config, target)

        def down(config: Config, target: str = step.down_revision or "base") -> None:
            command.downgrade(config, target)

        await alembic(blank, up)
        after = await shape(blank)
        assert laws(after) == set(LAWS[step.revision].split())
        assert triggers(after) == triggers_of(blank, step.revision)

        await alembic(blank, down)
        assert await shape(blank) == before
        assert laws(before) == set(LAWS[step.down_revision].split())

        await alembic(blank, up)
        assert await shape(blank) == after
        before = after


async def test_an_empty_database_gets_everything(blank: Database) -> None:
    assert await revision(blank) == (None, steps()[-1].revision)

    await migrate(blank)

    assert await revision(blank) == (steps()[-1].revision,) * 2
    assert await triggers_missing(blank) == ()


async def test_migrating_again_changes_nothing(database: Database) -> None:
    before = await shape(database)

    with capture_logs() as logs:
        await migrate(database)

    assert await shape(database) == before
    assert logs == []


@ON_SQLITE
async def test_asking_for_the_revision_makes_no_file(blank_url: str) -> None:
    async with opened(blank_url) as database:
        assert await revision(database) == (None, steps()[-1].revision)

        with pytest.raises(FileNotFoundError):
            overwrite(database, 0, b"")


async def test_migrations_are_found_from_any_folder(
    blank: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    await migrate(blank)

    assert await triggers_missing(blank) == ()


async def test_a_package_without_its_migrations_is_refused(
    blank: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "FOLDER", tmp_path / "nowhere")

    with pytest.raises(StartRefused, match="holds no migrations"):
        await migrate(blank)


async def test_two_that_start_together_migrate_once(blank_url: str, blank: Database) -> None:
    with capture_logs() as logs:
        async with opened(blank_url) as other, asyncio.TaskGroup() as tasks:
            tasks.create_task(migrate(blank))
            tasks.create_task(migrate(other))

    # The second of them may find a schema that is half way, and copies that file first.
    changed = [log["revision"] for log in logs if log["event"] == "schema changed"]
    assert changed == [step.revision for step in steps()]
    assert await triggers_missing(blank) == ()


class Killed(Exception):
    """Stands for the end of the process."""


async def killed_at(database: Database, statement: int) -> bool:
    """Migrate, but end in place of one statement, counted from 0; False if there are fewer."""
    run: list[str] = []

    def count(_: object, __: object, sql: str, *___: object) -> None:
        if len(run) == statement:
            raise Killed
        run.append(sql)

    engine = database.writer.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        await migrate(database)
    except Killed:
        return True
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return False


async def test_a_migration_that_ends_at_any_statement_leaves_the_old_schema_or_the_new(
    blank: Database, database: Database
) -> None:
    old, new = await shape(blank), await shape(database)
    # PostgreSQL undoes schemas by design; there a sample has to do.
    stride = 1 if blank.is_sqlite else 10
    found = [old]

    while await killed_at(blank, stride * (len(found) - 1)):
        found.append(await shape(blank))

    assert found.count(old) * stride > len(Base.metadata.tables)
    whole = [set(named.split()) for named in LAWS.values()]
    reached = [whole.index(laws(one)) for one in found]
    assert reached == sorted(reached)
    assert await shape(blank) == new


VICTIM = """
import asyncio, os, signal, sys
from sqlalchemy import event
from bot.db.migrate import migrate
from bot.db.session import Database

async def main():
    database = Database(sys.argv[1])
    left = 25
    @event.listens_for(database.writer.sync_engine, "before_cursor_execute")
    def count(*_):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    await migrate(database)

asyncio.run(main())
"""


async def test_a_process_killed_in_a_migration_leaves_the_old_schema(
    blank: Database, blank_url: str
) -> None:
    before = await shape(blank)

    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", VICTIM, blank_url)

    assert await victim.wait() == -signal.SIGKILL
    assert await shape(blank) == before
    await migrate(blank)
    assert await triggers_missing(blank) == ()


async def test_a_migration_that_fails_leaves_the_ones_before_it(
    database: Database, later: Callable[[str], None]
) -> None:
    later("op.add_column('stops', sa.Column('until', sa.Integer))")
    later("op.execute('CREATE TABLE half (id INTEGER)'); op.execute('SELECT nonsense')")
    before = await shape(database)

    with pytest.raises(Exception, match="nonsense"):
        await migrate(database)

    newest = len(steps())
    assert await revision(database) == (f"{newest - 1:04}", f"{newest:04}")
    assert {table for _, table, _ in await shape(database) - before} == {"stops"}


async def test_a_database_of_a_newer_version_is_refused_and_kept(database: Database) -> None:
    before = await shape(database)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    told = await refusal(database)

    assert "has revision 9999" in told
    assert "start the newer version" in told
    assert await shape(database) == before


async def test_a_database_that_claims_two_revisions_is_refused(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))

    assert "several revisions" in await refusal(database)


async def test_tables_that_another_program_made_are_not_taken_over(blank: Database) -> None:
    async with blank.write() as connection:
        await connection.execute(text("CREATE TABLE orders (id INTEGER)"))

    assert "made by something else" in await refusal(blank)


@ON_SQLITE
async def test_a_damaged_file_is_refused_and_the_way_out_is_named(database: Database) -> None:
    overwrite(database, 3 * 4096, b"\xff" * 4096 * 4)

    told = await refusal(database)

    assert "is damaged" in told
    assert "restore a backup" in told


@ON_SQLITE
async def test_a_file_that_is_no_database_is_refused(blank: Database) -> None:
    await migrate(blank)
    await blank.close()
    overwrite(blank, 0, b"not a database " * 100)

    assert "file is not a database" in await refusal(blank)


@ON_SQLITE
async def test_the_file_is_backed_up_before_it_is_changed(
    database: Database, later: Callable[[str], None]
) -> None:
    await add_customer(database)
    later("op.execute(\"UPDATE customers SET name = 'Eve'\")")
    later("op.add_column('stops', sa.Column('until', sa.Integer))")
    last, first, _ = (step.revision for step in steps()[-3:])

    await migrate(database)

    (backup,) = backups(database)
    assert re.fullmatch(rf"bot\.db\.before-{first}-[0-9TZ.]+\.backup", backup.name)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert await customers(database) == ["Eve"]
    async with opened(f"sqlite+aiosqlite:///{backup}") as old:
        assert await customers(old) == ["Ann"]
        assert (await revision(old))[0] == last
        assert await triggers_missing(old) == ()


@ON_SQLITE
async def test_what_other_processes_write_until_the_migration_is_in_the_backup(
    database: Database, later: Callable[[str], None]
) -> None:
    later("op.execute(\"UPDATE customers SET name = 'Eve'\")")
    with closing(sqlite3.connect(str(database.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute(
            "INSERT INTO customers (id, name, language, created_at) VALUES (7, 'Ann', 'en', 1)"
        )
        async with asyncio.TaskGroup() as tasks:
            migrating = tasks.create_task(migrate(database))
            done, _ = await asyncio.wait({migrating}, timeout=0.1)
            assert not done
            assert backups(database) == []
            other.execute("COMMIT")

    (backup,) = backups(database)
    async with opened(f"sqlite+aiosqlite:///{backup}") as old:
        assert await customers(old) == ["Ann"]


@ON_SQLITE
async def test_nothing_is_changed_when_the_backup_fails(
    database: Database, later: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later("op.add_column('stops', sa.Column('until', sa.Integer))")
    before = await shape(database)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    told = await refusal(database)

    assert "nothing was changed" in told
    assert "No space left on device" in told
    assert await shape(database) == before
    assert backups(database) == []


@ON_SQLITE
async def test_a_new_file_needs_no_backup(blank: Database) -> None:
    await migrate(blank)

    assert backups(blank) == []


async def test_a_table_that_others_point_at_can_be_rebuilt(
    database: Database, later: Callable[[str], None]
) -> None:
    later(
        "with op.batch_alter_table('providers', recreate='auto') as batch:"
        " batch.alter_column('name', nullable=True, existing_type=sa.Text())"
    )
    async with database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO providers (id, upstream, code, name, usage, is_code, is_open)"
                " VALUES (1, 'gateproxy', 'abc', 'ABC Proxy', 'api', 0, 1)"
            )
        )
        await connection.execute(
            text(
                "INSERT INTO plans (id, provider_id, code, title, cost_micros, currency,"
                " is_open, read_at) VALUES (1, 1, '0.120', '1 GB', 1, 'USDT', 1, 1)"
            )
        )

    await migrate(database)

    async with database.write() as connection:
        joined = text("SELECT count(*) FROM plans JOIN providers p ON p.id = provider_id")
        assert (await connection.execute(joined)).scalar_one() == 1
        if database.is_sqlite:
            references = await connection.exec_driver_sql("PRAGMA foreign_keys")
            assert references.scalar_one() == 1


@ON_SQLITE
async def test_a_migration_that_loses_what_a_row_points_at_is_undone(
    database: Database, later: Callable[[str], None]
) -> None:
    await add_customer(database)
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO wallets (customer_id, balance) VALUES (7, 5)"))
    later("op.execute('DELETE FROM customers')")

    told = await refusal(database)

    assert told == "DATABASE_URL: wallets points at a row of customers that is missing"
    assert await customers(database) == ["Ann"]


async def test_requests_outlive_the_making_anew_of_their_table(blank: Database) -> None:
    def up(config: Config) -> None:
        command.upgrade(config, "0008")

    def down(config: Config) -> None:
        command.downgrade(config, "0007")

    async def found(table: str, columns: str) -> list[tuple[object, ...]]:
        query = text(f"SELECT {columns} FROM {table} ORDER BY 1")  # noqa: S608
        async with blank.read() as connection:
            return [tuple(row) for row in (await connection.execute(query)).all()]

    await alembic(blank, lambda config: command.upgrade(config, "0007"))
    async with blank.write() as connection:
        for statement in (
            "INSERT INTO providers (id, upstream, code, name, usage, is_code, is_open) VALUES"
            " (1, 'gateproxy', 'abc', 'ABC Proxy', 'api', 0, 1),"
            " (2, 'statproxies', 'statproxies', 'Stat Proxies', 'unknown', 0, 1)",
            "INSERT INTO plans (id, provider_id, code, title, cost_micros, currency, is_open,"
            " read_at) VALUES (5, 2, 'captcha', 'ISP', 2000000, 'USD', 1, 1)",
            """INSERT INTO requests (id, kind, body, "by", at, done_at) VALUES"""
            " (3, 'markup', '{}', 900, 10, 11), (7, 'topup', '{\"a\"}', 901, 12, NULL)",
            """INSERT INTO rule_changes (id, plan_id, request_id, "by", at)"""
            " VALUES (1, 5, 3, 900, 11)",
        ):
            await connection.execute(text(statement))
    asked = [(3, "markup", "{}", 900, 10, 11), (7, "topup", '{"a"}', 901, 12, None)]
    columns = 'id, kind, body, "by", at, done_at'

    await alembic(blank, up)
    assert await found("requests", columns) == asked
    assert await found("providers", "id, is_priced_here") == [(1, 0), (2, 1)]
    assert await found("plans", "id, cost_micros, is_hidden") == [(5, 2_000_000, 0)]
    async with blank.write() as connection:
        for statement in (
            "UPDATE plans SET cost_micros = 2500000, is_hidden = 1",
            """INSERT INTO requests (id, kind, body, "by", at) VALUES (8, 'cost', '', 900, 13)""",
            "INSERT INTO plan_changes (id, plan_id, kind, old_micros, new_micros, request_id,"
            """ "by", at) VALUES (1, 5, 'cost', 2000000, 2500000, 8, 900, 14)""",
        ):
            await connection.execute(text(statement))

    await alembic(blank, down)
    assert await found("requests", columns) == asked
    assert await found("plans", "id, cost_micros") == [(5, 2_500_000)]

    await alembic(blank, up)
    assert await found("rule_changes", "id, request_id") == [(1, 3)]
    assert await found("plans", "id, cost_micros, is_hidden") == [(5, 2_500_000, 0)]


async def test_the_history_of_plans_outlives_the_making_anew_of_its_table(
    blank: Database,
) -> None:
    def up(config: Config) -> None:
        command.upgrade(config, "0013")

    def down(config: Config) -> None:
        command.downgrade(config, "0012")

    async def found() -> list[tuple[object, ...]]:
        async with blank.read() as connection:
            query = text(
                'SELECT id, plan_id, kind, old_micros, new_micros, request_id, "by", at'
                " FROM plan_changes ORDER BY id"
            )
            return [tuple(row) for row in (await connection.execute(query)).all()]

    async def forbidden(statement: str) -> None:
        with pytest.raises(DBAPIError, match="plan changes are never"):
            async with blank.write() as connection:
                await connection.execute(text(statement))

    await alembic(blank, lambda config: command.upgrade(config, "0012"))
    async with blank.write() as connection:
        for statement in (
            "INSERT INTO providers (id, upstream, code, name, usage, is_code, is_open)"
            " VALUES (2, 'statproxies', 'statproxies', 'Stat Proxies', 'unknown', 0, 1)",
            "INSERT INTO plans (id, provider_id, code, title, cost_micros, currency, is_open,"
            " read_at, days) VALUES (5, 2, 'captcha', 'ISP', 2500000, 'USD', 1, 1, 7)",
            """INSERT INTO requests (id, kind, body, "by", at) VALUES (8, 'cost', '', 900, 13)""",
            "INSERT INTO plan_changes (id, plan_id, kind, old_micros, new_micros, request_id,"
            """ "by", at) VALUES (1, 5, 'cost', 2000000, 2500000, 8, 900, 14),"""
            " (4, 5, 'hide', NULL, NULL, NULL, 901, 15),"
            " (9, 5, 'show', NULL, NULL, NULL, 900, 16)",
        ):
            await connection.execute(text(statement))
    kept = await found()
    assert len(kept) == 3

    await alembic(blank, up)
    assert await found() == kept
    await forbidden("UPDATE plan_changes SET at = 1")
    async with blank.write() as connection:
        await connection.execute(
            text(
                'INSERT INTO plan_changes (id, plan_id, kind, old_text, new_text, "by", at)'
                " VALUES (12, 5, 'days', '30', '7', 900, 17)"
            )
        )

    await alembic(blank, down)
    assert await found() == kept
    await forbidden("DELETE FROM plan_changes")
    async with blank.read() as connection:
        assert await connection.scalar(text("SELECT days FROM plans")) == 7

    await alembic(blank, up)
    assert await found() == kept
    await forbidden("DELETE FROM plan_changes")


async def test_a_trigger_that_is_gone_is_named(database: Database) -> None:
    for table in GUARDED.values():
        on = "" if database.is_sqlite else f" ON {table}"
        async with database.write() as connection:
            await connection.execute(text(f"DROP TRIGGER {table}_no_update{on}"))

    assert await triggers_missing(database) == (
        "plan_changes_no_update",
        "postings_no_update",
    )


@ON_POSTGRESQL
async def test_a_trigger_that_is_switched_off_is_named(database: Database) -> None:
    async with database.write() as connection:
        for table in GUARDED.values():
            await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))

    assert await triggers_missing(database) == TRIGGERS["postgresql"]


async def test_a_database_without_tables_lacks_every_trigger(blank: Database) -> None:
    assert await triggers_missing(blank) == TRIGGERS[blank.url.get_backend_name()]


async def test_alembic_says_nothing_of_its_own(
    blank: Database, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    with capture_logs():
        await migrate(blank)

    assert [record for record in caplog.records if record.name.startswith("alembic")] == []
    assert capfd.readouterr() == ("", "")


async def test_importing_the_migrations_does_not_import_alembic() -> None:
    asked = "import sys, bot.db.migrate; print('alembic' in sys.modules)"

    child = await asyncio.create_subprocess_exec(sys.executable, "-c", asked, stdout=PIPE)

    told, _ = await child.communicate()
    assert told == b"False\n"

"""Migrations: what the schema is, what it should be, and the way from one to the other."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import CheckConstraint, Index, UniqueConstraint, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import Base
from bot.db.session import Database
from bot.domain.errors import StartRefused

log: Final = structlog.stdlib.get_logger(__name__)

# Found beside the package, so that it does not matter where the process was started.
FOLDER: Path = Path(__file__).resolve().parents[2] / "migrations"

TRIGGERS: Final = {
    "sqlite": (
        "plan_changes_no_delete",
        "plan_changes_no_replace",
        "plan_changes_no_update",
        "postings_no_delete",
        "postings_no_replace",
        "postings_no_update",
    ),
    "postgresql": (
        "plan_changes_no_delete",
        "plan_changes_no_truncate",
        "plan_changes_no_update",
        "postings_no_delete",
        "postings_no_truncate",
        "postings_no_update",
    ),
}
"""What keeps postings and plan changes as they are, on each database; migrations make them."""

# Any fixed number that no other program takes on the same PostgreSQL database.
_LOCK: Final = 7_468_511_001


async def migrate(database: Database) -> None:
    """Apply the migrations that are missing, each in a transaction of its own.

    Processes that start together wait for each other. An SQLite file that holds a schema is
    copied first, to `<file>.before-<first missing migration>-<time>.backup`.
    Raises `StartRefused` for a database that this code cannot or must not work on.
    """
    await database.ready()
    if database.is_sqlite:
        await _quick_check(database)
    steps = 0
    while await _step(database, may_back_up=not steps):
        steps += 1


async def revision(database: Database) -> tuple[str | None, str]:
    """The revision found in the database, `None` if it has no schema, and the one wanted."""
    wanted = _known()[-1]
    if database.is_sqlite and not _file(database).exists():
        return None, wanted
    async with database.read() as connection:
        return await connection.run_sync(_found), wanted


async def triggers_missing(database: Database) -> tuple[str, ...]:
    """The triggers on what is only added to that are missing or switched off."""
    if database.is_sqlite:
        present = (
            "SELECT name FROM sqlite_master"
            " WHERE type = 'trigger' AND tbl_name IN ('postings', 'plan_changes')"
        )
    else:
        present = (
            "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
            " AND tgrelid IN (to_regclass('postings'), to_regclass('plan_changes'))"
        )
    async with database.read() as connection:
        found = set((await connection.execute(text(present))).scalars())
    return tuple(name for name in TRIGGERS[database.url.get_backend_name()] if name not in found)


async def laws_missing(database: Database) -> tuple[str, ...]:
    """The checks and unique keys of the models that the database does not hold."""
    if database.is_sqlite:
        present = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
    else:
        present = (
            "SELECT conname FROM pg_constraint WHERE convalidated"
            " UNION ALL SELECT indexname FROM pg_indexes"
        )
    async with database.read() as connection:
        found = set(re.findall(r"\w+", " ".join((await connection.scalars(text(present))).all())))
    wanted = [
        str(law.name)
        for table in Base.metadata.sorted_tables
        for law in (*table.constraints, *table.indexes)
        if isinstance(law, CheckConstraint | UniqueConstraint | Index)
    ]
    return tuple(name for name in sorted(wanted) if name not in found)


@asynccontextmanager
async def schema_connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection on which tables may be rebuilt; `references_hold` follows before the commit.

    SQLite rebuilds a table by copying and dropping it, which the references to it would forbid.
    """
    async with database.writer.connect() as connection:
        if not database.is_sqlite:
            yield connection
            return
        await connection.run_sync(_forget_references)
        try:
            yield connection
        finally:
            # Never back into the pool: it would sell to customers that do not exist.
            await connection.invalidate()


def references_hold(connection: Connection) -> None:
    """Raise `StartRefused` if a row points at one that is not there; PostgreSQL looks itself."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            problem = f"DATABASE_URL: {broken[0]} points at a row of {broken[2]} that is missing"
            raise StartRefused(problem)


def _forget_references(connection: Connection) -> None:
    # Past SQLAlchemy, which would begin a transaction: inside of one this does nothing.
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.close()


def _file(database: Database) -> Path:
    return Path(str(database.url.database))


async def _quick_check(database: Database) -> None:
    try:
        async with database.read() as connection:
            answer = str((await connection.exec_driver_sql("PRAGMA quick_check(1)")).scalar_one())
    except DBAPIError as error:
        answer = str(error.orig)
    if answer != "ok":
        problem = (
            f"DATABASE_URL: {database.url.database} is damaged ({' '.join(answer.split())}): "
            "put it aside and restore a backup"
        )
        raise StartRefused(problem)


async def _step(database: Database, *, may_back_up: bool) -> bool:
    """Apply the first migration that is missing; whether there was one."""
    async with schema_connection(database) as connection, connection.begin():
        if not database.is_sqlite:
            # SQLite's write lock is held already: session.py begins with it.
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = await connection.run_sync(_found)
        missing = _after(found)
        if not missing:
            return False
        tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
        if found is None and not tables.isdisjoint(Base.metadata.tables):
            problem = "DATABASE_URL: the database has tables like ours, made by something else"
            raise StartRefused(problem)
        if database.is_sqlite and tables and may_back_up:
            # While the write lock is held: what is copied is exactly what will be changed.
            await asyncio.to_thread(_back_up, _file(database), missing[0])
        await connection.run_sync(_upgrade, missing[0])
    log.info("schema changed", found=found, revision=missing[0])
    return True


def _known() -> tuple[str, ...]:
    """The numbers of the migrations, from the names of their files: Alembic is slow to import."""
    known = sorted(path.name[:4] for path in FOLDER.glob("versions/[0-9][0-9][0-9][0-9]_*.py"))
    if not known:
        problem = f"{FOLDER} holds no migrations: the folder belongs beside the package bot"
        raise StartRefused(problem)
    return tuple(known)


def _found(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if len(found) > 1:
        problem = "DATABASE_URL: the database claims several revisions: restore a backup"
        raise StartRefused(problem)
    return str(found[0]) if found else None


def _after(found: str | None) -> tuple[str, ...]:
    known = _known()
    if found is None:
        return known
    if found not in known:
        problem = (
            f"DATABASE_URL: the database has revision {found}, this version of the bot knows none "
            f"after {known[-1]}: start the newer version, or restore the backup made before it"
        )
        raise StartRefused(problem)
    return known[known.index(found) + 1 :]


def _upgrade(connection: Connection, target: str) -> None:
    # Alembic talks while it is imported, too.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A percent sign would begin an interpolation.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _back_up(file: Path, before: str) -> None:
    """Copy the database by SQLite's backup API; only a whole copy gets the final name."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    backup = file.with_name(f"{file.name}.before-{before}-{moment}.backup")
    partial = backup.with_suffix(".partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            answer = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.rename(backup)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        problem = f"DATABASE_URL: nothing was changed, as {backup} cannot be made ({error})"
        raise StartRefused(problem) from None
    log.info("database backed up", file=str(backup))

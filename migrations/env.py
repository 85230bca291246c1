"""What Alembic runs: a transaction for each migration, on both databases.

The bot hands over a connection (`bot/db/migrate.py`); the `alembic` command, used to write
migrations, opens the database that the settings name.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import BigInteger
from sqlalchemy.engine import Connection

from bot.db.migrate import references_hold, schema_connection
from bot.db.models import Base, Moment
from bot.db.session import Database
from bot.settings import Settings


def rendered(kind: str, item: object, _: object) -> str | Literal[False]:
    """Write our integers as BIG, which script.py.mako defines: migrations import no models."""
    return "BIG" if kind == "type" and isinstance(item, Moment | BigInteger) else False


def applied(ctx: MigrationContext, *_: object, **__: object) -> None:
    """Look, before each commit, that no row lost what it points at."""
    if ctx.connection is not None:
        references_hold(ctx.connection)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # Alembic believes that SQLite cannot; with the BEGIN of session.py it can.
        transactional_ddl=True,
        transaction_per_migration=True,
        # SQLite changes a table by rebuilding it; PostgreSQL runs the same script as ALTERs.
        render_as_batch=True,
        render_item=rendered,
        on_version_apply=applied,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_the_command_line() -> None:
    database = Database(Settings.load().database_url.get_secret_value())
    try:
        await database.ready()
        async with schema_connection(database) as connection:
            await connection.run_sync(run)
    finally:
        await database.close()


if context.is_offline_mode():
    problem = "--sql is not supported: migrations look at the database"
    raise CommandError(problem)

given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    run(given)
else:
    asyncio.run(run_from_the_command_line())

"""The engines: settings that took, one writer, readers that only read."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import stat
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from bot.db.session import Database, wake, wal_is_safe
from bot.domain.errors import StartRefused
from tests.conftest import ON_POSTGRESQL, ON_SQLITE, NetworkForbidden

NOBODY = 65534


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


def at(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def contents(database: Database) -> bytes:
    return Path(str(database.url.database)).read_bytes()


def modes(folder: Path) -> dict[str, int]:
    """Who may do what with the files of a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def refusal(url: str) -> str:
    """What `ready` says about a database that it refuses."""
    async with opened(url) as database:
        with pytest.raises(StartRefused) as refused:
            await database.ready()
    return str(refused.value)


async def stops(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM stops"))).scalar_one())


class HalfDone(Exception):
    """Raised in the middle of a transaction."""


async def half_done(database: Database, statement: TextClause, sleeper: asyncio.Event) -> None:
    async with database.write() as connection:
        await connection.execute(statement)
        wake(connection, sleeper)
        raise HalfDone


STOP = text("INSERT INTO stops (scope, reason, since, by) VALUES ('shop', 'audit', 1, 'audit')")


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
    ids=str,
)
def test_wal_is_used_only_where_its_corruption_bug_is_fixed(
    version: tuple[int, int, int], is_safe: bool
) -> None:
    assert wal_is_safe(version) is is_safe


@ON_SQLITE
async def test_every_sqlite_connection_has_the_safe_settings(database: Database) -> None:
    is_wal = wal_is_safe(sqlite3.sqlite_version_info)
    wanted = {
        "busy_timeout": 30_000,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "secure_delete": 1,
        "journal_mode": "wal" if is_wal else "delete",
        "synchronous": 2 if is_wal else 3,
    }

    for connect, query_only in ((database.write, 0), (database.read, 1)):
        async with connect() as connection:
            found = {
                name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                for name in (*wanted, "query_only")
            }
        assert found == {**wanted, "query_only": query_only}


async def test_a_database_that_is_well_is_ready(database: Database) -> None:
    await database.ready()


@ON_SQLITE
async def test_being_ready_leaves_no_trace_in_the_file(database: Database) -> None:
    before = contents(database)

    await database.ready()

    assert contents(database) == before


@ON_SQLITE
async def test_a_reader_cannot_write(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(OperationalError, match="readonly"):
            await connection.execute(STOP)


async def test_what_raises_leaves_nothing_written(database: Database) -> None:
    with pytest.raises(HalfDone):
        await half_done(database, STOP, asyncio.Event())

    assert await stops(database) == 0


async def test_what_ends_well_is_there_for_every_reader(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(STOP)

    assert await stops(database) == 1


async def test_a_change_of_the_schema_is_undone_with_its_transaction(database: Database) -> None:
    with pytest.raises(HalfDone):
        await half_done(database, text("ALTER TABLE stops RENAME TO halts"), asyncio.Event())

    assert await stops(database) == 0


async def test_a_sleeper_wakes_after_the_commit_and_not_before(database: Database) -> None:
    sleeper = asyncio.Event()

    async with database.write() as connection:
        wake(connection, sleeper)
        assert not sleeper.is_set()

    assert sleeper.is_set()


async def test_a_sleeper_sleeps_on_when_the_change_is_undone(database: Database) -> None:
    sleeper = asyncio.Event()

    with pytest.raises(HalfDone):
        await half_done(database, STOP, sleeper)
    async with database.write():
        pass

    assert not sleeper.is_set()


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("INSERT INTO stops (scope, reason, since, by) VALUES ('lane:1', '401', 1, 'x')")
connection.execute("COMMIT")
"""


@ON_SQLITE
async def test_a_writer_waits_for_another_process_and_sees_what_it_wrote(
    database: Database,
) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(database.url.database), stdin=PIPE, stdout=PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"

    async def write() -> int:
        async with database.write() as connection:
            await connection.execute(STOP)
            found = await connection.execute(text("SELECT count(*) FROM stops"))
            return int(found.scalar_one())

    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write())
        done, _ = await asyncio.wait({writing}, timeout=0.2)
        assert not done
        holder.stdin.write(b"go on\n")

    assert writing.result() == 2
    assert await holder.wait() == 0


@ON_SQLITE
async def test_readers_go_on_while_a_writer_is_at_work(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(STOP)

        assert await stops(database) == 0


async def test_a_new_sqlite_file_and_its_folder_are_made_for_its_owner_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "data" / "deeper" / "bot.db"

    async with opened(at(file)) as database:
        assert not file.parent.exists()
        await database.ready()
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE extra (id INTEGER)"))
            found = modes(file.parent)

    assert found["bot.db"] == 0o600
    assert set(found.values()) == {0o600}


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite:///file:bot.db?mode=memory&uri=true",
    ],
)
def test_books_that_are_kept_in_no_plain_file_are_refused(url: str) -> None:
    with pytest.raises(StartRefused, match=r"^DATABASE_URL: an SQLite database needs"):
        Database(url)


async def test_a_folder_in_place_of_the_file_is_refused_in_one_line(tmp_path: Path) -> None:
    told = await refusal(at(tmp_path))

    assert told == (
        f"DATABASE_URL: {tmp_path} cannot be opened for writing (unable to open database file)"
    )


async def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"
    file.write_text("Dear diary, " * 1000)

    told = await refusal(at(file))

    assert told == (
        f"DATABASE_URL: {file} is damaged (file is not a database): put it aside and restore a "
        "backup with `python -m bot restore FILE`"
    )
    assert file.read_text() == "Dear diary, " * 1000


async def test_a_file_where_a_folder_should_be_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")

    told = await refusal(at(tmp_path / "data" / "bot.db"))

    assert told.startswith("DATABASE_URL: ")
    assert "\n" not in told


@pytest.mark.parametrize("end", ["-wal", "-journal"])
async def test_a_journal_without_its_database_is_not_answered_with_an_empty_shop(
    tmp_path: Path, end: str
) -> None:
    file = tmp_path / "bot.db"
    file.with_name(f"bot.db{end}").write_bytes(b"what was not written back yet")

    told = await refusal(at(file))

    assert told == f"DATABASE_URL: {file} is missing, but {file}{end} is there"
    assert not file.exists()


@ON_SQLITE
async def test_a_file_that_vanishes_does_not_come_back_as_an_empty_shop(
    database: Database,
) -> None:
    await database.ready()
    await database.close()
    await asyncio.to_thread(os.remove, str(database.url.database))

    with pytest.raises(OperationalError, match="unable to open database file"):
        await stops(database)

    with pytest.raises(FileNotFoundError):
        contents(database)
    # A connection that did not open leaves a thread that still has something to tell this loop.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


@contextmanager
def without_root() -> Iterator[Path]:
    """A folder as a process sees it that root's rights do not help."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o755)


async def test_a_file_that_may_only_be_read_is_refused() -> None:
    with without_root() as folder:
        file = folder / "bot.db"
        async with opened(at(file)) as database:
            await database.ready()
        file.chmod(0o400)

        told = await refusal(at(file))

    assert told == (
        f"DATABASE_URL: {file} cannot be opened for writing (attempt to write a readonly database)"
    )


async def test_a_folder_that_takes_no_journal_is_refused() -> None:
    with without_root() as folder:
        file = folder / "bot.db"
        async with opened(at(file)) as database:
            await database.ready()
        folder.chmod(0o555)

        told = await refusal(at(file))

    assert told.startswith(f"DATABASE_URL: {file} cannot be opened for writing")


async def test_a_server_that_does_not_answer_is_refused_without_its_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        told = await refusal(f"postgresql+asyncpg://shop:hunter2@127.0.0.1:{port}/books")

    assert told.startswith("DATABASE_URL: the database cannot be opened (")
    assert "hunter2" not in told


@ON_POSTGRESQL
async def test_a_server_without_this_database_is_refused(blank_url: str) -> None:
    url = make_url(blank_url).set(database="nobody_made_this")

    told = await refusal(url.render_as_string(hide_password=False))

    assert told == "DATABASE_URL: the database cannot be opened (InvalidCatalogNameError)"


async def test_a_test_that_reaches_for_another_machine_is_stopped() -> None:
    with pytest.raises(NetworkForbidden):
        await asyncio.open_connection("example.org", 443)
    with pytest.raises(NetworkForbidden):
        await asyncio.open_connection("192.0.2.1", 443)
    with socket.socket() as sock, pytest.raises(NetworkForbidden):
        sock.connect_ex(("192.0.2.1", 443))

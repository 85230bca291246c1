"""Engines for SQLite and PostgreSQL: one transaction to write, one statement to read."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from glob import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.sql.dml import Insert

from bot.domain.errors import StartRefused

READERS = 4
CONNECT_SECONDS = 5.0
REMEMBERED = 60.0
"""Seconds for which a write that failed for want of storage counts; then one may try again."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_STORAGE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
)
# The files that a shop leaves beside its database; one alone says that there was a shop.
_TRACES = ("secret.key", "heartbeat")

# The releases that got the fix of the WAL-reset corruption bug (sqlite.org/wal.html).
_WAL_FIXED = {(3, 44): 6, (3, 50): 7}
_WAL_FIXED_SINCE = (3, 51, 3)


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether the linked SQLite has the fix of the WAL-reset bug."""
    fixed_in_line = _WAL_FIXED.get(version[:2])
    return version >= _WAL_FIXED_SINCE or (
        fixed_in_line is not None and version[2] >= fixed_in_line
    )


def cannot_save(error: BaseException) -> bool:
    """Whether the storage is full or read-only: certainly nothing was written."""
    return _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}


def is_away(error: BaseException) -> bool:
    """Whether it was the database that failed, and not what was asked of it; it may come back."""
    # Not yet connected, asyncpg raises its own and the system's errors as they are.
    is_foreign = type(error).__module__.startswith("asyncpg.")
    return is_foreign or isinstance(error, DBAPIError | OSError | NoConnectionLeft)


def reason_of(error: DBAPIError) -> str:
    """One line about a failed statement, for people who run the shop."""
    if isinstance(error.orig, sqlite3.Error):
        return " ".join(str(error.orig).split())
    # Another driver's own text may repeat the URL with its password, and SQLAlchemy wraps its
    # errors in one class for all: the name inside tells a wrong password from a missing database.
    cause = error.orig.__cause__ if error.orig is not None else None
    return type(cause or error.orig).__name__


class BooksGone(OSError):
    """The database file was deleted or replaced under the running shop; nothing was written."""


_WAKES = "wakes"


def wake(tx: AsyncConnection, sleeper: asyncio.Event) -> None:
    """Set an event once this transaction is committed, so that nobody wakes too early."""
    tx.info[_WAKES].add(sleeper)


def insert_missing(tx: AsyncConnection, table: type[DeclarativeBase]) -> Insert:
    """An INSERT that passes over rows whose unique key is there already."""
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


class Database:
    """The shop's database.

    `write()` is one transaction; on SQLite it takes the only write lock at its start, so nothing
    read inside it can grow old. `read()` gives a connection for single statements, each its own
    snapshot: on SQLite a reader inside a transaction would make the writer's commit fail.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._identity: tuple[int, int] | None = None
        self._damage: str | None = None
        self.failed_at: float | None = None
        """When a write last failed for want of storage, by `time.monotonic()`."""
        if self.is_sqlite:
            self._writer = _sqlite_engine(self.url, pool_size=1, is_writer=True)
            self._reader = _sqlite_engine(self.url, pool_size=READERS, is_writer=False)
            event.listen(self._writer.sync_engine, "connect", self._recognize)
            for engine in (self._writer, self._reader):
                event.listen(engine.sync_engine, "handle_error", self._note)
        else:
            self._writer = create_async_engine(
                self.url,
                pool_size=8,
                max_overflow=0,
                pool_pre_ping=True,
                # The driver would wait a minute for a server that stays silent.
                connect_args={"timeout": CONNECT_SECONDS},
            )
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def writer(self) -> AsyncEngine:
        """The engine that migrations use."""
        return self._writer

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, undone if the block raises."""
        async with self._writer.connect() as connection:
            wakes: set[asyncio.Event] = set()
            connection.info[_WAKES] = wakes
            async with connection.begin():
                self._refuse_if_gone()
                yield connection
                # What a deleted file is told is lost with it, however well it commits.
                self._refuse_if_gone()
        for waiting in wakes:
            waiting.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection in which every statement is a snapshot of its own."""
        async with self._reader.connect() as connection:
            yield connection

    async def ready(self) -> None:
        """Connect once, and check that the safety settings took; raises `StartRefused`."""
        try:
            if self.is_sqlite:
                # By the plain driver: a connection that fails to open leaves aiosqlite's thread
                # behind, and its traceback would bury the one clear line.
                await asyncio.to_thread(_try_to_write, Path(str(self.url.database)))
            async with self._writer.connect() as connection:
                if self.is_sqlite:
                    await _read_back(connection)
                else:
                    await connection.execute(text("SELECT 1"))
        except (DBAPIError, sqlite3.Error, OSError) as error:
            problem = f"DATABASE_URL: {self._unopened(error)}"
            raise StartRefused(problem) from None

    @property
    def file(self) -> Path:
        """Where SQLite keeps the database."""
        return Path(str(self.url.database))

    @property
    def lost(self) -> str | None:
        """One clear line when nothing can be saved here any more: damaged, deleted, replaced."""
        if self._damage is not None:
            return (
                f"DATABASE_URL: {self.file} is damaged ({self._damage}): "
                "restore a backup with `python -m bot restore FILE`"
            )
        if self._is_gone():
            return (
                f"DATABASE_URL: {self.file} was deleted or replaced while the shop ran: "
                "put it back, or restore a backup with `python -m bot restore FILE`"
            )
        return None

    @property
    def is_out_of_storage(self) -> bool:
        """Whether a write failed within the last minute because the disk was full or refused."""
        return self.failed_at is not None and time.monotonic() - self.failed_at < REMEMBERED

    def damaged(self, reason: str) -> None:
        """Remember that the file is broken; nobody shall go on selling from it."""
        self._damage = self._damage or reason

    async def close(self) -> None:
        """Close every connection; aiosqlite's threads would keep the process alive."""
        await self._writer.dispose()
        await self._reader.dispose()

    def _recognize(self, *_: object) -> None:
        if self._identity is None:
            self._identity = _identity(self.file)

    def _is_gone(self) -> bool:
        return self._identity is not None and _identity(self.file) != self._identity

    def _refuse_if_gone(self) -> None:
        if self._is_gone():
            raise BooksGone(str(self.lost))

    def _note(self, context: ExceptionContext) -> None:
        code = _code(context.original_exception)
        if code in _DAMAGED:
            self.damaged(" ".join(str(context.original_exception).split()))
        elif code in _NO_STORAGE:
            self.failed_at = time.monotonic()

    def _unopened(self, error: Exception) -> str:
        reason = error.orig if isinstance(error, DBAPIError) else error
        if _code(error) in _DAMAGED:
            return (
                f"{self.url.database} is damaged ({reason}): put it aside and restore a backup "
                "with `python -m bot restore FILE`"
            )
        if self.is_sqlite:
            return f"{self.url.database} cannot be opened for writing ({reason})"
        # Another error's own text may repeat the URL with its password.
        name = reason_of(error) if isinstance(error, DBAPIError) else type(error).__name__
        return f"the database cannot be opened ({name})"


class _SqliteConnection(sqlite3.Connection):
    """Gives its locks back when it is closed, whoever still holds a cursor.

    A cancelled task leaves its cursor in a traceback. SQLite keeps a closed connection, with its
    transaction and its locks, until the last cursor is gone: nobody could write until then.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors = WeakSet[sqlite3.Cursor]()

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        made = super().cursor(*arguments, **options)
        self._cursors.add(made)
        return made

    def close(self) -> None:
        for cursor in tuple(self._cursors):
            cursor.close()
        super().close()


def _sqlite_engine(url: URL, *, pool_size: int, is_writer: bool) -> AsyncEngine:
    if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
        problem = "DATABASE_URL: an SQLite database needs the path of a file"
        raise StartRefused(problem)
    # With mode=rw a file that vanished is an error; else it would come back as an empty shop.
    file = quote(str(Path(str(url.database)).absolute()))
    engine = create_async_engine(
        url.set(database=f"file:{file}").update_query_dict({"mode": "rw", "uri": "true"}),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        # The driver's own transactions start late and skip DDL; the begin event starts them.
        connect_args={"isolation_level": None, "timeout": 30, "factory": _SqliteConnection},
        # For good, not by an execution option: set anew for each use, it takes two more turns of
        # the driver's thread, and a read cancelled in one of them would lose its connection.
        **({} if is_writer else {"isolation_level": "AUTOCOMMIT"}),
    )
    wal = wal_is_safe(sqlite3.sqlite_version_info)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in _pragmas(wal=wal):
            cursor.execute(f"PRAGMA {pragma}")
        if not is_writer:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    if is_writer:

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Any) -> None:
            # A deferred transaction that turns into a writing one fails at once when another
            # process writes; the busy timeout does not apply to it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file stands at this path, None for none; the file itself is not opened.

    Closing a second handle on it would drop every lock that SQLite holds in this process.
    """
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _code(error: BaseException | None) -> int | None:
    """SQLite's primary result code, where an error has one."""
    found = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)
    return None if found is None else int(found) & 0xFF


def _make_file(file: Path) -> None:
    """Make an empty file that only its owner may read, where there is none yet."""
    if file.exists():
        return
    left_over = [f"{file}{end}" for end in ("-wal", "-journal") if Path(f"{file}{end}").exists()]
    if left_over:
        # The books belong to them; an empty shop beside them would look like a lost one.
        problem = f"DATABASE_URL: {file} is missing, but {left_over[0]} is there"
        raise StartRefused(problem)
    traces = [file.with_name(name) for name in _TRACES if file.with_name(name).exists()]
    traces += sorted(file.parent.glob(f"{escape(file.name)}.*"))
    if traces:
        problem = (
            f"DATABASE_URL: {file} is missing, but {traces[0]} says that there was a shop: put "
            "the file back, restore a backup, or move everything away to begin an empty shop"
        )
        raise StartRefused(problem)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)


def _try_to_write(file: Path) -> None:
    _make_file(file)
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        # In a folder that takes no journal the lock is free, and the first sale would fail.
        connection.execute("PRAGMA user_version = 0")
        connection.execute("ROLLBACK")


def _pragmas(*, wal: bool) -> tuple[str, ...]:
    return (
        "busy_timeout = 30000",
        "foreign_keys = ON",
        # INSERT OR REPLACE deletes without firing delete triggers unless this is on.
        "recursive_triggers = ON",
        "trusted_schema = OFF",
        # What was sealed with a key that is dropped later must not stay in free pages.
        "secure_delete = ON",
        f"journal_mode = {'WAL' if wal else 'DELETE'}",
        f"synchronous = {'FULL' if wal else 'EXTRA'}",
    )


async def _read_back(connection: AsyncConnection) -> None:
    wal = wal_is_safe(sqlite3.sqlite_version_info)
    wanted = {
        "foreign_keys": "1",
        "recursive_triggers": "1",
        "secure_delete": "1",
        "journal_mode": "wal" if wal else "delete",
        "synchronous": "2" if wal else "3",
    }
    for pragma, value in wanted.items():
        found = str((await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one())
        if found != value:
            raise StartRefused(f"DATABASE_URL: SQLite keeps {pragma} at {found}, not {value}")

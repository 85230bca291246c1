"""What every test may ask for."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import delete, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.db.migrate import migrate
from bot.db.models import Base
from bot.db.session import Database
from tests.compiled import compiled_once

T = TypeVar("T")

POSTGRES: Final = os.environ.get("TEST_POSTGRES_URL", "")
IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - files of tests alone, gone with each
"""Where every commit's fsync costs nothing; the folders of pytest serve where there is none."""
# Thousands of tests and what they import stay to the end: to look through all of it as often as
# Python does by itself would be a twentieth of the run.
gc.set_threshold(50_000, 20, 50)

IS_CI: Final = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.fixture(autouse=True, scope="session")
def _compiled_once() -> Iterator[None]:
    with compiled_once():
        yield


class NetworkForbidden(BaseException):
    """A test reached for another machine; no `Exception`, so nobody takes it for an outage."""


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    with no_network():
        yield


@contextmanager
def no_network() -> Iterator[None]:
    """Let sockets reach this machine and the test's PostgreSQL server, and nothing else."""
    server = make_url(POSTGRES).host if POSTGRES else None
    near = {"", "localhost", *([server] if server else [])}
    addresses = {entry[4][0] for entry in socket.getaddrinfo(server, None)} if server else set()

    def check(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name in near or name in addresses:
            return
        try:
            is_near = ipaddress.ip_address(str(name)).is_loopback
        except ValueError:
            is_near = False
        if not is_near:
            raise NetworkForbidden(name)

    def guarded(reach: Callable[..., Any]) -> Callable[..., Any]:
        def to_address(sock: socket.socket, *arguments: Any) -> Any:
            if sock.family in {socket.AF_INET, socket.AF_INET6}:
                check(arguments[-1][0])
            return reach(sock, *arguments)

        return to_address

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        check(host)
        return resolve(host, *arguments, **options)

    resolve = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


ON_SQLITE: Final = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
ON_POSTGRESQL: Final = pytest.mark.parametrize(
    "backend", ["postgresql"] if POSTGRES or IS_CI else [], indirect=True
)
"""For what only one of the two databases can do, or what asks the other nothing new."""


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES or IS_CI else ["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database that a test runs on: both, where TEST_POSTGRES_URL names a server."""
    return str(request.param)


@pytest.fixture
def blank_url(backend: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which nothing has been made yet."""
    if backend == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'blank.db'}"
    else:
        with _postgres_database() as url:
            yield url


@pytest.fixture
def database_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated, empty database of this test's own."""
    if backend == "sqlite":
        with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else tmp_path) as folder:
            file = Path(folder) / "bot.db"
            shutil.copy(request.getfixturevalue("_sqlite_template"), file)
            yield f"sqlite+aiosqlite:///{file}"
    else:
        spares: Spares = request.getfixturevalue("_postgres_spares")
        with spares.one() as url:
            yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database of this test's own, closed at the end."""
    database = Database(database_url)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "bot.db"
    _run(_migrated(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def _postgres_spares() -> Iterator[Spares]:
    with ExitStack() as made:
        yield Spares(made)


class Spares:
    """Copies of one migrated database, used again after tests that changed rows alone.

    Copying writes about 8 MB, and emptying a few tables next to nothing.
    """

    def __init__(self, made: ExitStack) -> None:
        self._made = made
        self._template = made.enter_context(_postgres_database())
        _run(_migrated(self._template))
        self._schema = _run(_schema(self._template))
        self._clean: list[str] = []

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of a migrated, empty database."""
        if self._clean:
            url = self._clean.pop()
        else:
            like = str(make_url(self._template).database)
            url = self._made.enter_context(_postgres_database(like=like))
        yield url
        if _run(_is_emptied(url, self._schema)):
            self._clean.append(url)


@contextmanager
def _postgres_database(*, like: str = "template1") -> Iterator[str]:
    # A name of its own: other workers and other runs use the same server.
    name = f"shop_test_{uuid4().hex}"
    _run(_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{like}"'))
    # Whether the disk keeps its word is not what these tests ask.
    _run(_on_server(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    try:
        yield _server_url().set(database=name).render_as_string(hide_password=False)
    finally:
        _run(_on_server(f'DROP DATABASE "{name}" WITH (FORCE)'))


_STRANGERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SCHEMA = """
    SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
        SELECT concat_ws(' ', attrelid, attnum, attname, atttypid, attnotnull) AS part
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', oid, conname) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', oid, tgname, tgenabled, tgfoid) FROM pg_trigger
        WHERE NOT tgisinternal
        UNION ALL
        SELECT version_num FROM alembic_version
    ) parts
"""
_ONLY_ADDED_TO = ("postings", "plan_changes")
_EMPTY = ";".join(
    (
        *(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in _ONLY_ADDED_TO),
        *(str(delete(table)) for table in reversed(Base.metadata.sorted_tables)),
        *(f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in _ONLY_ADDED_TO),
        """
        SELECT setval(oid::regclass, 1, false) FROM pg_class
        WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
        """,
    )
)
"""One round trip, and so one transaction."""


async def _schema(url: str) -> str:
    """A fingerprint of everything but rows, taken when nobody else is connected any more."""
    async with _straight(url) as connection:
        return await _told(connection)


async def _is_emptied(url: str, schema: str) -> bool:
    """Whether the database still has this schema; then there is no row in it any more."""
    async with _straight(url) as connection:
        if await _told(connection) != schema:
            return False
        await connection.execute(_EMPTY)
        return True


async def _told(connection: asyncpg.Connection) -> str:
    await connection.execute(_STRANGERS)
    return str(await connection.fetchval(_SCHEMA))


@asynccontextmanager
async def _straight(url: str) -> AsyncIterator[asyncpg.Connection]:
    """The driver itself: an engine for two questions would take longer than they do."""
    plain = make_url(url).set(drivername="postgresql")
    connection = await asyncpg.connect(plain.render_as_string(hide_password=False))
    try:
        yield connection
    finally:
        await connection.close()


async def _on_server(statement: str) -> None:
    engine = create_async_engine(_server_url(), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    except OSError as error:
        pytest.fail(f"TEST_POSTGRES_URL: the server does not answer: {error}")
    finally:
        await engine.dispose()


def _server_url() -> URL:
    if not POSTGRES:
        pytest.fail("TEST_POSTGRES_URL is missing: in CI the tests run on PostgreSQL, too")
    return make_url(POSTGRES).set(drivername="postgresql+asyncpg")


async def _migrated(url: str) -> None:
    database = Database(url)
    try:
        await migrate(database)
    finally:
        await database.close()


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it on a loop in a thread, whatever loop the test itself has."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()

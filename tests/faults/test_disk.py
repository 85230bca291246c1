"""Disks that are full, read-only, spoiled or gone: one clear line, nothing worse, and recovery."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
from collections import namedtuple
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

import bot.app
import bot.process
from bot import jobs
from bot.db.migrate import migrate
from bot.db.models import Base, OutboxRow
from bot.db.session import BooksGone, Database
from bot.demo.telegram import Telegram
from bot.domain.customers import ShopInfo
from bot.domain.errors import StartRefused
from bot.domain.orders import OrderState
from bot.services.leases import LASTS
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened, sandbox_for, settings_for
from tests.e2e.conftest import Street, neighbours, street, until
from tests.stories.conftest import ShopFloor, app, customer, settings, stat, stat_path
from tests.telegram import Customer, bot_of

__all__ = ["app", "customer", "neighbours", "settings", "stat", "stat_path", "street"]

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sandbox(clock: HandClock) -> GateProxySandbox:
    return sandbox_for(clock)


@pytest.fixture
def database_url(_sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(_sqlite_template, tmp_path / "bot.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
async def bench(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> AsyncIterator[Bench]:
    async with opened(database_url, sandbox, clock) as bench:
        yield bench


@asynccontextmanager
async def full_disk(database: Database) -> AsyncIterator[None]:
    """Not one page more for the database, until the block ends."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    async with database.writer.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE filler (x BLOB)")
        for table in tables:
            # Or a row would find room on a page that is there, and the disk would not matter.
            for verb in ("INSERT", "UPDATE"):
                await connection.exec_driver_sql(
                    f"CREATE TRIGGER fill_{verb}_{table} AFTER {verb} ON {table} BEGIN"  # noqa: S608
                    " INSERT INTO filler VALUES (zeroblob(9000)); END"
                )
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        async with database.writer.begin() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
            for table in tables:
                for verb in ("INSERT", "UPDATE"):
                    await connection.exec_driver_sql(f"DROP TRIGGER fill_{verb}_{table}")
            await connection.exec_driver_sql("DROP TABLE filler")


@contextmanager
def commit_fails(database: Database, which: int) -> Iterator[list[int]]:
    """Let the disk be full at one commit, counted from 1; yields how many there were."""
    seen = [0]

    def fail(_: Any) -> None:
        seen[0] += 1
        if seen[0] == which:
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise OperationalError("COMMIT", None, full)

    event.listen(database.writer.sync_engine, "commit", fail)
    try:
        yield seen
    finally:
        event.remove(database.writer.sync_engine, "commit", fail)


async def _set_read_only(database: Database, switch: str) -> None:
    # Past SQLAlchemy, which would begin a transaction first.
    async with database.writer.connect() as connection:
        await connection.run_sync(
            lambda sync: sync.connection.cursor().execute(f"PRAGMA query_only = {switch}")
        )


async def _insist(step: Any) -> Any:
    """Do it again where the disk was full, as a person or the worker's next turn would."""
    try:
        return await step()
    except OperationalError:
        return await step()


async def _buy_while_a_commit_fails(file: Path, which: int) -> int:
    """A top-up and a purchase, insisted on; how many commits they took."""
    clock = HandClock()
    sandbox = sandbox_for(clock)
    async with opened(f"sqlite+aiosqlite:///{file}", sandbox, clock) as bench:
        buyer = await bench.customer(7)
        with commit_fails(bench.shop.database, which) as seen:
            await _insist(lambda: bench.top_up(buyer.id, "10"))
            claim = bench.claim()
            await _insist(lambda: bench.shop.orders.accept(buyer, claim, None))
            await _insist(bench.work)
            for _ in range(20):
                clock.turn(60)
                await _insist(bench.work)
        (order,) = (await bench.shop.orders.page(buyer.id, 0)).orders
        assert order.state is OrderState.DELIVERED, which
        assert len(sandbox.orders) == sandbox.count("POST") == 1, which
        # A top-up that failed was not half done: asked again, it is there once.
        assert str(await bench.balance(buyer)) == "5.97 USD", which
    return seen[0]


async def test_a_disk_that_is_full_at_any_commit_of_a_purchase_costs_nobody_anything(
    database_url: str, tmp_path: Path
) -> None:
    which = count = 1
    while which <= count:
        file = tmp_path / f"{which}.db"
        shutil.copy(tmp_path / "bot.db", file)
        count = await _buy_while_a_commit_fails(file, which)
        which += 1

    assert which > 5


async def test_a_customer_hears_of_a_full_disk_and_buys_when_there_is_room(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.open("1 GB", "NodeMaven")

    async with full_disk(app.shop.database):
        await customer.tap("Buy")
        assert "cannot save anything at the moment" in customer.screen.text
        assert "Nothing was charged" in customer.screen.text
        assert app.sandbox.count("POST") == 0
        await app.shop.jobs.look_at_stops()
        assert app.bench.offer("nodemaven", "1").is_stale
        assert await app.balance_of(customer.id) == await customer.balance()

    # A minute later it is tried again.
    app.shop.database.failed_at = None
    await app.shop.jobs.look_at_stops()
    await customer.open("1 GB", "NodeMaven")
    await customer.tap("Buy")

    assert await app.state(customer) is OrderState.DELIVERED
    assert app.sandbox.count("POST") == 1


async def test_a_file_that_turns_read_only_sells_nothing_and_goes_on_afterwards(
    bench: Bench, sandbox: GateProxySandbox
) -> None:
    buyer = await bench.customer(7, balance="10")
    await _set_read_only(bench.shop.database, "ON")

    with pytest.raises(OperationalError, match="readonly database"):
        await bench.buy(buyer)

    assert bench.shop.database.is_out_of_storage
    assert str(await bench.balance(buyer)) == "10.00 USD"
    await _set_read_only(bench.shop.database, "OFF")
    await bench.buy(buyer)
    await bench.work()
    assert len(sandbox.orders) == 1


async def test_owners_hear_of_a_disk_that_fills_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 12_000_000))

    await bench.shop.jobs.look_at_disk()
    await bench.shop.jobs.look_at_disk()

    async with bench.shop.database.read() as reader:
        owed = (await reader.scalars(select(OutboxRow.notice))).all()
    assert len(owed) == 2
    assert all('"disk_full","detail":"12 MB"' in one for one in owed)


async def test_another_process_that_holds_the_database_for_a_moment_is_waited_for(
    bench: Bench,
) -> None:
    buyer = await bench.customer(7, balance="10")
    file = bench.shop.database.file
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        asyncio.get_running_loop().call_later(0.5, other.execute, "COMMIT")

        line = await bench.buy(buyer)

    assert line.order.state is OrderState.RESERVED


@pytest.mark.parametrize("replace", [False, True], ids=["deleted", "replaced"])
async def test_a_file_that_goes_away_under_the_shop_takes_no_sale_along(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, replace: bool
) -> None:
    async with opened(database_url, sandbox, clock) as bench:
        buyer = await bench.customer(7, balance="10")
        file, away = bench.shop.database.file, bench.shop.database.file.with_suffix(".away")
        file.rename(away)
        if replace:
            shutil.copy(away, file)

        with pytest.raises(BooksGone, match="was deleted or replaced while the shop ran"):
            await bench.buy(buyer)
        with pytest.raises(StartRefused, match="was deleted or replaced while the shop ran"):
            await bot.process._watch(bench.shop)

        os.replace(away, file)
        assert bench.shop.database.lost is None
        assert sandbox.orders == []


async def test_a_transaction_during_which_the_file_goes_away_is_undone(
    bench: Bench, database_url: str
) -> None:
    buyer = await bench.customer(7, balance="10")
    file = bench.shop.database.file

    async def rename() -> None:
        async with bench.shop.database.write() as tx:
            await tx.execute(text("UPDATE customers SET name = 'gone'"))
            file.rename(file.with_suffix(".away"))

    with pytest.raises(BooksGone):
        await rename()
    os.replace(file.with_suffix(".away"), file)

    async with bench.shop.database.read() as reader:
        assert await reader.scalar(text("SELECT name FROM customers")) == "Customer 7"
    assert str(await bench.balance(buyer)) == "10.00 USD"


@pytest.mark.parametrize("trace", ["secret.key", "heartbeat", "bot.db.before-0002-x.backup"])
async def test_a_database_that_is_missing_where_a_shop_was_is_not_made_anew(
    tmp_path: Path, trace: str
) -> None:
    (tmp_path / trace).touch()
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")

    with pytest.raises(StartRefused) as refused:
        await migrate(database)
    await database.close()

    assert str(refused.value) == (
        f"DATABASE_URL: {tmp_path}/bot.db is missing, but {tmp_path}/{trace} says that there was "
        "a shop: put the file back, restore a backup, or move everything away to begin an empty "
        "shop"
    )
    assert os.listdir(tmp_path) == [trace]


async def test_a_page_that_goes_bad_under_the_shop_ends_it_with_one_line(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    settings = settings_for(database_url)
    async with bot.app.build(settings, clock=clock) as shop:
        file = shop.database.file
        body = bytearray(file.read_bytes())
        body[4096:] = b"\xff" * (len(body) - 4096)
        # SQLite trusts its memory until this counter moves.
        body[24:28] = b"\x00\x00\x00\xff"
        file.write_bytes(body)

        with pytest.raises(DatabaseError, match="malformed"):
            await shop.audit.run()

        with pytest.raises(StartRefused) as refused:
            await bot.process._watch(shop)
    assert "is damaged (database disk image is malformed): restore a backup" in str(refused.value)
    assert "\n" not in str(refused.value)

    database = Database(database_url)
    with pytest.raises(StartRefused, match="is damaged"):
        await migrate(database)
    await database.close()


async def test_a_schema_from_the_future_is_refused_and_kept(
    database_url: str, clock: HandClock
) -> None:
    database = Database(database_url)
    async with database.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()

    for may_migrate in (False, True):
        with pytest.raises(StartRefused, match="9999"):
            async with bot.app.build(settings_for(database_url), may_migrate=may_migrate):
                pass


async def test_a_lost_key_is_named_and_nothing_is_made_in_its_place(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened(database_url, sandbox, clock) as bench:
        await bench.buy(await bench.customer(7, balance="10"))
        await bench.work()

    for ring in ((), (SecretStr("B" * 43),)):
        with pytest.raises(StartRefused, match=r"^SECRET_KEY: the key is lost"):
            async with bot.app.build(settings_for(database_url, secret_key=ring)):
                pass
    assert (
        not Path(database_url.removeprefix("sqlite+aiosqlite:///"))
        .with_name("secret.key")
        .exists()
    )


async def test_the_heart_beats_only_while_the_shop_can_sell(
    bench: Bench, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, heartbeat = bench.shop, bench.shop.database.file.with_name("heartbeat")

    async def beats() -> bool:
        heartbeat.unlink(missing_ok=True)
        await shop.jobs.beat()
        return heartbeat.exists()

    assert await shop.lease.take()
    assert await beats()

    async with full_disk(shop.database):
        with pytest.raises(OperationalError, match="disk is full"):
            await bench.customer(8)
        assert not await beats()
    shop.database.failed_at = None
    assert await beats()

    clock.turn(3 * LASTS.total_seconds() + 1)
    assert not await beats()
    assert await shop.lease.take()
    assert await beats()

    turned_at = clock.elapsed()
    shop.jobs.polled_at = lambda: turned_at
    clock.turn(jobs.TURNS_WITHIN + 1)
    assert await shop.lease.take()
    assert not await beats()
    turned_at = clock.elapsed()
    assert await beats()

    shop.database.file.rename(shop.database.file.with_suffix(".away"))
    assert not await beats()
    os.replace(shop.database.file.with_suffix(".away"), shop.database.file)
    assert await beats()


async def test_a_lease_that_cannot_be_written_for_a_while_ends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.process, "RENEW", 0.001)
    tries: list[int] = []

    class Stumbling:
        async def renew(self) -> None:
            tries.append(len(tries))
            if len(tries) < 5:
                raise OperationalError("UPDATE", None, sqlite3.OperationalError("disk is full"))
            if len(tries) == 9:
                raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        await bot.process._renew(Stumbling())  # type: ignore[arg-type]

    assert len(tries) == 9


async def test_wrong_books_are_found_before_the_first_tap(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened(database_url, sandbox, clock) as bench:
        await bench.customer(7, balance="10")
        async with bench.shop.database.write() as tx:
            await tx.execute(text("UPDATE wallets SET balance = balance + 1"))

        await bench.shop.jobs.audit()

        assert [stop.reason for stop in (await bench.shop.desk.state()).stops] == ["audit"]
        assert (await bench.shop.desk.state()).audited_at == clock.now()
        async with bench.shop.database.write() as tx:
            await tx.execute(text("UPDATE wallets SET balance = balance - 1"))


async def test_a_deleted_database_ends_the_process_with_one_line(
    street: Street,
) -> None:
    shop = await street.open()
    file = street.folder / "data" / "bot.db"
    file.rename(file.with_suffix(".away"))

    assert await shop.ended(15) == 1
    assert "was deleted or replaced while the shop ran" in shop.said.splitlines()[-1]
    assert "Traceback" not in shop.said
    os.replace(file.with_suffix(".away"), file)


async def test_a_database_deleted_before_the_tasks_run_ends_the_process_with_the_same_line(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "bot.db"
    async with opened(database_url, sandbox, clock) as bench:

        async def deleted_meanwhile() -> None:
            file.rename(file.with_suffix(".away"))
            readonly = sqlite3.OperationalError("attempt to write a readonly database")
            raise OperationalError("UPDATE leases", {}, readonly)

        monkeypatch.setattr(bench.shop.jobs, "audit", deleted_meanwhile)
        bot_side = bot_of(Telegram(clock=lambda: clock.now().timestamp()))

        with pytest.raises(StartRefused, match="was deleted or replaced while the shop ran"):
            await bot.process._take_turns(
                bench.shop, bot_side, ShopInfo(None, "demo_shop_bot"), asyncio.Event()
            )
        file.with_suffix(".away").rename(file)


async def test_a_backup_by_hand_is_restored_by_hand(street: Street) -> None:
    shop = await street.open()
    await street.fund("10")
    backup = await street.start("backup", "out")
    assert await backup.ended() == 0, backup.said
    (made,) = (street.folder / "out").iterdir()
    too_early = await street.start("restore", str(made))
    assert await too_early.ended() == 1
    assert "an instance works on this database" in too_early.said.splitlines()[-1]
    shop.send(signal.SIGTERM)
    assert await shop.ended() == 0

    restored = await street.start("restore", str(made))
    assert await restored.ended() == 0, restored.said
    await street.start("run")
    await street.olga.sees("A backup was restored")
    await until(lambda: street.sandbox.count("GET", "/orders"))
    await street.olga.say("/shop")
    await street.olga.tap("Resume")

    await street.go_to("NodeMaven", "1 GB")
    await street.alice.tap("Buy")
    await street.alice.sees("gate.nodemaven.com")

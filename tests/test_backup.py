"""Backups: whole, checked, sealed, kept long enough, and never mistaken for one when spoiled."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
from collections import namedtuple
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

import bot.__main__ as command_line
from bot.db import archive
from bot.db.archive import BadArchive
from bot.db.migrate import revision
from bot.db.models import OutboxRow
from bot.domain.orders import OrderState
from bot.services import backups
from bot.services.backups import MOST_DAILY, MOST_HOURLY, BackupFailed, found, outdated
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened, sandbox_for

KEY, OLDER_KEY = b"k" * 32, b"o" * 32
MOMENT = datetime(2026, 11, 22, 10, tzinfo=UTC)

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


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A backup of something that spans three chunks."""
    plain = tmp_path / "plain"
    plain.write_bytes(os.urandom(2 * archive.CHUNK + 5))
    archive.write(tmp_path / "x.backup", plain, [KEY], made_at=MOMENT.isoformat(), revision="0001")
    return tmp_path / "x.backup"


def ring_of(bench: Bench) -> list[bytes]:
    return list(bench.shop.backups._ring)


def opened_copy(bench: Bench, backup: Path) -> sqlite3.Connection:
    target = backup.with_suffix(".plain")
    archive.read(backup, ring_of(bench), target)
    return sqlite3.connect(target)


async def told(bench: Bench) -> list[str]:
    async with bench.shop.database.read() as reader:
        return list((await reader.scalars(select(OutboxRow.notice))).all())


async def test_a_backup_holds_the_books_and_says_what_it_is(bench: Bench) -> None:
    customer = await bench.customer(7, balance="10")
    await bench.buy(customer)
    await bench.work()

    made = await bench.shop.backups.make()

    assert made.path == bench.shop.database.file.parent / "backups" / (
        "bot-20261122T100000Z.backup"
    )
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    said = archive.about(made.path)
    _, newest = await revision(bench.shop.database)
    assert (said.made_at, said.revision) == ("2026-11-22T10:00:00+00:00", newest)
    with closing(opened_copy(bench, made.path)) as inside:
        assert inside.execute("SELECT balance FROM wallets").fetchall() == [(5_970_000,)]
        assert inside.execute("SELECT state FROM orders").fetchall() == [("delivered",)]
    assert "customers + held + sales + adjustments = paid in" in made.compared


async def test_nothing_in_a_backup_can_be_read_without_the_key_and_nothing_is_left_beside_it(
    bench: Bench,
) -> None:
    await bench.customer(7, balance="10")
    before = set(bench.shop.database.file.parent.iterdir())

    made = await bench.shop.backups.make()

    body = made.path.read_bytes()
    assert b"SQLite format" not in body
    assert b"customer_7" not in body
    assert set(bench.shop.database.file.parent.iterdir()) - before == {made.path.parent}
    assert list(made.path.parent.iterdir()) == [made.path]


async def test_a_backup_under_fifty_purchases_at_once_passes_the_audit(bench: Bench) -> None:
    customers = [await bench.customer(n, balance="100") for n in range(1, 6)]

    async def backup_soon(pause: float) -> backups.Backup:
        await asyncio.sleep(pause)
        return await bench.shop.backups.make(bench.shop.backups.folder / str(pause))

    buying = [bench.buy(one, "nodemaven", "0.500") for one in customers for _ in range(10)]
    copies = [backup_soon(pause) for pause in (0.05, 0.2, 0.4)]
    *lines, first, second, third = await asyncio.gather(*buying, *copies, return_exceptions=True)

    assert [one for one in lines if isinstance(one, BaseException)] == []
    counts = []
    for made in (first, second, third):
        assert isinstance(made, backups.Backup), made
        with closing(opened_copy(bench, made.path)) as inside:
            (count,) = inside.execute("SELECT count(*) FROM orders").fetchone()
            (held,) = inside.execute(
                "SELECT count(*) FROM postings WHERE kind = 'hold'"
            ).fetchone()
        assert count == held
        counts.append(count)
    assert counts == sorted(counts)
    assert counts[-1] <= 50


@pytest.mark.parametrize("size", [0, 1, archive.CHUNK - 1, archive.CHUNK, archive.CHUNK + 1])
def test_what_was_sealed_opens_again_whatever_its_size(tmp_path: Path, size: int) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(os.urandom(size))
    archive.write(tmp_path / "a", plain, [KEY], made_at="", revision="0001")

    archive.read(tmp_path / "a", [OLDER_KEY, KEY], tmp_path / "b")

    assert (tmp_path / "b").read_bytes() == plain.read_bytes()
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600


def cut(body: bytes, at: int) -> bytes:
    return body[:at]


def flipped(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("spoil", [cut, flipped])
@pytest.mark.parametrize(
    "at", [0, 5, 19, 21, 24, 40, 200, 400, 2**20, 2**20 + 300, 2 * 2**20 + 260, -20, -1]
)
def test_a_backup_with_one_byte_changed_or_cut_is_refused_and_leaves_nothing(
    sealed: Path, tmp_path: Path, spoil: object, at: int
) -> None:
    assert callable(spoil)
    sealed.write_bytes(spoil(sealed.read_bytes(), at))

    with pytest.raises(BadArchive) as refused:
        archive.read(sealed, [KEY], tmp_path / "target")

    assert str(refused.value).isprintable()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body + b"x",
        lambda body: body + body[-21:],
        # Two chunks have changed places, or one is left out.
        lambda body: body[: -21 - 2**20 - 16] + body[-21:],
    ],
    ids=["longer", "last chunk twice", "a chunk left out"],
)
def test_chunks_added_moved_or_left_out_are_noticed(sealed: Path, change: object) -> None:
    assert callable(change)
    sealed.write_bytes(change(sealed.read_bytes()))

    with pytest.raises(BadArchive, match="damaged or not whole"):
        archive.read(sealed, [KEY])


def test_the_header_cannot_be_changed(sealed: Path) -> None:
    sealed.write_bytes(sealed.read_bytes().replace(b'"0001"', b'"0002"', 1))

    with pytest.raises(BadArchive, match="damaged or not whole"):
        archive.read(sealed, [KEY])


def test_a_backup_without_its_key_names_the_key_that_is_missing(sealed: Path) -> None:
    with pytest.raises(
        BadArchive, match=r"^SECRET_KEY: no key here opens .* the key [0-9a-f]{8}$"
    ):
        archive.read(sealed, [OLDER_KEY])


def test_a_backup_of_a_newer_format_and_another_file_are_told_apart(
    sealed: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").write_bytes(sealed.read_bytes().replace(b"backup 1\n", b"backup 2\n", 1))
    (tmp_path / "other").write_bytes(b"SQLite format 3\0" * 9)

    with pytest.raises(BadArchive, match="newer version"):
        archive.read(tmp_path / "new", [KEY])
    with pytest.raises(BadArchive, match="is no backup of this shop"):
        archive.read(tmp_path / "other", [KEY])


@pytest.mark.parametrize("header", [b"[" * 4000, b"{}", b"null", b'{"made_at": 1}', b"\xff"])
def test_a_hostile_header_is_refused(tmp_path: Path, header: bytes) -> None:
    file = tmp_path / "hostile"
    file.write_bytes(archive.MAGIC + len(header).to_bytes(4, "big") + header)

    with pytest.raises(BadArchive):
        archive.read(file, [KEY])


def test_a_file_that_is_there_is_never_overwritten(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("books")

    with pytest.raises(FileExistsError):
        archive.read(sealed, [KEY], tmp_path / "precious")

    assert (tmp_path / "precious").read_text() == "books"


async def test_books_that_do_not_balance_make_no_backup(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened(database_url, sandbox, clock) as bench:
        await bench.customer(7, balance="10")
        async with bench.shop.database.write() as tx:
            await tx.execute(text("UPDATE wallets SET balance = balance + 1"))

        with pytest.raises(BackupFailed, match=r"the audit is red: each wallet = its postings"):
            await bench.shop.backups.make()

        assert list(bench.shop.backups.folder.iterdir()) == []
        async with bench.shop.database.write() as tx:
            await tx.execute(text("UPDATE wallets SET balance = balance - 1"))


async def test_damaged_pages_make_no_backup_and_end_the_selling(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = backups._copy

    def spoiled(file: Path, target: Path) -> str | None:
        copy(file, target)
        body = bytearray(target.read_bytes())
        body[4096 * 3 : 4096 * 4] = os.urandom(4096)
        target.write_bytes(body)
        return backups.check_pages(target)

    monkeypatch.setattr(backups, "_copy", spoiled)

    with pytest.raises(BackupFailed, match="is damaged"):
        await bench.shop.backups.make()

    assert "restore a backup" in str(bench.shop.database.lost)
    assert list(bench.shop.backups.folder.iterdir()) == []


async def test_a_backup_leaves_the_shop_its_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 10**6, 10**6))

    with pytest.raises(BackupFailed, match=r"\d+ MB are needed, 1 MB are free"):
        await bench.shop.backups.make()


async def test_a_folder_that_cannot_be_made_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "in the way").touch()

    with pytest.raises(BackupFailed, match=r"no backup was made in .*in the way"):
        await bench.shop.backups.make(tmp_path / "in the way")


async def test_what_a_killed_backup_left_behind_is_swept_up_later(bench: Bench) -> None:
    file, folder = bench.shop.database.file, bench.shop.backups.folder
    folder.mkdir()
    old = [file.with_name("bot.db.ab.copy"), folder / "bot-20261122T090000Z.backup.ab.partial"]
    young = file.with_name("bot.db.cd.copy")
    for path in (*old, young):
        path.touch()
    for path in old:
        os.utime(path, (0, 0))

    await bench.shop.backups.make()

    assert not any(path.exists() for path in old)
    assert young.exists()
    assert [path for path, _ in found(folder, "bot")] == [folder / "bot-20261122T100000Z.backup"]


async def test_the_job_makes_a_backup_every_hour(bench: Bench, clock: HandClock) -> None:
    for _ in range(13):
        await bench.shop.backups.keep_up()
        clock.turn(600)

    names = [path.name for path, _ in found(bench.shop.backups.folder, "bot")]
    assert names == [f"bot-20261122T{hour}0000Z.backup" for hour in (10, 11, 12)]
    assert bench.shop.backups.newest() == MOMENT + timedelta(hours=2)
    assert (await bench.shop.desk.state()).backed_up_at == MOMENT + timedelta(hours=2)


async def test_a_backup_from_the_future_does_not_end_the_backups(
    bench: Bench, clock: HandClock
) -> None:
    bench.shop.backups.folder.mkdir()
    (bench.shop.backups.folder / "bot-20990101T000000Z.backup").touch()

    await bench.shop.backups.keep_up()

    assert (bench.shop.backups.folder / "bot-20261122T100000Z.backup").exists()


async def test_owners_hear_of_a_backup_that_fails_and_of_one_that_is_old(
    bench: Bench, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.shop.backups.keep_up()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    clock.turn(3600)
    await bench.shop.backups.keep_up()
    first = await told(bench)
    clock.turn(2 * 3600 + 60)
    await bench.shop.backups.keep_up()
    second = (await told(bench))[len(first) :]

    assert ["backup_failed" in one for one in first] == [True, True]
    assert sorted("backup_old" in one for one in second) == [False, False, True, True]
    assert any('"3 h"' in one for one in second)


async def test_the_first_backup_of_a_day_goes_to_the_owners_who_want_it(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened(database_url, sandbox, clock, backup_to_owners=True) as bench:
        for _ in range(16):
            await bench.shop.backups.keep_up()
            clock.turn(3600)

        days = ["20261122T100000Z", "20261122T100000Z", "20261123T000000Z", "20261123T000000Z"]
        sent = await told(bench)
        assert ["backup_made" in one for one in sent] == [True] * 4
        assert all(day in one for day, one in zip(days, sent, strict=True))


def test_the_newest_48_and_the_last_of_30_days_are_kept() -> None:
    hourly = [
        (Path(f"{n}"), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n))
        for n in range(24 * 60)
    ]

    kept = {path for path, _ in hourly} - set(outdated(hourly))

    newest = {Path(f"{n}") for n in range(24 * 60 - MOST_HOURLY, 24 * 60)}
    last_of_days = {Path(f"{24 * day + 23}") for day in range(60 - MOST_DAILY, 60)}
    assert kept == newest | last_of_days


def test_a_clock_that_jumps_ahead_empties_no_folder() -> None:
    hourly = [
        (Path(f"{n}"), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n)) for n in range(40)
    ]
    far = (Path("far"), datetime(2036, 1, 1, tzinfo=UTC))

    assert outdated([*hourly, far]) == []


def test_only_backups_of_this_database_are_ever_thinned_out(tmp_path: Path) -> None:
    for name in (
        "bot-20261122T100000Z.backup",
        "other-20261122T100000Z.backup",
        "bot-20269922T100000Z.backup",
        "bot-mine.backup",
        "notes.txt",
        "bot-20261122T100000Z.backup.ab.partial",
    ):
        (tmp_path / name).touch()

    assert [path.name for path, _ in found(tmp_path, "bot")] == ["bot-20261122T100000Z.backup"]
    assert found(tmp_path / "missing", "bot") == []


async def test_buying_goes_on_while_a_backup_is_made(bench: Bench) -> None:
    customer = await bench.customer(7, balance="20")

    _, line = await asyncio.gather(bench.shop.backups.make(), bench.buy(customer))
    await bench.work()

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.DELIVERED


def test_postgresql_is_sent_to_its_own_tool_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hunter2@127.0.0.1:1/shop")
    monkeypatch.setattr(command_line, "_configure_logs", lambda _: None)

    assert command_line.main(["backup"]) == 1

    assert capsys.readouterr().err.splitlines()[1:] == [
        "backup copies an SQLite file; DATABASE_URL names a PostgreSQL server: use pg_dump -Fc "
        "there, every hour, and keep what it writes and SECRET_KEY in different places off that "
        "host"
    ]

"""Restores: all or nothing, over no running shop, and nothing sold before an owner has looked."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import stamina
from pydantic import SecretStr
from sqlalchemy import select

from bot.app import build, restore
from bot.db import archive
from bot.db.models import OutboxRow
from bot.db.session import BooksGone, Database
from bot.domain.desk import Resumed
from bot.domain.errors import StartRefused
from bot.domain.orders import CustomerId, OrderState
from bot.services import restores
from bot.services.leases import LASTS
from bot.services.restores import Restored
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import OWNER, Bench, HandClock, opened, sandbox_for, settings_for
from tests.drill import drill

ANOTHER_KEY = (SecretStr("B" * 43),)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a shop is restored: its files, its clock and its upstream."""

    file: Path
    clock: HandClock
    sandbox: GateProxySandbox

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.file}"

    async def restore(self, backup: Path, **settings: object) -> Restored:
        return await restore(settings_for(self.url, **settings), backup, clock=self.clock)

    async def refused(self, backup: Path, **settings: object) -> str:
        """What a restore is refused with; whatever lies beside the database stays as it is."""
        before = _contents(self.file.parent)
        with pytest.raises(StartRefused) as refused:
            await self.restore(backup, **settings)
        assert _contents(self.file.parent) == before
        return str(refused.value)


@pytest.fixture
def place(_sqlite_template: Path, tmp_path: Path) -> Place:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(_sqlite_template, folder / "bot.db")
    clock = HandClock()
    return Place(folder / "bot.db", clock, sandbox_for(clock))


@pytest.fixture
async def backup(place: Place) -> Path:
    """A backup of a shop in which one customer holds 10 USD; the shop is closed."""
    async with opened(place.url, place.sandbox, place.clock) as bench:
        await bench.customer(7, balance="10")
        return (await bench.shop.backups.make()).path


def _contents(folder: Path) -> dict[str, object]:
    """Every file beside the database: what SQLite would write down of it, or its bytes."""
    found: dict[str, object] = {}
    for path in folder.iterdir():
        if path.is_file():
            found[path.name] = body = path.read_bytes()
            if body.startswith(b"SQLite format 3"):
                with closing(sqlite3.connect(path)) as books:
                    found[path.name] = list(books.iterdump())
    return found


def _changed(backup: Path, ring: list[bytes], *statements: str) -> Path:
    """The same backup with other books inside, sealed as a real one is."""
    plain = backup.with_suffix(".plain")
    said = archive.read(backup, ring, plain)
    with closing(sqlite3.connect(plain, isolation_level=None)) as opened_plain:
        for statement in statements:
            opened_plain.execute(statement)
    target = backup.with_name("changed.backup")
    archive.write(target, plain, ring, made_at=said.made_at, revision=said.revision)
    plain.unlink()
    return target


RING = [b"\0" * 32]  # what "A" * 43 means


async def _told(bench: Bench, chat: CustomerId = OWNER) -> str:
    async with bench.shop.database.read() as reader:
        query = select(OutboxRow.notice).where(OutboxRow.chat_id == chat).order_by(OutboxRow.id)
        return "\n".join((await reader.scalars(query)).all())


@pytest.mark.parametrize("seed", [1, 2, 5])
async def test_a_restore_drill(seed: int) -> None:
    await drill(seed)


async def test_what_was_entered_after_the_backup_is_named_for_entering_it_again(
    place: Place, backup: Path
) -> None:
    place.clock.turn(60)
    async with opened(place.url, place.sandbox, place.clock) as bench:
        await bench.top_up(CustomerId(7), "2.50")
        await bench.buy(await bench.customer(7))
        await bench.work()

    done = await place.restore(backup)

    assert done.about.made_at == "2026-11-22T10:00:00+00:00"
    assert done.missing is not None
    assert done.missing.money == ("7 +2.50 USD (topup, 2026-11-22 10:01 UTC)",)
    assert done.missing.orders == 1
    assert done.put_away is not None
    assert done.put_away.exists()
    async with opened(place.url, place.sandbox, place.clock) as bench:
        (reference,) = (one.reference for one in place.sandbox.orders)
        told = await _told(bench)
        assert "7 +2.50 USD" in told
        assert f'"restored_orders","detail":"{reference}"' in told
        assert (await bench.shop.wallets.statement(CustomerId(7), 0)).balance.available.micros == (
            10_000_000
        )


async def test_nothing_is_sold_until_the_lists_are_read_and_an_owner_taps(
    place: Place, backup: Path
) -> None:
    await place.restore(backup)
    place.sandbox.faults.append(
        Fault(method="GET", path="/orders*", error=httpx.ReadTimeout("silence"), times=99)
    )
    with stamina.set_testing(True, attempts=1):
        async with opened(place.url, place.sandbox, place.clock) as bench:
            assert [stop.reason for stop in (await bench.shop.desk.state()).stops] == ["restored"]
            assert await bench.shop.desk.resume() is Resumed.LISTS_UNREAD
            place.sandbox.faults.clear()
            # Twice, as it is empty.
            await bench.pass_time(304, step=301)
            assert '"restored_orders","detail":"0"' in await _told(bench)
            await bench.shop.audit.guard()
            assert [stop.reason for stop in (await bench.shop.desk.state()).stops] == ["restored"]

            assert await bench.shop.desk.resume() is Resumed.OPEN
            assert await bench.shop.desk.resume() is Resumed.OPEN

            assert (await bench.shop.desk.state()).stops == ()


async def test_orders_under_way_wait_for_a_person_and_are_not_placed_again(place: Place) -> None:
    async with opened(place.url, place.sandbox, place.clock) as bench:
        customer = await bench.customer(7, balance="30")
        waits = (await bench.buy(customer)).order.id
        made = await bench.shop.backups.make()
        await bench.work()
    posts = place.sandbox.count("POST")

    done = await place.restore(made.path)

    assert done.set_aside == (waits,)
    async with opened(place.url, place.sandbox, place.clock) as bench:
        await bench.pass_time(2_000, step=100)
        order = await bench.shop.orders.find(waits)
        assert (order.state, order.reason) == (OrderState.REVIEW, "restored")
        assert place.sandbox.count("POST") == posts
        assert "order_in_review" in await _told(bench, CustomerId(7))
        # The owner sees what it may have become, and says so.
        _, (found,) = await bench.shop.cases.strays(waits)
        await bench.shop.cases.bind(waits, found.id, OWNER)
        await bench.work()
        assert (await bench.shop.orders.find(waits)).state is OrderState.DELIVERED


async def test_an_order_kept_waiting_after_a_restore_is_not_given_back_while_it_may_be_listed(
    place: Place,
) -> None:
    async with opened(place.url, place.sandbox, place.clock) as bench:
        customer = await bench.customer(7, balance="10")
        await bench.work()
        order = (await bench.buy(customer)).order.id
        backup = (await bench.shop.backups.make()).path
        await bench.work()
    await place.restore(backup)

    async with opened(place.url, place.sandbox, place.clock) as bench:
        await bench.refresh()
        await bench.work()
        await bench.shop.cases.keep_waiting(order, OWNER)
        await bench.pass_time(20 * 60, step=30)

        assert (await bench.shop.orders.find(order)).state is OrderState.REVIEW
        _, listed = await bench.shop.cases.strays(order)
        assert [one.reference for one in listed] == [place.sandbox.orders[0].reference]


async def test_what_was_shown_before_a_restore_is_known_by_its_time(
    place: Place, backup: Path
) -> None:
    async with opened(place.url, place.sandbox, place.clock) as bench:
        assert await bench.shop.restores.latest() is None
    place.clock.turn(3600)

    await place.restore(backup)

    async with opened(place.url, place.sandbox, place.clock) as bench:
        assert await bench.shop.restores.latest() == place.clock.now()


async def test_a_restore_over_a_running_shop_is_refused(place: Place, backup: Path) -> None:
    async with opened(place.url, place.sandbox, place.clock) as bench:
        assert await bench.shop.lease.take()

        said = await place.refused(backup)

        assert said.startswith("nothing was changed: an instance works on this database")
        place.clock.turn(LASTS.total_seconds() + 1)
        await place.restore(backup)
        # The process that still has the old file open can neither sell from it nor go on.
        with pytest.raises(BooksGone, match="deleted or replaced while the shop ran"):
            await bench.customer(8)
        assert "was deleted or replaced" in str(bench.shop.database.lost)
        os.replace(next(place.file.parent.glob("bot.db.replaced-*")), place.file)


async def test_a_shop_that_starts_during_a_restore_is_left_alone(
    place: Place, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = restores.stage

    async def slow(*given: object) -> object:
        staged = await stage(*given)  # type: ignore[arg-type]
        place.clock.turn(LASTS.total_seconds() + 1)
        async with build(settings_for(place.url), clock=place.clock) as shop:
            assert await shop.lease.take()
        return staged

    monkeypatch.setattr("bot.app.stage", slow)

    with pytest.raises(StartRefused, match="an instance has started meanwhile"):
        await place.restore(backup)

    assert list(place.file.parent.glob("bot.db.*")) == []


async def test_a_database_that_cannot_be_read_is_refused_while_something_beats_beside_it(
    place: Place, backup: Path
) -> None:
    place.file.write_bytes(b"\1" * 8192)
    heartbeat = place.file.with_name("heartbeat")
    heartbeat.touch()

    assert "an instance works on this database" in await place.refused(backup)

    os.utime(heartbeat, (0, 0))
    done = await place.restore(backup)
    assert done.missing is None
    assert done.put_away is not None
    assert done.put_away.read_bytes() == b"\1" * 8192


async def test_journals_of_the_old_database_are_put_away_with_it(
    place: Place, backup: Path
) -> None:
    place.file.unlink()
    for end in ("-wal", "-shm", "-journal"):
        place.file.with_name(f"bot.db{end}").write_text(f"stale{end}")

    await place.restore(backup)

    left = {path.name for path in place.file.parent.iterdir() if path.is_file()}
    stamp = "bot.db.replaced-20261122T100000.000000Z"
    assert left == {"bot.db", f"{stamp}-wal", f"{stamp}-shm", f"{stamp}-journal"}
    assert place.file.with_name(f"{stamp}-wal").read_text() == "stale-wal"


async def test_a_backup_is_restored_on_a_new_machine(
    place: Place, backup: Path, tmp_path: Path
) -> None:
    fresh = Place(tmp_path / "new" / "data" / "bot.db", place.clock, place.sandbox)

    done = await fresh.restore(backup)

    assert (done.put_away, done.missing) == (None, None)
    assert fresh.file.stat().st_mode & 0o777 == 0o600
    async with opened(fresh.url, fresh.sandbox, fresh.clock) as bench:
        assert (await bench.shop.wallets.statement(CustomerId(7), 0)).balance.available.micros == (
            10_000_000
        )


async def test_a_restore_that_dies_between_its_renames_leaves_no_shop_and_can_be_repeated(
    place: Place, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    rename = Path.rename

    def dies(self: Path, target: Path) -> Path:
        if target == place.file:
            raise Killed
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dies)
        with pytest.raises(Killed):
            await place.restore(backup)

    database = Database(place.url)
    with pytest.raises(StartRefused, match=r"bot\.db is missing, but .* there was a shop"):
        await database.ready()
    await database.close()
    assert not place.file.exists()
    await place.restore(backup)
    async with opened(place.url, place.sandbox, place.clock):
        pass


def _cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


@pytest.mark.parametrize("spoil", [_cut, _flipped])
async def test_a_spoiled_backup_changes_nothing(
    place: Place, backup: Path, spoil: Callable[[bytes], bytes]
) -> None:
    spoiled = backup.with_name("spoiled.backup")
    await asyncio.to_thread(lambda: spoiled.write_bytes(spoil(backup.read_bytes())))

    assert "is damaged or not whole: use another backup" in await place.refused(spoiled)


async def test_a_backup_sealed_with_a_key_that_is_lost_changes_nothing(
    place: Place, backup: Path
) -> None:
    said = await place.refused(backup, secret_key=ANOTHER_KEY)

    assert said.startswith("nothing was changed: SECRET_KEY: no key here opens")
    assert "SECRET_KEY: the key is lost" in await place.refused(backup, secret_key=())


async def test_a_backup_of_a_newer_schema_changes_nothing(place: Place, backup: Path) -> None:
    newer = _changed(backup, RING, "UPDATE alembic_version SET version_num = '9999'")

    said = await place.refused(newer)

    assert "has revision 9999" in said
    assert "\n" not in said


async def test_a_backup_whose_books_were_changed_changes_nothing(
    place: Place, backup: Path
) -> None:
    red = _changed(backup, RING, "UPDATE wallets SET balance = balance + 1")

    assert "nothing was changed: the backup is red: each wallet" in await place.refused(red)


async def test_a_backup_with_damaged_pages_changes_nothing(place: Place, backup: Path) -> None:
    plain = backup.with_suffix(".plain")
    archive.read(backup, RING, plain)
    body = bytearray(plain.read_bytes())
    body[4096 * 4 : 4096 * 5] = b"\xff" * 4096
    plain.write_bytes(body)
    archive.write(backup, plain, RING, made_at="", revision="0001")

    assert "holds a damaged database" in await place.refused(backup)


async def test_a_file_that_is_not_there_changes_nothing(place: Place, tmp_path: Path) -> None:
    assert "No such file" in await place.refused(tmp_path / "nothing.backup")


async def test_a_file_that_is_not_there_is_told_before_a_key_that_is_not_there(
    place: Place, tmp_path: Path
) -> None:
    said = await place.refused(tmp_path / "mistyped.backup", secret_key=())

    assert "mistyped.backup cannot be restored (No such file or directory)" in said


async def test_postgresql_is_sent_to_its_own_tool(place: Place, backup: Path) -> None:
    with pytest.raises(StartRefused, match="use pg_restore"):
        await restore(settings_for("postgresql+asyncpg://shop:hunter2@127.0.0.1:1/x"), backup)

"""Restores: a backup put in the database's place, and what must be known before it sells."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import structlog
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from bot.db.archive import About, BadArchive, read, sync_folder
from bot.db.models import LaneRow, LeaseRow, RestoreRow
from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import StartRefused
from bot.domain.money import Money
from bot.domain.notices import Trouble, batches
from bot.domain.orders import OrderId
from bot.services.audit import Audit
from bot.services.backups import JOURNALS, check_pages, forget
from bot.services.leases import LASTS, Lease, LeaseLost
from bot.services.outbox import Outbox
from bot.services.placing import Placing
from bot.services.stops import RESTORED, SHOP, Stops

log = structlog.stdlib.get_logger(__name__)

LEFT_BEHIND = 3600.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# the backup ─▶ a new file beside the database: opened, checked, migrated, audited, stopped
#                 └─▶ the database and its journals: renamed away    └─▶ renamed into its place


@dataclass(frozen=True, slots=True)
class Missing:
    """What the database that is put away knows and the backup does not."""

    money: tuple[str, ...]
    """Top-ups, debits and refunds, one line each."""
    exchanges: tuple[str, ...]
    """Of orders that the backup has: what was asked for or done since, one line each."""
    orders: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    about: About
    put_away: Path | None
    """The database as it was; None where there was none."""
    missing: Missing | None
    """None where the old database cannot be read, so that nobody knows."""
    set_aside: tuple[OrderId, ...]
    """Orders that a person decides now."""


class Restores:
    """What is done to restored books before they take the place of the others."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: Audit,
        outbox: Outbox,
        stops: Stops,
        placing: Placing,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._outbox = outbox
        self._stops = stops
        self._placing = placing

    async def open(self, about: About, missing: Missing | None) -> tuple[OrderId, ...]:
        """Audit the restored books and stop the shop until an owner has looked.

        What the upstreams made since is not known to these books: each lane's list is read whole
        again, as at its very first look, so that whatever is new there is flagged and neither
        adopted by an order in doubt nor written off.
        """
        report = await self._audit.run()
        if not report.is_green:
            raise StartRefused(f"nothing was changed: the backup is red: {report.differences[0]}")
        async with self._database.write() as tx:
            await self._stops.end(tx, SHOP)
            await self._stops.stop(tx, SHOP, RESTORED, "restore")
            await tx.execute(update(LaneRow).values(is_listed=0))
            await tx.execute(delete(LeaseRow))
            await tx.execute(insert(RestoreRow).values(at=self._clock.now()))
            await self._outbox.owe_owners(tx, Trouble("restored", about.made_at))
            if missing is not None:
                for detail in batches(missing.money):
                    await self._outbox.owe_owners(tx, Trouble("restored_money", detail))
                for detail in batches(missing.exchanges):
                    await self._outbox.owe_owners(tx, Trouble("restored_exchanges", detail))
        return await self._placing.set_aside()

    async def latest(self) -> datetime | None:
        """When a backup last took the place of the books; None where none did.

        What had a number before it may be something else now, so a button from before it names
        nothing that can be relied on.
        """
        async with self._database.read() as reader:
            return await reader.scalar(select(func.max(RestoreRow.at)))


def check_readable(backup: Path) -> None:
    """Refuse a backup that is not there, or not to be read; raises `StartRefused`."""
    try:
        backup.open("rb").close()
    except OSError as error:
        raise _unusable(backup, error) from None


def _unusable(backup: Path, error: OSError) -> StartRefused:
    problem = f"nothing was changed: {backup} cannot be restored ({error.strerror or error})"
    return StartRefused(problem)


async def stage(file: Path, backup: Path, ring: Sequence[bytes]) -> tuple[Path, About]:
    """Open a backup into a new file beside the database; raises `StartRefused`."""
    staged = file.with_name(f"{file.name}.{os.urandom(8).hex()}.restoring")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for left in file.parent.glob(f"{file.name}.*.restoring*"):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND:
                left.unlink(missing_ok=True)
        about = await asyncio.to_thread(read, backup, ring, staged)
        damage = await asyncio.to_thread(check_pages, staged)
    except BadArchive as bad:
        raise StartRefused(f"nothing was changed: {bad}") from None
    except OSError as error:
        raise _unusable(backup, error) from None
    if damage is not None:
        discard(staged)
        raise StartRefused(f"nothing was changed: {backup} holds a damaged database ({damage})")
    return staged, about


def discard(staged: Path) -> None:
    """Remove a staged database, and the copies that its migrations made."""
    forget(staged)
    for copy in staged.parent.glob(f"{staged.name}.*"):
        copy.unlink(missing_ok=True)


@asynccontextmanager
async def alone(database: Database, clock: Clock, heartbeat: Path) -> AsyncIterator[Lease | None]:
    """Keep every instance away from the old database; raises `StartRefused` while one works.

    The lease is held, so that none begins meanwhile. A database that cannot be read holds no
    lease: then a fresh heartbeat tells of an instance.
    """
    lease: Lease | None = None
    if database.file.exists():
        try:
            await database.ready()
            lease = Lease(database, clock)
            is_taken = await lease.take()
        except (StartRefused, DBAPIError) as error:
            log.warning("the old database cannot be read", reason=str(error))
            lease, is_taken = None, not _beats(heartbeat)
        if not is_taken:
            raise StartRefused(
                "nothing was changed: an instance works on this database; stop it first "
                f"(one that was killed is forgotten after {LASTS.seconds} s)"
            )
    try:
        yield lease
    except BaseException:
        if lease is not None:
            with suppress(DBAPIError, OSError):
                await lease.give_up()
        raise


async def swap(
    database: Database, staged: Path, lease: Lease | None, stamp: datetime
) -> Path | None:
    """Put the old database and its journals away, and the staged one in its place.

    A crash in between leaves no database at this path, which the next start refuses: a journal
    of the old one beside the new one would be played back into it.
    """
    if lease is not None:
        try:
            await lease.renew()
        except LeaseLost:
            raise StartRefused("nothing was changed: an instance has started meanwhile") from None
    await database.close()
    return await asyncio.to_thread(_swap, database.file, staged, stamp)


def missing_from(backup: Path, old: Path) -> Missing | None:
    """What the old database holds beyond the backup; None where it cannot be read."""
    query = (
        "SELECT kind, source, destination, micros, at FROM main.postings one"
        " WHERE kind IN ('topup', 'debit', 'refund') AND NOT EXISTS ("
        " SELECT 1 FROM restored.postings other WHERE other.reference = one.reference"
        " AND other.micros = one.micros AND other.at = one.at) ORDER BY id"
    )
    orders = (
        "SELECT count(*) FROM main.orders one WHERE NOT EXISTS ("
        " SELECT 1 FROM restored.orders other WHERE other.tag = one.tag)"
    )
    # By tag: an order that the backup lacks may have the number of another one in it.
    exchanges = (
        "SELECT mine.id, mine.customer_id, one.state, one.asked_at FROM main.exchanges one"
        " JOIN main.orders mine ON mine.id = one.order_id"
        " JOIN restored.orders theirs ON theirs.tag = mine.tag"
        # What certainly changed nothing is not missed.
        " WHERE one.state NOT IN ('refused', 'lacking', 'unchanged') AND NOT EXISTS ("
        " SELECT 1 FROM restored.exchanges other WHERE other.order_id = theirs.id"
        " AND other.intent = one.intent AND other.state = one.state) ORDER BY one.id"
    )
    try:
        with closing(sqlite3.connect(_read_only(old), uri=True)) as opened:
            opened.execute("ATTACH ? AS restored", (_read_only(backup),))
            rows = opened.execute(query).fetchall()
            count = opened.execute(orders).fetchone()[0]
            # The old database may be as old as a shop that knew of no exchanges.
            known = "SELECT 1 FROM main.sqlite_master WHERE name = 'exchanges'"
            moved = (
                opened.execute(exchanges).fetchall() if opened.execute(known).fetchone() else ()
            )
    except sqlite3.Error as error:
        log.warning("the old database cannot be compared", reason=str(error))
        return None
    return Missing(
        tuple(_line(*row) for row in rows),
        tuple(f"#{order} of {who} ({state}, {_moment(at)})" for order, who, state, at in moved),
        int(count),
    )


def _line(kind: str, source: str, destination: str, micros: int, at: int) -> str:
    who = (source if kind == "debit" else destination).removeprefix("customer:")
    sign = "-" if kind == "debit" else "+"
    return f"{who} {sign}{Money(micros)} ({kind}, {_moment(at)})"


def _moment(at: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=at):%Y-%m-%d %H:%M} UTC"


def _read_only(file: Path) -> str:
    return f"file:{quote(str(file.absolute()))}?mode=ro"


def _beats(heartbeat: Path) -> bool:
    try:
        return time.time() - heartbeat.stat().st_mtime < 3 * LASTS.total_seconds()
    except OSError:
        return False


def _swap(file: Path, staged: Path, stamp: datetime) -> Path | None:
    away = file.with_name(f"{file.name}.replaced-{stamp:%Y%m%dT%H%M%S.%fZ}")
    put_away = None
    if file.exists():
        file.rename(away)
        put_away = away
    for end in JOURNALS:
        # Also where the database itself is gone: a journal left alone would spoil the next one.
        journal = file.with_name(file.name + end)
        if journal.exists():
            journal.rename(away.with_name(away.name + end))
    sync_folder(file.parent)
    staged.rename(file)
    sync_folder(file.parent)
    return put_away

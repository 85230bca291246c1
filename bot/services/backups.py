"""Backups: copies of the books that were checked, sealed, and thinned out as they grow old."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import structlog

from bot.db import archive
from bot.db.archive import About, BadArchive
from bot.db.session import Database
from bot.db.vault import Vault
from bot.domain.clock import Clock
from bot.domain.errors import StartRefused
from bot.domain.notices import BackupMade, Trouble
from bot.services.audit import Audit
from bot.services.outbox import Outbox
from bot.services.stops import Stops

log = structlog.stdlib.get_logger(__name__)

EVERY = timedelta(hours=1)
OLD = timedelta(hours=3)
"""The owners are told when the newest backup is older than this."""
MOST_HOURLY = 48
MOST_DAILY = 30
MOST_SENT = 50_000_000
"""What Telegram takes of a bot, in bytes."""
SPARE = 32_000_000
"""A backup leaves at least so many free bytes to the shop that sells meanwhile."""
LEFT_BEHIND = 3600.0

_NAME = re.compile(r".+-(\d{8}T\d{6}Z)\.backup", re.ASCII)
_MOMENT = "%Y%m%dT%H%M%SZ"


class BackupFailed(StartRefused):
    """No backup was made, and nothing was changed; one clear line."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as it lies in its folder."""

    path: Path
    about: About
    compared: tuple[str, ...]
    """What the audit of the copy went through."""


class Backups:
    """Backups of an SQLite database; PostgreSQL has tools of its own, which do it better."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: Outbox,
        stops: Stops,
        ring: Sequence[bytes],
        folder: Path,
        *,
        to_owners: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._stops = stops
        self._ring = ring
        self.folder = folder
        self._to_owners = to_owners
        self._making = asyncio.Lock()

    async def make(self, folder: Path | None = None) -> Backup:
        """Copy the books as they are at one moment, check the copy, and seal it into `folder`.

        SQLite's backup API copies between two commits, however much is sold meanwhile; a copy
        of the file would tear. The copy has to pass the integrity check and the whole audit, and
        the sealed file has to open again: a backup that nobody could restore must never push out
        one that works. The open copy never leaves the database's own folder. Raises
        `BackupFailed`.
        """
        folder = self.folder if folder is None else folder
        file = self._database.file
        moment = self._clock.now()
        target = folder / f"{file.stem}-{moment.strftime(_MOMENT)}.backup"
        copy = file.with_name(f"{file.name}.{os.urandom(8).hex()}.copy")
        async with self._making:
            try:
                await asyncio.to_thread(_make_room, file, folder)
                damage = await asyncio.to_thread(_copy, file, copy)
                if damage is not None:
                    # Page by page it is the file that the shop sells from.
                    self._database.damaged(damage)
                    raise BackupFailed(f"no backup was made: {self._database.lost}")
                revision, compared = await self._audited(copy)
                about = await asyncio.to_thread(
                    _seal, copy, target, self._ring, moment.isoformat(timespec="seconds"), revision
                )
            except (OSError, sqlite3.Error, BadArchive) as error:
                reason = " ".join(str(error).split())
                raise BackupFailed(f"no backup was made in {folder}: {reason}") from None
            finally:
                await asyncio.to_thread(forget, copy)
        log.info("backup made", file=str(target), size=target.stat().st_size)
        return Backup(target, about, compared)

    async def keep_up(self) -> None:
        """Make a backup when the newest is an hour old, and tell the owners when that fails."""
        if not self._database.is_sqlite:
            return
        now = self._clock.now()
        times = await asyncio.to_thread(self._times)
        # A newest one from the future was named while the clock was wrong.
        if not times or not timedelta(0) <= now - max(times) < EVERY:
            try:
                made = await self.make()
            except BackupFailed as failed:
                log.warning("backup failed", reason=str(failed))
                if self._database.lost is None:
                    detail = str(failed)
                    await self._outbox.alarm(
                        Trouble("backup_failed", detail), dedupe="backup_failed"
                    )
            else:
                await self._send(made, is_first_of_day=now.date() not in {t.date() for t in times})
                await asyncio.to_thread(self._tidy)
                return
        if times and now - max(times) > OLD:
            hours = int((now - max(times)) / timedelta(hours=1))
            await self._outbox.alarm(Trouble("backup_old", f"{hours} h"), dedupe="backup_old")

    def newest(self) -> datetime | None:
        """When the newest backup in the folder was made."""
        return max(self._times(), default=None)

    async def _audited(self, copy: Path) -> tuple[str, tuple[str, ...]]:
        database = Database(f"sqlite+aiosqlite:///{copy}")
        try:
            vault = Vault(self._ring)
            audit = Audit(database, self._clock, self._outbox, self._stops, vault)
            report = await audit.run()
            async with database.read() as reader:
                found = await reader.exec_driver_sql("SELECT version_num FROM alembic_version")
                revision = str(found.scalar_one())
        finally:
            await database.close()
        if not report.is_green:
            raise BackupFailed(f"no backup was made: the audit is red: {report.differences[0]}")
        return revision, report.compared

    async def _send(self, made: Backup, *, is_first_of_day: bool) -> None:
        """Once a day to the owners, if they want it: a chat is off the host at no cost."""
        if not self._to_owners or not is_first_of_day:
            return
        if made.path.stat().st_size > MOST_SENT:
            detail = f"{made.path.name}, {made.path.stat().st_size // 1_000_000} MB"
            await self._outbox.alarm(
                Trouble("backup_too_large", detail), dedupe="backup_too_large"
            )
            return
        async with self._database.write() as tx:
            notice = BackupMade(str(made.path.absolute()))
            await self._outbox.owe_owners(tx, notice, dedupe=f"backup:{made.path.name}")

    def _times(self) -> list[datetime]:
        return [moment for _, moment in found(self.folder, self._database.file.stem)]

    def _tidy(self) -> None:
        for path in outdated(found(self.folder, self._database.file.stem)):
            path.unlink(missing_ok=True)


def found(folder: Path, stem: str) -> list[tuple[Path, datetime]]:
    """The backups of this database in a folder, oldest first; other files are no concern."""
    backups = []
    for path in folder.glob("*.backup") if folder.is_dir() else ():
        named = _NAME.fullmatch(path.name)
        if named is not None and path.name == f"{stem}-{named[1]}.backup":
            try:
                moment = datetime.strptime(named[1], _MOMENT).replace(tzinfo=UTC)
            except ValueError:
                continue
            backups.append((path, moment))
    return sorted(backups, key=lambda one: one[1])


def outdated(backups: Iterable[tuple[Path, datetime]]) -> list[Path]:
    """All but the newest 48, and but the last one of each of the newest 30 days.

    Counted, and not by age: a clock that is wrong for a moment must not empty the folder.
    """
    newest_first = sorted(backups, key=lambda one: one[1], reverse=True)
    kept = {path for path, _ in newest_first[:MOST_HOURLY]}
    days: dict[str, Path] = {}
    for path, moment in newest_first:
        days.setdefault(moment.strftime("%Y%m%d"), path)
    kept.update(list(days.values())[:MOST_DAILY])
    return [path for path, _ in newest_first if path not in kept]


def check_pages(file: Path) -> str | None:
    """What SQLite's own whole check finds wrong with a database that nobody has open."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True)) as opened:
            answer = str(opened.execute("PRAGMA integrity_check(1)").fetchone()[0])
            if answer != "ok":
                return " ".join(answer.split())
            broken = opened.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                return f"a row of {broken[0]} points at one of {broken[2]} that is missing"
            # One file, with nothing left in a journal beside it.
            opened.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        return " ".join(str(error).split())
    return None


def forget(file: Path) -> None:
    """Remove a copy and what SQLite leaves beside it."""
    for path in (file, *(file.with_name(file.name + end) for end in JOURNALS)):
        path.unlink(missing_ok=True)


JOURNALS = ("-wal", "-shm", "-journal")


def _make_room(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Copies and halves that a killed process left behind; no backup takes an hour.
    for left in (*file.parent.glob(f"{file.name}.*.copy*"), *folder.glob("*.backup.*.partial")):
        if time.time() - left.stat().st_mtime > LEFT_BEHIND:
            left.unlink(missing_ok=True)
    needed = 2 * file.stat().st_size + SPARE
    for place in (file.parent, folder):
        free = shutil.disk_usage(place).free
        if free < needed:
            problem = f"{needed // 1_000_000} MB are needed, {free // 1_000_000} MB are free"
            raise OSError(problem)


def _copy(file: Path, copy: Path) -> str | None:
    """Copy the database into a new file with mode 0600; what is wrong with it, if anything."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    name = quote(str(file.absolute()))
    try:
        with (
            closing(sqlite3.connect(f"file:{name}?mode=rw", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # In one step: one in pieces would begin again with each sale of the shop.
            source.backup(target)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return " ".join(str(error).split())
        raise
    return check_pages(copy)


def _seal(copy: Path, target: Path, ring: Sequence[bytes], made_at: str, revision: str) -> About:
    about = archive.write(target, copy, ring, made_at=made_at, revision=revision)
    try:
        archive.read(target, ring)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return about

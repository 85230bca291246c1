"""Jobs: which there are, and how often they run."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.db.session import Database
from bot.domain.clock import Clock
from bot.domain.errors import UpstreamError
from bot.domain.notices import Trouble
from bot.services.abandoned import Abandoned
from bot.services.audit import Audit
from bot.services.backups import Backups
from bot.services.cancellations import Cancellations
from bot.services.catalog import STALE, Catalog
from bot.services.exchanges import Exchanges
from bot.services.lanes import Lanes
from bot.services.leases import LASTS, Lease
from bot.services.outbox import Outbox
from bot.services.overdue import Overdue
from bot.services.placing import Placing
from bot.services.proofs import Proofs
from bot.services.search import Search
from bot.services.watch import WATCH_SECONDS, Watch

log = structlog.stdlib.get_logger(__name__)

AUDIT_SECONDS = 3600.0
TURNS_WITHIN = 600.0
"""The polling loop of a healthy shop turned at most so many seconds ago."""
LITTLE_ROOM = 500_000_000
"""Free bytes below which the owners are told, long before nothing can be saved."""

CATALOG_SECONDS = 60.0
"""Between two readings of the price lists; after one that failed it is sooner."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done again and again."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]


class Jobs:
    """Everything that happens without anybody tapping, beside the workers of lanes."""

    def __init__(
        self,
        clock: Clock,
        *,
        database: Database,
        lease: Lease,
        backups: Backups,
        catalog: Catalog,
        lanes: Lanes,
        placing: Placing,
        abandoned: Abandoned,
        cancellations: Cancellations,
        overdue: Overdue,
        exchanges: Exchanges,
        audit: Audit,
        outbox: Outbox,
        watch: Watch,
        search: Search,
        proofs: Proofs,
        heartbeat: Path,
    ) -> None:
        self._clock = clock
        self._database = database
        self._lease = lease
        self._backups = backups
        self._catalog = catalog
        self._lanes = lanes
        self._placing = placing
        self._abandoned = abandoned
        self._cancellations = cancellations
        self.overdue = overdue
        self._exchanges = exchanges
        self._audit = audit
        self._outbox = outbox
        self.watch = watch
        self._search = search
        self.proofs = proofs
        self._heartbeat = heartbeat
        self._audited_at: float | None = None
        self.polled_at: Callable[[], float | None] | None = None
        """When the polling loop last turned, by `clock.elapsed()`; None where nobody polls."""
        self._refreshed_at: float | None = None

    def all(self) -> tuple[Job, ...]:
        """Every job."""
        return (
            Job("catalogue", 10, self.keep_catalog),
            Job("balances", 60, self.read_balances),
            Job("paused upstreams", 5, self.look_at_stops),
            Job("slow orders", 2, self._placing.tell_slow),
            Job("orders over their limit", 60, self.overdue.look),
            Job("notices put off too long", 60, self._outbox.pull_in),
            Job("orders without a lane", 30, self._abandoned.step),
            Job("usage alerts", WATCH_SECONDS, self.watch.step),
            Job("tests of deliveries", 2, self.proofs.step),
            Job("search terms", 5, self._search.catch_up),
            Job("cancellations", 5, self._cancellations.step),
            Job("exchanges", 1, self._exchanges.step),
            Job("exchanges given up", 60, self._exchanges.watch),
            Job("audit", AUDIT_SECONDS, self.audit),
            Job("backup", 600, self._backups.keep_up),
            Job("room on the disk", 60, self.look_at_disk),
            Job("heartbeat", 10, self.beat),
        )

    async def keep_catalog(self) -> None:
        """Refresh the catalogue once a minute, and sooner while an upstream has not answered."""
        read_at = self._refreshed_at
        if read_at is None or self._clock.elapsed() - read_at >= CATALOG_SECONDS:
            await self.refresh_catalog()

    async def refresh_catalog(self) -> None:
        """Ask each upstream for its plans, through the first of its lanes that answers."""
        started_at = self._clock.elapsed()
        # In the order of the accounts, and not in the one that a set happens to have.
        names = dict.fromkeys(lane.upstream.name for lane in self._lanes)
        read = set()
        for name in names:
            for lane in self._lanes.of(name):
                try:
                    await self._catalog.refresh(lane.upstream)
                except UpstreamError as error:
                    log.warning("the price list cannot be read", lane=lane.id, code=error.code)
                else:
                    read.add(name)
                    break
        if names and read == names.keys():
            self._refreshed_at = started_at
        read_at = self._catalog.read_at
        if read_at is not None and self._clock.now() - read_at > STALE:
            await self._outbox.alarm(Trouble("catalog_old"), dedupe="catalog_old")

    async def read_balances(self) -> None:
        """Read what our accounts hold, and let lanes go on that can buy again."""
        for lane in self._lanes:
            try:
                await self._lanes.try_to_resume(lane, self._catalog.cheapest(lane.upstream.name))
            except UpstreamError as error:
                log.warning("the balance cannot be read", lane=lane.id, code=error.code)

    async def look_at_stops(self) -> None:
        """Let no confirm screen offer what a stop, or a full disk, would refuse at the tap."""
        if self._database.is_out_of_storage:
            self._catalog.paused = frozenset(lane.upstream.name for lane in self._lanes)
        else:
            self._catalog.paused = await self._lanes.paused()

    async def audit(self) -> None:
        """Audit the books once an hour; the first time before anything is sold."""
        now = self._clock.elapsed()
        if self._audited_at is None or now - self._audited_at >= AUDIT_SECONDS - 60:
            await self._audit.guard()
            self._audited_at = now

    async def look_at_disk(self) -> None:
        """Tell the owners while there is still room to save what they do about it."""
        if not self._database.is_sqlite:
            return
        free = shutil.disk_usage(self._database.file.parent).free
        if free < LITTLE_ROOM:
            detail = f"{free // 1_000_000} MB"
            await self._outbox.alarm(Trouble("disk_full", detail), dedupe="disk_full")

    async def beat(self) -> None:
        """Show the container's health check that the shop works, as long as it does."""
        ill = await self._illness()
        if ill is not None:
            log.warning("no heartbeat", reason=ill)
            return
        self._heartbeat.parent.mkdir(parents=True, exist_ok=True)
        self._heartbeat.touch()

    async def _illness(self) -> str | None:
        if self._database.lost is not None:
            return self._database.lost
        if self._database.is_out_of_storage:
            return "nothing can be saved"
        now = self._clock.elapsed()
        # The lease is written every few seconds: no need to write only to see whether it works.
        answered_at = self._lease.answered_at
        if answered_at is not None and now - answered_at > 3 * LASTS.total_seconds():
            return "the database takes no writes"
        turned_at = None if self.polled_at is None else self.polled_at()
        if turned_at is not None and now - turned_at > TURNS_WITHIN:
            return "the polling loop stands still"
        try:
            async with self._database.read() as reader:
                await reader.execute(text("SELECT 1 FROM alembic_version"))
        except (DBAPIError, OSError) as error:
            return f"the database cannot be read ({type(error).__name__})"
        return None

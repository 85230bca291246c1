"""The only wiring: opens everything, and closes it on the way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bot.db.keys import read_key, renew_file, ring_from_file
from bot.db.migrate import migrate, revision
from bot.db.session import Database
from bot.db.vault import Vault
from bot.domain.clock import Clock
from bot.domain.customers import ShopInfo
from bot.domain.errors import BadMarkup, StartRefused
from bot.domain.markup import Rule, parse_rule
from bot.domain.orders import CustomerId
from bot.jobs import Jobs
from bot.services.abandoned import Abandoned
from bot.services.alerts import Alerts
from bot.services.audit import Audit
from bot.services.backups import Backups
from bot.services.cancellations import Cancellations
from bot.services.cases import Cases
from bot.services.catalog import Catalog
from bot.services.customers import Customers
from bot.services.delivery import Deliveries
from bot.services.desk import ShopDesk
from bot.services.exchange_moves import ExchangeMoves
from bot.services.exchanges import Exchanges
from bot.services.formats import Formats
from bot.services.fulfilment import LaneWorker
from bot.services.lane import Lane
from bot.services.lanes import Account, Lanes, fingerprint
from bot.services.leases import LASTS, Lease
from bot.services.looks import Looks
from bot.services.markup import Markup
from bot.services.moves import Moves
from bot.services.orders import Orders
from bot.services.outbox import Outbox
from bot.services.overdue import Overdue
from bot.services.placing import Placing
from bot.services.plans import Plans
from bot.services.proofs import Proofs, Tester
from bot.services.requests import Requests
from bot.services.restores import (
    Restored,
    Restores,
    alone,
    check_readable,
    discard,
    missing_from,
    stage,
    swap,
)
from bot.services.rotation import Rotated, keys_in_use, rotate
from bot.services.search import Search
from bot.services.stops import Stops
from bot.services.support import Support
from bot.services.usage import Usages
from bot.services.wallets import Wallets
from bot.services.watch import Watch
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.upstreams.base import Upstream
    from bot.upstreams.http import Seen


POSTGRESQL_RESTORE = (
    "restore puts back a backup of an SQLite file; DATABASE_URL names a PostgreSQL server: "
    "stop the bot and use pg_restore --clean, with the URL in your own hands"
)
POSTGRESQL_BACKUP = (
    "backup copies an SQLite file; DATABASE_URL names a PostgreSQL server: use pg_dump -Fc there, "
    "every hour, and keep what it writes and SECRET_KEY in different places off that host"
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Every service of the shop, wired; nothing here knows Telegram."""

    settings: Settings
    database: Database
    clock: Clock
    outbox: Outbox
    customers: Customers
    catalog: Catalog
    markup: Markup
    plans: Plans
    wallets: Wallets
    requests: Requests
    orders: Orders
    moves: Moves
    placing: Placing
    cases: Cases
    formats: Formats
    usages: Usages
    alerts: Alerts
    proofs: Proofs
    search: Search
    support: Support
    desk: ShopDesk
    audit: Audit
    backups: Backups
    restores: Restores
    stops: Stops
    lanes: Lanes
    lease: Lease
    jobs: Jobs
    abandoned: Abandoned
    cancellations: Cancellations
    exchanges: Exchanges

    def parts(self, info: ShopInfo) -> dict[str, Any]:
        """What handlers may ask for, by name."""
        names = (
            "customers", "catalog", "markup", "plans", "wallets", "requests",
            "orders", "cases", "formats", "usages", "alerts", "proofs", "search", "support",
            "desk", "cancellations", "exchanges",
        )  # fmt: skip
        named = {name: getattr(self, name) for name in names}
        return named | {"clock": self.clock, "shop_info": info}

    def worker(self, lane: Lane) -> LaneWorker:
        """The worker of one lane."""
        return LaneWorker(
            lane,
            database=self.database,
            clock=self.clock,
            catalog=self.catalog,
            placing=self.placing,
            wallets=self.wallets,
            moves=self.moves,
            lanes=self.lanes,
            stops=self.stops,
            outbox=self.outbox,
        )


def account_name(number: int, upstream: Upstream) -> str:
    """Where the settings name an account, of which it is the `number`th."""
    is_token = upstream.name == "gateproxy"
    return f"GATEPROXY_TOKENS: token {number}" if is_token else "STATPROXIES_KEY: the key"


def accounts(settings: Settings, *, seen: Seen | None = None) -> tuple[Account, ...]:
    """The upstream accounts that the settings name; `seen` is told of what they answer."""
    from bot.upstreams.gateproxy import GateProxy
    from bot.upstreams.statproxies import StatProxies

    tokens = [token.get_secret_value() for token in settings.gateproxy_tokens]
    found = [
        Account(GateProxy(token, base_url=settings.gateproxy_url, seen=seen), fingerprint(token))
        for token in tokens
    ]
    if key := settings.statproxies_key.get_secret_value():
        upstream = StatProxies(
            key,
            plans=settings.statproxies_products,
            order_path=settings.statproxies_order_path,
            base_url=settings.statproxies_url,
            seen=seen,
        )
        found.append(Account(upstream, fingerprint(key)))
    return tuple(found)


def tester(settings: Settings, clock: Clock) -> Tester | None:
    """What tests deliveries, where the settings name an address to ask."""
    if not settings.proxy_test_url:
        return None
    from bot.upstreams.prober import Prober

    return Prober(settings.proxy_test_url, clock)


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    upstream_accounts: Sequence[Account] = (),
    may_migrate: bool = False,
) -> AsyncIterator[Shop]:
    """Open the database and wire the shop; raises `StartRefused` with one clear line."""
    clock = clock or Clock()
    default_rule = default_markup(settings)
    database = Database(settings.database_url.get_secret_value())
    async with AsyncExitStack() as exits:
        exits.push_async_callback(database.close)
        for account in upstream_accounts:
            exits.push_async_callback(account.upstream.close)
        await _prepare(database, may_migrate=may_migrate)
        ring, vault = await _vault(settings, database)
        owners = frozenset(map(CustomerId, settings.admin_ids))
        outbox = Outbox(database, clock, owners)
        customers = Customers(database, clock, outbox)
        stops = Stops(clock)
        requests = Requests(database, clock)
        catalog = Catalog(
            database, clock, default_rule=default_rule, usdt_is_usd=settings.usdt_is_usd
        )
        markup = Markup(database, clock, catalog, requests, outbox)
        lanes = Lanes(database, clock, outbox, stops, catalog, upstream_accounts)
        wallets = Wallets(database, clock, outbox, requests, stops)
        deliveries = Deliveries(clock, vault)
        moves = Moves(clock, lanes, wallets, outbox, deliveries)
        orders = Orders(
            database, clock, catalog, wallets, outbox, stops, lanes, moves, deliveries,
            tests_deliveries=bool(settings.proxy_test_url),
        )  # fmt: skip
        placing = Placing(database, clock, lanes, outbox, moves)
        cases = Cases(database, clock, wallets, outbox, requests, lanes, moves, deliveries)
        audit = Audit(database, clock, outbox, stops, vault)
        lease = Lease(database, clock)
        backups = Backups(
            database, clock, outbox, stops, ring, backup_folder(settings, database),
            to_owners=settings.backup_to_owners,
        )  # fmt: skip
        abandoned = Abandoned(database, clock, lanes, placing, outbox)
        alerts = Alerts(database, clock, catalog, outbox)
        usages = Usages(database, clock, catalog, lanes, alerts)
        proofs = Proofs(database, clock, vault, orders, outbox, tester(settings, clock))
        search = Search(database, vault, catalog, customers, orders)
        cancellations = Cancellations(database, clock, lanes, outbox)
        looks = Looks(clock, lanes, orders)
        exchanges = Exchanges(
            database, clock, lanes, orders, outbox, looks,
            ExchangeMoves(database, clock, lanes, deliveries, outbox, looks),
        )  # fmt: skip
        jobs = Jobs(
            clock, database=database, lease=lease, backups=backups, catalog=catalog, lanes=lanes,
            placing=placing, abandoned=abandoned, cancellations=cancellations,
            exchanges=exchanges, audit=audit, outbox=outbox,
            overdue=Overdue(database, clock, lanes, outbox),
            watch=Watch(database, clock, lanes, usages, outbox), search=search,
            proofs=proofs, heartbeat=data_folder(database) / "heartbeat",
        )  # fmt: skip
        await catalog.load()
        yield Shop(
            settings=settings,
            database=database,
            clock=clock,
            outbox=outbox,
            customers=customers,
            catalog=catalog,
            markup=markup,
            plans=Plans(database, clock, catalog, markup, requests, outbox, lanes),
            wallets=wallets,
            requests=requests,
            orders=orders,
            moves=moves,
            placing=placing,
            cases=cases,
            formats=Formats(database),
            usages=usages,
            alerts=alerts,
            proofs=proofs,
            search=search,
            support=Support(database, customers, outbox),
            desk=ShopDesk(database, clock, catalog, lanes, stops, audit, backups, cancellations),
            audit=audit,
            backups=backups,
            restores=Restores(database, clock, audit, outbox, stops, placing),
            stops=stops,
            lanes=lanes,
            lease=lease,
            jobs=jobs,
            abandoned=abandoned,
            cancellations=cancellations,
            exchanges=exchanges,
        )


async def restore(settings: Settings, backup: Path, *, clock: Clock | None = None) -> Restored:
    """Put a backup in the place of the SQLite database, whole or not at all.

    Everything that can go wrong is tried on a file beside it first: opening, checking, migrating,
    auditing. Raises `StartRefused`, and then nothing was changed. The shop stays stopped until
    an owner has looked at what happened after the backup was made.
    """
    clock = clock or Clock()
    database = Database(settings.database_url.get_secret_value())
    if not database.is_sqlite:
        raise StartRefused(POSTGRESQL_RESTORE)
    # Before the key: who mistyped the name on a new machine should not hear that a key is lost.
    await asyncio.to_thread(check_readable, backup)
    ring = _ring(settings, database, may_make=False)
    heartbeat = data_folder(database) / "heartbeat"
    staged: Path | None = None
    try:
        async with alone(database, clock, heartbeat) as lease:
            staged, about = await stage(database.file, backup, ring)
            url = database.url.set(database=str(staged)).render_as_string(hide_password=False)
            inside = settings.model_copy(update={"database_url": SecretStr(url)})
            async with build(inside, clock=clock, may_migrate=True) as shop:
                missing = None
                if lease is not None:
                    missing = await asyncio.to_thread(missing_from, staged, database.file)
                set_aside = await shop.restores.open(about, missing)
            put_away = await swap(database, staged, lease, clock.now())
    finally:
        if staged is not None:
            await asyncio.to_thread(discard, staged)
        await database.close()
    return Restored(about, put_away, missing, set_aside)


async def rekey(settings: Settings, *, clock: Clock | None = None) -> Rotated:
    """Make the first key of the ring the only one that stored credentials need.

    Keys that are kept in a file get a new first one; not while an older one is still needed, for
    then a rotation broke off, and is taken up again. Raises `StartRefused` beside an instance.
    """
    clock = clock or Clock()
    database = Database(settings.database_url.get_secret_value())
    try:
        await _prepare(database, may_migrate=False)
        lease = Lease(database, clock)
        if not await lease.take():
            raise StartRefused(
                "nothing was changed: an instance works on this database; stop it first "
                f"(one that was killed is forgotten after {LASTS.seconds} s)"
            )
        try:
            ring, vault = await _vault(settings, database)
            if not settings.secret_key and await keys_in_use(database) <= {vault.key_ids[0]}:
                ring = await asyncio.to_thread(renew_file, key_file(database))
                vault = Vault(ring)
            return await rotate(database, vault, lease)
        finally:
            await lease.give_up()
    finally:
        await database.close()


def default_markup(settings: Settings) -> Rule:
    """The setting `MARKUP` as a rule; raises `StartRefused`."""
    try:
        return parse_rule(settings.markup)
    except BadMarkup:
        raise StartRefused(
            "MARKUP is not a markup: write for example 20%, +0.50 or 15% +0.20 min 0.30"
        ) from None


def data_folder(database: Database) -> Path:
    """Where the shop keeps files: beside the SQLite file, else `data`."""
    if database.is_sqlite:
        return Path(str(database.url.database)).parent
    return Path("data")


def key_file(database: Database) -> Path:
    """Where the keys are kept that no setting names."""
    return data_folder(database) / "secret.key"


def backup_folder(settings: Settings, database: Database) -> Path:
    """Where backups go."""
    return Path(settings.backup_dir) if settings.backup_dir else data_folder(database) / "backups"


async def _prepare(database: Database, *, may_migrate: bool) -> None:
    if may_migrate:
        await migrate(database)
        return
    found, wanted = await revision(database)
    if found is None:
        raise StartRefused("DATABASE_URL: this database holds no shop yet; start the bot once")
    if found != wanted:
        raise StartRefused(
            f"DATABASE_URL: the schema is {found}, this version needs {wanted}; start the bot once"
        )


def _ring(settings: Settings, database: Database, *, may_make: bool) -> list[bytes]:
    """The keys of the settings, or the one kept beside the database."""
    if settings.secret_key:
        return [read_key(key.get_secret_value()) for key in settings.secret_key]
    return ring_from_file(key_file(database), may_make=may_make)


async def _vault(settings: Settings, database: Database) -> tuple[list[bytes], Vault]:
    needed = await keys_in_use(database)
    ring = _ring(settings, database, may_make=not needed)
    vault = Vault(ring)
    if missing := needed.difference(vault.key_ids):
        raise StartRefused(
            "SECRET_KEY: the key is lost: stored credentials were sealed with another one, "
            f"the key {min(missing).hex()}"
        )
    return ring, vault

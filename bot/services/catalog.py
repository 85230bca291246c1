"""The catalogue: what is on sale, at which price. Kept in memory, so browsing asks nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import PlanRow, ProviderRow, RuleChangeRow
from bot.db.session import Database
from bot.domain.catalog import (
    Offer,
    Plan,
    PlanId,
    Provider,
    ProviderId,
    Shelf,
    UsageByApi,
    UsageByBot,
    UsageCheck,
    UsageUnknown,
)
from bot.domain.clock import Clock
from bot.domain.errors import NotFound, OfferGone, Unclear
from bot.domain.markup import Markups, Rule, Scope
from bot.domain.money import BOOKS, Money
from bot.domain.usage import size_in_bytes
from bot.upstreams.base import Priced, PriceList, Upstream

STALE = timedelta(minutes=5)
"""Older costs are shown, marked, and nothing is bought at them."""
GONE = timedelta(hours=1)
"""Older costs are not shown at all."""


class Catalog:
    """Providers and plans of every upstream, and the markup rules that price them."""

    def __init__(
        self, database: Database, clock: Clock, *, default_rule: Rule, usdt_is_usd: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._sold_currencies = {BOOKS, "USDT"} if usdt_is_usd else {BOOKS}
        self._providers: dict[ProviderId, Provider] = {}
        self._plans: dict[PlanId, Plan] = {}
        self._codes: frozenset[tuple[str, str, str]] = frozenset()
        self._loading = asyncio.Lock()
        self.markups = Markups({}, default_rule)
        self.paused: frozenset[str] = frozenset()
        """Upstreams that nothing can be bought from now: every lane there is stopped."""

    @property
    def read_at(self) -> datetime | None:
        """When the oldest cost on sale was read."""
        return min((plan.read_at for plan in self._plans.values()), default=None)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Every plan on sale, by provider and size."""
        return tuple(plan for plan in self._sorted() if not plan.is_hidden)

    @property
    def hidden(self) -> tuple[Plan, ...]:
        """Every open plan that an owner hid, likewise."""
        return tuple(plan for plan in self._sorted() if plan.is_hidden)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Every provider that ever sold here, by name."""
        return tuple(sorted(self._providers.values(), key=lambda one: one.name))

    def shelves(self) -> tuple[Shelf, ...]:
        """Every provider that offers something, by name."""
        made = (self._shelf(provider) for provider in self._providers.values())
        return tuple(
            sorted((shelf for shelf in made if shelf.offers), key=lambda one: one.provider.name)
        )

    def shelf(self, provider: ProviderId) -> Shelf:
        """What one provider offers; raises `OfferGone`."""
        found = self._providers.get(provider)
        if found is None:
            raise OfferGone
        shelf = self._shelf(found)
        if not shelf.offers:
            raise OfferGone
        return shelf

    def offer(self, plan: PlanId) -> Offer:
        """A plan at today's price; raises `OfferGone`, also for one that an owner hid."""
        found = self.agreed(plan)
        if found.is_hidden:
            raise OfferGone
        return self._offer(found)

    def agreed(self, plan: PlanId) -> Plan:
        """A plan that an order was accepted for, hidden since or not; raises `OfferGone`."""
        found = self._plans.get(plan)
        if found is None or self._clock.now() - found.read_at > GONE:
            raise OfferGone
        return found

    def provider(self, provider: ProviderId) -> Provider:
        """A provider, also one that offers nothing now; raises `NotFound`."""
        found = self._providers.get(provider)
        if found is None:
            raise NotFound
        return found

    def cheapest(self, upstream: str) -> Money | None:
        """The lowest cost of an upstream's plans."""
        costs = (plan.cost for plan in self.plans if plan.provider.upstream == upstream)
        return min(costs, default=None)

    def knows(self, upstream: str, provider: str | None, plan: str | None) -> bool:
        """Whether a provider ever sold a plan of this code, open or closed by now."""
        return (upstream, provider, plan) in self._codes

    async def load(self) -> None:
        """Read providers, open plans and rules into memory."""
        # One after another, so that an older reading never covers a newer one.
        async with self._loading:
            await self._load()

    async def _load(self) -> None:
        newest = select(func.max(RuleChangeRow.id)).group_by(
            RuleChangeRow.provider_id, RuleChangeRow.plan_id
        )
        async with self._database.read() as reader:
            providers = (await reader.execute(select(ProviderRow.__table__))).all()
            plans = (await reader.execute(select(PlanRow.__table__))).all()
            rules = (
                await reader.execute(
                    select(RuleChangeRow.__table__).where(RuleChangeRow.id.in_(newest))
                )
            ).all()
        self._providers = {ProviderId(row.id): provider_of(row) for row in providers}
        open_providers = {row.id for row in providers if row.is_open}
        self._plans = {
            PlanId(row.id): plan_of(row, self._providers[ProviderId(row.provider_id)])
            for row in plans
            if row.is_open
            and row.provider_id in open_providers
            and row.currency in self._sold_currencies
        }
        self._codes = frozenset(
            (provider.upstream, provider.code, row.code)
            for row in plans
            for provider in (self._providers[ProviderId(row.provider_id)],)
        )
        self.markups = Markups(
            {
                Scope(row.provider_id, row.plan_id): Rule(
                    row.percent_bp, Money(row.fixed_micros), Money(row.least_micros)
                )
                for row in rules
                if row.percent_bp is not None
            },
            self.markups.default,
        )

    async def refresh(self, upstream: Upstream, provider: str | None = None) -> None:
        """Ask an upstream for its plans, of one provider or all, and keep what it says.

        A plan that vanished is closed, not deleted. A seed only adds plans: what an owner has
        made of the others since holds. What was read of a provider by a request that began
        later holds as well. Raises `UpstreamError`; the old catalogue then stays as it is.
        """
        began_at = self._clock.now()
        lists = await upstream.plans(provider)
        if provider is None and not any(one.plans or one.is_seed for one in lists):
            # An upstream that suddenly sells nothing at all is more likely broken than sold out.
            raise Unclear("empty_catalog")
        async with self._database.write() as tx:
            await self._keep(tx, upstream.name, lists, provider, began_at)
        await self.load()

    async def close(self, plan: Plan) -> None:
        """Sell a plan no more, until a price list names it again."""
        async with self._database.write() as tx:
            await tx.execute(update(PlanRow).where(PlanRow.id == plan.id).values(is_open=0))
        await self.load()

    async def close_provider(self, provider: Provider) -> None:
        """Sell nothing of a provider any more, until a price list names it again."""
        async with self._database.write() as tx:
            await tx.execute(
                update(ProviderRow).where(ProviderRow.id == provider.id).values(is_open=0)
            )
        await self.load()

    async def _keep(
        self, tx: AsyncConnection, upstream: str, lists: Sequence[PriceList], only: str | None,
        began_at: datetime,
    ) -> None:  # fmt: skip
        # The lock keeps two readings apart until the end of the transaction.
        of_upstream = select(ProviderRow.__table__).where(ProviderRow.upstream == upstream)
        locked = of_upstream.order_by(ProviderRow.id).with_for_update(key_share=True)
        known = {row.code: row for row in (await tx.execute(locked)).all()}
        newer = await self._read_since(tx, upstream, began_at)
        for one in lists:
            if one.provider in newer:
                continue
            usage, url = _usage_words(one.usage)
            values = {
                "name": one.name,
                "usage": usage,
                "usage_url": url,
                "is_code": int(one.is_code),
                "is_open": int(one.is_active),
                "is_priced_here": int(one.is_seed),
            }
            row = known.get(one.provider)
            if row is None:
                provider_id = await tx.scalar(
                    insert(ProviderRow)
                    .values(upstream=upstream, code=one.provider, **values)
                    .returning(ProviderRow.id)
                )
            else:
                provider_id = row.id
                if any(getattr(row, name) != value for name, value in values.items()):
                    await tx.execute(
                        update(ProviderRow).where(ProviderRow.id == provider_id).values(**values)
                    )
            if one.is_seed:
                await self._sow(tx, int(provider_id or 0), one.plans or (), began_at)
            elif one.plans is not None:
                await self._keep_plans(tx, int(provider_id or 0), one.plans, began_at)
        vanished = set(known) - newer - {one.provider for one in lists}
        if only is not None:
            vanished &= {only}
        await tx.execute(
            update(ProviderRow)
            .where(
                ProviderRow.upstream == upstream,
                ProviderRow.code.in_(vanished),
                ProviderRow.is_open == 1,
            )
            .values(is_open=0)
        )

    async def _read_since(
        self, tx: AsyncConnection, upstream: str, began_at: datetime
    ) -> set[str]:
        """Providers whose plans another request has read that began later than this one.

        A time still to come is none: it was written before the clock was set right.
        """
        read_at = PlanRow.read_at
        codes = (
            select(ProviderRow.code)
            .join(PlanRow, PlanRow.provider_id == ProviderRow.id)
            .where(ProviderRow.upstream == upstream)
            .where(read_at > began_at, read_at <= self._clock.now())
        )
        return set((await tx.scalars(codes)).all())

    async def _keep_plans(
        self, tx: AsyncConnection, provider: int, plans: Sequence[Priced], read_at: datetime
    ) -> None:
        known = {
            row.code: row
            for row in (
                await tx.execute(select(PlanRow.__table__).where(PlanRow.provider_id == provider))
            ).all()
        }
        listed = {priced.code: priced for priced in plans}
        for code, priced in listed.items():
            values = {
                "title": priced.title,
                "cost_micros": priced.cost.micros,
                "currency": priced.cost.currency,
                "is_open": 1,
            }
            row = known.get(code)
            if row is None:
                await tx.execute(
                    insert(PlanRow).values(
                        provider_id=provider, code=code, read_at=read_at, **values
                    )
                )
            elif any(getattr(row, name) != value for name, value in values.items()):
                await tx.execute(
                    update(PlanRow).where(PlanRow.id == row.id).values(read_at=read_at, **values)
                )
        of_provider = update(PlanRow).where(PlanRow.provider_id == provider)
        await tx.execute(of_provider.where(PlanRow.code.in_(listed)).values(read_at=read_at))
        vanished = of_provider.where(PlanRow.code.not_in(listed), PlanRow.is_open == 1)
        await tx.execute(vanished.values(is_open=0, read_at=read_at))

    async def _sow(
        self, tx: AsyncConnection, provider: int, seeds: Sequence[Priced], read_at: datetime
    ) -> None:
        """Add plans that are not known; nobody but an owner prices the others, so they hold."""
        of_provider = PlanRow.provider_id == provider
        known = set((await tx.scalars(select(PlanRow.code).where(of_provider))).all())
        for seed in seeds:
            if seed.code not in known:
                await tx.execute(
                    insert(PlanRow).values(
                        provider_id=provider,
                        code=seed.code,
                        title=seed.title,
                        cost_micros=seed.cost.micros,
                        currency=seed.cost.currency,
                        is_open=1,
                        read_at=read_at,
                        most=seed.most,
                        days=seed.days,
                    )
                )
        await tx.execute(update(PlanRow).where(of_provider).values(read_at=read_at))

    def _shelf(self, provider: Provider) -> Shelf:
        now = self._clock.now()
        plans = (
            plan
            for plan in self._plans.values()
            if plan.provider.id == provider.id
            and not plan.is_hidden
            and now - plan.read_at <= GONE
        )
        return Shelf(provider, tuple(map(self._offer, sorted(plans, key=_by_provider_and_size))))

    def _sorted(self) -> list[Plan]:
        return sorted(self._plans.values(), key=_by_provider_and_size)

    def _offer(self, plan: Plan) -> Offer:
        is_stale = self._clock.now() - plan.read_at > STALE
        is_paused = plan.provider.upstream in self.paused
        return Offer(plan, self.markups.price(plan), is_stale or is_paused)


def _by_provider_and_size(plan: Plan) -> tuple[str, bool, int, int]:
    return plan.provider.name, plan.size is None, plan.size or 0, plan.cost.micros


def provider_of(row: Row[Any]) -> Provider:
    """A provider as its row tells it."""
    return Provider(
        ProviderId(row.id), row.upstream, row.code, row.name, _usage(row.usage, row.usage_url),
        bool(row.is_code), bool(row.is_priced_here),
    )  # fmt: skip


def plan_of(row: Row[Any], provider: Provider) -> Plan:
    """A plan of this provider as its row tells it."""
    return Plan(
        PlanId(row.id), provider, row.code, row.title, Money(row.cost_micros),
        size_in_bytes(row.title), row.read_at, row.most, row.days, bool(row.is_hidden),
    )  # fmt: skip


def _usage(kind: str, url: str | None) -> UsageCheck:
    match kind, url:
        case "api", _:
            return UsageByApi()
        case "bot", str(url):
            return UsageByBot(url)
        case _:
            return UsageUnknown()


def _usage_words(usage: UsageCheck) -> tuple[str, str | None]:
    match usage:
        case UsageByApi():
            return "api", None
        case UsageByBot(url):
            return "bot", url
        case UsageUnknown():
            return "unknown", None

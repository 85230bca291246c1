"""A shop on a test bench: real services, a pretend upstream, a clock that tests turn by hand."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from pydantic import SecretStr

from bot.app import Shop, build
from bot.domain.catalog import Offer, PlanSeed
from bot.domain.clock import Clock
from bot.domain.customers import Customer, Visitor
from bot.domain.money import Money, usd
from bot.domain.orders import Claim, CustomerId, Line, OrderId
from bot.domain.requests import Request, TopUp
from bot.services.fulfilment import LaneWorker
from bot.services.lanes import Account, fingerprint
from bot.settings import Settings
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from bot.upstreams.sandbox_stat import (
    STAT_KEY,
    STAT_ORDER_PATH,
    STAT_PRODUCTS,
    StatProxiesSandbox,
)
from bot.upstreams.statproxies import StatProxies

OWNER = CustomerId(900)
OTHER_OWNER = CustomerId(901)


class HandClock(Clock):
    """Time that stands still until a test turns it."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 10, tzinfo=UTC)
        self._elapsed = 1000.0

    def now(self) -> datetime:
        return self._now

    def elapsed(self) -> float:
        return self._elapsed

    def turn(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds


class Bench:
    """One shop with its pretend upstream, and the steps that its tasks would take."""

    def __init__(
        self,
        shop: Shop,
        sandbox: GateProxySandbox,
        clock: HandClock,
        stat: StatProxiesSandbox | None = None,
    ) -> None:
        self.shop = shop
        self.sandbox = sandbox
        self.clock = clock
        self._stat = stat
        self._workers: dict[int, LaneWorker] = {}

    @property
    def stat(self) -> StatProxiesSandbox:
        """The pretend StatProxies of a shop that sells it."""
        assert self._stat is not None
        return self._stat

    async def customer(self, number: int, *, balance: str = "0") -> Customer:
        """Somebody who has started the bot, with this balance."""
        visitor = Visitor(CustomerId(number), f"Customer {number}", f"customer_{number}", "en")
        await self.shop.customers.arrive(visitor, None)
        if usd(balance).micros:
            await self.top_up(CustomerId(number), balance)
        return await self.shop.customers.arrive(visitor, None)

    async def top_up(self, customer: CustomerId, amount: str) -> None:
        """What an owner does with /topup and Confirm."""
        asked = TopUp(customer, usd(amount), secrets.token_hex(4), is_debit=False)
        preview = await self.shop.wallets.preview(asked, OWNER)
        request = await self.shop.requests.open(preview.request, OWNER)
        await self.shop.wallets.confirm(request, OWNER)

    async def wants_refund(self, order: OrderId) -> Request:
        """What an owner's Refund on a delivered order leaves to be confirmed."""
        shown = await self.shop.cases.preview_refund(order, "broken", OWNER)
        return await self.shop.requests.open(shown.request, OWNER)

    def offer(self, provider: str, plan: str) -> Offer:
        """A plan by the upstream's codes, at today's price."""
        found = next(
            one
            for one in self.shop.catalog.plans
            if (one.provider.code, one.code) == (provider, plan)
        )
        return self.shop.catalog.offer(found.id)

    def claim(self, provider: str = "nodemaven", plan: str = "1", *, again: bool = False) -> Claim:
        """What a Buy button of a fresh confirm screen says."""
        offer = self.offer(provider, plan)
        return Claim.of(offer, secrets.token_hex(8), again=again)

    async def buy(self, customer: Customer, provider: str = "nodemaven", plan: str = "1") -> Line:
        """One tap on Buy, on a fresh confirm screen."""
        return await self.shop.orders.accept(
            customer, self.claim(provider, plan, again=True), None
        )

    async def balance(self, customer: Customer) -> Money:
        """What the customer can spend."""
        return (await self.shop.wallets.statement(customer.id, 0)).balance.available

    async def work(self) -> None:
        """Let every lane's worker do what is due now."""
        for lane in self.shop.lanes:
            worker = self._workers.setdefault(lane.id, self.shop.worker(lane))
            await worker.drain()
        await self.shop.abandoned.step()

    async def pass_time(self, seconds: float, *, step: float = 1.0) -> None:
        """Let time pass in steps, and the workers with it."""
        left = seconds
        while left > 0:
            self.clock.turn(min(step, left))
            left -= step
            await self.work()

    async def refresh(self) -> None:
        """What the catalogue job does every minute."""
        await self.shop.jobs.refresh_catalog()

    def restart_workers(self) -> None:
        """Forget everything that only lived in memory of the workers."""
        self._workers.clear()
        for lane in self.shop.lanes:
            lane.reading = None


def settings_for(database_url: str, **values: object) -> Settings:
    """Settings of a shop on this database."""
    given: dict[str, object] = {
        "bot_token": SecretStr("123456:" + "A" * 35),
        "admin_ids": (OWNER, OTHER_OWNER),
        "gateproxy_tokens": (SecretStr(TOKEN),),
        "database_url": SecretStr(database_url),
        "secret_key": (SecretStr("A" * 43),),
        "markup": "15%",
    }
    return Settings.model_construct(**(Settings.model_construct().__dict__ | given | values))


def seeds(products: str = STAT_PRODUCTS) -> tuple[PlanSeed, ...]:
    """What the setting STATPROXIES_PRODUCTS means."""
    return Settings(statproxies_products=products).statproxies_products


def stat_account(
    transport: httpx.AsyncBaseTransport,
    path: str = STAT_ORDER_PATH,
    *,
    plans: tuple[PlanSeed, ...] | None = None,
) -> Account:
    """The account at a pretend StatProxies; its orders are read by `path`."""
    upstream = StatProxies(
        STAT_KEY,
        plans=seeds() if plans is None else plans,
        order_path=path,
        transport=transport,
    )
    return Account(upstream, fingerprint(STAT_KEY))


@asynccontextmanager
async def opened(
    database_url: str,
    sandbox: GateProxySandbox,
    clock: HandClock,
    stat: StatProxiesSandbox | None = None,
    stat_path: str = STAT_ORDER_PATH,
    **values: object,
) -> AsyncIterator[Bench]:
    """A shop with its catalogue read and its lanes open; audited on the way out.

    `stat`: it sells StatProxies as well, and reads its orders by `stat_path`.
    """
    accounts = [
        Account(
            GateProxy(token, transport=httpx.MockTransport(sandbox.handle)), fingerprint(token)
        )
        for token in sandbox.accounts
    ]
    settings = settings_for(database_url, **({"statproxies_products": seeds()} | values))
    if stat is not None:
        transport = httpx.MockTransport(stat.handle)
        accounts.append(stat_account(transport, stat_path, plans=settings.statproxies_products))
    async with build(settings, clock=clock, upstream_accounts=accounts) as shop:
        await shop.lanes.open()
        bench = Bench(shop, sandbox, clock, stat)
        await bench.refresh()
        yield bench
        report = await shop.audit.run()
        assert report.is_green, report.differences


def sandbox_for(clock: HandClock) -> GateProxySandbox:
    """A pretend GateProxy on the same clock as the shop."""

    async def no_sleep(seconds: float) -> None:
        clock.turn(seconds)

    return GateProxySandbox(clock=lambda: clock.now().timestamp(), sleep=no_sleep)


def stat_sandbox_for(clock: HandClock) -> StatProxiesSandbox:
    """A pretend StatProxies on the same clock as the shop."""

    async def no_sleep(seconds: float) -> None:
        clock.turn(seconds)

    return StatProxiesSandbox(clock=lambda: clock.now().timestamp(), sleep=no_sleep)

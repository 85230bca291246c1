"""A shop of many years: only the audit and the backup go through everything there ever was."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import HandClock, stat_sandbox_for
from tests.conftest import ON_SQLITE
from tests.growth import growing
from tests.stories.conftest import ShopFloor
from tests.telegram import Customer

READS_EVERYTHING = {"audit", "backup"}
"""By their promise, and beside the taps."""
OPEN = ("ix_orders_open", "ix_subscriptions_running", "uq_exchanges_under_way")
"""Indexes of what is under way alone: going through one is no matter of age."""
NEWEST = ("ix_upstream_orders_lane_id",)
"""Read from its end, one row of it."""


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    return stat_sandbox_for(clock)


async def goes_through(app: ShopFloor, act: Awaitable[object]) -> set[str]:
    steps = [step for step in await growing(app.bench, act) if "TEMP" not in step]
    return {
        step for step in steps if not step.removesuffix(" (lane_id=?)").endswith(OPEN + NEWEST)
    }


@ON_SQLITE
async def test_no_tap_of_a_customer_reads_what_all_ever_bought(
    app: ShopFloor, customer: Customer
) -> None:
    async def live() -> None:
        await customer.buy("1 GB", "NodeMaven")
        await customer.buy("ISP for captchas", "Stat Proxies")
        await customer.send("/orders")
        await customer.tap("#1")
        for way in ("/usage", "/balance", "/find #1", "/find gate.nodemaven.com", "/help"):
            await customer.send(way)

    assert await goes_through(app, live()) == set()
    assert "Order #1 is delivered." in str([one.text for one in customer.messages])


@ON_SQLITE
async def test_no_tap_of_an_owner_reads_what_all_ever_bought(
    app: ShopFloor, customer: Customer, owner: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.buy("ISP for captchas", "Stat Proxies")

    async def run() -> None:
        for words in ("/shop", "/order 1", "/find 4.20", "/find @alice", "/markup", "/plans"):
            await owner.send(words)
        await owner.send(f"/topup {customer.id} 5")
        await owner.tap("Confirm")
        for label in ("Inbox", "Subscriptions"):
            await owner.send("/shop")
            await owner.tap(label)

    assert await goes_through(app, run()) == set()


@ON_SQLITE
async def test_no_job_but_the_audit_reads_everything(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.buy("ISP for captchas", "Stat Proxies")

    for job in app.shop.jobs.all():
        if job.name not in READS_EVERYTHING:
            assert await goes_through(app, job.run()) == set(), job.name
    assert await goes_through(app, app.telegram.courier.step()) == set()

"""Guards of money that only show when something goes wrong at the worst moment."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from bot.db.session import Database
from bot.domain.cases import Sent
from bot.domain.catalog import Plan
from bot.domain.money import usd
from bot.domain.orders import CustomerId, OrderId, OrderState, parse_proxies
from bot.domain.requests import TopUp
from bot.services.lane import Lane
from bot.services.leases import LASTS, RENEW, Lease, LeaseLost
from bot.services.placing import Claimed
from bot.upstreams.base import PriceList
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from tests.bench import OWNER, Bench, HandClock, opened
from tests.conftest import ON_SQLITE
from tests.services.findings import foreign_order, sold_before

LOST = httpx.ReadTimeout("lost")


class Broken(Exception):
    """What a statement that breaks off raises."""


@contextmanager
def breaking(database: Database, beginning: str) -> Iterator[None]:
    """Let every statement that begins like this fail."""

    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(beginning):
            raise Broken

    engine = database.writer.sync_engine
    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fail)


@ON_SQLITE
async def test_nothing_is_written_between_a_reading_and_what_follows_from_it(
    database: Database,
) -> None:
    async with database.write() as tx:
        await tx.execute(text("SELECT count(*) FROM stops"))

        with (
            closing(sqlite3.connect(database.file, timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("DELETE FROM stops")


async def test_an_order_whose_money_cannot_be_held_is_not_there(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")

    with breaking(bench.shop.database, "INSERT INTO postings"), pytest.raises(Broken):
        await bench.buy(customer)

    assert (await bench.shop.orders.page(customer.id, 0)).orders == ()
    assert await bench.balance(customer) == usd("10")


async def test_a_top_up_that_nobody_would_be_told_of_does_not_happen(bench: Bench) -> None:
    customer = await bench.customer(1)
    asked = TopUp(CustomerId(1), usd("10"), secrets.token_hex(4), is_debit=False)
    preview = await bench.shop.wallets.preview(asked, OWNER)
    request = await bench.shop.requests.open(preview.request, OWNER)

    with breaking(bench.shop.database, "INSERT INTO outbox"), pytest.raises(Broken):
        await bench.shop.wallets.confirm(request, OWNER)

    assert await bench.balance(customer) == usd("0")
    await bench.shop.wallets.confirm(request, OWNER)
    assert await bench.balance(customer) == usd("10")


async def test_a_hold_that_nobody_would_be_told_of_is_not_given_back(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    line = await bench.buy(customer)

    with breaking(bench.shop.database, "INSERT INTO outbox"), pytest.raises(Broken):
        await bench.shop.placing.release(line.order.id, "unavailable")

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.RESERVED
    assert await bench.balance(customer) == usd("5.97")


async def test_an_upstream_order_known_before_the_attempt_is_not_what_the_attempt_made(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="5")
    await bench.work()
    token = next(iter(bench.sandbox.accounts))
    bench.sandbox._make(bench.sandbox.accounts[token], token, "nodemaven", "1", Fault())
    bench.restart_workers()
    bench.sandbox.faults.append(Fault(error=LOST))

    line = await bench.buy(customer)
    await bench.pass_time(16 * 60, step=10)

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.RELEASED
    assert await bench.balance(customer) == usd("5")


@pytest.mark.parametrize(
    ("by_the_wall", "elapsed"),
    [(6.0, 0.0), (0.0, 6.0), (-3600.0, 6.0)],
    ids=["a clock set forward", "a clock that stood still", "a clock set back"],
)
async def test_a_request_that_leaves_too_late_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, by_the_wall: float, elapsed: float
) -> None:
    customer = await bench.customer(1, balance="5")
    really_claim = bench.shop.placing.claim
    sent_before = []

    async def frozen_once(lane: Lane, order: OrderId, plan: Plan) -> Claimed | None:
        claimed = await really_claim(lane, order, plan)
        sent_before.append(bench.sandbox.count("POST"))
        if len(sent_before) == 1:
            bench.clock._now += timedelta(seconds=by_the_wall)
            bench.clock._elapsed += elapsed
        return claimed

    monkeypatch.setattr(bench.shop.placing, "claim", frozen_once)
    line = await bench.buy(customer)
    await bench.work()

    assert sent_before == [0, 0]
    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.DELIVERED
    assert bench.sandbox.count("POST") == 1


async def test_an_error_in_their_own_form_is_waited_for_a_minute(bench: Bench) -> None:
    customer = await bench.customer(1, balance="9")
    await sold_before(bench, customer)
    bench.sandbox.list_lag = 30
    bench.sandbox.faults.append(Fault(status=502, code="provider_error", is_done=True))

    line = await bench.buy(customer)
    await bench.pass_time(90)

    assert (await bench.shop.orders.find(line.order.id)).state is OrderState.DELIVERED
    assert len(bench.sandbox.orders) == 2


async def test_a_hold_that_was_given_back_is_never_captured_whatever_its_state_says(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="10")
    order = (await bench.buy(customer)).order.id
    await bench.shop.placing.release(order, "unavailable")
    delivery = parse_proxies("gate.example:8080:anna:secret")

    async with bench.shop.database.write() as tx:
        await tx.execute(text("UPDATE orders SET state = 'placing'"))
    settled = await bench.shop.placing.settle(order, "G-9", delivery, "")
    state = (await bench.shop.orders.find(order)).state
    async with bench.shop.database.write() as tx:
        await tx.execute(text("UPDATE orders SET state = 'released'"))

    assert settled is None
    assert state is OrderState.IN_DOUBT
    assert await bench.balance(customer) == usd("10")


async def test_one_process_works_until_its_lease_runs_out(
    database: Database, clock: HandClock
) -> None:
    first, second = Lease(database, clock), Lease(database, clock)
    assert await first.take()

    assert not await second.take()
    clock.turn(LASTS.total_seconds() + 1)
    assert await second.take()
    with pytest.raises(LeaseLost):
        await first.renew()


async def test_a_lease_by_a_clock_that_was_ahead_is_taken_once_nobody_renews_it(
    database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Lease(database, clock), Lease(database, clock)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: clock._now + timedelta(hours=36))
        assert await first.take()

    assert not await second.take()
    clock.turn(LASTS.total_seconds())
    assert not await second.take()
    clock.turn(1)
    assert await second.take()
    with pytest.raises(LeaseLost):
        await first.renew()


async def test_a_lease_that_is_renewed_is_kept_however_far_the_clocks_are_apart(
    database: Database, clock: HandClock
) -> None:
    ahead = HandClock()
    ahead.turn(3600)
    first, second = Lease(database, ahead), Lease(database, clock)
    assert await first.take()

    for _ in range(10):
        for _ in range(2):
            assert not await second.take()
            clock.turn(RENEW / 2)
        ahead.turn(RENEW)
        await first.renew()


async def test_a_delivery_whose_credentials_cannot_be_kept_is_not_told(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    order = (await bench.buy(customer)).order.id

    with breaking(bench.shop.database, "INSERT INTO deliveries"), pytest.raises(Broken):
        await bench.work()

    assert (await bench.shop.orders.find(order)).state is OrderState.PLACING
    assert not any(sent.kind == "order_delivered" for sent in await notices(bench, order))
    await bench.pass_time(5)
    assert (await bench.shop.orders.find(order)).state is OrderState.DELIVERED
    assert any(sent.kind == "order_delivered" for sent in await notices(bench, order))


async def notices(bench: Bench, order: OrderId) -> tuple[Sent, ...]:
    return (await bench.shop.cases.file(order)).notices


@ON_SQLITE
async def test_a_new_database_is_ready_with_foreign_keys_and_full_syncs(blank_url: str) -> None:
    database = Database(blank_url)
    try:
        await database.ready()
        async with database.write() as tx:
            keys = (await tx.exec_driver_sql("PRAGMA foreign_keys")).scalar_one()
            syncs = (await tx.exec_driver_sql("PRAGMA synchronous")).scalar_one()
    finally:
        await database.close()

    assert keys == 1
    assert syncs in {2, 3}


@pytest.mark.parametrize("is_another_process", [False, True])
async def test_an_older_price_list_never_covers_a_newer_one(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock,
    monkeypatch: pytest.MonkeyPatch, is_another_process: bool,
) -> None:  # fmt: skip
    async with (
        opened(database_url, sandbox, clock) as bench,
        opened(database_url, sandbox, clock) as other,
    ):
        upstream = next(iter(bench.shop.lanes)).upstream
        really_plans, read, go_on = upstream.plans, asyncio.Event(), asyncio.Event()

        async def slowly(provider: str | None = None) -> tuple[PriceList, ...]:
            lists = await really_plans(provider)
            read.set()
            await go_on.wait()
            return lists

        async def meanwhile() -> None:
            await read.wait()
            monkeypatch.undo()
            clock.turn(1)
            plans = sandbox.providers["nodemaven"].plans
            dearer = [replace(one, price=one.price * 3) for one in plans if one.code != "1"]
            sandbox.providers["nodemaven"].plans = dearer
            newer = other if is_another_process else bench
            await newer.shop.catalog.refresh(next(iter(newer.shop.lanes)).upstream, "nodemaven")
            clock.turn(20)
            go_on.set()

        before = bench.offer("nodemaven", "0.120").plan.cost
        monkeypatch.setattr(upstream, "plans", slowly)
        await asyncio.gather(bench.shop.catalog.refresh(upstream), meanwhile())

        kept = bench.offer("nodemaven", "0.120").plan
        assert kept.cost == before * 3
        assert clock.now() - kept.read_at == timedelta(seconds=20)
        provider = bench.shop.catalog.shelf(kept.provider.id)
        assert "1" not in {offer.plan.code for offer in provider.offers}


async def test_an_answer_that_names_an_order_known_before_delivers_nothing(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    foreign_order(bench.sandbox)
    await bench.work()
    known = bench.sandbox._one(bench.sandbox.orders[0].reference, TOKEN).text
    bench.sandbox.faults.append(Fault(body=known, is_done=True))

    line = await bench.buy(customer)
    await bench.work()

    found = await bench.shop.orders.find(line.order.id)
    assert (found.state, found.upstream_order_id) == (OrderState.IN_DOUBT, None)


@pytest.mark.parametrize(
    ("traffic", "became"),
    [
        ("500 MB", OrderState.RELEASED),
        ("One for all", OrderState.RELEASED),
        ("1gb", OrderState.DELIVERED),
    ],
)
async def test_nobody_gets_another_plan_for_the_same_price(
    bench: Bench, traffic: str, became: OrderState
) -> None:
    customer = await bench.customer(1, balance="10")
    line = await bench.buy(customer)
    assert line.order.title == "1 GB"
    bench.sandbox.providers["nodemaven"].plans = [
        replace(one, traffic=traffic if one.code == "1" else one.traffic)
        for one in bench.sandbox.providers["nodemaven"].plans
    ]

    bench.clock.turn(90)
    await bench.work()

    found = await bench.shop.orders.find(line.order.id)
    assert found.state is became
    assert len(bench.sandbox.orders) == (became is OrderState.DELIVERED)
    held = usd("0") if became is OrderState.RELEASED else line.order.price
    assert await bench.balance(customer) == usd("10") - held


async def test_prices_kept_by_a_clock_that_was_ahead_are_covered_once_it_is_right(
    bench: Bench,
) -> None:
    bench.clock.turn(3600)
    await bench.refresh()
    plans = bench.sandbox.providers["nodemaven"].plans
    before = bench.offer("nodemaven", "1").plan.cost

    bench.clock.turn(-3600)
    bench.sandbox.providers["nodemaven"].plans = [
        replace(one, price=one.price * 3) for one in plans
    ]
    await bench.refresh()

    assert bench.offer("nodemaven", "1").plan.cost == before * 3

"""Attacks on the money, the orders and the notices: what must hold whoever pushes, and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import build
from bot.db.models import OutboxRow, PostingRow
from bot.db.session import Database
from bot.domain.errors import TooLate
from bot.domain.money import usd
from bot.domain.notices import Trouble
from bot.domain.orders import OrderId, OrderState
from bot.domain.requests import TopUp
from bot.services.lanes import Account
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from tests.bench import OTHER_OWNER, OWNER, Bench, HandClock, opened, settings_for
from tests.conftest import ON_POSTGRESQL
from tests.faults.races import LOST, cut_off


async def state(bench: Bench, order: OrderId) -> OrderState:
    return (await bench.shop.orders.find(order)).state


async def owed(bench: Bench, kind: str) -> list[int]:
    """Whom the shop owed a notice of this kind, once for each notice."""
    query = select(OutboxRow.chat_id, OutboxRow.notice).order_by(OutboxRow.id)
    async with bench.shop.database.read() as reader:
        rows = (await reader.execute(query)).all()
    return [row.chat_id for row in rows if json.loads(row.notice)["kind"] == kind]


async def lost(bench: Bench) -> int:
    """What was written off, in micros."""
    query = select(PostingRow.micros).where(PostingRow.destination == "loss")
    async with bench.shop.database.read() as reader:
        return sum((await reader.scalars(query)).all())


def bought_by_hand(bench: Bench, plan: str = "1") -> None:
    """Somebody buys with the account of the bot, outside of it."""
    token = next(iter(bench.sandbox.accounts))
    bench.sandbox._make(bench.sandbox.accounts[token], token, "nodemaven", plan, Fault())


async def drained(bench: Bench) -> None:
    """Let the workers work, and notice if they never come to rest."""
    async with asyncio.timeout(5):
        await bench.work()


async def under_review_with_its_order_known(bench: Bench) -> OrderId:
    """An order that the upstream took, and whose credentials never came."""
    customer = await bench.customer(1, balance="10")
    bench.sandbox.faults.append(Fault(pending=10_000))
    line = await bench.buy(customer)
    await bench.pass_time(31 * 60, step=60)
    assert await state(bench, line.order.id) is OrderState.REVIEW
    return line.order.id


async def test_waiting_on_for_a_known_upstream_order_polls_it_and_delivers(bench: Bench) -> None:
    order = await under_review_with_its_order_known(bench)

    await bench.shop.cases.keep_waiting(order, OWNER)
    bench.sandbox.orders[0].polls_left = 0
    await bench.pass_time(60)

    assert await state(bench, order) is OrderState.DELIVERED


async def test_waiting_on_while_a_second_order_is_listed_comes_to_rest(bench: Bench) -> None:
    order = await under_review_with_its_order_known(bench)
    bought_by_hand(bench)

    await bench.shop.cases.keep_waiting(order, OWNER)

    await drained(bench)
    assert (await bench.shop.orders.find(order)).upstream_order_id == (
        bench.sandbox.orders[0].reference
    )


async def test_the_upstream_order_of_an_order_given_back_is_written_off_and_told(
    bench: Bench,
) -> None:
    order = await under_review_with_its_order_known(bench)

    await bench.shop.cases.give_back(order, OWNER)
    await bench.pass_time(6 * 60, step=60)

    assert await lost(bench) == usd("3.50").micros
    assert await owed(bench, "stray_found") == [OWNER, OTHER_OWNER]


async def test_an_order_bound_to_another_upstream_order_lets_the_first_one_go(
    bench: Bench,
) -> None:
    order = await under_review_with_its_order_known(bench)
    bought_by_hand(bench)
    await bench.pass_time(1)
    await bench.shop.lanes.listings.read(next(iter(bench.shop.lanes)))
    _, strays = await bench.shop.cases.strays(order)

    await bench.shop.cases.bind(order, strays[0].id, OWNER)
    await bench.pass_time(6 * 60, step=60)

    bound = await bench.shop.orders.find(order)
    assert bound.state is OrderState.DELIVERED
    assert bound.upstream_order_id == bench.sandbox.orders[1].reference
    assert await lost(bench) == usd("3.50").micros


async def test_every_review_is_told_also_the_second_for_the_same_reason(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    bought_by_hand(bench)
    await bench.pass_time(5)
    assert await owed(bench, "order_needs_person") == [OWNER, OTHER_OWNER]

    await bench.shop.cases.keep_waiting(line.order.id, OWNER)
    await bench.pass_time(5)

    assert await state(bench, line.order.id) is OrderState.REVIEW
    assert await owed(bench, "order_needs_person") == [OWNER, OTHER_OWNER] * 2


async def test_a_dropped_preview_never_confirms_the_next_one(bench: Bench) -> None:
    poor, rich = await bench.customer(1), await bench.customer(2)
    wallets, requests = bench.shop.wallets, bench.shop.requests
    first = await wallets.preview(TopUp(poor.id, usd("1"), "", is_debit=False), OWNER)
    await requests.drop(first.request, OWNER)
    second = await wallets.preview(TopUp(rich.id, usd("500"), "", is_debit=False), OWNER)

    assert second.request != first.request
    with pytest.raises(TooLate):
        await wallets.confirm(await requests.open(first.request, OWNER), OWNER)
    with pytest.raises(TooLate):
        await requests.drop(first.request, OWNER)
    assert await bench.balance(rich) == usd("0")


def meanwhile(bench: Bench, method: str, act: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Do something in the middle of the next call of a client's method."""
    upstream = next(iter(bench.shop.lanes)).upstream
    inner = getattr(upstream, method)
    waiting = [act]

    async def outer(*arguments: object) -> object:
        answer = await inner(*arguments)
        if waiting:
            await waiting.pop()()
        return answer

    setattr(upstream, method, outer)


async def test_the_watch_leaves_alone_what_a_person_let_wait_meanwhile(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    await bench.work()
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    line = await bench.buy(customer)
    await bench.work()
    bought_by_hand(bench)
    await bench.pass_time(5)
    assert await state(bench, line.order.id) is OrderState.REVIEW
    bench.clock.turn(10 * 60)
    bench.sandbox.orders.pop()

    meanwhile(bench, "recent", lambda: bench.shop.cases.keep_waiting(line.order.id, OWNER))
    await bench.work()

    assert await lost(bench) == 0


async def test_an_answer_that_calls_the_order_unfinished_is_not_delivered(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    proxy = {"host": "a.example", "port": 1, "username": "u", "password": "p"}
    answer = {"success": True, "order_id": "ord_odd", "status": "failed", "proxy": proxy}
    bench.sandbox.faults.append(Fault(status=200, body=json.dumps(answer)))

    line = await bench.buy(customer)
    await bench.work()

    assert await state(bench, line.order.id) is OrderState.PREPARING


async def test_one_failed_read_does_not_send_a_customer_away_hours_after_an_outage(
    bench: Bench,
) -> None:
    first, second = await bench.customer(1, balance="10"), await bench.customer(2, balance="10")
    outage = Fault(method="GET", path="/orders", error=LOST, times=10_000)
    bench.sandbox.faults.append(outage)
    given_up = await bench.buy(first)
    await bench.pass_time(40)
    assert await state(bench, given_up.order.id) is OrderState.RELEASED
    bench.sandbox.faults.remove(outage)
    bench.clock.turn(3 * 3600)
    await bench.refresh()

    bench.sandbox.faults.append(Fault(method="GET", path="/orders", error=LOST))
    line = await bench.buy(second)
    await bench.pass_time(10)

    assert await state(bench, line.order.id) is OrderState.DELIVERED


@ON_POSTGRESQL
async def test_only_one_of_two_deciding_owners_is_told_that_the_decision_was_theirs(
    bench: Bench,
) -> None:
    order = await under_review_with_its_order_known(bench)

    outcomes = await asyncio.gather(
        bench.shop.cases.give_back(order, OWNER),
        bench.shop.cases.hand_over(order, "a.example:1:u:p", OTHER_OWNER),
        return_exceptions=True,
    )

    assert [type(one) for one in outcomes].count(TooLate) == 1
    assert len(await owed(bench, "order_decided")) == 1


@ON_POSTGRESQL
async def test_one_stray_bound_to_two_orders_at_once_serves_one(bench: Bench) -> None:
    first, second = await bench.customer(1, balance="10"), await bench.customer(2, balance="10")
    await bench.work()
    orders = []
    for customer in (first, second):
        bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
        line = await bench.buy(customer)
        await bench.work()
        for _ in range(2):
            bought_by_hand(bench)
        await bench.pass_time(5)
        assert await state(bench, line.order.id) is OrderState.REVIEW
        orders.append(line.order.id)
    _, strays = await bench.shop.cases.strays(orders[1])

    outcomes = await asyncio.gather(
        *(bench.shop.cases.bind(order, strays[0].id, OWNER) for order in orders),
        return_exceptions=True,
    )

    assert [type(one) for one in outcomes].count(TooLate) == 1


@ON_POSTGRESQL
async def test_a_notice_owed_by_several_at_once_is_owed_once(bench: Bench) -> None:
    async def owe() -> None:
        async with bench.shop.database.write() as tx:
            await bench.shop.outbox.owe_owners(tx, Trouble("no_answer", "1"), dedupe="same")

    for _ in range(5):
        await asyncio.gather(*(owe() for _ in range(6)))

    assert sorted(await owed(bench, "trouble")) == [OWNER, OTHER_OWNER]


async def test_two_complaints_at_once_are_one(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    line = await bench.buy(customer)

    await asyncio.gather(
        *(bench.shop.orders.complain(customer.id, line.order.id) for _ in range(8))
    )

    assert await owed(bench, "customer_complains") == [OWNER, OTHER_OWNER]


async def test_a_clock_set_back_by_an_hour_stops_nothing(bench: Bench) -> None:
    customer = await bench.customer(1, balance="20")
    doubtful = await bench.buy(customer, plan="0.120")
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    await bench.work()
    waiting = await bench.buy(customer)

    bench.clock._now -= timedelta(hours=1)
    bench.sandbox.orders[0].made_at -= 3600
    bench.sandbox.accounts[TOKEN].busy_until = 0.0
    await bench.refresh()
    bench.restart_workers()
    for _ in range(20):
        bench.clock.turn(1)
        await drained(bench)

    assert await state(bench, doubtful.order.id) is OrderState.DELIVERED
    assert await state(bench, waiting.order.id) is OrderState.DELIVERED


async def test_a_clock_that_jumps_ten_years_ahead_gives_nothing_back_that_was_made(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="20")
    doubtful = await bench.buy(customer, plan="0.120")
    bench.sandbox.faults.append(Fault(error=LOST, is_done=True))
    await bench.work()
    waiting = await bench.buy(customer)

    for jump in (timedelta(days=3650), -timedelta(days=3650)):
        bench.clock._now += jump
        await bench.refresh()
        bench.restart_workers()
        for _ in range(20):
            bench.clock.turn(1)
            await drained(bench)

    assert await state(bench, doubtful.order.id) is OrderState.DELIVERED
    assert await state(bench, waiting.order.id) is OrderState.DELIVERED
    assert len(bench.sandbox.orders) == 2


@asynccontextmanager
async def opened_with(
    url: str, sandbox: GateProxySandbox, clock: HandClock, *tokens: tuple[str, str]
) -> AsyncIterator[Bench]:
    """A shop whose accounts are pairs of a token and the fingerprint it is known by."""
    accounts = [
        Account(GateProxy(token, transport=httpx.MockTransport(sandbox.handle)), known_by)
        for token, known_by in tokens
    ]
    async with build(settings_for(url), clock=clock, upstream_accounts=accounts) as shop:
        await shop.lanes.open()
        bench = Bench(shop, sandbox, clock)
        await bench.refresh()
        yield bench
        assert (await shop.audit.run()).is_green


async def test_two_tokens_of_one_account_never_sell_one_upstream_order_twice(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    twins = ((TOKEN, "first"), (TOKEN, "second"))
    async with opened_with(database_url, sandbox, clock, *twins) as bench:
        buyers = [await bench.customer(number, balance="10") for number in (1, 2)]
        await bench.work()
        orders = [(await bench.buy(buyer)).order.id for buyer in buyers]
        first, second = (bench.shop.worker(lane) for lane in bench.shop.lanes)
        sandbox.faults.append(Fault(error=LOST))
        await second.drain()
        await first.drain()
        clock.turn(4)
        await second.drain()
        clock.turn(16 * 60)
        await second.drain()

        assert await state(bench, orders[0]) is OrderState.DELIVERED
        # Both lanes list one order: whose it is, a person finds out.
        assert await state(bench, orders[1]) is OrderState.REVIEW
        assert await owed(bench, "trouble") != []
        assert await lost(bench) == 0


async def test_a_lane_sells_again_once_its_twin_is_gone(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    first, second = (TOKEN, "first"), (TOKEN, "second")
    async with opened_with(database_url, sandbox, clock, first, second) as bench:
        buyer = await bench.customer(1, balance="20")
        await bench.work()
        await bench.buy(buyer)
        await bench.pass_time(6 * 60, step=60)
        assert await bench.shop.lanes.paused() == {"gateproxy"}

    async with opened_with(database_url, sandbox, clock, first) as bench:
        line = await bench.buy(buyer)
        await bench.work()

        assert await state(bench, line.order.id) is OrderState.DELIVERED


async def test_a_second_process_with_an_old_memory_finds_what_the_first_one_lost(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    sandbox.faults.append(Fault(method="GET", path="/orders", status=500))
    async with (
        opened(database_url, sandbox, clock) as early,
        opened(database_url, sandbox, clock) as late,
    ):
        customer = await late.customer(1, balance="10")
        sandbox.faults.append(Fault(error=LOST, is_done=True))
        line = await late.buy(customer)
        sandbox.list_lag = 5
        await late.work()
        assert await state(late, line.order.id) is OrderState.IN_DOUBT

        clock.turn(6)
        await early.pass_time(10)

        assert await state(early, line.order.id) is OrderState.DELIVERED


class _Slow(Database):
    """A database whose next reader is slow to leave."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.has_read, self.may_go = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._inner.read() as reader:
            yield reader
        if not self.has_read.is_set():
            self.has_read.set()
            await self.may_go.wait()


async def test_an_older_reading_of_the_catalogue_never_covers_a_newer_rule(bench: Bench) -> None:
    catalog, markup = bench.shop.catalog, bench.shop.markup
    slow = _Slow(bench.shop.database)
    catalog._database = slow

    async def change() -> None:
        await slow.has_read.wait()
        preview = await markup.preview("50%", OWNER)
        applying = asyncio.gather(
            markup.apply(await bench.shop.requests.open(preview.request, OWNER), OWNER)
        )
        await asyncio.wait({applying}, timeout=0.2)
        slow.may_go.set()
        await applying

    await asyncio.gather(catalog.load(), change())

    assert bench.offer("nodemaven", "1").price == usd("5.25")


async def test_a_token_that_is_refused_does_not_keep_the_orders_of_a_lost_lane(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened_with(database_url, sandbox, clock, (TOKEN, "first")) as bench:
        buyer = await bench.customer(1, balance="20")
        sandbox.faults.append(Fault(error=LOST))
        doubtful = await bench.buy(buyer)
        await bench.work()
        waiting = await bench.buy(buyer)
        assert await state(bench, doubtful.order.id) is OrderState.IN_DOUBT

    async with opened_with(database_url, sandbox, clock, ("gpk_live_revoked", "new")) as bench:
        await bench.pass_time(40 * 60, step=60)

        assert await state(bench, doubtful.order.id) is OrderState.REVIEW
        assert await state(bench, waiting.order.id) is OrderState.RELEASED


async def test_a_tap_cut_off_at_any_await_buys_once_when_it_is_repeated(bench: Bench) -> None:
    customer = await bench.customer(1, balance="500")
    cuts = []
    for turns in range(0, 120, 6):
        claim = bench.claim(plan="0.120", again=True)
        cuts.append(await cut_off(bench.shop.orders.accept(customer, claim, 5), turns))
        line = await bench.shop.orders.accept(customer, claim, 5)
        await drained(bench)
        assert await state(bench, line.order.id) is OrderState.DELIVERED

    assert any(cuts)
    assert len(bench.sandbox.orders) == len(cuts)
    assert (await bench.shop.audit.run()).is_green


async def test_a_worker_cut_off_at_any_await_loses_no_order_and_buys_none_twice(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="500")
    orders, cuts = [], []
    for turns in range(0, 400, 25):
        line = await bench.buy(customer, plan="0.120")
        orders.append(line.order.id)
        cuts.append(await cut_off(bench.work(), turns))
        bench.restart_workers()
        bench._workers.clear()
        await bench.pass_time(17 * 60, step=120)
        await bench.refresh()

    assert any(cuts)
    found = [await bench.shop.orders.find(order) for order in orders]
    bound = [one.upstream_order_id for one in found if one.state is OrderState.DELIVERED]
    assert sorted(map(str, bound)) == sorted(one.reference for one in bench.sandbox.orders)
    assert {one.state for one in found} <= {OrderState.DELIVERED, OrderState.RELEASED}
    assert bench.sandbox.count("POST") == len(bound)
    assert await lost(bench) == 0
    assert (await bench.shop.audit.run()).is_green

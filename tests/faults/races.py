"""Races: many at once on one wallet, two shops on one database, work cut off at any await."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
from sqlalchemy import func, select, text

from bot.db.models import ExchangeRow, FingerprintRow, OrderRow, OutboxRow, PostingRow
from bot.domain.customers import Customer
from bot.domain.errors import CustomerError, InsufficientFunds, TooManyOrders
from bot.domain.exchanges import ExchangeState
from bot.domain.fingerprints import traits
from bot.domain.money import Money, usd
from bot.domain.orders import Credentials, CustomerId, OrderId, OrderState
from bot.domain.requests import Request, TopUp
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import OWNER, Bench, HandClock, opened, sandbox_for

BUYERS: Final = 50
LOST: Final = httpx.ReadTimeout("lost")
_S = OrderState


async def drain(url: str, seed: int) -> int:
    """Fifty taps at once on a wallet for a few, in two shops on one database; how many bought."""
    chance = random.Random(seed)
    affordable = chance.randrange(1, 10)
    clock = HandClock()
    sandbox = sandbox_for(clock)
    async with opened(url, sandbox, clock) as first, opened(url, sandbox, clock) as second:
        customer = await first.customer(1)
        price = first.offer("nodemaven", "0.120").price
        rest = Money(chance.randrange(0, price.micros // 10_000) * 10_000)
        await first.top_up(customer.id, f"{(price * affordable + rest).micros / 1_000_000:.2f}")
        answers = await asyncio.gather(
            *(chance.choice([first, second]).buy(customer, plan="0.120") for _ in range(BUYERS)),
            return_exceptions=True,
        )
        sold = [one for one in answers if not isinstance(one, BaseException)]
        refused = [one for one in answers if isinstance(one, InsufficientFunds | TooManyOrders)]
        assert len(sold) == affordable, f"{len(sold)} bought with money for {affordable}"
        assert len(refused) == BUYERS - affordable, answers
        assert await first.balance(customer) == rest
        await first.work()
        assert len(sandbox.orders) == affordable
    return len(sold)


async def together(url: str, seed: int) -> None:
    """Buys, top-ups, debits and refunds at once on one wallet: every cent is accounted for."""
    chance = random.Random(seed)
    clock = HandClock()
    sandbox = sandbox_for(clock)
    async with opened(url, sandbox, clock) as first, opened(url, sandbox, clock) as second:
        customer = await first.customer(1, balance="10")
        refunds = []
        for _ in range(3):
            line = await first.buy(customer, plan="0.120")
            await first.work()
            refunds.append(await first.wants_refund(line.order.id))
        moves = [
            (await _asked(first, customer, chance.randrange(1, 300), is_debit=is_debit), is_debit)
            for is_debit in (True, False) * 5
        ]

        def shop() -> Bench:
            return chance.choice([first, second])

        jobs: list[Coroutine[Any, Any, object]] = [
            *(shop().shop.wallets.confirm(request, OWNER) for request, _ in moves * 2),
            *(shop().shop.cases.refund(request, OWNER) for request in refunds * 2),
            *(shop().buy(customer, plan="0.120") for _ in range(10)),
        ]
        chance.shuffle(jobs)
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        strange = [
            one
            for one in answers
            if isinstance(one, BaseException) and not isinstance(one, CustomerError)
        ]
        assert strange == []
        async with first.shop.database.read() as reader:
            done = (
                await reader.execute(
                    select(PostingRow.kind, func.sum(PostingRow.micros), func.count())
                    .where(PostingRow.kind.in_(("hold", "refund", "topup", "debit")))
                    .group_by(PostingRow.kind)
                )
            ).all()
        sums = {kind: int(micros) for kind, micros, _ in done}
        counts = {kind: count for kind, _, count in done}
        assert counts["refund"] == 3
        assert counts["topup"] == 6
        left = sums["topup"] + sums["refund"] - sums["hold"] - sums.get("debit", 0)
        assert await first.balance(customer) == Money(left)


async def two_shops_at_work(url: str, seed: int) -> None:
    """Two processes work on one lane without a lease between them: nothing is bought twice."""
    chance = random.Random(seed)
    clock = HandClock()
    sandbox = sandbox_for(clock)
    async with opened(url, sandbox, clock) as first, opened(url, sandbox, clock) as second:
        customer = await first.customer(1, balance="50")
        for _ in range(4):
            for _ in range(chance.randrange(1, 3)):
                await chance.choice([first, second]).buy(customer, plan="0.120")
            await asyncio.gather(first.work(), second.work())
            clock.turn(chance.uniform(1, 5))
        for _ in range(8):
            clock.turn(150)
            await first.refresh()
            await second.refresh()
            await asyncio.gather(first.work(), second.work())
        async with first.shop.database.read() as reader:
            rows = (await reader.execute(select(OrderRow.state, OrderRow.upstream_order_id))).all()
        sold = [row.upstream_order_id for row in rows if row.state == _S.DELIVERED]
        assert {row.state for row in rows} <= {_S.DELIVERED, _S.RELEASED}
        assert sorted(sold) == sorted(one.reference for one in sandbox.orders)
        assert sandbox.count("POST") == len(sold)


# Exchanges


class Unhurried(StatProxiesSandbox):
    """Answers after a few turns of the loop, so that others get theirs meanwhile."""

    def __init__(self, clock: HandClock, chance: random.Random) -> None:
        super().__init__(clock=lambda: clock.now().timestamp())
        self._chance = chance

    async def handle(self, request: httpx.Request) -> httpx.Response:
        await _turns(self._chance.randrange(30))
        try:
            return await super().handle(request)
        finally:
            await _turns(self._chance.randrange(30))


EXCHANGE: Final = "*/order/exchange/*"
_FAULTS: Final[tuple[Callable[[], list[Fault]], ...]] = (
    list,
    lambda: [Fault(path=EXCHANGE, error=LOST)],
    lambda: [Fault(path=EXCHANGE, error=LOST, is_done=True)],
    lambda: [Fault(path=EXCHANGE, status=429, code="too_many")],
    lambda: [Fault(path=EXCHANGE, status=404, code="not_found_error")],
    lambda: [Fault(method="GET", path="*/fetch/*", status=500, code="x", times=5)],
)


async def exchanges_at_once(url: str, seed: int) -> None:
    """Taps, jobs of two processes, a refund and a complaint at once: no exchange happens twice.

    However each ends, the customer holds what the upstream gave last, and the money is where the
    refund left it.
    """
    chance = random.Random(seed)
    clock = HandClock()
    sandbox = sandbox_for(clock)
    stat = Unhurried(clock, chance)
    async with (
        opened(url, sandbox, clock, stat) as first,
        opened(url, sandbox, clock, stat) as second,
    ):
        customer = await first.customer(1, balance="20")
        orders = [await delivered_piece(first, customer) for _ in range(3)]
        refund = await first.wants_refund(orders[0])
        before = await first.balance(customer)
        stat.faults[:] = [fault for _ in range(2) for fault in chance.choice(_FAULTS)()]

        def shop() -> Bench:
            return chance.choice([first, second])

        async def tap(order: OrderId, intent: str) -> object:
            bench = shop()
            await _turns(chance.randrange(40))
            return await bench.shop.exchanges.ask(customer.id, order, intent)

        async def give_back() -> object:
            await _turns(chance.randrange(80))
            return await shop().shop.cases.refund(refund, OWNER)

        async def complain(order: OrderId) -> object:
            await _turns(chance.randrange(80))
            return await shop().shop.orders.complain(customer.id, order)

        jobs: list[Coroutine[Any, Any, object]] = [
            *(tap(order, intent * 16) for order in orders for intent in "aaabb"),
            *(complain(order) for order in orders * 2),
            give_back(),
            give_back(),
            _exchanging(first, 4),
            _exchanging(second, 4),
        ]
        chance.shuffle(jobs)
        await asyncio.gather(*jobs)
        for _ in range(60):
            clock.turn(20)
            await asyncio.gather(_exchanging(first, 1), _exchanging(second, 1))
        await exchanged_as_told(first)
        states = [(await first.shop.orders.find(order)).state for order in orders]
        assert states == [_S.REFUNDED, _S.DELIVERED, _S.DELIVERED]
        assert (
            await first.balance(customer)
            == before + (await first.shop.orders.find(orders[0])).price
        )
        assert await told(first, orders[1], "customer_complains") == 2


async def pasted_at_once(url: str, seed: int) -> None:
    """Two owners paste what an exchange brought, in two processes: the customer gets one of it."""
    chance = random.Random(seed)
    clock = HandClock()
    sandbox = sandbox_for(clock)
    stat = Unhurried(clock, chance)
    async with (
        opened(url, sandbox, clock, stat, stat_path="") as first,
        opened(url, sandbox, clock, stat, stat_path="") as second,
    ):
        customer = await first.customer(1, balance="20")
        line = await first.buy(customer, "statproxies", "captcha")
        order = line.order.id
        await first.work()
        await first.shop.cases.hand_over(order, "old.example:1:u:p", OWNER)
        await first.shop.exchanges.ask(customer.id, order, "a" * 16)
        await _exchanging(first, 1)
        assert stat.orders[0].exchanges == 1
        pasted = [f"new{number}.example:1:u:p" for number in range(3)]

        async def paste(words: str) -> None:
            bench = chance.choice([first, second])
            await _turns(chance.randrange(20))
            await bench.shop.exchanges.hand_over(order, words, OWNER)

        answers = await asyncio.gather(
            *map(paste, pasted), _exchanging(first, 2), _exchanging(second, 2),
            return_exceptions=True,
        )  # fmt: skip
        strange = [one for one in answers if isinstance(one, BaseException)]
        assert [one for one in strange if not isinstance(one, CustomerError)] == [], strange
        _, held = await first.shop.orders.delivered(order)
        assert isinstance(held, Credentials)
        assert next(proxy.line for proxy in held.proxies) in pasted
        assert await told(first, order, "order_exchanged") == 1


async def delivered_piece(bench: Bench, customer: Customer) -> OrderId:
    """A StatProxies order that the customer has."""
    line = await bench.buy(customer, "statproxies", "captcha")
    await bench.work()
    assert (await bench.shop.orders.find(line.order.id)).state is _S.DELIVERED
    return line.order.id


async def exchanged_as_told(bench: Bench) -> None:
    """Each wish was carried out once at most, and everybody holds what the upstream gave last.

    Who had the money back by then holds the old, and was told of nothing new.
    """
    stat = bench.stat
    async with bench.shop.database.read() as reader:
        wishes = (await reader.execute(select(ExchangeRow.__table__))).all()
        orders = (await reader.execute(select(OrderRow.__table__))).all()
    assert {one.state for one in wishes if one.ended_at is None} == set()
    for made in stat.orders:
        order = next(row for row in orders if row.upstream_order_id == made.reference)
        number = order.id
        mine = [one for one in wishes if one.order_id == number]
        done = sum(one.state == ExchangeState.DONE for one in mine)
        if order.state == _S.REFUNDED:
            assert done <= made.exchanges <= len(mine)
        else:
            assert made.exchanges == done, [one.state for one in mine]
        requests = stat.count("POST", f"{EXCHANGE[:-1]}{made.reference}")
        assert requests <= sum(one.tries for one in mine)
        _, held = await bench.shop.orders.delivered(OrderId(number))
        assert isinstance(held, Credentials)
        assert {proxy.password for proxy in held.proxies} == {stat._password(made, done)}
        assert await told(bench, OrderId(number), "order_exchanged") == done
        vault = bench.shop.audit._vault
        async with bench.shop.database.read() as reader:
            marks = await reader.scalars(
                select(FingerprintRow.fingerprint).where(FingerprintRow.order_id == number)
            )
            assert set(marks) == {vault.fingerprints(trait)[0] for trait in traits(held)}


async def told(bench: Bench, order: OrderId, kind: str) -> int:
    """How many notices of this kind are owed about an order."""
    query = select(func.count()).where(
        OutboxRow.order_id == order, OutboxRow.notice.contains(f'"{kind}"')
    )
    async with bench.shop.database.read() as reader:
        return await reader.scalar(query) or 0


async def _exchanging(bench: Bench, times: int) -> None:
    """The job of exchanges in one process, so often; a process never has two of it at once."""
    for _ in range(times):
        await bench.shop.exchanges.step()
        await asyncio.sleep(0)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# Cut off at any await


@dataclass(frozen=True, slots=True)
class Cut:
    """Something that is cut off somewhere and done again, and must have happened once.

    `prepare` returns what is done and what is checked after it was done to its end.
    """

    prepare: Callable[[Bench], Awaitable[tuple[Act, Check]]]


Act = Callable[[], Coroutine[Any, Any, object]]
Check = Callable[[], Coroutine[Any, Any, None]]


async def cut_off(work: Awaitable[object], turns: int) -> bool:
    """Cancel it after so many turns of the loop; False if it was done by then."""
    task = asyncio.gather(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    is_cut = task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return is_cut


async def cut_and_repeat(bench: Bench, name: str, turns: int) -> bool:
    """Prepare, cut off after so many turns, do it again, and look; whether it was cut off."""
    act, check = await CUTS[name].prepare(bench)
    is_cut = await cut_off(act(), turns)
    # What was cut off in a worker leaves a process that ends.
    bench.restart_workers()
    await act()
    await check()
    return is_cut


async def _asked(bench: Bench, customer: Customer, cents: int, *, is_debit: bool) -> Request:
    asked = TopUp(customer.id, Money(cents * 10_000), secrets.token_hex(4), is_debit)
    preview = await bench.shop.wallets.preview(asked, OWNER)
    return await bench.shop.requests.open(preview.request, OWNER)


def _moves_money(*, is_debit: bool) -> Cut:
    async def prepare(bench: Bench) -> tuple[Act, Check]:
        customer = await bench.customer(1, balance="5")
        before = await bench.balance(customer)
        request = await _asked(bench, customer, 300, is_debit=is_debit)

        async def check() -> None:
            after = before - usd("3") if is_debit else before + usd("3")
            assert await bench.balance(customer) == after

        return lambda: bench.shop.wallets.confirm(request, OWNER), check

    return Cut(prepare)


async def _bought(bench: Bench, *faults: Fault) -> tuple[Customer, OrderId]:
    customer = await bench.customer(1, balance="5")
    bench.sandbox.faults[:] = faults
    await bench.refresh()
    line = await bench.buy(customer, plan="0.120")
    if faults != (_STAYS_IN_LINE,):
        await bench.work()
    return customer, line.order.id


_STAYS_IN_LINE: Final = Fault(method="DELETE")
_ONE: Final = CustomerId(1)


def _ends(
    state: OrderState,
    *faults: Fault,
    act: Callable[[Bench, OrderId], Coroutine[Any, Any, object]],
    arrange: Callable[[Bench, OrderId], Awaitable[object]] | None = None,
) -> Cut:
    """An order with these faults, that this act brings to this state; its money goes along."""

    async def prepare(bench: Bench) -> tuple[Act, Check]:
        customer, order = await _bought(bench, *faults)
        held = await bench.balance(customer)
        price = (await bench.shop.orders.find(order)).price
        if arrange is not None:
            await arrange(bench, order)

        async def check() -> None:
            found = await bench.shop.orders.find(order)
            assert found.state is state, (found.state, found.reason)
            is_back = state in {_S.RELEASED, _S.REFUNDED}
            assert await bench.balance(customer) == (held + price if is_back else held)
            if state not in {_S.DELIVERED, _S.RELEASED, _S.REFUNDED}:
                # Nothing is left open for the next one.
                await bench.shop.placing.review(order, "test")
                await bench.shop.cases.give_back(order, OWNER)

        return lambda: act(bench, order), check

    return Cut(prepare)


async def _reviewed(bench: Bench, order: OrderId) -> None:
    await bench.shop.placing.review(order, "test")


async def _turned(bench: Bench, seconds: float) -> None:
    bench.clock.turn(seconds)
    await bench.refresh()


async def _bind(bench: Bench, order: OrderId) -> None:
    upstream = bench.sandbox.orders[-1].reference
    async with bench.shop.database.read() as reader:
        row = await reader.scalar(
            text("SELECT id FROM upstream_orders WHERE reference = :ref").bindparams(ref=upstream)
        )
    await bench.shop.cases.bind(order, int(row or 0), OWNER)


async def _listed(bench: Bench, order: OrderId) -> None:
    await _reviewed(bench, order)
    for lane in bench.shop.lanes:
        await bench.shop.lanes.listings.read(lane)


async def _refunded(bench: Bench, order: OrderId) -> object:
    async with bench.shop.database.read() as reader:
        request = await reader.scalar(text("SELECT max(id) FROM requests"))
    found = await bench.shop.requests.open(request, OWNER)
    return await bench.shop.cases.refund(found, OWNER)


def _taps() -> Cut:
    async def prepare(bench: Bench) -> tuple[Act, Check]:
        customer = await bench.customer(1, balance="5")
        await bench.refresh()
        before = await bench.balance(customer)
        claim = bench.claim(plan="0.120", again=True)

        async def check() -> None:
            assert await bench.balance(customer) == before - claim.price
            line = await bench.shop.orders.accept(customer, claim, 5)
            await bench.work()
            assert (await bench.shop.orders.find(line.order.id)).state is _S.DELIVERED

        return lambda: bench.shop.orders.accept(customer, claim, 5), check

    return Cut(prepare)


def _strays() -> Cut:
    async def prepare(bench: Bench) -> tuple[Act, Check]:
        await bench.work()
        token = next(iter(bench.sandbox.accounts))
        bench.sandbox._make(bench.sandbox.accounts[token], token, "nodemaven", "0.500", Fault())
        reference = bench.sandbox.orders[-1].reference
        await _turned(bench, 301)

        async def look() -> None:
            bench._workers.clear()
            await bench.work()

        async def check() -> None:
            async with bench.shop.database.read() as reader:
                booked = await reader.scalar(
                    select(func.count())
                    .select_from(PostingRow)
                    .where(PostingRow.reference == f"stray:gateproxy:{reference}")
                )
            assert booked == 1

        return look, check

    return Cut(prepare)


def _marks_up() -> Cut:
    async def prepare(bench: Bench) -> tuple[Act, Check]:
        # A rule that holds already is no change, so two of them take turns.
        now = bench.offer("abcproxy", "1").price
        rule, price = ("60%", usd("3.36")) if now == usd("3.15") else ("50%", usd("3.15"))
        preview = await bench.shop.markup.preview(f"abcproxy {rule}", OWNER)
        request = await bench.shop.requests.open(preview.request, OWNER)
        before = len((await bench.shop.markup.history(0)).changes)

        async def check() -> None:
            page = await bench.shop.markup.history(0)
            assert len(page.changes) == min(before + 1, 8)
            assert bench.offer("abcproxy", "1").price == price

        return lambda: bench.shop.markup.apply(request, OWNER), check

    return Cut(prepare)


async def _work_anew(bench: Bench, _: OrderId) -> None:
    bench._workers.clear()
    await bench.work()


def _exchanges(
    *faults: Fault,
    act: Callable[[Bench, OrderId], Coroutine[Any, Any, object]],
    arrange: Callable[[Bench, OrderId], Awaitable[object]] | None = None,
) -> Cut:
    """A StatProxies order that is exchanged, however late that comes out."""

    async def prepare(bench: Bench) -> tuple[Act, Check]:
        customer = await bench.customer(1, balance="5")
        await bench.refresh()
        order = await delivered_piece(bench, customer)
        bench.stat.faults[:] = faults
        if arrange is not None:
            await arrange(bench, order)
        before = await bench.balance(customer)

        async def check() -> None:
            for _ in range(60):
                bench.clock.turn(20)
                await bench.shop.exchanges.step()
            await exchanged_as_told(bench)
            assert await bench.balance(customer) == before

        return lambda: act(bench, order), check

    return Cut(prepare)


async def _wish(bench: Bench, order: OrderId) -> object:
    return await bench.shop.exchanges.ask(_ONE, order, "a" * 16)


async def _sent(bench: Bench, order: OrderId) -> None:
    await _wish(bench, order)
    await bench.shop.exchanges.step()


async def _exchange_job(bench: Bench, _: OrderId) -> None:
    await bench.shop.exchanges.step()


CUTS: Final[Mapping[str, Cut]] = {
    "tap on Buy": _taps(),
    "top-up": _moves_money(is_debit=False),
    "debit": _moves_money(is_debit=True),
    "markup": _marks_up(),
    "cancel in line": _ends(
        _S.RELEASED,
        _STAYS_IN_LINE,
        arrange=lambda bench, _: _turned(bench, 21),
        act=lambda bench, order: bench.shop.orders.cancel(_ONE, order),
    ),
    "refund": _ends(
        _S.REFUNDED,
        arrange=lambda bench, order: bench.shop.cases.preview_refund(order, "broken", OWNER),
        act=_refunded,
    ),
    "review: give back": _ends(
        _S.RELEASED,
        Fault(error=LOST),
        arrange=_reviewed,
        act=lambda bench, order: bench.shop.cases.give_back(order, OWNER),
    ),
    "review: by hand": _ends(
        _S.DELIVERED,
        Fault(error=LOST),
        arrange=_reviewed,
        act=lambda bench, order: bench.shop.cases.hand_over(order, "a.example:1:u:p", OWNER),
    ),
    "review: keep waiting": _ends(
        _S.IN_DOUBT,
        Fault(error=LOST),
        arrange=_reviewed,
        act=lambda bench, order: bench.shop.cases.keep_waiting(order, OWNER),
    ),
    "review: bind": _ends(
        _S.PREPARING, Fault(error=LOST, is_done=True), arrange=_listed, act=_bind
    ),
    "found by listing": _ends(
        _S.DELIVERED,
        Fault(error=LOST, is_done=True),
        arrange=lambda bench, _: _turned(bench, 4),
        act=_work_anew,
    ),
    "given up after the quarantine": _ends(
        _S.RELEASED,
        Fault(error=LOST),
        arrange=lambda bench, _: _turned(bench, timedelta(minutes=16).total_seconds()),
        act=_work_anew,
    ),
    "polled until it is there": _ends(
        _S.DELIVERED,
        Fault(pending=1),
        arrange=lambda bench, _: _turned(bench, 5),
        act=_work_anew,
    ),
    "strays written off": _strays(),
    "exchange: tap": _exchanges(act=_wish),
    "exchange: sent": _exchanges(arrange=_wish, act=_exchange_job),
    "exchange: read": _exchanges(arrange=_sent, act=_exchange_job),
    "exchange: read after a lost answer": _exchanges(
        Fault(path=EXCHANGE, error=LOST, is_done=True), arrange=_sent, act=_exchange_job
    ),
}
"""Everything that moves money or orders, and what cuts it off."""

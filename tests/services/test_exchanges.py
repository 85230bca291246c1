"""Guards of an exchange that only show when something happens at the worst moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.db.models import DeliveryRow, ExchangeRow
from bot.domain.errors import DeliveredBefore
from bot.domain.exchanges import ExchangeState
from bot.domain.orders import Claim, Credentials, CustomerId, OrderId, Proxy, parse_proxies
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import OWNER, Bench, HandClock, opened
from tests.conftest import ON_SQLITE
from tests.faults.races import EXCHANGE, LOST, delivered_piece, exchanged_as_told, told
from tests.growth import growing
from tests.services.test_guards import Broken, breaking

_S = ExchangeState


class Meddled(StatProxiesSandbox):
    """Something else happens once while an answer is on its way: of an exchange, or a reading."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    meddles_with = "/exchange/"

    async def handle(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle(request)
        finally:
            meanwhile = self.meanwhile
            if meanwhile is not None and self.meddles_with in request.url.path:
                self.meanwhile = None
                await meanwhile()


@pytest.fixture
def stat(clock: HandClock) -> Meddled:
    return Meddled(clock=lambda: clock.now().timestamp())


async def wished(bench: Bench, count: int) -> list[OrderId]:
    """Orders of one customer that are all to be exchanged."""
    customer = await bench.customer(1, balance="20")
    orders = [await delivered_piece(bench, customer) for _ in range(count)]
    for order in orders:
        await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
    return orders


async def states(bench: Bench) -> list[ExchangeState]:
    query = select(ExchangeRow.state).order_by(ExchangeRow.id)
    async with bench.shop.database.read() as reader:
        return [_S(state) for state in await reader.scalars(query)]


async def settle(bench: Bench) -> None:
    """Let the job run until everything about exchanges has ended."""
    for _ in range(60):
        bench.clock.turn(20)
        await bench.shop.exchanges.step()


async def test_what_another_process_has_sent_meanwhile_is_not_ended_by_an_old_look(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with (
        opened(database_url, sandbox, clock, stat) as first,
        opened(database_url, sandbox, clock, stat) as second,
    ):
        await wished(first, 2)
        stat.has_exchange = False

        async def switched_on() -> None:
            stat.has_exchange = True
            await second.shop.exchanges.step()

        stat.meanwhile = switched_on
        await first.shop.exchanges.step()
        await settle(second)

        assert [one.exchanges for one in stat.orders] == [0, 1]
        assert await states(second) == [_S.LACKING, _S.DONE]
        await exchanged_as_told(second)


async def test_an_order_refunded_while_others_are_sent_is_not_exchanged(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        orders = await wished(bench, 2)
        request = await bench.wants_refund(orders[1])

        stat.meanwhile = lambda: bench.shop.cases.refund(request, OWNER)
        await bench.shop.exchanges.step()
        await settle(bench)

        assert [one.exchanges for one in stat.orders] == [1, 0]
        assert await states(bench) == [_S.DONE, _S.REFUSED]
        await exchanged_as_told(bench)


@pytest.mark.parametrize(
    ("where", "answer"),
    [("/exchange/", None), ("/exchange/", LOST), ("/fetch/", None)],
    ids=["sent", "lost", "read"],
)
async def test_nobody_gets_new_proxies_of_an_order_refunded_while_it_is_read(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled,
    where: str, answer: Exception | None,
) -> None:  # fmt: skip
    async with opened(database_url, sandbox, clock, stat) as bench:
        [order] = await wished(bench, 1)
        if answer is not None:
            stat.faults.append(Fault(path=EXCHANGE, error=answer, is_done=True))
        _, before = await bench.shop.orders.delivered(order)
        request = await bench.wants_refund(order)

        stat.meanwhile = lambda: bench.shop.cases.refund(request, OWNER)
        stat.meddles_with = where
        await settle(bench)
        clock.turn(301)
        await bench.shop.exchanges.watch()

        assert stat.orders[0].exchanges == 1
        assert await states(bench) == [_S.UNCHANGED]
        assert (await bench.shop.orders.delivered(order))[1] == before
        assert await told(bench, order, "order_exchanged") == 0
        assert await told(bench, order, "exchange_told") == 0
        await exchanged_as_told(bench)


async def test_an_order_refunded_after_its_exchange_was_given_up_is_not_looked_at_any_more(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        [order] = await wished(bench, 1)
        stat.faults.append(Fault(path=EXCHANGE, error=LOST))
        await settle(bench)
        await bench.shop.cases.refund(await bench.wants_refund(order), OWNER)
        stat.orders[0].exchanges += 1
        read = stat.count("GET", "*/fetch/*")

        clock.turn(3600)
        await bench.shop.exchanges.watch()

        assert stat.count("GET", "*/fetch/*") == read
        assert await states(bench) == [_S.UNCHANGED]
        assert await told(bench, order, "order_exchanged") == 0


async def test_an_exchange_that_leaves_too_late_is_not_sent(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async with opened(database_url, sandbox, clock, stat) as bench:
        await wished(bench, 1)
        really_begin = bench.shop.exchanges._moves.begin

        async def frozen(row: Any) -> bool:
            has_begun = await really_begin(row)
            clock.turn(60)
            return has_begun

        monkeypatch.setattr(bench.shop.exchanges._moves, "begin", frozen)
        await bench.shop.exchanges.step()
        await settle(bench)

        assert stat.count("POST", EXCHANGE) == 0
        assert await states(bench) == [_S.UNCHANGED]
        await exchanged_as_told(bench)


async def test_new_proxies_that_nobody_would_be_told_of_do_not_replace_the_old_ones(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        [order] = await wished(bench, 1)
        _, before = await bench.shop.orders.delivered(order)
        await bench.shop.exchanges.step()

        with breaking(bench.shop.database, "INSERT INTO outbox"), pytest.raises(Broken):
            await bench.shop.exchanges.step()

        assert await bench.shop.orders.delivered(order) == (
            await bench.shop.orders.find(order),
            before,
        )
        await settle(bench)
        assert await states(bench) == [_S.DONE]
        await exchanged_as_told(bench)


async def test_an_account_that_may_not_exchange_is_asked_once(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        await wished(bench, 3)
        stat.has_exchange = False

        await bench.shop.exchanges.step()

        assert stat.count("POST", EXCHANGE) == 1
        assert await states(bench) == [_S.LACKING] * 3


async def test_nobody_gets_by_an_exchange_what_another_customer_has(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat, stat_path="") as bench:
        orders = []
        for number, line in ((1, "a.example:1:u:p"), (2, "b.example:2:v:q")):
            customer = await bench.customer(number, balance="5")
            order = (await bench.buy(customer, "statproxies", "captcha")).order.id
            await bench.work()
            await bench.shop.cases.hand_over(order, line, OWNER)
            orders.append(order)
        await bench.shop.exchanges.ask(CustomerId(1), orders[0], "a" * 16)
        await bench.shop.exchanges.step()

        with pytest.raises(DeliveredBefore):
            await bench.shop.exchanges.hand_over(orders[0], "b.example:2:v:q", OWNER)

        _, held = await bench.shop.orders.delivered(orders[0])
        assert held == parse_proxies("a.example:1:u:p")
        assert await bench.shop.exchanges.waits_for_owner(orders[0])


async def test_an_exchange_that_is_done_after_it_was_given_up_reaches_its_customer(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        [order] = await wished(bench, 1)
        stat.faults.append(Fault(path=EXCHANGE, error=LOST))
        await settle(bench)
        assert await states(bench) == [_S.UNCHANGED]

        # What was asked for an hour ago is done now.
        clock.turn(3600)
        stat.orders[0].exchanges += 1
        for _ in range(2):
            clock.turn(301)
            await bench.shop.exchanges.watch()

        assert await states(bench) == [_S.DONE]
        assert await told(bench, order, "order_exchanged") == 1
        await exchanged_as_told(bench)


@pytest.mark.parametrize("when", ["asked", "sent", "given up"])
async def test_no_exchange_waits_as_long_as_a_clock_was_ahead(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled, when: str
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        clock._now += timedelta(days=1)
        await bench.refresh()
        [order] = await wished(bench, 1)
        if when != "asked":
            stat.faults.append(Fault(path=EXCHANGE, error=LOST))
            await bench.shop.exchanges.step()
        if when == "given up":
            await settle(bench)
            assert await states(bench) == [_S.UNCHANGED]
            await bench.shop.exchanges.watch()

        clock._now -= timedelta(days=1)
        await settle(bench)
        assert await states(bench) == [_S.DONE if when == "asked" else _S.UNCHANGED]
        if when != "asked":
            stat.orders[0].exchanges += 1
            for _ in range(2):
                clock.turn(301)
                await bench.shop.exchanges.watch()

        assert await states(bench) == [_S.DONE]
        assert await told(bench, order, "order_exchanged") == 1
        await exchanged_as_told(bench)


async def test_credentials_that_cannot_be_opened_hold_up_no_other_exchange(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        damaged, whole = await wished(bench, 2)
        async with bench.shop.database.write() as tx:
            sealed = await tx.scalar(select(DeliveryRow.sealed).filter_by(order_id=damaged))
            assert sealed is not None
            await tx.execute(
                update(DeliveryRow).filter_by(order_id=damaged).values(sealed=sealed[:-1])
            )

        await settle(bench)

        # What the provider shows takes the place of what nobody could read.
        assert await states(bench) == [_S.DONE, _S.DONE]
        assert await told(bench, whole, "order_exchanged") == 1
        await exchanged_as_told(bench)


@ON_SQLITE
async def test_what_waits_for_an_owner_is_not_looked_for_among_all_orders(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        await wished(bench, 1)

        for look in (bench.shop.cases.inbox, bench.shop.desk.state):
            steps = await growing(bench, look())
            assert [step for step in steps if step.startswith("SCAN orders")] == []


@ON_SQLITE
async def test_an_exchange_costs_the_same_however_many_orders_there_are(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        await wished(bench, 1)

        steps = [
            step for _ in range(2) for step in await growing(bench, bench.shop.exchanges.step())
        ]
        steps += await growing(bench, bench.shop.exchanges.watch())

        assert await states(bench) == [_S.DONE]
        # Those under way have an index of their own, and are few.
        few = "SCAN exchanges USING INDEX uq_exchanges_under_way"
        assert [step for step in steps if step.startswith("SCAN") and step != few] == []


async def test_an_old_reading_never_takes_the_place_of_newer_proxies(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: Meddled
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        [order] = await wished(bench, 1)
        stat.faults.append(Fault(path=EXCHANGE, error=LOST))
        await settle(bench)
        clock.turn(301)

        async def exchanged_anew() -> None:
            await bench.shop.exchanges.ask(CustomerId(1), order, "b" * 16)
            await settle(bench)

        stat.meanwhile = exchanged_anew
        stat.meddles_with = "/fetch/"
        await bench.shop.exchanges.watch()

        assert await states(bench) == [_S.UNCHANGED, _S.DONE]
        await exchanged_as_told(bench)


class OneByOne(Meddled):
    """It exchanges the proxies of an order one after another, and lists what it has so far."""

    pause = 10.0
    most = 100
    began_at: float | None = None

    def _exchange(self, key: str, reference: str) -> httpx.Response:
        self.began_at = self._clock()
        return super()._exchange(key, reference)

    def _one(self, key: str, product: str, reference: str) -> httpx.Response:
        answer = super()._one(key, product, reference)
        order = self._find(key, reference)
        if self.began_at is None or order is None:
            return answer
        done = min(int((self._clock() - self.began_at) // self.pause), self.most)
        order.exchanges -= 1
        old = super()._one(key, product, reference).json()["order"]["proxies"]
        order.exchanges += 1
        body = answer.json()
        body["order"]["proxies"] = [*body["order"]["proxies"][:done], *old[done:]]
        return httpx.Response(200, json=body)


async def pieces_wished(bench: Bench, quantity: int) -> OrderId:
    """One order of so many pieces that is to be exchanged."""
    customer = await bench.customer(1, balance="50")
    offer = bench.offer("statproxies", "captcha")
    claim = Claim.of(offer, "b" * 16, again=True, quantity=quantity)
    order = (await bench.shop.orders.accept(customer, claim, None)).order.id
    await bench.work()
    await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
    return order


async def listed(bench: Bench) -> Credentials:
    """What the provider shows of the only order now."""
    made = bench.stat.orders[0]
    rows = bench.stat._one(made.key, made.product, made.reference).json()["order"]["proxies"]
    return Credentials(
        tuple(Proxy(one["ip"], one["port"], made.reference, one["password"]) for one in rows)
    )


@pytest.mark.parametrize("pause", [7.0, 10.0, 55.0])
@pytest.mark.parametrize("answer", [None, LOST], ids=["answered", "lost"])
async def test_proxies_exchanged_one_after_another_are_delivered_when_all_are_new(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, pause: float,
    answer: Exception | None,
) -> None:  # fmt: skip
    stat = OneByOne(clock=lambda: clock.now().timestamp())
    stat.pause = pause
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await pieces_wished(bench, 5)
        if answer is not None:
            stat.faults.append(Fault(path=EXCHANGE, error=answer, is_done=True))

        for _ in range(600):
            await bench.shop.exchanges.step()
            clock.turn(1)

        assert await states(bench) == [_S.DONE]
        assert await told(bench, order, "order_exchanged") == 1
        assert (await bench.shop.orders.delivered(order))[1] == await listed(bench)


async def test_an_address_that_stays_is_delivered_with_the_new_ones_after_a_while(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    stat = OneByOne(clock=lambda: clock.now().timestamp())
    stat.most = 4
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await pieces_wished(bench, 5)

        for _ in range(60):
            await bench.shop.exchanges.step()
            clock.turn(1)
        assert await states(bench) == [_S.READING]
        await settle(bench)

        assert await states(bench) == [_S.DONE]
        assert (await bench.shop.orders.delivered(order))[1] == await listed(bench)


async def test_an_exchange_given_up_is_not_delivered_while_it_is_half_done(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    stat = OneByOne(clock=lambda: clock.now().timestamp())
    stat.pause = 200
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await pieces_wished(bench, 5)
        stat.faults.append(Fault(path=EXCHANGE, error=LOST))
        await settle(bench)
        assert await states(bench) == [_S.UNCHANGED]

        stat.orders[0].exchanges += 1
        stat.began_at = clock.now().timestamp()
        for _ in range(5):
            clock.turn(301)
            await bench.shop.exchanges.watch()

        assert await states(bench) == [_S.DONE]
        assert (await bench.shop.orders.delivered(order))[1] == await listed(bench)

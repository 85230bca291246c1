"""What was exchanged after a backup: found at the provider after a restore, and delivered."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bot.app import restore
from bot.db.models import ExchangeRow, OutboxRow
from bot.domain.errors import TooLate
from bot.domain.exchanges import ExchangeState
from bot.domain.orders import Credentials, CustomerId, OrderId, OrderState
from bot.services.restores import Restored
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import (
    OTHER_OWNER,
    OWNER,
    Bench,
    HandClock,
    opened,
    settings_for,
    stat_account,
    stat_sandbox_for,
)
from tests.conftest import ON_SQLITE
from tests.faults.races import delivered_piece, exchanged_as_told, told
from tests.growth import growing
from tests.services.findings import owed
from tests.stories.conftest import ShopFloor
from tests.telegram import Customer

FETCH = "*/fetch/*"
OLD = "\n".join(f"198.51.100.{one}:6000:ann:secret" for one in (7, 8, 9))
NEW = OLD.replace("198.51.100.", "203.0.113.")
BY_HAND = pytest.mark.parametrize("stat_path", [""])


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    """The pretend StatProxies: `orders` it made, `exchanges` of each, `faults` to come."""
    return stat_sandbox_for(clock)


async def buy(customer: Customer) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("3")
    await customer.tap("Buy")


async def restored(app: ShopFloor) -> None:
    """These books are those of a backup: what they know of is older than the world."""
    await app.shop.placing.set_aside()


async def rows(bench: Bench) -> list[ExchangeState]:
    query = select(ExchangeRow.state).order_by(ExchangeRow.id)
    async with bench.shop.database.read() as reader:
        return [ExchangeState(state) for state in await reader.scalars(query)]


async def watched(bench: Bench, times: int = 1) -> None:
    """The job that looks late, so often."""
    for _ in range(times):
        bench.clock.turn(301)
        await bench.shop.exchanges.watch()


async def held(bench: Bench, order: OrderId) -> set[str]:
    """The passwords that an order's customer has."""
    _, found = await bench.shop.orders.delivered(order)
    assert isinstance(found, Credentials)
    return {proxy.password for proxy in found.proxies}


async def test_who_exchanged_after_the_backup_gets_the_new_proxies_again(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    stat.orders[0].exchanges += 1

    await restored(app)
    await owner.send("/order 1")
    assert "after a restore: still to be compared with the provider" in owner.text
    await app.pass_time(120, step=10)

    new = customer.messages[-1].text
    assert "The proxies of order #1 are exchanged." in new
    assert "198.51.100.41:6000" in new
    assert stat.count("POST", "*/order/exchange/*") == 0
    await owner.send("/order 1")
    assert "after a restore: other proxies were found, and delivered anew" in owner.text
    assert "wanted by the customer" not in owner.text
    await customer.send("/orders")
    await customer.tap("#1")
    await customer.tap("Show credentials")
    assert "198.51.100.41:6000" in customer.messages[-1].text


async def test_who_exchanged_nothing_hears_nothing_and_is_soon_let_be(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await owner.send("/shop")
    read = stat.count("GET", FETCH)
    heard = len(customer.messages), len(owner.messages)

    await restored(app)
    await app.pass_time(1200, step=30)
    last = stat.count("GET", FETCH)
    assert 0 < last - read <= 4
    await app.pass_time(3600, step=60)

    assert stat.count("GET", FETCH) == last
    assert (len(customer.messages), len(owner.messages)) == heard
    assert await rows(app.bench) == []
    await owner.send("/order 1")
    assert "restore" not in owner.text


@pytest.mark.parametrize("restores", [1, 2], ids=["restored once", "restored twice"])
async def test_what_was_sent_just_before_the_books_were_lost_is_found_when_it_is_done(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox,
    restores: int,
) -> None:  # fmt: skip
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await delivered_piece(bench, await bench.customer(1, balance="20"))
        for _ in range(restores):
            # The second one puts back what was backed up meanwhile, and waits as long again.
            clock.turn(240)
            await bench.shop.placing.set_aside()
            await watched(bench, 2)

        stat.orders[0].exchanges += 1
        await watched(bench)

        assert await rows(bench) == [ExchangeState.DONE]
        assert await told(bench, order, "order_exchanged") == 1
        await exchanged_as_told(bench)


async def test_a_lost_exchange_is_looked_for_at_once_though_the_clock_of_the_restore_was_ahead(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await delivered_piece(bench, await bench.customer(1, balance="20"))
        stat.orders[0].exchanges += 1
        clock._now += timedelta(days=1)
        await bench.shop.placing.set_aside()
        clock._now -= timedelta(days=1)

        await watched(bench)

        assert await rows(bench) == [ExchangeState.DONE]
        assert await held(bench, order) == {stat._password(stat.orders[0])}


async def test_an_order_is_looked_at_until_it_could_be_read_whoever_is_killed_meanwhile(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await delivered_piece(bench, await bench.customer(1, balance="20"))
        stat.orders[0].exchanges += 1
        await bench.shop.placing.set_aside()
        stat.faults.append(Fault(method="GET", path=FETCH, status=500, code="x", times=10_000))
        await watched(bench, 3)
        clock.turn(5 * 86_400)
        await watched(bench)
        assert await told(bench, order, "order_exchanged") == 0

    stat.faults.clear()
    async with opened(database_url, sandbox, clock, stat) as bench:
        await watched(bench, 3)

        assert await rows(bench) == [ExchangeState.DONE]
        assert await told(bench, order, "order_exchanged") == 1
        await exchanged_as_told(bench)


async def test_only_what_still_runs_and_can_be_exchanged_is_read(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="30")
        await delivered_piece(bench, customer)
        clock.turn(31 * 86_400)
        await bench.refresh()
        refunded = await delivered_piece(bench, customer)
        await bench.buy(customer)
        await bench.work()
        request = await bench.wants_refund(refunded)
        runs_out = await delivered_piece(bench, customer)
        read = stat.count("GET", FETCH), sandbox.count("GET")

        await bench.shop.placing.set_aside()
        assert await rows(bench) == [ExchangeState.UNCHANGED] * 2
        await bench.shop.cases.refund(request, OWNER)
        stat.faults.append(Fault(method="GET", path=FETCH, status=500, code="x", times=10_000))
        await watched(bench)
        assert await rows(bench) == [ExchangeState.UNCHANGED]
        clock.turn(31 * 86_400)
        await watched(bench)

        assert await rows(bench) == []
        assert sandbox.count("GET") == read[1]
        assert await told(bench, runs_out, "order_exchanged") == 0


@pytest.mark.parametrize("is_ours", [False, True], ids=["an owner's", "the shop's own"])
async def test_who_got_proxies_by_hand_never_gets_those_that_somebody_else_bought(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox,
    is_ours: bool,
) -> None:  # fmt: skip
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        stat.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=is_ours))
        unreadable = Fault(method="GET", path="*/list", status=500, times=10_000)
        order = (await bench.buy(customer, "statproxies", "captcha")).order.id
        await bench.work()
        stat.faults.append(unreadable)
        await bench.pass_time(32 * 60, step=10)
        await bench.shop.cases.hand_over(order, OLD.splitlines()[0], OWNER)
        stat.faults.clear()
        if not is_ours:
            await stat_account(httpx.MockTransport(stat.handle)).upstream.place(
                "", "captcha", 1, "a"
            )
            stat.orders[0].tag = None
        await bench.pass_time(11 * 60, step=30)

        await bench.shop.placing.set_aside()
        await watched(bench, 4)

        found = await bench.shop.orders.find(order)
        assert found.upstream_order_id == (stat.orders[0].reference if is_ours else None)
        assert await held(bench, order) == {
            stat._password(stat.orders[0]) if is_ours else "secret"
        }
        strays = [one for one in await owed(bench, OWNER) if "stray_found" in one]
        assert len(strays) == (0 if is_ours else 1)


async def test_a_wish_of_today_is_not_undone_by_what_is_read_after_a_restore(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        order = await delivered_piece(bench, customer)
        await bench.shop.placing.set_aside()
        clock.turn(900)

        await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
        await watched(bench)
        assert await rows(bench) == [ExchangeState.UNCHANGED, ExchangeState.ASKED]
        for _ in range(5):
            await bench.shop.exchanges.step()
            clock.turn(10)
        await watched(bench, 4)

        # What was read at last is what today's exchange brought: nothing was lost.
        assert await rows(bench) == [ExchangeState.DONE]
        await exchanged_as_told(bench)


async def test_a_wish_of_today_that_is_done_late_is_found_beside_the_lost_one(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        order = await delivered_piece(bench, customer)
        stat.orders[0].exchanges += 1
        await bench.shop.placing.set_aside()
        clock.turn(1000)
        stat.faults.append(Fault(path="*/exchange/*", error=httpx.ReadTimeout("lost")))
        await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
        for _ in range(3):
            await bench.shop.exchanges.step()
            clock.turn(2)
        # What the lost exchange brought was taken for what today's one brings.
        assert await rows(bench) == [ExchangeState.UNCHANGED, ExchangeState.DONE]

        await bench.shop.exchanges.watch()
        stat.orders[0].exchanges += 1
        await watched(bench, 2)

        assert await held(bench, order) == {stat._password(stat.orders[0])}
        assert await rows(bench) == [ExchangeState.DONE] * 2


async def test_a_second_restore_looks_no_twice_at_an_order(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        order = await delivered_piece(bench, await bench.customer(1, balance="20"))
        await bench.shop.placing.set_aside()
        await bench.shop.placing.set_aside()
        assert await rows(bench) == [ExchangeState.UNCHANGED]
        stat.orders[0].exchanges += 1
        await watched(bench, 2)
        assert await rows(bench) == [ExchangeState.DONE]

        stat.orders[0].exchanges += 1
        await bench.shop.placing.set_aside()
        await watched(bench, 2)

        assert await rows(bench) == [ExchangeState.DONE] * 2
        assert await told(bench, order, "order_exchanged") == 2


async def test_what_an_owner_says_of_a_later_exchange_is_not_undone_by_another_owner(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat, stat_path="") as bench:
        customer = await bench.customer(1, balance="20")
        order = (await bench.buy(customer, "statproxies", "captcha")).order.id
        await bench.work()
        await bench.shop.cases.hand_over(order, "198.51.100.7:6000:ann:first", OWNER)
        await bench.shop.placing.set_aside()
        # The other owner copies what the order holds now, and is in no hurry.
        copied = "198.51.100.8:6000:ann:lost"

        await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
        for _ in range(2):
            await bench.shop.exchanges.step()
        await bench.shop.exchanges.hand_over(order, "198.51.100.9:6000:ann:last", OWNER)
        with pytest.raises(TooLate):
            await bench.shop.exchanges.hand_over(order, copied, OTHER_OWNER)

        assert await held(bench, order) == {"last"}
        assert await rows(bench) == [ExchangeState.DONE]


@pytest.mark.parametrize("is_reviewed", [False, True], ids=["being prepared", "under review"])
async def test_who_waited_when_the_books_were_saved_gets_what_is_exchanged_late(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox,
    is_reviewed: bool,
) -> None:  # fmt: skip
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        stat.faults.append(Fault(method="GET", path=FETCH, status=500, code="x", times=10_000))
        order = (await bench.buy(customer, "statproxies", "captcha")).order.id
        await bench.pass_time(31 * 60 if is_reviewed else 1, step=10)
        expected = OrderState.REVIEW if is_reviewed else OrderState.PREPARING
        assert (await bench.shop.orders.find(order)).state is expected

        # Delivered in the books that are lost, and wanted exchanged just before.
        await bench.shop.placing.set_aside()
        stat.faults.clear()
        await watched(bench)
        assert not await bench.shop.exchanges.waits_for_owner(order)
        assert not (await bench.shop.cases.file(order)).may_say
        if is_reviewed:
            await bench.shop.cases.keep_waiting(order, OWNER)
        await bench.pass_time(70, step=5)
        assert (await bench.shop.orders.find(order)).state is OrderState.DELIVERED
        stat.orders[0].exchanges += 1
        await watched(bench, 3)

        assert await held(bench, order) == {stat._password(stat.orders[0])}
        assert await rows(bench) == [ExchangeState.DONE]
        assert await told(bench, order, "order_exchanged") == 1
        await exchanged_as_told(bench)


async def test_nothing_lost_is_looked_for_once_the_order_is_paid_back_or_an_owner_has_looked(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat, stat_path="") as bench:
        customer = await bench.customer(1, balance="20")
        looked, paid_back, waits = [
            (await bench.buy(customer, "statproxies", "captcha")).order.id for _ in range(3)
        ]
        await bench.work()
        await bench.shop.placing.set_aside()
        await watched(bench)
        assert await rows(bench) == [ExchangeState.UNCHANGED] * 3

        await bench.shop.cases.hand_over(looked, OLD.splitlines()[0], OWNER)
        await bench.shop.placing.review(paid_back, "no_credentials")
        await bench.shop.cases.give_back(paid_back, OWNER)
        await watched(bench)

        assert await rows(bench) == [ExchangeState.UNCHANGED]
        assert (await bench.shop.cases.file(waits)).exchanges != ()


async def test_an_owners_late_word_after_a_restore_undoes_no_exchange_that_was_read_since(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        order = await delivered_piece(bench, customer)
        stat.orders[0].exchanges += 1
        await bench.shop.placing.set_aside()
        # An owner copies what the order holds now, and is in no hurry.
        copied = "198.51.100.8:6000:ann:lost"

        await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
        for _ in range(10):
            await bench.shop.exchanges.step()
            clock.turn(10)
        assert await rows(bench) == [ExchangeState.UNCHANGED, ExchangeState.DONE]
        with pytest.raises(TooLate):
            await bench.shop.exchanges.hand_over(order, copied, OWNER)
        await watched(bench, 4)

        assert await held(bench, order) == {stat._password(stat.orders[0])}
        assert await told(bench, order, "order_exchanged") == 1


async def test_an_exchange_refused_since_a_restore_leaves_an_owner_the_word_on_the_lost_one(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat, stat_path="") as bench:
        customer = await bench.customer(1, balance="20")
        order = (await bench.buy(customer, "statproxies", "captcha")).order.id
        await bench.work()
        await bench.shop.cases.hand_over(order, "198.51.100.7:6000:ann:first", OWNER)
        await bench.shop.placing.set_aside()
        stat.has_exchange = False
        await bench.shop.exchanges.ask(customer.id, order, "a" * 16)
        await bench.shop.exchanges.step()

        await bench.shop.exchanges.hand_over(order, "198.51.100.8:6000:ann:lost", OWNER)

        assert await held(bench, order) == {"lost"}
        assert await rows(bench) == [ExchangeState.DONE, ExchangeState.LACKING]


async def test_addresses_that_went_from_one_customer_to_another_reach_both(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        ann, ben = [await bench.customer(number, balance="20") for number in (1, 2)]
        orders = [await delivered_piece(bench, one) for one in (ann, ben)]
        await bench.shop.placing.set_aside()
        for made in stat.orders:
            made.exchanges += 1

        await watched(bench, 3)

        for order, made in zip(orders, stat.orders, strict=True):
            assert await held(bench, order) == {stat._password(made)}
        assert await rows(bench) == [ExchangeState.DONE] * 2


@ON_SQLITE
async def test_looking_after_a_restore_costs_the_same_however_many_orders_there_are(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(database_url, sandbox, clock, stat) as bench:
        customer = await bench.customer(1, balance="20")
        for _ in range(2):
            await delivered_piece(bench, customer)
        stat.orders[0].exchanges += 1
        await bench.shop.placing.set_aside()
        clock.turn(901)

        steps = await growing(bench, bench.shop.exchanges.watch())

        assert await rows(bench) == [ExchangeState.DONE]
        assert [step for step in steps if "SCAN" in step] == []


@BY_HAND
async def test_where_nobody_can_read_it_an_owner_says_what_the_order_holds(
    app: ShopFloor,
    customer: Customer,
    owner: Customer,
    other_owner: Customer,
    stat: StatProxiesSandbox,
) -> None:
    await buy(customer)
    await owner.tap("Deliver by hand")
    await owner.send(OLD)
    await restored(app)
    await app.pass_time(3600, step=60)
    await owner.send("/shop")
    assert "No order needs you." in owner.text

    await owner.send("/order 1")
    await owner.tap("Deliver by hand")
    await owner.send(NEW)

    assert NEW in customer.messages[-1].text
    assert "after a restore: other proxies were found, and delivered anew" in owner.text
    assert f"by owner {owner.id}" in owner.text
    assert any(
        "said what it holds after its exchange" in one.text
        for one in app.core.messages(other_owner.id)
    )
    assert "Deliver by hand" not in owner.labels


@BY_HAND
async def test_an_owner_who_sees_the_same_after_a_restore_tells_the_customer_nothing(
    app: ShopFloor, customer: Customer, owner: Customer, stat: StatProxiesSandbox
) -> None:
    await buy(customer)
    await owner.tap("Deliver by hand")
    await owner.send(OLD)
    heard = len(customer.messages)
    await restored(app)

    await owner.send("/order 1")
    await owner.tap("Deliver by hand")
    await owner.send(OLD)

    assert len(customer.messages) == heard
    assert await rows(app.bench) == []
    assert "restore" not in owner.text
    assert "Deliver by hand" not in owner.labels


@pytest.fixture
def file(_sqlite_template: Path, tmp_path: Path) -> Path:
    """The books of a shop that are to be lost."""
    copied = tmp_path / "bot.db"
    shutil.copy(_sqlite_template, copied)
    return copied


def url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


async def notices(bench: Bench, chat: CustomerId) -> str:
    query = select(OutboxRow.notice).where(OutboxRow.chat_id == chat).order_by(OutboxRow.id)
    async with bench.shop.database.read() as reader:
        return "\n".join((await reader.scalars(query)).all())


async def put_back(file: Path, backup: Path, clock: HandClock) -> Restored:
    return await restore(settings_for(url(file)), backup, clock=clock)


async def test_what_was_exchanged_after_the_backup_is_named_and_found_again(
    file: Path, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(url(file), sandbox, clock, stat) as bench:
        customer = await bench.customer(7, balance="20")
        orders = [await delivered_piece(bench, customer) for _ in range(4)]
        # Asked for before the backup and sent after it.
        await bench.shop.exchanges.ask(customer.id, orders[0], "a" * 16)
        backup = await bench.shop.backups.make()
        clock.turn(60)
        stat.faults.append(
            Fault(path=f"*/{stat.orders[2].reference}", status=404, code="not_found_error")
        )
        for order in orders[1:3]:
            await bench.shop.exchanges.ask(customer.id, order, "b" * 16)
        for _ in range(5):
            await bench.shop.exchanges.step()
            clock.turn(5)
        await bench.shop.exchanges.ask(customer.id, orders[3], "c" * 16)
        later = await delivered_piece(bench, customer)
        await bench.shop.exchanges.ask(customer.id, later, "d" * 16)
        assert [one.exchanges for one in stat.orders] == [1, 1, 0, 0, 0]

    done = await put_back(file, backup.path, clock)

    assert done.missing is not None
    assert done.missing.exchanges == (
        "#1 of 7 (done, 2026-11-22 10:00 UTC)",
        "#2 of 7 (done, 2026-11-22 10:01 UTC)",
        "#4 of 7 (asked, 2026-11-22 10:01 UTC)",
    )
    async with opened(url(file), sandbox, clock, stat) as bench:
        assert '"restored_exchanges","detail":"#1 of 7 (done' in await notices(bench, OWNER)
        for _ in range(30):
            clock.turn(60)
            await bench.shop.exchanges.step()
            await bench.shop.exchanges.watch()

        for order, made in zip(orders, stat.orders, strict=False):
            assert await held(bench, order) == {stat._password(made)}
            assert await told(bench, order, "order_exchanged") == made.exchanges
            assert await told(bench, order, "exchange_told") == 0
        assert stat.count("POST", "*/order/exchange/*") == 3
        assert await rows(bench) == [ExchangeState.DONE] * 2


async def test_what_was_exchanged_is_found_where_the_old_books_cannot_be_read(
    file: Path, sandbox: GateProxySandbox, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    async with opened(url(file), sandbox, clock, stat) as bench:
        customer = await bench.customer(7, balance="20")
        order = await delivered_piece(bench, customer)
        backup = await bench.shop.backups.make()
        stat.orders[0].exchanges += 1
    await asyncio.to_thread(file.unlink)

    done = await put_back(file, backup.path, clock)

    assert done.missing is None
    async with opened(url(file), sandbox, clock, stat) as bench:
        await watched(bench)
        assert await held(bench, order) == {stat._password(stat.orders[0])}
        assert await told(bench, order, "order_exchanged") == 1


async def test_old_books_that_know_of_no_exchanges_still_tell_of_the_money(
    file: Path, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with opened(url(file), sandbox, clock) as bench:
        await bench.customer(7, balance="20")
        backup = await bench.shop.backups.make()
        await bench.top_up(CustomerId(7), "2.50")
    with closing(sqlite3.connect(file)) as older:
        older.execute("DROP TABLE exchanges")

    done = await put_back(file, backup.path, clock)

    assert done.missing is not None
    assert len(done.missing.money) == 1
    assert done.missing.exchanges == ()

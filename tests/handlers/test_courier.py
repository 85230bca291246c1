"""What the shop owes people reaches them: in order, in time, and without a loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiogram import Dispatcher
from sqlalchemy import select, update

from bot.db.models import DeliveryRow, OutboxRow
from bot.demo.telegram import Fault, Person, Telegram
from bot.domain.customers import ShopInfo
from bot.domain.money import usd
from bot.domain.notices import (
    BackupMade,
    Notice,
    OwnerReplied,
    ShopReady,
    Trouble,
    WalletChanged,
    WalletMoved,
)
from bot.domain.orders import CustomerId
from bot.handlers import routes
from bot.handlers.courier import LONGEST_PAUSE, MOST_FAILURES, PATIENCE, Courier
from bot.handlers.polling import Polling
from bot.handlers.render import Renderer
from bot.screens import delivery, notices
from tests.bench import OTHER_OWNER, OWNER, Bench, HandClock, opened, sandbox_for
from tests.conftest import ON_SQLITE
from tests.telegram import ALICE, Customer, bot_of, settling, task_group

BOB = Person(1003, "Bob", "bob_b")
OLGA = Person(OWNER, "Olga", "olga_owner")


@dataclass(slots=True)
class Post:
    """A shop, its courier and people; nothing is sent until a test says so."""

    bench: Bench
    core: Telegram
    courier: Courier
    renderer: Renderer
    alice: Customer
    bob: Customer
    olga: Customer

    async def owe(self, person: Person, *owed: Notice) -> None:
        async with self.bench.shop.outbox._database.write() as tx:
            for notice in owed:
                await self.bench.shop.outbox.owe(tx, CustomerId(person.id), notice)

    async def say(self, person: Person, *words: str) -> None:
        await self.owe(person, *(OwnerReplied(each) for each in words))

    async def send_all(self, seconds: float = 30, *, every: float = 1) -> None:
        """Let the courier send for so long."""
        for _ in range(int(seconds / every)):
            while await self.courier.step():
                pass
            self.bench.clock.turn(every)

    def heard(self, person: Person) -> list[str]:
        """What an owner's answers said, in the order in which they came."""
        said = [each.text for each in self.core.messages(person.id) if each.from_bot]
        return [text.split("\n")[-1] for text in said if text.startswith("The shop answers")]

    async def dead(self) -> int:
        return (await self.bench.shop.desk.state()).undelivered


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    clock = HandClock()
    core = Telegram(clock=lambda: clock.now().timestamp(), people=[ALICE, BOB, OLGA])
    bot = bot_of(core)

    async def sleep(seconds: float) -> None:
        clock.turn(seconds)

    async def nothing() -> None:
        """Nobody else polls."""

    async with opened(database_url, sandbox_for(clock), clock) as bench, task_group() as tasks:
        shop = bench.shop
        dispatcher = Dispatcher(disable_fsm=True, **shop.parts(ShopInfo(None, core.bot_username)))
        dispatcher.include_router(routes(clock))
        renderer = Renderer(bot, sleep=sleep)
        polling = Polling(
            bot, dispatcher, renderer, tasks, clock, on_conflict=nothing, sleep=sleep
        )
        courier = Courier(
            shop.outbox, renderer, tasks, clock, bot=bot, orders=shop.orders, formats=shop.formats,
            customers=shop.customers, catalog=shop.catalog, markup=shop.markup,
            plans=shop.plans, usages=shop.usages, desk=shop.desk, proofs=shop.proofs,
            patience=PATIENCE,
        )  # fmt: skip
        settle = settling(polling)
        people = [Customer(core, settle, person) for person in (ALICE, BOB, OLGA)]
        for person in people:
            await person.send("/start")
        # What an owner is told at the first contact is not what these tests are about.
        while await shop.outbox.due():
            await courier.step()
        clock.turn(10)
        yield Post(bench, core, courier, renderer, *people)


async def test_notices_of_one_chat_come_in_order(post: Post) -> None:
    await post.say(ALICE, "one", "two", "three", "four", "five")

    await post.send_all()

    assert post.heard(ALICE) == ["one", "two", "three", "four", "five"]
    assert not await post.courier.step()


async def test_a_chat_gets_about_one_message_a_second(post: Post) -> None:
    await post.say(ALICE, *"abcdefgh")

    while await post.courier.step():
        pass
    at_once = len(post.heard(ALICE))
    await post.send_all(3)

    assert 1 <= at_once <= 3
    assert len(post.heard(ALICE)) == at_once + 3 - 1


@ON_SQLITE
async def test_all_chats_together_get_about_thirty_a_second(post: Post) -> None:
    for number in range(5000, 5060):
        person = Person(number, f"P{number}")
        post.core.send(person, "x")
        await post.bench.customer(number)
        await post.say(person, "hello")
    before = post.core.count("sendMessage")

    while await post.courier.step():
        pass

    assert post.core.count("sendMessage") - before == 30
    await post.send_all(3)
    assert post.core.count("sendMessage") - before == 60


@ON_SQLITE
async def test_a_backup_comes_as_a_file_and_one_that_is_gone_not_at_all(
    post: Post, tmp_path: Path
) -> None:
    made = tmp_path / "bot-20261122T100000Z.backup"
    made.write_bytes(b"sealed")

    await post.owe(OLGA, BackupMade(str(made)), BackupMade(str(tmp_path / "gone.backup")))
    await post.send_all()

    (message,) = [one for one in post.core.messages(OLGA.id) if one.document is not None]
    assert message.document is not None
    assert message.document["file_name"] == made.name
    assert "without the shop's key nobody can read it" in message.text
    assert await post.bench.shop.outbox.due() == ()


async def test_the_credentials_come_in_a_message_of_their_own(post: Post) -> None:
    await post.bench.top_up(CustomerId(ALICE.id), "10")
    await post.send_all(2)
    await post.alice.open("1 GB", "NodeMaven")
    await post.alice.tap("Buy")
    living = post.alice.message
    assert "held" in living.text

    await post.bench.work()
    await post.send_all(3)

    kept = post.alice.messages[-1]
    assert kept.id != living.id
    assert "nodemaven" in kept.text
    edited = next(each for each in post.alice.messages if each.id == living.id)
    assert edited.text != living.text
    assert "delivered" in edited.text.lower()


async def test_a_living_screen_that_was_left_is_not_drawn_over(post: Post) -> None:
    await post.bench.top_up(CustomerId(ALICE.id), "10")
    await post.send_all(2)
    await post.alice.buy("1 GB", "NodeMaven")
    living = post.alice.message.id
    await post.alice.tap("Home")

    await post.bench.work()
    await post.send_all(3)

    shown = next(each for each in post.alice.messages if each.id == living)
    assert "Hello, Alice" in shown.text


@ON_SQLITE
async def test_a_tap_that_is_being_handled_is_drawn_before_the_news(post: Post) -> None:
    turn = post.renderer.turns.take(ALICE.id)
    await post.say(ALICE, "news")

    await post.courier.step()
    assert post.heard(ALICE) == []

    turn.leave()
    await asyncio.wait(post.courier._busy.values())
    assert post.heard(ALICE) == ["news"]


async def test_a_limited_chat_waits_and_the_others_do_not(post: Post) -> None:
    post.core.faults.append(Fault("sendMessage", ALICE.id, retry_after=20))
    await post.say(ALICE, "late")
    await post.say(BOB, "soon")

    await post.send_all(15)
    assert (post.heard(ALICE), post.heard(BOB)) == ([], ["soon"])

    await post.send_all(10)
    assert post.heard(ALICE) == ["late"]


@ON_SQLITE
async def test_a_slow_chat_keeps_nobody_waiting(post: Post) -> None:
    turn = post.renderer.turns.take(ALICE.id)
    await post.say(ALICE, "late")
    await post.say(BOB, "one")
    await post.courier.step()
    await post.say(BOB, "two")
    post.bench.clock.turn(1)
    await post.courier.step()

    assert post.heard(BOB) == ["one", "two"]

    turn.leave()
    await asyncio.wait(post.courier._busy.values())
    assert post.heard(ALICE) == ["late"]


async def test_who_blocked_the_bot_gets_it_at_the_next_contact(post: Post) -> None:
    await post.alice.block()
    await post.say(ALICE, "one", "two")
    await post.say(BOB, "other")

    await post.send_all()
    assert post.heard(ALICE) == []
    assert post.heard(BOB) == ["other"]
    refused = post.core.count("sendMessage")
    await post.send_all()
    assert post.core.count("sendMessage") == refused

    await post.alice.unblock()
    await post.send_all()
    assert post.heard(ALICE) == ["one", "two"]
    assert await post.dead() == 0


async def test_an_owner_who_never_started_the_bot_makes_no_loop(post: Post) -> None:
    stranger = Person(OTHER_OWNER, "Otto")
    await post.owe(stranger, Trouble("catalog_old"))

    await post.send_all(120)
    assert sum("sendMessage" in call.method for call in post.core.calls) < 10

    otto = Customer(post.core, post.alice.settle, stranger)
    await otto.send("/start")
    await post.send_all()
    assert any("price list is old" in each.text for each in otto.messages)


async def test_what_owners_are_owed_does_not_reach_a_former_one(
    post: Post, tmp_path: Path
) -> None:
    made = tmp_path / "bot-20261122T100000Z.backup"
    made.write_bytes(b"sealed")
    moved = WalletMoved(OWNER, CustomerId(ALICE.id), usd("1"), usd("1"), False, "")
    await post.owe(OLGA, moved, BackupMade(str(made)), ShopReady(), Trouble("catalog_old"))
    await post.say(OLGA, "as to anybody")
    had = len(post.olga.messages)

    post.bench.shop.outbox.owners = frozenset({OTHER_OWNER})
    await post.send_all()

    (only,) = post.olga.messages[had:]
    assert "as to anybody" in only.text
    assert await post.dead() == 0
    assert await post.bench.shop.outbox.due() == ()


async def test_what_telegram_cannot_read_comes_as_plain_text(post: Post) -> None:
    words = "Bad Request: can't parse entities: unsupported start tag"
    post.core.faults.append(Fault("sendMessage", ALICE.id, 400, description=words))
    await post.say(ALICE, "a < b")

    await post.send_all(2)

    assert "a < b" in post.alice.messages[-1].text


async def test_what_telegram_refuses_is_given_up_once_and_told_to_the_owner(post: Post) -> None:
    words = "Bad Request: BUTTON_DATA_INVALID"
    post.core.faults.append(Fault("sendMessage", ALICE.id, 400, description=words))
    await post.say(ALICE, "poison", "next")

    await post.send_all()

    assert post.heard(ALICE) == ["next"]
    assert await post.dead() == 1
    assert any("given up" in each.text for each in post.olga.messages)


async def test_a_refused_alert_makes_no_new_alert(post: Post) -> None:
    words = "Bad Request: BUTTON_DATA_INVALID"
    post.core.faults.append(Fault("sendMessage", OWNER, 400, description=words, times=1000))
    await post.owe(OLGA, Trouble("catalog_old"))
    before = post.core.count("sendMessage")

    await post.send_all(600, every=5)

    assert post.core.count("sendMessage") - before == 1


async def test_an_outage_of_six_hours_loses_nothing_and_keeps_the_order(post: Post) -> None:
    post.core.faults.append(Fault("sendMessage", times=1_000_000))
    await post.say(ALICE, "one", "two")
    for _ in range(6 * 60):
        await post.courier.step()
        post.bench.clock.turn(60)
    assert post.core.count("sendMessage") < 200

    post.core.faults.clear()
    await post.send_all(LONGEST_PAUSE + 5)

    assert post.heard(ALICE) == ["one", "two"]
    assert await post.dead() == 0


async def test_what_was_put_off_by_a_clock_that_was_ahead_comes_once_it_is_right(
    post: Post,
) -> None:
    outbox = post.bench.shop.outbox
    post.bench.clock._now += timedelta(days=3)
    await post.say(ALICE, "one", "two")
    post.core.faults.append(Fault("sendMessage", ALICE.id, retry_after=5))
    await post.courier.step()
    # Bob has blocked the bot: his wait for the next contact.
    post.core.faults.append(
        Fault("sendMessage", BOB.id, 403, description="Forbidden: bot was blocked by the user")
    )
    await post.say(BOB, "later")
    await post.send_all(1)

    post.bench.clock._now -= timedelta(days=3)
    await post.send_all()
    assert post.heard(ALICE) == []
    await outbox.pull_in()
    await post.send_all()

    assert post.heard(ALICE) == ["one", "two"]
    assert post.heard(BOB) == []


async def test_a_message_whose_answer_got_lost_comes_at_worst_twice(post: Post) -> None:
    post.core.faults.append(Fault("sendMessage", ALICE.id, lose_answer=True))
    await post.say(ALICE, "hello")

    await post.send_all()

    assert post.heard(ALICE) == ["hello", "hello"]


async def test_a_notice_that_cannot_be_drawn_is_given_up_after_ten_tries(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def broken(*_: object) -> None:
        tries.append(1)
        raise KeyError

    monkeypatch.setattr(notices, "owner_replied", broken)
    await post.owe(ALICE, OwnerReplied("x"), WalletChanged(usd("1"), usd("1"), False, ""))

    await post.send_all(3600, every=60)

    assert len(tries) == MOST_FAILURES
    assert await post.dead() == 1
    assert "is added to your balance" in post.alice.messages[-1].text


async def test_a_delivery_that_cannot_be_opened_stays_owed_and_holds_back_nothing(
    post: Post,
) -> None:
    shop = post.bench.shop
    alice = await post.bench.customer(ALICE.id, balance="50")
    line = await post.bench.buy(alice)
    await post.bench.work()
    async with shop.database.write() as tx:
        sealed = await tx.scalar(select(DeliveryRow.sealed))
        await tx.execute(update(DeliveryRow).values(sealed=b"x" * 80))
    await post.say(ALICE, "one", "two")

    await post.send_all()
    assert post.heard(ALICE) == ["one", "two"]
    assert await shop.outbox.waits_since() is not None
    await post.say(ALICE, "three")
    await post.send_all(3600, every=30)
    assert post.heard(ALICE) == ["one", "two", "three"]

    async with shop.database.write() as tx:
        await tx.execute(update(DeliveryRow).values(sealed=sealed))
    await post.send_all(LONGEST_PAUSE + 30, every=10)

    assert "nodemaven" in post.alice.messages[-1].text
    assert await shop.outbox.waits_since() is None
    assert await post.dead() == 0
    file = await shop.cases.file(line.order.id)
    assert {sent.outcome for sent in file.notices} == {"sent"}


async def test_a_delivery_that_cannot_be_drawn_holds_back_nothing_for_long(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError

    monkeypatch.setattr(delivery, "delivered", broken)
    alice = await post.bench.customer(ALICE.id, balance="50")
    await post.bench.buy(alice)
    await post.bench.work()
    await post.say(ALICE, "next")

    await post.send_all(1800, every=10)
    assert post.heard(ALICE) == ["next"]

    monkeypatch.undo()
    await post.send_all(LONGEST_PAUSE + 30, every=10)
    assert "nodemaven" in post.alice.messages[-1].text


async def test_a_notice_of_an_unknown_kind_is_given_up_and_stops_nobody(post: Post) -> None:
    await post.say(ALICE, "of tomorrow", "next")
    await post.say(BOB, "other")
    async with post.bench.shop.database.write() as tx:
        await tx.execute(
            update(OutboxRow)
            .where(OutboxRow.notice.contains("of tomorrow"))
            .values(notice='{"kind": "of_tomorrow"}')
        )

    await post.send_all()

    assert (post.heard(ALICE), post.heard(BOB)) == (["next"], ["other"])
    assert await post.dead() == 1
    assert any("given up" in each.text for each in post.olga.messages)


async def test_a_database_that_fails_after_the_sending_makes_no_second_message(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = post.bench.shop.outbox.sent, [OSError("gone"), OSError("gone")]

    async def failing(owed: object) -> None:
        if failures:
            raise failures.pop()
        await real(owed)  # type: ignore[arg-type]

    monkeypatch.setattr(post.bench.shop.outbox, "sent", failing)
    await post.say(ALICE, "once", "then")

    await post.send_all()

    assert post.heard(ALICE) == ["once", "then"]


async def test_the_courier_runs_until_it_is_stopped(post: Post) -> None:
    come = asyncio.Event()
    post.core.on_change.append(lambda change: come.set() if change.kind == "message" else None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(post.courier.run())
        await post.say(ALICE, "hello")
        async with asyncio.timeout(5):
            await come.wait()
        await post.courier.stop()

    assert post.heard(ALICE) == ["hello"]


@ON_SQLITE
@pytest.mark.parametrize("seconds", [0, 1, 3600, 10**9])
async def test_any_pause_that_telegram_asks_for_is_bounded_and_delays_nobody_else(
    post: Post, seconds: int
) -> None:
    post.core.faults.append(Fault("sendMessage", ALICE.id, retry_after=seconds))
    await post.say(ALICE, "late", "later")
    await post.say(BOB, "soon")

    await post.send_all(4)
    assert post.heard(BOB) == ["soon"]
    asked = post.core.count("sendMessage")
    await post.send_all(3700, every=50)

    assert post.heard(ALICE) == ["late", "later"]
    assert post.core.count("sendMessage") <= asked + 3
    assert await post.dead() == 0


@ON_SQLITE
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "Forbidden: bot was blocked by the user"),
        (403, "Forbidden: user is deactivated"),
        (400, "Bad Request: chat not found"),
        (400, "Bad Request: PEER_ID_INVALID"),
        (400, "Bad Request: message is too long"),
        (400, "Bad Request: BUTTON_DATA_INVALID"),
        (400, "Bad Request: something that nobody has heard of"),
        (401, "Unauthorized"),
        (404, "Not Found"),
        (409, "Conflict: terminated by other getUpdates request"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
    ],
)
async def test_no_refusal_makes_a_loop_loses_a_notice_or_delays_anybody_else(
    post: Post, status: int, words: str
) -> None:
    refusal = Fault("sendMessage", ALICE.id, status, description=words, times=1_000)
    post.core.faults.append(refusal)
    await post.say(ALICE, "hello")
    await post.say(BOB, "soon")
    before = post.core.count("sendMessage")

    await post.send_all(3)
    assert post.heard(BOB) == ["soon"]
    await post.send_all(1800, every=30)
    # Twelve at most: each pause is twice as long as the one before.
    assert post.core.count("sendMessage") - before <= 16

    post.core.faults.remove(refusal)
    await post.alice.send("/start")
    await post.send_all(LONGEST_PAUSE + 60, every=10)
    is_told = any("given up" in each.text for each in post.olga.messages)
    assert (post.heard(ALICE) == ["hello"]) is not (is_told and await post.dead() == 1)

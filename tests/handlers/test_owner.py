"""The owner's journeys: a real shop, the fake Telegram, and people who type and tap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from aiogram import Dispatcher

from bot.callbacks import Confirm, GiveBack, SaleNotices
from bot.demo.telegram import Person, Telegram
from bot.domain.customers import ShopInfo
from bot.domain.money import Money, usd
from bot.domain.orders import CustomerId, OrderState
from bot.handlers import routes
from bot.handlers.courier import Courier
from bot.handlers.polling import Polling
from bot.handlers.render import Renderer
from bot.upstreams.pretence import Fault
from tests.bench import OTHER_OWNER, OWNER, Bench, HandClock, opened, sandbox_for
from tests.conftest import ON_SQLITE
from tests.telegram import Customer, bot_of, settling, task_group

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

OLGA = Person(OWNER, "Olga", "olga_owner")
OTTO = Person(OTHER_OWNER, "Otto", "otto_owner")
ANN = Person(1001, "Ann <b>", "ann_lee")


@dataclass(slots=True)
class Scene:
    """Two owners and a customer before one shop."""

    bench: Bench
    core: Telegram
    olga: Customer
    otto: Customer
    ann: Customer

    async def balance(self) -> Money:
        found = await self.bench.shop.wallets.statement(CustomerId(ANN.id), 0)
        return found.balance.available


@pytest.fixture
async def scene(database_url: str) -> AsyncIterator[Scene]:
    clock = HandClock()
    core = Telegram(clock=lambda: clock.now().timestamp(), people=[OLGA, OTTO, ANN])
    bot = bot_of(core)

    async def sleep(seconds: float) -> None:
        clock.turn(seconds)

    async def nothing() -> None:
        """Nobody else polls."""

    async with opened(database_url, sandbox_for(clock), clock) as bench, task_group() as tasks:
        shop = bench.shop
        parts = shop.parts(ShopInfo(None, core.bot_username))
        dispatcher = Dispatcher(disable_fsm=True, **parts)
        dispatcher.include_router(routes(clock))
        renderer = Renderer(bot, sleep=sleep)
        polling = Polling(
            bot, dispatcher, renderer, tasks, clock, on_conflict=nothing, sleep=sleep
        )
        courier = Courier(
            shop.outbox, renderer, tasks, clock, bot=bot, orders=shop.orders, formats=shop.formats,
            customers=shop.customers, catalog=shop.catalog, markup=shop.markup,
            plans=shop.plans, usages=shop.usages, desk=shop.desk, proofs=shop.proofs,
        )  # fmt: skip

        async def work() -> bool:
            clock.turn(1)
            await bench.work()
            return await courier.step()

        settle = settling(polling, work)
        people = [Customer(core, settle, person) for person in (OLGA, OTTO, ANN)]
        for person in people:
            await person.send("/start")
        yield Scene(bench, core, *people)


async def test_a_top_up_is_previewed_and_confirmed_once(scene: Scene) -> None:
    await scene.olga.send("/topup @ann_lee 10 thanks")
    assert "Top up Ann <b> (1001, @ann_lee) by 10.00 USD?" in scene.olga.text
    assert "Balance: 0.00 USD → 10.00 USD" in scene.olga.text
    assert await scene.balance() == usd("0")

    confirm = scene.olga.button("Confirm")
    await scene.olga.press(confirm)
    first = scene.olga.text
    await scene.olga.press(confirm)

    assert "Done. Ann <b> (1001, @ann_lee) got 10.00 USD." in first
    assert scene.olga.text == first
    assert await scene.balance() == usd("10")
    assert "10.00 USD is added to your balance." in scene.ann.messages[-1].text
    assert "topped up Ann <b>" in scene.otto.messages[-1].text


async def test_the_same_top_up_again_is_pointed_out(scene: Scene) -> None:
    await scene.olga.send("/topup 1001 10")
    await scene.olga.tap("Confirm")

    await scene.olga.send("/topup 1001 10")

    assert "the same was done already" in scene.olga.text
    await scene.olga.tap("Confirm")
    assert await scene.balance() == usd("20")


async def test_a_dropped_preview_does_nothing(scene: Scene) -> None:
    await scene.olga.send("/topup 1001 10")
    confirm = scene.olga.button("Confirm")
    await scene.olga.tap("Drop")
    assert scene.olga.text == "Dropped. Nothing was changed."

    await scene.olga.press(confirm)

    assert await scene.balance() == usd("0")


async def test_a_preview_is_valid_for_ten_minutes(scene: Scene) -> None:
    await scene.olga.send("/topup 1001 10")
    scene.bench.clock.turn(601)

    await scene.olga.tap("Confirm")

    assert await scene.balance() == usd("0")


async def test_an_answer_to_a_forwarded_message_names_its_author(scene: Scene) -> None:
    await scene.olga.send("hello", forward_of=ANN)
    forwarded = scene.core.messages(OLGA.id)[-2].id

    await scene.olga.send("/topup 10 for May", reply_to=forwarded)

    assert "Top up Ann <b> (1001, @ann_lee) by 10.00 USD?" in scene.olga.text
    assert "Note: for May" in scene.olga.text


async def test_a_picked_person_is_topped_up_by_typing_the_amount(scene: Scene) -> None:
    await scene.olga.send("/topup")
    await scene.olga.pick(ANN)
    assert "How much for Ann <b>" in scene.olga.text

    await scene.olga.send("1e3")
    assert "is not an amount" in scene.olga.text
    await scene.olga.send("10,50 thanks")
    await scene.olga.tap("Confirm")

    assert await scene.balance() == usd("10.50")


@pytest.mark.parametrize("target", ["@nobody", "4711", "-1", "007", "1e9"])
async def test_a_stranger_is_refused_with_the_way_to_do_it(scene: Scene, target: str) -> None:
    await scene.olga.send(f"/topup {target} 10")

    assert "Nobody with this id or @name has started the bot." in scene.olga.text


async def test_a_negative_top_up_is_refused_with_a_word_about_debit(scene: Scene) -> None:
    await scene.olga.send("/topup 1001 -5")

    assert "/debit" in scene.olga.text
    assert await scene.balance() == usd("0")


async def test_a_debit_needs_a_reason_and_never_goes_below_zero(scene: Scene) -> None:
    await scene.bench.top_up(CustomerId(ANN.id), "5")

    await scene.olga.send("/debit 1001 3")
    assert "Say why" in scene.olga.text
    await scene.olga.send("/debit 1001 6 too much")
    assert "more than the balance" in scene.olga.text
    await scene.olga.send("/debit 1001 3 paid twice")
    await scene.olga.tap("Confirm")

    assert await scene.balance() == usd("2")
    assert "Reason: paid twice" in scene.ann.messages[-1].text


async def test_another_owners_preview_cannot_be_confirmed(scene: Scene) -> None:
    await scene.olga.send("/topup 1001 10")
    confirm = scene.olga.button("Confirm").data

    await scene.otto.press(confirm)

    assert await scene.balance() == usd("0")


async def test_a_customer_commands_nothing(scene: Scene) -> None:
    await scene.olga.send("/topup 1001 10")

    await scene.ann.send("/topup 1001 10")
    await scene.ann.press(Confirm(request=1).pack())
    await scene.ann.press(SaleNotices(on=True).pack())
    await scene.ann.send("/markup 0%")

    assert await scene.balance() == usd("0")
    assert len(scene.bench.shop.markup.rules()) == 1


async def test_a_markup_is_previewed_applied_and_rolled_back(scene: Scene) -> None:
    await scene.olga.send('/markup nodemaven "1 GB" +0.50')
    assert "→" in scene.olga.text
    await scene.olga.tap("Apply")
    assert "NodeMaven 1 GB: +0.50" in scene.olga.text
    assert "set the markup of NodeMaven 1 GB" in scene.otto.messages[-1].text

    await scene.olga.tap("History")
    await scene.olga.tap("Undo #1")
    await scene.olga.tap("Apply")

    assert len(scene.bench.shop.markup.rules()) == 1


async def test_a_markup_that_is_none_is_refused_with_examples(scene: Scene) -> None:
    await scene.olga.send("/markup nodemaven -5%")

    assert "is not understood. Nothing was changed." in scene.olga.text
    assert "/markup nodemaven 15%" in scene.olga.text


async def test_the_shop_shows_balance_and_sales_and_switches_sale_notices(scene: Scene) -> None:
    await scene.bench.top_up(CustomerId(ANN.id), "20")
    await scene.olga.send("/shop")
    assert "GateProxy account 1: " in scene.olga.text
    await scene.olga.tap("Tell me of each sale")

    await scene.ann.buy("1 GB", "NodeMaven")

    assert "Sold: NodeMaven 1 GB" in scene.olga.messages[-1].text
    await scene.olga.send("/shop")
    assert "Today (UTC): 1 order, " in scene.olga.text


async def to_review(scene: Scene) -> None:
    """An order of Ann's that only a person can decide: two upstream orders fit it."""
    await scene.bench.top_up(CustomerId(ANN.id), "20")
    scene.bench.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await scene.ann.buy("1 GB", "NodeMaven")
    await scene.bench.shop.placing.review(
        (await scene.bench.shop.orders.page(CustomerId(ANN.id), 0)).orders[0].id,
        "too_many_candidates",
    )
    await scene.olga.settle()
    await scene.olga.send("/shop")


async def state(scene: Scene) -> OrderState:
    return (await scene.bench.shop.orders.page(CustomerId(ANN.id), 0)).orders[0].state


async def test_money_is_given_back_from_the_inbox_after_asking(scene: Scene) -> None:
    await to_review(scene)
    assert "1 order needs you." in scene.olga.text
    await scene.olga.tap("Inbox")
    await scene.olga.tap("Order #1")
    assert "more upstream orders fit than orders wait for one" in scene.olga.text

    await scene.olga.tap("Give money back")
    assert await state(scene) is OrderState.REVIEW
    await scene.olga.tap("Give back")

    assert await state(scene) is OrderState.RELEASED
    assert await scene.balance() == usd("20")
    assert "gave the money back" in scene.otto.messages[-1].text
    assert "the owner gave the money back" in scene.ann.messages[-1].text
    await scene.olga.press(GiveBack(order=1, sure=True).pack())
    assert await scene.balance() == usd("20")


async def test_an_order_is_delivered_by_hand_and_refunded(scene: Scene) -> None:
    await to_review(scene)
    await scene.olga.send("/order #1")
    await scene.olga.tap("Deliver by hand")
    await scene.olga.send("gate.example:8000:ann\nnonsense")
    assert "Line 1 could not be read." in scene.olga.text
    await scene.olga.send("gate.example:8000:ann:secret")
    assert await state(scene) is OrderState.DELIVERED
    assert "secret" not in scene.olga.text

    await scene.olga.tap("Refund")
    await scene.olga.send("it never worked")
    assert "Refund order #1?" in scene.olga.text
    await scene.olga.tap("Confirm")

    assert await state(scene) is OrderState.REFUNDED
    assert await scene.balance() == usd("20")
    assert "Reason: it never worked" in scene.ann.messages[-1].text


async def test_an_order_can_wait_on(scene: Scene) -> None:
    await to_review(scene)
    await scene.olga.send("/order 1")

    await scene.olga.tap("Keep waiting")

    assert await state(scene) is not OrderState.REVIEW


async def test_a_blocked_customer_cannot_type_and_an_owner_cannot_block_themselves(
    scene: Scene,
) -> None:
    await scene.olga.send("/block @ann_lee")
    assert "/unblock 1001" in scene.olga.text
    await scene.olga.send("/unblock 1001")
    assert "can buy and write again." in scene.olga.text

    await scene.olga.send(f"/block {OWNER}")

    assert scene.olga.text == "You cannot block yourself. Name somebody else."


async def test_a_customer_is_answered(scene: Scene) -> None:
    await scene.bench.shop.support.ask(CustomerId(ANN.id), "I paid <10>")
    await scene.otto.send("/shop")
    assert "I paid <10>" in scene.olga.messages[-1].text

    await scene.olga.tap("Reply")
    await scene.olga.send("It is there & fine")

    assert "It is there & fine" in scene.ann.messages[-1].text

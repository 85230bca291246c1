"""How answers become messages, over a Telegram that is as strict as the real one."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast
from weakref import ref

import pytest
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageText,
    GetUpdates,
    Response,
    SendDocument,
    SendMessage,
)
from aiogram.types import TelegramObject

from bot.callbacks import Browse, CheckUsage, Help, Home, MyOrders, TopUpFor
from bot.demo.telegram import Fault
from bot.handlers.render import Turns
from bot.handlers.routes import Route, picked, said, tap
from bot.i18n import Text, Texts, texts
from bot.screens.base import Button, Copy, Later, Link, Screen, Style, Toast
from tests.handlers.stage import Stage, stage
from tests.telegram import ALICE, BORIS

EN = texts("en")
ORDERS = MyOrders(before=0)


def words(text: str) -> Text:
    return Text("{words}", {"words": text}, "en")


def screen(text: str, *buttons: Button | Link | Copy, **more: object) -> Screen:
    return Screen(words(text), (buttons,), **more)  # type: ignore[arg-type]


HOME = screen(
    "home",
    Button(words("Browse"), Browse(page=0), Style.PRIMARY),
    Button(words("Help"), Help()),
    Button(words("Orders"), ORDERS),
)


async def home(_: TelegramObject) -> Screen:
    return HOME


async def shelf(_: TelegramObject) -> Screen:
    return screen("shelf", Button(words("Home"), Home()))


async def toast(_: TelegramObject, t: Texts) -> Toast:
    return Toast(t("Not <now>"), alert=True)


async def receipt(_: TelegramObject) -> Screen:
    return screen("receipt", Button(words("Home"), Home()), kept=True)


ROUTES: tuple[Route, ...] = (
    said("start", home),
    tap(Home, home),
    tap(Browse, shelf),
    tap(Help, toast),
    said("help", toast),
    tap(MyOrders, receipt),
)


async def test_taps_edit_one_living_message() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.tap("Browse")
        await on.alice.tap("Home")
        await on.alice.tap("Browse")

        assert [each.text for each in on.alice.messages] == ["shelf"]


async def test_a_typed_command_sends_a_new_living_message() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.send("/start")

        assert [each.text for each in on.alice.messages] == ["home", "home"]


async def test_a_tap_is_answered_and_drawn_at_the_same_time() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        before = len(on.core.calls)

        await on.alice.tap("Browse")

        methods = [each.method for each in list(on.core.calls)[before:]]
        assert methods[1:3] == ["answerCallbackQuery", "editMessageText"]


async def test_a_toast_leaves_the_screen_as_it_is() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")

        answer = await on.alice.tap("Help")

        assert answer is not None
        assert (answer.text, answer.show_alert) == ("Not <now>", True)
        assert on.alice.text == "home"
        assert not on.alice.message.edited


async def test_a_toast_after_a_typed_command_is_a_message() -> None:
    async with stage(said("help", receipt_toast)) as on:
        await on.alice.send("/help")

        assert on.alice.text == "a < b"


async def receipt_toast(_: TelegramObject) -> Toast:
    return Toast(words("a < b"))


async def test_a_kept_screen_is_a_message_of_its_own_and_stays() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.tap("Orders")
        kept = on.alice.button("Home")
        assert kept.data == "+home"

        await on.alice.press(kept)

        assert [each.text for each in on.alice.messages] == ["home", "receipt", "home"]


async def test_a_deleted_message_is_drawn_anew() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        browse = on.alice.button("Browse")
        on.core.delete(ALICE.id, browse.message_id)

        await on.alice.press(browse)

        assert [each.text for each in on.alice.messages] == ["shelf"]


@pytest.mark.parametrize(
    "refusal", ["Bad Request: message can't be edited", "Bad Request: message to edit not found"]
)
async def test_a_message_that_cannot_be_edited_is_sent_anew(refusal: str) -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.core.faults.append(Fault("editMessageText", status=400, description=refusal))

        await on.alice.tap("Browse")

        assert [each.text for each in on.alice.messages] == ["home", "shelf"]


async def test_the_same_screen_again_changes_nothing() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")

        answers = await asyncio.gather(*(on.alice.press("home") for _ in range(50)))

        assert answers == [answers[0]] * 50
        assert answers[0] is not None
        assert [each.text for each in on.alice.messages] == ["home"]


async def test_a_tap_answered_too_late_is_drawn_all_the_same() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.core.tap(ALICE, on.alice.message.id, Browse(page=0).pack())
        on.clock.seconds += 3600

        await on.settle()

        assert on.alice.text == "shelf"


async def test_what_cannot_be_read_as_html_comes_as_plain_text() -> None:
    async with stage(said("start", broken)) as on:
        await on.alice.send("/start")

        assert on.alice.text == "1 < 2 <b>"


async def broken(_: TelegramObject) -> Screen:
    return Screen(Text("{a} <b>", {"a": "1 < 2"}, "en"))


async def test_a_limited_chat_waits_and_is_drawn_then() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.core.faults.append(Fault("editMessageText", retry_after=7, times=2))

        await on.alice.tap("Browse")

        assert on.clock.seconds == 14
        assert on.alice.text == "shelf"


async def test_a_limited_chat_is_given_up_after_three_more_tries() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.core.faults.append(Fault("editMessageText", retry_after=5, times=4))

        await on.alice.tap("Browse")
        await on.alice.tap("Browse")

        assert on.core.count("editMessageText") == 5
        assert on.alice.text == "shelf"


@pytest.mark.parametrize("fault", [Fault("editMessageText"), Fault(lose_answer=True)])
async def test_a_drawing_that_got_lost_is_drawn_again(fault: Fault) -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        fault.method = "editMessageText"
        on.core.faults.append(fault)

        await on.alice.tap("Browse")

        assert [each.text for each in on.alice.messages] == ["shelf"]


async def test_a_person_who_blocked_the_bot_meanwhile_stops_nobody() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.core.send(ALICE, "/start")
        on.core.block(ALICE)

        await on.settle()

        assert on.customers.gone == {ALICE.id}


async def test_buttons_have_colours_links_and_copies() -> None:
    made = screen(
        "all",
        Button(words("Buy"), Home(), Style.SUCCESS),
        Link(words("Checker"), "https://t.me/proxysellergpbot"),
        Copy(words("Copy"), "host:1:u:p"),
    )

    async def show(_: TelegramObject) -> Screen:
        return made

    async with stage(said("start", show)) as on:
        await on.alice.send("/start")

        buy, checker, copy = on.alice.buttons
        assert (buy.data, buy.style) == ("home", "success")
        assert checker.url == "https://t.me/proxysellergpbot"
        assert copy.copies == "host:1:u:p"


async def test_a_person_is_picked_from_telegrams_own_list() -> None:
    async def ask(_: TelegramObject, t: Texts) -> Screen:
        return screen("who?", Button(words("Home"), Home()), picks_person=t("Pick"))

    async def take(_: TelegramObject, picked: int) -> Screen:
        return screen(f"picked {picked}", asks=TopUpFor(customer=picked))

    async with stage(said("topup", ask), picked_route(take)) as on:
        await on.alice.send("/topup")
        keyboard = on.core.keyboard(ALICE.id)
        assert keyboard is not None
        assert keyboard["keyboard"][0][0]["request_users"]["request_id"] == 1

        await on.alice.pick(BORIS)

        assert on.core.keyboard(ALICE.id) is None
        assert on.core.count("sendMessage") == 4
        assert on.alice.text == f"picked {BORIS.id}"


def picked_route(handler: object) -> Route:
    return picked(handler)  # type: ignore[arg-type]


class Slow:
    """A screen now, and one that comes when the test says so."""

    def __init__(self) -> None:
        self.known = asyncio.Event()

    async def __call__(self, _: TelegramObject) -> Later:
        return Later(screen("checking", Button(words("Home"), Home())), self._then)

    async def _then(self) -> Screen:
        await self.known.wait()
        return screen("62 %", Button(words("Home"), Home()))


def usage(slow: Slow) -> tuple[Route, ...]:
    async def check(event: TelegramObject) -> Later:
        return await slow(event)

    return (*ROUTES, tap(CheckUsage, check), said("usage", check))


async def draw(on: Stage) -> None:
    """Let the loop run until nothing moves but what waits for the test."""
    await on.polling.once(0)
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("way", ["tap", "command"])
async def test_the_second_screen_replaces_the_first(way: str) -> None:
    slow = Slow()
    async with stage(*usage(slow)) as on:
        await on.alice.send("/start")
        if way == "tap":
            on.core.tap(ALICE, on.alice.message.id, CheckUsage(order=1).pack())
        else:
            on.core.send(ALICE, "/usage")
        await draw(on)
        assert on.alice.text == "checking"

        slow.known.set()
        await on.settle()

        assert on.alice.text == "62 %"
        assert "checking" not in [each.text for each in on.alice.messages]


async def test_the_second_screen_is_dropped_when_the_person_moved_on() -> None:
    slow = Slow()
    async with stage(*usage(slow)) as on:
        await on.alice.send("/start")
        on.core.tap(ALICE, on.alice.message.id, CheckUsage(order=1).pack())
        await draw(on)
        on.core.tap(ALICE, on.alice.message.id, Browse(page=0).pack())
        await draw(on)
        assert on.alice.text == "shelf"

        slow.known.set()
        await on.settle()

        assert on.alice.text == "shelf"


async def test_turns_are_taken_in_order_even_by_those_who_leave() -> None:
    turns = Turns()
    first, second, third = (turns.take(1) for _ in range(3))
    order = []

    async def use(name: str, turn: object) -> None:
        async with turn:  # type: ignore[attr-defined]
            order.append(name)

    second.leave()
    await asyncio.gather(use("third", third), use("first", first))

    assert order == ["first", "third"]
    assert turns.waiting(1) == 0


def test_no_tap_waits_until_the_types_of_its_answers_are_built_again() -> None:
    methods = (GetUpdates, SendMessage, SendDocument, EditMessageText, AnswerCallbackQuery)
    built = [ref(Response.__class_getitem__(cast(Any, each.__returning__))) for each in methods]

    gc.collect()

    assert all(one() is not None for one in built)

"""Nothing that is tapped, typed or raised is left without an answer."""

from __future__ import annotations

import asyncio

import pytest
from aiogram.types import TelegramObject

from bot.callbacks import AskOwner, CheckUsage, Home
from bot.domain.errors import BadAmount, NotFound, TooLate, TooSoon
from bot.handlers.routes import Route, said, tap, typed
from bot.i18n import Text
from bot.screens.base import Later, Screen
from tests.handlers.stage import Stage, stage
from tests.telegram import ALICE


def words(text: object) -> Screen:
    return Screen(Text("{words}", {"words": text}, "en"))


async def ask(_: TelegramObject) -> Screen:
    return Screen(Text("how much?", {}, "en"), asks=AskOwner())


def failing(error: Exception) -> tuple[Route, ...]:
    async def fail(_: TelegramObject) -> Screen:
        raise error

    return (said("start", ask), tap(Home, fail), typed(AskOwner, fail), said("topup", fail))


def prompt(on: Stage) -> str | None:
    return on.customers.known[ALICE.id].prompt


async def test_a_refused_answer_may_be_typed_again() -> None:
    async with stage(*failing(BadAmount("1,000"))) as on:
        await on.alice.send("/start")
        await on.alice.send("1,000")

        assert "1,000" in on.alice.text
        assert prompt(on) == "ask"


async def test_an_unexpected_failure_keeps_the_question_open_as_well() -> None:
    async with stage(*failing(ValueError("odd"))) as on:
        await on.alice.send("/start")
        await on.alice.send("10")

        assert "went wrong on our side" in on.alice.text
        assert prompt(on) == "ask"


async def test_a_refused_command_ends_the_question_before_it() -> None:
    async with stage(*failing(NotFound())) as on:
        await on.alice.send("/start")
        await on.alice.send("/topup 5 5")

        assert "nothing here" in on.alice.text
        assert prompt(on) is None


async def test_a_refused_tap_shows_what_is_wrong_on_the_same_message() -> None:
    async with stage(*failing(TooLate())) as on:
        await on.alice.send("/start")
        await on.alice.press("home")

        assert len(on.alice.messages) == 1
        assert "too late" in on.alice.text
        assert on.alice.labels


async def test_a_tap_too_soon_gets_a_toast_and_the_screen_stays() -> None:
    async with stage(*failing(TooSoon(7))) as on:
        await on.alice.send("/start")
        await on.alice.press("home")

        assert on.alice.alert == "Please try again in 7 seconds."
        assert on.alice.text == "how much?"


async def test_a_text_too_soon_gets_a_message() -> None:
    async with stage(*failing(TooSoon(1))) as on:
        await on.alice.send("/topup")

        assert "try again in 1 second." in on.alice.text


@pytest.mark.parametrize(
    "data",
    [
        "",
        "oldmenu",
        "home:1",
        "usage:-5",
        "usage:x",
        "usage:1:2",
        "buy:1",
        "+nothing",
        "+",
        "ы" * 32,
    ],
)
async def test_any_button_there_ever_was_leads_home(data: str) -> None:
    async with stage(said("start", ask), tap(CheckUsage, ask)) as on:
        await on.alice.send("/start")
        query = on.core.tap(ALICE, on.alice.message.id, data)
        await on.settle()

        assert on.core.answers(query) is not None
        assert "older menu" in on.alice.text
        assert "🛒 Browse" in on.alice.labels


@pytest.mark.parametrize("text", ["hello", "/nothing", "/", "//", "/start@other_bot", "." * 4096])
async def test_any_text_leads_home(text: str) -> None:
    async with stage() as on:
        await on.alice.send(text)

        assert "works with buttons" in on.alice.text
        assert "🛒 Browse" in on.alice.labels


async def test_a_service_message_is_not_answered() -> None:
    async with stage() as on:
        on.core.send(ALICE, "x")
        message = on.core.waiting[-1]["message"]
        del message["text"]
        message["message_auto_delete_timer_changed"] = {"message_auto_delete_time": 60}

        await on.settle()

        assert on.alice.messages == []


async def test_a_second_screen_that_is_refused_says_so() -> None:
    async def then() -> Screen:
        raise NotFound

    async def check(_: TelegramObject) -> Later:
        return Later(words("checking"), then)

    async with stage(said("start", check)) as on:
        await on.alice.send("/start")

        assert "nothing here" in on.alice.text


async def test_a_second_screen_that_breaks_says_so_calmly() -> None:
    async def then() -> Screen:
        raise ValueError

    async def check(_: TelegramObject) -> Later:
        return Later(words("checking"), then)

    async with stage(said("start", check)) as on:
        await on.alice.send("/start")

        assert "went wrong on our side" in on.alice.text


async def test_a_second_screen_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.handlers.fallback.LATER_SECONDS", 0.01)

    async def then() -> Screen:
        await asyncio.Event().wait()
        raise AssertionError

    async def check(_: TelegramObject) -> Later:
        return Later(words("checking"), then)

    async with stage(said("start", check)) as on:
        await on.alice.send("/start")

        assert "takes too long" in on.alice.text

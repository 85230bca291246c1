"""The loop: confirmed means committed, and drawn is something else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiogram.types import Message, TelegramObject
from sqlalchemy.exc import OperationalError

from bot.callbacks import Home
from bot.demo.telegram import Fault
from bot.domain.errors import StartRefused
from bot.handlers.fallback import is_unreachable
from bot.handlers.polling import LONGEST_PAUSE
from bot.handlers.routes import Route, said, tap
from bot.i18n import Text
from bot.screens.base import Screen
from tests.handlers.stage import Stage, stage
from tests.telegram import ALICE, BORIS


def words(text: object) -> Screen:
    return Screen(Text("{words}", {"words": text}, "en"))


class Recorder:
    """A handler that remembers what it was told, and waits or fails when told to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failures: list[Exception] = []
        self.gates: dict[str, asyncio.Event] = {}

    def route(self) -> Route:
        async def say(message: Message, words: str) -> Screen:
            return await self(message, words)

        return said("say", say)

    async def __call__(self, _: TelegramObject, told: str) -> Screen:
        if self.failures:
            raise self.failures.pop(0)
        if told in self.gates:
            await self.gates[told].wait()
        self.seen.append(told)
        return words(told)


def away() -> Exception:
    return OperationalError("SELECT 1", {}, ConnectionRefusedError("nobody there"))


def confirmed_up_to(on: Stage) -> Any:
    """The offset of the last getUpdates."""
    asked = [call for call in on.core.calls if call.method == "getUpdates"]
    return asked[-1].params.get("offset")


async def spin() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_an_update_is_confirmed_after_its_handler_and_not_before() -> None:
    recorder = Recorder()
    recorder.gates["slow"] = asyncio.Event()
    async with stage(recorder.route()) as on:
        update = on.core.send(ALICE, "/say slow")
        polling = asyncio.gather(on.polling.once(0))
        await spin()
        assert confirmed_up_to(on) is None

        recorder.gates["slow"].set()
        assert list(await polling) == [1]
        await on.polling.once(0)

        assert confirmed_up_to(on) == str(update + 1)


async def test_updates_of_one_chat_run_in_order_and_chats_side_by_side() -> None:
    recorder = Recorder()
    recorder.gates["first"] = asyncio.Event()
    async with stage(recorder.route()) as on:
        boris = on.person(BORIS)
        for person, text in ((ALICE, "first"), (ALICE, "second"), (BORIS, "other")):
            on.core.send(person, f"/say {text}")
        polling = asyncio.gather(on.polling.once(0))
        await spin()
        assert recorder.seen == ["other"]
        assert boris.text == "other"

        recorder.gates["first"].set()
        await polling
        await on.settle()

        assert recorder.seen == ["other", "first", "second"]
        assert [each.text for each in on.alice.messages] == ["first", "second"]


async def test_a_limited_chat_delays_neither_the_batch_nor_others() -> None:
    recorder = Recorder()
    async with stage(recorder.route()) as on:
        boris = on.person(BORIS)
        on.core.faults.append(Fault("sendMessage", ALICE.id, retry_after=60))
        on.core.send(ALICE, "/say late")
        on.core.send(BORIS, "/say soon")

        assert await on.polling.once(0) == 2
        await on.settle()

        assert boris.text == "soon"
        assert on.alice.text == "late"


async def test_an_unreachable_database_leaves_the_batch_unconfirmed() -> None:
    recorder = Recorder()
    recorder.failures += [away(), away()]
    async with stage(recorder.route()) as on:
        on.core.send(ALICE, "/say buy")

        assert await on.polling.once(0) == 0
        assert on.clock.seconds == 1
        assert await on.polling.once(0) == 0
        assert on.clock.seconds == 3
        assert await on.polling.once(0) == 1
        await on.settle()

        assert recorder.seen == ["buy"]
        assert [each.text for each in on.alice.messages] == ["buy"]


async def test_what_was_handled_is_not_handled_again_while_the_rest_waits() -> None:
    recorder = Recorder()
    async with stage(recorder.route()) as on:
        on.person(BORIS)
        on.core.send(ALICE, "/say one")
        on.core.send(BORIS, "/say two")
        on.customers.failures.append(away())

        assert await on.polling.once(0) == 1
        assert await on.polling.once(0) == 1

        assert sorted(recorder.seen) == ["one", "two"]


async def test_later_updates_of_a_chat_wait_for_the_one_that_could_not_be_decided() -> None:
    recorder = Recorder()
    recorder.failures.append(away())
    async with stage(recorder.route()) as on:
        on.core.send(ALICE, "/say one")
        on.core.send(ALICE, "/say two")

        assert await on.polling.once(0) == 0
        assert await on.polling.once(0) == 2

        assert recorder.seen == ["one", "two"]


async def test_pauses_grow_to_half_a_minute() -> None:
    recorder = Recorder()
    recorder.failures += [away() for _ in range(8)]
    async with stage(recorder.route()) as on:
        on.core.send(ALICE, "/say buy")
        pauses = []
        for _ in range(8):
            before = on.clock.seconds
            await on.polling.once(0)
            pauses.append(on.clock.seconds - before)

        assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


@pytest.mark.parametrize("error", [ValueError("odd"), KeyError("x"), RuntimeError("no")])
async def test_a_handler_that_raises_is_answered_and_confirmed(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder()
    recorder.failures.append(error)
    async with stage(recorder.route()) as on:
        await on.alice.send("/say canary")
        await on.alice.send("/say next")

        assert "went wrong on our side" in on.alice.messages[0].text
        assert on.alice.text == "next"
        logged = "".join(capsys.readouterr())
        assert "a handler failed" in logged
        assert "canary" not in logged


async def test_a_failure_before_the_handler_is_answered_in_the_persons_language() -> None:
    recorder = Recorder()
    async with stage(recorder.route()) as on:
        on.customers.failures.append(ValueError("odd"))

        await on.alice.send("/say one")

        assert "went wrong on our side" in on.alice.text


async def test_a_tap_whose_handler_raises_ends_its_spinner() -> None:
    async def fail(_: TelegramObject) -> Screen:
        raise ValueError

    recorder = Recorder()
    async with stage(recorder.route(), tap(Home, fail)) as on:
        await on.alice.send("/say hello")

        assert await on.alice.press("home") is not None
        assert "went wrong on our side" in on.alice.text


@pytest.mark.parametrize(
    "fault", [Fault("getUpdates"), Fault("getUpdates", lose_call=True, times=3)]
)
async def test_an_outage_of_telegram_is_waited_out(fault: Fault) -> None:
    recorder = Recorder()
    async with stage(recorder.route()) as on:
        on.core.faults.append(fault)
        on.core.send(ALICE, "/say hello")

        while not recorder.seen:
            await on.polling.once(0)
        await on.polling.drawn()

        assert on.alice.text == "hello"
        assert on.clock.seconds >= 1


async def test_a_second_poller_is_told_to_the_owner_once_an_hour() -> None:
    async with stage() as on:
        on.core.faults.append(Fault("getUpdates", status=409, times=200))

        while on.clock.seconds < 4000:
            await on.polling.once(0)

        assert len(on.conflicts) == 2


async def test_a_forgotten_webhook_is_removed() -> None:
    async with stage() as on:
        words = "Conflict: can't use getUpdates method while webhook is active"
        on.core.faults.append(Fault("getUpdates", status=409, description=words))

        await on.polling.once(0)

        assert on.core.count("deleteWebhook") == 1
        assert on.conflicts == []


@pytest.mark.parametrize("status", [401, 404])
async def test_an_unknown_token_ends_the_process_with_one_line(status: int) -> None:
    async with stage() as on:
        on.core.faults.append(Fault("getUpdates", status=status))

        with pytest.raises(StartRefused, match="BOT_TOKEN"):
            await on.polling.run()


async def test_an_update_that_cannot_be_read_stops_none_that_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder = Recorder()
    async with stage(recorder.route()) as on:
        on.core.send(ALICE, "/say canary")
        on.core.waiting[-1]["message"]["text"] = {"canary": 1}
        on.core.send(ALICE, "/say hello")

        await on.settle()

        assert on.alice.text == "hello"
        assert "canary" not in "".join(capsys.readouterr())


async def test_an_unknown_kind_of_update_is_passed_over_unprinted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with stage() as on:
        on.core._tell("telepathy", {"text": "canary"})

        await on.settle()

        assert await on.polling.once(0) == 0
        assert "canary" not in "".join(capsys.readouterr())


async def test_the_heartbeat_follows_what_telegram_answers() -> None:
    async with stage() as on:
        assert on.polling.last_poll_at is None
        on.clock.seconds = 5
        await on.polling.once(0)
        assert on.polling.last_poll_at == 5


async def test_stopping_lets_handlers_finish_and_confirms_them() -> None:
    recorder = Recorder()
    recorder.gates["slow"] = asyncio.Event()
    async with stage(recorder.route()) as on:
        running = asyncio.gather(on.polling.run())
        update = on.core.send(ALICE, "/say slow")
        await spin()

        stopping = asyncio.gather(on.polling.stop())
        await spin()
        assert recorder.seen == []
        recorder.gates["slow"].set()
        await asyncio.gather(running, stopping)

        assert recorder.seen == ["slow"]
        assert on.alice.text == "slow"
        assert confirmed_up_to(on) == str(update + 1)


async def test_stopping_ends_a_poll_that_waits() -> None:
    async with stage() as on:
        running = asyncio.gather(on.polling.run())
        await spin()

        await on.polling.stop()

        await running


async def test_a_handler_that_hangs_is_cancelled_and_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.handlers.polling.DRAIN_SECONDS", 0.0)
    recorder = Recorder()
    recorder.gates["slow"] = asyncio.Event()
    async with stage(recorder.route()) as on:
        running = asyncio.gather(on.polling.run())
        on.core.send(ALICE, "/say slow")
        await spin()

        await on.polling.stop()
        await running

        assert recorder.seen == []
        assert confirmed_up_to(on) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (away(), True),
        (ConnectionRefusedError(), True),
        (OSError("Multiple exceptions"), True),
        (TimeoutError(), True),
        (ValueError(), False),
        (KeyError(), False),
    ],
)
def test_only_an_unreachable_database_counts_as_one(error: Exception, expected: bool) -> None:
    assert is_unreachable(error) is expected

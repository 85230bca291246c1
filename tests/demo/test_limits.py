"""A bot that is held to Telegram's limits hears 429 when it sends too much."""

from __future__ import annotations

import pytest

from bot.demo.telegram import Person, Telegram

GROUP = -100_500


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telegram(clock: Clock) -> Telegram:
    telegram = Telegram(clock=clock, people=[Person(number, "One") for number in range(1, 50)])
    for person in telegram.people.values():
        telegram.send(person, "/start")
    telegram.send(telegram.people[1], "hello", chat=GROUP)
    telegram.obey_limits(obeys=True)
    return telegram


def sent(telegram: Telegram, chat_id: int) -> int:
    return telegram.call("sendMessage", {"chat_id": chat_id, "text": "Hello"}).status


def test_a_person_gets_one_message_a_second_after_a_short_burst(
    telegram: Telegram, clock: Clock
) -> None:
    assert [sent(telegram, 1) for _ in range(4)] == [200, 200, 200, 429]
    refused = telegram.calls[-1].answer
    assert refused is not None
    assert refused.body["parameters"] == {"retry_after": 1}
    assert sent(telegram, 2) == 200

    clock.now += 1

    assert [sent(telegram, 1) for _ in range(2)] == [200, 429]


def test_a_group_gets_twenty_messages_a_minute(telegram: Telegram, clock: Clock) -> None:
    assert [sent(telegram, GROUP) for _ in range(21)] == [200] * 20 + [429]

    clock.now += 3

    assert sent(telegram, GROUP) == 200


def test_everybody_together_gets_thirty_messages_a_second(telegram: Telegram) -> None:
    assert [sent(telegram, number) for number in range(1, 33)] == [200] * 30 + [429, 429]


def test_what_is_no_message_is_not_counted(telegram: Telegram) -> None:
    calls = [telegram.call("sendChatAction", {"chat_id": 1, "action": "typing"}) for _ in range(9)]

    assert all(call.ok for call in calls)


def test_a_refused_message_is_not_there(telegram: Telegram) -> None:
    for _ in range(9):
        sent(telegram, 1)

    assert len([one for one in telegram.messages(1) if one.from_bot]) == 3
    telegram.obey_limits(obeys=False)
    assert sent(telegram, 1) == 200

"""Who is let in, as whom, and what is remembered of a question."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.types import Message, TelegramObject

from bot.callbacks import AskOwner, Browse, Help, Home, Shop
from bot.demo.telegram import Person
from bot.domain.customers import Customer, ShopInfo
from bot.handlers.arrival import BURST
from bot.handlers.routes import Role, Route, said, tap, typed
from bot.i18n import LANGUAGES, Text, Texts
from bot.screens.base import Button, Later, Screen, Toast
from tests.handlers.stage import Stage, stage
from tests.telegram import ALICE, BORIS, OLGA

GROUP = -100_500
SOMEBODY = {"id": 5, "is_bot": False, "first_name": "x"}


def words(text: object) -> Text:
    return Text("{words}", {"words": text}, "en")


async def home(_: TelegramObject, customer: Customer, message_id: int | None) -> Screen:
    return Screen(words(f"{customer.name} {message_id}"), ((Button(words("Help"), Help()),),))


async def ask(_: TelegramObject) -> Screen:
    return Screen(words("what?"), asks=AskOwner())


async def answer(_: TelegramObject, prompt: AskOwner, words: str) -> Screen:
    return Screen(Text("heard {words}", {"words": words}, "en"))


async def nod(_: TelegramObject, t: Texts) -> Toast:
    return Toast(t("yes"))


async def receipt(_: TelegramObject) -> Screen:
    return Screen(words("kept"), ((Button(words("Home"), Home()),),), kept=True)


async def later(_: TelegramObject) -> Later:
    async def then() -> Screen:
        return Screen(words("then"))

    return Later(Screen(words("now"), asks=AskOwner()), then)


async def owner_only(_: TelegramObject) -> Screen:
    return Screen(words("the till"))


async def topup(message: Message, words: str) -> Screen:
    return Screen(Text("topped up {words}", {"words": words}, "en"))


ROUTES: tuple[Route, ...] = (
    said("start", home),
    tap(Home, home),
    tap(AskOwner, ask),
    typed(AskOwner, answer),
    tap(Help, nod),
    tap(Browse, receipt),
    said("later", later),
    tap(Shop, owner_only, role=Role.OWNER),
    said("topup", topup),
)


def prompt(on: Stage) -> str | None:
    return on.customers.known[ALICE.id].prompt


def raw(on: Stage, **changed: Any) -> None:
    """The last update, as a stranger client or another kind of sender would have made it."""
    for name, value in changed.items():
        on.core.waiting[-1]["message"][name] = value


async def test_a_person_arrives_with_name_and_language() -> None:
    async with stage(*ROUTES) as on:
        await on.person(Person(7, "Анна", None, "ru", "Петрова")).send("/start")

        visitor, message_id = on.customers.arrivals[0]
        assert (visitor.id, visitor.name, visitor.language) == (7, "Анна Петрова", "ru")
        assert message_id is None


async def test_a_tap_names_the_living_message_it_sits_on() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        shown = on.alice.message.id
        await on.alice.press("home")

        assert on.customers.arrivals[-1][1] == shown
        assert on.alice.text == f"Alice {shown}"


async def test_a_tap_on_a_kept_message_names_none() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press(Browse(page=0).pack())
        await on.alice.tap("Home")

        assert on.customers.arrivals[-1][1] is None
        assert on.alice.text == "Alice None"


async def test_a_button_from_before_a_restore_does_nothing() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.clock.seconds += 60
        on.dispatcher["shop_info"] = ShopInfo(None, on.core.bot_username, on.clock.now())

        await on.alice.press("help")
        assert on.alice.alert == "A backup was restored since this was shown. Send /start."

        await on.alice.send("/start")
        await on.alice.press("help")
        assert on.alice.alert == "yes"


async def test_a_screen_that_was_drawn_anew_after_a_restore_can_be_tapped() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        on.clock.seconds += 60
        await on.alice.press("home")
        on.dispatcher["shop_info"] = ShopInfo(None, on.core.bot_username, on.clock.now())

        await on.alice.press("help")

        assert on.alice.alert == "yes"


async def test_a_question_is_remembered_and_its_answer_ends_it() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("ask")
        assert prompt(on) == "ask"

        await on.alice.send("my words")

        assert on.alice.text == "heard my words"
        assert prompt(on) is None


@pytest.mark.parametrize("way_out", ["/start", "tap"])
async def test_a_tap_or_a_command_ends_an_open_question(way_out: str) -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("ask")

        if way_out == "tap":
            await on.alice.press("home")
        else:
            await on.alice.send(way_out)

        assert prompt(on) is None


async def test_a_toast_leaves_an_open_question() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("ask")
        await on.alice.press("help")

        assert prompt(on) == "ask"


async def test_the_first_of_two_screens_decides_what_is_asked() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/later")

        assert on.alice.text == "then"
        assert prompt(on) == "ask"


async def test_a_browsing_tap_writes_nothing() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("home")

        assert on.customers.writes == []


async def test_blocked_customers_may_tap_and_command_but_not_type() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("ask")
        on.customers.change(ALICE, is_blocked=True)

        await on.alice.send("let me in")
        assert "switched off" in on.alice.text

        await on.alice.send("/start")
        assert on.alice.text == "Alice None"


async def test_owner_routes_do_not_exist_for_others() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("shop")
        assert "older menu" in on.alice.text

        on.customers.change(ALICE, is_owner=True)
        await on.alice.press("shop")
        assert on.alice.text == "the till"

        on.customers.change(ALICE, is_owner=False)
        await on.alice.press("shop")
        assert "older menu" in on.alice.text


@pytest.mark.parametrize(
    "changed",
    [
        {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}},
        {"forward_origin": {"type": "user", "date": 1, "sender_user": SOMEBODY}},
        {"via_bot": {"id": 5, "is_bot": True, "first_name": "x"}},
        {"sender_chat": {"id": -100, "type": "channel", "title": "x"}},
        {"from": {"id": 1087968824, "is_bot": True, "first_name": "GroupAnonymousBot"}},
        {"edit_date": 1},
    ],
    ids=["forwarded", "forwarded from a person", "via bot", "channel", "anonymous", "edited"],
)  # fmt: skip
async def test_words_that_the_person_did_not_say_now_do_nothing(changed: dict[str, Any]) -> None:
    async with stage(*ROUTES) as on:
        on.core.send(ALICE, "/topup 5 100")
        raw(on, **changed)

        await on.settle()

        assert on.alice.messages == []
        assert on.customers.arrivals == []


async def test_a_forwarded_text_still_answers_a_question() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.press("ask")
        await on.alice.send("host:1:u:p", forward_of=BORIS)

        assert on.alice.text == "heard host:1:u:p"


@pytest.mark.parametrize("text", ["/topup@another_bot 5", "/topup@ANOTHER_BOT 5"])
async def test_another_bots_command_is_no_command_of_ours(text: str) -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send(text)

        assert "topped up" not in on.alice.text


@pytest.mark.parametrize("group", [GROUP, -7])
async def test_a_group_gets_one_polite_line_an_hour_and_no_database(group: int) -> None:
    async with stage(*ROUTES) as on:
        for text in ("/start", "/topup 5 5", "hello @demo_shop_bot", "just talk", "/x@other_bot"):
            on.core.send(ALICE, text, chat=group)
        await on.settle()

        said = [each for each in on.core.messages(group) if each.from_bot]
        assert len(said) == 1
        assert "private chat" in said[0].text
        assert said[0].buttons[0]["url"] == "https://t.me/demo_shop_bot"
        assert on.customers.arrivals == []

        on.clock.seconds += 3600
        on.core.send(ALICE, "/start", chat=group)
        await on.settle()
        assert len([each for each in on.core.messages(group) if each.from_bot]) == 2


async def test_talk_in_a_group_is_not_answered() -> None:
    async with stage(*ROUTES) as on:
        on.core.send(ALICE, "good morning", chat=GROUP)
        await on.settle()

        assert [each for each in on.core.messages(GROUP) if each.from_bot] == []


async def test_a_tap_in_a_group_gets_a_toast() -> None:
    async with stage(*ROUTES) as on:
        on.core.send(ALICE, "/start", chat=GROUP)
        await on.settle()
        line = on.core.messages(GROUP)[-1]

        query = on.core.tap(ALICE, line.id, "home", chat=GROUP)
        await on.settle()

        toast = on.core.answers(query)
        assert toast is not None
        assert "private chat" in toast.text
        assert on.customers.arrivals == []


async def test_a_tap_on_an_inline_message_only_ends_its_spinner() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        query = on.core.tap(ALICE, on.alice.message.id, "home")
        del on.core.waiting[-1]["callback_query"]["message"]
        on.core.waiting[-1]["callback_query"]["inline_message_id"] = "x"

        await on.settle()

        assert on.core.answers(query) is not None
        assert len(on.customers.arrivals) == 1


async def test_blocking_the_bot_and_coming_back_is_noted() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        await on.alice.block()
        assert on.customers.gone == {ALICE.id}

        await on.alice.unblock()
        assert on.customers.gone == set()


async def test_a_flood_of_taps_does_not_reach_the_database() -> None:
    async with stage(*ROUTES) as on:
        boris = on.person(BORIS)
        await boris.send("/start")
        await on.alice.send("/start")
        queries = [on.core.tap(ALICE, on.alice.message.id, "home") for _ in range(300)]
        on.core.tap(BORIS, boris.message.id, "home")
        await on.settle()

        let_in = sum(visitor.id == ALICE.id for visitor, _ in on.customers.arrivals)
        assert let_in == BURST
        last = on.core.answers(queries[-1])
        assert last is not None
        assert "too fast" in last.text
        assert sum(visitor.id == BORIS.id for visitor, _ in on.customers.arrivals) == 2

        on.clock.seconds += 1
        await on.alice.press("home")
        assert on.alice.alert == ""


async def test_fifty_taps_at_once_are_all_let_in() -> None:
    async with stage(*ROUTES) as on:
        await on.alice.send("/start")
        queries = [on.core.tap(ALICE, on.alice.message.id, "home") for _ in range(50)]
        await on.settle()

        answers = [on.core.answers(query) for query in queries]
        assert all(each is not None and each.text == "" for each in answers)


@pytest.mark.parametrize("language", [*LANGUAGES, "pt-BR", None, ""])
async def test_every_language_code_is_taken(language: str | None) -> None:
    async with stage(*ROUTES) as on:
        stranger = on.person(Person(9, "x", language_code=language))
        await stranger.send("/start")

        assert stranger.text == "x None"


async def test_an_owner_of_another_name_is_no_owner() -> None:
    async with stage(*ROUTES) as on:
        await on.person(Person(77, OLGA.first_name, OLGA.username)).send("/start")

        assert not on.customers.known[77].is_owner

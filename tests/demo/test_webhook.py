"""A webhook gets updates as Telegram sends them: in order, signed, again until they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.demo.telegram import Answer, Person, Telegram
from bot.demo.telegram_http import application

ANN = Person(1, "Ann")
TOKEN = "7000000001:demo"


@pytest.fixture
def telegram() -> Telegram:
    return Telegram(people=[ANN])


def set_webhook(telegram: Telegram, url: str, **more: Any) -> Answer:
    return telegram.call("setWebhook", {"url": url, **more})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://shop.example/hook", "An HTTPS URL must be provided for webhook"),
        ("nonsense", "An HTTPS URL must be provided for webhook"),
        ("https://", "An HTTPS URL must be provided for webhook"),
        (
            "https://shop.example:444/",
            "Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ("https://shop.example/", "Failed to resolve host: Name or service not known"),
    ],
)
def test_an_address_is_refused_in_the_words_of_telegram(
    telegram: Telegram, url: str, words: str
) -> None:
    assert set_webhook(telegram, url).description == f"Bad Request: bad webhook: {words}"


@pytest.mark.parametrize("secret", ["ü", "a b", "x" * 257])
def test_a_secret_has_few_characters(telegram: Telegram, secret: str) -> None:
    assert set_webhook(telegram, "http://127.0.0.1:1/", secret_token=secret).status == 400


def test_nobody_polls_while_there_is_a_webhook(telegram: Telegram) -> None:
    set_webhook(telegram, "http://127.0.0.1:1/", allowed_updates=["message"])
    telegram.send(ANN, "/start")

    refused = telegram.call("getUpdates")

    assert refused.status == 409
    assert refused.description.startswith("Conflict: can't use getUpdates method while webhook")
    assert telegram.call("getWebhookInfo").result == {
        "url": "http://127.0.0.1:1/",
        "has_custom_certificate": False,
        "pending_update_count": 1,
        "max_connections": 40,
        "allowed_updates": ["message"],
    }
    assert telegram.call("deleteWebhook", {"drop_pending_updates": True}).ok
    assert telegram.call("getUpdates").result == []


async def test_a_waiting_poll_is_sent_away_by_a_webhook(telegram: Telegram) -> None:
    async with asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(telegram.request("getUpdates", {"timeout": 30}))
        await asyncio.sleep(0)
        set_webhook(telegram, "http://127.0.0.1:1/")

    assert polling.result().description == "Conflict: terminated by setWebhook request"


class Hook:
    """A bot behind a webhook: says what it is told to say, and keeps what it heard."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.heard: list[tuple[str | None, dict[str, Any]]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        self.heard.append((secret, await request.json()))
        return self.answers.pop(0) if self.answers else web.Response()

    def texts(self) -> list[str]:
        return [update["message"]["text"] for _, update in self.heard]


async def served(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


@pytest.fixture
async def hook(telegram: Telegram) -> AsyncIterator[Hook]:
    """The fake over HTTP, and a bot beside it."""
    hook = Hook()
    app = web.Application()
    app.router.add_post("/", hook.take)
    fake, _ = await served(application(telegram, TOKEN))
    bot, hook.url = await served(app)
    yield hook
    await bot.cleanup()
    await fake.cleanup()


async def until(telegram: Telegram, is_so: Callable[[], bool]) -> None:
    """Wait for a change that makes it so."""
    changed = asyncio.Event()
    telegram.on_change.append(lambda _: changed.set())
    async with asyncio.timeout(20):
        while not is_so():
            changed.clear()
            await changed.wait()


async def taken(telegram: Telegram) -> None:
    """Wait until nothing waits for the bot any more."""
    await until(telegram, lambda: not telegram.waiting)


async def test_updates_come_in_order_with_the_secret(telegram: Telegram, hook: Hook) -> None:
    telegram.send(ANN, "one")
    set_webhook(telegram, hook.url, secret_token="s3cret")
    telegram.send(ANN, "two")

    await taken(telegram)

    assert hook.texts() == ["one", "two"]
    assert {secret for secret, _ in hook.heard} == {"s3cret"}


async def test_an_update_comes_again_until_it_is_taken(telegram: Telegram, hook: Hook) -> None:
    hook.answers = [web.Response(status=502)]
    set_webhook(telegram, hook.url)

    telegram.send(ANN, "hello")
    await until(telegram, lambda: "last_error_message" in telegram.call("getWebhookInfo").result)
    refused = telegram.call("getWebhookInfo").result["last_error_message"]
    await taken(telegram)

    assert refused == "Wrong response from the webhook: 502 Bad Gateway"
    assert hook.texts() == ["hello", "hello"]


async def test_an_answer_may_hold_one_call(telegram: Telegram, hook: Hook) -> None:
    call = {"method": "sendMessage", "chat_id": ANN.id, "text": "Hi"}
    hook.answers = [web.json_response(call)]
    set_webhook(telegram, hook.url)

    telegram.send(ANN, "hello")
    await taken(telegram)

    assert [message.text for message in telegram.messages(ANN.id)] == ["hello", "Hi"]


def test_a_token_that_may_be_real_is_refused(telegram: Telegram) -> None:
    with pytest.raises(ValueError, match="real bot"):
        application(telegram, "123456789:AA" + "x" * 33)


async def test_a_token_that_may_be_real_is_not_sent_to_the_bot(telegram: Telegram) -> None:
    runner, url = await served(application(telegram, TOKEN))
    async with aiohttp.ClientSession(url) as session:
        body = {"person": ANN.id, "text": "take 123456789:AA" + "x" * 33}
        async with session.post("/sim/message", json=body) as answer:
            assert answer.status == 400
    await runner.cleanup()

    assert telegram.messages(ANN.id) == []

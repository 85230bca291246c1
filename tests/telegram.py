"""People who write and tap, over the same fake Telegram that the demo uses; nothing is mocked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import InputFile

from bot.demo.telegram import (
    CallbackAnswer,
    Change,
    Message,
    NoAnswer,
    Person,
    Telegram,
    UploadedFile,
)
from bot.domain.clock import Clock
from bot.domain.money import Money
from bot.handlers.polling import Polling

TOKEN = "7000000001:abcdefghijklmnopqrstuvwxyz0123456789A"
ALICE = Person(1001, "Alice", "alice")
BORIS = Person(1002, "Борис", "boris", "ru")
OLGA = Person(2001, "Olga", "olga_owner")
MOST_PAGES = 20

Settle = Callable[[], Awaitable[None]]


class ManualClock(Clock):
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Sleep without waiting: the clock moves instead."""
        self.seconds += seconds
        await asyncio.sleep(0)


class InProcess(BaseSession):
    """Turns aiogram's methods into calls of the fake Telegram, and its answers back."""

    def __init__(self, core: Telegram) -> None:
        super().__init__()
        self._core = core

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109
    ) -> TelegramType:
        files: dict[str, Any] = {}
        params = {}
        for name, value in method.model_dump(warnings=False).items():
            if prepared := self.prepare_value(value, bot=bot, files=files):
                params[name] = prepared
        uploaded = {name: await _read(bot, file) for name, file in files.items()}
        # A real answer never comes within the same step of the loop.
        await asyncio.sleep(0)
        try:
            answer = await self._core.request(method.__api_method__, params, uploaded)
        except NoAnswer as lost:
            raise TelegramNetworkError(method=method, message=str(lost)) from lost
        content = answer.html if answer.html is not None else json.dumps(answer.body)
        response = self.check_response(bot, method, answer.status, content)
        return cast(TelegramType, response.result)

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        file = self._core.file(url.rsplit("/file/", 1)[-1].partition("/")[2])
        yield file.data if file is not None else b""

    async def close(self) -> None:
        """Nothing is open."""


async def _read(bot: Bot, file: InputFile) -> UploadedFile:
    data = b"".join([chunk async for chunk in file.read(bot)])
    return UploadedFile(file.filename or "file", data)


def bot_of(core: Telegram) -> Bot:
    """A bot that speaks to the fake Telegram in this process."""
    return Bot(TOKEN, session=InProcess(core))


def settling(polling: Polling, *steps: Callable[[], Awaitable[object]]) -> Settle:
    """Run the bot, and each step beside it, until there is nothing left to do."""
    lock = asyncio.Lock()

    async def settle() -> None:
        async with lock:
            has_moved = True
            while has_moved:
                has_moved = bool(await polling.once(0))
                await polling.drawn()
                for step in steps:
                    has_moved = bool(await step()) or has_moved
            await polling.drawn()

    return settle


@dataclass(frozen=True, slots=True)
class Pressable:
    """A button as a person has it before them."""

    message_id: int
    label: str
    data: str = ""
    url: str = ""
    copies: str = ""
    style: str | None = None


@dataclass(slots=True)
class Customer:
    """Somebody in their private chat. After each act the bot has answered all there is."""

    core: Telegram
    settle: Settle
    person: Person = ALICE
    wallet: Callable[[int], Awaitable[Money]] | None = None
    answers: list[CallbackAnswer | None] = field(default_factory=list)
    _looked_at: int | None = None

    def __post_init__(self) -> None:
        self.core.people.setdefault(self.person.id, self.person)
        self.core.on_change.append(self._watch)

    @property
    def id(self) -> int:
        return self.person.id

    # What they do

    async def send(
        self, text: str, *, reply_to: int | None = None, forward_of: Person | None = None
    ) -> None:
        """Write a text or a command."""
        self.core.send(self.person, text, reply_to=reply_to, forward_of=forward_of)
        await self.settle()

    async def send_file(self, name: str, data: bytes) -> None:
        """Send a file."""
        self.core.send_file(self.person, name, data)
        await self.settle()

    async def tap(self, label: str) -> CallbackAnswer | None:
        """Tap the button whose label holds these words, turning pages to find it."""
        return await self.press(await self._find(label))

    async def press(self, button: Pressable | str) -> CallbackAnswer | None:
        """Tap a button found before, or send any data at all; what the tap was answered with."""
        if isinstance(button, str):
            button = Pressable(self.message.id, "", button)
        assert button.data, f"{button.label!r} has nothing to tell the bot"
        query = self.core.tap(self.person, button.message_id, button.data)
        await self.settle()
        answer = self.core.answers(query)
        self.answers.append(answer)
        return answer

    async def pick(self, *people: Person, request_id: int = 1) -> None:
        """Choose people from the list that the reply keyboard opens."""
        self.core.share_users(self.person, request_id, list(people))
        await self.settle()

    async def open(self, plan: str, provider: str | None = None) -> None:
        """Go to a plan's confirm screen; of any provider, if none is named."""
        await self.send("/start")
        await self.tap("Browse")
        offered = [provider] if provider else [each.label for each in self.buttons if each.data]
        for label in offered:
            if self._button(label) is None:
                continue
            await self.tap(label)
            try:
                await self.tap(plan)
            except LookupError:
                await self.tap("Back")
            else:
                return
        raise LookupError(plan)

    async def buy(self, plan: str, provider: str | None = None) -> None:
        """Open a plan and tap Buy."""
        await self.open(plan, provider)
        await self.tap("Buy")

    async def block(self) -> None:
        """Stop the bot."""
        self.core.block(self.person)
        await self.settle()

    async def unblock(self) -> None:
        """Let the bot write again."""
        self.core.unblock(self.person)
        await self.settle()

    # What they see

    @property
    def messages(self) -> list[Message]:
        """What the bot has written here, oldest first."""
        return [each for each in self.core.messages(self.id) if each.from_bot]

    @property
    def message(self) -> Message:
        """The message that changed last."""
        looked_at = self.core.message(self.id, self._looked_at or 0)
        if looked_at is not None:
            return looked_at
        written = self.messages
        assert written, "the bot has not written anything"
        return written[-1]

    screen = message

    @property
    def text(self) -> str:
        """The text of the screen, as it is read."""
        return self.message.text

    @property
    def buttons(self) -> list[Pressable]:
        """The buttons of the screen."""
        return _buttons(self.message)

    @property
    def labels(self) -> list[str]:
        return [button.label for button in self.buttons]

    @property
    def alert(self) -> str:
        """What the last tap put over the screen; empty if nothing."""
        last = self.answers[-1] if self.answers else None
        return last.text if last is not None else ""

    def button(self, label: str) -> Pressable:
        """The button whose label holds these words: on the screen, else on the newest message."""
        found = self._button(label)
        if found is None:
            raise LookupError(f"no {label!r} among {self.labels}")
        return found

    async def balance(self) -> Money:
        """The available money, by the shop's books."""
        assert self.wallet is not None
        return await self.wallet(self.id)

    def _button(self, label: str) -> Pressable | None:
        for message in (self.message, *reversed(self.messages)):
            known = _buttons(message)
            for button in known:
                if button.label == label:
                    return button
            for button in known:
                if label in button.label:
                    return button
        return None

    async def _find(self, label: str) -> Pressable:
        for _ in range(MOST_PAGES):
            if any(label in button.label for button in self.buttons):
                break
            forward = next((each for each in self.buttons if each.label == "▶️"), None)
            if forward is None:
                break
            await self.press(forward)
        return self.button(label)

    def _watch(self, change: Change) -> None:
        if change.chat_id != self.id or change.kind not in {"message", "edit"}:
            return
        changed = self.core.message(self.id, change.message_id or 0)
        if changed is not None and changed.from_bot:
            self._looked_at = change.message_id


def _buttons(message: Message) -> list[Pressable]:
    return [
        Pressable(
            message.id,
            button["text"],
            button.get("callback_data", ""),
            button.get("url", ""),
            button.get("copy_text", {}).get("text", ""),
            button.get("style"),
        )
        for button in message.buttons
    ]


@asynccontextmanager
async def task_group() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """Tasks as the app has them; what still runs at the end of a test is cancelled."""
    async with asyncio.TaskGroup() as tasks:
        yield tasks
        for task in list(tasks._tasks):
            task.cancel()

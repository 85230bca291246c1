"""Drawing: how an answer becomes messages in a chat."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

import structlog
from aiogram import Bot
from aiogram.enums import ParseMode
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    EditMessageText,
    Response,
    SendDocument,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    CopyTextButton,
    FSInputFile,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    KeyboardButton,
    KeyboardButtonRequestUsers,
    LinkPreviewOptions,
    Message,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    Update,
)

from bot.callbacks import KEPT
from bot.domain.orders import CustomerId
from bot.screens.base import Answer, Button, Copy, File, Later, Link, Screen, Toast
from bot.services.orders import Orders

log: Final = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

# Telegram counts UTF-16 units or characters of a toast; signs beyond the BMP are rare in one.
LONGEST_TOAST = 200
LATER_SECONDS = 15.0
"""A backstop; the promise of 10 seconds is kept where the second screen is made."""
_CALL_SECONDS = 15
_UPLOAD_SECONDS = 120
_PAUSES = (1.0, 2.0, 4.0)
_REMEMBERED = 10_000

_ANSWERS: Final = (Response[Message], Response[Message | bool], Response[bool])
"""Held for the whole time: pydantic forgets such a type, and would build it again at a tap."""
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)

LONGEST_LIMIT: Final = 3600.0
"""Seconds that a limit is believed: a chat must not be silent for ever over one odd answer."""

UNSURE: Final = (TelegramNetworkError, TelegramServerError, ClientDecodeError)
"""Nobody knows whether Telegram took it. A page of HTML from a gateway cannot be decoded."""


class Turn:
    """A place in a chat's line: `async with` waits for everybody before."""

    def __init__(self, turns: Turns, chat_id: int) -> None:
        self._turns = turns
        self._is_first = asyncio.Event()
        self.chat_id = chat_id

    def begin(self) -> None:
        """Everybody before is done."""
        self._is_first.set()

    def leave(self) -> None:
        """Give the place up, used or not."""
        self._turns.leave(self)

    async def __aenter__(self) -> Self:
        try:
            await self._is_first.wait()
        except asyncio.CancelledError:
            self.leave()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()


class Turns:
    """One line per chat, so that two drawings of one message never overtake each other."""

    def __init__(self) -> None:
        self._lines: dict[int, deque[Turn]] = {}

    def take(self, chat_id: int) -> Turn:
        """The last place in the chat's line, as of now and not as of its first use."""
        turn = Turn(self, chat_id)
        line = self._lines.setdefault(chat_id, deque())
        line.append(turn)
        if line[0] is turn:
            turn.begin()
        return turn

    def leave(self, turn: Turn) -> None:
        """Take a place out of its line; a second time changes nothing."""
        line = self._lines.get(turn.chat_id, deque())
        if turn not in line:
            return
        line.remove(turn)
        if line:
            line[0].begin()
        else:
            del self._lines[turn.chat_id]

    def waiting(self, chat_id: int) -> int:
        """How many places are taken in the chat's line."""
        return len(self._lines.get(chat_id, ()))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer belongs: a chat and, if there is one, the living message in it."""

    chat_id: int
    living: int | None


def place_of(update: Update) -> Place | None:
    """Where the answer to this update is drawn; None for updates that are not answered."""
    if update.message is not None:
        return Place(update.message.chat.id, None)
    query = update.callback_query
    if query is None:
        return None
    shown = query.message
    if shown is None:
        return Place(query.from_user.id, None)
    is_living = not isinstance(shown, InaccessibleMessage) and not is_kept(query)
    return Place(shown.chat.id, shown.message_id if is_living else None)


def is_kept(query: CallbackQuery) -> bool:
    """Whether the tapped message is kept: then its answer is a new message."""
    return (query.data or "").startswith(KEPT)


class Renderer:
    """Shows answers. It never raises what Telegram says about a drawing, except to the courier."""

    def __init__(
        self,
        bot: Bot,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        orders: Orders | None = None,
    ) -> None:
        self._bot = bot
        self._sleep = sleep
        self._orders = orders
        self._newest: OrderedDict[tuple[int, int], int] = OrderedDict()
        self.turns = Turns()

    async def show(self, update: Update, answer: Answer | None, turn: Turn | None = None) -> None:
        """Draw the answer in its turn, and end the spinner of a tap at the same time.

        The answer to a tap edits the tapped message, unless that or the screen is to be kept.
        Without an answer only the spinner ends.
        """
        place = place_of(update)
        if place is None:
            if turn is not None:
                turn.leave()
            return
        turn = turn or self.turns.take(place.chat_id)
        drawing = self._draw(update, place, answer, turn)
        if update.callback_query is None:
            await drawing
        else:
            await asyncio.gather(self._end_spinner(update.callback_query, answer), drawing)

    async def send(self, chat_id: int, screen: Screen) -> int:
        """Send a screen as a new message and return its id; raises what Telegram says."""
        if screen.attached is not None:
            return await self._send_file(chat_id, screen, screen.attached)
        keyboard = _pick_keyboard(screen) if not screen.rows else None
        sent = await self._either(
            screen,
            lambda text, mode: SendMessage(
                chat_id=chat_id,
                text=text,
                parse_mode=mode,
                link_preview_options=_NO_PREVIEW,
                reply_markup=keyboard or markup(screen),
            ),
        )
        if keyboard is None and (keyboard := _pick_keyboard(screen)) is not None:
            # A message has one keyboard, so the list of people comes with one of its own.
            await self._bot(_plainly(chat_id, keyboard.keyboard[0][0].text, keyboard))
        return sent.message_id

    async def edit(self, chat_id: int, message_id: int, screen: Screen) -> bool:
        """Draw a screen over a message; False if the message is gone. Raises what else is said."""
        try:
            await self._either(
                screen,
                lambda text, mode: EditMessageText(
                    chat_id=chat_id,
                    message_id=message_id,
                    text=text,
                    parse_mode=mode,
                    link_preview_options=_NO_PREVIEW,
                    reply_markup=markup(screen),
                ),
            )
        except TelegramBadRequest as refused:
            if _says(refused, "message is not modified"):
                return True
            if _says(refused, *_GONE):
                return False
            raise
        return True

    async def edit_patiently(self, chat_id: int, message_id: int, screen: Screen) -> None:
        """Draw over a message as `show` does: waits when told to, and never raises."""
        serial = self._begin(chat_id, message_id)
        try:
            await self._patiently(
                lambda: self.edit(chat_id, message_id, screen),
                lambda: self._is_newest(chat_id, message_id, serial),
            )
        except AiogramError as error:
            _note("screen not drawn", chat_id, error)

    async def _send_file(self, chat_id: int, screen: Screen, attached: str | File) -> int:
        match attached:
            case File(name, data, is_picture=is_picture):
                upload: InputFile = BufferedInputFile(data, name)
            case str():
                upload, is_picture = FSInputFile(attached), False

        def make(text: str, mode: ParseMode | None) -> SendDocument | SendPhoto:
            keyboard = markup(screen)
            if is_picture:
                return SendPhoto(
                    chat_id=chat_id, photo=upload, caption=text, parse_mode=mode,
                    reply_markup=keyboard,
                )  # fmt: skip
            return SendDocument(
                chat_id=chat_id, document=upload, caption=text, parse_mode=mode,
                reply_markup=keyboard,
            )  # fmt: skip

        return (await self._either(screen, make, _UPLOAD_SECONDS)).message_id

    async def _draw(self, update: Update, place: Place, answer: Answer | None, turn: Turn) -> None:
        # Counted before the turn comes: an older drawing that waits then knows it is outdated.
        chat_id, living = place.chat_id, place.living
        edits = living is not None and not isinstance(answer, Toast | None)
        serial = self._begin(chat_id, living) if edits and living is not None else 0
        drawn: int | None = None
        async with turn:
            match answer:
                case Screen() | Later(now=Screen()):
                    screen = answer.now if isinstance(answer, Later) else answer
                    await self._put_keyboard_away(update.message)
                    drawn = await self._put(chat_id, living, serial, screen)
                    if self._orders and screen.order and drawn is not None and drawn != living:
                        # Within the turn: the courier's drawing of what comes next is after it.
                        await self._orders.shown_on(CustomerId(chat_id), screen.order, drawn)
                case Toast(text) if update.callback_query is None:
                    await self._put(chat_id, None, 0, Screen(text))
                case _:
                    pass
        if isinstance(answer, Later) and drawn is not None:
            if drawn != living:
                serial = self._begin(chat_id, drawn)
            await self._draw_later(chat_id, drawn, serial, answer)

    async def _draw_later(self, chat_id: int, message_id: int, serial: int, later: Later) -> None:
        try:
            async with asyncio.timeout(LATER_SECONDS):
                screen = await later.then()
        except TimeoutError:
            log.warning("second screen not in time", chat_id=chat_id)
            return
        async with self.turns.take(chat_id):
            # The person has moved on: what they see now stays.
            if self._is_newest(chat_id, message_id, serial):
                await self.edit_patiently(chat_id, message_id, screen)

    async def _put(
        self, chat_id: int, living: int | None, serial: int, screen: Screen
    ) -> int | None:
        """Edit or send; the message that shows the screen now, None if Telegram refused."""
        try:
            if living is not None and not screen.kept and not _opens_keyboard(screen):
                is_drawn = await self._patiently(
                    lambda: self.edit(chat_id, living, screen),
                    lambda: self._is_newest(chat_id, living, serial),
                )
                # None: a newer drawing of the same message waits behind this one.
                if is_drawn is not False:
                    return living
            return await self._patiently(lambda: self.send(chat_id, screen))
        except AiogramError as error:
            _note("screen not drawn", chat_id, error)
            return None

    async def _patiently(
        self, call: Callable[[], Awaitable[T]], is_wanted: Callable[[], bool] = lambda: True
    ) -> T | None:
        """Call, wait when Telegram says so, try again at most three times; None if outdated."""
        for pause in _PAUSES:
            try:
                return await call()
            except TelegramRetryAfter as busy:
                await self._sleep(limit_of(busy))
            except UNSURE:
                # At worst the same message twice, which is better than none.
                await self._sleep(pause)
            if not is_wanted():
                return None
        return await call()

    async def _either(
        self,
        screen: Screen,
        make: Callable[[str, ParseMode | None], TelegramMethod[T]],
        seconds: int = _CALL_SECONDS,
    ) -> T:
        """As HTML or, should Telegram not read it, as plain text: better ugly than nothing."""
        try:
            return await self._bot(make(screen.text, ParseMode.HTML), seconds)
        except TelegramBadRequest as refused:
            if not _says(refused, "can't parse entities"):
                raise
            log.warning("Telegram cannot read a screen as HTML", reason=refused.message)
            return await self._bot(make(screen.body.plain(), None), seconds)

    async def _end_spinner(self, query: CallbackQuery, answer: Answer | None) -> None:
        toast = answer if isinstance(answer, Toast) else None
        call = AnswerCallbackQuery(
            callback_query_id=query.id,
            text=toast.text.plain()[:LONGEST_TOAST] if toast else None,
            show_alert=toast.alert if toast else None,
        )
        try:
            await self._patiently(lambda: self._bot(call, _CALL_SECONDS))
        except AiogramError as error:
            if not _says(error, "query is too old", "query id is invalid"):
                _note("tap not answered", query.from_user.id, error)

    async def _put_keyboard_away(self, message: Message | None) -> None:
        """A picked person closes the list of people, which a new message alone can do."""
        if message is None or message.users_shared is None:
            return
        chat = message.chat.id
        call = _plainly(chat, "👤", ReplyKeyboardRemove(remove_keyboard=True))
        try:
            sent = await self._patiently(lambda: self._bot(call, _CALL_SECONDS))
            if sent is not None:
                # It has done its work: the keyboard stays away without it.
                gone = DeleteMessage(chat_id=chat, message_id=sent.message_id)
                await self._patiently(lambda: self._bot(gone, _CALL_SECONDS))
        except AiogramError as error:
            _note("keyboard not put away", message.chat.id, error)

    def _begin(self, chat_id: int, message_id: int) -> int:
        """A new drawing of this message, which makes older ones outdated."""
        key = (chat_id, message_id)
        serial = self._newest.pop(key, 0) + 1
        self._newest[key] = serial
        if len(self._newest) > _REMEMBERED:
            self._newest.popitem(last=False)
        return serial

    def _is_newest(self, chat_id: int, message_id: int, serial: int) -> bool:
        return self._newest.get((chat_id, message_id)) == serial


def limit_of(busy: TelegramRetryAfter) -> float:
    """The seconds to wait that Telegram asks for, a second at least and an hour at most."""
    return min(max(busy.retry_after, 1), LONGEST_LIMIT)


def markup(screen: Screen) -> InlineKeyboardMarkup | None:
    """A screen's buttons; those of a kept screen say so in their payload."""
    # Built directly: aiogram's builder takes ten times as long.
    prefix = KEPT if screen.kept else ""
    rows = [[_button(button, prefix) for button in row] for row in screen.rows if row]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def _button(button: Button | Link | Copy, prefix: str) -> InlineKeyboardButton:
    text = button.label.plain()
    match button:
        case Button(does=does, style=style):
            return InlineKeyboardButton(text=text, callback_data=prefix + does.pack(), style=style)
        case Link(url=url):
            return InlineKeyboardButton(text=text, url=url)
        case Copy(value=value):
            return InlineKeyboardButton(text=text, copy_text=CopyTextButton(text=value))


def _opens_keyboard(screen: Screen) -> bool:
    return screen.picks_person is not None and not screen.rows


def _pick_keyboard(screen: Screen) -> ReplyKeyboardMarkup | None:
    if screen.picks_person is None:
        return None
    button = KeyboardButton(
        text=screen.picks_person.plain(),
        request_users=KeyboardButtonRequestUsers(request_id=1, user_is_bot=False),
    )
    return ReplyKeyboardMarkup(keyboard=[[button]], one_time_keyboard=True, resize_keyboard=True)


def _plainly(
    chat_id: int, text: str, keyboard: ReplyKeyboardMarkup | ReplyKeyboardRemove
) -> SendMessage:
    return SendMessage(chat_id=chat_id, text=text, parse_mode=None, reply_markup=keyboard)


_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message identifier is not specified",
    "message_id_invalid",
    "there is no text in the message to edit",
)


def _says(error: AiogramError, *parts: str) -> bool:
    """Whether Telegram's words hold one of these; it sends no codes for them."""
    said = error.message.lower() if isinstance(error, TelegramBadRequest) else ""
    return any(part in said for part in parts)


def _note(event: str, chat_id: int, error: AiogramError) -> None:
    # The class alone: texts of these errors may hold the token's URL or a whole message.
    reason = error.message if isinstance(error, TelegramBadRequest) else ""
    log.warning(event, chat_id=chat_id, error=type(error).__name__, reason=reason)

"""Arrival: who is asking, in which language, with which rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, cast

from aiogram import BaseMiddleware
from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.types import (
    CallbackQuery,
    Chat,
    ChatMemberUpdated,
    InaccessibleMessage,
    Message,
    TelegramObject,
    User,
)

from bot.callbacks import KEPT
from bot.domain.clock import Clock
from bot.domain.customers import Customer, ShopInfo, Visitor
from bot.domain.errors import BlockedCustomer
from bot.domain.orders import CustomerId
from bot.handlers.buckets import Buckets
from bot.handlers.render import is_kept
from bot.i18n import Text, Texts, texts
from bot.screens import problems
from bot.screens.base import Answer, Later, Screen, Toast
from bot.services.customers import Customers

# More than fifty taps on one button at once: each of them gets the first one's answer.
BURST: Final = 100
PER_SECOND: Final = 5
_HOUR: Final = 3600

Next = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Arrival(BaseMiddleware):
    """Lets people in private chats in, as customers; keeps everybody else from the database.

    Adds `customer`, `t` and `message_id` for the handlers. What the answer asks is remembered
    before the update counts as handled, so the next typed text finds its question.
    """

    def __init__(self, clock: Clock) -> None:
        self._taps = Buckets(clock, burst=BURST, per_second=PER_SECOND)
        self._groups = Buckets(clock, burst=1, per_second=1 / _HOUR)

    async def __call__(
        self, handler: Next, event: TelegramObject, data: dict[str, Any]
    ) -> Answer | None:
        customers: Customers = data["customers"]
        match event:
            case ChatMemberUpdated():
                await _membership(event, customers)
                return None
            case CallbackQuery(message=Message() | InaccessibleMessage() as shown):
                if not _is_own(shown.chat, event.from_user):
                    return Toast(_elsewhere(spoken(event.from_user)))
                return await self._tapped(handler, event, data, customers)
            case Message(from_user=User() as sender):
                if event.chat.type != ChatType.PRIVATE:
                    return self._in_group(event, data["shop_info"])
                if not _is_own(event.chat, sender):
                    return None
                return await self._typed(handler, event, data, customers)
            case _:
                # A tap on an inline message, or a channel's post: nothing of ours.
                return None

    async def _tapped(
        self, handler: Next, query: CallbackQuery, data: dict[str, Any], customers: Customers
    ) -> Answer | None:
        if query.from_user.is_bot:
            return None
        if not self._taps.take(query.from_user.id):
            t = spoken(query.from_user)
            return Toast(t("That was too fast. Wait a moment, then tap again."))
        data["message_id"] = _living(query)
        customer = await customers.arrive(_visitor(query.from_user), data["message_id"])
        if _is_older(query, data["shop_info"].restored_at):
            t = texts(customer.language)
            return Toast(t("A backup was restored since this was shown. Send /start."), alert=True)
        if is_kept(query):
            query = query.model_copy(update={"data": (query.data or "").removeprefix(KEPT)})
        return await _answered(handler, query, data, customer, customers)

    async def _typed(
        self, handler: Next, message: Message, data: dict[str, Any], customers: Customers
    ) -> Answer | None:
        sender = message.from_user
        text = message.text or message.caption or ""
        is_command = text.startswith("/")
        if sender is None or sender.is_bot or message.sender_chat or message.via_bot:
            return None
        # Somebody else's words: an owner who forwards "/topup …" shows it and does not say it.
        if message.edit_date or (is_command and message.forward_origin):
            return None
        if not self._taps.take(sender.id):
            return None
        data["message_id"] = None
        customer = await customers.arrive(_visitor(sender), None)
        if customer.is_blocked and not is_command:
            return problems.problem(texts(customer.language), BlockedCustomer())
        return await _answered(handler, message, data, customer, customers)

    def _in_group(self, message: Message, shop: ShopInfo) -> Answer | None:
        sender = message.from_user
        if sender is None or sender.is_bot or message.sender_chat or message.via_bot:
            return None
        if not _is_for_us(message.text or "", shop.bot_username):
            return None
        if not self._groups.take(message.chat.id):
            return None
        return problems.group(spoken(sender), shop.bot_username)


async def _answered(
    handler: Next,
    event: TelegramObject,
    data: dict[str, Any],
    customer: Customer,
    customers: Customers,
) -> Answer | None:
    data["customer"] = customer
    data["t"] = texts(customer.language)
    answer = cast(Answer | None, await handler(event, data))
    screen = answer.now if isinstance(answer, Later) else answer
    if isinstance(screen, Screen):
        prompt = screen.asks.pack() if screen.asks is not None else None
        if prompt != customer.prompt:
            await customers.remember(customer.id, prompt)
    return answer


async def _membership(event: ChatMemberUpdated, customers: Customers) -> None:
    if event.chat.type != ChatType.PRIVATE:
        return
    customer = CustomerId(event.chat.id)
    match event.new_chat_member.status:
        case ChatMemberStatus.KICKED:
            await customers.unreachable(customer)
        case ChatMemberStatus.MEMBER:
            await customers.reachable(customer)
        case _:
            pass


def spoken(user: User) -> Texts:
    """The language of somebody's app, for people who are not known yet."""
    return texts((user.language_code or "en").split("-")[0].casefold())


def _visitor(user: User) -> Visitor:
    return Visitor(CustomerId(user.id), user.full_name, user.username, user.language_code)


def _living(query: CallbackQuery) -> int | None:
    if is_kept(query) or not isinstance(query.message, Message):
        return None
    return query.message.message_id


def _is_older(query: CallbackQuery, restored_at: datetime | None) -> bool:
    """Whether this was shown before a restore, or nobody can tell: its numbers are others now."""
    if restored_at is None:
        return False
    if not isinstance(query.message, Message):
        return True
    shown = max(query.message.date.timestamp(), query.message.edit_date or 0)
    return shown < int(restored_at.timestamp())


def _is_own(chat: Chat, user: User) -> bool:
    """Whether this is the person's own chat with the bot: what is theirs is shown nowhere else."""
    return chat.type == ChatType.PRIVATE and chat.id == user.id


def _elsewhere(t: Texts) -> Text:
    return t("The shop works in a private chat only.")


def _is_for_us(text: str, username: str) -> bool:
    mention = f"@{username}".casefold()
    first = text.split(maxsplit=1)[0].casefold() if text.strip() else ""
    if first.startswith("/"):
        return "@" not in first or first.endswith(mention)
    return mention in text.casefold()

"""Customers as owners deal with them: named, blocked, answered."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram.types import Message, MessageOriginUser, TelegramObject

from bot.callbacks import OwnerWallet, Reply
from bot.domain.customers import Customer, Person, ShopInfo
from bot.domain.errors import NotFound
from bot.domain.orders import CustomerId
from bot.handlers.routes import Role, Route, said, tap, typed
from bot.i18n import Texts, clean
from bot.screens import customers as screens
from bot.screens import wallet as wallet_screens
from bot.screens.base import Screen
from bot.screens.words import too_long, units
from bot.services.customers import Customers
from bot.services.support import LONGEST, Support
from bot.services.wallets import Wallets

# Ids of people have at most 52 significant bits; names are as Telegram allows them.
_TARGET = re.compile(r"[1-9][0-9]{0,15}|@?[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)


async def block(
    _: TelegramObject,
    words: str,
    t: Texts,
    customer: Customer,
    customers: Customers,
    shop_info: ShopInfo,
) -> Screen:
    """Stop somebody's buying and typing; never one's own, for the way back is typed."""
    if not words:
        return screens.block_whom(t)
    try:
        person = await person_named(words, customers)
    except NotFound:
        return screens.unknown_person(t, shop_info.bot_username)
    if person.id == customer.id:
        return screens.not_yourself(t)
    return screens.blocked(t, await customers.block(person.id))


async def unblock(
    _: TelegramObject, words: str, t: Texts, customers: Customers, shop_info: ShopInfo
) -> Screen:
    if not words:
        return screens.block_whom(t)
    try:
        person = await person_named(words, customers)
    except NotFound:
        return screens.unknown_person(t, shop_info.bot_username)
    return screens.unblocked(t, await customers.unblock(person.id))


async def wallet(
    _: TelegramObject,
    callback_data: OwnerWallet,
    t: Texts,
    customers: Customers,
    wallets: Wallets,
) -> Screen:
    person = await customers.person(CustomerId(callback_data.customer))
    statement = await wallets.statement(person.id, callback_data.before)
    return wallet_screens.of_customer(t, person, statement, callback_data.before)


async def ask_reply(
    _: TelegramObject, callback_data: Reply, t: Texts, customers: Customers
) -> Screen:
    return screens.ask_reply(t, await customers.person(CustomerId(callback_data.customer)))


async def reply(
    _: TelegramObject,
    prompt: Reply,
    words: str,
    t: Texts,
    customers: Customers,
    support: Support,
) -> Screen:
    """Send an owner's words to a customer, whole or not at all."""
    person = await customers.person(CustomerId(prompt.customer))
    if units(words) > LONGEST:
        return screens.ask_reply(t, person, too_long(t, LONGEST))
    if not clean(words).strip():
        return screens.ask_reply(t, person)
    await support.reply(person.id, words)
    return screens.replied(t, person.id)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a typed command names, and the words after; None where it names nobody."""

    target: str | None
    rest: str


def read_target(words: str, *, is_answer: bool) -> Asked:
    """Take the id or @name off the front; an answer to a forwarded message names nobody."""
    if is_answer or not words:
        return Asked(None, words)
    target, _, rest = words.partition(" ")
    return Asked(target, rest.strip(" "))


def is_target(word: str) -> bool:
    """Whether a word can be the id or the @name of a person."""
    return _TARGET.fullmatch(word) is not None


def answers_forwarded(message: Message) -> bool:
    """Whether a command answers a message that was forwarded from somebody."""
    answered = message.reply_to_message
    return answered is not None and answered.forward_origin is not None


async def person_meant(message: Message, asked: Asked, customers: Customers) -> Person | None:
    """Who is named, or wrote what is answered; None where neither says. Raises `NotFound`."""
    if asked.target is not None:
        return await person_named(asked.target, customers)
    answered = message.reply_to_message
    match answered and answered.forward_origin:
        case MessageOriginUser(sender_user=author):
            return await customers.person(CustomerId(author.id))
        case _:
            return None


async def person_named(word: str, customers: Customers) -> Person:
    """Who has this id or @name; raises `NotFound`."""
    if not is_target(word):
        raise NotFound
    return await customers.find(word)


ROUTES: tuple[Route, ...] = (
    said("block", block, role=Role.OWNER),
    said("unblock", unblock, role=Role.OWNER),
    tap(OwnerWallet, wallet, role=Role.OWNER),
    tap(Reply, ask_reply, role=Role.OWNER),
    typed(Reply, reply, role=Role.OWNER),
)

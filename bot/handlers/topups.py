"""Top-ups and debits: typed by owners, and previewed."""

from __future__ import annotations

import re

from aiogram.types import Message, TelegramObject

from bot.callbacks import TopUpFor
from bot.domain.customers import Customer, ShopInfo
from bot.domain.errors import BadAmount, NotFound
from bot.domain.money import Money, parse_amount
from bot.domain.orders import CustomerId
from bot.domain.requests import TopUp
from bot.handlers.customers import answers_forwarded, person_meant, read_target
from bot.handlers.requests import MOST_NOTE
from bot.handlers.routes import Role, Route, picked, said, tap, typed
from bot.i18n import Texts, clean
from bot.screens import customers as customer_screens
from bot.screens import topups as screens
from bot.screens.base import Screen
from bot.screens.words import too_long, units
from bot.services.customers import Customers
from bot.services.wallets import Wallets


async def topup(
    message: Message,
    words: str,
    t: Texts,
    customer: Customer,
    customers: Customers,
    wallets: Wallets,
    shop_info: ShopInfo,
) -> Screen:
    """Preview a top-up of the person named, or of the one whose forwarded message is answered."""
    asked = read_target(words, is_answer=answers_forwarded(message))
    try:
        person = await person_meant(message, asked, customers)
    except NotFound:
        return customer_screens.unknown_person(t, shop_info.bot_username)
    if person is None:
        return screens.hidden_person(t) if answers_forwarded(message) else screens.pick_person(t)
    if not asked.rest:
        return screens.ask_amount(t, person)
    try:
        amount, note = read_amount(asked.rest)
    except BadAmount as bad:
        return screens.top_up_refused(t, screens.not_an_amount(t, bad.typed))
    if units(note) > MOST_NOTE:
        return screens.top_up_refused(t, too_long(t, MOST_NOTE))
    preview = await wallets.preview(TopUp(person.id, amount, note, is_debit=False), customer.id)
    return screens.top_up(t, preview)


async def debit(
    message: Message,
    words: str,
    t: Texts,
    customer: Customer,
    customers: Customers,
    wallets: Wallets,
    shop_info: ShopInfo,
) -> Screen:
    """Preview a debit: it needs a reason, and the service refuses to go below zero."""
    asked = read_target(words, is_answer=answers_forwarded(message))
    try:
        person = await person_meant(message, asked, customers)
    except NotFound:
        return customer_screens.unknown_person(t, shop_info.bot_username)
    if person is None:
        if answers_forwarded(message):
            return screens.hidden_person(t)
        return screens.debit_refused(t, None)
    try:
        amount, reason = read_amount(asked.rest)
    except BadAmount as bad:
        return screens.debit_refused(t, screens.not_a_debit(t, bad.typed))
    if not reason:
        return screens.debit_refused(t, screens.no_reason(t))
    if units(reason) > MOST_NOTE:
        return screens.debit_refused(t, too_long(t, MOST_NOTE))
    preview = await wallets.preview(TopUp(person.id, amount, reason, is_debit=True), customer.id)
    return screens.top_up(t, preview)


async def pick(
    _: Message, picked: int, t: Texts, customers: Customers, shop_info: ShopInfo
) -> Screen:
    try:
        person = await customers.person(CustomerId(picked))
    except NotFound:
        return customer_screens.unknown_person(t, shop_info.bot_username)
    return screens.ask_amount(t, person)


async def ask_amount(
    _: TelegramObject, callback_data: TopUpFor, t: Texts, customers: Customers
) -> Screen:
    return screens.ask_amount(t, await customers.person(CustomerId(callback_data.customer)))


async def type_amount(
    _: TelegramObject,
    prompt: TopUpFor,
    words: str,
    t: Texts,
    customer: Customer,
    customers: Customers,
    wallets: Wallets,
) -> Screen:
    """Preview the typed top-up; the question stays open until an amount was understood."""
    person = await customers.person(CustomerId(prompt.customer))
    try:
        amount, note = read_amount(words)
    except BadAmount as bad:
        return screens.ask_amount(t, person, screens.not_an_amount(t, bad.typed))
    if units(note) > MOST_NOTE:
        return screens.ask_amount(t, person, too_long(t, MOST_NOTE))
    preview = await wallets.preview(TopUp(person.id, amount, note, is_debit=False), customer.id)
    return screens.top_up(t, preview)


def read_amount(words: str) -> tuple[Money, str]:
    """An amount and the note after it; raises `BadAmount`.

    Words are parted by spaces, a note also by a line break. A note that begins with a digit is
    refused with the amount: `1 000` must not become 1 with the note 000.
    """
    amount, *rest = re.split("[ \n]", words.strip(" "), maxsplit=1)
    note = clean("".join(rest)).strip()
    money = parse_amount(amount)
    if note[:1].isnumeric():
        raise BadAmount(words.strip(" "))
    return money, note


ROUTES: tuple[Route, ...] = (
    said("topup", topup, role=Role.OWNER),
    said("debit", debit, role=Role.OWNER),
    picked(pick, role=Role.OWNER),
    tap(TopUpFor, ask_amount, role=Role.OWNER),
    typed(TopUpFor, type_amount, role=Role.OWNER),
)

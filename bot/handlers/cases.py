"""Cases: what owners see of orders, and what they decide."""

from __future__ import annotations

import re

from aiogram.exceptions import AiogramError
from aiogram.types import Document, Message, TelegramObject

from bot.callbacks import (
    Bind,
    GiveBack,
    HandOver,
    Inbox,
    KeepWaiting,
    OwnerOrder,
    RefundFor,
    ShowStrays,
)
from bot.domain.clock import Clock
from bot.domain.customers import Customer
from bot.domain.errors import BadCredentials, DeliveredBefore, WrongCount
from bot.domain.orders import OrderId
from bot.handlers.requests import MOST_NOTE
from bot.handlers.routes import Role, Route, attached, said, tap, typed
from bot.i18n import Texts, clean
from bot.screens import cases as screens
from bot.screens.base import Screen
from bot.screens.order_files import no_order, order_file
from bot.screens.words import too_long, units
from bot.services.cases import Cases
from bot.services.exchanges import Exchanges

MOST_FILE = 256_000
"""Bytes of a file with credentials: a thousand lines of them."""

_NUMBER = re.compile(r"[#№]?(?P<number>[1-9][0-9]{0,14})", re.ASCII)


async def inbox(_: TelegramObject, t: Texts, cases: Cases, clock: Clock) -> Screen:
    return screens.inbox(t, await cases.inbox(), clock.now())


async def order(_: TelegramObject, callback_data: OwnerOrder, t: Texts, cases: Cases) -> Screen:
    return order_file(t, await cases.file(OrderId(callback_data.order)))


async def find_order(_: TelegramObject, words: str, t: Texts, cases: Cases) -> Screen:
    number = read_order_number(words)
    if number is None:
        return no_order(t)
    return order_file(t, await cases.file(number))


async def strays(_: TelegramObject, callback_data: ShowStrays, t: Texts, cases: Cases) -> Screen:
    asked, found = await cases.strays(OrderId(callback_data.order))
    return screens.strays(t, asked, found)


async def bind(
    _: TelegramObject, callback_data: Bind, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    number = OrderId(callback_data.order)
    await cases.bind(number, callback_data.upstream_order, customer.id)
    return order_file(t, await cases.file(number))


async def hand_over(
    _: TelegramObject, callback_data: HandOver, t: Texts, cases: Cases, exchanges: Exchanges
) -> Screen:
    file = await cases.file(OrderId(callback_data.order))
    is_exchange = await exchanges.waits_for_owner(file.order.id)
    return screens.hand_over(t, file.order.id, is_exchange=is_exchange)


async def paste(
    _: TelegramObject,
    prompt: HandOver,
    words: str,
    t: Texts,
    customer: Customer,
    cases: Cases,
    exchanges: Exchanges,
) -> Screen:
    """Deliver what was pasted; the question stays open until every line was understood."""
    number = OrderId(prompt.order)
    is_exchange = await exchanges.waits_for_owner(number)
    try:
        if is_exchange:
            await exchanges.hand_over(number, words, customer.id)
        else:
            await cases.hand_over(number, words, customer.id)
    except BadCredentials as bad:
        problem = screens.bad_line(t, bad.line)
    except DeliveredBefore as known:
        problem = screens.delivered_before(t, known.order)
    except WrongCount as wrong:
        problem = screens.wrong_count(t, wrong.found, wrong.wanted)
    else:
        return order_file(t, await cases.file(number))
    return screens.hand_over(t, number, problem, is_exchange=is_exchange)


async def paste_file(
    message: Message,
    prompt: HandOver,
    document: Document,
    t: Texts,
    customer: Customer,
    cases: Cases,
    exchanges: Exchanges,
) -> Screen:
    """Deliver the lines of a text file, as if they had been pasted."""
    words = await _text_of(message, document)
    if words is None:
        number = OrderId(prompt.order)
        is_exchange = await exchanges.waits_for_owner(number)
        problem = screens.bad_file(t, MOST_FILE)
        return screens.hand_over(t, number, problem, is_exchange=is_exchange)
    return await paste(message, prompt, words, t, customer, cases, exchanges)


async def give_back(
    _: TelegramObject, callback_data: GiveBack, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    """Release the hold of an order under review, after asking once."""
    number = OrderId(callback_data.order)
    if not callback_data.sure:
        return screens.give_back(t, number)
    await cases.give_back(number, customer.id)
    return order_file(t, await cases.file(number))


async def keep_waiting(
    _: TelegramObject, callback_data: KeepWaiting, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    number = OrderId(callback_data.order)
    await cases.keep_waiting(number, customer.id)
    return order_file(t, await cases.file(number))


async def ask_refund_reason(_: TelegramObject, callback_data: RefundFor, t: Texts) -> Screen:
    return screens.ask_refund_reason(t, OrderId(callback_data.order))


async def type_refund_reason(
    _: TelegramObject, prompt: RefundFor, words: str, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    number, reason = OrderId(prompt.order), clean(words).strip()
    if not reason:
        return screens.ask_refund_reason(t, number)
    if units(reason) > MOST_NOTE:
        return screens.ask_refund_reason(t, number, too_long(t, MOST_NOTE))
    return screens.refund_preview(t, await cases.preview_refund(number, reason, customer.id))


def read_order_number(words: str) -> OrderId | None:
    """`42`, `#42` or `№42`; None for anything else."""
    found = _NUMBER.fullmatch(words)
    return None if found is None else OrderId(int(found["number"]))


async def _text_of(message: Message, document: Document) -> str | None:
    """What a file says; None where it is too large, or no text."""
    if message.bot is None or (document.file_size or 0) > MOST_FILE:
        return None
    try:
        file = await message.bot.download(document)
        return None if file is None else file.read(MOST_FILE).decode("utf-8-sig")
    except (UnicodeDecodeError, AiogramError):
        return None


ROUTES: tuple[Route, ...] = (
    tap(Inbox, inbox, role=Role.OWNER),
    said("order", find_order, role=Role.OWNER),
    tap(OwnerOrder, order, role=Role.OWNER),
    tap(ShowStrays, strays, role=Role.OWNER),
    tap(Bind, bind, role=Role.OWNER),
    tap(HandOver, hand_over, role=Role.OWNER),
    typed(HandOver, paste, role=Role.OWNER),
    attached(HandOver, paste_file, role=Role.OWNER),
    tap(GiveBack, give_back, role=Role.OWNER),
    tap(KeepWaiting, keep_waiting, role=Role.OWNER),
    tap(RefundFor, ask_refund_reason, role=Role.OWNER),
    typed(RefundFor, type_refund_reason, role=Role.OWNER),
)

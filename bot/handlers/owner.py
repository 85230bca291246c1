"""Taps, commands and typed answers of the shop's owners; every route asks for the role again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram.exceptions import AiogramError
from aiogram.types import Document, Message, MessageOriginUser, TelegramObject

from bot.callbacks import (
    AuditNow,
    Bind,
    Confirm,
    Drop,
    GiveBack,
    HandOver,
    Inbox,
    KeepWaiting,
    MarkupHistory,
    OwnerOrder,
    RefundFor,
    Reply,
    Resume,
    RollBack,
    SaleNotices,
    Shop,
    ShowMarkup,
    ShowStrays,
    TopUpFor,
)
from bot.domain.clock import Clock
from bot.domain.customers import Customer, Person, ShopInfo
from bot.domain.errors import (
    BadAmount,
    BadCredentials,
    BadMarkup,
    DeliveredBefore,
    NotFound,
    WrongCount,
)
from bot.domain.markup import RuleChangeId
from bot.domain.money import Money, parse_amount
from bot.domain.orders import CustomerId, OrderId
from bot.domain.requests import MarkupChange, Refund, RequestId, TopUp
from bot.domain.shop import Resumed, ShopState
from bot.handlers import subscriptions
from bot.handlers.routes import Role, Route, attached, picked, said, tap, typed
from bot.i18n import Texts, clean
from bot.screens import owner as screens
from bot.screens.base import Screen, Toast
from bot.screens.notices import units
from bot.services.cases import Cases
from bot.services.customers import Customers
from bot.services.exchanges import Exchanges
from bot.services.markup import Markup
from bot.services.requests import Requests
from bot.services.shop import ShopDesk
from bot.services.support import LONGEST, Support
from bot.services.wallets import Wallets

MOST_NOTE = 200
MOST_FILE = 256_000
"""Bytes of a file with credentials: a thousand lines of them."""

# Ids of people have at most 52 significant bits; names are as Telegram allows them.
_TARGET = re.compile(r"[1-9][0-9]{0,15}|@?[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)
_NUMBER = re.compile(r"#?(?P<number>[1-9][0-9]{0,14})", re.ASCII)


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
    asked = read_target(words, is_answer=_is_answer(message))
    try:
        person = await _person(message, asked, customers)
    except NotFound:
        return screens.unknown_person(t, shop_info.bot_username)
    if person is None:
        return screens.hidden_person(t) if _is_answer(message) else screens.pick_person(t)
    if not asked.rest:
        return screens.ask_amount(t, person)
    try:
        amount, note = read_amount(asked.rest)
    except BadAmount as bad:
        return screens.top_up_refused(t, screens.not_an_amount(t, bad.typed))
    if units(note) > MOST_NOTE:
        return screens.top_up_refused(t, screens.too_long(t, MOST_NOTE))
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
    asked = read_target(words, is_answer=_is_answer(message))
    try:
        person = await _person(message, asked, customers)
    except NotFound:
        return screens.unknown_person(t, shop_info.bot_username)
    if person is None:
        return screens.hidden_person(t) if _is_answer(message) else screens.debit_refused(t, None)
    try:
        amount, reason = read_amount(asked.rest)
    except BadAmount as bad:
        return screens.debit_refused(t, screens.not_a_debit(t, bad.typed))
    if not reason:
        return screens.debit_refused(t, screens.no_reason(t))
    if units(reason) > MOST_NOTE:
        return screens.debit_refused(t, screens.too_long(t, MOST_NOTE))
    preview = await wallets.preview(TopUp(person.id, amount, reason, is_debit=True), customer.id)
    return screens.top_up(t, preview)


async def pick(
    _: Message, picked: int, t: Texts, customers: Customers, shop_info: ShopInfo
) -> Screen:
    try:
        person = await customers.person(CustomerId(picked))
    except NotFound:
        return screens.unknown_person(t, shop_info.bot_username)
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
        return screens.ask_amount(t, person, screens.too_long(t, MOST_NOTE))
    preview = await wallets.preview(TopUp(person.id, amount, note, is_debit=False), customer.id)
    return screens.top_up(t, preview)


async def confirm(
    _: TelegramObject,
    callback_data: Confirm,
    t: Texts,
    customer: Customer,
    requests: Requests,
    customers: Customers,
    wallets: Wallets,
    markup: Markup,
    cases: Cases,
) -> Screen:
    """Do what the preview showed, once; a second tap draws the same answer."""
    request = await requests.open(RequestId(callback_data.request), customer.id)
    match request.asked:
        case TopUp() as asked:
            balance = await wallets.confirm(request, customer.id)
            person = await customers.person(asked.customer)
            return screens.topped_up(t, asked, person, balance.available)
        case MarkupChange():
            await markup.apply(request, customer.id)
            return screens.markup(t, markup.rules(), markup.samples(), is_applied=True)
        case Refund():
            return screens.refunded(t, await cases.refund(request, customer.id))


async def drop(
    _: TelegramObject, callback_data: Drop, t: Texts, customer: Customer, requests: Requests
) -> Screen:
    await requests.drop(RequestId(callback_data.request), customer.id)
    return screens.dropped(t)


async def show_markup(_: TelegramObject, t: Texts, markup: Markup) -> Screen:
    return screens.markup(t, markup.rules(), markup.samples())


async def change_markup(
    _: TelegramObject, words: str, t: Texts, customer: Customer, markup: Markup
) -> Screen:
    """The rules, or the preview of the one that was typed."""
    if not words:
        return screens.markup(t, markup.rules(), markup.samples())
    try:
        return screens.markup_preview(t, await markup.preview(words, customer.id))
    except BadMarkup as bad:
        return screens.bad_markup(t, bad.typed)


async def markup_history(
    _: TelegramObject, callback_data: MarkupHistory, t: Texts, markup: Markup
) -> Screen:
    return screens.markup_history(t, await markup.history(callback_data.before))


async def roll_back(
    _: TelegramObject, callback_data: RollBack, t: Texts, customer: Customer, markup: Markup
) -> Screen:
    change = RuleChangeId(callback_data.change)
    return screens.markup_preview(t, await markup.preview_rollback(change, customer.id))


async def shop(_: TelegramObject, t: Texts, customer: Customer, desk: ShopDesk) -> Screen:
    return _shop(t, await desk.state(), wants_sales=customer.wants_sales)


async def sale_notices(
    _: TelegramObject,
    callback_data: SaleNotices,
    t: Texts,
    customer: Customer,
    customers: Customers,
    desk: ShopDesk,
) -> Screen:
    await customers.wants_sales(customer.id, on=callback_data.on)
    return _shop(t, await desk.state(), wants_sales=callback_data.on)


async def resume(
    _: TelegramObject, t: Texts, customer: Customer, desk: ShopDesk
) -> Screen | Toast:
    """Sell again, if a new audit is green; a second tap finds the shop open."""
    match await desk.resume():
        case Resumed.BOOKS_DIFFER:
            return Toast(screens.not_resumed(t), alert=True)
        case Resumed.LISTS_UNREAD:
            return Toast(screens.lists_unread(t), alert=True)
        case Resumed.OPEN:
            return _shop(t, await desk.state(), wants_sales=customer.wants_sales)


async def audit(_: TelegramObject, t: Texts, customer: Customer, desk: ShopDesk) -> Screen:
    """Audit the books now; on a difference the shop is drawn as it stands then: stopped."""
    report = await desk.audit()
    state = await desk.state()
    return screens.shop(t, state, wants_sales=customer.wants_sales, is_green=report.is_green)


async def inbox(_: TelegramObject, t: Texts, cases: Cases, clock: Clock) -> Screen:
    return screens.inbox(t, await cases.inbox(), clock.now())


async def order(_: TelegramObject, callback_data: OwnerOrder, t: Texts, cases: Cases) -> Screen:
    return screens.order(t, await cases.file(OrderId(callback_data.order)))


async def find_order(_: TelegramObject, words: str, t: Texts, cases: Cases) -> Screen:
    number = read_order_number(words)
    if number is None:
        return screens.no_order(t)
    return screens.order(t, await cases.file(number))


async def strays(_: TelegramObject, callback_data: ShowStrays, t: Texts, cases: Cases) -> Screen:
    asked, found = await cases.strays(OrderId(callback_data.order))
    return screens.strays(t, asked, found)


async def bind(
    _: TelegramObject, callback_data: Bind, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    number = OrderId(callback_data.order)
    await cases.bind(number, callback_data.upstream_order, customer.id)
    return screens.order(t, await cases.file(number))


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
            await exchanges.hand_over(number, words)
        else:
            await cases.hand_over(number, words, customer.id)
    except BadCredentials as bad:
        problem = screens.bad_line(t, bad.line)
    except DeliveredBefore as known:
        problem = screens.delivered_before(t, known.order)
    except WrongCount as wrong:
        problem = screens.wrong_count(t, wrong.found, wrong.wanted)
    else:
        return screens.order(t, await cases.file(number))
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


async def _text_of(message: Message, document: Document) -> str | None:
    """What a file says; None where it is too large, or no text."""
    if message.bot is None or (document.file_size or 0) > MOST_FILE:
        return None
    try:
        file = await message.bot.download(document)
        return None if file is None else file.read(MOST_FILE).decode("utf-8-sig")
    except (UnicodeDecodeError, AiogramError):
        return None


async def give_back(
    _: TelegramObject, callback_data: GiveBack, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    """Release the hold of an order under review, after asking once."""
    number = OrderId(callback_data.order)
    if not callback_data.sure:
        return screens.give_back(t, number)
    await cases.give_back(number, customer.id)
    return screens.order(t, await cases.file(number))


async def keep_waiting(
    _: TelegramObject, callback_data: KeepWaiting, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    number = OrderId(callback_data.order)
    await cases.keep_waiting(number, customer.id)
    return screens.order(t, await cases.file(number))


async def ask_refund_reason(_: TelegramObject, callback_data: RefundFor, t: Texts) -> Screen:
    return screens.ask_refund_reason(t, OrderId(callback_data.order))


async def type_refund_reason(
    _: TelegramObject, prompt: RefundFor, words: str, t: Texts, customer: Customer, cases: Cases
) -> Screen:
    number, reason = OrderId(prompt.order), clean(words).strip()
    if not reason:
        return screens.ask_refund_reason(t, number)
    if units(reason) > MOST_NOTE:
        return screens.ask_refund_reason(t, number, screens.too_long(t, MOST_NOTE))
    return screens.refund_preview(t, await cases.preview_refund(number, reason, customer.id))


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
        person = await _named(words, customers)
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
        person = await _named(words, customers)
    except NotFound:
        return screens.unknown_person(t, shop_info.bot_username)
    return screens.unblocked(t, await customers.unblock(person.id))


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
        return screens.ask_reply(t, person, screens.too_long(t, LONGEST))
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


def read_order_number(words: str) -> OrderId | None:
    """`42` or `#42`; None for anything else."""
    found = _NUMBER.fullmatch(words)
    return None if found is None else OrderId(int(found["number"]))


def _is_answer(message: Message) -> bool:
    answered = message.reply_to_message
    return answered is not None and answered.forward_origin is not None


async def _person(message: Message, asked: Asked, customers: Customers) -> Person | None:
    if asked.target is not None:
        return await _named(asked.target, customers)
    answered = message.reply_to_message
    match answered and answered.forward_origin:
        case MessageOriginUser(sender_user=author):
            return await customers.person(CustomerId(author.id))
        case _:
            return None


async def _named(word: str, customers: Customers) -> Person:
    if not is_target(word):
        raise NotFound
    return await customers.find(word)


def _shop(t: Texts, state: ShopState, *, wants_sales: bool) -> Screen:
    return screens.shop(t, state, wants_sales=wants_sales)


_OWNER = Role.OWNER

ROUTES: tuple[Route, ...] = (
    said("topup", topup, role=_OWNER),
    said("debit", debit, role=_OWNER),
    picked(pick, role=_OWNER),
    tap(TopUpFor, ask_amount, role=_OWNER),
    typed(TopUpFor, type_amount, role=_OWNER),
    tap(Confirm, confirm, role=_OWNER),
    tap(Drop, drop, role=_OWNER),
    said("markup", change_markup, role=_OWNER),
    tap(ShowMarkup, show_markup, role=_OWNER),
    tap(MarkupHistory, markup_history, role=_OWNER),
    tap(RollBack, roll_back, role=_OWNER),
    said("shop", shop, role=_OWNER),
    tap(Shop, shop, role=_OWNER),
    tap(SaleNotices, sale_notices, role=_OWNER),
    tap(Resume, resume, role=_OWNER),
    tap(AuditNow, audit, role=_OWNER),
    tap(Inbox, inbox, role=_OWNER),
    said("order", find_order, role=_OWNER),
    tap(OwnerOrder, order, role=_OWNER),
    tap(ShowStrays, strays, role=_OWNER),
    tap(Bind, bind, role=_OWNER),
    tap(HandOver, hand_over, role=_OWNER),
    typed(HandOver, paste, role=_OWNER),
    attached(HandOver, paste_file, role=_OWNER),
    *subscriptions.ROUTES,
    tap(GiveBack, give_back, role=_OWNER),
    tap(KeepWaiting, keep_waiting, role=_OWNER),
    tap(RefundFor, ask_refund_reason, role=_OWNER),
    typed(RefundFor, type_refund_reason, role=_OWNER),
    said("block", block, role=_OWNER),
    said("unblock", unblock, role=_OWNER),
    tap(Reply, ask_reply, role=_OWNER),
    typed(Reply, reply, role=_OWNER),
)

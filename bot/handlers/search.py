"""Taps, commands and typed words that look for an order; what is found depends on who asks."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import FindOrder, Found
from bot.domain.customers import Customer
from bot.domain.errors import NotFound
from bot.domain.orders import CustomerId, OrderId
from bot.domain.search import Kind, Way
from bot.handlers.routes import Route, said, tap, typed
from bot.i18n import Texts
from bot.screens import cases as case_screens
from bot.screens import orders as order_screens
from bot.screens import search as screens
from bot.screens.base import Screen
from bot.screens.order_files import order_file
from bot.services.cases import Cases
from bot.services.orders import Orders
from bot.services.search import Search


async def find_order(_: TelegramObject, t: Texts, customer: Customer) -> Screen:
    return screens.ask(t, is_owner=customer.is_owner)


async def say_find(
    _: TelegramObject,
    words: str,
    t: Texts,
    customer: Customer,
    search: Search,
    orders: Orders,
    cases: Cases,
) -> Screen:
    if not words:
        return screens.ask(t, is_owner=customer.is_owner)
    return await _look(words, t, customer, search, orders, cases)


async def typed_find(
    _: TelegramObject,
    prompt: FindOrder,  # noqa: ARG001 - that something is looked for is all it says
    words: str,
    t: Texts,
    customer: Customer,
    search: Search,
    orders: Orders,
    cases: Cases,
) -> Screen:
    return await _look(words, t, customer, search, orders, cases)


async def found(
    _: TelegramObject, callback_data: Found, t: Texts, customer: Customer, search: Search
) -> Screen:
    try:
        way = Way(Kind(callback_data.by), callback_data.value)
    except ValueError:
        raise NotFound from None
    return await _lead(way, callback_data.before, t, customer, search)


async def _look(
    words: str, t: Texts, customer: Customer, search: Search, orders: Orders, cases: Cases
) -> Screen:
    looked = await search.look(words, _mine(customer))
    match looked.ways:
        case ():
            return screens.nothing(t, looked, is_owner=customer.is_owner)
        case (Way(kind=Kind.ORDER, value=number),) if customer.is_owner:
            return order_file(t, await cases.file(OrderId(int(number))))
        case (Way(kind=Kind.ORDER, value=number),):
            return order_screens.order(t, await orders.line(customer.id, OrderId(int(number))))
        case (way,):
            return await _lead(way, 0, t, customer, search)
        case _:
            return screens.choose(t, looked, is_owner=customer.is_owner)


async def _lead(way: Way, before: int, t: Texts, customer: Customer, search: Search) -> Screen:
    match way.kind:
        case Kind.MOVED if customer.is_owner:
            return screens.moved(t, await search.moved(way, before), before)
        case Kind.STRAY if customer.is_owner:
            return case_screens.stray(t, await search.stray(way))
    page = await search.page(way, _mine(customer), before)
    return screens.found(t, page, before, is_owner=customer.is_owner)


def _mine(customer: Customer) -> CustomerId | None:
    """Whose orders may be found: an owner finds everybody's."""
    return None if customer.is_owner else customer.id


ROUTES: tuple[Route, ...] = (
    said("find", say_find),
    tap(FindOrder, find_order),
    typed(FindOrder, typed_find),
    tap(Found, found),
)

"""Taps and typed words about the country and the session of a delivered proxy."""

from __future__ import annotations

import re

from aiogram.types import TelegramObject

from bot.callbacks import MakeLines, PickCountry, ShowTaste
from bot.domain.customers import Customer
from bot.domain.errors import NotFound
from bot.domain.orders import Credentials, CustomerId, Order, OrderId, Proxy
from bot.domain.tastes import Grammar, Taste, grammar_of
from bot.handlers.routes import Route, tap, typed
from bot.i18n import Texts
from bot.screens import tastes as screens
from bot.screens.base import Screen
from bot.services.catalog import Catalog
from bot.services.formats import Formats
from bot.services.orders import Orders


async def show_taste(
    _: TelegramObject,
    callback_data: ShowTaste,
    t: Texts,
    customer: Customer,
    orders: Orders,
    catalog: Catalog,
) -> Screen:
    order, proxy, grammar = await _found(orders, catalog, customer.id, callback_data.order)
    return screens.taste(t, order, proxy, grammar, _chosen(grammar, callback_data))


async def pick_country(
    _: TelegramObject,
    callback_data: PickCountry,
    t: Texts,
    customer: Customer,
    orders: Orders,
    catalog: Catalog,
) -> Screen:
    order, _proxy, _grammar = await _found(orders, catalog, customer.id, callback_data.order)
    return screens.countries(t, order, callback_data.minutes, callback_data.page)


async def typed_country(
    _: TelegramObject,
    prompt: PickCountry,
    words: str,
    t: Texts,
    customer: Customer,
    orders: Orders,
    catalog: Catalog,
) -> Screen:
    order, proxy, grammar = await _found(orders, catalog, customer.id, prompt.order)
    if not re.fullmatch("[A-Za-z]{2}", words):
        return screens.countries(t, order, prompt.minutes, prompt.page, is_refused=True)
    chosen = Taste(words.lower(), prompt.minutes)
    if not grammar.offers(chosen):
        raise NotFound
    return screens.taste(t, order, proxy, grammar, chosen)


async def make_lines(
    _: TelegramObject,
    callback_data: MakeLines,
    t: Texts,
    customer: Customer,
    orders: Orders,
    catalog: Catalog,
    formats: Formats,
) -> Screen:
    order, proxy, grammar = await _found(orders, catalog, customer.id, callback_data.order)
    chosen = _chosen(grammar, callback_data)
    proxies = grammar.made(proxy, chosen)
    formatting = await formats.of(customer.id)
    return screens.made(t, order, proxy, grammar, chosen, proxies, formatting)


def _chosen(grammar: Grammar, said: ShowTaste | MakeLines) -> Taste:
    chosen = Taste(said.country, said.minutes, said.lines)
    if not grammar.offers(chosen):
        raise NotFound
    return chosen


async def _found(
    orders: Orders, catalog: Catalog, customer: CustomerId, order: int
) -> tuple[Order, Proxy, Grammar]:
    """The one proxy of the customer's own order; `NotFound` where it stays as delivered."""
    found, delivery = await orders.delivery(customer, OrderId(order))
    grammar = grammar_of(catalog.provider(found.provider).code, delivery)
    if grammar is None or not isinstance(delivery, Credentials):
        raise NotFound
    return found, delivery.proxies[0], grammar


ROUTES: tuple[Route, ...] = (
    tap(ShowTaste, show_taste),
    tap(PickCountry, pick_country),
    typed(PickCountry, typed_country),
    tap(MakeLines, make_lines),
)

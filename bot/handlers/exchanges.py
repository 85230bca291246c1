"""Taps about exchanging every proxy of an order."""

from __future__ import annotations

import secrets

from aiogram.types import TelegramObject

from bot.callbacks import AskExchange, Exchange
from bot.domain.customers import Customer
from bot.domain.orders import OrderId
from bot.handlers.routes import Route, tap
from bot.i18n import Texts
from bot.screens import exchanges as screens
from bot.screens.base import Screen
from bot.services.exchanges import Exchanges
from bot.services.orders import Orders


async def ask_exchange(
    _: TelegramObject,
    callback_data: AskExchange,
    t: Texts,
    customer: Customer,
    orders: Orders,
    exchanges: Exchanges,
) -> Screen:
    order = OrderId(callback_data.order)
    under_way = await exchanges.under_way(customer.id, order)
    if under_way is not None:
        return screens.exchanged(t, under_way)
    line = await orders.line(customer.id, order)
    if not line.can_exchange:
        return screens.cannot(t, line.order)
    return screens.confirm(t, line.order, intent=secrets.token_hex(8))


async def exchange(
    _: TelegramObject,
    callback_data: Exchange,
    t: Texts,
    customer: Customer,
    orders: Orders,
    exchanges: Exchanges,
) -> Screen:
    """Only write it down: a job sends it, so a tap that dies here loses and repeats nothing."""
    order = OrderId(callback_data.order)
    asked = await exchanges.ask(customer.id, order, callback_data.intent)
    if asked is None:
        return screens.cannot(t, (await orders.line(customer.id, order)).order)
    return screens.exchanged(t, asked)


ROUTES: tuple[Route, ...] = (tap(AskExchange, ask_exchange), tap(Exchange, exchange))

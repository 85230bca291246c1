"""Taps and commands about a customer's own money."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import ShowBalance
from bot.domain.customers import Customer, ShopInfo
from bot.handlers.routes import Route, said, tap
from bot.i18n import Texts
from bot.screens import wallet as screens
from bot.screens.base import Screen
from bot.services.wallets import Wallets


async def show_balance(
    _: TelegramObject,
    callback_data: ShowBalance,
    t: Texts,
    customer: Customer,
    wallets: Wallets,
    shop_info: ShopInfo,
) -> Screen:
    statement = await wallets.statement(customer.id, callback_data.before)
    return screens.balance(t, statement, callback_data.before, shop_info.support)


async def say_balance(
    _: TelegramObject, t: Texts, customer: Customer, wallets: Wallets, shop_info: ShopInfo
) -> Screen:
    statement = await wallets.statement(customer.id, before=0)
    return screens.balance(t, statement, 0, shop_info.support)


ROUTES: tuple[Route, ...] = (
    said("balance", say_balance),
    tap(ShowBalance, show_balance),
)

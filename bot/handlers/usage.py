"""Taps, commands and typed usernames about traffic."""

from __future__ import annotations

import re

from aiogram.types import TelegramObject

from bot.callbacks import (
    CheckUsage,
    ChooseAlert,
    SetAlert,
    ShowOrder,
    TypeUsername,
    UsageMenu,
    UsageProviders,
)
from bot.domain.catalog import ProviderId, UsageByApi, UsageByBot, UsageUnknown
from bot.domain.customers import Customer
from bot.domain.orders import OrderId
from bot.domain.usage import AskBot, OrderUsage, Unknowable
from bot.handlers.routes import Route, said, tap, typed
from bot.i18n import Texts
from bot.screens import usage as screens
from bot.screens.base import Later, Screen
from bot.services.alerts import Alerts
from bot.services.catalog import Catalog
from bot.services.orders import Orders
from bot.services.usage import Usages

_USERNAME = re.compile(r"[!-~]{1,200}")


async def usage_menu(
    _: TelegramObject, callback_data: UsageMenu, t: Texts, customer: Customer, orders: Orders
) -> Screen:
    page = await orders.page(customer.id, callback_data.before)
    return screens.usage_menu(t, page, callback_data.before)


async def say_usage(_: TelegramObject, t: Texts, customer: Customer, orders: Orders) -> Screen:
    return screens.usage_menu(t, await orders.page(customer.id, before=0), 0)


async def check_usage(
    _: TelegramObject,
    callback_data: CheckUsage,
    t: Texts,
    customer: Customer,
    orders: Orders,
    usages: Usages,
) -> Screen | Later:
    """Answered at once where nobody has to be asked, else when the provider has answered."""
    order = (await orders.line(customer.id, OrderId(callback_data.order))).order
    known = usages.known(order)
    if known is not None:
        return screens.usage(t, OrderUsage(order, known, again_in=0))

    async def ask() -> Screen:
        return screens.usage(t, await usages.of_order(customer.id, order.id))

    return Later(screens.checking(t, ShowOrder(order=order.id)), ask)


async def choose_alert(
    _: TelegramObject, callback_data: ChooseAlert, t: Texts, customer: Customer, alerts: Alerts
) -> Screen:
    return screens.alert(t, await alerts.choice(customer.id, OrderId(callback_data.order)))


async def set_alert(
    _: TelegramObject, callback_data: SetAlert, t: Texts, customer: Customer, alerts: Alerts
) -> Screen:
    order = OrderId(callback_data.order)
    return screens.alert(t, await alerts.choose(customer.id, order, callback_data.percent))


async def usage_providers(
    _: TelegramObject, callback_data: UsageProviders, t: Texts, catalog: Catalog
) -> Screen:
    # Bought proxies go on where nothing is on sale now.
    return screens.usage_providers(t, catalog.providers, callback_data.page)


async def type_username(
    _: TelegramObject, callback_data: TypeUsername, t: Texts, catalog: Catalog
) -> Screen:
    provider = catalog.provider(ProviderId(callback_data.provider))
    match provider.usage:
        case UsageByApi():
            return screens.type_username(t, provider)
        case UsageByBot(url):
            return screens.username_usage(t, provider, "", AskBot(url))
        case UsageUnknown():
            return screens.username_usage(t, provider, "", Unknowable())


async def typed_username(
    _: TelegramObject,
    prompt: TypeUsername,
    words: str,
    t: Texts,
    customer: Customer,
    catalog: Catalog,
    usages: Usages,
) -> Screen | Later:
    provider = catalog.provider(ProviderId(prompt.provider))
    if not _USERNAME.fullmatch(words):
        return screens.type_username(t, provider, is_refused=True)

    async def ask() -> Screen:
        seen = await usages.of_username(customer.id, provider.id, words)
        return screens.username_usage(t, provider, words, seen)

    return Later(screens.checking(t, UsageProviders()), ask)


ROUTES: tuple[Route, ...] = (
    said("usage", say_usage),
    tap(UsageMenu, usage_menu),
    tap(CheckUsage, check_usage),
    tap(ChooseAlert, choose_alert),
    tap(SetAlert, set_alert),
    tap(UsageProviders, usage_providers),
    tap(TypeUsername, type_username),
    typed(TypeUsername, typed_username),
)

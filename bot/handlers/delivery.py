"""Taps and typed words about what was delivered: credentials, codes, formats, files."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import (
    SendFile,
    SendPicture,
    SetFormat,
    ShowCode,
    ShowCredentials,
    ShowFormats,
    TypeTemplate,
)
from bot.domain.customers import Customer
from bot.domain.errors import NotFound
from bot.domain.formats import Format, is_template
from bot.domain.orders import Credentials, CustomerId, Order, OrderId
from bot.domain.tastes import grammar_of
from bot.handlers.routes import Route, tap, typed
from bot.i18n import Texts, clean
from bot.screens import delivery as screens
from bot.screens.base import Screen, Toast
from bot.services.catalog import Catalog
from bot.services.formats import Formats
from bot.services.orders import Orders
from bot.services.usage import Usages


async def show_credentials(
    _: TelegramObject,
    callback_data: ShowCredentials,
    t: Texts,
    customer: Customer,
    orders: Orders,
    formats: Formats,
    usages: Usages,
    catalog: Catalog,
) -> Screen:
    order, delivery = await orders.delivery(customer.id, OrderId(callback_data.order))
    formatting = await formats.of(customer.id)
    grammar = grammar_of(catalog.provider(order.provider).code, delivery)
    return screens.delivered(t, order, delivery, usages.known(order), formatting, grammar)


async def show_code(
    _: TelegramObject, callback_data: ShowCode, t: Texts, customer: Customer, orders: Orders
) -> Screen:
    order, code = await orders.show_code(customer.id, OrderId(callback_data.order))
    return screens.code(t, order, code)


async def show_formats(
    _: TelegramObject,
    callback_data: ShowFormats,
    t: Texts,
    customer: Customer,
    orders: Orders,
    formats: Formats,
    catalog: Catalog,
) -> Screen:
    order, bought = await _bought(orders, customer.id, callback_data.order)
    grammar = grammar_of(catalog.provider(order.provider).code, bought)
    return screens.formats(t, order, bought, await formats.of(customer.id), grammar)


async def set_format(
    _: TelegramObject,
    callback_data: SetFormat,
    t: Texts,
    customer: Customer,
    orders: Orders,
    formats: Formats,
    catalog: Catalog,
) -> Screen:
    order, bought = await _bought(orders, customer.id, callback_data.order)
    if callback_data.format is Format.OWN and (await formats.of(customer.id)).template is None:
        return screens.type_template(t, order)
    formatting = await formats.choose(customer.id, callback_data.format)
    grammar = grammar_of(catalog.provider(order.provider).code, bought)
    return screens.formats(t, order, bought, formatting, grammar)


async def type_template(
    _: TelegramObject, callback_data: TypeTemplate, t: Texts, customer: Customer, orders: Orders
) -> Screen:
    order = (await _bought(orders, customer.id, callback_data.order))[0]
    return screens.type_template(t, order)


async def typed_template(
    _: TelegramObject,
    prompt: TypeTemplate,
    words: str,
    t: Texts,
    customer: Customer,
    orders: Orders,
    formats: Formats,
) -> Screen:
    order = (await _bought(orders, customer.id, prompt.order))[0]
    if clean(words) != words or not is_template(words):
        return screens.type_template(t, order, is_refused=True)
    await formats.use_template(customer.id, words)
    return screens.template_kept(t, order, words)


async def send_file(
    _: TelegramObject,
    callback_data: SendFile,
    t: Texts,
    customer: Customer,
    orders: Orders,
    formats: Formats,
) -> Screen:
    order, bought = await _bought(orders, customer.id, callback_data.order)
    formatting = await formats.of(customer.id)
    return screens.file(t, order, bought, formatting, callback_data.kind)


async def send_picture(
    _: TelegramObject,
    callback_data: SendPicture,
    t: Texts,
    customer: Customer,
    orders: Orders,
    formats: Formats,
) -> Screen | Toast:
    order, bought = await _bought(orders, customer.id, callback_data.order)
    formatting = await formats.of(customer.id)
    if not screens.can_draw(bought, formatting):
        return Toast(screens.too_dense(t), alert=True)
    return screens.picture(t, order, bought, formatting)


async def _bought(orders: Orders, customer: CustomerId, order: int) -> tuple[Order, Credentials]:
    """The proxies of the customer's own order; a code has no formats (`NotFound`)."""
    found, delivery = await orders.delivery(customer, OrderId(order))
    if not isinstance(delivery, Credentials):
        raise NotFound
    return found, delivery


ROUTES: tuple[Route, ...] = (
    tap(ShowCredentials, show_credentials),
    tap(ShowCode, show_code),
    tap(ShowFormats, show_formats),
    tap(SetFormat, set_format),
    tap(TypeTemplate, type_template),
    typed(TypeTemplate, typed_template),
    tap(SendFile, send_file),
    tap(SendPicture, send_picture),
)

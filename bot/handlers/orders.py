"""Taps and commands about orders: the living screen and the list."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import (
    Cancel,
    Complain,
    MyOrders,
    ShowOrder,
)
from bot.domain.customers import Customer
from bot.domain.orders import OrderId
from bot.handlers.routes import Route, said, tap
from bot.i18n import Texts
from bot.screens import orders as screens
from bot.screens.base import Screen, Toast
from bot.services.orders import Orders


async def my_orders(
    _: TelegramObject, callback_data: MyOrders, t: Texts, customer: Customer, orders: Orders
) -> Screen:
    page = await orders.page(customer.id, callback_data.before)
    return screens.my_orders(t, page, callback_data.before)


async def say_orders(_: TelegramObject, t: Texts, customer: Customer, orders: Orders) -> Screen:
    return screens.my_orders(t, await orders.page(customer.id, before=0), 0)


async def show_order(
    _: TelegramObject,
    callback_data: ShowOrder,
    t: Texts,
    customer: Customer,
    message_id: int | None,
    orders: Orders,
) -> Screen:
    order = OrderId(callback_data.order)
    return screens.order(t, await orders.line(customer.id, order, message_id))


async def cancel(
    _: TelegramObject, callback_data: Cancel, t: Texts, customer: Customer, orders: Orders
) -> Screen:
    return screens.order(t, await orders.cancel(customer.id, OrderId(callback_data.order)))


async def complain(
    _: TelegramObject,
    callback_data: Complain,
    t: Texts,
    customer: Customer,
    message_id: int | None,
    orders: Orders,
) -> Toast:
    order = await orders.complain(customer.id, OrderId(callback_data.order))
    # Every tap ends the life of its screen; this one leaves the order's screen where it is.
    await orders.line(customer.id, order.id, message_id)
    return Toast(
        t("The owner has been told about order #{order} and will look at it.", order=order.id),
        alert=True,
    )


ROUTES: tuple[Route, ...] = (
    said("orders", say_orders),
    tap(MyOrders, my_orders),
    tap(ShowOrder, show_order),
    tap(Cancel, cancel),
    tap(Complain, complain),
)

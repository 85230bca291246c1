"""The tap that tests a delivered proxy."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import Prove
from bot.domain.customers import Customer
from bot.domain.errors import NotFound
from bot.domain.orders import OrderId
from bot.handlers.routes import Route, tap
from bot.i18n import Texts
from bot.screens import proofs as screens
from bot.screens.base import Later, Screen
from bot.services.orders import Orders
from bot.services.proofs import Proofs


async def prove(
    _: TelegramObject,
    callback_data: Prove,
    t: Texts,
    customer: Customer,
    orders: Orders,
    proofs: Proofs,
) -> Later:
    """Answered at once; a task of the app draws what the test has shown."""
    order = (await orders.line(customer.id, OrderId(callback_data.order))).order
    if not proofs.can_test(order):
        raise NotFound

    async def test() -> Screen:
        return screens.tested(t, await proofs.test(customer.id, order.id))

    return Later(screens.testing(t, order), test)


ROUTES: tuple[Route, ...] = (tap(Prove, prove),)

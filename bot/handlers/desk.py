"""The owner's desk, and the switches on it."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import AuditNow, Resume, SaleNotices, Shop
from bot.domain.customers import Customer
from bot.domain.desk import Resumed
from bot.handlers.routes import Role, Route, said, tap
from bot.i18n import Texts
from bot.screens import desk as screens
from bot.screens.base import Screen, Toast
from bot.services.customers import Customers
from bot.services.desk import ShopDesk


async def shop(_: TelegramObject, t: Texts, customer: Customer, desk: ShopDesk) -> Screen:
    return screens.shop(t, await desk.state(), wants_sales=customer.wants_sales)


async def sale_notices(
    _: TelegramObject,
    callback_data: SaleNotices,
    t: Texts,
    customer: Customer,
    customers: Customers,
    desk: ShopDesk,
) -> Screen:
    await customers.wants_sales(customer.id, on=callback_data.on)
    return screens.shop(t, await desk.state(), wants_sales=callback_data.on)


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
            return screens.shop(t, await desk.state(), wants_sales=customer.wants_sales)


async def audit(_: TelegramObject, t: Texts, customer: Customer, desk: ShopDesk) -> Screen:
    """Audit the books now; on a difference the shop is drawn as it stands then: stopped."""
    report = await desk.audit()
    state = await desk.state()
    return screens.shop(t, state, wants_sales=customer.wants_sales, is_green=report.is_green)


ROUTES: tuple[Route, ...] = (
    said("shop", shop, role=Role.OWNER),
    tap(Shop, shop, role=Role.OWNER),
    tap(SaleNotices, sale_notices, role=Role.OWNER),
    tap(Resume, resume, role=Role.OWNER),
    tap(AuditNow, audit, role=Role.OWNER),
)

"""Taps of owners on subscriptions."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import CancelledByHand, ShowSubscriptions
from bot.domain.customers import Customer
from bot.domain.subscriptions import SubscriptionId
from bot.handlers.routes import Role, Route, tap
from bot.i18n import Texts
from bot.screens import subscriptions as screens
from bot.screens.base import Screen
from bot.services.cancellations import Cancellations


async def show(_: TelegramObject, t: Texts, cancellations: Cancellations) -> Screen:
    return screens.subscriptions(t, await cancellations.shown())


async def cancelled_by_hand(
    _: TelegramObject,
    callback_data: CancelledByHand,
    t: Texts,
    customer: Customer,
    cancellations: Cancellations,
) -> Screen:
    """Stop trying what an owner has done, after asking once."""
    if not callback_data.sure:
        return screens.sure(t, callback_data.subscription)
    subscription = SubscriptionId(callback_data.subscription)
    await cancellations.done_by_hand(subscription, customer.id)
    return screens.subscriptions(t, await cancellations.shown())


ROUTES: tuple[Route, ...] = (
    tap(ShowSubscriptions, show, role=Role.OWNER),
    tap(CancelledByHand, cancelled_by_hand, role=Role.OWNER),
)

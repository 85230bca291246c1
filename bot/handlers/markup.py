"""Markup: shown, changed, looked back on."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import MarkupHistory, RollBack, ShowMarkup
from bot.domain.customers import Customer
from bot.domain.errors import BadMarkup
from bot.domain.markup import RuleChangeId
from bot.handlers.routes import Role, Route, said, tap
from bot.i18n import Texts
from bot.screens import markup as screens
from bot.screens.base import Screen
from bot.services.markup import Markup


async def show_markup(_: TelegramObject, t: Texts, markup: Markup) -> Screen:
    return screens.markup(t, markup.rules(), markup.samples())


async def change_markup(
    _: TelegramObject, words: str, t: Texts, customer: Customer, markup: Markup
) -> Screen:
    """The rules, or the preview of the one that was typed."""
    if not words:
        return screens.markup(t, markup.rules(), markup.samples())
    try:
        return screens.markup_preview(t, await markup.preview(words, customer.id))
    except BadMarkup as bad:
        return screens.bad_markup(t, bad.typed)


async def markup_history(
    _: TelegramObject, callback_data: MarkupHistory, t: Texts, markup: Markup
) -> Screen:
    return screens.markup_history(t, await markup.history(callback_data.before))


async def roll_back(
    _: TelegramObject, callback_data: RollBack, t: Texts, customer: Customer, markup: Markup
) -> Screen:
    change = RuleChangeId(callback_data.change)
    return screens.markup_preview(t, await markup.preview_rollback(change, customer.id))


ROUTES: tuple[Route, ...] = (
    said("markup", change_markup, role=Role.OWNER),
    tap(ShowMarkup, show_markup, role=Role.OWNER),
    tap(MarkupHistory, markup_history, role=Role.OWNER),
    tap(RollBack, roll_back, role=Role.OWNER),
)

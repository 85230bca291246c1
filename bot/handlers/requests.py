"""What owners previewed: confirmed once, or dropped."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import Confirm, Drop
from bot.domain.customers import Customer
from bot.domain.requests import CostChange, MarkupChange, Refund, RequestId, TopUp
from bot.handlers.routes import Role, Route, tap
from bot.i18n import Texts
from bot.screens import cases as case_screens
from bot.screens import markup as markup_screens
from bot.screens import plans as plan_screens
from bot.screens import requests as screens
from bot.screens import topups as topup_screens
from bot.screens.base import Screen
from bot.services.cases import Cases
from bot.services.customers import Customers
from bot.services.markup import Markup
from bot.services.plans import Plans
from bot.services.requests import Requests
from bot.services.wallets import Wallets

MOST_NOTE = 200
"""Units of a note or a reason that an owner types."""


async def confirm(
    _: TelegramObject,
    callback_data: Confirm,
    t: Texts,
    customer: Customer,
    requests: Requests,
    customers: Customers,
    wallets: Wallets,
    markup: Markup,
    cases: Cases,
    plans: Plans,
) -> Screen:
    """Do what the preview showed, once; a second tap draws the same answer."""
    request = await requests.open(RequestId(callback_data.request), customer.id)
    match request.asked:
        case TopUp() as asked:
            balance = await wallets.confirm(request, customer.id)
            person = await customers.person(asked.customer)
            return topup_screens.topped_up(t, asked, person, balance.available)
        case MarkupChange():
            await markup.apply(request, customer.id)
            return markup_screens.markup(t, markup.rules(), markup.samples(), is_applied=True)
        case Refund():
            return case_screens.refunded(t, await cases.refund(request, customer.id))
        case CostChange(plan=plan):
            done = await plans.apply(request, customer.id)
            listed, line = await plans.listed(), await plans.line(plan)
            page = plan_screens.page_with(listed, line)
            return plan_screens.plans(t, listed, page, plan_screens.priced(t, line, done))


async def drop(
    _: TelegramObject, callback_data: Drop, t: Texts, customer: Customer, requests: Requests
) -> Screen:
    await requests.drop(RequestId(callback_data.request), customer.id)
    return screens.dropped(t)


ROUTES: tuple[Route, ...] = (
    tap(Confirm, confirm, role=Role.OWNER),
    tap(Drop, drop, role=Role.OWNER),
)

"""Taps, commands and typed answers of owners on the plans that they price."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import CostFor, HidePlan, PlanHistory, ShowPlans
from bot.domain.catalog import PlanId
from bot.domain.customers import Customer
from bot.domain.errors import BadAmount
from bot.domain.plans import PlanLine, named, named_first, parse_cost
from bot.handlers.routes import Role, Route, said, tap, typed
from bot.i18n import Texts
from bot.screens import plans as screens
from bot.screens.base import Screen
from bot.services.plans import Plans


async def show(_: TelegramObject, callback_data: ShowPlans, t: Texts, plans: Plans) -> Screen:
    return screens.plans(t, await plans.listed(), callback_data.page)


async def change(
    _: TelegramObject, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    """The list; or `cost captcha 2.50` previewed, `hide captcha` and `show captcha` done."""
    listed = await plans.listed()
    deed, rest = words.split(" ", 1) if " " in words else (words, "")
    match deed.casefold(), rest.strip(" "):
        case "", _:
            return screens.plans(t, listed, 0)
        case "cost" | "hide" | "show", "":
            return screens.refused(t, listed, screens.which(t))
        case "cost", about:
            line, cost = named_first(listed, about)
            if line is None:
                return screens.refused(t, listed, screens.unknown(t, listed, about))
            if not cost:
                return screens.ask_cost(t, line)
            return await _preview(t, line, cost, customer, plans)
        case "hide" | "show" as way, name:
            line = named(listed, name)
            if line is None:
                return screens.refused(t, listed, screens.unknown(t, listed, name))
            return await _offer(t, line.plan.id, customer, plans, is_hidden=way == "hide")
        case _:
            return screens.refused(t, listed, screens.not_understood(t, words))


async def ask_cost(_: TelegramObject, callback_data: CostFor, t: Texts, plans: Plans) -> Screen:
    return screens.ask_cost(t, await plans.line(PlanId(callback_data.plan)))


async def type_cost(
    _: TelegramObject, prompt: CostFor, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    """Preview the typed cost; the question stays open until one was understood."""
    return await _preview(t, await plans.line(PlanId(prompt.plan)), words, customer, plans)


async def hide(
    _: TelegramObject, callback_data: HidePlan, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    plan = PlanId(callback_data.plan)
    return await _offer(t, plan, customer, plans, is_hidden=callback_data.hidden)


async def history(_: TelegramObject, callback_data: PlanHistory, t: Texts, plans: Plans) -> Screen:
    return screens.plan_history(t, await plans.history(callback_data.before))


async def _preview(
    t: Texts, line: PlanLine, cost: str, customer: Customer, plans: Plans
) -> Screen:
    try:
        preview = await plans.preview(line.plan.id, parse_cost(cost), customer.id)
    except BadAmount as bad:
        return screens.ask_cost(t, line, screens.not_a_cost(t, bad.typed))
    return screens.cost_preview(t, preview)


async def _offer(
    t: Texts, plan: PlanId, customer: Customer, plans: Plans, *, is_hidden: bool
) -> Screen:
    if is_hidden:
        line = await plans.hide(plan, customer.id)
        told = screens.hidden(t, line)
    else:
        line = await plans.show(plan, customer.id)
        told = screens.offered(t, line)
    listed = await plans.listed()
    return screens.plans(t, listed, screens.page_with(listed, line), told)


ROUTES: tuple[Route, ...] = (
    said("plans", change, role=Role.OWNER),
    tap(ShowPlans, show, role=Role.OWNER),
    tap(CostFor, ask_cost, role=Role.OWNER),
    typed(CostFor, type_cost, role=Role.OWNER),
    tap(HidePlan, hide, role=Role.OWNER),
    tap(PlanHistory, history, role=Role.OWNER),
)

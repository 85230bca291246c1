"""Taps, commands and typed answers of owners on the plans that they price."""

from __future__ import annotations

from aiogram.types import TelegramObject

from bot.callbacks import (
    ChangePlan,
    CostFor,
    DaysFor,
    HidePlan,
    MostFor,
    PlanHistory,
    ShowPlans,
    TitleFor,
)
from bot.domain.catalog import PlanId
from bot.domain.customers import Customer
from bot.domain.errors import BadAmount
from bot.domain.plans import (
    MOST_DAYS,
    MOST_PIECES,
    PlanDeed,
    PlanLine,
    named,
    named_first,
    parse_cost,
    parse_title,
    parse_whole,
)
from bot.handlers.routes import Role, Route, said, tap, typed
from bot.i18n import Texts
from bot.screens import plan_questions
from bot.screens import plans as screens
from bot.screens.base import Screen
from bot.services.plans import Plans


async def show(_: TelegramObject, callback_data: ShowPlans, t: Texts, plans: Plans) -> Screen:
    return screens.plans(t, await plans.listed(), callback_data.page)


async def change(
    _: TelegramObject, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    """The list; or what a deed asks for: `cost captcha 2.50` previewed, all others done."""
    listed = await plans.listed()
    first, about = words.split(" ", 1) if " " in words else (words, "")
    about = about.strip(" ")
    if not first:
        return screens.plans(t, listed, 0)
    if first.casefold() not in set(PlanDeed):
        return screens.refused(t, listed, screens.not_understood(t, words))
    if not about:
        return screens.refused(t, listed, screens.which(t))
    deed = PlanDeed(first.casefold())
    if deed in {PlanDeed.HIDE, PlanDeed.SHOW}:
        line, value = named(listed, about), ""
    else:
        line, value = named_first(listed, about)
    if line is None:
        return screens.refused(t, listed, screens.unknown(t, listed, about))
    match deed:
        case PlanDeed.HIDE | PlanDeed.SHOW:
            is_hidden = deed is PlanDeed.HIDE
            return await _offer(t, line.plan.id, customer, plans, is_hidden=is_hidden)
        case PlanDeed.COST:
            if not value:
                return plan_questions.ask_cost(t, line)
            return await _preview(t, line, value, customer, plans)
        case PlanDeed.DAYS:
            if not value:
                return plan_questions.ask_days(t, line)
            return await _work_for(t, line, value, customer, plans)
        case PlanDeed.MOST:
            if not value:
                return plan_questions.ask_most(t, line)
            return await _take_at_most(t, line, value, customer, plans)
        case PlanDeed.TITLE:
            if not value:
                return plan_questions.ask_title(t, line)
            return await _rename(t, line, value, customer, plans)


async def show_one(_: TelegramObject, callback_data: ChangePlan, t: Texts, plans: Plans) -> Screen:
    return screens.plan(t, await plans.line(PlanId(callback_data.plan)))


async def ask_cost(_: TelegramObject, callback_data: CostFor, t: Texts, plans: Plans) -> Screen:
    return plan_questions.ask_cost(t, await plans.line(PlanId(callback_data.plan)))


async def type_cost(
    _: TelegramObject, prompt: CostFor, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    """Preview the typed cost; the question stays open until one was understood."""
    return await _preview(t, await plans.line(PlanId(prompt.plan)), words, customer, plans)


async def ask_days(_: TelegramObject, callback_data: DaysFor, t: Texts, plans: Plans) -> Screen:
    return plan_questions.ask_days(t, await plans.line(PlanId(callback_data.plan)))


async def type_days(
    _: TelegramObject, prompt: DaysFor, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    return await _work_for(t, await plans.line(PlanId(prompt.plan)), words, customer, plans)


async def ask_most(_: TelegramObject, callback_data: MostFor, t: Texts, plans: Plans) -> Screen:
    return plan_questions.ask_most(t, await plans.line(PlanId(callback_data.plan)))


async def type_most(
    _: TelegramObject, prompt: MostFor, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    return await _take_at_most(t, await plans.line(PlanId(prompt.plan)), words, customer, plans)


async def ask_title(_: TelegramObject, callback_data: TitleFor, t: Texts, plans: Plans) -> Screen:
    return plan_questions.ask_title(t, await plans.line(PlanId(callback_data.plan)))


async def type_title(
    _: TelegramObject, prompt: TitleFor, words: str, t: Texts, customer: Customer, plans: Plans
) -> Screen:
    return await _rename(t, await plans.line(PlanId(prompt.plan)), words, customer, plans)


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
        return plan_questions.ask_cost(t, line, plan_questions.not_a_cost(t, bad.typed))
    return screens.cost_preview(t, preview)


async def _work_for(
    t: Texts, line: PlanLine, typed_days: str, customer: Customer, plans: Plans
) -> Screen:
    days = parse_whole(typed_days, MOST_DAYS)
    if days is None:
        return plan_questions.ask_days(t, line, plan_questions.not_days(t, typed_days))
    done = await plans.work_for(line.plan.id, days, customer.id)
    told = screens.works_for(t, line, days, done)
    return screens.plan(t, await plans.line(line.plan.id), told)


async def _take_at_most(
    t: Texts, line: PlanLine, typed_most: str, customer: Customer, plans: Plans
) -> Screen:
    most = parse_whole(typed_most, MOST_PIECES)
    if most is None:
        return plan_questions.ask_most(t, line, plan_questions.not_most(t, typed_most))
    done = await plans.take_at_most(line.plan.id, most, customer.id)
    told = screens.takes_at_most(t, line, most, done)
    return screens.plan(t, await plans.line(line.plan.id), told)


async def _rename(
    t: Texts, line: PlanLine, typed_title: str, customer: Customer, plans: Plans
) -> Screen:
    title = parse_title(typed_title)
    if title is None:
        return plan_questions.ask_title(t, line, plan_questions.not_title(t, typed_title))
    done = await plans.rename(line.plan.id, title, customer.id)
    told = screens.is_called(t, line, title, done)
    return screens.plan(t, await plans.line(line.plan.id), told)


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
    tap(ChangePlan, show_one, role=Role.OWNER),
    tap(CostFor, ask_cost, role=Role.OWNER),
    typed(CostFor, type_cost, role=Role.OWNER),
    tap(DaysFor, ask_days, role=Role.OWNER),
    typed(DaysFor, type_days, role=Role.OWNER),
    tap(MostFor, ask_most, role=Role.OWNER),
    typed(MostFor, type_most, role=Role.OWNER),
    tap(TitleFor, ask_title, role=Role.OWNER),
    typed(TitleFor, type_title, role=Role.OWNER),
    tap(HidePlan, hide, role=Role.OWNER),
    tap(PlanHistory, history, role=Role.OWNER),
)

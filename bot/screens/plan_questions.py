"""What owners are asked about a plan that they price, and why an answer was none."""

from __future__ import annotations

from bot.callbacks import ChangePlan, CostFor, DaysFor, MostFor, ShowPlans, TitleFor
from bot.domain.plans import MOST_COST, MOST_DAYS, MOST_PIECES, MOST_TITLE, PlanLine
from bot.i18n import Code, Text, Texts, paragraphs
from bot.screens.base import Button, Row, Screen, short, to_home, to_shop
from bot.screens.words import MOST_NAME, or_none

MOST_TYPED = 40
"""Characters that are shown of what an owner wrote."""


def title_of(line: PlanLine) -> str:
    """What a plan is called, cut to fit."""
    return short(line.plan.title, MOST_NAME)


def ask_cost(t: Texts, line: PlanLine, problem: Text | None = None) -> Screen:
    """The next typed text is what one piece costs; `problem` says what was wrong before."""
    return Screen(
        paragraphs(
            problem,
            t(
                "<b>What does one piece of {plan} cost you?</b>",
                plan=title_of(line),
            ),
            t(
                "It is {cost} now. Write it in USD, for example {example}. "
                "You see the new price before anything changes; /cancel leaves it.",
                cost=line.plan.cost,
                example=Code("2.50"),
            ),
        ),
        _back_to(t, line),
        asks=CostFor(plan=line.plan.id),
    )


def not_a_cost(t: Texts, typed: str) -> Text:
    """Why what was typed is not what a plan could cost."""
    return t(
        "“{typed}” is not a cost. Write it like 2 or 2.50, from 0.01 to {most}, "
        "without signs, spaces or a currency. Nothing was changed.",
        typed=short(typed, MOST_TYPED),
        most=MOST_COST.decimal,
    )


def ask_days(t: Texts, line: PlanLine, problem: Text | None = None) -> Screen:
    """The next typed text is for how many days a plan works; `problem`: what was wrong before."""
    return Screen(
        paragraphs(
            problem,
            t(
                "<b>For how many days does {plan} work?</b>",
                plan=title_of(line),
            ),
            t(
                "Now: {now}. Write a whole number from 1 to {most}, for example {example}. "
                "Customers are told until when it works; /cancel leaves it.",
                now=or_none(line.plan.days),
                most=MOST_DAYS,
                example=Code("30"),
            ),
        ),
        _back_to(t, line),
        asks=DaysFor(plan=line.plan.id),
    )


def not_days(t: Texts, typed: str) -> Text:
    """Why what was typed is no time that a plan could work for."""
    return t(
        "“{typed}” is not a number of days. Write a whole number from 1 to {most}, in digits "
        "alone. Nothing was changed.",
        typed=short(typed, MOST_TYPED),
        most=MOST_DAYS,
    )


def ask_most(t: Texts, line: PlanLine, problem: Text | None = None) -> Screen:
    """The next typed text is how many pieces an order takes; `problem`: what was wrong before."""
    return Screen(
        paragraphs(
            problem,
            t(
                "<b>How many pieces of {plan} may one order take?</b>",
                plan=title_of(line),
            ),
            t(
                "Now: {now}. Write a whole number from 1 to {most}, for example {example}; "
                "/cancel leaves it.",
                now=line.plan.most,
                most=MOST_PIECES,
                example=Code("20"),
            ),
        ),
        _back_to(t, line),
        asks=MostFor(plan=line.plan.id),
    )


def not_most(t: Texts, typed: str) -> Text:
    """Why what was typed is no bound of an order."""
    return t(
        "“{typed}” is not a number of pieces. Write a whole number from 1 to {most}, in digits "
        "alone. Nothing was changed.",
        typed=short(typed, MOST_TYPED),
        most=MOST_PIECES,
    )


def ask_title(t: Texts, line: PlanLine, problem: Text | None = None) -> Screen:
    """The next typed text is what a plan is called; `problem` says what was wrong before."""
    return Screen(
        paragraphs(
            problem,
            t("<b>What shall {plan} be called?</b>", plan=title_of(line)),
            t(
                "Customers read it on buttons and in their orders. Write 1 to {most} characters "
                "on one line; /cancel leaves it.",
                most=MOST_TITLE,
            ),
        ),
        _back_to(t, line),
        asks=TitleFor(plan=line.plan.id),
    )


def not_title(t: Texts, typed: str) -> Text:
    """Why a plan cannot be called what was typed."""
    return t(
        "“{typed}” is not a title. Write 1 to {most} characters on one line. Nothing was changed.",
        typed=short(typed, MOST_TYPED),
        most=MOST_TITLE,
    )


def _back_to(t: Texts, line: PlanLine) -> tuple[Row, ...]:
    back = Button(t("⬅️ Back"), ChangePlan(plan=line.plan.id))
    return ((back, Button(t("Plans"), ShowPlans(page=0))), (*to_shop(t), *to_home(t)))

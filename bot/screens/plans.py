"""The owner's plans: what they cost and promise, what customers pay, and whether they are sold."""

from __future__ import annotations

from collections.abc import Sequence

from bot.callbacks import (
    ChangePlan,
    CostFor,
    DaysFor,
    HidePlan,
    MostFor,
    PlanHistory,
    ShowMarkup,
    ShowPlans,
    TitleFor,
)
from bot.domain.plans import (
    NamedPlanChange,
    PlanChange,
    PlanChangePage,
    PlanDeed,
    PlanLine,
)
from bot.domain.requests import CostPreview
from bot.i18n import Code, Joined, Text, Texts, Value, lines, paragraphs
from bot.screens.base import Button, Row, Screen, page_of, pager, short, to_home, to_shop
from bot.screens.plan_questions import MOST_TYPED, title_of
from bot.screens.requests import confirm_or_drop
from bot.screens.words import MOST_NAME, or_none, scope_words

PAGE = 5
_MOST_CODE = 20
"""Most characters of a code on one of two buttons in a row."""


def plans(t: Texts, listed: Sequence[PlanLine], page: int, told: Text | None = None) -> Screen:
    """Every plan that owners price, with the buttons that change it; `told`: what was done."""
    shown = page_of(listed, page, PAGE)
    if not listed:
        return Screen(
            paragraphs(
                t("<b>Your plans</b>"),
                t(
                    "There is none yet. What GateProxy sells comes from its price list, with its "
                    "costs; your own plans are those of StatProxies, which {setting} names first.",
                    setting=Code("STATPROXIES_PRODUCTS"),
                ),
            ),
            (_ways_out(t),),
        )
    return Screen(
        paragraphs(
            told,
            t("<b>Your plans</b>"),
            *(_plan(t, line) for line in shown.shown),
            t(
                "StatProxies tells no prices, so you say what these cost. What GateProxy sells "
                "comes from its price list, with its costs."
            ),
            grammar(t, listed),
        ),
        (
            *(_changes(t, line) for line in shown.shown),
            *pager(t, shown.number, shown.count, lambda number: ShowPlans(page=number)),
            (
                Button(t("History"), PlanHistory(before=0)),
                Button(t("🔄 Refresh"), ShowPlans(page=shown.number)),
            ),
            (Button(t("Markup"), ShowMarkup()), *_ways_out(t)),
        ),
    )


def plan(t: Texts, line: PlanLine, told: Text | None = None) -> Screen:
    """One plan, and a button for each thing that can be changed of it; `told`: what was done."""
    number = line.plan.id
    return Screen(
        paragraphs(
            told,
            _plan(t, line),
            t("What you change holds from the next order on. Orders that were accepted before "
              "go on as they were agreed."),
        ),
        (
            (
                Button(t("Cost"), CostFor(plan=number)),
                Button(t("Days"), DaysFor(plan=number)),
            ),
            (
                Button(t("At most"), MostFor(plan=number)),
                Button(t("Title"), TitleFor(plan=number)),
            ),
            (
                Button(t("Show"), HidePlan(plan=number, hidden=False))
                if _is_off(line)
                else Button(t("Hide"), HidePlan(plan=number, hidden=True)),
            ),
            (Button(t("Plans"), ShowPlans(page=0)), *_ways_out(t)),
        ),
    )  # fmt: skip


def page_with(listed: Sequence[PlanLine], line: PlanLine) -> int:
    """The page that a plan stands on."""
    known = [one.plan.id for one in listed]
    return known.index(line.plan.id) // PAGE if line.plan.id in known else 0


def grammar(t: Texts, listed: Sequence[PlanLine]) -> Text:
    """How to write a change, with the code of a plan that there is."""
    code = listed[0].plan.code if listed else "captcha"
    return t(
        "To change one, tap a button or write:\n{examples}",
        examples=Joined(
            (
                Code(f"/plans cost {code} 2.50"),
                Code(f"/plans days {code} 30"),
                Code(f"/plans most {code} 20"),
                Code(f"/plans title {code} ISP"),
                Code(f"/plans hide {code}"),
                Code(f"/plans show {code}"),
            )
        ),
    )


def hidden(t: Texts, line: PlanLine) -> Text:
    """A plan that nobody is offered; the same however often it is hidden."""
    return t(
        "<b>{plan} is hidden.</b> Nobody sees it or can buy it; "
        "orders that were accepted before go on as they were agreed.",
        plan=title_of(line),
    )


def offered(t: Texts, line: PlanLine) -> Text:
    """A plan that is on sale again."""
    return t(
        "<b>{plan} is on sale</b> for {price} a piece.", plan=title_of(line), price=line.price
    )


def priced(t: Texts, line: PlanLine, change: PlanChange) -> Text:
    """A cost that was changed; a second tap on Apply tells the same."""
    return t(
        "<b>Done.</b> The cost of {plan} was changed from {old} to {new}; "
        "customers pay {price} a piece now.",
        plan=title_of(line),
        old=change.old,
        new=change.new,
        price=line.price,
    )


def works_for(t: Texts, was: PlanLine, days: int, done: PlanChange | None) -> Text:
    """For how many days a plan works; `done`: what was changed, if anything was."""
    if done is None:
        return t.n(
            "{plan} works for {n} day already. Nothing was changed.",
            "{plan} works for {n} days already. Nothing was changed.",
            n=days,
            plan=title_of(was),
        )
    return t.n(
        "<b>Done.</b> {plan} works for {n} day now; it was {old}.",
        "<b>Done.</b> {plan} works for {n} days now; it was {old}.",
        n=days,
        plan=title_of(was),
        old=or_none(done.old),
    )


def takes_at_most(t: Texts, was: PlanLine, most: int, done: PlanChange | None) -> Text:
    """How many pieces one order takes at most; `done`: what was changed, if anything was."""
    if done is None:
        return t(
            "One order of {plan} takes at most {most} pc. already. Nothing was changed.",
            plan=title_of(was),
            most=most,
        )
    return t(
        "<b>Done.</b> One order of {plan} takes at most {most} pc. now; it was {old}.",
        plan=title_of(was),
        most=most,
        old=done.old,
    )


def is_called(t: Texts, was: PlanLine, title: str, done: PlanChange | None) -> Text:
    """What a plan is called; `done`: what was changed, if anything was."""
    if done is None:
        return t("{plan} is called that already. Nothing was changed.", plan=title_of(was))
    return t(
        "<b>Done.</b> {old} is called {new} now.",
        old=short(str(done.old), MOST_NAME),
        new=short(title, MOST_NAME),
    )


def refused(t: Texts, listed: Sequence[PlanLine], problem: Text) -> Screen:
    """A `/plans` that was not understood, and how to write one."""
    return Screen(
        paragraphs(problem, grammar(t, listed)),
        ((Button(t("Plans"), ShowPlans(page=0)), *_ways_out(t)),),
    )


def not_understood(t: Texts, typed: str) -> Text:
    """The first word is nothing that can be done to a plan."""
    return t("“{typed}” is not understood. Nothing was changed.", typed=short(typed, MOST_TYPED))


def which(t: Texts) -> Text:
    """No plan was named."""
    return t("Say which plan. Nothing was changed.")


def unknown(t: Texts, listed: Sequence[PlanLine], typed: str) -> Text:
    """What was named is no plan of the owner's, or more than one."""
    codes = Joined(tuple(Code(line.plan.code) for line in listed[:PAGE]), glue=", ")
    if not listed:
        return t(
            "“{typed}” is not one of your plans: there is none. Nothing was changed.",
            typed=short(typed, MOST_TYPED),
        )
    return t(
        "“{typed}” is not the name of one of your plans, or of more than one. Nothing was "
        "changed. Use the short name, such as {codes}. What GateProxy sells cannot be changed "
        "here.",
        typed=short(typed, MOST_TYPED),
        codes=codes,
    )


def cost_preview(t: Texts, preview: CostPreview) -> Screen:
    """Cost and price, old and new, before the cost holds."""
    asked = preview.asked
    return Screen(
        paragraphs(
            t(
                "<b>Let one piece of {plan} cost {cost}?</b>",
                plan=short(preview.plan.title, MOST_NAME),
                cost=asked.new,
            ),
            lines(
                t("Cost: {old} → <b>{new}</b>", old=asked.old, new=asked.new),
                t(
                    "Price: {old} → <b>{new}</b> ({rule} for {scope})",
                    old=preview.old_price,
                    new=preview.new_price,
                    rule=preview.rule,
                    scope=scope_words(t, preview.decided_by),
                ),
            ),
            t("The plan is hidden, so nobody sees the price yet.")
            if preview.plan.is_hidden
            else None,
            t("Nothing changes until you apply it, within ten minutes."),
        ),
        (confirm_or_drop(t("Apply"), t("Drop"), preview.request),),
    )


def plan_history(t: Texts, page: PlanChangePage) -> Screen:
    """Who changed which plan when."""
    older = page.older
    return Screen(
        paragraphs(
            t("<b>Changes of your plans</b>"),
            lines(*(_change(t, one) for one in page.changes))
            if page.changes
            else t("No plan was ever changed here."),
        ),
        (
            *(((Button(t("Older"), PlanHistory(before=older)),),) if older else ()),
            (Button(t("Plans"), ShowPlans(page=0)), *_ways_out(t)),
        ),
    )


def _plan(t: Texts, line: PlanLine) -> Value:
    plan = line.plan
    return lines(
        t("<b>{plan}</b> · {code}", plan=title_of(line), code=Code(plan.code)),
        t(
            "Cost {cost}, price <b>{price}</b> ({rule} for {scope})",
            cost=plan.cost,
            price=line.price,
            rule=line.rule,
            scope=scope_words(t, line.decided_by),
        ),
        t("At most {most} pc. an order; {state}", most=plan.most, state=_state(t, line))
        if plan.days is None
        else t.n(
            "{n} day, at most {most} pc. an order; {state}",
            "{n} days, at most {most} pc. an order; {state}",
            n=plan.days,
            most=plan.most,
            state=_state(t, line),
        ),
    )


def _state(t: Texts, line: PlanLine) -> Text:
    if line.plan.is_hidden:
        return t("<b>hidden</b>")
    if line.is_refused:
        return t("<b>not sold, because the provider refused it</b>")
    if not line.has_lane:
        return t("<b>not sold, because {setting} is not set</b>", setting=Code("STATPROXIES_KEY"))
    return t("on sale")


def _changes(t: Texts, line: PlanLine) -> Row:
    plan, code = line.plan, short(line.plan.code, _MOST_CODE)
    return (
        Button(t("Change: {plan}", plan=code), ChangePlan(plan=plan.id)),
        Button(t("Show: {plan}", plan=code), HidePlan(plan=plan.id, hidden=False))
        if _is_off(line)
        else Button(t("Hide: {plan}", plan=code), HidePlan(plan=plan.id, hidden=True)),
    )


def _is_off(line: PlanLine) -> bool:
    return line.plan.is_hidden or line.is_refused


def _change(t: Texts, one: NamedPlanChange) -> Text:
    return t(
        "#{id} · {at} · {person} · {plan}: {what}",
        id=one.change.id,
        at=one.change.at,
        person=short(one.person_name, MOST_NAME),
        plan=short(one.name, MOST_NAME),
        what=_deed(t, one.change),
    )


def _deed(t: Texts, change: PlanChange) -> Text:
    match change.deed:
        case PlanDeed.COST:
            return t("cost {old} → {new}", old=change.old, new=change.new)
        case PlanDeed.DAYS:
            return t("days {old} → {new}", old=or_none(change.old), new=change.new)
        case PlanDeed.MOST:
            return t("most pieces {old} → {new}", old=change.old, new=change.new)
        case PlanDeed.TITLE:
            return t(
                "title {old} → {new}",
                old=short(str(change.old), MOST_NAME),
                new=short(str(change.new), MOST_NAME),
            )
        case PlanDeed.HIDE:
            return t("hidden")
        case PlanDeed.SHOW:
            return t("on sale again")


def _ways_out(t: Texts) -> Row:
    return (*to_shop(t), *to_home(t))

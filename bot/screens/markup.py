"""Markup: the rules, the prices that follow from them, and their history."""

from __future__ import annotations

from collections.abc import Iterable

from bot.callbacks import MarkupHistory, RollBack, ShowMarkup
from bot.domain.markup import PriceLine, RuleLine, RulePage
from bot.domain.requests import MarkupPreview, PriceMove
from bot.i18n import Code, Joined, Text, Texts, lines, paragraphs
from bot.screens.base import Button, Screen, in_rows, short, to_home, to_shop
from bot.screens.requests import confirm_or_drop
from bot.screens.words import MOST_NAME, as_is, fitting, scope_words


def markup(
    t: Texts,
    rules: Iterable[RuleLine],
    samples: Iterable[PriceLine],
    *,
    is_applied: bool = False,
) -> Screen:
    """Rules in force and sample prices, each with the rule that decides it."""
    shown = [
        t(
            "{plan}: <b>{price}</b> (cost {cost}; {rule} for {scope})",
            plan=short(f"{one.plan.provider.name} {one.plan.title}", MOST_NAME),
            price=one.price,
            cost=one.plan.cost,
            rule=one.rule,
            scope=scope_words(t, one.decided_by),
        )
        for one in samples
    ]
    return Screen(
        paragraphs(
            t("<b>Done.</b> The new prices hold from now on.") if is_applied else None,
            lines(
                t("<b>Markup</b>"),
                fitting(t, [_rule(t, line) for line in rules], 1_000),
            ),
            lines(t("<b>Sample prices</b>"), fitting(t, shown, 1_500)) if shown else None,
            markup_grammar(t),
        ),
        (
            (
                Button(t("History"), MarkupHistory(before=0)),
                Button(t("🔄 Refresh"), ShowMarkup()),
            ),
            (*to_shop(t), *to_home(t)),
        ),
    )


def markup_grammar(t: Texts) -> Text:
    """How to write a rule."""
    return t(
        "To change a rule, write one of these; you see the prices before anything changes:\n"
        "{examples}\n"
        "A name with a space in it goes in quotes.",
        examples=Joined(
            (
                Code("/markup 20%"),
                Code("/markup nodemaven 15%"),
                Code('/markup nodemaven "1 GB" +0.50'),
                Code("/markup nodemaven 15% +0.20 min 0.30"),
                Code("/markup nodemaven off"),
            )
        ),
    )


def bad_markup(t: Texts, typed: str) -> Screen:
    """The part of a rule that was not understood, and how to write one."""
    return Screen(
        paragraphs(
            t("“{typed}” is not understood. Nothing was changed.", typed=short(typed, 100)),
            markup_grammar(t),
        ),
        ((Button(t("Markup"), ShowMarkup()), *to_shop(t)),),
    )


def markup_preview(t: Texts, preview: MarkupPreview) -> Screen:
    """Prices old and new, before a rule holds."""
    scope = scope_words(t, preview.scope_name)
    rule = preview.asked.rule
    head = (
        t("<b>Remove the rule of {scope}?</b> The next wider one holds then.", scope=scope)
        if rule is None
        else t("<b>Set the markup of {scope} to {rule}?</b>", scope=scope, rule=rule)
    )
    moves = [_price_move(t, one, preview) for one in preview.moves]
    hidden = preview.concerned - len(moves)
    return Screen(
        paragraphs(
            head,
            lines(
                fitting(t, moves, 2_000),
                t.n("… and {n} more plan.", "… and {n} more plans.", n=hidden)
                if hidden > 0
                else None,
            )
            if moves
            else t("No plan on sale is affected."),
            t.n(
                "{n} of these plans keeps its price: a narrower rule goes before this one.",
                "{n} of these plans keep their prices: a narrower rule goes before this one.",
                n=preview.shadowed,
            )
            if preview.shadowed
            else None,
            t("Nothing changes until you apply it, within ten minutes."),
        ),
        (confirm_or_drop(t("Apply"), t("Drop"), preview.request),),
    )


def markup_history(t: Texts, page: RulePage) -> Screen:
    """Who changed which rule when; one tap leads to the preview of the way back."""
    shown = [
        t(
            "#{id} · {at} · {person}: {scope} → {rule}",
            id=one.change.id,
            at=one.change.at,
            person=short(one.person_name, MOST_NAME),
            scope=scope_words(t, one.name),
            rule=t("no rule") if one.change.rule is None else as_is(t, one.change.rule),
        )
        for one in page.changes
    ]
    undo = [
        Button(t("Undo #{id}", id=one.change.id), RollBack(change=one.change.id))
        for one in page.changes
    ]
    older = page.older
    return Screen(
        paragraphs(
            t("<b>Changes of the markup</b>"),
            fitting(t, shown, 3_000) if shown else t("No rule was ever changed here."),
            t("Undo shows the prices before anything changes.") if shown else None,
        ),
        (
            *in_rows(undo, 3),
            *(((Button(t("Older"), MarkupHistory(before=older)),),) if older else ()),
            (Button(t("Markup"), ShowMarkup()), *to_shop(t)),
        ),
    )


def _price_move(t: Texts, move: PriceMove, preview: MarkupPreview) -> Text:
    plan = short(f"{move.plan.provider.name} {move.plan.title}", MOST_NAME)
    if preview.asked.rule is not None and move.decided_by == preview.scope_name:
        return t("{plan}: {old} → <b>{new}</b>", plan=plan, old=move.old, new=move.new)
    return t(
        "{plan}: {old} → <b>{new}</b> ({rule} for {scope})",
        plan=plan,
        old=move.old,
        new=move.new,
        rule=move.rule,
        scope=scope_words(t, move.decided_by),
    )


def _rule(t: Texts, line: RuleLine) -> Text:
    scope = scope_words(t, line.name)
    if line.is_default:
        return t("{scope}: <b>{rule}</b>, from the settings", scope=scope, rule=line.rule)
    return t("{scope}: <b>{rule}</b>", scope=scope, rule=line.rule)

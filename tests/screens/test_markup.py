"""Markup: rules and prices, old and new."""

from __future__ import annotations

from bot.callbacks import MarkupHistory, RollBack
from bot.domain.markup import EVERYTHING, NamedChange, Rule, RulePage, Scope
from bot.domain.money import usd
from bot.domain.requests import MarkupChange, MarkupPreview, PriceMove
from bot.screens import markup
from tests.screens.owner_samples import (
    AT,
    CHANGE,
    EN,
    GIG,
    NODEMAVEN,
    REQUEST,
    RULES,
    SAMPLE,
    labels,
    payloads,
    visible,
)


def test_markup_shows_rules_and_which_of_them_decides() -> None:
    text = visible(markup.markup(EN, RULES, [SAMPLE]))

    assert text.startswith(
        "Markup\n"
        "everything: 20%, from the settings\n"
        "NodeMaven: 15% +0.20\n\n"
        "Sample prices\n"
        "NodeMaven 1 GB: 4.07 USD (cost 3.36 USD; 15% +0.20 for NodeMaven)"
    )
    assert '/markup nodemaven "1 GB" +0.50' in text


def test_a_markup_is_previewed_old_to_new_and_applied_by_a_button() -> None:
    change = MarkupChange(Scope(provider=NODEMAVEN.id), Rule(1500))
    moves = (PriceMove(GIG, usd("4.04"), usd("3.87"), Rule(1500), "NodeMaven"),)

    screen = markup.markup_preview(EN, MarkupPreview(REQUEST, change, "NodeMaven", moves, 3, 0))

    assert visible(screen) == (
        "Set the markup of NodeMaven to 15%?\n\n"
        "NodeMaven 1 GB: 4.04 USD → 3.87 USD\n"
        "… and 2 more plans.\n\n"
        "Nothing changes until you apply it, within ten minutes."
    )
    assert labels(screen) == [["Drop", "Apply"]]


def test_a_rule_is_removed_by_name() -> None:
    preview = MarkupPreview(REQUEST, MarkupChange(EVERYTHING, None), "", (), 0, 0)

    assert visible(markup.markup_preview(EN, preview)).startswith(
        "Remove the rule of everything? The next wider one holds then.\n\n"
        "No plan on sale is affected."
    )


def test_the_history_leads_back_with_one_tap() -> None:
    screen = markup.markup_history(
        EN, RulePage((NamedChange(CHANGE, "NodeMaven", "Olga"),), older=3)
    )

    assert f"#3 · {AT} · Olga: NodeMaven → 15%" in visible(screen)
    assert payloads(screen)[:2] == [RollBack(change=3), MarkupHistory(before=3)]

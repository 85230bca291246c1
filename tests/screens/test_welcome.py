"""An owner's first contact: what works is ticked, what does not says so."""

from __future__ import annotations

from dataclasses import replace

from bot.callbacks import Browse, Shop, ShowMarkup
from bot.domain.desk import LaneState, Stop
from bot.domain.markup import EVERYTHING, Rule, RuleLine
from bot.domain.orders import LaneId
from bot.screens.base import Button
from bot.screens.welcome import welcome
from tests.screens.owner_samples import EN, NOON, STATE, visible

RULE = RuleLine(EVERYTHING, "", Rule(2000), is_default=True)


def test_a_shop_that_works_is_ticked_line_by_line() -> None:
    screen = welcome(EN, replace(STATE, audited_at=NOON, backed_up_at=NOON), RULE)

    said = visible(screen)
    assert "✅ GateProxy account 1: 27.52 USD" in said
    assert "✅ Price list: 31 plans" in said
    assert "✅ Markup: 20%" in said
    assert "✅ Books: they balance" in said
    assert "✅ Backup: made" in said
    assert "⚠️" not in said
    buttons = [one.does for row in screen.rows for one in row if isinstance(one, Button)]
    assert buttons == [Shop(), ShowMarkup(), Browse()]
    assert screen.kept


def test_what_does_not_work_yet_is_named() -> None:
    lanes = (
        LaneState(LaneId(1), "gateproxy", None, None, 0, has_token=True),
        LaneState(LaneId(2), "gateproxy", None, None, 0, has_token=False),
    )
    stops = (Stop("shop", "audit", NOON, "audit"),)

    said = visible(welcome(EN, replace(STATE, lanes=lanes, stops=stops, plans=0), RULE))

    assert said.count("⚠️") == 5
    assert "⚠️ GateProxy account 1: balance not read yet" in said
    assert "⚠️ GateProxy account 2: no token in the settings" in said
    assert "⚠️ Price list: not read yet." in said
    assert "⚠️ Books: selling is stopped, see /shop" in said


def test_an_account_that_tells_no_balance_works_once_its_orders_could_be_read() -> None:
    read = LaneState(LaneId(1), "statproxies", None, None, 0, has_token=True, has_balance=False)
    lanes = (read, replace(read, id=LaneId(2), is_listed=False))

    said = visible(welcome(EN, replace(STATE, lanes=lanes), RULE))

    assert "✅ StatProxies account 1: its order list was read" in said
    assert "⚠️ StatProxies account 2: its order list could not be read, so nothing is sold" in said


def test_books_that_were_not_audited_yet_stop_nothing() -> None:
    said = visible(welcome(EN, replace(STATE, audited_at=None), RULE))

    assert "⚠️ Books: not audited yet" in said
    assert "stopped" not in said

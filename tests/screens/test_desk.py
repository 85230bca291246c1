"""The owner's desk: what is shown, and what may be tapped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.callbacks import Resume, SaleNotices
from bot.domain.desk import Stop
from bot.screens import desk
from tests.screens.owner_samples import AT, EN, NOON, STATE, labels, payloads, visible


def test_the_shop_at_a_glance() -> None:
    screen = desk.shop(EN, replace(STATE, at=NOON + timedelta(seconds=48)), wants_sales=False)

    assert visible(screen) == (
        "The shop\n\n"
        "GateProxy account 1: 27.52 USD, read 48 s ago, 2 in line\n"
        "Price list: 31 plans, read 48 s ago.\n\n"
        "Today (UTC): 4 orders, 16.12 USD in sales, 2.68 USD in profit.\n"
        "No order needs you."
    )
    assert labels(screen) == [
        ["Inbox (0)", "Markup", "Plans"],
        ["Tell me of each sale"],
        ["Audit the books"],
        ["🔄 Refresh", "🏠 Home"],
    ]
    assert SaleNotices(on=True) in payloads(screen)


def test_the_shop_tells_the_age_of_its_audit_and_of_its_backup() -> None:
    state = replace(
        STATE, at=NOON + timedelta(hours=3), audited_at=NOON, backed_up_at=NOON - timedelta(days=1)
    )

    shown = visible(desk.shop(EN, state, wants_sales=False))

    assert shown.endswith("The books were audited 3 h ago.\nThe newest backup is 27 h old.")


def test_a_restored_shop_waits_for_a_tap() -> None:
    restored = replace(STATE, stops=(Stop("shop", "restored", NOON, "restore"),))

    screen = desk.shop(EN, restored, wants_sales=False)

    assert f"Selling has been stopped since {AT}: a backup was restored." in visible(screen)
    assert Resume() in payloads(screen)


def test_only_the_stop_of_the_whole_shop_is_ended_by_a_tap() -> None:
    lane = replace(STATE, stops=(Stop("lane:1", "insufficient_balance", NOON, "shop"),))
    shop = replace(STATE, stops=(Stop("shop", "audit", NOON, "audit"),))

    stopped_lane = desk.shop(EN, lane, wants_sales=True)
    stopped_shop = desk.shop(EN, shop, wants_sales=True)

    assert f"GateProxy account 1 has been stopped since {AT}: fund the account." in visible(
        stopped_lane
    )
    assert Resume() not in payloads(stopped_lane)
    assert f"Selling has been stopped since {AT}: the books do not balance." in visible(
        stopped_shop
    )
    assert Resume() in payloads(stopped_shop)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=2), "2 days"),
    ],
    ids=str,
)
def test_an_age_is_told_in_the_unit_that_fits(passed: timedelta, words: str) -> None:
    screen = desk.shop(EN, replace(STATE, at=NOON + passed), wants_sales=False)

    assert f"read {words} ago." in visible(screen)

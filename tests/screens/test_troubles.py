"""Troubles: each one is put into words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bot
from bot.domain.notices import Trouble
from bot.screens import troubles
from tests.screens.owner_samples import EN, visible

TROUBLES = (
    (Trouble("out_of_service", "unauthorized"), "refuses the bot's token"),
    (Trouble("out_of_service", "insufficient_balance"), "Fund the account"),
    (Trouble("out_of_service", "insufficient_permissions"), "lacks a permission"),
    (Trouble("out_of_service", "suspended"), "Detail: suspended"),
    (Trouble("overdue", "#7, placing, 4 min"), "Detail: #7, placing, 4 min"),
    (Trouble("notices_late", "7 min"), "Messages to customers are late."),
    (Trouble("in_service", "gateproxy"), "works again"),
    (Trouble("unknown_code", "teapot"), "Detail: teapot"),
    (Trouble("catalog_old"), "The price list is old."),
    (Trouble("audit_red"), "The books do not balance, so selling is stopped."),
    (Trouble("no_answer", "2"), "Account: 2"),
    (Trouble("restored", "2026-11-22T10:00:00+00:00"), "made: 22 Nov 2026, 10:00 UTC"),
    (Trouble("restored_money", "1 +5.00 USD"), "Enter each of them again"),
    (Trouble("restored_exchanges", "#1 of 7 (done)"), "Nothing is sent again."),
    (Trouble("restored_orders", "ord_1; ord_2"), "Detail: ord_1; ord_2"),
    (Trouble("restored_orders", "0"), "holds nothing that the restored books"),
    (Trouble("backup_failed", "disk"), "The backup failed."),
    (Trouble("backup_old", "4 h"), "The newest backup is old."),
    (Trouble("backup_too_large", "60 MB"), "too large for Telegram"),
    (Trouble("disk_full", "12 MB"), "almost full"),
    (Trouble("same_account"), "Two tokens belong to one account"),
    (Trouble("lane_without_token"), "no token in the settings"),
    (Trouble("shared_account"), "Somebody else buys with the bot's account"),
    (Trouble("other_ids", "gateproxy"), "lists orders by other ids than it gives"),
    (Trouble("notice_dead"), "could not be delivered"),
    (Trouble("second_poller"), "Somebody else runs with the bot's token"),
    (Trouble("brand_new"), "Something of the shop needs you: brand_new."),
)


@pytest.mark.parametrize(
    ("notice", "words"),
    TROUBLES,
    ids=lambda value: f"{value.code}-{value.detail}" if isinstance(value, Trouble) else "",
)
def test_a_trouble_is_put_into_words(notice: Trouble, words: str) -> None:
    assert words in visible(troubles.trouble(EN, notice))


def test_every_trouble_that_the_shop_tells_of_has_words_of_its_own() -> None:
    source = "".join(file.read_text("utf-8") for file in Path(bot.__file__).parent.rglob("*.py"))
    codes = set(re.findall(r'\bTrouble\(\s*"(\w+)"', source))

    assert len(codes) > 15
    for code in codes:
        assert "Something of the shop" not in visible(troubles.trouble(EN, Trouble(code))), code

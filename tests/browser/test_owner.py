"""What the owner does with the page, in both languages."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open
from tests.browser.person import expect
from tests.demo.running import BORIS, OLGA

SAID = {
    "English": ("Top up", "Confirm", "Done.", "Apply", "The shop"),
    "Русский": ("Пополнить", "Подтвердить", "Готово", "Применить", "Магазин"),
}


@pytest.mark.parametrize("language", SAID)
def test_an_owner_tops_up_sets_a_markup_and_looks_at_the_shop(visit: Open, language: str) -> None:
    asks, confirm, done, apply, shop = SAID[language]
    screen = visit()
    screen.phone(BORIS).start()
    olga = screen.phone(OLGA)
    olga.node.get_by_role("button", name="Language of the bot").click()
    olga.tap(language)
    olga.send("/topup @boris 2.50")
    olga.sees(asks)
    with olga.in_one_message():
        olga.tap(confirm)
        olga.sees(done)
    screen.phone(BORIS).sees("2,50 USD")
    expect(screen.page.locator("#ledger tbody tr").first).to_contain_text("2.50")

    olga.send("/markup abcproxy 30%")
    olga.tap(apply)
    olga.sees("ABC Proxy: 30")
    olga.send("/markup abcproxy off")
    olga.tap(apply)
    olga.sees(done)
    olga.send("/shop")

    olga.sees(shop)
    screen.sees_that_all_is_well()


def test_an_owner_picks_somebody_from_the_list_of_people(visit: Open) -> None:
    screen = visit()
    screen.phone(BORIS).start()
    olga = screen.phone(OLGA)
    olga.send("/language")
    olga.tap("English")

    olga.send("/topup")
    olga.node.locator(".under button").first.click()
    screen.page.get_by_role("dialog").get_by_role("button", name="Борис").click()

    olga.sees("Борис")
    expect(olga.node.locator(".under")).to_be_hidden()


def test_an_owner_has_more_commands_than_a_customer(visit: Open) -> None:
    screen = visit()

    for person, is_owner in ((OLGA, True), (BORIS, False)):
        phone = screen.phone(person)
        phone.start()
        phone.node.get_by_role("button", name="Menu").click()
        expect(phone.node.locator(".menu")).to_contain_text("/browse")
        assert ("/topup" in phone.node.locator(".menu").inner_text()) is is_owner
        screen.page.keyboard.press("Escape")
        expect(phone.node.locator(".menu")).to_be_hidden()

"""What a customer does with the page, in both languages."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Open
from tests.browser.person import expect
from tests.demo.running import ALICE, BORIS, Demo


def test_a_customer_buys_in_one_living_message(visit: Open, demo: Demo) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    made = demo.made
    alice.send("/start")
    alice.sees("Hello, Alice!")

    with alice.in_one_message():
        alice.tap("Browse")
        alice.tap("NodeMaven")
        alice.tap("1 GB")
        alice.sees("4.20 USD")
    alice.tap("Buy")

    alice.finds("gate.nodemaven.")
    screen.sees_that_all_is_well()
    expect(screen.page.locator("#orders li").first).to_contain_text("Alice: NodeMaven 1 GB")
    expect(screen.page.locator("#orders li").first.locator(".now")).to_have_text("delivered")
    assert demo.made == made + 1


def test_a_new_customer_starts_in_russian_and_is_told_what_is_missing(visit: Open) -> None:
    screen = visit(locale="ru-RU")
    boris = screen.phone(BORIS)
    boris.start()
    boris.sees("Борис")
    with boris.in_one_message():
        boris.tap("Каталог")
        boris.tap("NodeMaven")
        boris.tap("1 GB")
        boris.sees(": 4,20 USD")


def test_a_password_is_hidden_until_it_is_pressed_and_copied_by_a_tap(visit: Open) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    alice.send("/browse")
    alice.tap("DataImpulse")
    alice.tap("1 GB")
    alice.tap("Buy")
    bought = alice.finds("gw.dataimpulse.")

    hidden = bought.get_by_role("button", name="Hidden text: press to show")
    count = hidden.count()
    hidden.first.press("Enter")
    expect(hidden).to_have_count(count - 1)

    bought.get_by_role("button", name="Copy line").click()
    expect(alice.node.get_by_text("Copied")).to_be_visible()
    copied = screen.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"gw\.dataimpulse\.localhost:\d+:\S+:[0-9a-f]{12}", copied)


def test_every_tap_sent_twice_buys_once(visit: Open, demo: Demo) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    made = demo.made
    screen.press("twice")
    alice.send("/browse")
    alice.tap("9Proxy")
    alice.tap("1 GB")
    alice.sees("Buy")
    taps: list[str] = []
    screen.page.on("request", lambda made: taps.append(made.url))

    alice.tap("Buy")

    alice.finds("9proxy.")
    assert len([url for url in taps if url.endswith("/sim/tap")]) == 2
    screen.sees_that_all_is_well()
    assert demo.made == made + 1


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)], ids=["laptop", "phone"])
def test_what_came_meanwhile_is_counted_until_it_is_looked_at(
    visit: Open, demo: Demo, size: tuple[int, int]
) -> None:
    screen = visit(size=size)
    tab = screen.page.get_by_role("tab", name="Alice")
    screen.page.get_by_role("tab", name="Olga").click()
    expect(screen.phone(ALICE).node).to_be_hidden()

    demo.send("/help", ALICE)

    expect(screen.page.get_by_role("tab", name="Alice, 1 unread")).to_be_visible()
    tab.click()
    expect(screen.page.get_by_text("Unread messages")).to_be_visible()
    expect(screen.page.get_by_role("tab", name="Alice", exact=True)).to_be_visible()

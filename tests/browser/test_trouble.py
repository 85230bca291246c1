"""What the page shows while things go wrong, and that the books balance afterwards."""

from __future__ import annotations

import re

from tests.browser.conftest import Open
from tests.browser.person import expect
from tests.demo.running import ALICE, Demo, until


def test_the_plug_is_pulled_in_the_middle_of_a_purchase(visit: Open, demo: Demo) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    made, starts = demo.made, demo.bot["starts"]
    screen.press("slow")
    alice.send("/browse")
    alice.tap("ProxySeller")
    alice.tap("1 GB")
    alice.tap("Buy")
    expect(screen.page.locator("#orders li").first.locator(".now")).to_have_text("placing")

    screen.press("plug")

    expect(screen.page.locator("#state")).to_contain_text("you pulled the plug")
    demo.pass_the_lease()
    expect(screen.page.locator("#state")).to_contain_text("it is back")
    alice.got("res.proxy-seller.")
    screen.sees_that_all_is_well()
    trail = screen.page.locator("#orders li").first.locator(".trail")
    expect(trail).to_contain_text(re.compile("placing.*in_doubt.*delivered"))
    assert demo.made == made + 1
    assert demo.bot["starts"] == starts + 1


def test_while_an_order_is_being_found_out_the_panel_says_so(visit: Open, demo: Demo) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    made = demo.made
    screen.press("silent")
    alice.send("/browse")
    alice.tap("DataImpulse")
    alice.tap("1 GB")

    alice.tap("Buy")

    expect(screen.verdict).to_have_class("verdict open")
    expect(screen.page.locator("#counts")).to_contain_text("in doubt")
    screen.sees_that_all_is_well()
    assert demo.made == made + 1


def test_what_is_said_while_telegram_is_down_comes_afterwards(visit: Open, demo: Demo) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    alice.send("/start")
    alice.sees("Hello, Alice!")
    screen.press("telegram")
    alice.send("/help")
    until(lambda: any(call["answer"]["status"] == 502 for call in demo.calls()))
    alice.sees("/help")

    screen.page.locator("#controls [name=calm]").click()

    expect(alice.last).not_to_have_class(re.compile("own"))


def test_hostile_words_are_only_words(visit: Open) -> None:
    screen = visit()
    alice = screen.phone(ALICE)
    hostile = "<img src=x onerror=\"document.title='broken'\"><script>document.title=1</script>"

    alice.send(hostile)

    expect(alice.bubbles.filter(has_text=hostile)).not_to_have_count(0)
    assert screen.page.title() == "DEMO – proxy shop"
    assert alice.node.locator("img, script").count() == 0

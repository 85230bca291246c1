"""The page can be used without a mouse and without seeing it."""

from __future__ import annotations

import re
from typing import Final, Literal

import pytest

from tests.browser.conftest import Open
from tests.browser.person import Screen, expect
from tests.demo.running import ALICE

Colours = Literal["light", "dark"]
COLOURS: Final[tuple[Colours, ...]] = ("light", "dark")


@pytest.mark.parametrize(
    "size", [(1600, 950), (1280, 800), (390, 844)], ids=["wide", "laptop", "phone"]
)
def test_axe_finds_nothing_to_complain_about(visit: Open, size: tuple[int, int]) -> None:
    screen = visit(size=size, reduced_motion="reduce")
    alice = screen.phone(ALICE)
    alice.send("/browse")
    alice.sees("NodeMaven")
    screen.press("twice")
    alice.act(alice.last, "Reply")
    alice.node.get_by_role("button", name="Menu").click()
    alice.last.locator(".opener").press("Enter")
    expect(alice.last.get_by_role("button", name="Reply")).to_be_visible()
    screen.sees_that_all_is_well()

    for colours in COLOURS:
        assert complaints(screen, colours) == []
    if size[0] < 860:
        screen.page.get_by_role("tab", name="Inside").click()
        for colours in COLOURS:
            assert complaints(screen, colours) == []


def complaints(screen: Screen, colours: Colours) -> list[str]:
    """What axe says of the page as it is, for somebody who prefers these colours."""
    from axe_playwright_python.sync_playwright import Axe

    screen.page.emulate_media(color_scheme=colours)
    found = Axe().run(screen.page)
    return [f"{colours}: {found.generate_report()}"] if found.violations_count else []


def test_a_plan_is_found_with_the_keyboard_alone(visit: Open) -> None:
    screen = visit(size=(1280, 800))
    keyboard = screen.page.keyboard
    alice = screen.phone(ALICE)
    alice.send("/start")
    alice.sees("Hello, Alice!")
    alice.node.get_by_role("textbox").focus()
    keyboard.type("/browse")
    keyboard.press("Enter")
    alice.sees("Providers")

    alice.last.get_by_role("button", name="NodeMaven").focus()
    keyboard.press("Enter")
    alice.sees("1 GB")
    # The focus stays in the message that changed under it.
    expect(alice.last).to_be_focused()
    keyboard.press("Tab")
    expect(alice.last.get_by_role("button").first).to_be_focused()

    screen.page.get_by_role("tab", name="Alice").focus()
    keyboard.press("ArrowRight")
    expect(screen.page.get_by_role("tab", name="Борис")).to_be_focused()
    expect(alice.node).to_be_hidden()


def test_the_page_speaks_the_chosen_language_and_remembers_it(visit: Open) -> None:
    screen = visit(locale="en-GB")
    page = screen.page
    expect(page.get_by_role("heading", name="What happens inside")).to_be_visible()

    page.get_by_role("button", name="Русский").click()

    expect(page.get_by_role("heading", name="Что происходит внутри")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Что происходит внутри")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "ru"


def test_light_and_dark_are_one_press_apart(visit: Open) -> None:
    screen = visit(color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = screen.page.evaluate(colour)

    screen.page.get_by_role("button", name="Light or dark").click()

    assert screen.page.evaluate(colour) != light


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["laptop", "phone"])
def test_a_link_leads_to_the_strip_and_another_one_back_to_where_one_was(
    visit: Open, size: tuple[int, int]
) -> None:
    screen = visit(size=size)
    page = screen.page
    alice = screen.phone(ALICE)
    there = page.get_by_role("link", name="Go to what can go wrong")
    back = page.get_by_role("link", name="Back to the chat")
    box = alice.node.get_by_role("textbox")
    unseen = re.compile(r"inset\(50%\)")
    expect(there).to_have_css("clip-path", unseen)
    box.focus()

    there.focus()
    expect(there).not_to_have_css("clip-path", unseen)
    expect(there).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#controls button").first).to_be_focused()

    page.locator("#controls button").last.focus()
    page.keyboard.press("Tab")
    expect(back).to_be_focused()
    expect(back).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(box).to_be_focused()


def test_the_link_to_the_strip_comes_first_and_the_one_back_leads_to_the_chats(
    visit: Open,
) -> None:
    screen = visit(size=(1280, 800))
    keyboard = screen.page.keyboard
    expect(screen.phone(ALICE).bubbles).not_to_have_count(0)

    keyboard.press("Tab")
    expect(screen.page.get_by_role("link", name="Go to what can go wrong")).to_be_focused()
    screen.page.get_by_role("link", name="Back to the chat").focus()
    keyboard.press("Enter")
    keyboard.press("Tab")

    language = screen.phone(ALICE).node.get_by_role("button", name="Language of the bot")
    expect(language).to_be_focused()

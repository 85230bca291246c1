"""Somebody in front of the page, who sees what is on the screen and taps what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import IS_CI

if not IS_CI:
    pytest.importorskip("playwright.sync_api", reason="needs requirements-browser.txt")

from playwright.sync_api import Locator, Page, expect

__all__ = ["Locator", "Page", "Phone", "Screen", "expect"]

expect.set_options(timeout=60_000)


class Screen:
    """The whole page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def phone(self, person: int) -> Phone:
        return Phone(self.page.locator(f"#phone-{person}"))

    def press(self, control: str) -> None:
        """Press a button of the strip, and see that it is on if it is one that stays on."""
        button = self.page.locator(f"#controls [name={control}]")
        button.click()
        if button.get_attribute("aria-pressed") is not None:
            expect(button).to_have_attribute("aria-pressed", "true")

    @property
    def verdict(self) -> Locator:
        return self.page.locator("#verdict")

    def sees_that_all_is_well(self) -> None:
        """The books balance, and every upstream order is one of ours."""
        expect(self.verdict).to_have_class("verdict equal")


class Phone:
    """One chat on the page."""

    def __init__(self, node: Locator) -> None:
        self.node = node
        self.bubbles = node.locator("article")
        self.last = self.bubbles.last

    def start(self) -> None:
        """Press START, or write /start where that was done before."""
        begin, box = self.node.locator(".start"), self.node.get_by_role("textbox")
        expect(begin.or_(box).locator("visible=true")).to_have_count(1)
        if begin.is_visible():
            begin.click()
        else:
            self.send("/start")
        expect(self.last).not_to_have_class(re.compile("own"))

    def send(self, text: str) -> None:
        """Type and press Enter."""
        box = self.node.get_by_role("textbox")
        box.fill(text)
        box.press("Enter")

    def tap(self, label: str | re.Pattern[str]) -> None:
        """Tap the button on the newest message."""
        self.last.get_by_role("button", name=label).first.click()

    def act(self, message: Locator, label: str) -> None:
        """Open what can be done with a message, and choose from it."""
        message.hover()
        message.locator(".opener").click()
        message.get_by_role("button", name=label, exact=True).click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Wait until the newest message says so."""
        expect(self.last).to_contain_text(text)

    def finds(self, text: str | re.Pattern[str]) -> Locator:
        """The one message that says so, once it is there; others may have come after it."""
        found = self.bubbles.filter(has_text=text)
        expect(found).to_have_count(1)
        return found

    def got(self, text: str | re.Pattern[str], times: int = 1) -> None:
        """Wait until so many messages say so."""
        expect(self.bubbles.filter(has_text=text)).to_have_count(times)

    @contextmanager
    def in_one_message(self) -> Iterator[None]:
        """Whatever happens meanwhile changes messages that are there, and adds none."""
        before = self.bubbles.count()
        yield
        expect(self.bubbles).to_have_count(before)

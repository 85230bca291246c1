"""A browser with the demo in it; without Chromium the tests are skipped, but never in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import IS_CI
from tests.demo.running import ALICE, Demo, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

    from tests.browser.person import Screen

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
# Without these it reaches for its maker's machines at every start.
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

Open = Callable[..., "Screen"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)


SHOWN: pytest.StashKey[list[Page]] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells what was on every page."""
    report = yield
    if report.failed:
        for page in item.stash.get(SHOWN, []):
            report.sections.append((page.url, page.locator("body").inner_text()))
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        reason = "needs Chromium: apt-get install chromium"
        if IS_CI:
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all browser tests, with Alice's balance there."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        until(lambda: demo.texts("25.00 USD", ALICE), 120)
        yield demo
    finally:
        demo.end()


@pytest.fixture
def demo(running: Demo) -> Demo:
    """The demo with nothing going wrong any more, and nothing on its way into a chat."""
    running.control("calm")
    until(lambda: running.bot["state"] == "open", 120)
    until(lambda: running.has_told_all, 120)
    return running


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Open]:
    """Open the page in a browser of its own; it may ask nobody but its server for anything."""
    from tests.browser.person import Screen

    served: list[str] = []
    asked: list[str] = []
    problems: list[str] = []
    shown = request.node.stash.setdefault(SHOWN, [])

    def heard(said: ConsoleMessage) -> None:
        if said.type == "error":
            problems.append(said.text)

    with ExitStack() as closing:

        def open_page(
            at: str | None = None,
            *,
            size: tuple[int, int] = (1600, 950),
            locale: str = "en-GB",
            **more: Any,
        ) -> Screen:
            url = at or request.getfixturevalue("demo").url
            served.append(url)
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                locale=locale,
                permissions=["clipboard-read", "clipboard-write"],
                **more,
            )
            closing.callback(context.close)
            page = context.new_page()
            shown.append(page)
            page.set_default_timeout(60_000)
            page.on("request", lambda made: asked.append(made.url))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", heard)
            page.goto(url)
            return Screen(page)

        yield open_page

    assert [url for url in asked if not url.startswith((*served, "data:"))] == []
    assert problems == []

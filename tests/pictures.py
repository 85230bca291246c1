"""The pictures of the README, taken anew from the demo itself: `python -m tests.pictures`.

It needs what `requirements-browser.txt` and Debian's Chromium bring, and takes about a minute.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.person import Phone, Screen
from tests.demo.running import ALICE, OLGA, ROOT, Demo, until

DOCS = ROOT / "docs"
COLOURS = 255
"""As many as an animated picture may have."""
CALM = 900
"""Milliseconds until nothing on the page moves any more."""
STILL, LAST = 1400, 4000
"""Milliseconds that a step of the purchase stays, and its end."""


class Film:
    """Steps of something in one chat, one picture each."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._frames: list[Image.Image] = []

    def take(self) -> None:
        """Keep what the chat shows now, once nothing moves in it any more."""
        self._frames.append(_chat(self._phone))

    def save(self, path: Path) -> None:
        """Write the steps as an animated picture that begins again at its end."""
        first, *others = self._frames
        first.save(
            path, save_all=True, append_images=others, loop=0, optimize=True,
            duration=[STILL] * len(others) + [LAST],
        )  # fmt: skip


def main() -> int:
    """Write `docs/*.png` and `docs/purchase.gif`; 1 where no browser is."""
    if CHROMIUM is None:
        sys.stderr.write("needs Chromium: apt-get install chromium\n")
        return 1
    DOCS.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder))
        try:
            until(lambda: demo.texts("25.00 USD", ALICE), 120)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            page = browser.new_page(viewport={"width": 1600, "height": 950}, locale="en-GB")
            page.goto(demo.url)
            screen = Screen(page)
            alice, olga = screen.phone(ALICE), screen.phone(OLGA)
            _purchase(alice).save(DOCS / "purchase.gif")
            _chat(alice).save(DOCS / "delivery.png", optimize=True)
            olga.send("/shop")
            olga.sees("The shop")
            _chat(olga).save(DOCS / "shop.png", optimize=True)
            _pull_the_plug(demo, screen, alice)
            page.wait_for_timeout(CALM)
            _picture(page.screenshot()).save(DOCS / "demo.png", optimize=True)
            browser.close()
        finally:
            demo.end()
    return 0


def _purchase(alice: Phone) -> Film:
    film = Film(alice)
    alice.send("/start")
    alice.sees("Hello, Alice!")
    film.take()
    for label, then in (("Browse", "NodeMaven"), ("NodeMaven", "1 GB"), ("1 GB", "4.20 USD")):
        alice.tap(label)
        alice.sees(then)
        film.take()
    alice.tap("Buy")
    alice.got("Username:")
    film.take()
    alice.got("The proxy of order #1 works.")
    # What was bought is what the last picture is about.
    bought = alice.bubbles.filter(has_text="Username:").last
    bought.evaluate("bubble => bubble.scrollIntoView({block: 'start'})")
    film.take()
    return film


def _pull_the_plug(demo: Demo, screen: Screen, alice: Phone) -> None:
    screen.press("slow")
    alice.send("/browse")
    alice.sees("DataImpulse")
    alice.tap("DataImpulse")
    alice.sees("1 GB")
    alice.tap("1 GB")
    alice.sees("Buy")
    alice.tap("Buy")
    until(lambda: demo.made == 2)
    screen.press("plug")
    until(lambda: demo.bot["starts"] == 2 and demo.bot["state"] == "open", 120)
    alice.got("gw.dataimpulse.")
    screen.sees_that_all_is_well()


def _chat(phone: Phone) -> Image.Image:
    phone.node.page.wait_for_timeout(CALM)
    return _picture(phone.node.screenshot())


def _picture(taken: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(taken)).convert("RGB")
    return image.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    sys.exit(main())

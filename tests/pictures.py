"""The pictures of the README, taken anew from the demo itself: `python -m tests.pictures`.

It needs what `requirements-browser.txt` and Debian's Chromium bring, and takes a minute or two.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.person import Phone, Screen, expect
from tests.demo.running import ALICE, OLGA, ROOT, Demo, until

DOCS = ROOT / "docs"
SHARP = 2
"""Pixels of a phone's picture for each one of the page: it is looked at on phones as well."""
COLOURS = 255
"""Enough for a chat, and a quarter of the size."""
CALM = 900
"""Milliseconds until nothing on the page moves any more."""
STILL, AIM, LAST = 1600, 600, 4000
"""Milliseconds that a step of the purchase stays, a finger over its button, and the end."""
FINGER = 17


class Film:
    """Steps of something in one chat, one picture each; a dot stands where the finger taps."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def take(self, milliseconds: int = STILL) -> None:
        """Keep what the chat shows now, once nothing moves in it any more."""
        self._keep(_chat(self._phone), milliseconds)

    def tap(self, label: str | re.Pattern[str]) -> None:
        """Keep the chat, then the finger over the button of the newest message, and tap it."""
        self.take()
        phone = self._phone.node.bounding_box()
        button = self._phone.last.get_by_role("button", name=label).first.bounding_box()
        assert phone is not None
        assert button is not None
        x = SHARP * (button["x"] - phone["x"] + button["width"] / 2)
        y = SHARP * (button["y"] - phone["y"] + button["height"] / 2)
        frame = self._frames[-1].convert("RGBA")
        finger = Image.new("RGBA", frame.size)
        ImageDraw.Draw(finger).circle(
            (x, y), SHARP * FINGER,
            fill=(30, 40, 50, 110), outline=(255, 255, 255, 230), width=2 * SHARP,
        )  # fmt: skip
        self._keep(Image.alpha_composite(frame, finger).convert("RGB"), AIM)
        self._phone.tap(label)

    def save(self, path: Path) -> None:
        """Write the steps as an animated picture that begins again at its end."""
        first, *others = self._frames
        first.save(
            path, save_all=True, append_images=others, loop=0, duration=self._times,
            quality=80, method=6,
        )  # fmt: skip

    def _keep(self, frame: Image.Image, milliseconds: int) -> None:
        self._frames.append(frame)
        self._times.append(milliseconds)


def main() -> int:
    """Write `docs/*.png` and `docs/purchase.webp`; 1 where no browser is."""
    if CHROMIUM is None:
        sys.stderr.write("needs Chromium: apt-get install chromium\n")
        return 1
    DOCS.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder))
        try:
            until(lambda: demo.texts("25.00 USD", ALICE), 120)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            screen = _open(browser, demo, SHARP)
            _purchase(screen).save(DOCS / "purchase.webp")
            _still(_chat(screen.phone(ALICE)), "delivery.png")
            olga = screen.phone(OLGA)
            olga.send("/shop")
            olga.sees("The shop")
            _still(_chat(olga), "shop.png")
            demo.control("calm")
            screen = _open(browser, demo, 1)
            _pull_the_plug(demo, screen)
            screen.page.wait_for_timeout(CALM)
            _still(_picture(screen.page.screenshot()), "demo.png")
            browser.close()
        finally:
            demo.end()
    return 0


def _open(browser: Browser, demo: Demo, sharp: int) -> Screen:
    page = browser.new_page(
        viewport={"width": 1600, "height": 950}, device_scale_factor=sharp, locale="en-GB"
    )
    page.goto(demo.url)
    return Screen(page)


def _purchase(screen: Screen) -> Film:
    alice = screen.phone(ALICE)
    film = Film(alice)
    alice.send("/start")
    alice.sees("Hello, Alice!")
    for label, then in (("Browse", "Providers"), ("NodeMaven", "Usage: can"), ("1 GB", "Price:")):
        film.tap(re.compile(rf"\b{label}"))
        alice.sees(then)
    _still(_chat(alice), "purchase.png")
    screen.press("slow")  # else the order is delivered before anybody could read that it waits
    film.tap("Buy")
    alice.sees("4.20 USD is held")
    film.take()
    alice.got("Username:")
    alice.got("The proxy of order #1 works.")
    # What was bought is what the last picture is about.
    bought = alice.bubbles.filter(has_text="Username:").last
    bought.evaluate("bubble => bubble.scrollIntoView({block: 'start'})")
    film.take(LAST)
    return film


def _pull_the_plug(demo: Demo, screen: Screen) -> None:
    alice = screen.phone(ALICE)
    screen.press("slow")
    alice.send("/browse")
    alice.sees("DataImpulse")
    alice.tap("DataImpulse")
    alice.sees("1 GB")
    alice.tap("1 GB")
    alice.sees("Buy")
    alice.tap("Buy")
    # Asked for and not answered yet: what the restarted bot has to find out.
    expect(screen.page.locator("#orders li").first.locator(".now")).to_have_text("placing")
    screen.press("plug")
    until(lambda: demo.bot["starts"] == 2 and demo.bot["state"] == "open", 120)
    alice.got("gw.dataimpulse.")
    expect(screen.page.locator("#orders li").first.locator(".trail")).to_contain_text("in_doubt")
    alice.got("The proxy of order #2 works.")
    screen.sees_that_all_is_well()


def _chat(phone: Phone) -> Image.Image:
    phone.node.page.evaluate("document.activeElement.blur()")
    phone.node.page.wait_for_timeout(CALM)
    return _picture(phone.node.screenshot())


def _picture(taken: bytes) -> Image.Image:
    return Image.open(io.BytesIO(taken)).convert("RGB")


def _still(picture: Image.Image, name: str) -> None:
    few = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(DOCS / name, optimize=True)


if __name__ == "__main__":
    sys.exit(main())

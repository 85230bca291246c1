"""The demo as a person starts it: one process, a page, and a purchase by taps over real HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.demo.running import ABC, ALICE, DATAIMPULSE, NODEMAVEN, OLGA, Demo, until


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Demo]]:
    running = [Demo(tmp_path_factory.mktemp("demo"))]
    yield running
    for demo in running:
        if demo.process.poll() is None:
            demo.end()


@pytest.fixture
def demo(demos: list[Demo], tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One demo for all tests of this file; another one only after a test that ended it."""
    if demos[-1].process.poll() is not None:
        demos.append(Demo(tmp_path_factory.mktemp("demo")))
    return demos[-1]


@pytest.fixture
def shop(demo: Demo) -> Demo:
    """The demo with its shop open and Alice's balance there."""
    until(lambda: demo.texts("25.00 USD"))
    until(lambda: demo.bot["state"] == "open")
    return demo


def test_the_page_says_demo_and_asks_nobody_else_for_anything(demo: Demo) -> None:
    page = demo.ask("/")
    files = {name: demo.ask(f"/page/{name}") for name in named(page) | {"phone.js", "bubble.js"}}

    assert "<b>DEMO</b>" in page
    for text in (page, *files.values()):
        assert not re.search(r"""(?:(?:src|href)=|from )["'](?!data:|/page/|#)""", text)
        assert not re.search(r"@import|url\(|//[a-z]+\.", text)


def named(page: str) -> set[str]:
    """The files that the page names."""
    return set(re.findall(r"/page/([\w.]+)", page))


def test_other_hosts_and_other_pages_are_refused(demo: Demo) -> None:
    for path in ("/", "/demo/status", f"/sim/transcript?person={ALICE}", "/gateproxy/health"):
        assert demo.refuses(path, Host="shop.example")
        assert demo.refuses(path, Origin="http://shop.example")
        assert demo.refuses(path, Origin="null")
    assert demo.refuses("/demo/control/plug", {}, Origin="http://127.0.0.1:1")
    assert not demo.refuses("/demo/status", Origin=demo.url)


def test_alice_gets_her_balance_from_olga_and_buys_a_gigabyte(shop: Demo) -> None:
    assert shop.texts("got 25.00 USD", OLGA)

    shop.open("NodeMaven", "1 GB")
    shop.tap("Buy")

    (credentials,) = until(lambda: shop.texts(NODEMAVEN))
    assert "nodemaven_" in credentials
    shop.send("/balance")
    assert shop.texts("20.80 USD")


def test_tapping_buy_twice_buys_once(shop: Demo) -> None:
    bought = shop.made

    shop.open("ABC Proxy", "1 GB")
    shop.tap("Buy", times=2)

    until(lambda: shop.texts(ABC))
    # Whatever the second tap started would be answered before this.
    shop.send("/balance")
    assert len(shop.texts(ABC)) == 1
    assert shop.made == bought + 1


def test_stat_proxies_are_counted_beside_gateproxy_and_paid_for_once(shop: Demo) -> None:
    bought = shop.made
    shop.control("silent")

    shop.open("Stat Proxies", "ISP for captchas")
    shop.tap("Buy")

    until(lambda: shop.texts("198-51-100-10.localhost"))
    until(lambda: shop.upstream["renewing"] == 0 and shop.inside["counts"]["verdict"] == "equal")
    newest = shop.upstream["orders"][0]
    assert (newest["provider"], newest["cost"]) == ("Stat Proxies", "2.00")
    assert shop.inside["counts"]["bound"] == shop.made == bought + 1
    assert not shop.is_on("silent")
    number = shop.inside["orders"][0]["id"]
    until(lambda: shop.texts(f"The proxy of order #{number} works."))


def test_an_order_survives_the_plug_and_is_delivered_once(shop: Demo) -> None:
    before = shop.made
    shop.control("slow")
    shop.open("DataImpulse", "1 GB")
    shop.tap("Buy")
    until(lambda: not shop.is_on("slow"))

    shop.control("plug")

    until(lambda: shop.texts(DATAIMPULSE), seconds=90)
    shop.send("/balance")
    assert len(shop.texts(DATAIMPULSE)) == 1
    assert shop.made == before + 1
    assert shop.bot["starts"] >= 2


def test_what_is_written_while_telegram_is_down_is_answered_afterwards(shop: Demo) -> None:
    shop.control("telegram")
    known = len(shop.chat())
    shop.ask("/sim/message", {"person": ALICE, "text": "/help"})
    until(lambda: any(call["answer"]["status"] == 502 for call in shop.calls()))
    assert len(shop.chat()) == known

    shop.control("telegram")

    until(lambda: len(shop.chat()) > known)


@pytest.mark.parametrize("control", ["sold_out", "busy", "dearer", "empty", "telegram", "twice"])
def test_a_control_stays_on_until_it_is_pressed_again(shop: Demo, control: str) -> None:
    shop.control(control)
    assert shop.is_on(control)

    shop.control(control)

    assert not shop.is_on(control)


def test_all_is_well_takes_everything_back(shop: Demo) -> None:
    for control in ("silent", "slow", "sold_out", "busy", "dearer", "empty", "telegram", "twice"):
        shop.control(control)

    shop.control("calm")

    assert shop.ask("/demo/status")["on"] == []
    assert shop.ask("/demo/status")["upstream"]["balance"] != "0.00"


def test_every_control_and_every_note_has_words_in_both_languages(demo: Demo) -> None:
    words = demo.ask("/page/words.js")

    for control in demo.ask("/demo/cast")["controls"]:
        assert len(re.findall(rf"^    {control}: \[", words, re.MULTILINE)) == 2, control
    for note in ('""', "pulled", "back", "ended", "no_welcome"):
        assert len(re.findall(rf"^    {note}: \(", words, re.MULTILINE)) == 2, note


def test_after_all_abuse_the_books_balance_and_every_upstream_order_is_one_of_ours(
    shop: Demo,
) -> None:
    made = shop.made
    for control in ("silent", "twice", "telegram"):
        shop.control(control)
    shop.control("telegram")
    shop.open("9Proxy", "1 GB")
    shop.tap("Buy", times=2)
    until(lambda: shop.made == made + 1)
    shop.control("plug")
    until(lambda: shop.bot["note"] == "pulled")
    shop.pass_the_lease()
    shop.control("calm")

    def is_settled() -> bool:
        inside, told = shop.inside, shop.texts("9proxy")
        is_equal = inside["counts"]["verdict"] == "equal"
        return is_equal and inside["sums"]["held"] == "0.00" and bool(told)

    until(is_settled, 120)

    counts, sums = shop.inside["counts"], shop.inside["sums"]
    assert counts["bound"] == counts["made"] == made + 1
    assert sums["are_whole"]
    parts = ("customers", "held", "sales", "adjustments")
    assert sum(Decimal(sums[part]) for part in parts) == Decimal(sums["paid_in"])


def test_a_bot_that_ends_by_itself_is_reported_and_started_again(shop: Demo) -> None:
    starts, pid = shop.bot["starts"], shop.bot["pid"]

    os.kill(pid, signal.SIGTERM)

    until(lambda: shop.bot["note"] == "ended")
    until(lambda: shop.bot["starts"] > starts and shop.bot["state"] == "open")
    assert shop.bot["pid"] != pid


def test_a_taken_port_is_said_and_another_one_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, port)
        try:
            assert f"port {port} is taken" in "".join(demo.lines)
            assert str(port) not in demo.url
        finally:
            assert demo.end() == 0


def test_sigterm_leaves_neither_a_bot_nor_a_folder(shop: Demo) -> None:
    pid = shop.bot["pid"]
    assert list(shop.folder.iterdir())

    assert shop.end() == 0

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(shop.folder.iterdir())

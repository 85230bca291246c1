"""What is delivered: credentials, codes, formats, files and pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.callbacks import SetFormat, ShowCode, ShowFormats, TypeTemplate
from bot.domain.formats import FileKind, Format, Formatting
from bot.domain.orders import Credentials, RedeemCode
from bot.domain.usage import AskBot, Unknowable
from bot.screens import delivery
from bot.screens.base import Button, Copy, File, Link, Screen
from tests.screens import (
    CHECKER,
    CODE_ORDER,
    CREDENTIALS,
    EN,
    KEY,
    NOON_HTML,
    ORDER,
    PROXY,
    labels,
)

LINE = Formatting()


def many(count: int) -> Credentials:
    return Credentials(tuple(replace(PROXY, port=n + 1) for n in range(count)))


def copies(screen: Screen) -> list[Copy]:
    return [button for row in screen.rows for button in row if isinstance(button, Copy)]


def attached(screen: Screen) -> File:
    assert isinstance(screen.attached, File)
    return screen.attached


def test_a_delivered_proxy_comes_with_everything_to_use_it() -> None:
    screen = delivery.delivered(EN, ORDER, CREDENTIALS, None, LINE)

    assert screen.kept
    assert screen.text == (
        f"<b>Order #42 is delivered.</b>\nNodeMaven · 1 GB, {NOON_HTML}\n\n"
        "Host: <code>gate.nodemaven.com</code>\n"
        "Port: <code>8080</code>\n"
        "Username: <code>anna__cr.us;sid.1</code>\n"
        "Password: <tg-spoiler>p&lt;&amp;&gt;w</tg-spoiler>\n\n"
        "Line:\n"
        "<tg-spoiler>gate.nodemaven.com:8080:anna__cr.us;sid.1:p&lt;&amp;&gt;w"
        "</tg-spoiler>"
    )
    assert labels(screen) == [
        ["📋 Copy line", "📋 Copy URL"],
        ["📋 Copy curl", "📋 Copy Python"],
        ["🧩 Formats and files"],
        ["📊 Check usage"],
        ["🔁 Same again"],
        ["🧾 My orders", "🏠 Home"],
    ]
    assert screen.rows[0][0] == Copy(EN("📋 Copy line"), PROXY.line)


@pytest.mark.parametrize(
    ("formatting", "written"),
    [
        (Formatting(Format.URL), "URL:\n<tg-spoiler>http://anna__cr.us%3Bsid.1:p%3C%26%3Ew@"),
        (Formatting(Format.CURL), "curl:\n<tg-spoiler>curl -x http://anna__cr.us%3Bsid.1:"),
        (
            Formatting(Format.PYTHON),
            "Python:\n<tg-spoiler>import requests\n\nproxy = 'http://anna",
        ),
        (Formatting(Format.OWN, "<{password}>"), "My own:\n<tg-spoiler>&lt;p&lt;&amp;&gt;w&gt;<"),
    ],
)
def test_a_delivery_is_written_in_the_format_of_its_customer(
    formatting: Formatting, written: str
) -> None:
    screen = delivery.delivered(EN, ORDER, CREDENTIALS, None, formatting)

    assert written in screen.text
    assert "Password: <tg-spoiler>p&lt;&amp;&gt;w</tg-spoiler>" in screen.text


def test_ones_own_format_can_be_copied_too() -> None:
    own = Formatting(Format.LINE, "{user}@{host}")
    screen = delivery.delivered(EN, ORDER, CREDENTIALS, None, own)

    assert Copy(EN("📋 Copy my own"), f"{PROXY.username}@{PROXY.host}") in copies(screen)


def test_what_is_too_long_for_a_copy_button_has_none() -> None:
    wide = Credentials((replace(PROXY, username="u" * 250),))

    screen = delivery.delivered(EN, ORDER, wide, None, LINE)

    assert copies(screen) == []
    # A spoiler is not copied by tapping it, so what has no button is no spoiler.
    assert f"Line:\n<pre>gate.nodemaven.com:8080:{'u' * 250}" in screen.text


def test_a_proxyseller_delivery_links_to_the_bot_that_knows_its_usage() -> None:
    bought = replace(ORDER, provider_name="ProxySeller")
    screen = delivery.delivered(EN, bought, CREDENTIALS, AskBot(CHECKER), LINE)

    assert screen.text.endswith("ProxySeller shows usage in its own bot.")
    assert (Link(EN("📊 Check usage"), CHECKER),) in screen.rows


def test_a_few_proxies_stand_in_the_message() -> None:
    screen = delivery.delivered(EN, ORDER, many(10), None, LINE)

    assert screen.attached is None
    block = screen.text.split("<pre>")[1].split("</pre>")[0]
    assert len(block.splitlines()) == 10
    assert "10 proxies\n\nLine:\n" in screen.text


@pytest.mark.parametrize("count", [1, 3, 11])
def test_a_list_says_that_its_proxies_speak_socks(count: int) -> None:
    socks = Credentials(tuple(replace(one, protocol="socks5") for one in many(count).proxies))
    mixed = Credentials((*socks.proxies, PROXY))

    assert "Protocol: SOCKS5" in delivery.delivered(EN, ORDER, socks, None, LINE).text
    assert "Some are SOCKS5" in delivery.delivered(EN, ORDER, mixed, None, LINE).text
    assert "SOCKS5" not in delivery.delivered(EN, ORDER, many(count), None, LINE).text


@pytest.mark.parametrize("count", [11, 100, 1000])
def test_more_than_ten_proxies_are_a_file_and_none_is_lost(count: int) -> None:
    bought = many(count)
    screen = delivery.delivered(EN, ORDER, bought, None, Formatting(Format.URL))

    assert f"{count} proxies\nThe file holds all of them. Format: URL" in screen.text
    assert PROXY.username not in screen.text
    made = attached(screen)
    assert made.name == "order-42.txt"
    assert made.data.decode().splitlines() == [one.url for one in bought.proxies]


def test_what_does_not_fit_a_message_is_a_file() -> None:
    wide = Credentials((replace(PROXY, username="u" * 1000),) * 4)

    assert attached(delivery.delivered(EN, ORDER, wide, None, LINE)).data.count(b"\n") == 4


def test_a_file_shows_nothing_in_a_repr() -> None:
    assert PROXY.username not in repr(delivery.delivered(EN, ORDER, many(11), None, LINE).attached)


def test_a_code_waits_behind_a_tap() -> None:
    screen = delivery.delivered(EN, CODE_ORDER, KEY, Unknowable(), LINE)

    assert "9P-AAAA-BBBB" not in screen.text
    assert "Once shown, it cannot be taken back" in screen.text
    assert labels(screen)[0] == ["🔑 Show the code"]
    assert isinstance(screen.rows[0][0], Button)
    assert screen.rows[0][0].does == ShowCode(order=42)


def test_many_codes_wait_behind_a_tap_too() -> None:
    codes = RedeemCode(tuple(f"code-{n}" for n in range(11)))

    assert delivery.delivered(EN, CODE_ORDER, codes, Unknowable(), LINE).attached is None


def test_a_shown_code_comes_with_the_steps_to_redeem_it() -> None:
    screen = delivery.code(EN, CODE_ORDER, KEY)

    assert screen.kept
    assert screen.text == (
        f"<b>Order #42 is delivered.</b>\n9Proxy CD Key · 100 IPs, {NOON_HTML}\n\n"
        "Your code:\n<tg-spoiler>9P-AAAA-BBBB</tg-spoiler>\n\n"
        "To redeem a code:\n"
        "1. Sign in at 9proxy.com.\n"
        "2. Open Dashboard, then Share Code.\n"
        "3. Enter the code. What it holds is then in your own account there."
    )
    assert screen.rows[0] == (Copy(EN("📋 Copy the code"), "9P-AAAA-BBBB"),)


def test_many_codes_are_a_file() -> None:
    codes = tuple(f"code-{n}" for n in range(11))
    screen = delivery.code(EN, CODE_ORDER, RedeemCode(codes))

    assert "11 codes, in the file." in screen.text
    assert "code-" not in screen.text
    assert attached(screen).data.decode().splitlines() == list(codes)


def test_the_formats_of_an_order_mark_the_one_in_use() -> None:
    screen = delivery.formats(EN, ORDER, CREDENTIALS, Formatting(Format.URL))

    assert screen.text == (
        "<b>Order #42</b>, format: URL\n\n"
        "<tg-spoiler>http://anna__cr.us%3Bsid.1:p%3C%26%3Ew@gate.nodemaven.com:8080</tg-spoiler>"
        "\n\nThe format is remembered for everything you buy."
    )
    assert labels(screen) == [
        ["Line", "✅ URL"],
        ["curl", "Python"],
        ["✏️ My own"],
        ["📋 Copy"],
        ["📄 .txt", "📄 .csv", "📄 .json"],
        ["🔳 QR picture"],
        ["⬅️ Back", "🏠 Home"],
    ]


def test_a_template_is_one_more_format() -> None:
    screen = delivery.formats(EN, ORDER, CREDENTIALS, Formatting(Format.LINE, "{host}"))

    buttons = [one for row in screen.rows for one in row if isinstance(one, Button)]
    assert Button(EN("{format}", format=EN("My own")), SetFormat(order=42, format=Format.OWN)) in (
        buttons
    )
    assert Button(EN("✏️ Change my own"), TypeTemplate(order=42)) in buttons


def test_many_proxies_show_the_first_one() -> None:
    screen = delivery.formats(EN, ORDER, many(11), LINE)

    assert "11 proxies; a file holds all.\n\nThe first one:\n<pre>gate.nodemaven.com:1:" in (
        screen.text
    )
    assert copies(screen) == []


def test_no_picture_is_offered_that_a_phone_could_not_read() -> None:
    wide = Credentials((replace(PROXY, username="u" * 800),))

    assert ["🔳 QR picture"] not in labels(delivery.formats(EN, ORDER, wide, LINE))


def test_a_template_is_asked_for_and_asked_again() -> None:
    first = delivery.type_template(EN, ORDER)
    second = delivery.type_template(EN, ORDER, is_refused=True)

    assert first.asks == second.asks == TypeTemplate(order=42)
    assert "<code>{host} {port} {user} {password} {protocol}</code>" in first.text
    assert second.text.startswith("<b>This cannot be a format.</b>")


def test_a_new_template_is_tried_on_a_made_up_proxy() -> None:
    screen = delivery.template_kept(EN, ORDER, "<b>{user}</b> {pass}")

    assert screen.text == (
        "<b>This is your format now.</b> A made-up proxy reads:\n\n"
        "<pre>&lt;b&gt;anna&lt;/b&gt; {pass}</pre>\n\n"
        "Not replaced: <code>{pass}</code>"
    )
    assert isinstance(screen.rows[0][0], Button)
    assert screen.rows[0][0].does == ShowFormats(order=42)


def test_a_table_says_where_it_differs() -> None:
    odd = Credentials((replace(PROXY, password="=1+1"),))

    table = delivery.file(EN, ORDER, odd, LINE, FileKind.CSV)

    assert "an apostrophe stands before it" in table.text
    assert attached(table).name == "order-42.csv"
    assert "apostrophe" not in delivery.file(EN, ORDER, CREDENTIALS, LINE, FileKind.CSV).text
    assert "apostrophe" not in delivery.file(EN, ORDER, odd, LINE, FileKind.JSON).text


def test_a_picture_is_a_picture_and_says_what_it_gives_away() -> None:
    screen = delivery.picture(EN, ORDER, CREDENTIALS, LINE)

    assert attached(screen).is_picture
    assert attached(screen).data.startswith(b"\x89PNG")
    assert "Whoever scans this can use it." in screen.text
    assert PROXY.password not in screen.body.plain()

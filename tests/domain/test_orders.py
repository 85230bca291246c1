"""Order states, and proxies as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadCredentials
from bot.domain.orders import (
    MOVES,
    OPEN,
    Credentials,
    OrderState,
    Proxy,
    RedeemCode,
    is_host,
    is_port,
    parse_proxies,
    sources,
)

DESIGN = """
reserved → placing, released
placing → reserved, delivered, preparing, released, in_doubt
preparing → delivered, review
in_doubt → delivered, preparing, released, review
review → delivered, preparing, released, in_doubt
delivered → refunded
released →
refunded →
"""


def test_the_moves_are_those_of_the_design() -> None:
    drawn = {}
    for line in DESIGN.strip().splitlines():
        source, _, targets = line.partition(" →")
        drawn[OrderState(source)] = {OrderState(word) for word in re.findall(r"\w+", targets)}

    assert drawn == MOVES


@pytest.mark.parametrize("target", OrderState)
def test_sources_are_the_moves_read_backwards(target: OrderState) -> None:
    assert sources(target) == {source for source in OrderState if target in MOVES[source]}


def test_only_busy_leads_back_to_the_line() -> None:
    assert sources(OrderState.RESERVED) == {OrderState.PLACING}


def test_an_order_in_doubt_is_never_sent_again() -> None:
    assert sources(OrderState.PLACING) == {OrderState.RESERVED}


def test_money_is_held_in_the_five_open_states() -> None:
    assert {"reserved", "placing", "preparing", "in_doubt", "review"} == OPEN
    assert not OPEN & {OrderState.DELIVERED, OrderState.RELEASED, OrderState.REFUNDED}


NODE = Proxy("gate.nodemaven.com", 8080, "nodemaven_x-country-us", "pass123")
IMPULSE = Proxy("gw.dataimpulse.com", 824, "abc__cr.us;sessid.1", "p'w", "SOCKS5")


def test_a_proxy_is_written_as_a_line_and_as_a_url() -> None:
    assert NODE.line == "gate.nodemaven.com:8080:nodemaven_x-country-us:pass123"
    assert NODE.url == "http://nodemaven_x-country-us:pass123@gate.nodemaven.com:8080"


def test_a_socks_proxy_is_written_as_one() -> None:
    assert IMPULSE.url == "socks5://abc__cr.us%3Bsessid.1:p%27w@gw.dataimpulse.com:824"


@pytest.mark.parametrize("value", [NODE, Credentials((NODE,)), RedeemCode(("9P-SECRET",))])
def test_no_secret_is_in_a_repr(value: object) -> None:
    assert not re.search(r"pass123|nodemaven_x|SECRET", repr(value))


@pytest.mark.parametrize(
    ("pasted", "proxy"),
    [
        ("1.2.3.4:8080:user:pass", Proxy("1.2.3.4", 8080, "user", "pass")),
        ("  1.2.3.4:8080:user:pass  ", Proxy("1.2.3.4", 8080, "user", "pass")),
        ("user:pass:h.example:8080", Proxy("h.example", 8080, "user", "pass")),
        ("user:pass@h.example:8080", Proxy("h.example", 8080, "user", "pass")),
        ("http://user:pass@h.example:8080", Proxy("h.example", 8080, "user", "pass")),
        ("HTTPS://user:pass@h.example:8080", Proxy("h.example", 8080, "user", "pass")),
        ("socks5://user:pass@h.example:80", Proxy("h.example", 80, "user", "pass", "SOCKS5")),
        ("socks5h://user:pass@h.example:80", Proxy("h.example", 80, "user", "pass", "SOCKS5")),
        ("http://h.example:80:user:pass", Proxy("h.example", 80, "user", "pass")),
        ("h.example:80:user:p:a:s", Proxy("h.example", 80, "user", "p:a:s")),
        ("h.example:80:user:p@ss", Proxy("h.example", 80, "user", "p@ss")),
        ("user:p@ss@h.example:80", Proxy("h.example", 80, "user", "p@ss")),
        ("user:p:s@h.example:80", Proxy("h.example", 80, "user", "p:s")),
        ("user:p:s:h.example:80", Proxy("h.example", 80, "user", "p:s")),
        ("http://us%3Ber:p%40ss@h.example:80", Proxy("h.example", 80, "us;er", "p@ss")),
        ("h.example:80:us%3Ber:p%40ss", Proxy("h.example", 80, "us%3Ber", "p%40ss")),
        ("h.example:80:user:p://x", Proxy("h.example", 80, "user", "p://x")),
        (
            "gw.dataimpulse.com:823:a__cr.us;x.1:p",
            Proxy("gw.dataimpulse.com", 823, "a__cr.us;x.1", "p"),
        ),
        # Of two readings that with a dot in its host.
        ("alice99:12345:gate.example:8080", Proxy("gate.example", 8080, "alice99", "12345")),
        ("user1:4821:1.2.3.4:8080", Proxy("1.2.3.4", 8080, "user1", "4821")),
        ("gate.example:8080:alice99:12345", Proxy("gate.example", 8080, "alice99", "12345")),
        ("gate.example:8080:alice:p@x:9", Proxy("gate.example", 8080, "alice", "p@x:9")),
        ("alice99:12345:p@gate.example:81", Proxy("gate.example", 81, "alice99", "12345:p")),
        ("localhost:8080:alice:secret", Proxy("localhost", 8080, "alice", "secret")),
        ("http://a.b:8080@gate.example:80", Proxy("gate.example", 80, "a.b", "8080")),
    ],
)
def test_a_pasted_proxy_is_read(pasted: str, proxy: Proxy) -> None:
    assert parse_proxies(pasted, only_clear=True) == Credentials((proxy,))
    assert parse_proxies(pasted) == Credentials((proxy,))


@pytest.mark.parametrize("line", ["1.2.3.4:80:john.doe:8080", "gate:80:alice99:12345"])
def test_of_a_line_with_two_readings_that_are_as_good_only_a_person_is_asked(line: str) -> None:
    with pytest.raises(BadCredentials) as refused:
        parse_proxies(f"{NODE.line}\n{line}", only_clear=True)

    assert refused.value.line == 2
    assert parse_proxies(line).proxies[0].line == line


printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


@given(printable, printable, st.sampled_from(["HTTP", "SOCKS5"]))
def test_a_url_of_ours_is_read_back(username: str, password: str, protocol: str) -> None:
    proxy = Proxy("h.example", 8080, username, password, protocol)

    assert parse_proxies(proxy.url) == Credentials((proxy,))


@given(printable.filter(lambda username: ":" not in username), printable)
def test_a_line_of_ours_is_read_back(username: str, password: str) -> None:
    proxy = Proxy("h.example", 8080, username, password)

    read = parse_proxies(proxy.line).proxies[0]

    # A password may itself look like `@host:port`; only such a line has two readings.
    assert read == proxy or "@" in password


def test_several_lines_are_several_proxies() -> None:
    assert parse_proxies(f"{NODE.line}\n\n{NODE.line}\r\n").proxies == (NODE, NODE)


@pytest.mark.parametrize(
    ("pasted", "line"),
    [
        ("", 1),
        ("\n \n", 1),
        ("hello", 1),
        ("h.example:80", 1),
        ("h.example:80:user", 1),
        ("h.example:80:user:", 1),
        ("h.example:80::pass", 1),
        ("h.example:0:user:pass", 1),
        ("h.example:65536:user:pass", 1),
        ("h.example:eighty:user:pass", 1),
        ("javascript:alert(1)", 1),
        ("ftp://user:pass@h.example:80", 1),
        ("javascript://x:y@h.example:80", 1),
        ("tg://user?id=1", 1),
        ("[::1]:80:user:pass", 1),
        ("ex\u0430mple:80:user:pass", 1),
        ("h.example:\u0661\u0662:user:pass", 1),
        (f"{NODE.line}\nhello", 2),
        (f"{NODE.line}\n\nhello", 3),
    ],
)
def test_the_first_line_that_is_no_proxy_is_named(pasted: str, line: int) -> None:
    with pytest.raises(BadCredentials) as refused:
        parse_proxies(pasted)

    assert refused.value.line == line


@given(st.text())
def test_no_paste_breaks_the_parser(pasted: str) -> None:
    try:
        proxies = parse_proxies(pasted).proxies
    except BadCredentials:
        return
    for proxy in proxies:
        assert is_host(proxy.host)
        assert 0 < proxy.port < 65536


@pytest.mark.parametrize("text", ["a", "1.2.3.4", "gate.node-maven.com", "A" * 253])
def test_a_host_is_a_name_or_an_ipv4_address(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "-", "a b", "a\n", "a/b", "a:b", "a@b", "a_b", "<b>", "é.com", "\u0661", "A" * 254],
    ids=ascii,
)
def test_nothing_else_is_a_host(text: str) -> None:
    assert not is_host(text)


@pytest.mark.parametrize("text", ["1", "80", "65535"])
def test_a_port_is_a_small_number(text: str) -> None:
    assert is_port(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "65536", "-1", "+1", "8_0", " 80", "80\n", "8.0", "\u0661", "\u00b2", "9" * 5000],
)
def test_nothing_else_is_a_port(text: str) -> None:
    assert not is_port(text)

"""How a proxy is written: whoever reads it, a shell, a browser, Python, gets the same values."""

from __future__ import annotations

import ast
import csv
import io
import json
import shlex
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.formats import (
    MOST_TEMPLATE,
    FileKind,
    Format,
    Formatting,
    filled,
    is_marked,
    is_template,
    left_alone,
)
from bot.domain.orders import Proxy

IMPULSE = Proxy("gw.dataimpulse.com", 823, "abc__cr.us;sid.1", "p'w")
SOCKS = replace(IMPULSE, port=824, protocol="SOCKS5")
HOSTILE = Proxy("h.example", 1, "=cmd|'/c calc'!A0", '+{host}%s{0}$(id)`"\\%41')

printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
proxies = st.builds(Proxy, st.just("h.example"), st.integers(1, 65535), printable, printable)


def read_back(url: str) -> tuple[str, str, str | None, int | None]:
    address = urlsplit(url)
    return (
        unquote(address.username or ""),
        unquote(address.password or ""),
        address.hostname,
        address.port,
    )


def values(proxy: Proxy) -> tuple[str, str, str, int]:
    return proxy.username, proxy.password, proxy.host, proxy.port


def urls_in(source: str) -> list[str]:
    """The addresses of proxies in a piece of Python."""
    found = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [one for one in found if isinstance(one, str) and "@h.example" in one]


def test_a_curl_command_is_one_line_with_the_values_in_the_address() -> None:
    assert Formatting(Format.CURL).of(IMPULSE) == (
        "curl -x http://abc__cr.us%3Bsid.1:p%27w@gw.dataimpulse.com:823 https://api.ipify.org"
    )


def test_python_is_a_whole_program() -> None:
    assert Formatting(Format.PYTHON).of(IMPULSE) == (
        "import requests\n\n"
        "proxy = 'http://abc__cr.us%3Bsid.1:p%27w@gw.dataimpulse.com:823'\n"
        'proxies = {"http": proxy, "https": proxy}\n'
        'print(requests.get("https://api.ipify.org", proxies=proxies).text)'
    )


def test_a_socks_proxy_looks_names_up_itself() -> None:
    assert "-x socks5h://abc" in Formatting(Format.CURL).of(SOCKS)
    assert "proxy = 'socks5h://abc" in Formatting(Format.PYTHON).of(SOCKS)
    assert 'pip install "requests[socks]"' in Formatting(Format.PYTHON).of(SOCKS)
    assert Formatting(Format.URL).of(SOCKS).startswith("socks5://abc")


@given(proxies)
def test_a_shell_reads_any_value_back(proxy: Proxy) -> None:
    command, flag, url, address = shlex.split(Formatting(Format.CURL).of(proxy))

    assert (command, flag, address) == ("curl", "-x", "https://api.ipify.org")
    assert read_back(url) == values(proxy)


@given(proxies)
def test_a_browser_and_python_read_any_value_back(proxy: Proxy) -> None:
    assert read_back(Formatting(Format.URL).of(proxy)) == values(proxy)
    [url] = urls_in(Formatting(Format.PYTHON).of(proxy))
    assert read_back(url) == values(proxy)


@given(st.lists(proxies, min_size=2, max_size=5))
def test_many_in_python_are_one_list(bought: list[Proxy]) -> None:
    source = Formatting(Format.PYTHON).together(bought)

    assert [read_back(url) for url in urls_in(source)] == [values(one) for one in bought]


def test_a_template_gets_the_values_by_plain_replacement() -> None:
    template = "{protocol}|{host}|{port}|{user}|{password}|{user}"

    assert filled(template, IMPULSE) == (
        "http|gw.dataimpulse.com|823|abc__cr.us;sid.1|p'w|abc__cr.us;sid.1"
    )
    assert filled("{protocol}", SOCKS) == "socks5"


@pytest.mark.parametrize(
    "odd",
    ["{host.__class__}", "{0}", "{}", "{password!r}", "{port:>9999999}", "{", "}", "{{",
     "%(host)s", "{unknown}", "$host", "<b>", "{host[0]}", "{HOST}"],
)  # fmt: skip
def test_whatever_else_is_in_a_template_stays_as_it_is(odd: str) -> None:
    assert filled(f"{odd} {{port}} {odd}", IMPULSE) == f"{odd} 823 {odd}"


def test_braces_in_a_value_are_not_replaced_again() -> None:
    proxy = replace(IMPULSE, username="{password}", password="{host}")

    assert filled("{user}:{password}", proxy) == "{password}:{host}"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("{host}", True),
        ("x" * (MOST_TEMPLATE - 6) + "{host}", True),
        ("x" * (MOST_TEMPLATE - 5) + "{host}", False),
        ("{host}" * 700, False),
        ("", False),
        ("my proxy", False),
        ("{ host }", False),
    ],
)
def test_a_template_holds_a_value_and_is_not_too_long(text: str, is_one: bool) -> None:
    assert is_template(text) is is_one


def test_words_in_braces_that_are_no_values_are_named() -> None:
    assert left_alone("{host} {pass} {user.x} {pass} {a b} {") == ("{pass}", "{user.x}")


def test_without_a_template_ones_own_format_is_a_line() -> None:
    assert Formatting(Format.OWN).of(IMPULSE) == IMPULSE.line


def test_a_table_holds_no_formula_and_says_where_it_was_changed() -> None:
    table = Formatting().file(FileKind.CSV, [HOSTILE, IMPULSE])
    rows = list(csv.reader(io.StringIO(table)))

    assert rows[0] == ["host", "port", "user", "password", "protocol"]
    assert rows[1][2:4] == [f"'{HOSTILE.username}", f"'{HOSTILE.password}"]
    assert rows[2] == ["gw.dataimpulse.com", "823", "abc__cr.us;sid.1", "p'w", "http"]
    assert is_marked([IMPULSE, HOSTILE])
    assert not is_marked([IMPULSE])


def test_json_holds_every_value_as_it_is() -> None:
    [row] = json.loads(Formatting().file(FileKind.JSON, [HOSTILE]))

    assert row == {
        "host": "h.example",
        "port": 1,
        "user": HOSTILE.username,
        "password": HOSTILE.password,
        "protocol": "http",
    }


def test_a_text_file_holds_the_customers_format() -> None:
    assert Formatting(Format.OWN, "{user}").file(FileKind.TXT, [IMPULSE, HOSTILE]) == (
        f"{IMPULSE.username}\n{HOSTILE.username}\n"
    )

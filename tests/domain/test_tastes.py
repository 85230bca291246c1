"""Usernames to a customer's taste: what each provider reads, and what is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.orders import Credentials, Proxy, RedeemCode
from bot.domain.tastes import ANY, GRAMMARS, MOST_MADE, Grammar, Taste, grammar_of, logins_of

HOSTS = {
    "nodemaven": ("gate.nodemaven.com", 8080),
    "9proxy": ("gb.9proxy.example", 6000),
    "dataimpulse": ("gw.dataimpulse.com", 823),
    "proxyseller": ("us.res.proxy-seller.com", 10000),
}


def proxy(provider: str, username: str, port: int | None = None) -> Proxy:
    host, usual = HOSTS[provider]
    return Proxy(host, port or usual, username, "secret")


def grammar(provider: str, username: str) -> Grammar:
    found = grammar_of(provider, Credentials((proxy(provider, username),)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("provider", "username", "taste", "written"),
    [
        ("nodemaven", "ann-country-us", Taste("de"), "ann-country-de"),
        ("nodemaven", "ann-country-us", Taste("", 10), "ann-country-us-sid-42-ttl-10m"),
        ("nodemaven", "ann-country-us", Taste("gb", 60), "ann-country-gb-sid-42-ttl-1h"),
        ("nodemaven", "ann-country-us", Taste(ANY), "ann"),
        ("nodemaven", "ann", Taste("de", 1440), "ann-country-de-sid-42-ttl-24h"),
        ("nodemaven", "a-b_c-country-us", Taste("de"), "a-b_c-country-de"),
        # A city of another country would be answered with an error.
        (
            "nodemaven",
            "ann-country-us-region-new_york-city-brooklyn-type-mobile-sid-7-ttl-10m-filter-medium",
            Taste("fr", 30),
            "ann-country-fr-type-mobile-sid-42-ttl-30m-filter-medium",
        ),
        (
            "nodemaven",
            "ann-country-us-region-new_york-sid-7-ttl-10m",
            Taste(),
            "ann-country-us-region-new_york",
        ),
        ("9proxy", "gp9ab-country-us", Taste("es", 30), "gp9ab-country-es-sst-30-ssid-42"),
        ("9proxy", "gp9ab-country-us-st-ny-city-ny", Taste("es"), "gp9ab-country-es"),
        ("dataimpulse", "ab12__cr.us", Taste("de"), "ab12__cr.de"),
        ("dataimpulse", "ab12__cr.us", Taste("", 30), "ab12__cr.us;sessid.42"),
        ("dataimpulse", "a__cr.au,gb,us;sessid.a", Taste("", 30), "a__cr.au,gb,us;sessid.42"),
        ("dataimpulse", "ab12", Taste("jp", 30), "ab12__cr.jp;sessid.42"),
        ("dataimpulse", "ab12__cr.us;sessid.7", Taste(ANY), "ab12"),
        ("proxyseller", "ps1_c_US", Taste("de"), "ps1_c_DE"),
        ("proxyseller", "ps1_c_US", Taste("", 10), "ps1_c_US_s_42_ttl_600s"),
        ("proxyseller", "ps1_c_US_city_New-York_s_1_ttl_30s", Taste("nl"), "ps1_c_NL"),
    ],
)  # fmt: skip
def test_a_username_is_written_as_its_provider_reads_it(
    provider: str, username: str, taste: Taste, written: str
) -> None:
    assert grammar(provider, username).written(username, taste, "42") == written


@pytest.mark.parametrize(
    ("provider", "delivered"),
    [
        ("abcproxy", proxy("nodemaven", "gateproxyab-zone-abc-region-US")),
        ("nodemaven", proxy("nodemaven", "ann-country-us-speed-fast")),
        ("nodemaven", proxy("nodemaven", "ann-country-us-country-de")),
        ("nodemaven", proxy("nodemaven", "ann-country-us-sid-a-b")),
        ("nodemaven", proxy("nodemaven", "ann-country-")),
        ("dataimpulse", proxy("dataimpulse", "ab__cr.us;city.nyc")),
        ("dataimpulse", proxy("dataimpulse", "ab__cr.us__cr.de")),
        ("dataimpulse", proxy("dataimpulse", "ab__cr.us", 10_000)),
        ("proxyseller", Proxy("203.0.113.7", 50100, "ps1", "secret")),
        ("proxyseller", proxy("proxyseller", "ps1_c_US_zip_10001")),
    ],
)
def test_what_is_not_understood_stays_as_it_was_delivered(provider: str, delivered: Proxy) -> None:
    assert grammar_of(provider, Credentials((delivered,))) is None


def test_several_proxies_and_codes_stay_as_they_are() -> None:
    one = proxy("nodemaven", "ann")

    assert grammar_of("nodemaven", Credentials((one, one))) is None
    assert grammar_of("9proxy_cd_key", RedeemCode(("9P-1",))) is None


@pytest.mark.parametrize("found", GRAMMARS, ids=lambda one: one.provider)
def test_what_was_written_is_read_again(found: Grammar) -> None:
    """Whatever is chosen after whatever else, the username depends on the last choice alone."""
    tastes = [
        Taste(country, minutes) for country in ("de", "us", ANY) for minutes in (0, *found.lengths)
    ]
    for first in tastes:
        written = found.written("login", first, "7")
        for second in tastes:
            again = found.written(written, second, "42")
            assert again == found.written("login", second, "42")
            assert found.country_of(again).lower() == second.country.replace(ANY, "")
            assert "login" in {again, *logins_of(again)}


@given(st.text(max_size=60), st.sampled_from(GRAMMARS))
def test_whatever_the_username_one_country_stands_in_it_or_it_is_left_alone(
    username: str, found: Grammar
) -> None:
    written = found.written(username, Taste("de"), "42")

    assert written == username or found.country_of(written).lower() == "de"


def test_sessions_are_new_and_different_and_hold_no_separator() -> None:
    found = grammar("nodemaven", "ann-country-us")
    taste = Taste("", 10, lines=MOST_MADE)

    made = [*found.made(proxy("nodemaven", "ann-country-us"), taste)]
    again = [*found.made(proxy("nodemaven", "ann-country-us"), taste)]

    names = [one.username for one in (*made, *again)]
    assert len(set(names)) == 2 * MOST_MADE
    assert all(re.fullmatch(r"ann-country-us-sid-\d{10}-ttl-10m", name) for name in names)
    assert {(one.host, one.port, one.password) for one in made} == {
        ("gate.nodemaven.com", 8080, "secret")
    }


@pytest.mark.parametrize(
    "taste",
    [Taste("d"), Taste("deu"), Taste("DE"), Taste("d-"), Taste("д1"), Taste("", 11),
     Taste("", 10, 0), Taste("", 10, MOST_MADE + 1), Taste("", 0, 2), Taste("us\n")],
)  # fmt: skip
def test_nothing_else_can_be_asked_for(taste: Taste) -> None:
    assert not grammar("nodemaven", "ann").offers(taste)

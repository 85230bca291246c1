"""What counts as the same delivery, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.fingerprints import traits
from bot.domain.orders import Credentials, Delivery, Proxy, RedeemCode

GATE = Proxy("gate.nodemaven.com", 8080, "anna-country-us", "secret")
OWN = Proxy("203.0.113.7", 50100, "anna", "secret")


def of(*proxies: Proxy) -> Delivery:
    return Credentials(proxies)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (RedeemCode(("9P-AB12",)), RedeemCode((" 9p-ab12\n",))),
        (RedeemCode(("9P-AB12",)), RedeemCode(("9P-XY", "9P-AB12"))),
        (of(GATE), of(replace(GATE, host="us.nodemaven.com", port=1080, protocol="SOCKS5"))),
        (of(OWN), of(replace(OWN, port=50101, protocol="SOCKS5"))),
        (of(OWN), of(replace(OWN, host="203.0.113.8"), OWN)),
    ],
)
def test_this_may_not_be_delivered_twice(first: Delivery, second: Delivery) -> None:
    assert traits(first) & traits(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (RedeemCode(("9P-AB12",)), RedeemCode(("9P-AB13",))),
        (of(GATE), of(replace(GATE, password="other"))),
        (of(GATE), of(replace(GATE, username="boris-country-us"))),
        (of(OWN), of(replace(OWN, host="203.0.113.8"))),
        (of(Proxy("h.example", 1, "a b", "c")), of(Proxy("h.example", 1, "a", "b c"))),
        (RedeemCode(("anna secret",)), of(GATE)),
    ],
)  # fmt: skip
def test_this_is_something_else(first: Delivery, second: Delivery) -> None:
    assert not traits(first) & traits(second)

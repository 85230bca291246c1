"""Tastes: country and session, written into a username the way its provider reads them.

One description for each provider whose own documents or two independent write-ups show the form;
what fits none of them stays as it was delivered.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.domain.orders import Credentials, Delivery, Proxy

ANY = "any"
"""In place of a country: wherever the provider finds an exit."""
MOST_MADE = 50
_SESSION_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Taste:
    """What a customer wants of the exits; without a wish all stays as delivered or rotates."""

    country: str = ""
    """Two letters in lower case, `ANY`, or empty: as delivered."""
    minutes: int = 0
    """How long one exit is held; 0: a new one for each request."""
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one provider's usernames are built.

    `login` `begin` name `joint` value, and more options after `between`.
    """

    provider: str
    begin: str
    between: str
    joint: str
    names: tuple[str, ...]
    """Every option, in the provider's order. With an unknown one the name is left alone."""
    country: str
    lengths: Mapping[int, str]
    """Minutes, and how the provider writes them."""
    session: str
    length: str | None = None
    """None: the one length there is goes without saying."""
    places: frozenset[str] = frozenset()
    """Options that only make sense within the country they came with."""
    is_upper: bool = False
    host: str = ""
    """What the host ends with, where the provider sells other things too."""
    ports: range = field(default=range(1, 65536))

    def reads(self, proxy: Proxy) -> bool:
        """Whether this proxy's username is built so."""
        return (
            proxy.host.casefold().endswith(self.host)
            and proxy.port in self.ports
            and self._split(proxy.username) is not None
        )

    def country_of(self, username: str) -> str:
        """The country that a username asks for, in the provider's words; empty if none."""
        split = self._split(username)
        return "" if split is None else split[1].get(self.country, "")

    def offers(self, taste: Taste) -> bool:
        """Whether the provider can be asked for this."""
        is_country = taste.country in {"", ANY} or re.fullmatch("[a-z]{2}", taste.country)
        is_length = taste.minutes == 0 or taste.minutes in self.lengths
        most = MOST_MADE if taste.minutes else 1
        return bool(is_country) and is_length and 0 < taste.lines <= most

    def made(self, proxy: Proxy, taste: Taste) -> tuple[Proxy, ...]:
        """The proxy to this taste, one for each line, with sessions that nobody used before."""
        sessions: set[str] = set()
        while len(sessions) < taste.lines:
            # Digits alone: no provider's separators are among them, and no case.
            sessions.add("".join(secrets.choice("0123456789") for _ in range(_SESSION_DIGITS)))
        return tuple(
            replace(proxy, username=self.written(proxy.username, taste, session))
            for session in sorted(sessions)
        )

    def written(self, username: str, taste: Taste, session: str) -> str:
        """The username with the country and the session of this taste."""
        split = self._split(username)
        if split is None:
            return username
        login, options = split
        if taste.country:
            for name in (self.country, *self.places):
                options.pop(name, None)
        if taste.country not in {"", ANY}:
            code = taste.country.upper() if self.is_upper else taste.country.lower()
            options[self.country] = code
        options.pop(self.session, None)
        options.pop(self.length or "", None)
        if taste.minutes:
            options[self.session] = session
            if self.length is not None:
                options[self.length] = self.lengths[taste.minutes]
        if not options:
            return login
        parts = sorted(options.items(), key=lambda option: self.names.index(option[0]))
        return f"{login}{self.begin}" + self.between.join(
            f"{name}{self.joint}{value}" for name, value in parts
        )

    def login_of(self, username: str) -> str:
        """The username without its options, which is all of one that is not built so."""
        split = self._split(username)
        return username if split is None else split[0]

    def _split(self, username: str) -> tuple[str, dict[str, str]] | None:
        """Login and options; None where they cannot be told apart for certain."""
        apart = re.escape("".join(dict.fromkeys(self.begin + self.between + self.joint)))
        names = "|".join(map(re.escape, self.names))
        option = f"(?:{names}){re.escape(self.joint)}[^{apart}]+"
        more = f"(?:{re.escape(self.between)}{option})*"
        found = re.fullmatch(f"(.+?)(?:{re.escape(self.begin)}({option}{more}))?", username)
        if found is None:
            return None
        login, tail = found[1], found[2] or ""
        if re.search(f"{re.escape(self.begin)}(?:{names}){re.escape(self.joint)}", login):
            return None
        pairs = re.findall(f"({names}){re.escape(self.joint)}([^{apart}]+)", tail)
        options = dict(pairs)
        return (login, options) if len(options) == len(pairs) else None


GRAMMARS: tuple[Grammar, ...] = (
    # `ttl` takes 10m and not 10M or 10s; a `sid` holds no `-`; a city without its region fails.
    Grammar(
        "nodemaven", begin="-", between="-", joint="-",
        names=("country", "region", "city", "isp", "type", "ipv4", "sid", "ttl", "filter"),
        country="country", places=frozenset({"region", "city", "isp"}),
        session="sid", length="ttl",
        lengths={10: "10m", 30: "30m", 60: "1h", 1440: "24h"},
    ),
    Grammar(
        "9proxy", begin="-", between="-", joint="-",
        names=("country", "st", "city", "isp", "sst", "ssid"),
        country="country", places=frozenset({"st", "city", "isp"}),
        session="ssid", length="sst", lengths={10: "10", 30: "30", 60: "60"},
    ),
    # Two underscores once, then `;`. On these two ports a session lasts about half an hour; on
    # 10000 to 20000 the port is the session, so what is delivered there stays as it is.
    Grammar(
        "dataimpulse", begin="__", between=";", joint=".",
        names=("cr", "noasn", "sessid"), country="cr", session="sessid", lengths={30: ""},
        ports=range(823, 825),
    ),
    # Residential alone: the IPv4 and ISP proxies have plain addresses and plain logins.
    Grammar(
        "proxyseller", begin="_", between="_", joint="_",
        names=("c", "sd", "city", "isp", "asn", "s", "ttl"),
        country="c", places=frozenset({"sd", "city", "isp", "asn"}), is_upper=True,
        session="s", length="ttl", lengths={10: "600s", 30: "1800s", 60: "3600s"},
        host=".proxy-seller.com",
    ),
)  # fmt: skip


def grammar_of(provider: str, delivery: Delivery) -> Grammar | None:
    """How the username of this delivery can be rewritten; None where it stays as it is."""
    match delivery:
        case Credentials(proxies=(proxy,)):
            fits = (one for one in GRAMMARS if one.provider == provider and one.reads(proxy))
            return next(fits, None)
        case _:
            return None


def logins_of(username: str) -> frozenset[str]:
    """What any provider would read as the login of this username, itself left out."""
    return frozenset(one.login_of(username) for one in GRAMMARS) - {username}

"""The prober: what a test shows, and where it never goes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest

from bot.domain.clock import Clock
from bot.domain.orders import Proxy
from bot.domain.proofs import Outcome, wanted_country
from bot.upstreams.prober import MOST_BYTES, Prober, is_public, read_answer
from bot.upstreams.sandbox_proxy import SandboxProxy

LOCAL = "http://exit.localhost"
SECRET = "c0rrect;h@rse"


@pytest.fixture
async def behind() -> AsyncIterator[tuple[SandboxProxy, int]]:
    """A pretend proxy that knows one login, and its port."""
    proxy = SandboxProxy({"anna-country-de": SECRET}.get)
    async with proxy.served() as port:
        yield proxy, port


def given(
    port: int,
    *,
    host: str = "gate.localhost",
    password: str = SECRET,
    protocol: str = "HTTP",
) -> Proxy:
    return Proxy(host, port, "anna-country-de", password, protocol)


both = pytest.mark.parametrize("protocol", ["HTTP", "SOCKS5"])


@both
@pytest.mark.parametrize("host", ["gate.localhost", "GATE.localhost", "127.0.0.1"])
async def test_a_working_proxy_shows_where_it_comes_out(
    behind: tuple[SandboxProxy, int], host: str, protocol: str
) -> None:
    proxy, port = behind

    probed = await Prober(LOCAL, Clock()).probe(given(port, host=host, protocol=protocol))

    assert probed.outcome is Outcome.WORKS
    assert (probed.exit_address or "").startswith("203.0.113.")
    assert probed.country == "DE"
    assert probed.millis is not None
    assert proxy.answered == 1


@both
async def test_a_wrong_password_is_told_apart_and_never_repeated(
    behind: tuple[SandboxProxy, int], protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    proxy = given(behind[1], password="wr0ng-one", protocol=protocol)
    probed = await Prober(LOCAL, Clock()).probe(proxy)

    assert probed.outcome is Outcome.LOGIN_REFUSED
    assert "wr0ng-one" not in caplog.text + repr(probed)


@both
async def test_a_password_longer_than_any_is_no_working_proxy(
    behind: tuple[SandboxProxy, int], protocol: str
) -> None:
    proxy = given(behind[1], password="wr0ng-one" * 30, protocol=protocol)

    probed = await Prober(LOCAL, Clock()).probe(proxy)

    assert probed.outcome in {Outcome.NO_CONNECTION, Outcome.LOGIN_REFUSED}


@both
async def test_a_closed_port_is_no_connection(protocol: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        probed = await Prober(LOCAL, Clock()).probe(given(port, protocol=protocol))

    assert probed.outcome is Outcome.NO_CONNECTION


@both
async def test_silence_ends_in_time(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        proxy = given(port, protocol=protocol)
        probed = await Prober(LOCAL, Clock(), seconds=0.05).probe(proxy)

    assert probed.outcome is Outcome.TOO_SLOW


@both
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n<html>no address</html>",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"1" * (MOST_BYTES * 50),
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n203.0.113.9",
        b"HTTP/1.1 500 Oops\r\n\r\n203.0.113.9",
    ],
)
async def test_what_is_no_address_is_unreadable_and_leads_nowhere(
    behind: tuple[SandboxProxy, int], answer: bytes, protocol: str
) -> None:
    proxy, port = behind
    proxy.answers = answer

    probed = await Prober(LOCAL, Clock()).probe(given(port, protocol=protocol))

    assert probed.outcome is Outcome.UNREADABLE
    assert proxy.answered == 1


async def test_what_is_no_http_is_no_connection(behind: tuple[SandboxProxy, int]) -> None:
    proxy, port = behind
    proxy.answers = b"SSH-2.0-OpenSSH_9.6\r\n"

    assert (await Prober(LOCAL, Clock()).probe(given(port))).outcome is Outcome.NO_CONNECTION


@pytest.mark.parametrize(
    "greeting",
    [
        *(b"", b"\x05", b"\x05\xff", b"\x05\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        *(b"\x05\x02\x01\x00", b"\x05" * 9000),
    ],
)
async def test_what_greets_otherwise_than_socks_does_is_no_working_proxy(greeting: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        probed = await Prober(LOCAL, Clock()).probe(given(port, protocol="SOCKS5"))

    assert probed.outcome in {Outcome.NO_CONNECTION, Outcome.LOGIN_REFUSED}


async def test_a_proxy_that_hangs_up_before_the_sealed_talk_is_no_connection() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # By login, the login is right, connected.
        writer.write(b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00\x01" + bytes(6))
        await reader.readuntil(b"\x16\x03\x01")  # the first bytes of TLS
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        proxy = given(server.sockets[0].getsockname()[1], protocol="SOCKS5")
        probed = await Prober("https://exit.localhost", Clock()).probe(proxy)

    assert probed.outcome is Outcome.NO_CONNECTION


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.1"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "203.0.113.9", "gate.localhost"),
    ],
)
@both
async def test_a_host_that_is_not_public_is_never_connected_to(
    behind: tuple[SandboxProxy, int], host: str, protocol: str
) -> None:
    proxy, port = behind

    delivered = given(port, host=host, protocol=protocol)
    probed = await Prober("http://ip.example", Clock()).probe(delivered)

    assert probed.outcome is Outcome.NOT_PUBLIC
    assert proxy.answered == 0


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "0.0.0.1"])
async def test_the_sandbox_opens_loopback_and_nothing_else(host: str) -> None:
    probed = await Prober(LOCAL, Clock()).probe(given(80, host=host))

    assert probed.outcome is Outcome.NOT_PUBLIC


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], []])
async def test_a_name_is_judged_by_every_address_it_has(
    behind: tuple[SandboxProxy, int], addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, port = behind

    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    probed = await Prober("http://ip.example", Clock()).probe(given(port, host="liar.example"))

    assert probed.outcome is Outcome.NOT_PUBLIC
    assert proxy.answered == 0


@pytest.mark.parametrize(
    "address",
    [
        *("::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "2002:0a00:0001::"),
        *("64:ff9b::a00:1", "2001:0:1::", "::", "ff02::1"),
    ],
)
def test_an_address_that_hides_another_one_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def test_what_nobody_here_speaks_is_left_alone(behind: tuple[SandboxProxy, int]) -> None:
    proxy, port = behind

    probed = await Prober(LOCAL, Clock()).probe(given(port, protocol="SOCKS4"))

    assert probed.outcome is Outcome.UNTESTABLE
    assert proxy.answered == 0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"203.0.113.9\n", ("203.0.113.9", None)),
        (b'{"ip": "2001:db8::1", "country": "us"}', ("2001:db8::1", "US")),
        (b'{"query": "203.0.113.9", "country": "Germany", "countryCode": "DE"}',
         ("203.0.113.9", "DE")),
        (b'{"origin": "203.0.113.9"}', ("203.0.113.9", None)),
        (b'{"ip": 7}', (None, None)),
        (b"{", (None, None)),
        (b'{"ip":' * 2000, (None, None)),
        (b"\xff", (None, None)),
        (b"", (None, None)),
    ],
)  # fmt: skip
def test_an_answer_is_read_in_the_usual_shapes(
    body: bytes, told: tuple[str | None, str | None]
) -> None:
    assert read_answer(body) == told


@pytest.mark.parametrize(
    ("username", "country"),
    [
        ("nodemaven_1-country-us-sid-4", "US"),
        ("gateproxy1-zone-abc-region-DE", "DE"),
        ("abc__cr.fr;sessid.1", "FR"),
        ("ps1_c_US_city_New-York", "US"),
        ("plain", None),
        ("x-country-usa", None),
    ],
)
def test_the_ordered_country_is_read_from_the_username(username: str, country: str) -> None:
    assert wanted_country(username) == country

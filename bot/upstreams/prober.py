"""The prober: one small request through a delivered proxy, to see where it comes out."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
import socket
from urllib.parse import urlsplit

import httpx
from anyio import BrokenResourceError, EndOfStream
from httpx_socks import AsyncProxyTransport
from python_socks import ProxyError, ProxyType

from bot.domain.clock import Clock
from bot.domain.orders import Proxy
from bot.domain.proofs import Outcome, Probed

# Their own lines at INFO would name the proxy.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

SECONDS = 8.0
"""For everything: the name, the connection and the answer."""
MOST_BYTES = 4096
_LOCAL = ".localhost"
_ADDRESS_KEYS = ("ip", "query", "origin", "ip_address", "address")
_COUNTRY_KEYS = ("country_code", "countryCode", "country_iso", "cc", "country")
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
# The last two are anyio's, of a proxy that hangs up: httpx-socks gives them no other name.
_NO_WAY = (
    httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, BrokenResourceError, EndOfStream,
)  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Prober:
    """Asks `url`, which answers with the address that it is asked from.

    It connects to the delivered host alone, and only where that is public: an upstream that lies
    must not make us knock at doors of our own network. The name is looked up once and what was
    looked at is connected to. Loopback is reached where `url` itself is there, for the sandbox.
    """

    def __init__(self, url: str, clock: Clock, *, seconds: float = SECONDS) -> None:
        self._url = url
        self._clock = clock
        self._seconds = seconds
        self._is_local = _is_local(urlsplit(url).hostname or "")
        is_sealed = url.startswith("https:")
        self._tls = httpx.create_ssl_context(verify=True, trust_env=False) if is_sealed else False

    async def probe(self, proxy: Proxy) -> Probed:
        """Test one proxy; every end of it is an outcome, and none holds a password."""
        if "SOCKS4" in proxy.protocol.upper():
            return Probed(Outcome.UNTESTABLE)
        try:
            async with asyncio.timeout(self._seconds):
                address = await self._address(proxy.host, proxy.port)
                if address is None:
                    return Probed(Outcome.NOT_PUBLIC)
                return await self._ask(proxy, address)
        except (TimeoutError, httpx.TimeoutException):
            return Probed(Outcome.TOO_SLOW)
        except httpx.ProxyError as refused:
            is_login = str(refused).startswith("407")
            return Probed(Outcome.LOGIN_REFUSED if is_login else Outcome.NO_CONNECTION)
        except ProxyError as refused:
            # Of SOCKS, which has no number for it.
            is_login = "authentication" in str(refused)
            return Probed(Outcome.LOGIN_REFUSED if is_login else Outcome.NO_CONNECTION)
        except _NO_WAY:
            return Probed(Outcome.NO_CONNECTION)

    async def _address(self, host: str, port: int) -> str | None:
        """Where the host is; None where any of its addresses is none that we may reach."""
        if host.casefold().rstrip(".").endswith(_LOCAL):
            # By definition this machine, whatever a name server says.
            return "127.0.0.1" if self._is_local else None
        addresses = [host]
        if not _is_address(host):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = [str(entry[4][0]) for entry in found]
        if addresses and all(self._may_reach(one) for one in addresses):
            return addresses[0]
        return None

    def _may_reach(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        return is_public(address) or (self._is_local and address.is_loopback)

    async def _ask(self, proxy: Proxy, address: str) -> Probed:
        headers = {"Accept": "application/json, text/plain", "Accept-Encoding": "identity"}
        started_at = self._clock.elapsed()
        async with (
            httpx.AsyncClient(
                transport=self._way(proxy, address),
                timeout=self._seconds,
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream("GET", self._url, headers=headers) as response,
        ):
            millis = round((self._clock.elapsed() - started_at) * 1000)
            if response.status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
                return Probed(Outcome.LOGIN_REFUSED)
            body = b""
            # As it comes: what is compressed is not blown up, and counts as unreadable.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    return Probed(Outcome.UNREADABLE)
        exit_address, country = read_answer(body)
        if response.status_code != httpx.codes.OK or exit_address is None:
            return Probed(Outcome.UNREADABLE)
        return Probed(Outcome.WORKS, exit_address, country, millis)

    def _way(self, proxy: Proxy, address: str) -> httpx.AsyncBaseTransport:
        """Through the proxy, which lies there; it looks up the names of the internet itself."""
        if proxy.is_socks:
            return AsyncProxyTransport(
                proxy_type=ProxyType.SOCKS5,
                proxy_host=address,
                proxy_port=proxy.port,
                username=proxy.username,
                password=proxy.password,
                rdns=True,
                verify=self._tls,
                trust_env=False,
            )
        host = f"[{address}]" if ":" in address else address
        way = httpx.Proxy(f"http://{host}:{proxy.port}", auth=(proxy.username, proxy.password))
        return httpx.AsyncHTTPTransport(proxy=way, verify=self._tls, trust_env=False, http2=False)


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address belongs to the open internet, and hides no other one inside."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64
    ):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def read_answer(body: bytes) -> tuple[str | None, str | None]:
    """The address and the country that an answer tells: JSON, or the address alone."""
    try:
        text = body.decode().strip()
        answer = json.loads(text) if text.startswith("{") else {"ip": text}
    except (ValueError, RecursionError):
        return None, None
    address = next(
        (found for key in _ADDRESS_KEYS if (found := _as_address(answer.get(key)))), None
    )
    countries = (answer.get(key) for key in _COUNTRY_KEYS)
    country = next(
        (one.upper() for one in countries if isinstance(one, str) and _COUNTRY.fullmatch(one)),
        None,
    )
    return address, country


def _is_address(text: str) -> bool:
    return _as_address(text) is not None


def _as_address(value: object) -> str | None:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(_LOCAL):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

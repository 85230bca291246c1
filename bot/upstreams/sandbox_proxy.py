"""A pretend proxy, and the pretend internet behind it: nothing is forwarded anywhere.

It speaks HTTP, and SOCKS5 with a login (RFC 1928, RFC 1929) on the same port.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.domain.proofs import wanted_country

MOST_HEAD = 8192
SECONDS = 5.0

_SOCKS = 5
_BY_LOGIN = 2
_NO_METHOD = 0xFF
_NAME = 3
_ADDRESS_BYTES = {1: 4, 4: 16}
"""By the kind of an address; a name tells its own length."""
_CONNECTED = bytes((_SOCKS, 0, 0, 1, 0, 0, 0, 0, 0, 0))


class SandboxProxy:
    """Takes a login as proxies do: by the Basic scheme, or in the greeting of SOCKS5.

    Whatever is asked for answers with the address that it was asked from, as such services do.
    """

    def __init__(self, password_of: Callable[[str], str | None]) -> None:
        self._password_of = password_of
        self.answered = 0
        self.answers: bytes | None = None
        """What to answer instead, for trouble on demand."""

    @asynccontextmanager
    async def served(self) -> AsyncIterator[int]:
        """Listen on a free port of the loopback address, and give the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MOST_HEAD)
        async with server:
            yield int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                (first,) = await reader.readexactly(1)
                if first == _SOCKS:
                    writer.write(await self._by_socks(reader, writer))
                else:
                    head = await _head(reader)
                    writer.write(self._by_http(chr(first) + head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _by_socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The last answer of a connection that began by SOCKS."""
        if _BY_LOGIN not in await _counted(reader):
            return bytes((_SOCKS, _NO_METHOD))
        writer.write(bytes((_SOCKS, _BY_LOGIN)))
        await reader.readexactly(1)
        username = (await _counted(reader)).decode(errors="replace")
        is_known = self._password_of(username) == (await _counted(reader)).decode(errors="replace")
        writer.write(bytes((1, 0 if is_known else 1)))
        if not is_known:
            return b""
        *_, kind = await reader.readexactly(4)
        address = _counted(reader) if kind == _NAME else reader.readexactly(_ADDRESS_BYTES[kind])
        await address
        await reader.readexactly(2)
        writer.write(_CONNECTED)
        return self._answer(await _head(reader), "GET /", username)

    def _by_http(self, head: str) -> bytes:
        named = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        username = self._login(named.get("proxy-authorization", ""))
        return self._answer(head, "GET http://", username)

    def _answer(self, head: str, request: str, username: str | None) -> bytes:
        self.answered += 1
        if self.answers is not None:
            return self.answers
        if username is None:
            return _response("407 Proxy Authentication Required", "Proxy-Authenticate: Basic\r\n")
        if not head.startswith(request):
            return _response("405 Method Not Allowed")
        # 203.0.113.0/24 belongs to nobody: it is kept for examples.
        exit_address = f"203.0.113.{1 + sum(username.encode()) % 254}"
        country = wanted_country(username) or "US"
        body = json.dumps({"ip": exit_address, "country_code": country})
        return _response("200 OK", "Content-Type: application/json\r\n", body)

    def _login(self, header: str) -> str | None:
        scheme, _, encoded = header.partition(" ")
        try:
            username, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return None
        is_known = scheme.lower() == "basic" and self._password_of(username) == password
        return username if is_known else None


async def _head(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")


async def _counted(reader: asyncio.StreamReader) -> bytes:
    """As many bytes as the first of them says."""
    (count,) = await reader.readexactly(1)
    return await reader.readexactly(count)


def _response(status: str, headers: str = "", body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    return f"HTTP/1.1 {status}\r\n{headers}{length}\r\n{body}".encode()

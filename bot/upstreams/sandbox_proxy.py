"""A pretend proxy, and the pretend internet behind it: nothing is forwarded anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.domain.proofs import wanted_country

MOST_HEAD = 8192
SECONDS = 5.0


class SandboxProxy:
    """Speaks HTTP as proxies do: absolute addresses, and a login by the Basic scheme.

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
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _answer(self, head: str) -> bytes:
        self.answered += 1
        if self.answers is not None:
            return self.answers
        request, *lines = head.split("\r\n")
        named = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        username = self._login(named.get("proxy-authorization", ""))
        if username is None:
            return _response("407 Proxy Authentication Required", "Proxy-Authenticate: Basic\r\n")
        if not request.startswith("GET http://"):
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


def _response(status: str, headers: str = "", body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    return f"HTTP/1.1 {status}\r\n{headers}{length}\r\n{body}".encode()

"""One call to an upstream, and what is known when it fails."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import cast

import httpx
import stamina

from bot.domain.errors import Busy, NotSent, Unclear, UpstreamError
from bot.upstreams.body import Unreadable, read_body, read_json, read_text
from bot.upstreams.shapes import names_order

# httpx logs every URL at INFO, and a usage URL carries a customer's proxy username.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)
# Whoever asked says what came of it in the end, and knows for which lane.
stamina.instrumentation.set_on_retry_hooks([])

LONGEST_PAUSE = 120.0
"""Seconds that a `Retry-After` may ask for; more counts as this."""

_ORDER_TIMEOUT = httpx.Timeout(connect=5.0, write=10.0, read=60.0, pool=5.0)
_READ_TIMEOUT = httpx.Timeout(connect=3.0, write=3.0, read=6.0, pool=3.0)
_TRIES = 3
_LONGEST_WAIT_OF_A_READ = 3.0

_WHOLE_SECONDS = re.compile(r"[0-9]{1,18}", re.ASCII)


class Code(StrEnum):
    """Our own codes, beside those of `Flaw`, for failures to which no upstream gives a name."""

    BAD_URL = "bad_url"
    NO_CONNECTION = "no_connection"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECTION_LOST = "connection_lost"
    TIMEOUT = "timeout"
    REDIRECTED = "redirected"
    NOT_UP = "not_up"
    NO_ENVELOPE = "no_envelope"
    UNKNOWN_CODE = "unknown_code"
    """The upstream's code is not repeated: it does not look like one."""
    UNREADABLE = "unreadable"
    NO_ORDER_ID = "no_order_id"
    ANOTHER_ORDER = "another_order"
    REFUSED_WITH_ORDER = "refused_with_order"
    NO_PATH = "no_path"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status and a JSON body, not yet judged."""

    method: str
    status: int
    data: object = field(repr=False)
    text: str = field(repr=False)
    retry_after: float | None = None
    """Seconds that the upstream asks for, 0 to `LONGEST_PAUSE`."""
    date: str | None = None
    """The upstream's clock, as its `Date` header says it."""


Seen = Callable[[str, Answer], None]
"""Is told of each answer that is JSON, with the path that was asked, before it is judged."""

Refusal = Callable[[Answer], UpstreamError | None]
"""An upstream's own words for "no": None where the answer is one to read."""


class Http:
    """Calls to one account of one upstream.

    Every call ends in an `Answer` that `refusal` let pass, or in an `UpstreamError` whose code is
    a word of ours or of the upstream: no URL, body, token or library text ever gets into it.
    Reads are tried up to three times and take `read_seconds` in all; an order is sent once,
    over a connection of its own, and takes `order_seconds` at most.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        refusal: Refusal,
        seen: Seen | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        read_seconds: float = 10.0,
        order_seconds: float = 75.0,
    ) -> None:
        if token is not None and not re.fullmatch(r"[!-~]+", token):
            problem = "the token holds characters that no token has"
            raise ValueError(problem)
        self._base_url = base_url.rstrip("/")
        self._refusal = refusal
        self._seen = seen
        self._read_seconds = read_seconds
        self._order_seconds = order_seconds
        tls = None if transport else httpx.create_ssl_context(verify=True, trust_env=False)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"

        def client(timeout: httpx.Timeout, kept: int) -> httpx.AsyncClient:
            limits = httpx.Limits(max_connections=20, max_keepalive_connections=kept)
            own = transport or httpx.AsyncHTTPTransport(
                verify=tls or True, http1=True, http2=False, trust_env=False, limits=limits
            )
            return httpx.AsyncClient(
                transport=own,
                headers=headers,
                timeout=timeout,
                follow_redirects=False,
                trust_env=False,
            )

        self._reads = client(_READ_TIMEOUT, kept=5)
        # A pooled connection that went stale is the usual cause of an answer lost after sending.
        self._orders = client(_ORDER_TIMEOUT, kept=0)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read `path`; asked again only where the last try is known not to have been served."""
        try:
            async with asyncio.timeout(self._read_seconds):
                return await self._tried(path, query)
        except TimeoutError:
            raise Unclear(Code.TIMEOUT) from None

    async def post_once(
        self, path: str, body: Mapping[str, object], *, buys: bool = False
    ) -> Answer:
        """Send `body` as JSON, once. Repeating it is never right: it may buy a second time.

        Where it `buys`, a refusal that names an order is `Unclear`: it says two things at once.
        """
        content = json.dumps(body).encode()
        try:
            async with asyncio.timeout(self._order_seconds):
                answer = await self._ask(self._orders, "POST", path, content=content)
        except TimeoutError:
            raise Unclear(Code.TIMEOUT) from None
        try:
            return self._judged(answer)
        except UpstreamError:
            if buys and names_order(answer.data):
                raise Unclear(Code.REFUSED_WITH_ORDER, status=answer.status) from None
            raise

    async def delete(self, path: str) -> Answer:
        """Delete what `path` names, once; whoever needs it done asks again."""
        try:
            async with asyncio.timeout(self._order_seconds):
                return self._judged(await self._ask(self._orders, "DELETE", path))
        except TimeoutError:
            raise Unclear(Code.TIMEOUT) from None

    async def reach(self, path: str) -> None:
        """Return if `path` answers 200, whatever its body says."""
        try:
            async with asyncio.timeout(self._read_seconds):
                status, _, _ = await self._raw(self._reads, "GET", path)
        except TimeoutError:
            raise Unclear(Code.TIMEOUT) from None
        if status != 200:
            raise Unclear(Code.NOT_UP, status=status)

    async def close(self) -> None:
        """Let go of connections."""
        await self._reads.aclose()
        await self._orders.aclose()

    async def _tried(self, path: str, query: Mapping[str, str] | None) -> Answer:
        async for attempt in stamina.retry_context(
            on=_may_ask_again,
            attempts=_TRIES,
            timeout=self._read_seconds,
            wait_initial=0.2,
            wait_max=2.0,
            wait_jitter=0.5,
        ):
            with attempt:
                return self._judged(await self._ask(self._reads, "GET", path, query=query))
        raise AssertionError

    def _judged(self, answer: Answer) -> Answer:
        refusal = self._refusal(answer)
        if refusal is not None:
            raise refusal
        return answer

    async def _ask(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        status, headers, body = await self._raw(client, method, path, query=query, content=content)
        if 300 <= status < 400:
            raise Unclear(Code.REDIRECTED, status=status, documented=True)
        try:
            text = read_text(body, headers.get("Content-Type", ""))
            data = read_json(text)
        except Unreadable as flawed:
            raise Unclear(flawed.flaw, status=status) from None
        pause = _pause(headers.get("Retry-After"))
        answer = Answer(method, status, data, text, pause, headers.get("Date"))
        if self._seen is not None:
            self._seen(path, answer)
        return answer

    async def _raw(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> tuple[int, httpx.Headers, bytes]:
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            request = client.build_request(
                method, self._base_url + path, params=query, content=content, headers=headers
            )
            response = await client.send(request, stream=True)
            try:
                # The stream gives the bytes of the wire: httpx would decode each piece without
                # a bound.
                pieces = cast(httpx.AsyncByteStream, response.stream)
                encoding = response.headers.get("Content-Encoding", "")
                return response.status_code, response.headers, await read_body(pieces, encoding)
            finally:
                await response.aclose()
        # The causes are cut off: their texts may name the URL, and with it a token or a username.
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise NotSent(Code.BAD_URL) from None
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise NotSent(Code.CONNECT_TIMEOUT) from None
        except httpx.ConnectError:
            raise NotSent(Code.NO_CONNECTION) from None
        except httpx.TimeoutException:
            raise Unclear(Code.TIMEOUT) from None
        except Unreadable as flawed:
            raise Unclear(flawed.flaw) from None
        # OSError: what a TLS layer raises while reading passes httpx unmapped.
        except (httpx.HTTPError, httpx.StreamError, OSError):
            raise Unclear(Code.CONNECTION_LOST) from None


def _may_ask_again(failure: Exception) -> bool | float:
    match failure:
        case NotSent() | Busy(after=None):
            return True
        case Busy(after=float(seconds)) if seconds <= _LONGEST_WAIT_OF_A_READ:
            return seconds
        case _:
            return False


def _pause(retry_after: str | None) -> float | None:
    """Seconds that a `Retry-After` asks for, in either of its two forms; None if it says none."""
    if retry_after is None:
        return None
    if _WHOLE_SECONDS.fullmatch(retry_after):
        return min(float(retry_after), LONGEST_PAUSE)
    until = read_date(retry_after)
    if until is None:
        return None
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_PAUSE)


def read_date(text: str | None) -> datetime | None:
    """The moment that an HTTP header names; None for anything else."""
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # A date without a zone is UTC in HTTP.
    return date if date.tzinfo else date.replace(tzinfo=UTC)

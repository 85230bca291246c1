"""One call to an upstream: what leaves, what is read, and what is known when it fails."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import httpx
import pytest
import stamina

from bot.domain.errors import Busy, NotSent, OutOfService, Refused, Unclear, UpstreamError
from bot.upstreams.body import MOST_BYTES
from bot.upstreams.http import LONGEST_PAUSE, Answer, Http
from bot.upstreams.telegram import Person, TelegramProbe

TOKEN = "gpk_live_topsecret"
BASE = "https://api.example"

Reply = httpx.Response | Exception


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@dataclass
class Script:
    """Answers in order, the last one for ever; keeps what was asked."""

    replies: list[Reply]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply


def only_2xx(answer: Answer) -> UpstreamError | None:
    if answer.status == 429:
        return Busy("busy", status=429, after=answer.retry_after)
    return None if answer.status == 200 else Refused("no", status=answer.status)


def http(*replies: Reply) -> tuple[Http, Script]:
    script = Script(list(replies) or [httpx.Response(200, json={})])
    return Http(BASE, TOKEN, refusal=only_2xx, transport=httpx.MockTransport(script)), script


def body(content: bytes, **headers: str) -> httpx.Response:
    """A response whose bytes are read only when the client reads them."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 65_536):
            yield content[at : at + 65_536]

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(200, headers=named, content=pieces())


async def test_a_read_carries_the_token_in_its_header_only() -> None:
    client, script = http()

    await client.get("/orders", {"limit": "20", "page": "1"})

    [request] = script.asked
    assert str(request.url) == "https://api.example/orders?limit=20&page=1"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(request.url)


async def test_an_order_is_sent_as_json() -> None:
    client, script = http()

    await client.post_once("/orders", {"provider": "nodemaven", "plan": "0.120"})

    [request] = script.asked
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {"provider": "nodemaven", "plan": "0.120"}


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ключ", "a\x00"], ids=ascii)
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="the token holds characters"):
        Http(BASE, token, refusal=only_2xx)


FAILURES = [
    (httpx.ConnectError("x"), NotSent, "no_connection"),
    (httpx.ConnectTimeout("x"), NotSent, "connect_timeout"),
    (httpx.PoolTimeout("x"), NotSent, "connect_timeout"),
    (httpx.InvalidURL("x"), NotSent, "bad_url"),
    (httpx.UnsupportedProtocol("x"), NotSent, "bad_url"),
    (httpx.ReadTimeout("x"), Unclear, "timeout"),
    (httpx.WriteTimeout("x"), Unclear, "timeout"),
    (httpx.ReadError("x"), Unclear, "connection_lost"),
    (httpx.WriteError("x"), Unclear, "connection_lost"),
    (httpx.CloseError("x"), Unclear, "connection_lost"),
    (httpx.RemoteProtocolError("x"), Unclear, "connection_lost"),
    (httpx.LocalProtocolError("x"), Unclear, "connection_lost"),
    (httpx.DecodingError("x"), Unclear, "connection_lost"),
    (httpx.ProxyError("x"), Unclear, "connection_lost"),
    (httpx.TooManyRedirects("x"), Unclear, "connection_lost"),
    (httpx.StreamClosed(), Unclear, "connection_lost"),
    (OSError("x"), Unclear, "connection_lost"),
    (TimeoutError("x"), Unclear, "connection_lost"),
]


@pytest.mark.parametrize(
    ("failure", "known", "code"), FAILURES, ids=[type(row[0]).__name__ for row in FAILURES]
)
async def test_a_failed_order_says_what_is_known(
    failure: Exception, known: type[UpstreamError], code: str
) -> None:
    client, script = http(failure)

    with pytest.raises(known) as failed:
        await client.post_once("/orders", {})

    assert type(failed.value) is known
    assert failed.value.code == code
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "failure", [row[0] for row in FAILURES], ids=lambda one: type(one).__name__
)
async def test_nothing_secret_is_told_by_a_failure(failure: Exception) -> None:
    path = "/proxies/nodemaven/{}/usage".format("_".join(["customer", "login"]))
    failure.args = (f"Bearer {TOKEN} for {path}",)
    client, _ = http(failure)

    with pytest.raises(UpstreamError) as failed:
        await client.get(path)

    told = "".join(traceback.format_exception(failed.value)) + repr(failed.value)
    assert TOKEN not in told
    assert path not in told


async def test_cancelling_passes_through() -> None:
    arrived, never = asyncio.Event(), asyncio.Event()

    async def wait(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await never.wait()
        raise AssertionError

    client = Http(BASE, TOKEN, refusal=only_2xx, transport=httpx.MockTransport(wait))
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(client.get("/")), tasks.create_task(client.post_once("/", {}))]
        await arrived.wait()
        for call in calls:
            call.cancel()

    assert all(call.cancelled() for call in calls)


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("x"), httpx.Response(429, json={})], ids=str
)
async def test_a_read_is_tried_three_times_where_nothing_was_served(failure: Reply) -> None:
    client, script = http(failure, failure, httpx.Response(200, json={"a": 1}))

    assert (await client.get("/")).data == {"a": 1}
    assert len(script.asked) == 3


async def test_a_read_is_not_tried_a_fourth_time() -> None:
    client, script = http(httpx.ConnectError("x"))

    with pytest.raises(NotSent):
        await client.get("/")

    assert len(script.asked) == 3


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("x"),
        httpx.Response(200, text="<html>"),
        httpx.Response(400, json={}),
        httpx.Response(302, json={}),
        httpx.Response(429, json={}, headers={"Retry-After": "60"}),
    ],
    ids=str,
)
async def test_a_read_is_not_repeated_for_anything_else(failure: Reply) -> None:
    client, script = http(failure)

    with pytest.raises(UpstreamError):
        await client.get("/")

    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [httpx.ConnectError("x"), httpx.Response(429, json={}), httpx.Response(503, json={})],
    ids=str,
)
async def test_an_order_is_sent_once_whatever_happens(reply: Reply) -> None:
    client, script = http(reply)

    with pytest.raises(UpstreamError):
        await client.post_once("/orders", {})

    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    client, script = http(httpx.Response(status, headers={"Location": "https://evil.example/"}))

    with pytest.raises(Unclear) as failed:
        await client.post_once("/orders", {})

    assert (failed.value.code, failed.value.documented) == ("redirected", True)
    assert len(script.asked) == 1


BOMB = b'{"a":"' + b"0" * (50 << 20) + b'"}'

UNREADABLE = {
    "empty": (b"", {}, "not_json"),
    "html": (b"<html>502</html>", {}, "not_json"),
    "truncated": (b'{"success": true, "order_id": "ord_1', {}, "not_json"),
    "trailing garbage": (b"{} x", {}, "not_json"),
    "two documents": (b"{}{}", {}, "not_json"),
    "single quotes": (b"{'a': 1}", {}, "not_json"),
    "duplicate key": (b'{"success": false, "success": true}', {}, "not_json"),
    "duplicate key inside": (b'{"a": [{"b": 1, "b": 1}]}', {}, "not_json"),
    "NaN": (b'{"balance": NaN}', {}, "not_json"),
    "Infinity": (b'{"balance": Infinity}', {}, "not_json"),
    "-Infinity": (b'{"balance": -Infinity}', {}, "not_json"),
    "1e999": (b'{"balance": 1e999}', {}, "not_json"),
    "1e-999": (b'{"balance": 1e-999}', {}, "not_json"),
    "endless exponent": (b'{"balance": 1e99999999999999999999}', {}, "not_json"),
    "endless fraction": (b'{"balance": 0.' + b"1" * 5000 + b"}", {}, "not_json"),
    "endless number": (b'{"balance": ' + b"9" * 5000 + b"}", {}, "not_json"),
    "deep list": (b"[" * 100_000 + b"]" * 100_000, {}, "not_json"),
    "deep object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}, "not_json"),
    "lone surrogate": (b'{"a": "\\ud800"}', {}, "not_json"),
    "raw control character": (b'{"a": "\x00"}', {}, "not_json"),
    "latin-1": ('{"a": "é"}'.encode("latin-1"), {}, "charset"),
    "utf-16": ('{"a": "é"}'.encode("utf-16"), {}, "charset"),
    "another charset": (
        '{"a": "é"}'.encode(),
        {"Content_Type": "application/json; charset=iso-8859-1"},
        "charset",
    ),
    "too large": (BOMB, {}, "too_large"),
    "gzip bomb": (gzip.compress(BOMB, 1), {"Content_Encoding": "gzip"}, "too_large"),
    "deflate bomb": (zlib.compress(BOMB, 1), {"Content_Encoding": "deflate"}, "too_large"),
    "gzip cut off": (gzip.compress(b"{}")[:-4], {"Content_Encoding": "gzip"}, "encoding"),
    "gzip and more": (gzip.compress(b"{}") + b"{}", {"Content_Encoding": "gzip"}, "encoding"),
    "not gzip": (b"{}", {"Content_Encoding": "gzip"}, "encoding"),
    "brotli": (b"{}", {"Content_Encoding": "br"}, "encoding"),
    "gzip twice": (b"{}", {"Content_Encoding": "gzip, gzip"}, "encoding"),
}


@pytest.mark.parametrize(("content", "headers", "code"), UNREADABLE.values(), ids=UNREADABLE)
async def test_a_body_that_cannot_be_trusted_is_unclear(
    content: bytes, headers: dict[str, str], code: str
) -> None:
    client, _ = http(body(content, **headers))

    with pytest.raises(Unclear) as failed:
        await client.post_once("/orders", {})

    assert failed.value.code == code
    assert not failed.value.documented


READABLE = {
    "plain": (b'{"a": 0.120}', {}),
    "bom": (b'\xef\xbb\xbf{"a": 0.120}', {}),
    "gzip": (gzip.compress(b'{"a": 0.120}'), {"Content_Encoding": "gzip"}),
    "GZIP": (gzip.compress(b'{"a": 0.120}'), {"Content_Encoding": "GZIP"}),
    "deflate": (zlib.compress(b'{"a": 0.120}'), {"Content_Encoding": "deflate"}),
    "declared": (b'{"a": 0.120}', {"Content_Type": 'application/json; charset="UTF-8"'}),
    "ascii": (b'{"a": 0.120}', {"Content_Type": "application/json; charset=latin-1"}),
    "text": (b'{"a": 0.120}', {"Content_Type": "text/html"}),
    "just fits": (b'{"a": 0.120}'.ljust(MOST_BYTES), {}),
}


@pytest.mark.parametrize(("content", "headers"), READABLE.values(), ids=READABLE)
async def test_numbers_are_read_exactly(content: bytes, headers: dict[str, str]) -> None:
    client, _ = http(body(content, **headers))

    answer = await client.get("/")

    match answer.data:
        case {"a": Decimal() as number}:
            assert str(number) == "0.120"
        case _:
            pytest.fail("not what was sent")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("3", 3.0),
        ("120", 120.0),
        ("1000000000", LONGEST_PAUSE),
        ("9" * 400, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\u0665".encode(), None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00", 0.0),
        ("Thu, 99 Jan 9999 99:99:99 GMT", None),
    ],
    ids=ascii,
)
async def test_a_pause_that_is_asked_for_is_bounded(
    written: str | bytes | None, seconds: float | None
) -> None:
    headers = [] if written is None else [(b"Retry-After", written)]
    client, _ = http(httpx.Response(429, json={}, headers=headers))  # type: ignore[arg-type]

    with pytest.raises(Busy) as failed:
        await client.post_once("/orders", {})

    assert failed.value.after == seconds


@pytest.mark.parametrize("text", ["ok", "", "<html>", '{"status":"ok"}'])
async def test_any_200_counts_as_reached(text: str) -> None:
    client, _ = http(httpx.Response(200, text=text))

    await client.reach("/health")


@pytest.mark.parametrize("status", [204, 301, 404, 500, 503])
async def test_any_other_status_does_not(status: int) -> None:
    client, _ = http(httpx.Response(status))

    with pytest.raises(UpstreamError):
        await client.reach("/health")


async def test_a_base_url_keeps_its_path_and_loses_its_slash() -> None:
    script = Script([httpx.Response(200, json={})])
    transport = httpx.MockTransport(script)
    client = Http("https://h.example/api/v2/", TOKEN, refusal=only_2xx, transport=transport)

    await client.get("/orders")

    assert str(script.asked[0].url) == "https://h.example/api/v2/orders"


def test_httpx_does_not_log_urls() -> None:
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore").isEnabledFor(logging.INFO)


@dataclass
class Served:
    """What a loopback server saw: one entry per connection, with its request heads."""

    url: str = ""
    connections: list[list[str]] = field(default_factory=list)


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(answer: bytes | None, greeting: bytes = b"") -> AsyncIterator[Served]:
    """A real server that answers each request with the same bytes; None: never."""
    served = Served()
    gone = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads: list[str] = []
        served.connections.append(heads)
        writer.write(greeting)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = [line for line in head.split("\r\n") if line.startswith("Content-Length")]
                if length:
                    await reader.readexactly(int(length[0].split(":")[1]))
                heads.append(head)
                if answer is None:
                    await gone.wait()
                    return
                writer.write(answer)
                await writer.drain()
                if not answer.startswith(OK):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        served.url = f"http://127.0.0.1:{port}"
        yield served
        gone.set()


@asynccontextmanager
async def real(url: str, **seconds: float) -> AsyncIterator[Http]:
    client = Http(url, TOKEN, refusal=only_2xx, **seconds)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()


async def test_every_order_has_a_connection_of_its_own() -> None:
    async with serving(OK) as served, real(served.url) as client:
        for _ in range(3):
            await client.post_once("/orders", {})

        assert [len(heads) for heads in served.connections] == [1, 1, 1]


async def test_reads_share_a_connection() -> None:
    async with serving(OK) as served, real(served.url) as client:
        for _ in range(3):
            await client.get("/orders")
        await client.post_once("/orders", {})

        assert [len(heads) for heads in served.connections] == [3, 1]


async def test_requests_speak_http_1_1(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as served, real(served.url) as client:
        await client.post_once("/orders", {})

        assert served.connections[0][0].startswith("POST /orders HTTP/1.1\r\n")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")

    async with serving(OK) as served, real(served.url) as client:
        await client.get("/orders")
        await client.post_once("/orders", {})

        assert len(served.connections) == 2


async def test_an_order_that_takes_too_long_is_unclear() -> None:
    async with serving(None) as served, real(served.url, order_seconds=0.5) as client:
        with pytest.raises(Unclear, match="timeout"):
            await client.post_once("/orders", {})

        assert len(served.connections) == 1


async def test_a_read_that_takes_too_long_is_unclear() -> None:
    async with serving(None) as served, real(served.url, read_seconds=0.05) as client:
        with pytest.raises(Unclear, match="timeout"):
            await client.get("/orders")
        with pytest.raises(Unclear, match="timeout"):
            await client.reach("/health")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
    ],
    ids=["nothing", "cut off", "chunk cut off", "not http", "bad status"],
)
async def test_a_connection_that_breaks_after_sending_is_unclear(answer: bytes) -> None:
    async with serving(answer) as served, real(served.url) as client:
        with pytest.raises(Unclear, match="connection_lost"):
            await client.post_once("/orders", {})

        assert len(served.connections) == 1


async def test_nobody_listening_is_not_sent() -> None:
    async with serving(OK) as served:
        pass
    async with real(served.url) as client:
        with pytest.raises(NotSent, match="no_connection"):
            await client.post_once("/orders", {})


async def test_a_server_without_tls_gets_no_token_over_https() -> None:
    async with (
        serving(OK, greeting=b"220 mail.example ESMTP\r\n") as served,
        real(served.url.replace("http:", "https:")) as client,
    ):
        with pytest.raises(NotSent, match="no_connection"):
            await client.post_once("/orders", {})

        assert served.connections[0] == []


BOT_TOKEN = "12345:AAtopsecret"


async def test_telegram_tells_the_name_of_the_bot() -> None:
    script = Script([httpx.Response(200, json={"ok": True, "result": {"username": "ShopBot"}})])

    transport = httpx.MockTransport(script)
    name, _ = await TelegramProbe("https://api.telegram.org/", BOT_TOKEN, transport=transport).me()

    assert name == "ShopBot"
    assert str(script.asked[0].url) == f"https://api.telegram.org/bot{BOT_TOKEN}/getMe"
    assert "Authorization" not in script.asked[0].headers


@pytest.mark.parametrize(
    ("reply", "known", "code"),
    [
        (
            httpx.Response(401, json={"ok": False, "error_code": 401, "description": "x"}),
            OutOfService,
            "unauthorized",
        ),
        (
            httpx.Response(404, json={"ok": False, "error_code": 404, "description": "x"}),
            OutOfService,
            "unauthorized",
        ),
        (
            httpx.Response(429, json={"ok": False, "error_code": 429}),
            Busy,
            "too_many_requests",
        ),
        (httpx.Response(502, text="<html>"), Unclear, "not_json"),
        (httpx.Response(200, json={"ok": True, "result": {}}), Unclear, "unreadable"),
        (
            httpx.Response(200, json={"ok": True, "result": {"username": "<b>"}}),
            Unclear,
            "unreadable",
        ),
        (httpx.Response(200, json=[]), Unclear, "unexpected"),
        (httpx.ConnectError(f"no route to /bot{BOT_TOKEN}"), NotSent, "no_connection"),
    ],
    ids=["revoked", "malformed", "busy", "html", "nameless", "hostile", "list", "unreachable"],
)
async def test_a_failed_getme_never_tells_the_token(
    reply: Reply, known: type[UpstreamError], code: str
) -> None:
    transport = httpx.MockTransport(Script([reply]))

    with pytest.raises(known) as failed:
        await TelegramProbe("https://api.telegram.org", BOT_TOKEN, transport=transport).me()

    assert failed.value.code == code
    assert "topsecret" not in "".join(traceback.format_exception(failed.value))


NOON = 1_767_268_800
HTTP_NOON = "Thu, 01 Jan 2026 12:00:00 GMT"


def probe(*replies: Reply) -> tuple[TelegramProbe, Script]:
    script = Script(list(replies))
    transport = httpx.MockTransport(script)
    return TelegramProbe(
        "http://t.example", BOT_TOKEN, transport=transport, pause_seconds=0
    ), script


@pytest.mark.parametrize(("date", "told"), [(HTTP_NOON, HTTP_NOON), ("soon", None), (None, None)])
async def test_telegram_tells_the_time(date: str | None, told: str | None) -> None:
    body = {"ok": True, "result": {"username": "ShopBot"}}
    headers = {} if date is None else {"Date": date}
    asking, _ = probe(httpx.Response(200, json=body, headers=headers))

    assert await asking.me() == ("ShopBot", told)


def start(**changed: object) -> dict[str, object]:
    message = {
        "date": NOON,
        "text": "/start",
        "chat": {"id": 7, "type": "private"},
        "from": {"id": 7, "first_name": "Ann"},
    }
    return {"update_id": 1, "message": message | changed}


UPDATES: dict[str, tuple[list[object], Person | None]] = {
    "nobody": ([], None),
    "a start": ([start()], Person(7, "Ann")),
    "a deep link": ([start(text="/start plan_7")], Person(7, "Ann")),
    "a huge id": ([start(**{"from": {"id": 2**51, "first_name": "Bo"}})], Person(2**51, "Bo")),
    "a name to hide behind": (
        [start(**{"from": {"id": 7, "first_name": "A\u202e"}})],
        Person(7, "7"),
    ),
    "an old start": ([start(date=NOON - 60)], None),
    "an old start and a new one": ([start(date=NOON - 60), start()], Person(7, "Ann")),
    "another text": ([start(text="hello")], None),
    "a group": ([start(chat={"id": -7, "type": "group"})], None),
    "a channel": ([start(**{"from": None})], None),
    "a tap": ([{"update_id": 1, "callback_query": {}}], None),
    "nonsense": ([None, 7, {}], None),
}


@pytest.mark.parametrize(("updates", "who"), UPDATES.values(), ids=UPDATES)
async def test_somebody_is_who_sent_start_just_now(
    updates: list[object], who: Person | None
) -> None:
    answer = {"ok": True, "result": updates}
    asking, script = probe(httpx.Response(200, json=answer, headers={"Date": HTTP_NOON}))

    assert await asking.somebody() == who
    # An offset would take updates away from the bot.
    assert dict(script.asked[0].url.params) == {"timeout": "4"}


async def test_a_bot_that_runs_elsewhere_is_a_conflict() -> None:
    asking, _ = probe(httpx.Response(409, json={"ok": False, "error_code": 409}))

    with pytest.raises(Refused, match="conflict"):
        await asking.somebody()

"""The fake Telegram over HTTP, for bots that run in a process of their own."""

import asyncio
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from bot.demo.telegram import Change, Fault, Message, NoAnswer, Person, Telegram, UploadedFile
from bot.demo.telegram_files import picture_type
from bot.demo.telegram_push import push

_LARGEST_BODY = 60_000_000
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

_REAL_TOKEN = re.compile(r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(core: Telegram, token: str) -> web.Application:
    """The core over HTTP: `/bot<token>/<method>`, `/file/bot<token>/<path>` and `/sim/…`.

    Meant for loopback only. Raises `ValueError` for a token that may be a real bot's: nobody
    needs to risk one here.
    """
    if looks_real(token):
        raise ValueError("this looks like the token of a real bot: make one up")
    front = _Front(core, token)
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_same_site])
    app.on_shutdown.append(front.close)
    app.cleanup_ctx.append(front.push)
    app.add_routes(
        [
            web.get("/file/bot{token}/{path:.+}", front.file),
            web.route(hdrs.METH_ANY, "/bot{token}/{method}", front.bot),
            web.post("/sim/message", front.message),
            web.post("/sim/tap", front.tap),
            web.post("/sim/users", front.users),
            web.post("/sim/block", front.block),
            web.post("/sim/unblock", front.unblock),
            web.post("/sim/delete", front.delete),
            web.post("/sim/fault", front.fault),
            web.post("/sim/limits", front.limits),
            web.get("/sim/answer", front.answer),
            web.get("/sim/transcript", front.transcript),
            web.get("/sim/file", front.sent_file),
            web.get("/sim/calls", front.calls),
            web.get("/sim/events", front.events),
        ]
    )
    return app


def looks_real(words: str) -> bool:
    """Whether there is something in it that looks like a token from BotFather."""
    return _REAL_TOKEN.search(words) is not None


def message_json(message: Message) -> dict[str, Any]:
    """A message for a page: its fields and what is derived from them."""
    return {
        **dataclasses.asdict(message),
        "from_bot": message.from_bot,
        "edited": message.edited,
        "safe_html": message.safe_html,
    }


@web.middleware
async def _same_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep other web pages out of everything but the Bot API, whose callers show a token."""
    if not request.path.startswith(("/bot", "/file/bot")):
        origin = request.headers.get(hdrs.ORIGIN)
        host = urlsplit(f"//{request.host}").hostname
        if host not in _LOOPBACK or (origin and urlsplit(origin).netloc != request.host):
            raise web.HTTPForbidden(text="only from this machine and this page")
    return await handler(request)


def _unauthorized() -> web.Response:
    return web.json_response(
        {"ok": False, "error_code": 401, "description": "Unauthorized"}, status=401
    )


class _Front:
    def __init__(self, core: Telegram, token: str) -> None:
        self._core = core
        self._token = token
        self._listeners: set[asyncio.Queue[Change | None]] = set()
        core.on_change.append(self._spread)

    async def close(self, _: web.Application) -> None:
        """End everything that waits, so that a shutdown need not."""
        self._core.on_change.remove(self._spread)
        self._core.hang_up()
        for listener in self._listeners:
            listener.put_nowait(None)

    async def push(self, _: web.Application) -> AsyncIterator[None]:
        """Serve the webhook for as long as the application runs."""
        async with asyncio.TaskGroup() as tasks:
            pushing = tasks.create_task(push(self._core))
            yield
            pushing.cancel()

    def _spread(self, change: Change) -> None:
        for listener in self._listeners:
            listener.put_nowait(change)

    async def bot(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._token:
            return _unauthorized()
        params, files = await _given(request)
        try:
            answer = await self._core.request(request.match_info["method"], params, files)
        except NoAnswer:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        if answer.html is not None:
            return web.Response(text=answer.html, status=answer.status, content_type="text/html")
        return web.json_response(answer.body, status=answer.status)

    async def file(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._token:
            return _unauthorized()
        file = self._core.file(request.match_info["path"])
        if file is None:
            body = {"ok": False, "error_code": 404, "description": "Not Found"}
            return web.json_response(body, status=404)
        return web.Response(body=file.data, content_type="application/octet-stream")

    async def message(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        forward_of = self._person(body["forward_of"]) if body.get("forward_of") else None
        text = str(body["text"])
        if looks_real(text):
            raise web.HTTPBadRequest(
                text="This looks like the token of a real bot. It was not sent."
            )
        update_id = self._core.send(
            self._person(body["person"]),
            text,
            chat=body.number_if_any("chat"),
            reply_to=body.number_if_any("reply_to"),
            forward_of=forward_of,
        )
        return web.json_response({"update_id": update_id})

    async def tap(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        query = self._core.tap(
            self._person(body["person"]),
            body.number("message_id"),
            str(body["data"]),
            chat=body.number_if_any("chat"),
        )
        return web.json_response({"callback_query_id": query})

    async def users(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        users = [self._person(user) for user in body.several("users")]
        person = self._person(body["person"])
        update_id = self._core.share_users(person, body.number("request_id"), users)
        return web.json_response({"update_id": update_id})

    async def block(self, request: web.Request) -> web.StreamResponse:
        self._core.block(self._person((await _body(request))["person"]))
        return web.json_response({})

    async def unblock(self, request: web.Request) -> web.StreamResponse:
        self._core.unblock(self._person((await _body(request))["person"]))
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        self._core.delete(body.number("chat"), body.number("message_id"))
        return web.json_response({})

    async def fault(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        try:
            self._core.faults.append(Fault(**body))
        except TypeError as unknown:
            raise web.HTTPBadRequest(text=str(unknown)) from None
        return web.json_response({})

    async def limits(self, request: web.Request) -> web.StreamResponse:
        self._core.obey_limits(obeys=bool((await _body(request))["on"]))
        return web.json_response({})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        answer = self._core.answers(request.query.get("id", ""))
        return web.json_response(None if answer is None else dataclasses.asdict(answer))

    async def transcript(self, request: web.Request) -> web.StreamResponse:
        try:
            chat_id = int(request.query.get("chat") or request.query.get("person") or "")
        except ValueError:
            raise web.HTTPBadRequest(text="which person or chat?") from None
        person = self._core.people.get(chat_id)
        return web.json_response(
            {
                "messages": [message_json(each) for each in self._core.messages(chat_id)],
                "keyboard": self._core.keyboard(chat_id),
                "commands": self._core.commands(person) if person is not None else [],
                "about": self._core.about(person) if person is not None else "",
            }
        )

    async def sent_file(self, request: web.Request) -> web.StreamResponse:
        """A file for the person: a picture to look at, anything else to keep."""
        file = self._core.sent_file(request.query.get("id", ""))
        if file is None:
            raise web.HTTPNotFound(text="there is no such file")
        # By what is in it, not by what the bot says: a page would run in the page's own name.
        kind = picture_type(file.data)
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if kind is None:
            headers[hdrs.CONTENT_DISPOSITION] = "attachment"
        return web.Response(
            body=file.data, content_type=kind or "application/octet-stream", headers=headers
        )

    async def calls(self, request: web.Request) -> web.StreamResponse:
        method = request.query.get("method", "").lower()
        calls = [
            dataclasses.asdict(call)
            for call in self._core.calls
            if method in ("", call.method.lower())
        ]
        return web.json_response(calls)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Every change as a server-sent event, until either side goes away."""
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store"}
        )
        await response.prepare(request)
        await response.write(b": hello\n\n")
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while (change := await queue.get()) is not None:
                data = json.dumps(dataclasses.asdict(change))
                await response.write(f"event: {change.kind}\ndata: {data}\n\n".encode())
        except ConnectionResetError:
            pass
        finally:
            self._listeners.discard(queue)
        return response

    def _person(self, given: Any) -> Person:
        """Somebody by their id, if known, or by all there is to say about them."""
        try:
            person = self._core.people.get(given) if isinstance(given, int) else Person(**given)
        except TypeError as unknown:
            raise web.HTTPBadRequest(text=str(unknown)) from None
        if person is None or not isinstance(person.id, int):
            raise web.HTTPBadRequest(text=f"nobody has the id {given}")
        return person


async def _body(request: web.Request) -> "_Body":
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="a JSON object, please")
    return _Body(body)


class _Body(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        raise web.HTTPBadRequest(text=f"{name} is missing")

    def number(self, name: str) -> int:
        try:
            return int(self[name])
        except (TypeError, ValueError, OverflowError):
            raise web.HTTPBadRequest(text=f"{name} is not a number") from None

    def several(self, name: str) -> list[Any]:
        several = self[name]
        if not isinstance(several, list):
            raise web.HTTPBadRequest(text=f"{name} is not a list")
        return several

    def number_if_any(self, name: str) -> int | None:
        return None if self.get(name) is None else self.number(name)


async def _given(request: web.Request) -> tuple[dict[str, Any], dict[str, UploadedFile]]:
    """Parameters and files of a call, from the query and from any of the three kinds of body."""
    params: dict[str, Any] = dict(request.query)
    files: dict[str, UploadedFile] = {}
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            body = {}
        params |= body if isinstance(body, dict) else {}
        return params, files
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = UploadedFile(value.filename, value.file.read(), value.content_type)
        else:
            params[name] = value if isinstance(value, str) else value.decode()
    return params, files

"""The demo's page: its files, and what they ask for."""

from __future__ import annotations

import dataclasses
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import hdrs, web

from bot.demo.cast import Cast

_FOLDER: Final = Path(__file__).with_name("page")
# Nothing may be loaded from anywhere else, whatever a text of the bot tries.
_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self'; "
        "script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Control:
    """One button of the strip: what it does, and whether that is still going on."""

    name: str
    press: Callable[[], None]
    is_on: Callable[[], bool] = lambda: False


def add_page(
    app: web.Application,
    *,
    people: Sequence[Cast],
    controls: Sequence[Control],
    status: Callable[[], Mapping[str, Any]],
) -> None:
    """Serve the page at `/`, its files under `/page/`, and what it asks for under `/demo/`."""
    files = {file.name: file.read_bytes() for file in _FOLDER.iterdir() if file.is_file()}
    named = {control.name: control for control in controls}

    def served(name: str) -> web.Response:
        if name not in files:
            raise web.HTTPNotFound(text="there is no such file")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return web.Response(body=files[name], content_type=kind, charset="utf-8", headers=_HEADERS)

    async def page(_: web.Request) -> web.Response:
        return served("index.html")

    async def file(request: web.Request) -> web.Response:
        return served(request.match_info["name"])

    async def cast(_: web.Request) -> web.Response:
        everybody = [{**dataclasses.asdict(one.person), "role": one.role} for one in people]
        return web.json_response({"people": everybody, "controls": list(named)})

    def now() -> web.Response:
        on = [control.name for control in controls if control.is_on()]
        return web.json_response({**status(), "on": on})

    async def state(_: web.Request) -> web.Response:
        return now()

    async def press(request: web.Request) -> web.Response:
        control = named.get(request.match_info["name"])
        if control is None:
            raise web.HTTPNotFound(text="there is no such control")
        control.press()
        return now()

    app.add_routes(
        [
            web.get("/", page),
            web.get("/page/{name}", file),
            web.get("/demo/cast", cast),
            web.get("/demo/status", state),
            web.post("/demo/control/{name}", press),
        ]
    )

"""The demo's page: one chat for each person, the control strip, and how the bot is doing."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import hdrs, web

from bot.demo.cast import Cast

_FILE: Final = Path(__file__).with_name("page.html")
# Nothing may be loaded from anywhere, whatever a text of the bot tries; the script itself
# runs only with the number that was drawn for this answer.
_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; img-src data:; style-src 'nonce-{nonce}'; "
    "script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Control:
    """One button of the strip beside the chats."""

    name: str
    label: str
    hint: str
    act: Callable[[], None]


def add_page(
    app: web.Application,
    *,
    people: Sequence[Cast],
    controls: Sequence[Control],
    status: Callable[[], Mapping[str, Any]],
) -> None:
    """Serve the page at `/`, and what it asks for under `/demo/`."""
    template = _FILE.read_text(encoding="utf-8")
    acts = {control.name: control.act for control in controls}

    async def page(_: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=template.replace("{{nonce}}", nonce),
            content_type="text/html",
            headers={
                hdrs.CACHE_CONTROL: "no-store",
                "Content-Security-Policy": _POLICY.format(nonce=nonce),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def cast(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "people": [{**dataclasses.asdict(one.person), "role": one.role} for one in people],
                "controls": [
                    {"name": each.name, "label": each.label, "hint": each.hint}
                    for each in controls
                ],
            }
        )

    async def state(_: web.Request) -> web.Response:
        return web.json_response(status())

    async def control(request: web.Request) -> web.Response:
        act = acts.get(request.match_info["name"])
        if act is None:
            raise web.HTTPNotFound(text="there is no such control")
        act()
        return web.json_response(status())

    app.add_routes(
        [
            web.get("/", page),
            web.get("/demo/cast", cast),
            web.get("/demo/status", state),
            web.post("/demo/control/{name}", control),
        ]
    )

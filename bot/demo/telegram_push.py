"""Hands updates to a webhook over HTTP, in their order, until each is taken."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp import hdrs

from bot.demo.telegram import Change, Telegram

_SECONDS = 20.0
_LONGEST_PAUSE = 8.0
_SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header


async def push(core: Telegram) -> None:
    """Deliver for as long as there is a webhook, and wait while there is none.

    One update at a time, which Telegram promises to nobody: it opens up to max_connections.
    """
    news = asyncio.Event()

    def wake(change: Change) -> None:
        if change.kind == "update":
            news.set()

    core.on_change.append(wake)
    pause = 0.5
    try:
        limit = aiohttp.ClientTimeout(total=_SECONDS)
        async with aiohttp.ClientSession(timeout=limit) as session:
            while True:
                news.clear()
                update = core.next_for_webhook()
                if update is None:
                    await news.wait()
                    continue
                if await _hand_over(core, session, update):
                    pause = 0.5
                    continue
                # Telegram gives up after "a reasonable amount of attempts"; this one does not.
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
    finally:
        core.on_change.remove(wake)


async def _hand_over(
    core: Telegram, session: aiohttp.ClientSession, update: dict[str, Any]
) -> bool:
    webhook = core.webhook
    url = webhook.url
    headers = {_SECRET: webhook.secret} if webhook.secret else {}
    try:
        async with session.post(
            url, json=update, headers=headers, allow_redirects=False
        ) as answer:
            body = await answer.text()
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as problem:
        core.webhook_failed(
            "Connection timed out" if isinstance(problem, TimeoutError) else "Connection refused"
        )
        return False
    if not 200 <= status < 300:
        # In the words that getWebhookInfo shows for it.
        core.webhook_failed(f"Wrong response from the webhook: {status} {_phrase(status)}")
        return False
    core.confirm(update["update_id"])
    _answer_inside(core, body, answer.headers.get(hdrs.CONTENT_TYPE, ""))
    return True


def _answer_inside(core: Telegram, body: str, content_type: str) -> None:
    """Do what the answer asks for: a webhook may call one method by answering with it."""
    if not content_type.startswith("application/json"):
        return
    try:
        asked = json.loads(body)
    except ValueError:
        return
    if isinstance(asked, dict) and isinstance(method := asked.pop("method", None), str):
        # Nobody hears what came of it.
        core.call(method, asked)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

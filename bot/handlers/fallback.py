"""Fallback: what is said when a handler could not answer, or none was meant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, cast

import structlog
from aiogram import BaseMiddleware, Router
from aiogram.enums import ContentType
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, Message, TelegramObject
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from bot import callbacks
from bot.domain.customers import Customer
from bot.domain.errors import CustomerError, TooSoon
from bot.i18n import Text, Texts
from bot.screens import problems, shop, topups
from bot.screens.base import Answer, Later, Screen, Toast

log: Final = structlog.stdlib.get_logger(__name__)

LATER_SECONDS: Final = 10.0
"""How long a second screen may take."""

_PROMPTS: Final = {
    payload.__prefix__: payload
    for payload in vars(callbacks).values()
    if isinstance(payload, type)
    and issubclass(payload, CallbackData)
    and payload is not CallbackData
}
_WORDS: Final = frozenset(
    {
        *(ContentType.TEXT, ContentType.PHOTO, ContentType.DOCUMENT, ContentType.STICKER),
        *(ContentType.ANIMATION, ContentType.VIDEO, ContentType.VIDEO_NOTE, ContentType.VOICE),
        *(ContentType.AUDIO, ContentType.CONTACT, ContentType.LOCATION, ContentType.DICE),
    }
)


class Fallback(BaseMiddleware):
    """Turns what a handler raises into an answer, except that the database cannot be reached.

    A typed answer that was refused may be typed again: its question stays open.
    """

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Answer | None:
        t: Texts = data["t"]
        question = _open_question(event, data["customer"])
        try:
            answer = cast(Answer | None, await handler(event, data))
        except TooSoon as early:
            if isinstance(event, CallbackQuery):
                return Toast(_wait(t, early.seconds))
            return replace(problems.problem(t, early), asks=question)
        except CustomerError as error:
            return replace(problems.problem(t, error), asks=question)
        except Exception as error:
            if is_unreachable(error):
                raise
            log.exception("a handler failed", customer=data["customer"].id)
            return replace(problems.internal(t), asks=question)
        if isinstance(answer, Later):
            return Later(answer.now, lambda: _in_time(t, answer.then))
        return answer


async def _in_time(t: Texts, then: Callable[[], Awaitable[Screen]]) -> Screen:
    """The second screen, or what there is to say instead."""
    try:
        async with asyncio.timeout(LATER_SECONDS):
            return await then()
    except TimeoutError:
        return problems.too_slow(t)
    except CustomerError as error:
        return problems.problem(t, error)
    except Exception:
        log.exception("a second screen failed")
        return problems.internal(t)


def is_unreachable(error: BaseException) -> bool:
    """Whether the database could not be reached, so that nothing was decided.

    Refused values are no such case: an update that can never succeed must not come for ever.
    """
    match error:
        case DBAPIError(connection_invalidated=True) | OperationalError() | NoConnectionLeft():
            return True
        case OSError(filename=None):
            # A refused connection, an unknown host, a time limit: asyncpg leaves them as they
            # are. With a name it is a file of ours that is missing.
            return True
        case _:
            # Once connected, SQLAlchemy translates; its own words are from a server that starts.
            return type(error).__module__.startswith("asyncpg.")


def last_routes(router: Router) -> None:
    """Whatever no route before has taken."""
    router.callback_query.register(old_button)
    router.message.register(unknown_words)


async def old_button(_: TelegramObject, t: Texts, customer: Customer) -> Screen:
    """A button that means nothing any more, or nothing to this person."""
    return replace(shop.home(t, customer, None), body=problems.old_button(t).body)


async def unknown_words(message: Message, t: Texts, customer: Customer) -> Screen | None:
    """Words, pictures and commands that answer nothing; service messages stay unanswered."""
    if message.content_type not in _WORDS:
        return None
    home = shop.home(t, customer, None)
    question = _open_question(message, customer)
    if customer.is_owner and message.forward_origin is not None:
        return replace(home, body=topups.forwarded(t).body, asks=question)
    return replace(home, body=problems.unknown_words(t).body, asks=question)


def _open_question(event: TelegramObject, customer: Customer) -> CallbackData | None:
    """What the person was asked, if this may be a try to answer it: no tap and no command."""
    if not isinstance(event, Message) or (event.text or "").startswith("/"):
        return None
    prompt = customer.prompt or ""
    try:
        return _PROMPTS[prompt.split(":", 1)[0]].unpack(prompt)
    except (KeyError, TypeError, ValueError):
        return None


def _wait(t: Texts, seconds: int) -> Text:
    return t.n("Please try again in {n} second.", "Please try again in {n} seconds.", n=seconds)

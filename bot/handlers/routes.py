"""Routes: what a tap, a command or a typed answer leads to. Nothing else registers a handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from aiogram import F, Router
from aiogram.filters import Command, Filter
from aiogram.filters.callback_data import CallbackData
from aiogram.types import Message, TelegramObject

from bot.domain.customers import Customer
from bot.screens.base import Answer

Handler = Callable[..., Awaitable[Answer]]


class Role(StrEnum):
    """Who may take a route; checked on every route, not when its button was drawn."""

    ANYBODY = "anybody"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Tap:
    """A button with this payload; the handler gets it as `callback_data`."""

    payload: type[CallbackData]
    handler: Handler
    role: Role


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed text that answers this question; the handler gets it as `prompt` and `words`."""

    prompt: type[CallbackData]
    handler: Handler
    role: Role


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that answers this question; the handler gets it as `prompt` and `document`."""

    prompt: type[CallbackData]
    handler: Handler
    role: Role


@dataclass(frozen=True, slots=True)
class Said:
    """A command; the handler gets what follows it as `words`."""

    command: str
    handler: Handler
    role: Role


@dataclass(frozen=True, slots=True)
class Picked:
    """A person picked from Telegram's own list; the handler gets the id as `picked`."""

    handler: Handler
    role: Role


Route = Tap | Typed | Attached | Said | Picked


def tap(payload: type[CallbackData], handler: Handler, *, role: Role = Role.ANYBODY) -> Route:
    """A button leads to this handler."""
    return Tap(payload, handler, role)


def typed(prompt: type[CallbackData], handler: Handler, *, role: Role = Role.ANYBODY) -> Route:
    """A text typed in answer to a screen that `asks` this leads to this handler."""
    return Typed(prompt, handler, role)


def attached(prompt: type[CallbackData], handler: Handler, *, role: Role = Role.ANYBODY) -> Route:
    """A file sent in answer to a screen that `asks` this leads to this handler."""
    return Attached(prompt, handler, role)


def said(command: str, handler: Handler, *, role: Role = Role.ANYBODY) -> Route:
    """A command leads to this handler."""
    return Said(command, handler, role)


def picked(handler: Handler, *, role: Role = Role.ANYBODY) -> Route:
    """A picked person leads to this handler."""
    return Picked(handler, role)


def router(routes: tuple[Route, ...]) -> Router:
    """The routes as aiogram knows them."""
    made = Router()
    for route in routes:
        rights = (_is_owner,) if route.role is Role.OWNER else ()
        match route:
            case Tap(payload, handler):
                made.callback_query.register(handler, *rights, payload.filter())
            case Typed(prompt, handler):
                made.message.register(handler, *rights, F.text, _Answers(prompt))
            case Attached(prompt, handler):
                made.message.register(
                    handler, *rights, F.document.as_("document"), _Answers(prompt)
                )
            case Said(name, handler):
                made.message.register(handler, *rights, Command(name), _words_after)
            case Picked(handler):
                made.message.register(handler, *rights, F.users_shared, _picked_id)
    return made


async def _is_owner(_: TelegramObject, customer: Customer) -> bool:
    return customer.is_owner


async def _words_after(message: Message) -> dict[str, object]:
    _, *words = (message.text or "").split(maxsplit=1)
    # Spaces alone: other white space is part of what was typed, and an amount refuses it.
    return {"words": "".join(words).strip(" ")}


async def _picked_id(message: Message) -> dict[str, object] | bool:
    users = message.users_shared.users if message.users_shared else []
    return {"picked": users[0].user_id} if len(users) == 1 else False


class _Answers(Filter):
    """Whether the customer's open question is of this kind."""

    def __init__(self, prompt: type[CallbackData]) -> None:
        self._prompt = prompt

    async def __call__(self, message: Message, customer: Customer) -> dict[str, object] | bool:
        text = message.text or ""
        if customer.prompt is None or text.startswith("/"):
            return False
        try:
            return {"prompt": self._prompt.unpack(customer.prompt), "words": text.strip()}
        except (TypeError, ValueError):
            return False

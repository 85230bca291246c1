"""How the bot introduces itself: its menu of commands and its description, in each language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiogram.methods import (
    GetMyDescription,
    GetMyShortDescription,
    SetMyCommands,
    SetMyDescription,
    SetMyShortDescription,
)
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)

from bot.i18n import LANGUAGES, Text, Texts, texts

log: Final = structlog.stdlib.get_logger(__name__)


def commands(t: Texts) -> dict[str, Text]:
    """The commands in everybody's menu."""
    return {
        "start": t("The first screen"),
        "browse": t("What is on sale"),
        "orders": t("My orders"),
        "find": t("Find an order"),
        "usage": t("Check usage"),
        "balance": t("Balance and statement"),
        "help": t("How it works"),
        "language": t("Language"),
        "cancel": t("Leave a question unanswered"),
    }


def owner_commands(t: Texts) -> dict[str, Text]:
    """The commands that owners have besides; each handler checks again who is asking."""
    return {
        "shop": t("Balances, sales and open questions"),
        "topup": t("Top up a customer"),
        "debit": t("Take money out of a wallet"),
        "markup": t("Rules and prices"),
        "plans": t("What your own plans cost, and which are on sale"),
        "order": t("One order's whole history"),
        "block": t("Stop a customer's buying and typing"),
        "unblock": t("Allow it again"),
    }


async def introduce(bot: Bot, owners: Iterable[int]) -> None:
    """Set the menus, and the descriptions where the owner wrote none. What fails is logged.

    The bot's name is left as it is: it is the shop's brand, chosen with BotFather.
    """
    try:
        for t, code in _languages():
            await bot(
                SetMyCommands(
                    commands=_menu(commands(t)),
                    scope=BotCommandScopeAllPrivateChats(),
                    language_code=code,
                )
            )
            for owner in owners:
                await _menu_of(bot, owner, t, code)
            await _describe(bot, t, code)
    except AiogramError as error:
        log.warning("Telegram did not take the introduction", error=type(error).__name__)


async def give_owner_menu(bot: Bot, owner: int) -> None:
    """Set the menu of an owner who has started the bot; before that, Telegram refuses it."""
    for t, code in _languages():
        await _menu_of(bot, owner, t, code)


def _languages() -> list[tuple[Texts, str | None]]:
    # English comes last and without a language code: it is what everybody else sees.
    ordered = sorted(LANGUAGES, key=lambda code: code == "en")
    return [(texts(code), None if code == "en" else code) for code in ordered]


async def _menu_of(bot: Bot, owner: int, t: Texts, code: str | None) -> None:
    try:
        await bot(
            SetMyCommands(
                commands=_menu({**commands(t), **owner_commands(t)}),
                scope=BotCommandScopeChat(chat_id=owner),
                language_code=code,
            )
        )
    except TelegramBadRequest:
        log.info("an owner has not started the bot yet", owner=owner)


async def _describe(bot: Bot, t: Texts, code: str | None) -> None:
    about = t("Proxies from several providers: pick a plan, pay from your balance, get it here.")
    short = t("Proxies in a few taps, with usage and help in the chat.")
    known = await bot(GetMyDescription(language_code=code))
    if not known.description:
        await bot(SetMyDescription(description=about.plain(), language_code=code))
    brief = await bot(GetMyShortDescription(language_code=code))
    if not brief.short_description:
        await bot(SetMyShortDescription(short_description=short.plain(), language_code=code))


def _menu(named: dict[str, Text]) -> list[BotCommand]:
    return [BotCommand(command=name, description=text.plain()) for name, text in named.items()]

"""What a bot says of itself: its name, its descriptions, its commands and its menu button."""

import re
from collections.abc import Callable
from typing import Any

from bot.demo.telegram_values import Params, Person, refuse

Command = dict[str, str]

_LENGTHS = {"name": 64, "description": 512, "short_description": 120}
_MOST_COMMANDS = 100
_PLAIN_SCOPES = {
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
}
_CHAT_SCOPES = {"chat", "chat_administrators", "chat_member"}


class Profile:
    """The bot's own settings; `chat` finds the chat of a call and says whether it is private."""

    def __init__(self, name: str, chat: Callable[[Params], tuple[int, bool]]) -> None:
        self._chat = chat
        self._texts: dict[tuple[str, str], str] = {("name", ""): name}
        self._given_name = name
        self._commands: dict[tuple[str, str], list[Command]] = {}
        self._menu_buttons: dict[int | None, dict[str, Any]] = {}

    @property
    def name(self) -> str:
        return self._texts["name", ""]

    def commands_of(self, person: Person) -> list[Command]:
        """The menu of a person's private chat: the nearest scope, and there their language."""
        for scope in (f"chat:{person.id}", "all_private_chats", "default"):
            for language in ((person.language_code or "")[:2], ""):
                if (scope, language) in self._commands:
                    return self._commands[scope, language]
        return []

    def description_for(self, person: Person) -> str:
        """The description in a person's language, or the one for everybody."""
        own = self._texts.get(("description", (person.language_code or "")[:2]))
        return own or self._texts.get(("description", ""), "")

    def set_text(self, given: Params, what: str) -> bool:
        language = _language(given)
        text = given.text(what).strip()
        if len(text) > _LENGTHS[what]:
            # Telegram refuses these; the words are ours.
            refuse(f"bot {what.replace('_', ' ')} is too long")
        if what == "name" and not language:
            text = text or self._given_name
        self._texts[what, language] = text
        return True

    def get_text(self, given: Params, what: str) -> Command:
        own = self._texts.get((what, _language(given)))
        return {what: own or self._texts.get((what, ""), "")}

    def set_commands(self, given: Params) -> bool:
        commands = given.json("commands", "commands")
        if not isinstance(commands, list):
            refuse("expected an Array of BotCommand")
        place = self._place(given)
        checked = [_command(command) for command in commands]
        if len(checked) > _MOST_COMMANDS:
            refuse("BOT_COMMANDS_TOO_MUCH")
        self._commands[place] = checked
        if not checked:
            del self._commands[place]
        return True

    def get_commands(self, given: Params) -> list[Command]:
        return self._commands.get(self._place(given), [])

    def delete_commands(self, given: Params) -> bool:
        self._commands.pop(self._place(given), None)
        return True

    def set_menu_button(self, given: Params) -> bool:
        chosen: dict[str, Any] = {}
        match given.json("menu_button", "MenuButton") or {"type": "default"}:
            case {"type": "commands" | "default" as kind}:
                chosen = {"type": kind}
            case {"type": "web_app", "text": str(text), "web_app": {"url": str(url)}}:
                if not text.strip():
                    refuse("menu button text must be non-empty")
                chosen = {"type": "web_app", "text": text, "web_app": {"url": url}}
            case _:
                refuse("can't parse MenuButton: Unsupported type specified")
        self._menu_buttons[self._menu_chat(given)] = chosen
        return True

    def get_menu_button(self, given: Params) -> dict[str, Any]:
        own = self._menu_buttons.get(self._menu_chat(given), {"type": "default"})
        if own["type"] == "default":
            own = self._menu_buttons.get(None, {"type": "commands"})
        return own

    def _menu_chat(self, given: Params) -> int | None:
        return self._chat(given)[0] if "chat_id" in given else None

    def _place(self, given: Params) -> tuple[str, str]:
        """Scope and language as one key."""
        scope = given.json("scope", "BotCommandScope") or {"type": "default"}
        kind = scope.get("type") if isinstance(scope, dict) else None
        if kind in _PLAIN_SCOPES:
            return str(kind), _language(given)
        if kind not in _CHAT_SCOPES:
            refuse("can't parse BotCommandScope: Unsupported type specified")
        chat_id, is_private = self._chat(Params(scope))
        if kind != "chat" and is_private:
            refuse("can't use specified scope in private chats")
        member = f":{scope.get('user_id')}" if kind == "chat_member" else ""
        return f"{kind}:{chat_id}{member}", _language(given)


def _language(given: Params) -> str:
    language = given.text("language_code")
    if not re.fullmatch(r"|[a-z]{2}", language):
        refuse("invalid language code specified")
    return language


def _command(command: Any) -> Command:
    if not isinstance(command, dict):
        refuse("can't parse BotCommand: expected an Object")
    for field in ("command", "description"):
        if not isinstance(command.get(field), str):
            refuse(f"can't parse BotCommand: Can't find field \"{field}\"")
    name = command["command"].strip().removeprefix("/")
    description = command["description"].strip()
    for what, text, most in (("command", name, 32), ("command description", description, 256)):
        if not text:
            refuse(f"{what} must be non-empty")
        if len(text) > most:
            refuse(f"{what} length must not exceed {most}")
    if not re.fullmatch(r"[a-z0-9_]+", name):
        refuse("BOT_COMMAND_INVALID")
    return {"command": name, "description": description}

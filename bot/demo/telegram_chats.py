"""The chats of a fake Telegram, and how they and their messages look to the bot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram_keyboards import Markup
from bot.demo.telegram_values import Message, Params, Person, person_wire, refuse


@dataclass(slots=True)
class Chat:
    """One chat; `person` is None for a group."""

    id: int
    person: Person | None
    title: str = ""
    is_started: bool = False
    is_blocked: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    last_id: int = 0
    keyboard: Markup | None = None


class Chats:
    """Everybody's private chat with the bot, and the groups it is in."""

    def __init__(
        self,
        people: Mapping[int, Person],
        clock: Callable[[], float],
        me: Callable[[], dict[str, Any]],
    ) -> None:
        self._people = people
        self._clock = clock
        self._me = me
        self._rooms: dict[int, Chat] = {}

    def at(self, chat_id: int) -> Chat | None:
        """The chat of this id, if anything ever happened in it."""
        return self._rooms.get(chat_id)

    def room(self, person: Person, chat: int | None) -> Chat:
        """The chat that somebody is in: a group of that id, or their own with the bot."""
        if chat is not None and chat != person.id:
            return self._rooms.setdefault(chat, Chat(chat, None, f"Group {abs(chat)}"))
        room = self._rooms.setdefault(person.id, Chat(person.id, person))
        room.person = person
        return room

    def add(self, room: Chat, sender: Person | None, **more: Any) -> Message:
        """A new message at the end; without a sender it is the bot's."""
        room.last_id += 1
        message = Message(room.last_id, room.id, int(self._clock()), sender, **more)
        room.messages[message.id] = message
        return message

    def chat_wire(self, room: Chat) -> dict[str, Any]:
        """A chat as a Chat of the Bot API."""
        if room.person is None:
            kind = "supergroup" if str(room.id).startswith("-100") else "group"
            return {"id": room.id, "type": kind, "title": room.title}
        person = person_wire(room.person)
        names = {key: person[key] for key in person if key.endswith("name")}
        return {**names, "id": room.id, "type": "private"}

    def wire(self, message: Message, *, with_reply: bool = True) -> dict[str, Any]:
        """A message as a Message of the Bot API."""
        room = self._rooms[message.chat_id]
        sender = self._me() if message.sender is None else person_wire(message.sender)
        wire: dict[str, Any] = {
            "message_id": message.id,
            "from": sender,
            "chat": self.chat_wire(room),
            "date": message.date,
        }
        if message.edited_at is not None:
            wire["edit_date"] = message.edited_at
        original = room.messages.get(message.reply_to or 0)
        if original is not None and with_reply:
            wire["reply_to_message"] = self.wire(original, with_reply=False)
        if message.forward_of is not None:
            source = person_wire(message.forward_of)
            wire["forward_origin"] = {"type": "user", "date": message.date, "sender_user": source}
        for name in ("document", "photo", "users_shared", "effect_id"):
            if (value := getattr(message, name)) is not None:
                wire[name] = value
        text, entities = (
            ("caption", "caption_entities") if message.is_media else ("text", "entities")
        )
        if message.text:
            wire[text] = message.text
        if message.entities:
            wire[entities] = message.entities
        if message.is_protected:
            wire["has_protected_content"] = True
        if message.rows:
            wire["reply_markup"] = {"inline_keyboard": message.rows}
        return wire

    def find(self, given: Params) -> Chat:
        """The chat that a call names, if the bot can see it."""
        if not given.text("chat_id"):
            refuse("chat_id is empty")
        chat_id = given.integer("chat_id")
        room = self._rooms.get(chat_id)
        if room is None and chat_id in self._people:
            room = self._rooms[chat_id] = Chat(chat_id, self._people[chat_id])
        if room is None:
            refuse("chat not found")
        return room

    def kind(self, given: Params) -> tuple[int, bool]:
        """The id of the chat that a call names, and whether it is a private one."""
        room = self.find(given)
        return room.id, room.person is not None


def check_writable(room: Chat) -> None:
    """Refuse as Telegram does when the person does not want to hear from the bot.

    Somebody the bot has met elsewhere is 403, a stranger is "chat not found" above.
    """
    if room.is_blocked:
        refuse("bot was blocked by the user", 403)
    if not room.is_started:
        refuse("bot can't initiate conversation with a user", 403)

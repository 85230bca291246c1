"""A fake Telegram: the Bot API on one side, people who write and tap on the other."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.demo.telegram_files import Files
from bot.demo.telegram_keyboards import BadKeyboard, Markup, read_markup
from bot.demo.telegram_limits import Limits
from bot.demo.telegram_profile import Profile
from bot.demo.telegram_texts import check_text, read_caption, read_text, said
from bot.demo.telegram_updates import LONGEST_POLL, Updates
from bot.demo.telegram_values import (
    Answer,
    Call,
    CallbackAnswer,
    Change,
    Fault,
    Message,
    NoAnswer,
    Params,
    Person,
    Refused,
    UploadedFile,
    misfortune,
    person_wire,
    refusal,
    refuse,
)
from bot.demo.telegram_webhook import Webhook

if TYPE_CHECKING:
    from aiohttp.web import Application

__all__ = [
    "Answer",
    "Call",
    "CallbackAnswer",
    "Change",
    "Fault",
    "Message",
    "NoAnswer",
    "Person",
    "Telegram",
    "UploadedFile",
    "web",
]

CALLBACK_ANSWER_LENGTH = 200
CALLBACK_SECONDS = 15.0
"""How long a tap may be answered. Telegram names no number; bots observe about this one."""
DELETABLE_SECONDS = 48 * 3600

_REMEMBERED_CALLS = 10_000
_ACTIONS = """
    typing upload_photo record_video upload_video record_voice upload_voice upload_document
    choose_sticker find_location record_video_note upload_video_note
"""
_REACTIONS = """
    ❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥
    🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇
    😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡
"""


@dataclass(slots=True)
class _Chat:
    id: int
    person: Person | None
    title: str = ""
    is_started: bool = False
    is_blocked: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    last_id: int = 0
    keyboard: Markup | None = None


@dataclass(slots=True)
class _Query:
    id: str
    chat_id: int
    at: float
    answer: CallbackAnswer | None = None


class Telegram:
    """One bot and the people around it. Everything happens on one thread, at once.

    Message ids count per chat, so a bot that forgets the chat of an id is found out.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        bot_name: str = "Demo Shop",
        bot_username: str = "demo_shop_bot",
        bot_id: int = 7_000_000_001,
        people: Iterable[Person] = (),
        callback_seconds: float = CALLBACK_SECONDS,
    ) -> None:
        self.bot_id = bot_id
        self.bot_username = bot_username
        self.people: dict[int, Person] = {person.id: person for person in people}
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.on_change: list[Callable[[Change], None]] = []
        self._clock = clock
        self._callback_seconds = callback_seconds
        self._chats: dict[int, _Chat] = {}
        self._updates = Updates()
        self.webhook = Webhook(self._updates)
        self.limits: Limits | None = None
        """Set one, and the bot may send no more than Telegram lets it."""
        self._queries: dict[str, _Query] = {}
        self._files = Files()
        self._profile = profile = Profile(bot_name, self._chat_of)
        self._methods: dict[str, Callable[[Params], Any]] = {
            "getme": lambda _: self._me(),
            "getupdates": self.webhook.poll,
            "setwebhook": self._set_webhook,
            "getwebhookinfo": self.webhook.info,
            "deletewebhook": self.webhook.delete,
            "sendmessage": self._send_message,
            "senddocument": lambda p: self._send_file(p, "document"),
            "sendphoto": lambda p: self._send_file(p, "photo"),
            "sendchataction": self._send_chat_action,
            "editmessagetext": self._edit_message_text,
            "editmessagecaption": self._edit_message_caption,
            "editmessagereplymarkup": self._edit_message_reply_markup,
            "deletemessage": self._delete_message,
            "setmessagereaction": self._set_message_reaction,
            "answercallbackquery": self._answer_callback_query,
            "getchat": self._get_chat,
            "getfile": self._files.find,
            "setmycommands": self._set_my_commands,
            "getmycommands": profile.get_commands,
            "deletemycommands": self._delete_my_commands,
            "setmyname": lambda p: profile.set_text(p, "name"),
            "getmyname": lambda p: profile.get_text(p, "name"),
            "setmydescription": lambda p: profile.set_text(p, "description"),
            "getmydescription": lambda p: profile.get_text(p, "description"),
            "setmyshortdescription": lambda p: profile.set_text(p, "short_description"),
            "getmyshortdescription": lambda p: profile.get_text(p, "short_description"),
            "setchatmenubutton": profile.set_menu_button,
            "getchatmenubutton": profile.get_menu_button,
        }

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, UploadedFile] | None = None,
    ) -> Answer:
        """One call of the Bot API. A refusal is an Answer too; only a lost one raises NoAnswer."""
        call = Call(method, dict(params or {}), None, self._clock())
        self.calls.append(call)
        del self.calls[:-_REMEMBERED_CALLS]
        given = Params(call.params, files or {})
        fault = self._fault(method, given)
        if fault is not None and fault.lose_call:
            raise NoAnswer(method)
        if fault is not None and not fault.lose_answer:
            call.answer = misfortune(fault)
            return call.answer
        if self.limits and (wait := self.limits.seconds_to_wait(method, given.integer("chat_id"))):
            call.answer = misfortune(Fault(status=429, retry_after=wait))
            return call.answer
        answer = self._answer(method, given)
        if fault is not None:
            raise NoAnswer(method)
        call.answer = answer
        return answer

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, UploadedFile] | None = None,
    ) -> Answer:
        """Like `call`, but getUpdates waits for an update as long as its `timeout` says.

        Of two that wait, the older one is sent away with 409, as Telegram does.
        """
        if method.lower() == "getupdates":
            self._updates.end_wait(_OTHER_POLL)
        answer = self.call(method, params, files)
        given = Params(params or {})
        seconds = min(given.integer("timeout"), LONGEST_POLL)
        if method.lower() != "getupdates" or not answer.ok or answer.result or seconds <= 0:
            return answer
        call = self.calls[-1]
        conflict = await self._updates.wait(seconds)
        call.answer = refusal(409, conflict) if conflict else self._answer(method, given)
        return call.answer

    def hang_up(self) -> None:
        """Let a waiting getUpdates return with nothing, for shutting down."""
        self._updates.end_wait()

    @property
    def pending(self) -> int:
        """How many updates the bot has not confirmed."""
        return self._updates.pending

    def next_for_webhook(self) -> dict[str, Any] | None:
        """The update to hand over next; None without a webhook or without updates."""
        return self._updates.first if self.webhook.url else None

    def confirm(self, update_id: int) -> None:
        """The webhook took an update."""
        self._updates.confirm(update_id)
        self._changed("update", None)

    def webhook_failed(self, words: str) -> None:
        """The webhook did not take an update; getWebhookInfo says why."""
        self.webhook.failed(self._clock(), words)
        self._changed("update", None)

    def obey_limits(self, *, obeys: bool) -> None:
        """Hold the bot to Telegram's limits from now on, or do not."""
        self.limits = Limits(self._clock) if obeys else None

    def count(self, method: str) -> int:
        """How often a method was called, lost calls included."""
        return sum(call.method.lower() == method.lower() for call in self.calls)

    def file(self, path: str) -> UploadedFile | None:
        """The file that getFile named."""
        return self._files.at(path)

    def send(
        self,
        person: Person,
        text: str,
        *,
        chat: int | None = None,
        reply_to: int | None = None,
        forward_of: Person | None = None,
    ) -> int:
        """Somebody writes to the bot, or in a group; the id of the update.

        In groups the bot hears everything, as one that is an administrator does.
        """
        room = self._enter(person, chat)
        message = self._add(room, person, reply_to=reply_to, forward_of=forward_of, **said(text))
        if forward_of is not None:
            self.people.setdefault(forward_of.id, forward_of)
        self._put_away_keyboard(room)
        return self._tell("message", self._wire(message), message)

    def share_users(self, person: Person, request_id: int, users: list[Person]) -> int:
        """Somebody answers a request_users button; the id of the update."""
        room = self._enter(person, None)
        rows = room.keyboard["keyboard"] if room.keyboard else []
        asked = [button.get("request_users", {}) for row in rows for button in row]
        wanted: dict[str, Any] = next(
            (each for each in asked if each.get("request_id") == request_id), {}
        )
        shared = []
        for user in users:
            self.people.setdefault(user.id, user)
            known: dict[str, Any] = {"user_id": user.id}
            if wanted.get("request_name"):
                known["first_name"] = user.first_name
                known |= {"last_name": user.last_name} if user.last_name else {}
            if wanted.get("request_username") and user.username:
                known["username"] = user.username
            shared.append(known)
        message = self._add(room, person)
        message.users_shared = {"request_id": request_id, "users": shared}
        self._put_away_keyboard(room)
        return self._tell("message", self._wire(message), message)

    def tap(self, person: Person, message_id: int, data: str, *, chat: int | None = None) -> str:
        """Somebody taps a button, or sends any data at all, as clients can; the query's id."""
        self.people[person.id] = person
        room = self._room(person, chat)
        message = room.messages.get(message_id)
        query = _Query(str(4_000_000_000_000 + len(self._queries)), room.id, self._clock())
        self._queries[query.id] = query
        gone = {"chat": self._chat_wire(room), "message_id": message_id, "date": 0}
        update = {
            "id": query.id,
            "from": person_wire(person),
            "message": gone if message is None else self._wire(message),
            "chat_instance": str(room.id * 7919),
            "data": data,
        }
        self._tell("callback_query", update)
        return query.id

    def block(self, person: Person) -> None:
        """Somebody stops the bot: it may not write to them any more."""
        self._set_blocked(self._room(person, None), person, blocked=True)

    def unblock(self, person: Person) -> None:
        """Somebody lets the bot write again."""
        self._set_blocked(self._room(person, None), person, blocked=False)

    def delete(self, chat_id: int, message_id: int) -> None:
        """Somebody deletes a message for everyone; Telegram does not tell bots."""
        if chat_id in self._chats:
            self._chats[chat_id].messages.pop(message_id, None)
            self._changed("delete", chat_id, message_id)

    def messages(self, chat_id: int) -> list[Message]:
        """The chat as it looks now, oldest first; these are copies."""
        room = self._chats.get(chat_id)
        return [copy.copy(message) for message in room.messages.values()] if room else []

    def keyboard(self, chat_id: int) -> Markup | None:
        """The reply keyboard that is open below the chat."""
        room = self._chats.get(chat_id)
        return room.keyboard if room else None

    def commands(self, person: Person) -> list[dict[str, str]]:
        """The command menu of a person's private chat, chosen by scope and language."""
        return self._profile.commands_of(person)

    def about(self, person: Person) -> str:
        """What an empty chat says the bot can do, in the person's language."""
        return self._profile.description_for(person)

    def sent_file(self, file_id: str) -> UploadedFile | None:
        """A file of a message, by its id."""
        return self._files.get(file_id)

    def answers(self, callback_query_id: str) -> CallbackAnswer | None:
        """What the bot answered to a tap; None while the spinner turns."""
        query = self._queries.get(callback_query_id)
        return query.answer if query else None

    def _answer(self, method: str, given: Params) -> Answer:
        try:
            handler = self._methods.get(method.lower())
            if handler is None:
                # The words a bot hears from api.telegram.org for a method it does not have.
                return refusal(404, "Not Found")
            return Answer(200, {"ok": True, "result": copy.deepcopy(handler(given))})
        except Refused as refused:
            return refusal(refused.status, refused.description)
        except BadKeyboard as refused:
            return refusal(400, f"Bad Request: {refused}")

    def _fault(self, method: str, given: Params) -> Fault | None:
        chat_id = given.integer("chat_id")
        if query := self._queries.get(given.text("callback_query_id")):
            chat_id = query.chat_id
        for fault in self.faults:
            is_of_method = fault.method is None or fault.method.lower() == method.lower()
            if is_of_method and fault.chat_id in (None, chat_id):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _changed(self, kind: str, chat_id: int | None, message_id: int | None = None) -> None:
        for listener in list(self.on_change):
            listener(Change(kind, chat_id, message_id))

    def _tell(self, kind: str, body: dict[str, Any], message: Message | None = None) -> int:
        """Queue an update for the bot, unless it asked not to hear of this kind."""
        update_id, is_wanted = self._updates.add(kind, body)
        if message is not None:
            self._changed("message", message.chat_id, message.id)
        self._changed("update", None)
        if is_wanted:
            self._updates.end_wait()
        return update_id

    def _room(self, person: Person, chat: int | None) -> _Chat:
        """The chat that somebody is in: a group of that id, or their own with the bot."""
        if chat is not None and chat != person.id:
            return self._chats.setdefault(chat, _Chat(chat, None, f"Group {abs(chat)}"))
        room = self._chats.setdefault(person.id, _Chat(person.id, person))
        room.person = person
        return room

    def _enter(self, person: Person, chat: int | None) -> _Chat:
        """The chat, now that somebody writes in it: from here on the bot may write as well."""
        self.people[person.id] = person
        room = self._room(person, chat)
        # Clients offer "Restart" instead of a text field to those who stopped the bot.
        self._set_blocked(room, person, blocked=False)
        room.is_started = True
        return room

    def _set_blocked(self, room: _Chat, person: Person, *, blocked: bool) -> None:
        if room.is_blocked == blocked:
            return
        room.is_blocked = blocked
        bot = self._bot_wire()
        member = {"status": "member", "user": bot}
        kicked = {"status": "kicked", "user": bot, "until_date": 0}
        update = {
            "chat": self._chat_wire(room),
            "from": person_wire(person),
            "date": int(self._clock()),
            "old_chat_member": member if blocked else kicked,
            "new_chat_member": kicked if blocked else member,
        }
        self._tell("my_chat_member", update)
        self._changed("block", room.id)

    def _put_away_keyboard(self, room: _Chat) -> None:
        if room.keyboard is not None and room.keyboard.get("one_time_keyboard"):
            room.keyboard = None
            self._changed("keyboard", room.id)

    def _add(self, room: _Chat, sender: Person | None, **more: Any) -> Message:
        room.last_id += 1
        message = Message(room.last_id, room.id, int(self._clock()), sender, **more)
        room.messages[message.id] = message
        return message

    def _bot_wire(self) -> dict[str, Any]:
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": self._profile.name,
            "username": self.bot_username,
        }

    def _chat_wire(self, room: _Chat) -> dict[str, Any]:
        if room.person is None:
            kind = "supergroup" if str(room.id).startswith("-100") else "group"
            return {"id": room.id, "type": kind, "title": room.title}
        person = person_wire(room.person)
        names = {key: person[key] for key in person if key.endswith("name")}
        return {**names, "id": room.id, "type": "private"}

    def _wire(self, message: Message, *, with_reply: bool = True) -> dict[str, Any]:
        room = self._chats[message.chat_id]
        sender = self._bot_wire() if message.sender is None else person_wire(message.sender)
        wire: dict[str, Any] = {
            "message_id": message.id,
            "from": sender,
            "chat": self._chat_wire(room),
            "date": message.date,
        }
        if message.edited_at is not None:
            wire["edit_date"] = message.edited_at
        original = room.messages.get(message.reply_to or 0)
        if original is not None and with_reply:
            wire["reply_to_message"] = self._wire(original, with_reply=False)
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

    def _chat(self, given: Params) -> _Chat:
        """The chat that a call names, if the bot can see it."""
        if not given.text("chat_id"):
            refuse("chat_id is empty")
        chat_id = given.integer("chat_id")
        room = self._chats.get(chat_id)
        if room is None and chat_id in self.people:
            room = self._chats[chat_id] = _Chat(chat_id, self.people[chat_id])
        if room is None:
            refuse("chat not found")
        return room

    def _chat_of(self, given: Params) -> tuple[int, bool]:
        room = self._chat(given)
        return room.id, room.person is not None

    def _writable(self, room: _Chat) -> None:
        """Refuse as Telegram does when the person does not want to hear from the bot.

        Somebody the bot has met elsewhere is 403, a stranger is "chat not found" above.
        """
        if room.is_blocked:
            refuse("bot was blocked by the user", 403)
        if not room.is_started:
            refuse("bot can't initiate conversation with a user", 403)

    def _markup(self, given: Params, *, only_inline: bool = False) -> Markup:
        markup = given.json("reply_markup", "reply keyboard markup")
        return read_markup(markup, only_inline=only_inline)

    def _reply_to(self, given: Params, room: _Chat) -> int | None:
        reply = given.object("reply_parameters", "reply parameters")
        if not reply and "reply_to_message_id" in given:
            reply = {
                "message_id": given.integer("reply_to_message_id"),
                "allow_sending_without_reply": given.flag("allow_sending_without_reply"),
            }
        if not reply:
            return None
        if "message_id" not in reply:
            refuse('can\'t find field "message_id"')
        message_id = Params(reply).integer("message_id")
        if message_id in room.messages:
            return message_id
        if not reply.get("allow_sending_without_reply"):
            refuse("message to be replied not found")
        return None

    def _post(self, given: Params, room: _Chat, markup: Markup, **content: Any) -> dict[str, Any]:
        if "message_thread_id" in given:
            refuse("message thread not found")
        effect = given.text("message_effect_id")
        if effect and not (effect.isdecimal() and int(effect) < 2**63):
            refuse("EFFECT_ID_INVALID")
        reply_to = self._reply_to(given, room)
        self._writable(room)
        message = self._add(room, None, reply_to=reply_to, **content)
        message.is_protected = given.flag("protect_content")
        message.effect_id = effect or None
        message.rows = markup.get("inline_keyboard", [])
        if markup and not message.rows:
            message.reply_keyboard = markup
            room.keyboard = markup if "keyboard" in markup else None
            self._changed("keyboard", room.id)
        self._changed("message", room.id, message.id)
        return self._wire(message)

    def _send_message(self, given: Params) -> dict[str, Any]:
        content = read_text(given, self.people)
        preview = given.object("link_preview_options", "link preview options")
        if not isinstance(preview.get("is_disabled", False), bool):
            refuse('field "is_disabled" must be of type Boolean')
        markup = self._markup(given)
        room = self._chat(given)
        check_text(content)
        return self._post(given, room, markup, **content)

    def _send_file(self, given: Params, kind: str) -> dict[str, Any]:
        content = read_caption(given, self.people)
        markup = self._markup(given)
        room = self._chat(given)
        return self._post(given, room, markup, **{kind: self._files.take(given, kind)}, **content)

    def _send_chat_action(self, given: Params) -> bool:
        if given.text("action").lower() not in _ACTIONS.split():
            refuse("wrong parameter action in request")
        room = self._chat(given)
        self._writable(room)
        self._changed("action", room.id)
        return True

    def _own(self, given: Params) -> Message:
        """The message that an edit is about: the bot's own, still there, still editable."""
        room = self._chat(given)
        if given.integer("message_id") <= 0:
            refuse("message identifier is not specified")
        message = room.messages.get(given.integer("message_id"))
        if message is None:
            refuse("message to edit not found")
        # A message that came with a reply keyboard cannot be edited ever after.
        if not message.from_bot or message.reply_keyboard is not None:
            refuse("message can't be edited")
        # Not sure that Telegram refuses edits as well as messages here.
        self._writable(room)
        return message

    def _edit(self, message: Message, given: Params, **content: Any) -> dict[str, Any]:
        # Left out, the keyboard goes: edits name the whole message.
        rows = self._markup(given, only_inline=True).get("inline_keyboard", [])
        changed = rows != message.rows or any(
            getattr(message, name) != content[name]
            for name in ("text", "entities")
            if name in content
        )
        if not changed:
            refuse(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        message.rows = rows
        for name, value in content.items():
            setattr(message, name, value)
        message.edited_at = int(self._clock())
        self._changed("edit", message.chat_id, message.id)
        return self._wire(message)

    def _edit_message_text(self, given: Params) -> dict[str, Any]:
        content = read_text(given, self.people)
        self._markup(given, only_inline=True)
        message = self._own(given)
        if message.is_media:
            refuse("there is no text in the message to edit")
        check_text(content)
        return self._edit(message, given, **content)

    def _edit_message_caption(self, given: Params) -> dict[str, Any]:
        content = read_caption(given, self.people)
        message = self._own(given)
        if not message.is_media:
            refuse("there is no caption in the message to edit")
        return self._edit(message, given, **content)

    def _edit_message_reply_markup(self, given: Params) -> dict[str, Any]:
        return self._edit(self._own(given), given)

    def _delete_message(self, given: Params) -> bool:
        room = self._chat(given)
        if given.integer("message_id") <= 0:
            refuse("message identifier is not specified")
        message = room.messages.get(given.integer("message_id"))
        if message is None:
            refuse("message to delete not found")
        if not message.from_bot and room.person is None:
            refuse("message can't be deleted")
        if self._clock() - message.date > DELETABLE_SECONDS:
            refuse("message can't be deleted for everyone")
        del room.messages[message.id]
        self._changed("delete", room.id, message.id)
        return True

    def _set_message_reaction(self, given: Params) -> bool:
        room = self._chat(given)
        message = room.messages.get(given.integer("message_id"))
        if message is None:
            refuse("message to react not found")
        reactions = given.array("reaction", "reactions")
        if len(reactions) > 1:
            refuse("REACTIONS_TOO_MANY")
        chosen = [_emoji(each) for each in reactions]
        if any(emoji not in _REACTIONS.split() for emoji in chosen):
            refuse("REACTION_INVALID")
        message.reactions = chosen
        self._changed("reaction", room.id, message.id)
        return True

    def _answer_callback_query(self, given: Params) -> bool:
        query = self._queries.get(given.text("callback_query_id"))
        # A second answer to one tap is refused like an unknown one.
        if (
            query is None
            or query.answer is not None
            or self._clock() - query.at > self._callback_seconds
        ):
            refuse("query is too old and response timeout expired or query ID is invalid")
        text = given.text("text")
        if len(text) > CALLBACK_ANSWER_LENGTH:
            refuse("MESSAGE_TOO_LONG")
        url = given.text("url") or None
        own = (f"https://t.me/{self.bot_username}?start=", f"t.me/{self.bot_username}?start=")
        if url is not None and not url.lower().startswith(own):
            # Only games and links that start this very bot open from an answer.
            refuse("URL_INVALID")
        query.answer = CallbackAnswer(text, given.flag("show_alert"), url)
        self._changed("answer", query.chat_id)
        return True

    def _me(self) -> dict[str, Any]:
        return {
            **self._bot_wire(),
            "can_join_groups": True,
            "can_read_all_group_messages": True,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def _set_webhook(self, given: Params) -> bool:
        is_set = self.webhook.set(given)
        # What waits already is sent as well.
        self._changed("update", None)
        return is_set

    def _get_chat(self, given: Params) -> dict[str, Any]:
        gifts = dict.fromkeys(
            (
                "unlimited_gifts",
                "limited_gifts",
                "unique_gifts",
                "premium_subscription",
                "gifts_from_channels",
            ),
            False,
        )
        return {
            **self._chat_wire(self._chat(given)),
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": gifts,
        }

    def _set_my_commands(self, given: Params) -> bool:
        self._profile.set_commands(given)
        self._changed("commands", None)
        return True

    def _delete_my_commands(self, given: Params) -> bool:
        self._profile.delete_commands(given)
        self._changed("commands", None)
        return True


def web(core: Telegram, *, token: str) -> Application:
    """The core over HTTP: `/bot<token>/<method>`, `/file/bot<token>/<path>` and `/sim/…`.

    Only this needs aiohttp.
    """
    from bot.demo.telegram_http import application

    return application(core, token)


_OTHER_POLL = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)


def _emoji(reaction: Any) -> str:
    """The emoji of a reaction, without the selector that makes it colourful."""
    emoji = reaction.get("emoji") if isinstance(reaction, dict) else None
    return str(emoji).replace("\ufe0f", "")

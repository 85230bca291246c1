"""A fake Telegram: the Bot API on one side, people who write and tap on the other."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.demo.telegram_chats import Chat, Chats
from bot.demo.telegram_files import Files
from bot.demo.telegram_keyboards import BadKeyboard, Markup
from bot.demo.telegram_limits import Limits
from bot.demo.telegram_messages import Messages
from bot.demo.telegram_profile import Profile
from bot.demo.telegram_texts import said
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
]

CALLBACK_ANSWER_LENGTH = 200
CALLBACK_SECONDS = 15.0
"""How long a tap may be answered. Telegram names no number; bots observe about this one."""

_REMEMBERED_CALLS = 10_000


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
        self._chats = Chats(self.people, clock, self._bot_wire)
        self._updates = Updates()
        self.webhook = Webhook(self._updates)
        self.limits: Limits | None = None
        """Set one, and the bot may send no more than Telegram lets it."""
        self._queries: dict[str, _Query] = {}
        self._files = Files()
        self._profile = profile = Profile(bot_name, self._chats.kind)
        messages = Messages(self._chats, self._files, self.people, clock, self._changed)
        self._methods: dict[str, Callable[[Params], Any]] = {
            "getme": lambda _: self._me(),
            "getupdates": self.webhook.poll,
            "setwebhook": self._set_webhook,
            "getwebhookinfo": self.webhook.info,
            "deletewebhook": self.webhook.delete,
            "sendmessage": messages.send_text,
            "senddocument": lambda p: messages.send_file(p, "document"),
            "sendphoto": lambda p: messages.send_file(p, "photo"),
            "sendchataction": messages.act,
            "editmessagetext": messages.edit_text,
            "editmessagecaption": messages.edit_caption,
            "editmessagereplymarkup": messages.edit_keyboard,
            "deletemessage": messages.delete,
            "setmessagereaction": messages.react,
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
    def waiting(self) -> list[dict[str, Any]]:
        """The updates that the bot has not confirmed, oldest first, as they will be sent."""
        return self._updates.waiting

    def next_for_webhook(self) -> dict[str, Any] | None:
        """The update to hand over next; None without a webhook or without updates."""
        return self.waiting[0] if self.webhook.url and self.waiting else None

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
        message = self._chats.add(
            room, person, reply_to=reply_to, forward_of=forward_of, **said(text)
        )
        if forward_of is not None:
            self.people.setdefault(forward_of.id, forward_of)
        self._put_away_keyboard(room)
        return self._tell("message", self._chats.wire(message), message)

    def send_file(self, person: Person, name: str, data: bytes) -> int:
        """Somebody sends the bot a file; the id of the update."""
        room = self._enter(person, None)
        message = self._chats.add(room, person)
        given = Params({}, {"document": UploadedFile(name, data)})
        message.document = self._files.take(given, "document")
        return self._tell("message", self._chats.wire(message), message)

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
        message = self._chats.add(room, person)
        message.users_shared = {"request_id": request_id, "users": shared}
        self._put_away_keyboard(room)
        return self._tell("message", self._chats.wire(message), message)

    def tap(self, person: Person, message_id: int, data: str, *, chat: int | None = None) -> str:
        """Somebody taps a button, or sends any data at all, as clients can; the query's id."""
        self.people[person.id] = person
        room = self._chats.room(person, chat)
        message = room.messages.get(message_id)
        query = _Query(str(4_000_000_000_000 + len(self._queries)), room.id, self._clock())
        self._queries[query.id] = query
        gone = {"chat": self._chats.chat_wire(room), "message_id": message_id, "date": 0}
        update = {
            "id": query.id,
            "from": person_wire(person),
            "message": gone if message is None else self._chats.wire(message),
            "chat_instance": str(room.id * 7919),
            "data": data,
        }
        self._tell("callback_query", update)
        return query.id

    def block(self, person: Person) -> None:
        """Somebody stops the bot: it may not write to them any more."""
        self._set_blocked(self._chats.room(person, None), person, blocked=True)

    def unblock(self, person: Person) -> None:
        """Somebody lets the bot write again."""
        self._set_blocked(self._chats.room(person, None), person, blocked=False)

    def delete(self, chat_id: int, message_id: int) -> None:
        """Somebody deletes a message for everyone; Telegram does not tell bots."""
        if (room := self._chats.at(chat_id)) is not None:
            room.messages.pop(message_id, None)
            self._changed("delete", chat_id, message_id)

    def messages(self, chat_id: int) -> list[Message]:
        """The chat as it looks now, oldest first; these are copies."""
        room = self._chats.at(chat_id)
        return [copy.copy(message) for message in room.messages.values()] if room else []

    def message(self, chat_id: int, message_id: int) -> Message | None:
        """A copy of one message of the chat; None where there is none, or no longer."""
        room = self._chats.at(chat_id)
        found = room.messages.get(message_id) if room else None
        return copy.copy(found) if found else None

    def keyboard(self, chat_id: int) -> Markup | None:
        """The reply keyboard that is open below the chat."""
        room = self._chats.at(chat_id)
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

    def _enter(self, person: Person, chat: int | None) -> Chat:
        """The chat, now that somebody writes in it: from here on the bot may write as well."""
        self.people[person.id] = person
        room = self._chats.room(person, chat)
        # Clients offer "Restart" instead of a text field to those who stopped the bot.
        self._set_blocked(room, person, blocked=False)
        room.is_started = True
        return room

    def _set_blocked(self, room: Chat, person: Person, *, blocked: bool) -> None:
        if room.is_blocked == blocked:
            return
        room.is_blocked = blocked
        bot = self._bot_wire()
        member = {"status": "member", "user": bot}
        kicked = {"status": "kicked", "user": bot, "until_date": 0}
        update = {
            "chat": self._chats.chat_wire(room),
            "from": person_wire(person),
            "date": int(self._clock()),
            "old_chat_member": member if blocked else kicked,
            "new_chat_member": kicked if blocked else member,
        }
        self._tell("my_chat_member", update)
        self._changed("block", room.id)

    def _put_away_keyboard(self, room: Chat) -> None:
        if room.keyboard is not None and room.keyboard.get("one_time_keyboard"):
            room.keyboard = None
            self._changed("keyboard", room.id)

    def _bot_wire(self) -> dict[str, Any]:
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": self._profile.name,
            "username": self.bot_username,
        }

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
            **self._chats.chat_wire(self._chats.find(given)),
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


_OTHER_POLL = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)

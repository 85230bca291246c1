"""What a fake Telegram speaks of: people, messages, calls and their answers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NoReturn

from bot.demo.telegram_html import Entity, render_html
from bot.demo.telegram_keyboards import Button, Markup


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Telegram account; their private chat has the same id."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = "en"
    last_name: str | None = None


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as a bot sends it and as it can be fetched again."""

    name: str
    data: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the Bot API says to one call; `html` instead of `body` when it is down."""

    status: int
    body: dict[str, Any]
    html: str | None = None

    @property
    def ok(self) -> bool:
        return bool(self.body.get("ok"))

    @property
    def content(self) -> str:
        """The body as it goes over the wire."""
        return json.dumps(self.body) if self.html is None else self.html

    @property
    def result(self) -> Any:
        return self.body.get("result")

    @property
    def description(self) -> str:
        return str(self.body.get("description", ""))


@dataclass(slots=True)
class Call:
    """One call of the bot in the log; no answer if it got lost."""

    method: str
    params: dict[str, Any]
    answer: Answer | None
    at: float


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What a tap was answered with: a toast, an alert, or only the end of the spinner."""

    text: str
    show_alert: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a page should draw anew.

    Kinds: message, edit, delete, keyboard, answer, action, reaction, block, update, commands.
    """

    kind: str
    chat_id: int | None = None
    message_id: int | None = None


@dataclass(slots=True)
class Fault:
    """A misfortune for the next `times` calls that fit; None fits every method and chat.

    429 carries `retry_after`, 5xx answers with HTML unless there is a description.
    With `lose_call` the call never arrives; with `lose_answer` it takes effect and nobody hears.
    """

    method: str | None = None
    chat_id: int | None = None
    status: int = 500
    retry_after: int | None = None
    description: str | None = None
    times: int = 1
    lose_answer: bool = False
    lose_call: bool = False


class NoAnswer(Exception):
    """The line broke: the caller cannot know whether the call took effect."""

    def __init__(self, method: str) -> None:
        super().__init__(f"no answer to {method}")


@dataclass(slots=True)
class Message:
    """One message as the person sees it; `html` is the source as the bot sent it.

    `safe_html` says the same in known tags only. Captions are texts too.
    """

    id: int
    chat_id: int
    date: int
    sender: Person | None
    text: str = ""
    html: str = ""
    entities: list[Entity] = field(default_factory=list)
    rows: list[list[Button]] = field(default_factory=list)
    edited_at: int | None = None
    reply_keyboard: Markup | None = None
    document: dict[str, Any] | None = None
    photo: list[dict[str, Any]] | None = None
    reply_to: int | None = None
    forward_of: Person | None = None
    users_shared: dict[str, Any] | None = None
    reactions: list[str] = field(default_factory=list)
    is_protected: bool = False
    effect_id: str | None = None

    @property
    def from_bot(self) -> bool:
        return self.sender is None

    @property
    def edited(self) -> bool:
        return self.edited_at is not None

    @property
    def is_media(self) -> bool:
        return self.document is not None or self.photo is not None

    @property
    def buttons(self) -> list[Button]:
        return [button for row in self.rows for button in row]

    @property
    def safe_html(self) -> str:
        return render_html(self.text, self.entities)


class Refused(Exception):
    """Why a call gets no result, in Telegram's words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        # HTTPStatus calls 413 by another name from Python 3.13 on.
        phrase = "Request Entity Too Large" if status == 413 else HTTPStatus(status).phrase
        self.description = f"{phrase}: {words}" if words else phrase


def refuse(words: str, status: int = 400) -> NoReturn:
    """Answer this call with a refusal; lowers the first letter of a sentence, not of CODES."""
    if words[:1].isupper() and words[1:2].islower():
        words = words[0].lower() + words[1:]
    raise Refused(status, words)


class Params:
    """Parameters as the Bot API takes them: form fields or JSON values, read alike."""

    def __init__(
        self, values: Mapping[str, Any], files: Mapping[str, UploadedFile] | None = None
    ) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}
        self.files = files or {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        value = self._values.get(name, "")
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        # By its leading digits, as the Bot API server reads numbers.
        match = re.match(r"\s*(-?[0-9]+)", self.text(name))
        return int(match[1]) if match else default

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "yes", "1")

    def object(self, name: str, what: str) -> dict[str, Any]:
        """A JSON object, empty if not given."""
        value = self.json(name, what)
        if not isinstance(value, dict | None):
            refuse(f"can't parse {what} JSON object")
        return value or {}

    def array(self, name: str, what: str) -> list[Any]:
        """A JSON array, empty if not given."""
        value = self.json(name, what)
        if not isinstance(value, list | None):
            refuse(f"can't parse {what} JSON object")
        return value or []

    def json(self, name: str, what: str) -> Any:
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            refuse(f"can't parse {what} JSON object")


def refusal(status: int, description: str, **parameters: int) -> Answer:
    """A refusal in Telegram's envelope."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return Answer(status, {**body, "parameters": parameters} if parameters else body)


def misfortune(fault: Fault) -> Answer:
    """What the bot hears instead of its answer."""
    if fault.status == 429 or fault.retry_after is not None:
        seconds = 1 if fault.retry_after is None else fault.retry_after
        words = fault.description or f"Too Many Requests: retry after {seconds}"
        return refusal(429, words, retry_after=seconds)
    phrase = HTTPStatus(fault.status).phrase
    if fault.status >= 500 and fault.description is None:
        page = f"<html><body><h1>{fault.status} {phrase}</h1></body></html>"
        return Answer(fault.status, {}, page)
    return refusal(fault.status, fault.description or phrase)


def person_wire(person: Person) -> dict[str, Any]:
    """A person as a User of the Bot API."""
    wire = {
        "id": person.id,
        "is_bot": False,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "username": person.username,
        "language_code": person.language_code,
    }
    return {name: value for name, value in wire.items() if value is not None}

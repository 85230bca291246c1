"""The world around a shop: the fakes it talks to and the people who tap, in one process."""

from __future__ import annotations

import json
import mmap
import socket
import struct
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import httpx

from bot.demo.telegram import Change, Message, NoAnswer, Person, Telegram
from bot.domain.clock import Clock
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import STAT_KEY, StatOrder, StatProxiesSandbox

START: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
MOST_TRIES: Final = 12
"""How often people try without getting any further."""

_LENGTH: Final = struct.Struct("!I")
_MICROS: Final = struct.Struct("!q")

Idle = Literal["acted", "waits", "rests", "over"]
"""`waits` for an answer that should come at once, `rests` until something happens."""


class SharedClock(Clock):
    """Time that stands still until one of the processes that share it turns it."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _MICROS.size)

    def now(self) -> datetime:
        return START + timedelta(microseconds=self._micros)

    def elapsed(self) -> float:
        return 1000 + self._micros / 1e6

    def turn(self, seconds: float) -> None:
        """Let so many seconds pass, for everybody."""
        _MICROS.pack_into(self._page, 0, self._micros + int(seconds * 1e6))

    def part(self) -> None:
        """Go on alone: what others turn from here on is no longer seen."""
        page = mmap.mmap(-1, _MICROS.size)
        page[:] = self._page[:]
        self._page = page

    @property
    def _micros(self) -> int:
        return int(_MICROS.unpack_from(self._page)[0])


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a person does, and again until `done` says that it was answered.

    Where nobody answers twice, or `do` raises `LookupError` because what it needs is not on the
    screen, the step before it is done again, as people do.
    """

    name: str
    do: Callable[[World], None]
    done: Callable[[World], bool] = lambda _: True
    is_patient: bool = False
    """Somebody does it once and then has time."""


@dataclass(frozen=True, slots=True)
class Post:
    """A request for an order as the upstream saw it; no status where its answer was lost."""

    provider: str
    plan: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Good:
    """An order in an upstream's own record."""

    upstream: str
    reference: str
    provider: str
    plan: str
    password: str
    """What its customer must be given: the newest one."""
    is_ready: bool


@dataclass(slots=True)
class World:
    """Pretended upstreams and a Telegram with people in it; outlives every process of the shop."""

    clock: SharedClock
    sandbox: GateProxySandbox
    stat: StatProxiesSandbox
    telegram: Telegram
    posts: list[Post] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What a process of the shop said about itself, by occasion."""
    stuck: str | None = None
    """The step that nobody ever answered."""
    is_left: bool = False
    """Whoever prepares is done, whatever still waits."""
    foreign: set[str] = field(default_factory=set)
    """References of orders that somebody else made on the shop's account."""
    _steps: Sequence[Step] = ()
    _at: int = 0
    _furthest: int = 0
    _is_done: bool = False
    _waited: int = 0
    _tries: int = 0
    _repeats: int = 0
    _changed: set[tuple[int, int]] = field(default_factory=set)
    _pressed: tuple[int, str] | None = None

    @classmethod
    def made(cls, people: Sequence[Person], token: str) -> World:
        """A world in which nothing has happened yet."""
        clock = SharedClock()

        def seconds() -> float:
            return clock.now().timestamp()

        async def sleep(seconds: float) -> None:
            clock.turn(seconds)

        sandbox = GateProxySandbox(tokens={token: "500.00"}, clock=seconds, sleep=sleep)
        stat = StatProxiesSandbox(clock=seconds, sleep=sleep)
        # Older than the shop: what was first ordered on an account, a person would have to decide.
        stat.orders.append(
            StatOrder("sub_1Older", STAT_KEY, "x1", 1, None, seconds(), Decimal("1.40"))
        )
        world = cls(clock, sandbox, stat, Telegram(clock=seconds, people=people))
        world.telegram.on_change.append(world._note)
        return world

    # People

    def let(self, steps: Sequence[Step]) -> None:
        """From now on people do this, one step after another."""
        self._steps = steps
        self._tries = self._furthest = 0
        self._go_to(0)
        self.stuck = None
        self.is_left = False

    def idle(self) -> Idle:
        """The shop has nothing left to do: whatever people do next."""
        while self._at < len(self._steps) and self.stuck is None:
            step = self._steps[self._at]
            if self._is_done and step.done(self):
                self._go_to(self._at + 1)
                if self._at > self._furthest:
                    self._furthest, self._tries = self._at, 0
                continue
            if self._is_done and (step.is_patient or self._waited < 2):
                self._waited += 1
                return "rests" if step.is_patient else "waits"
            if self._repeats >= 2 and self._at > 0:
                self._go_to(self._at - 1)
                continue
            self._do(step)
            return "acted"
        return "over"

    def _do(self, step: Step) -> None:
        self._tries += 1
        if self._tries > MOST_TRIES:
            self.stuck = step.name
            return
        self._waited = 0
        self._repeats += 1
        self._changed.clear()
        try:
            step.do(self)
        except LookupError:
            self._go_to(max(self._at - 1, 0))
        else:
            self._is_done = True

    def _go_to(self, step: int) -> None:
        self._at, self._is_done, self._waited, self._repeats = step, False, 0, 0
        self._pressed = None

    def messages(self, person: Person) -> list[Message]:
        """What the bot wrote to somebody, oldest first."""
        return [one for one in self.telegram.messages(person.id) if one.from_bot]

    def reads(self, person: Person, *words: str) -> bool:
        """Whether a message that is there now holds all of these words."""
        return any(_holds(one, words) for one in self.messages(person))

    def reads_anew(self, person: Person, *words: str) -> bool:
        """The same of messages that came or changed since the last act."""
        return any(
            _holds(one, words)
            for one in self.messages(person)
            if (person.id, one.id) in self._changed
        )

    def press(self, person: Person, label: str) -> None:
        """Tap the newest button with these words; the same one when it is done again."""
        if self._pressed is None:
            self._pressed = self._button(person, label)
        message_id, data = self._pressed
        self.telegram.tap(person, message_id, data)

    def _button(self, person: Person, label: str) -> tuple[int, str]:
        for message in reversed(self.messages(person)):
            for button in message.buttons:
                if label in button["text"] and "callback_data" in button:
                    return message.id, button["callback_data"]
        raise LookupError(label)

    def _note(self, change: Change) -> None:
        if change.chat_id is not None and change.message_id is not None:
            self._changed.add((change.chat_id, change.message_id))

    # The upstreams' own records

    @property
    def pieces(self) -> list[StatOrder]:
        """What StatProxies made for the shop, which gives each order a tag."""
        return [one for one in self.stat.orders if one.tag is not None]

    @property
    def goods(self) -> list[Good]:
        """Everything that was made, and is paid."""
        sandbox, stat = self.sandbox, self.stat
        return [
            *(
                Good(
                    "gateproxy", one.reference, one.provider, one.plan,
                    sandbox._letters(number, "password", 12), one.word == "completed",
                )
                for number, one in enumerate(sandbox.orders)
            ),
            *(
                Good(
                    "statproxies", one.reference, "statproxies", one.product,
                    stat._password(one), is_ready=True,
                )
                for one in self.pieces
            ),
        ]  # fmt: skip

    def buy_elsewhere(self, provider: str, plan: str, token: str) -> None:
        """Somebody who is not the bot orders on the bot's account."""
        request = httpx.Request(
            "POST",
            "http://sandbox/orders",
            headers={"Authorization": f"Bearer {token}"},
            json={"provider": provider, "plan": plan},
        )
        faults, self.sandbox.faults = self.sandbox.faults, []
        made = _at_once(self.sandbox.handle(request))
        self.sandbox.faults = faults
        self.foreign.add(made.json()["order_id"])

    # What a process of the shop hears

    def answer(self, asked: dict[str, Any]) -> Any:
        """Answer one question of a process of the shop."""
        match asked:
            case {"kind": "upstream", **request}:
                return self._upstream(request)
            case {"kind": "telegram", "method": method, "params": params}:
                try:
                    answer = self.telegram.call(method, params)
                except NoAnswer:
                    return None
                return [answer.status, answer.body, answer.html]
            case {"kind": "idle"}:
                return {
                    "people": self.idle(),
                    "upstream_orders": len(self.goods),
                    "is_left": self.is_left,
                }
            case {"kind": "calm"}:
                self.sandbox.faults.clear()
                self.stat.faults.clear()
                return None
            case {"kind": "facts", "when": when, "facts": facts}:
                self.facts[when] = facts
                return None
            case _:
                raise LookupError(asked["kind"])

    def _upstream(self, asked: dict[str, Any]) -> dict[str, Any]:
        request = httpx.Request(
            asked["method"],
            asked["url"],
            headers=asked["headers"],
            content=asked["content"].encode(),
        )
        status = None
        upstream = self.stat if request.url.host.endswith("statproxies.com") else self.sandbox
        try:
            answer = _at_once(upstream.handle(request))
            status = answer.status_code
        except httpx.HTTPError as lost:
            return {"error": type(lost).__name__}
        finally:
            if request.method == "POST":
                match json.loads(asked["content"]):
                    case {"provider": provider, "plan": plan}:
                        self.posts.append(Post(provider, plan, status))
                    case {"product_type": plan}:
                        self.posts.append(Post("statproxies", plan, status))
                    case _:
                        pass  # an exchange, which the sandbox remembers itself
        return {
            "status": answer.status_code,
            "headers": [
                pair
                for pair in answer.headers.items()
                if pair[0].lower() not in {"content-length", "transfer-encoding"}
            ],
            "content": answer.text,
        }


class Wire:
    """A process's line to the world. It blocks, so nothing happens while a question is open."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def ask(self, kind: str, **given: Any) -> Any:
        """Ask the world and wait for its answer."""
        _send(self._line, {"kind": kind, **given})
        return _receive(self._line)


def serve(line: socket.socket, world: World) -> None:
    """Answer a process until it is gone."""
    try:
        while True:
            _send(line, world.answer(_receive(line)))
    except (EOFError, ConnectionError):
        return


def _send(line: socket.socket, value: Any) -> None:
    body = json.dumps(value).encode()
    line.sendall(_LENGTH.pack(len(body)) + body)


def _receive(line: socket.socket) -> Any:
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    return json.loads(_exactly(line, length))


def _exactly(line: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = line.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _at_once(answer: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """The sandbox waits for nothing here: its sleep turns the clock."""
    try:
        answer.send(None)
    except StopIteration as done:
        made: httpx.Response = done.value
        return made
    raise RuntimeError("the sandbox waits for something")


def _holds(message: Message, words: Sequence[str]) -> bool:
    return all(word in message.text for word in words)


# What people do


def says(person: Person, text: str, *answer: str) -> Step:
    """Somebody writes, and reads these words afterwards."""

    def do(world: World) -> None:
        world.telegram.send(person, text)

    return Step(f"{person.first_name} says {text}", do, lambda w: w.reads_anew(person, *answer))


def taps(person: Person, label: str, *answer: str) -> Step:
    """Somebody taps a button, and reads these words afterwards."""
    return Step(
        f"{person.first_name} taps {label}",
        lambda w: w.press(person, label),
        lambda w: w.reads_anew(person, *answer),
    )


def meanwhile(name: str, do: Callable[[World], None]) -> Step:
    """Something happens that nobody answers."""
    return Step(name, do)


def waits_for(person: Person, *words: str) -> Step:
    """Somebody does nothing until they read these words."""
    return Step(
        f"{person.first_name} waits for {words}",
        lambda _: None,
        lambda w: w.reads(person, *words),
        is_patient=True,
    )


def leaves() -> Step:
    """The end of a preparation that leaves an order open."""

    def do(world: World) -> None:
        world.is_left = True

    return Step("all is prepared", do)

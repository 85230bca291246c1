"""The upstream of a simulated history: what goes wrong there, and what it really made."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Final

import httpx

from bot.domain.clock import Clock
from bot.upstreams.base import Made
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.pretence import Fault, Pretence
from bot.upstreams.sandbox import GateProxySandbox, SandboxAccount, SandboxOrder
from bot.upstreams.sandbox_plans import SandboxPlan, SandboxProvider
from tests.faults.history_turns import Turns
from tests.faults.virtual import Life

GOODS: Final = {
    "nodemaven": ("0.120", "0.500", "1"),
    "abcproxy": ("1", "5"),
    "9proxy_cd_key": ("ip25",),
}
"""Few enough that orders of one kind meet, and that a price list is quickly read."""

_LOST = httpx.ReadTimeout("lost")

Faults = Mapping[str, tuple[int, Callable[[random.Random], Fault]]]
"""How often each fault strikes beside the others, and what the pretended side does then."""

BY_TURNS: Final = 5
"""So many faults of a kind of call strike by turns in a history, before chance has its way."""

_POST_FAULTS: Final[Faults] = {
    "not sent": (4, lambda _: Fault(error=httpx.ConnectError("refused"))),
    "request lost": (4, lambda _: Fault(error=_LOST)),
    "answer lost": (6, lambda _: Fault(error=_LOST, is_done=True)),
    "answer slow": (3, lambda c: Fault(delay=c.uniform(60, 400))),
    "answer after the quarantine": (3, lambda c: Fault(delay=c.uniform(16 * 60, 42 * 60))),
    "502, not made": (4, lambda _: Fault(status=502, code="provider_error")),
    "502, made": (3, lambda _: Fault(status=502, code="provider_error", is_done=True)),
    "502 of an edge, made": (4, lambda _: Fault(status=502, body="<html>", is_done=True)),
    "answer cut off": (4, lambda c: Fault(cut=c.randrange(1, 60))),
    "409": (4, lambda c: Fault(status=409, code="order_processing", times=1)),
    "429": (4, lambda c: Fault(status=429, code="rate_limit", headers=_after(c))),
    "400 of a plan": (5, lambda _: Fault(status=400, code="invalid_plan")),
    "unknown code": (5, lambda _: Fault(status=400, code="strange_thing")),
    "pending": (6, lambda c: Fault(pending=c.randrange(1, 6))),
    "pending for ever": (9, lambda _: Fault(pending=100_000)),
    "failed there": (3, lambda c: Fault(pending=c.randrange(1, 3), word="failed")),
}
_GET_FAULTS: Final[Mapping[str, Callable[[random.Random], Fault]]] = {
    "unanswered": lambda _: Fault(method="GET", error=_LOST),
    "not reached": lambda _: Fault(method="GET", error=httpx.ConnectError("refused"), times=3),
    "500": lambda _: Fault(method="GET", status=500, body="<html>oops</html>"),
    "429": lambda c: Fault(method="GET", status=429, code="rate_limit", headers=_after(c)),
}
EVENTS: Final = (
    "price up", "price down", "plan gone", "provider off", "account empty", "token refused",
    "list lag", "listing down", "foreign order",
)  # fmt: skip
FAULTS: Final = frozenset(
    [f"POST {name}" for name in _POST_FAULTS]
    + [f"listing {name}" for name in _GET_FAULTS]
    + [f"upstream: {name}" for name in EVENTS]
)
"""Everything that a history counts of what its upstream did."""


def _after(chance: random.Random) -> dict[str, str]:
    return {"Retry-After": chance.choice(["0", "3", "40", "1000000000", "soon"])}


@dataclass(slots=True)
class Placement:
    """One call of `place`: at most one request may leave for it."""

    tag: str
    requests: int = 0
    made: list[str] = field(default_factory=list)
    """References of what it made, known to the upstream alone."""

    @classmethod
    @contextmanager
    def begun(cls, tag: str, placements: list[Placement]) -> Iterator[None]:
        """Requests that leave meanwhile belong to this call."""
        placement = cls(tag)
        placements.append(placement)
        before = PLACEMENT.set(placement)
        try:
            yield
        finally:
            PLACEMENT.reset(before)


@dataclass(frozen=True, slots=True)
class Good:
    """What an upstream made, by its own record."""

    provider: str
    plan: str
    secret: str
    """Words in its delivery that no other order's delivery has."""


PLACEMENT: Final[contextvars.ContextVar[Placement | None]] = contextvars.ContextVar(
    "placement", default=None
)
"""The call of `place` that a request belongs to."""


class _Recorded(GateProxySandbox):
    """Writes down which call of `place` made what."""

    def _make(
        self, account: SandboxAccount, token: str, provider: object, plan: object, fault: Fault
    ) -> httpx.Response:
        before = len(self.orders)
        answer = super()._make(account, token, provider, plan, fault)
        placement = PLACEMENT.get()
        if placement is not None:
            placement.made += [one.reference for one in self.orders[before:]]
        return answer


class Moody:
    """An upstream with moods. Its work goes on when whoever asked is gone."""

    sandbox: Pretence

    def __init__(
        self,
        chance: random.Random,
        *,
        harshness: float,
        turns: Turns,
        seen: Counter[str],
        note: Callable[[str], None],
    ) -> None:
        self._chance = chance
        self._turns = turns
        self._by_turns: dict[str, Iterator[str]] = {}
        self.seen = seen
        self._note = note
        self.harshness = harshness
        self.placements: list[Placement] = []
        self.foreign: set[str] = set()
        self._at_work: set[asyncio.Task[httpx.Response]] = set()

    @property
    def is_at_work(self) -> bool:
        """Whether a request is still being worked on."""
        return bool(self._at_work)

    def calm(self) -> None:
        """From now on everything goes well; what was lost stays lost."""
        self.harshness = 0.0

    def ask(self, request: httpx.Request) -> asyncio.Task[httpx.Response]:
        """A request that has left: it is served, whoever waits for the answer."""
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._at_work.add(task)
        task.add_done_callback(self._served)
        return task

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        placement = PLACEMENT.get() if request.method == "POST" else None
        name, fault = self._pick(request)
        if name is not None:
            self.seen[name] += 1
        await asyncio.sleep(self._chance.uniform(0.02, 0.4))
        self.sandbox.faults[:] = [] if fault is None else [fault]
        status = "lost"
        try:
            answer = await self.sandbox.handle(request)
            status = str(answer.status_code)
            return answer
        finally:
            made = "" if placement is None else " ".join(placement.made)
            self._note(f"{request.method} {request.url.path} {name or 'well'} {status} {made}")

    def _served(self, task: asyncio.Task[httpx.Response]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():
            # Nobody may be waiting for it any more.
            task.exception()

    def _pick(self, request: httpx.Request) -> tuple[str | None, Fault | None]:
        raise NotImplementedError

    def _strikes(self, call: str, faults: Faults) -> tuple[str, Fault]:
        """What goes wrong with a call: at first whatever has its turn, then by weight."""
        if call not in self._by_turns:
            # What leaves most to people, or seldom comes to pass when its turn is, comes twice.
            names = [*faults, *(name for name, (weight, _) in faults.items() if weight > 6)]
            self._by_turns[call] = islice(self._turns.of(names, 3), BY_TURNS)
        weights = [weight for weight, _ in faults.values()]
        name = next(self._by_turns[call], "") or self._chance.choices(list(faults), weights)[0]
        return name, faults[name][1](self._chance)


class Upstream(Moody):
    """A GateProxy with moods."""

    sandbox: _Recorded

    def __init__(
        self,
        chance: random.Random,
        clock: Clock,
        *,
        tokens: Mapping[str, str],
        harshness: float,
        turns: Turns,
        seen: Counter[str],
        note: Callable[[str], None],
    ) -> None:
        super().__init__(chance, harshness=harshness, turns=turns, seen=seen, note=note)
        self.is_listing_down = False
        self.sandbox = _Recorded(
            tokens=dict(tokens),
            clock=lambda: clock.now().timestamp(),
            sleep=asyncio.sleep,
            seed=chance.randrange(1 << 30),
        )
        self.accounts = dict(self.sandbox.accounts)
        for code in tuple(self.sandbox.providers):
            if code not in GOODS:
                del self.sandbox.providers[code]
                continue
            provider = self.sandbox.providers[code]
            provider.plans = [plan for plan in provider.plans if plan.code in GOODS[code]]

    @property
    def orders(self) -> list[SandboxOrder]:
        """What was made and paid."""
        return self.sandbox.orders

    def calm(self) -> None:
        super().calm()
        self.is_listing_down = False
        self.sandbox.list_lag = 0.0

    async def _serve(self, request: httpx.Request) -> httpx.Response:
        placement = PLACEMENT.get() if request.method == "POST" else None
        try:
            return await super()._serve(request)
        finally:
            if placement is not None and placement.made and self._is_crowded():
                # At that very moment somebody else buys the same.
                self.seen["upstream: foreign order"] += 1
                made = self.orders[-1]
                PLACEMENT.set(None)
                self.buy_elsewhere(made.token, made.provider, made.plan)

    def _is_crowded(self) -> bool:
        return self.harshness > 0 and self._chance.random() < 0.15

    def buy_elsewhere(self, token: str, provider: str, plan: str) -> None:
        """Somebody who is not the bot orders on the bot's account."""
        before = len(self.orders)
        self.sandbox._make(self.accounts[token], token, provider, plan, Fault())
        for order in self.orders[before:]:
            self.foreign.add(order.reference)

    def plans(self) -> list[tuple[SandboxProvider, SandboxPlan]]:
        """Everything that is for sale."""
        return [(one, plan) for one in self.sandbox.providers.values() for plan in one.plans]

    @property
    def made(self) -> dict[str, Good]:
        """The same, as any upstream tells it."""
        return {
            one.reference: Good(one.provider, one.plan, self._secret(number, one))
            for number, one in enumerate(self.orders)
        }

    def _secret(self, number: int, order: SandboxOrder) -> str:
        if order.provider == "9proxy_cd_key":
            return self.sandbox._letters(number, "key", 16).upper()[:4]
        return self.sandbox._letters(number, "password", 12)

    def _pick(self, request: httpx.Request) -> tuple[str | None, Fault | None]:
        """What goes wrong with a request, and its name."""
        chance, path = self._chance, request.url.path
        is_listing = request.method == "GET" and path.endswith("/orders")
        if is_listing and self.is_listing_down:
            return "listing unanswered", _GET_FAULTS["unanswered"](chance)
        if request.method == "POST":
            if chance.random() < self.harshness:
                name, fault = self._strikes("POST", _POST_FAULTS)
                return f"POST {name}", fault
            return None, None
        if chance.random() < self.harshness * (0.5 if is_listing else 0.1):
            name = chance.choice(list(_GET_FAULTS))
            kind = "listing" if is_listing else "read"
            return f"{kind} {name}", _GET_FAULTS[name](chance)
        return None, None


class Wire(httpx.AsyncBaseTransport):
    """A process's line to the upstream, with a point before a request leaves and after it."""

    def __init__(self, upstream: Moody, life: Life) -> None:
        self._upstream = upstream
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._life.awake()
        self._life.reach(f"{request.method} before")
        await self._life.awake()
        await request.aread()
        placement = PLACEMENT.get()
        if request.method == "POST" and placement is not None:
            placement.requests += 1
        answer = self._upstream.ask(request)
        response = await asyncio.shield(answer)
        await self._life.awake()
        self._life.reach(f"{request.method} after")
        await self._life.awake()
        return response


class Watched(GateProxy):
    """The shop's own client; what it was told to place is written down beside it."""

    def __init__(self, token: str, upstream: Upstream, life: Life) -> None:
        super().__init__(token, transport=Wire(upstream, life))
        self._placements = upstream.placements

    async def place(self, provider: str, plan: str, quantity: int, tag: str) -> Made:
        with Placement.begun(tag, self._placements):
            return await super().place(provider, plan, quantity, tag)


async def moods(upstream: Upstream, chance: random.Random, turns: Turns, seconds: float) -> None:
    """Let things happen at the upstream for so long, and put most of them right again."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    sandbox = upstream.sandbox
    # Foreign orders are what leaves most to people.
    events = turns.of((*EVENTS, "foreign order", "foreign order"), 2)
    while True:
        await asyncio.sleep(chance.uniform(2, 40))
        if loop.time() >= end:
            return
        name = next(events)
        provider, plan = chance.choice(upstream.plans())
        token = chance.choice(sorted(upstream.accounts))
        account = upstream.accounts[token]
        upstream.seen[f"upstream: {name}"] += 1
        lasts = chance.uniform(3, 90)
        match name:
            case "price up" | "price down":
                old = plan.price
                factor = chance.randrange(103, 160) if name == "price up" else 80
                plan.price = (old * factor / 100).quantize(old)
                await asyncio.sleep(lasts)
                plan.price = old
            case "plan gone":
                provider.plans.remove(plan)
                await asyncio.sleep(lasts)
                provider.plans.append(plan)
            case "provider off":
                provider.is_active = False
                await asyncio.sleep(lasts)
                provider.is_active = True
            case "account empty":
                account.balance = Decimal(chance.choice(["0.00", "1.00", "3.00"]))
                await asyncio.sleep(lasts)
                account.balance = Decimal("500.00")
            case "token refused":
                sandbox.accounts.pop(token, None)
                await asyncio.sleep(lasts)
                sandbox.accounts[token] = account
            case "list lag":
                sandbox.list_lag = chance.uniform(1, 30)
                await asyncio.sleep(lasts)
                sandbox.list_lag = 0.0
            case "listing down":
                upstream.is_listing_down = True
                await asyncio.sleep(lasts)
                upstream.is_listing_down = False
            case _:
                code, wanted = provider.code, plan.code
                if upstream.orders and chance.random() < 0.7:
                    # Of what the shop just bought: the two cannot be told apart.
                    code, wanted = upstream.orders[-1].provider, upstream.orders[-1].plan
                for _ in range(chance.randrange(1, 3)):
                    upstream.buy_elsewhere(token, code, wanted)

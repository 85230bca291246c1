"""The StatProxies of a simulated history: what it made and exchanged, and what it still bills."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from bot.domain.clock import Clock
from bot.upstreams.base import Made
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox_stat import (
    STAT_KEY,
    STAT_ORDER_PATH,
    StatOrder,
    StatProxiesSandbox,
)
from bot.upstreams.statproxies import StatProxies
from tests.bench import seeds
from tests.faults.history_turns import Turns
from tests.faults.history_upstream import PLACEMENT, Faults, Good, Moody, Placement, Wire
from tests.faults.virtual import Life

_LOST = httpx.ReadTimeout("lost")

_FAULTS: Final[Mapping[str, Faults]] = {
    "order": {
        "not sent": (3, lambda _: Fault(error=httpx.ConnectError("refused"))),
        "request lost": (3, lambda _: Fault(error=_LOST)),
        "answer lost": (4, lambda _: Fault(error=_LOST, is_done=True)),
        "answer slow": (4, lambda c: Fault(delay=c.uniform(60, 400))),
        "500, made": (3, lambda _: Fault(status=500, code="stripe_error", is_done=True)),
        "500, not made": (3, lambda _: Fault(status=500, code="stripe_error")),
        "refused": (3, lambda _: Fault(status=400, code="Invalid product_type")),
    },
    "exchange": {
        "not sent": (7, lambda _: Fault(error=httpx.ConnectError("refused"))),
        "request lost": (4, lambda _: Fault(error=_LOST)),
        "answer lost": (4, lambda _: Fault(error=_LOST, is_done=True)),
        "answer slow": (4, lambda c: Fault(delay=c.uniform(60, 400))),
        "done after all hope": (7, lambda c: Fault(delay=c.uniform(16 * 60, 42 * 60))),
        "refused": (3, lambda _: Fault(status=404, code="not_found_error")),
        "429": (3, lambda _: Fault(status=429, code="too_many")),
        "not let": (2, lambda _: Fault(status=403, code="insufficient_permissions")),
    },
    "end": {
        "request lost": (1, lambda _: Fault(method="DELETE", error=_LOST)),
        "answer lost": (1, lambda _: Fault(method="DELETE", error=_LOST, is_done=True)),
        "500": (1, lambda _: Fault(method="DELETE", status=500, code="stripe_error")),
        "404": (1, lambda _: Fault(method="DELETE", status=404, code="not_found_error")),
    },
    "read": {
        "unanswered": (1, lambda _: Fault(method="GET", error=_LOST)),
        "500": (1, lambda _: Fault(method="GET", status=500, body="<html>oops</html>")),
    },
}
EVENTS: Final = ("list lag", "foreign order", "key refused")
STAT_FAULTS: Final = frozenset(
    [f"stat {call} {name}" for call, faults in _FAULTS.items() for name in faults]
    + [f"stat: {name}" for name in EVENTS]
)
"""Everything that a history counts of what its StatProxies did."""


class _Recorded(StatProxiesSandbox):
    """Writes down which call of `place` made what, and when it last exchanged anything."""

    exchanged_at = 0.0

    async def _place(self, request: httpx.Request, key: str) -> httpx.Response:
        before = len(self.orders)
        answer = await super()._place(request, key)
        placement = PLACEMENT.get()
        if placement is not None:
            placement.made += [one.reference for one in self.orders[before:]]
        return answer

    def _exchange(self, key: str, reference: str) -> httpx.Response:
        self.exchanged_at = self._clock()
        return super()._exchange(key, reference)


class StatUpstream(Moody):
    """A StatProxies with moods."""

    sandbox: _Recorded

    def __init__(
        self,
        chance: random.Random,
        clock: Clock,
        *,
        harshness: float,
        turns: Turns,
        seen: Counter[str],
        note: Callable[[str], None],
    ) -> None:
        super().__init__(chance, harshness=harshness, turns=turns, seen=seen, note=note)
        self.sandbox = _Recorded(
            clock=lambda: clock.now().timestamp(),
            sleep=asyncio.sleep,
            seed=chance.randrange(1 << 30),
        )

    @property
    def orders(self) -> list[StatOrder]:
        """What was made, each a subscription."""
        return self.sandbox.orders

    @property
    def made(self) -> dict[str, Good]:
        """The same, as any upstream tells it."""
        return {
            one.reference: Good("statproxies", one.product, self.sandbox._password(one))
            for one in self.orders
        }

    def secrets(self, reference: str) -> set[str]:
        """Every password that an order has had since it was made."""
        made = next(one for one in self.orders if one.reference == reference)
        return {self.sandbox._password(made, number) for number in range(made.exchanges + 1)}

    def calm(self) -> None:
        super().calm()
        self.sandbox.list_lag = 0.0
        self.sandbox.keys.add(STAT_KEY)

    def is_exchanged_since(self, seconds: float) -> bool:
        """Whether anything was exchanged within so many seconds."""
        return self.sandbox._clock() - self.sandbox.exchanged_at < seconds

    def lines_of(self, reference: str) -> str:
        """What an owner reads at the provider's site, and pastes."""
        order = next(one for one in self.orders if one.reference == reference)
        password = self.sandbox._password(order)
        return "\n".join(
            f"198.51.100.{at}:6000:{reference}:{password}" for at in range(1, order.quantity + 1)
        )

    def buy_elsewhere(self) -> None:
        """Somebody who is not the bot orders on the bot's account."""
        number = len(self.orders)
        product = self._chance.choice(sorted(self.sandbox.costs))
        subscription = f"sub_1Foreign{number}"
        at = self.sandbox._clock()
        cost = self.sandbox.costs[product]
        made = StatOrder(subscription, STAT_KEY, product, 1, None, at, cost)
        self.orders.append(made)
        self.foreign.add(made.reference)

    def _pick(self, request: httpx.Request) -> tuple[str | None, Fault | None]:
        match request.method, request.url.path:
            case "POST", path if "/exchange/" in path:
                call, often = "exchange", min(2 * self.harshness, 0.9)
            case "POST", _:
                call, often = "order", self.harshness
            case "DELETE", _:
                call, often = "end", self.harshness
            case _:
                call, often = "read", self.harshness * 0.3
        if self._chance.random() >= often:
            return None, None
        name, fault = self._strikes(call, _FAULTS[call])
        return f"stat {call} {name}", fault


class WatchedStat(StatProxies):
    """The shop's own client; what it was told to place is written down beside it."""

    def __init__(self, upstream: StatUpstream, life: Life) -> None:
        super().__init__(
            STAT_KEY,
            plans=seeds(),
            order_path=STAT_ORDER_PATH,
            transport=Wire(upstream, life),
        )
        self._placements = upstream.placements

    async def place(self, provider: str, plan: str, quantity: int, tag: str) -> Made:
        with Placement.begun(tag, self._placements):
            return await super().place(provider, plan, quantity, tag)


async def stat_moods(
    upstream: StatUpstream, chance: random.Random, turns: Turns, seconds: float
) -> None:
    """Let things happen at StatProxies for so long, and put them right again."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    events = turns.of(EVENTS, 2)
    while True:
        await asyncio.sleep(chance.uniform(5, 60))
        if loop.time() >= end:
            return
        name = next(events)
        upstream.seen[f"stat: {name}"] += 1
        lasts = chance.uniform(3, 60)
        match name:
            case "list lag":
                upstream.sandbox.list_lag = chance.uniform(1, 30)
                await asyncio.sleep(lasts)
                upstream.sandbox.list_lag = 0.0
            case "key refused":
                upstream.sandbox.keys.discard(STAT_KEY)
                await asyncio.sleep(lasts)
                upstream.sandbox.keys.add(STAT_KEY)
            case _:
                upstream.buy_elsewhere()

"""The upstream of the demo: a pretend GateProxy over HTTP, and what it can be told to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import httpx
from aiohttp import hdrs, web

from bot.demo.page import Control
from bot.domain.money import plain
from bot.upstreams.sandbox import TOKEN, Fault, GateProxySandbox, SandboxPlan, catalogue

PATH: Final = "/gateproxy"
_SLOW_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 15.0
_DEARER: Final = Decimal("1.10")
_NEWEST: Final = 5
_LOST: Final = ConnectionError("silent")


class Upstream:
    """The pretend GateProxy over HTTP, and the mischief that can be ordered from it."""

    def __init__(self, *, announce: Callable[[], None]) -> None:
        self.sandbox = GateProxySandbox()
        self._account = self.sandbox.accounts[TOKEN]
        self._announce = announce
        self._asked = 0
        self._armed: dict[str, Fault] = {}
        self._is_sold_out = False
        self._is_dearer = False
        self._drained = Decimal(0)

    async def serve(self, request: web.Request) -> web.Response:
        """Hand one request to the sandbox; a line that it cuts is cut here, too."""
        if request.method == hdrs.METH_POST:
            self._asked += 1
            self._announce()
        asked = httpx.Request(
            request.method,
            "http://sandbox" + request.raw_path.removeprefix(PATH),
            headers=list(request.headers.items()),
            content=await request.read(),
        )
        try:
            answer = await self.sandbox.handle(asked)
        except ConnectionError:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        finally:
            if request.method == hdrs.METH_POST:
                self._announce()
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in {"content-length", "transfer-encoding"}
        }
        return web.Response(status=answer.status_code, body=answer.content, headers=kept)

    def record(self) -> dict[str, Any]:
        """The upstream's own record: what it made, and how often it was asked to."""
        orders = self.sandbox.orders
        return {
            "made": len(orders),
            "asked": self._asked,
            "balance": plain(self._account.balance),
            "orders": [
                {
                    "reference": order.reference,
                    "provider": self.sandbox.providers[order.provider].name,
                    "plan": order.traffic,
                    "cost": plain(order.cost),
                    "at": order.made_at,
                }
                for order in orders[: -_NEWEST - 1 : -1]
            ],
        }

    def controls(self) -> list[Control]:
        """The buttons of the strip that are about the upstream; each is on until it is over."""
        return [
            self._for_the_next_order("silent", lambda: Fault(error=_LOST, is_done=True)),
            self._for_the_next_order("slow", lambda: Fault(delay=_SLOW_SECONDS)),
            Control("sold_out", self._toggle_stock, lambda: self._is_sold_out),
            Control("busy", self._toggle_busy, lambda: self._account.busy_until > time.time()),
            Control("dearer", self._toggle_prices, lambda: self._is_dearer),
            Control("empty", self._toggle_balance, lambda: not self._account.balance),
        ]

    def _for_the_next_order(self, name: str, make: Callable[[], Fault]) -> Control:
        def is_on() -> bool:
            return any(fault is self._armed.get(name) for fault in self.sandbox.faults)

        def press() -> None:
            if is_on():
                self.sandbox.faults.remove(self._armed[name])
            else:
                self._armed[name] = make()
                self.sandbox.faults.append(self._armed[name])

        return Control(name, press, is_on)

    def _plans(self) -> Iterator[SandboxPlan]:
        for provider in self.sandbox.providers.values():
            yield from provider.plans

    def _toggle_stock(self) -> None:
        self._is_sold_out = not self._is_sold_out
        for plan in self._plans():
            plan.in_stock = not self._is_sold_out

    def _toggle_busy(self) -> None:
        is_busy = self._account.busy_until > time.time()
        self._account.busy_until = 0.0 if is_busy else time.time() + _BUSY_SECONDS

    def _toggle_prices(self) -> None:
        self._is_dearer = not self._is_dearer
        usual = (plan for provider in catalogue() for plan in provider.plans)
        for plan, as_usual in zip(self._plans(), usual, strict=True):
            plan.price = as_usual.price
            if self._is_dearer:
                plan.price = (plan.price * _DEARER).quantize(Decimal("0.01"))

    def _toggle_balance(self) -> None:
        self._drained, self._account.balance = self._account.balance, self._drained

"""The upstream of the demo: a pretend GateProxy over HTTP, and what it can be told to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import httpx
from aiohttp import web

from bot.demo.page import Control
from bot.upstreams.sandbox import TOKEN, Fault, GateProxySandbox, catalogue

PATH: Final = "/gateproxy"
_SLOW_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 15.0
_BALANCE: Final = "500.00"


class Upstream:
    """The pretend GateProxy over HTTP, and the mischief that can be ordered from it."""

    def __init__(self, *, announce: Callable[[], None]) -> None:
        self.sandbox = GateProxySandbox()
        self._account = self.sandbox.accounts[TOKEN]
        self._announce = announce
        self._prices = "as usual"

    async def serve(self, request: web.Request) -> web.Response:
        """Hand one request to the sandbox; a line that it cuts is cut here, too."""
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
            if request.method == "POST":
                self._announce()
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in {"content-length", "transfer-encoding"}
        }
        return web.Response(status=answer.status_code, body=answer.content, headers=kept)

    def status(self) -> dict[str, Any]:
        """The upstream's own record, and what it is up to."""
        busy = self._account.busy_until - time.time()
        expects = [
            "the next order is made and its answer lost"
            if fault.error is not None
            else f"the next order takes {fault.delay:.0f} s"
            for fault in self.sandbox.faults
        ]
        if busy > 0:
            expects.append(f"another order runs for {busy:.0f} s more")
        if self._prices != "as usual":
            expects.append(f"prices {self._prices}")
        return {
            "orders": len(self.sandbox.orders),
            "balance": f"{self._account.balance:.2f}",
            "expects": expects,
        }

    def controls(self) -> list[Control]:
        """The buttons of the strip that are about the upstream."""
        return [
            Control(
                "silent",
                "Upstream is silent",
                "The next order is made and paid there, but the answer gets lost on its way.",
                lambda: self._next_order(Fault(error=ConnectionError("silent"), is_done=True)),
            ),
            Control(
                "slow",
                f"Upstream is slow ({_SLOW_SECONDS:.0f} s)",
                "The next order takes that long.",
                lambda: self._next_order(Fault(delay=_SLOW_SECONDS)),
            ),
            Control(
                "busy",
                "Another order is running",
                f"For {_BUSY_SECONDS:.0f} s the upstream refuses every order: one at a time.",
                self._keep_busy,
            ),
            Control(
                "dearer",
                "Price goes up 10 %",
                "Every plan costs us more from now on. Open a plan first, then buy it: nobody "
                "pays a price they have not seen. The shop looks at prices once a minute.",
                self._raise_prices,
            ),
            Control(
                "empty",
                "Our account is empty",
                "The upstream has no money of ours left and refuses orders.",
                self._drain,
            ),
            Control("calm", "All is well again", "Takes back everything above.", self._calm),
        ]

    def _next_order(self, fault: Fault) -> None:
        self.sandbox.faults.append(fault)
        self._announce()

    def _keep_busy(self) -> None:
        self._account.busy_until = time.time() + _BUSY_SECONDS
        self._announce()

    def _raise_prices(self) -> None:
        for provider in self.sandbox.providers.values():
            for plan in provider.plans:
                plan.price = (plan.price * Decimal("1.10")).quantize(Decimal("0.01"))
        self._prices = "went up"
        self._announce()

    def _drain(self) -> None:
        self.sandbox.set_balance(TOKEN, "0.00")
        self._announce()

    def _calm(self) -> None:
        self.sandbox.faults.clear()
        self._account.busy_until = 0.0
        self.sandbox.providers = {provider.code: provider for provider in catalogue()}
        self._prices = "as usual"
        self.sandbox.set_balance(TOKEN, _BALANCE)
        self._announce()

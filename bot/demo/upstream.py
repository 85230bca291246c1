"""The upstreams of the demo: both pretended over HTTP, and what they can be told to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

import httpx
from aiohttp import hdrs, web

from bot.demo.page import Control
from bot.domain.money import plain
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from bot.upstreams.sandbox_plans import SandboxPlan, catalogue
from bot.upstreams.sandbox_stat import PERIOD, STAT_KEY, STAT_ORDER_PATH, StatProxiesSandbox
from bot.upstreams.statproxies import NAME as STAT_NAME

PATH: Final = "/gateproxy"
STAT_PATH: Final = "/statproxies"
_STAT_TITLES: Final = {"captcha": "ISP for captchas", "level3": "ISP Level3"}
_STAT_MOST: Final = 25
_ORDERS: Final = ("/orders", "/order/newscale")
_SLOW_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 15.0
_DEARER: Final = Decimal("1.10")
_NEWEST: Final = 5
_LOST: Final = ConnectionError("silent")


class Upstreams:
    """The pretend GateProxy and StatProxies over HTTP, and the mischief to order from them."""

    def __init__(self, *, announce: Callable[[], None]) -> None:
        self.sandbox = GateProxySandbox()
        self.stat = StatProxiesSandbox()
        # One list: what is ordered for the next order comes to whichever is asked first.
        self.stat.faults = self.sandbox.faults
        self._account = self.sandbox.accounts[TOKEN]
        self._announce = announce
        self._asked = 0
        self._armed: dict[str, Fault] = {}
        self._is_sold_out = False
        self._is_dearer = False
        self._drained = Decimal(0)

    def settings(self, url: str) -> dict[str, str]:
        """What a shop has to be told so that it buys here; they are served below `url`."""
        products = {
            code: {
                "title": title,
                "cost": plain(self.stat.costs[code]),
                "days": int(PERIOD // 86_400),
                "max": _STAT_MOST,
            }
            for code, title in _STAT_TITLES.items()
        }
        return {
            "GATEPROXY_TOKENS": TOKEN,
            "GATEPROXY_URL": url + PATH,
            "STATPROXIES_KEY": STAT_KEY,
            "STATPROXIES_URL": url + STAT_PATH,
            "STATPROXIES_PRODUCTS": json.dumps(products),
            "STATPROXIES_ORDER_PATH": STAT_ORDER_PATH,
        }

    @property
    def made(self) -> int:
        """How many orders both have made."""
        return len(self.sandbox.orders) + len(self.stat.orders)

    def password_of(self, username: str) -> str | None:
        """The password that either of them delivers with a username."""
        return self.sandbox.password_of(username) or self.stat.password_of(username)

    async def serve(self, request: web.Request) -> web.Response:
        """Hand one request to its sandbox; a line that this cuts is cut here, too."""
        is_stat = request.raw_path.startswith(STAT_PATH)
        sandbox, path = (self.stat, STAT_PATH) if is_stat else (self.sandbox, PATH)
        if request.method == hdrs.METH_POST and request.path.endswith(_ORDERS):
            self._asked += 1
            self._announce()
        asked = httpx.Request(
            request.method,
            "http://sandbox" + request.raw_path.removeprefix(path),
            headers=list(request.headers.items()),
            content=await request.read(),
        )
        try:
            answer = await sandbox.handle(asked)
        except ConnectionError:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        finally:
            if request.method != hdrs.METH_GET:
                self._announce()
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in {"content-length", "transfer-encoding"}
        }
        return web.Response(status=answer.status_code, body=answer.content, headers=kept)

    def record(self) -> dict[str, Any]:
        """The upstreams' own records: what they made, and how often they were asked to."""
        orders = [
            {
                "reference": order.reference,
                "provider": self.sandbox.providers[order.provider].name,
                "plan": order.traffic,
                "cost": plain(order.cost),
                "at": order.made_at,
            }
            for order in self.sandbox.orders[-_NEWEST:]
        ] + [
            {
                "reference": one.reference,
                "provider": STAT_NAME,
                "plan": f"{one.quantity} × {_STAT_TITLES[one.product]}",
                "cost": plain(one.cost),
                "at": one.made_at,
            }
            for one in self.stat.orders[-_NEWEST:]
        ]
        orders.sort(key=itemgetter("at"), reverse=True)
        return {
            "made": self.made,
            "asked": self._asked,
            "balance": plain(self._account.balance),
            "renewing": sum(one.cancelled_at is None for one in self.stat.orders),
            "orders": orders[:_NEWEST],
        }

    def controls(self) -> list[Control]:
        """The buttons of the strip that are about the upstreams; each is on until it is over."""
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

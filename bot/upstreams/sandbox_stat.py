"""A pretend StatProxies: orders that are subscriptions, and a bill for every period of each."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import unquote

import httpx

from bot.upstreams.pretence import Fault, Pretence

STAT_KEY = "sk_live_sandbox"
STAT_PRODUCTS = (
    '{"captcha": {"title": "ISP for captchas", "cost": "2.00", "days": 30, "max": 100},'
    ' "x1": {"title": "ISP X1", "cost": "1.40", "days": 30, "max": 50},'
    ' "level3": {"title": "ISP Level3", "cost": "2.60", "days": 30, "max": 25}}'
)
"""The setting that sells what is pretended here."""
STAT_ORDER_PATH = "/order/fetch/{product_id}/{order_id}"
PERIOD = 30 * 86_400.0

_LETTERS = re.compile(r"[a-z]{1,50}", re.ASCII)


@dataclass(slots=True)
class StatOrder:
    """One order with its subscription, which is billed again and again until it is cancelled."""

    subscription: str
    key: str = field(repr=False)
    product: str
    quantity: int
    tag: str | None
    made_at: float
    cost: Decimal
    """Of all pieces, for one period."""
    cancelled_at: float | None = None
    exchanges: int = 0
    is_gone: bool = False
    """Somebody removed it: it is neither listed nor found."""

    @property
    def reference(self) -> str:
        """The order's id, which is also the user name of its proxies."""
        return self.subscription.lower()


@dataclass(frozen=True, slots=True)
class Bill:
    """One period of one order that was charged to our card."""

    reference: str
    at: float
    cost: Decimal


class StatProxiesSandbox(Pretence):
    """One pretended StatProxies: mount `handle` as a transport, or serve it over HTTP."""

    def __init__(
        self,
        *,
        keys: tuple[str, ...] = (STAT_KEY,),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 1,
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, seed=seed)
        self.keys = set(keys)
        self.costs = {"captcha": Decimal("2.00"), "x1": Decimal("1.40"), "level3": Decimal("2.60")}
        self.orders: list[StatOrder] = []
        self.has_list = True
        self.list_has_tag = True
        self.list_has_product = True
        self.list_has_cancelled = True
        self.list_lag = 0.0
        """Seconds by the clock before a new order is listed."""
        self.has_details = True
        self.has_exchange = True
        self.proxy_port: int | None = None
        """Where a pretend proxy listens on this machine: what is delivered then leads there."""

    @property
    def bills(self) -> list[Bill]:
        """Everything charged until now: a period when it begins, until the order is cancelled."""
        made = []
        for order in self.orders:
            at = order.made_at
            until = self._clock() if order.cancelled_at is None else order.cancelled_at
            while at <= max(until, order.made_at):
                made.append(Bill(order.reference, at, order.cost))
                at += PERIOD
        return made

    def password_of(self, username: str) -> str | None:
        """The password that is delivered with a username, which is the id of its order."""
        order = next((one for one in self.orders if one.reference == username), None)
        return None if order is None else self._password(order)

    def refuse(self, status: int, code: str) -> httpx.Response:
        """A refusal: an error object for a type of theirs, else a text under `response`."""
        if code in {"invalid_api_key", "insufficient_permissions"}:
            return httpx.Response(status, json={"error": code})
        if code.endswith("_error"):
            message = code.replace("_", " ").capitalize()
            error = {"type": code, "message": message, "details": "…"}
            return httpx.Response(status, json={"error": error})
        return httpx.Response(status, json={"response": code})

    async def _answer(
        self, request: httpx.Request, path: str, token: str | None, fault: Fault
    ) -> httpx.Response:
        if fault.delay:
            await self._sleep(fault.delay)
        if token not in self.keys:
            return self.refuse(401, "invalid_api_key")
        steps = [unquote(step) for step in path.strip("/").split("/")]
        match request.method, steps:
            case "POST", [*_, "order", "newscale"]:
                return await self._place(request, token or "")
            case "GET", [*_, "order", "list"] if self.has_list:
                return self._list(token or "")
            case "GET", [*_, "order", "fetch", product, reference] if self.has_details:
                return self._one(token or "", product, reference)
            case "DELETE", [*_, "order", "delete", subscription, product]:
                return self._delete(token or "", subscription, product)
            case "POST", [*_, "order", "exchange", reference]:
                return self._exchange(token or "", reference)
            case _:
                return self.refuse(404, "not_found_error")

    async def _place(self, request: httpx.Request, key: str) -> httpx.Response:
        body = json.loads(await request.aread())
        quantity, product, tag = (body.get(k) for k in ("quantity", "product_type", "customer"))
        if quantity is None or product is None:
            return self.refuse(400, "Missing required fields")
        if product not in self.costs:
            return self.refuse(400, "Invalid product_type")
        if type(quantity) is not int or quantity <= 0:
            return self.refuse(400, "Quantity must be greater than 0")
        if tag is not None and not _LETTERS.fullmatch(tag):
            return self.refuse(400, "Customer ID must contain only lowercase letters (a-z)")
        number = len(self.orders)
        letters = self._letters(number, "subscription", 20)
        # Both cases, because only one of the two ids can be made from the other.
        subscription = "sub_1" + "".join(
            letter.upper() if at % 2 else letter for at, letter in enumerate(letters)
        )
        cost = self.costs[product] * quantity
        order = StatOrder(subscription, key, product, quantity, tag, self._clock(), cost)
        self.orders.append(order)
        ids = {"order_id": order.reference, "subscription_id": order.subscription}
        return httpx.Response(200, json={"response": "success", **ids})

    def _list(self, key: str) -> httpx.Response:
        until = self._clock() - self.list_lag
        rows = [
            {
                "order_id": order.reference,
                "subscription_id": order.subscription,
                "quantity": order.quantity,
                **({"product_type": order.product} if self.list_has_product else {}),
                **({"customer": order.tag} if self.list_has_tag else {}),
                "status": "active" if order.cancelled_at is None else "pending_cancellation",
                "created_at": datetime.fromtimestamp(order.made_at, UTC).isoformat(),
            }
            for order in self._of(key)
            if order.made_at <= until and (self.list_has_cancelled or order.cancelled_at is None)
        ]
        return httpx.Response(200, json={"response": "success", "orders": rows})

    def _one(self, key: str, product: str, reference: str) -> httpx.Response:
        order = self._find(key, reference)
        if order is None or order.product != product:
            return self.refuse(404, "not_found_error")
        password = self._password(order)
        # 198.51.100.0/24 belongs to nobody: it is kept for examples.
        first = 10 + 7 * self.orders.index(order) + 31 * order.exchanges
        places = [
            self._place_of(f"198.51.100.{(first + at) % 250}", 6000 + at)
            for at in range(order.quantity)
        ]
        proxies = [{"ip": ip, "port": port, "password": password} for ip, port in places]
        ids = {"order_id": order.reference, "username": order.reference}
        rows = [{**proxy, "username": order.reference} for proxy in proxies]
        return httpx.Response(200, json={"response": "success", "order": {**ids, "proxies": rows}})

    def _password(self, order: StatOrder, exchanges: int | None = None) -> str:
        number = order.exchanges if exchanges is None else exchanges
        return self._letters(self.orders.index(order), f"password {number}", 12)

    def _place_of(self, address: str, port: int) -> tuple[str, int]:
        """The delivered address, or a name that means this machine, where a proxy listens."""
        if self.proxy_port is None:
            return address, port
        return f"{address.replace('.', '-')}.localhost", self.proxy_port

    def _delete(self, key: str, subscription: str, product: str) -> httpx.Response:
        order = next((one for one in self._of(key) if one.subscription == subscription), None)
        if order is None or order.product != product:
            return self.refuse(404, "not_found_error")
        if order.cancelled_at is None:
            order.cancelled_at = self._clock()
        said = {
            "message": "Order deleted and subscription cancellation scheduled",
            "order_id": order.reference,
            "subscription_id": order.subscription,
        }
        return httpx.Response(200, json={"success": said})

    def _exchange(self, key: str, reference: str) -> httpx.Response:
        order = self._find(key, reference)
        if not self.has_exchange:
            return self.refuse(403, "insufficient_permissions")
        if order is None:
            return self.refuse(404, "not_found_error")
        order.exchanges += 1
        count = order.quantity
        details = {
            "order_id": reference, "previous_count": count, "new_count": count,
            "requested_count": count, "overlapping_ips": 0,
        }  # fmt: skip
        return httpx.Response(
            200,
            json={
                "response": "success",
                "message": "Proxies exchanged successfully",
                "details": details,
            },
        )

    def _of(self, key: str) -> list[StatOrder]:
        return [one for one in self.orders if one.key == key and not one.is_gone]

    def _find(self, key: str, reference: str) -> StatOrder | None:
        return next((one for one in self._of(key) if one.reference == reference), None)

"""A pretend GateProxy that speaks the documented JSON, remembers everything and can misbehave."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import unquote

import httpx

from bot.upstreams.pretence import Fault, Pretence
from bot.upstreams.sandbox_plans import SandboxPlan, SandboxProvider, catalogue

TOKEN = "gpk_live_sandbox"  # noqa: S105 - opens nothing but this pretence

GB = 1 << 30
MB = 1 << 20

PricingShape = Literal["list", "map", "lists", "flat", "none"]
"""What /pricing answers: the vendor documents the call without an example."""


@dataclass(slots=True)
class SandboxOrder:
    """One order that was made and paid."""

    reference: str
    token: str = field(repr=False)
    provider: str
    plan: str
    traffic: str
    cost: Decimal
    made_at: float
    """By the sandbox's clock; it is listed and found from then on."""
    polls_left: int = 0
    """How many more reads of this order say `pending`."""
    word: str = "completed"
    """The status once nothing is pending."""
    listed_as: str | None = None
    """The id by which the list shows it, where that is another one."""
    is_left_out: bool = False
    """The list never shows it."""


@dataclass(slots=True)
class SandboxAccount:
    """One account, known by its token."""

    balance: Decimal
    busy_until: float = 0.0
    is_working: bool = False


class GateProxySandbox(Pretence):
    """One pretended GateProxy: mount `handle` as a transport, or serve it over HTTP.

    The same requests in the same order get the same answers, whatever the time of day.
    """

    def __init__(
        self,
        *,
        tokens: dict[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 1,
    ) -> None:
        super().__init__(clock=clock, sleep=sleep, seed=seed)
        self.providers = {provider.code: provider for provider in catalogue()}
        self.accounts: dict[str, SandboxAccount] = {}
        self.orders: list[SandboxOrder] = []
        self.pricing_shape: PricingShape = "list"
        self.list_has_plan = True
        self.list_has_ids = True
        """Whether the list shows what is made now by the id that the answer to it told."""
        self.proxy_port: int | None = None
        """Where a pretend proxy listens on this machine: what is delivered then leads there."""
        self.list_lag = 0.0
        """Seconds by the clock before a new order is listed."""
        self.list_has_new = True
        """Whether the list will ever show what is made now."""
        self.repeats = False
        """Whether every order delivers what the first one of its provider did."""
        for token, balance in ({TOKEN: "500.00"} if tokens is None else tokens).items():
            self.set_balance(token, balance)

    def set_balance(self, token: str, balance: str) -> None:
        """Give an account this balance; a token not seen before opens one."""
        if token in self.accounts:
            self.accounts[token].balance = Decimal(balance)
        else:
            self.accounts[token] = SandboxAccount(Decimal(balance))

    def set_price(self, provider: str, plan: str, price: str) -> None:
        """Change what a plan costs from now on."""
        self.plan(provider, plan).price = Decimal(price)

    def set_stock(self, provider: str, plan: str, *, in_stock: bool) -> None:
        """Let a plan run out, or come back."""
        self.plan(provider, plan).in_stock = in_stock

    def set_active(self, provider: str, *, is_active: bool) -> None:
        """Switch a provider off or on."""
        self.providers[provider].is_active = is_active

    def plan(self, provider: str, plan: str) -> SandboxPlan:
        """A plan for sale; `KeyError` for one that does not exist."""
        for found in self.providers[provider].plans:
            if found.code == plan:
                return found
        raise KeyError(plan)

    def password_of(self, username: str) -> str | None:
        """The password that was delivered with a username."""
        for number, order in enumerate(self.orders):
            if self._username(order) == username:
                return self._letters(number, "password", 12)
        return None

    def refuse(self, status: int, code: str) -> httpx.Response:
        """A refusal in GateProxy's envelope."""
        return _refusal(status, code)

    async def _answer(
        self, request: httpx.Request, path: str, token: str | None, fault: Fault
    ) -> httpx.Response:
        steps = [unquote(step) for step in path.strip("/").split("/")]
        if fault.delay and request.method != "POST":
            await self._sleep(fault.delay)
        match request.method, steps:
            case "GET", ["health"]:
                return _json({"success": True, "status": "ok"})
            case "GET", [""]:
                return _json({"success": True, "name": "GateProxy API", "version": "1.0"})
            case _:
                pass
        if token is None or token not in self.accounts:
            return _refusal(401, "unauthorized")
        match request.method, steps:
            case "GET", ["account", "balance"]:
                balance = float(self.accounts[token].balance)
                return _json({"success": True, "balance": balance, "currency": "USD"})
            case "GET", ["providers"]:
                return _json({"success": True, "providers": self._providers()})
            case "GET", ["providers", code, "pricing"]:
                return self._pricing(code)
            case "GET", ["pricing"]:
                return self._all_pricing()
            case "POST", ["orders"]:
                return await self._place(request, token, fault)
            case "GET", ["orders"]:
                return self._list(request, token)
            case "GET", ["orders", reference]:
                return self._one(reference, token)
            case "GET", ["proxies", target, username, "usage"]:
                return self._usage(target, username, token)
            case _:
                return _refusal(404, "not_found")

    def _providers(self) -> list[dict[str, object]]:
        return [
            {"id": provider.code, "name": provider.name, "status": "active"}
            for provider in self.providers.values()
            if provider.is_active
        ]

    def _prices(self, provider: SandboxProvider) -> dict[str, object]:
        plans = [
            {"traffic": plan.traffic, "plan": plan.code, "price": float(plan.price)}
            for plan in provider.plans
        ]
        return {"provider": provider.code, "currency": "USDT", "plans": plans}

    def _pricing(self, code: str) -> httpx.Response:
        provider = self.providers.get(code)
        if provider is None or not provider.is_active:
            return _refusal(404, "provider_not_found")
        return _json({"success": True, **self._prices(provider)})

    def _all_pricing(self) -> httpx.Response:
        active = [provider for provider in self.providers.values() if provider.is_active]
        prices = [self._prices(provider) for provider in active]
        match self.pricing_shape:
            case "list":
                return _json({"success": True, "pricing": prices})
            case "map":
                named = {str(one["provider"]): one for one in prices}
                return _json({"success": True, "providers": named})
            case "lists":
                rows = {str(one["provider"]): one["plans"] for one in prices}
                return _json({"success": True, "currency": "USDT", "data": rows})
            case "flat":
                flat = [
                    {
                        "provider": provider.code,
                        "plan": plan.code,
                        "traffic": plan.traffic,
                        "price": float(plan.price),
                        "currency": "USDT",
                    }
                    for provider in active
                    for plan in provider.plans
                ]
                return _json({"success": True, "plans": flat})
            case "none":
                return _refusal(404, "not_found")

    async def _place(self, request: httpx.Request, token: str, fault: Fault) -> httpx.Response:
        account = self.accounts[token]
        try:
            body = json.loads(await request.aread())
        except ValueError:
            return _refusal(400, "invalid_json")
        if not isinstance(body, dict):
            return _refusal(400, "invalid_json")
        if account.is_working or account.busy_until > self._clock():
            return _refusal(409, "order_processing")
        account.is_working = True
        try:
            if fault.delay:
                await self._sleep(fault.delay)
            return self._make(account, token, body.get("provider"), body.get("plan"), fault)
        finally:
            account.is_working = False

    def _make(
        self, account: SandboxAccount, token: str, provider: object, plan: object, fault: Fault
    ) -> httpx.Response:
        found = self.providers.get(provider) if isinstance(provider, str) else None
        if found is None or not found.is_active:
            return _refusal(404, "provider_not_found")
        # The documents' own example sends "1GB"; only what /pricing gave is taken here.
        wanted = next((one for one in found.plans if one.code == plan), None)
        if wanted is None:
            return _refusal(400, "invalid_plan")
        if account.balance < wanted.price:
            return _refusal(402, "insufficient_balance")
        if not wanted.in_stock:
            return _refusal(502, "provider_error")
        account.balance -= wanted.price
        account.busy_until = self._clock() + fault.works_for
        order = SandboxOrder(
            reference=f"ord_{self._letters(len(self.orders), 'reference', 8)}",
            token=token,
            provider=found.code,
            plan=wanted.code,
            traffic=wanted.traffic,
            cost=wanted.price,
            made_at=self._clock() + fault.works_for,
            polls_left=fault.pending,
            word=fault.word,
        )
        if not self.list_has_ids:
            order.listed_as = f"{order.reference}_listed"
        order.is_left_out = not self.list_has_new
        self.orders.append(order)
        named = {"success": True, "order_id": order.reference, "status": self._status(order)}
        return _json({**named, **self._goods(order)})

    def _of(self, token: str, lag: float = 0.0) -> list[SandboxOrder]:
        until = self._clock() - lag
        return [one for one in self.orders if one.token == token and one.made_at <= until]

    def _list(self, request: httpx.Request, token: str) -> httpx.Response:
        limit = min(_counted(request.url.params.get("limit"), 20), 100)
        page = _counted(request.url.params.get("page"), 1)
        newest = [one for one in self._of(token, self.list_lag)[::-1] if not one.is_left_out]
        rows = [self._row(order) for order in newest[(page - 1) * limit : page * limit]]
        return _json({"success": True, "page": page, "limit": limit, "orders": rows})

    def _row(self, order: SandboxOrder) -> dict[str, object]:
        what = {"provider": order.provider, "plan": order.plan} if self.list_has_plan else {}
        return {
            "order_id": order.listed_as or order.reference,
            **what,
            "status": self._status(order),
            "price": float(order.cost),
            "created_at": datetime.fromtimestamp(order.made_at, UTC).isoformat(),
        }

    def _one(self, reference: str, token: str) -> httpx.Response:
        order = self._find(reference, token)
        if order is None:
            return _refusal(404, "order_not_found")
        order.polls_left = max(order.polls_left - 1, 0)
        asked = {"order_id": reference, "provider": order.provider, "plan": order.plan}
        whole = {**self._row(order), **asked}
        return _json({"success": True, "order": {**whole, **self._goods(order)}})

    def _find(self, reference: str, token: str) -> SandboxOrder | None:
        return next(
            (one for one in self._of(token) if reference in {one.reference, one.listed_as}), None
        )

    def _status(self, order: SandboxOrder) -> str:
        return "pending" if order.polls_left else order.word

    def _usage(self, target: str, username: str, token: str) -> httpx.Response:
        order = self._find(target, token) if username == "auto" else None
        if order is None:
            named = [one for one in self._of(token) if one.provider == target]
            order = next((one for one in named if self._username(one) == username), None)
        provider = order.provider if order is not None else target
        if provider in {"proxyseller", "9proxy_cd_key"}:
            return _refusal(400, "usage_not_available")
        if order is None:
            return _refusal(404, "proxy_not_found")
        number, unit = order.traffic.split(" ", 1)
        total = int(number) * (GB if unit == "GB" else MB)
        # Each customer uses a plan up at a pace of their own: within one to five days.
        days = 1 + int(self._letters(self.orders.index(order), "pace", 4), 16) % 5
        age = max(self._clock() - order.made_at, 0.0)
        used = min(int(total * age / (days * 86_400)), total)
        return _json(
            {
                "success": True,
                "provider": order.provider,
                "proxy_username": self._username(order),
                "used": _size(used),
                "remaining": _size(total - used),
                "total": _size(total),
                "order_id": order.reference,
            }
        )

    def _goods(self, order: SandboxOrder) -> dict[str, object]:
        """What the order delivers, in the form of its provider; nothing while it is pending."""
        if self._status(order) != "completed":
            return {}
        number = self._number(order)
        password = self._letters(number, "password", 12)
        username = self._username(order)
        match order.provider:
            case "9proxy_cd_key":
                key = self._letters(number, "key", 16).upper()
                parts = [key[at : at + 4] for at in range(0, 16, 4)]
                return {"cd_key": "-".join(["9P", *parts]), "ips": int(order.plan[2:])}
            case "proxyseller" if order.plan.startswith("isp"):
                # 203.0.113.0/24 belongs to nobody: it is kept for examples.
                first = 10 + number % 200
                places = [self._place_of(f"203.0.113.{first + at}", 50100) for at in range(5)]
                return {"proxies": [f"{h}:{p}:{username}:{password}" for h, p in places]}
            case "proxyseller":
                host, port = "res.proxy-seller.com", 10000
            case "abcproxy":
                host, port = f"na.{self._letters(number, 'host', 8)}.abcproxy.vip", 4950
            case "9proxy":
                host, port = "gb.9proxy.example", 6000
            case "dataimpulse":
                host, port = "gw.dataimpulse.com", 823
            case _:
                host, port = "gate.nodemaven.com", 8080
        host, port = self._place_of(host, port)
        proxy = {
            "host": host,
            "port": port,
            "username": username,
            "password": password,
            "protocol": "HTTP",
        }
        return {"proxy": proxy}

    def _place_of(self, host: str, port: int) -> tuple[str, int]:
        """The delivered host, or a like name that means this machine, where a proxy listens."""
        if self.proxy_port is None:
            return host, port
        return f"{host.rpartition('.')[0]}.localhost", self.proxy_port

    def _username(self, order: SandboxOrder) -> str:
        login = self._letters(self._number(order), "login", 6)
        match order.provider:
            case "abcproxy":
                return f"gateproxy{login}-zone-abc-region-US"
            case "9proxy":
                return f"gp9{login}-country-us"
            case "proxyseller" if order.plan.startswith("isp"):
                return f"ps{login}"
            case "proxyseller":
                return f"ps{login}_c_US"
            case "dataimpulse":
                return f"{login}__cr.us"
            case _:
                return f"nodemaven_{login}-country-us"

    def _number(self, order: SandboxOrder) -> int:
        if self.repeats:
            order = next(one for one in self.orders if one.provider == order.provider)
        return self.orders.index(order)


def _counted(text: str | None, default: int) -> int:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) < 7
    return max(int(text or default), 1) if is_number else default


def _size(amount: int) -> str:
    if amount >= GB:
        return f"{amount / GB:.2f}".rstrip("0").rstrip(".") + "GB"
    return f"{amount / MB:.1f}".rstrip("0").rstrip(".") + "MB"


def _json(body: dict[str, object], status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def _refusal(status: int, code: str) -> httpx.Response:
    message = code.replace("_", " ").capitalize() + "."
    return _json({"success": False, "error": {"code": code, "message": message}}, status)

"""GateProxy: six providers behind one balance, one order at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from urllib.parse import quote

import httpx

from bot.domain.catalog import UsageByApi, UsageByBot, UsageCheck, UsageUnknown
from bot.domain.errors import (
    Busy,
    OutOfService,
    Refused,
    Unclear,
    UpstreamError,
)
from bot.domain.money import Money, usd
from bot.domain.orders import (
    Credentials,
    Delivery,
    RedeemCode,
)
from bot.domain.usage import Traffic
from bot.upstreams.base import (
    BalanceReader,
    Exchanger,
    Listed,
    Made,
    Page,
    Priced,
    PriceList,
    Progress,
    SubscriptionCanceller,
    UsageReader,
)
from bot.upstreams.http import Answer, Code, Http, Seen
from bot.upstreams.shapes import fields_of, is_plain, nested_in, proxies_of, rows_of, text_of

BASE_URL = "https://api.gateproxy.store"

PAGE_SIZE = 20
LEAST_PAGE = 10
"""A server may cap pages without saying so; nobody caps them below this."""

NO_CURRENCY = "XXX"
"""What ISO 4217 calls "no currency": an amount that came without one is not sold."""

CHEAPEST, DEAREST = usd("0.01"), usd("1000")
"""A cost outside of this is a mistake."""

CD_KEY = "9proxy_cd_key"
NAMES = {
    "abcproxy": "ABC Proxy",
    "9proxy": "9Proxy",
    "proxyseller": "ProxySeller",
    "nodemaven": "NodeMaven",
    "dataimpulse": "DataImpulse",
    CD_KEY: "9Proxy CD Key",
}

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_CODE = re.compile(r"[a-z]+(?:_[a-z]+){0,5}", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,30})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{2,8}", re.ASCII)
_NO_ORDER, _NO_PROXY = "order_not_found", "proxy_not_found"
_NO_PAGE = {_NO_ORDER, "page_not_found", "not_found"}
_MICRO = Decimal("0.000001")

_READY = {"completed", "complete", "success", "active", "delivered"}
_FAILED = {"failed", "cancelled", "canceled", "refunded", "error"}
_NOT_A_CODE = _READY | _FAILED | {"pending", "processing"}

_OF_CD_KEYS = ("cd_key", "cd_keys", "redeem_code", "redeem_codes")
_OF_ANY_CODE = (*_OF_CD_KEYS, "keys", "codes", "key", "code", "license", "proxy")


class GateProxy:
    """One account at GateProxy; every call raises `UpstreamError`.

    Follows docs.gateproxy.store, and reads tolerantly where that is silent.
    Amounts keep the currency that came with them.
    """

    name = "gateproxy"
    subscriptions: SubscriptionCanceller | None = None
    exchange: Exchanger | None = None
    tells_credentials = True

    def __init__(
        self,
        token: str,
        *,
        base_url: str = BASE_URL,
        seen: Seen | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        read_seconds: float = 10.0,
        order_seconds: float = 75.0,
    ) -> None:
        self._http = Http(
            base_url,
            token,
            refusal=_refusal,
            seen=seen,
            transport=transport,
            read_seconds=read_seconds,
            order_seconds=order_seconds,
        )
        self.usage: UsageReader | None = GateProxyUsage(self._http)
        self.balance: BalanceReader | None = GateProxyBalance(self._http)

    async def health(self) -> None:
        """Return if the API server is up; the token is not tried."""
        await self._http.reach("/health")

    async def plans(self, provider: str | None = None) -> tuple[PriceList, ...]:
        """What is for sale; `plans` is None for a provider whose prices could not be read.

        A row that cannot be understood is left out; a provider that is not active comes
        without plans. Raises where the prices of no provider could be read.
        """
        listed = _providers((await self._http.get("/providers")).data)
        if provider is not None:
            name, is_active = listed.get(provider, (_name(provider, None), False))
            plans = await self._of_provider(provider)
            return (_price_list(provider, name, plans, is_active=is_active),)
        priced = await self._of_all()
        lists: list[PriceList] = []
        failure: UpstreamError | None = None
        for code, (name, is_active) in listed.items():
            try:
                known = code in priced or not is_active
                plans = priced.get(code, ()) if known else await self._of_provider(code)
            except (OutOfService, Busy):
                raise
            except (Refused, Unclear) as failed:
                failure = failed
                lists.append(_price_list(code, name, None, is_active=is_active))
            else:
                lists.append(_price_list(code, name, plans, is_active=is_active))
        if failure is not None and all(one.plans is None for one in lists):
            raise failure
        return tuple(lists)

    async def place(
        self,
        provider: str,
        plan: str,
        quantity: int,
        tag: str,  # noqa: ARG002 - every upstream is given one
    ) -> Made:
        """Order once. GateProxy sells one at a time and has no field for `tag`."""
        if quantity != 1:
            problem = "GateProxy sells one at a time"
            raise ValueError(problem)
        answer = await self._http.post_once(
            "/orders", {"provider": provider, "plan": plan}, buys=True
        )
        body = _order(answer.data)
        reference = _reference(body)
        if fields_of(answer.data).get("success") is not True or reference is None:
            raise Unclear(Code.NO_ORDER_ID, status=answer.status)
        return _made(reference, body, answer.text, provider)

    async def order(
        self,
        reference: str,
        provider: str,
        plan: str,  # noqa: ARG002 - StatProxies needs it to name an order
    ) -> Made:
        """One order as it stands now; `Unclear` if the answer is about another one."""
        answer = await self._http.get(f"/orders/{_own(reference)}")
        body = _order(answer.data)
        if not body.keys() & {"order_id", "id", "status"}:
            raise Unclear(Code.UNREADABLE, status=answer.status)
        if _reference(body) not in {reference, None}:
            raise Unclear(Code.ANOTHER_ORDER, status=answer.status)
        return _made(reference, body, answer.text, _provider_of(body) or provider)

    async def recent(self, page: int) -> Page:
        """A page of the order list, from 1.

        A row without an id makes the whole page `Unclear`: an order that cannot be seen must
        not count as one that is not there.
        """
        query = {"limit": str(PAGE_SIZE), "page": str(page)}
        try:
            answer = await self._http.get("/orders", query)
        except (Refused, Unclear) as failed:
            # What comes past the end stands nowhere: it may be an empty page, or this.
            if page > 1 and failed.status == 404 and failed.code in _NO_PAGE:
                return Page((), is_last=True)
            raise
        rows = rows_of(answer.data, ("orders", "data", "items", "results"))
        if rows is None:
            raise Unclear(Code.UNREADABLE, status=answer.status)
        return Page(tuple(_listed(row) for row in rows), is_last=len(rows) < LEAST_PAGE)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _of_provider(self, provider: str) -> tuple[Priced, ...]:
        answer = await self._http.get(f"/providers/{_part(provider)}/pricing")
        rows = rows_of(answer.data, ("plans", "pricing", "data"))
        if rows is None:
            raise Unclear(Code.UNREADABLE, status=answer.status)
        return _plans(rows, _currency(answer.data))

    async def _of_all(self) -> Mapping[str, tuple[Priced, ...]]:
        # The documents give /pricing no example: what it does not tell is asked one by one.
        try:
            answer = await self._http.get("/pricing")
        except (OutOfService, Busy):
            raise
        except (Refused, Unclear) as failed:
            if failed.status is None:
                raise
            return {}
        return {
            provider: _plans(rows, currency)
            for provider, rows, currency in _price_lists(answer.data)
            if currency != NO_CURRENCY
        }


class GateProxyUsage:
    """Traffic, in GateProxy's own words."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def of_order(self, reference: str) -> Traffic:
        """The traffic of an order; `Refused` where there is none to tell."""
        return _traffic(await self._http.get(f"/proxies/{_own(reference)}/auto/usage"))

    async def of_username(self, provider: str, username: str) -> Traffic:
        """The traffic of any proxy of a provider, by its full username."""
        # A segment of dots would be folded away from the path, before it is sent.
        if not is_plain(username, 256) or not username.strip("."):
            raise Refused(_NO_PROXY)
        return _traffic(
            await self._http.get(f"/proxies/{_part(provider)}/{_part(username)}/usage")
        )


class GateProxyBalance:
    """What the account holds."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def read(self) -> Money:
        """Our balance, in GateProxy's currency."""
        answer = await self._http.get("/account/balance")
        for fields in nested_in(answer.data, ("data", "account", "result")):
            micros = _micros(fields.get("balance"))
            if micros is not None:
                return Money(micros, _currency(fields))
        raise Unclear(Code.UNREADABLE, status=answer.status)


def _refusal(answer: Answer) -> UpstreamError | None:
    """GateProxy's word for "no". The code decides; a status carries up to three meanings."""
    status, after = answer.status, answer.retry_after
    is_read = answer.method == "GET"
    body = fields_of(answer.data)
    if 200 <= status < 300 and "error" not in body and body.get("success", True) is True:
        return None
    match answer.data:
        case {"success": False, "error": {"code": str(code)}}:
            pass
        case _:
            return Unclear(Code.NO_ENVELOPE, status=status)
    match code:
        case "unauthorized" | "insufficient_balance":
            return OutOfService(code, status=status)
        case "invalid_plan" | "invalid_json" | "provider_not_found":
            return Refused(code, status=status)
        # Said to an order, these would mean that something was made and then not found again.
        case "order_not_found" | "proxy_not_found" | "usage_not_available" if is_read:
            return Refused(code, status=status)
        case "order_processing":
            return Busy(code, status=status, after=after)
        # "Deducts balance, creates or delivers the proxy, records": it may fail after the first.
        case "provider_error":
            return Unclear(code, status=status, documented=True)
        case _ if status == 429:
            return Busy(_safe(code), status=status, after=after)
        case _:
            return Unclear(_safe(code), status=status, documented=True)


def _safe(code: str) -> str:
    """An undocumented code, if it looks like one: letters, so that no token can pass for it."""
    return code if len(code) <= 40 and _CODE.fullmatch(code) else Code.UNKNOWN_CODE


def _providers(data: object) -> dict[str, tuple[str, bool]]:
    """Name and whether it is active, by provider id."""
    rows = rows_of(data, ("providers", "data", "items", "results"))
    if rows is None:
        raise Unclear(Code.UNREADABLE)
    listed = {}
    for row in rows:
        fields = fields_of(row)
        code, status = fields.get("id"), fields.get("status")
        if isinstance(code, str) and _ID.fullmatch(code):
            is_active = isinstance(status, str) and status.strip().casefold() == "active"
            listed[code] = (_name(code, fields.get("name")), is_active)
    return listed


def _name(code: str, name: object) -> str:
    if isinstance(name, str) and is_plain(name.strip(), 64):
        return name.strip()
    return NAMES.get(code, code)


def _price_list(
    code: str, name: str, plans: tuple[Priced, ...] | None, *, is_active: bool
) -> PriceList:
    usage: UsageCheck
    match code:
        case "proxyseller":
            usage = UsageByBot("https://t.me/proxysellergpbot")
        case "9proxy_cd_key":
            usage = UsageUnknown()
        case _:
            usage = UsageByApi()
    return PriceList(code, name, usage, code == CD_KEY, is_active, plans if is_active else ())


def _price_lists(data: object) -> Iterator[tuple[str, list[object], str]]:
    """Provider, rows and currency out of any of the shapes that /pricing may have.

    A list of one object per provider, a list of rows that name their provider, or a map from
    provider to either; bare, or wrapped.
    """
    wraps = ("pricing", "providers", "data", "plans")
    currency = NO_CURRENCY
    while isinstance(data, dict) and (wrap := next((key for key in wraps if key in data), None)):
        currency = _currency(data, currency)
        data = data[wrap]
    entries = data if isinstance(data, list) else []
    if isinstance(data, dict):
        currency = _currency(data, currency)
        entries = [{"provider": code, "plans": rows_of(data[code], wraps)} for code in data]
        entries = [{**fields_of(data[entry["provider"]]), **entry} for entry in entries]
    flat: dict[str, list[object]] = {}
    for entry in entries:
        fields = fields_of(entry)
        code = _provider_of(fields) or _provider_of({"provider": fields.get("id")})
        rows = rows_of(entry, wraps)
        if code is not None and rows is not None:
            yield code, rows, _currency(entry, currency)
        elif code is not None and "price" in fields:
            flat.setdefault(code, []).append(entry)
    for code, rows in flat.items():
        yield code, rows, _currency(rows[0], currency)


def _plans(rows: list[object], currency: str) -> tuple[Priced, ...]:
    plans: dict[str, Priced] = {}
    unsure = set()
    for row in rows:
        fields = fields_of(row)
        code = text_of(fields.get("plan"))
        micros = _micros(fields.get("price"))
        if code is None or not is_plain(code, 64) or micros is None:
            continue
        if not CHEAPEST.micros <= micros <= DEAREST.micros:
            continue
        title = next(
            (
                text.strip()
                for text in (text_of(fields.get(key)) for key in ("traffic", "title", "name"))
                if text and is_plain(text.strip(), 64)
            ),
            code,
        )
        plan = Priced(code, title, Money(micros, _currency(row, currency)))
        if plans.setdefault(code, plan).cost != plan.cost:
            unsure.add(code)
    # A plan with two prices has none that could be relied on.
    return tuple(plan for plan in plans.values() if plan.code not in unsure)


def _made(reference: str, body: dict[str, object], raw: str, provider: str | None) -> Made:
    return Made(reference, _progress(body), _delivery(body, provider), raw)


def _listed(row: object) -> Listed:
    fields = fields_of(row)
    reference = _reference(fields)
    if reference is None:
        raise Unclear(Code.UNREADABLE)
    plan = fields.get("plan")
    # A plan that is a number was written anew: 0.12 may have been "0.120".
    known = plan if isinstance(plan, str) and is_plain(plan, 64) else None
    return Listed(reference, _provider_of(fields), known, _progress(fields))


def _progress(fields: dict[str, object]) -> Progress:
    status = fields.get("status")
    word = status.strip().casefold() if isinstance(status, str) else ""
    if word in _READY:
        return Progress.READY
    return Progress.FAILED if word in _FAILED else Progress.PENDING


def _delivery(body: dict[str, object], provider: str | None) -> Delivery | None:
    """What the customer gets, or None: never a part of it, and never a guess."""
    places = list(nested_in(body, ("data", "result")))
    if provider != CD_KEY:
        for fields in places:
            for found in (fields.get("proxy"), fields.get("proxies"), fields):
                proxies = proxies_of(found)
                if proxies:
                    return Credentials(proxies)
    if provider is None or provider == CD_KEY:
        # Where nobody says that it is a CD key, a field called `code` may be anything.
        keys = _OF_ANY_CODE if provider == CD_KEY else _OF_CD_KEYS
        places += [fields_of(fields["proxy"]) for fields in places if "proxy" in fields]
        for fields in places:
            for key in keys:
                codes = _codes(fields.get(key))
                if codes:
                    return RedeemCode(codes)
    return None


def _codes(found: object) -> tuple[str, ...] | None:
    """The codes of a list, or the one code; None if any is not one."""
    codes: list[str] = []
    for entry in found if isinstance(found, list) else [found]:
        fields = fields_of(entry)
        named = [fields[key] for key in _OF_ANY_CODE if key in fields] or [entry]
        code = (text_of(named[0]) or "").strip()
        if len(code) < 6 or not is_plain(code, 256) or " " in code:
            return None
        if code.casefold() in _NOT_A_CODE:
            return None
        codes.append(code)
    return tuple(codes) or None


def _traffic(answer: Answer) -> Traffic:
    for fields in nested_in(answer.data, ("data", "usage", "result")):
        words = [_amount_of_traffic(fields.get(key)) for key in ("used", "remaining", "total")]
        if any(word is not None for word in words):
            return Traffic(*words)
    raise Unclear(Code.UNREADABLE, status=answer.status)


def _amount_of_traffic(value: object) -> str | None:
    match value:
        case str() if is_plain(value.strip(), 32):
            return value.strip()
        # A number without a unit is most likely GB; the sign keeps it out of every sum.
        case int() | Decimal() if not isinstance(value, bool):
            return f"~{value} GB"
        case _:
            return None


def _order(data: object) -> dict[str, object]:
    """The order inside its wrapping: the innermost of `order`, `data` and `result` with an id."""
    found: dict[str, object] = {}
    for fields in nested_in(data, ("order", "data", "result")):
        if not found or "order_id" in fields or "id" in fields:
            found = {**found, **fields}
    return found


def _reference(fields: dict[str, object]) -> str | None:
    """The upstream's id of an order, if it can be part of a path."""
    value = text_of(fields.get("order_id", fields.get("id")))
    return value if value is not None and _ID.fullmatch(value) else None


def _provider_of(fields: Mapping[str, object]) -> str | None:
    """The provider id that a row names, by id or by name; None if it names none."""
    value = fields.get("provider_id", fields.get("provider"))
    if isinstance(value, dict):
        value = value.get("id")
    if not isinstance(value, str):
        return None
    for code, name in NAMES.items():
        if value.strip().casefold() in {code, name.casefold()}:
            return code
    return value if _ID.fullmatch(value) else None


def _currency(data: object, default: str = NO_CURRENCY) -> str:
    value = fields_of(data).get("currency")
    word = value.strip().upper() if isinstance(value, str) else ""
    return word if _CURRENCY.fullmatch(word) else default


def _micros(value: object) -> int | None:
    """An amount in millionths, to the nearest one.

    GateProxy counts in binary floats, so 0.30000000000000004 is its way to write 0.30.
    """
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    number = Decimal(value)
    if abs(number) >= 10**10:
        return None
    return int(number.quantize(_MICRO, ROUND_HALF_EVEN).scaleb(6))


def _own(reference: str) -> str:
    if not _ID.fullmatch(reference):
        raise Refused(_NO_ORDER)
    return reference


def _part(text: str) -> str:
    return quote(text, safe="")

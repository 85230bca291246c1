"""StatProxies: ISP proxies by the piece, each order a subscription of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import httpx

from bot.domain.catalog import PlanSeed, UsageUnknown
from bot.domain.errors import Busy, Lacking, OutOfService, Refused, Unclear, UpstreamError
from bot.domain.orders import Credentials
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
from bot.upstreams.shapes import fields_of, is_plain, nested_in, proxies_of, rows_of

BASE_URL = "https://dashboard.statproxies.com/api/v2"
PROVIDER, NAME = "statproxies", "Stat Proxies"

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TAG = re.compile(r"[a-z]{1,50}", re.ASCII)
_CODE = re.compile(r"[a-z]+(?:_[a-z]+){0,7}", re.ASCII)
_REFUSALS = {
    "Missing required fields": "missing_fields",
    "Invalid product_type": "invalid_plan",
    "Quantity must be greater than 0": "invalid_quantity",
    "Customer ID must contain only lowercase letters (a-z)": "invalid_customer",
}
"""The four that the documents name for an order; of no other text is it known what it means."""
_OUR_TROUBLE = {"invalid_api_key", "insufficient_permissions"}
_NO_SUCH = {"not_found_error", "invalid_request_error"}
_LISTS = ("orders", "data", "items", "results", "response")
_WRAPS = ("order", "data", "result", "details")
_GOODS = ("proxies", "proxy", "ips", "list")


class StatProxies:
    """One account at StatProxies; every call raises `UpstreamError`.

    Follows docs.statproxies.com. What an order list and an order look like stands nowhere, so
    both are read tolerantly. No call tells a price: `plans` are what the settings begin with.
    """

    name = "statproxies"
    usage: UsageReader | None = None
    balance: BalanceReader | None = None

    def __init__(
        self,
        key: str,
        *,
        plans: Sequence[PlanSeed],
        order_path: str = "",
        base_url: str = BASE_URL,
        seen: Seen | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        read_seconds: float = 10.0,
        order_seconds: float = 75.0,
    ) -> None:
        self._http = Http(
            base_url,
            key,
            refusal=_refusal,
            seen=seen,
            transport=transport,
            read_seconds=read_seconds,
            order_seconds=order_seconds,
        )
        self._plans = tuple(plans)
        self._order_path = order_path
        self.tells_credentials = bool(order_path)
        self.subscriptions: SubscriptionCanceller | None = StatProxiesSubscriptions(self._http)
        self.exchange: Exchanger | None = StatProxiesExchange(self._http)

    async def plans(self, provider: str | None = None) -> tuple[PriceList, ...]:
        """The plans of the settings, as a seed; asks nobody."""
        if provider not in {None, PROVIDER}:
            return ()
        plans = tuple(
            Priced(seed.code, seed.title, seed.cost, seed.most, seed.days) for seed in self._plans
        )
        return (
            PriceList(
                PROVIDER, NAME, UsageUnknown(), is_code=False, is_active=True, plans=plans,
                is_seed=True,
            ),
        )  # fmt: skip

    async def place(
        self,
        provider: str,  # noqa: ARG002 - it is the only one here
        plan: str,
        quantity: int,
        tag: str,
    ) -> Made:
        """Order once; the answer holds both ids and no credentials."""
        if quantity < 1 or not _TAG.fullmatch(tag):
            problem = "an order has at least one piece, and a tag of at most 50 small letters"
            raise ValueError(problem)
        body = {"quantity": quantity, "product_type": plan, "customer": tag}
        answer = await self._http.post_once("/order/newscale", body, buys=True)
        fields = fields_of(answer.data)
        reference, subscription = _id(fields, "order_id"), _id(fields, "subscription_id")
        if fields.get("response") != "success" or reference is None or subscription is None:
            raise Unclear(Code.NO_ORDER_ID, status=answer.status)
        return Made(reference, Progress.READY, None, answer.text, subscription)

    async def order(
        self,
        reference: str,
        provider: str,  # noqa: ARG002 - GateProxy needs it to read an order
        plan: str,
    ) -> Made:
        """One order's credentials, by the path of the settings; `Unclear` without one.

        The documents name no state that an order could be in, so it is ready once it holds
        proxies that are whole, and pending until then.
        """
        if not self._order_path:
            raise Unclear(Code.NO_PATH)
        if not _ID.fullmatch(reference):
            raise Refused("not_found_error")
        answer = await self._http.get(
            self._order_path.replace("{order_id}", quote(reference, safe="")).replace(
                "{product_id}", quote(plan, safe="")
            )
        )
        told = {
            found
            for fields in nested_in(answer.data, _WRAPS)
            if (found := _id(fields, "order_id")) is not None
        }
        if told and reference not in told:
            raise Unclear(Code.ANOTHER_ORDER, status=answer.status)
        delivery = _delivery(answer.data, reference)
        progress = Progress.PENDING if delivery is None else Progress.READY
        return Made(reference, progress, delivery, answer.text)

    async def recent(self, page: int) -> Page:
        """The order list, which comes whole as its first page.

        A row without an id makes it `Unclear`: an order that cannot be seen must not count as
        one that is not there.
        """
        if page > 1:
            return Page((), is_last=True)
        answer = await self._http.get("/order/list")
        rows = rows_of(answer.data, _LISTS)
        if rows is None:
            raise Unclear(Code.UNREADABLE, status=answer.status)
        return Page(tuple(_listed(row) for row in rows), is_last=True)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


class StatProxiesSubscriptions:
    """Each order is billed for every period to come, until its subscription is cancelled."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def cancel(self, subscription: str, plan: str) -> None:
        """Schedule the end of a subscription for the end of its period.

        `Refused` with `not_found_error` where StatProxies knows no such order.
        """
        if not _ID.fullmatch(subscription):
            raise Refused("not_found_error")
        path = f"/order/delete/{quote(subscription, safe='')}/{quote(plan, safe='')}"
        answer = await self._http.delete(path)
        if not isinstance(fields_of(answer.data).get("success"), dict):
            raise Unclear(Code.NO_ENVELOPE, status=answer.status)


class StatProxiesExchange:
    """Other addresses for all of an order, where support has switched that on for our account."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def exchange(self, reference: str) -> None:
        """Exchange every proxy of an order, once; no error of this call is documented.

        So a "no" in their own form is one only where it cannot mean anything else: an account
        that is not let, or an order that they do not know.
        """
        if not _ID.fullmatch(reference):
            raise Refused("not_found_error")
        path = f"/order/exchange/{quote(reference.lower(), safe='')}"
        try:
            answer = await self._http.post_once(path, {})
        except OutOfService as cause:
            if cause.code == "insufficient_permissions":
                raise Lacking(cause.code, status=cause.status) from None
            raise
        except Unclear as unclear:
            if unclear.documented and unclear.status == 403:
                raise Lacking(unclear.code, status=403) from None
            if unclear.documented and unclear.code in _NO_SUCH:
                raise Refused(unclear.code, status=unclear.status) from None
            raise
        fields = fields_of(answer.data)
        told = _id(fields_of(fields.get("details")), "order_id")
        if fields.get("response") != "success":
            raise Unclear(Code.NO_ENVELOPE, status=answer.status)
        if told is not None and told.lower() != reference.lower():
            raise Unclear(Code.ANOTHER_ORDER, status=answer.status)


def _refusal(answer: Answer) -> UpstreamError | None:
    """StatProxies' word for "no", in any of its three shapes; None where it says none."""
    status = answer.status
    match answer.data:
        case {"error": {"type": str(word)}}:
            is_object = True
        case {"error": str(word)}:
            is_object = False
        case {"error": _}:
            return Unclear(Code.NO_ENVELOPE, status=status)
        case {"response": str(word)} if word != "success":
            return _refused_order(answer, word)
        case _ if 200 <= status < 300:
            return None
        case {"response": _} | {"success": _} | {"message": _} if status == 429:
            return Busy("too_many_requests", status=status, after=answer.retry_after)
        case _:
            return Unclear(Code.NO_ENVELOPE, status=status)
    if status == 429:
        return Busy("too_many_requests", status=status, after=answer.retry_after)
    if word in _OUR_TROUBLE and not is_object and 400 <= status < 500:
        return OutOfService(word, status=status)
    # Said to an order, these would mean that something was made and then not found again.
    is_known = word in _NO_SUCH
    if is_object and is_known and 400 <= status < 500 and answer.method != "POST":
        return Refused(word, status=status)
    return _unknown(word, status)


def _refused_order(answer: Answer, word: str) -> UpstreamError:
    if answer.status == 429:
        return Busy("too_many_requests", status=answer.status, after=answer.retry_after)
    code = _REFUSALS.get(word)
    if code is not None and answer.status == 400:
        return Refused(code, status=400)
    return _unknown(word, answer.status)


def _unknown(word: str, status: int) -> Unclear:
    """What the documents do not name; after a 5xx the subscription is as likely as not there."""
    code = re.sub(r"[^a-z]+", "_", word.casefold()).strip("_")
    is_code = len(code) <= 40 and _CODE.fullmatch(code)
    return Unclear(
        code if is_code else Code.UNKNOWN_CODE, status=status, documented=400 <= status < 500
    )


def _id(fields: dict[str, object], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _listed(row: object) -> Listed:
    fields = fields_of(row)
    subscription = _id(fields, "subscription_id")
    reference = _id(fields, "order_id")
    if reference is None and subscription is not None:
        # Documented: an order's id is its subscription's in small letters. Of what stands as a
        # mere `id`, nothing is.
        reference = subscription.lower()
    reference = reference or _id(fields, "id")
    if reference is None:
        raise Unclear(Code.UNREADABLE)
    plan = next((one for key in ("product_type", "product_id") if (one := fields.get(key))), None)
    tag, quantity, status = (fields.get(key) for key in ("customer", "quantity", "status"))
    return Listed(
        reference,
        PROVIDER,
        plan if isinstance(plan, str) and is_plain(plan, 64) else None,
        Progress.READY,
        tag if isinstance(tag, str) and _TAG.fullmatch(tag) else None,
        quantity if type(quantity) is int and 0 < quantity < 1_000_000 else None,
        subscription,
        is_cancelled=fields.get("cancel_at_period_end") is True
        or (isinstance(status, str) and "cancel" in status.casefold()),
    )


def _delivery(data: object, reference: str) -> Credentials | None:
    """The proxies of an order, or None: never a part of them, and never a guess."""
    rows = rows_of(data, (*_GOODS, *_WRAPS))
    found: list[object] = [] if rows is None else [[_named(row, reference) for row in rows]]
    for fields in nested_in(data, _WRAPS):
        found += [fields[key] for key in _GOODS if isinstance(fields.get(key), str)]
        found.append(_named(fields, reference))
    for one in found:
        proxies = proxies_of(one)
        if proxies:
            return Credentials(proxies)
    return None


def _named(row: object, reference: str) -> object:
    """A proxy whose user name is left out is used with the order's id: so it is documented."""
    fields = fields_of(row)
    if not fields or "username" in fields or "login" in fields:
        return row
    return {**fields, "username": fields.get("user", reference)}

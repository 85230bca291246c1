"""What every upstream promises, whatever company is behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import httpx
import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.catalog import PlanSeed
from bot.domain.errors import (
    Busy,
    NotSent,
    OutOfService,
    Refused,
    Unclear,
    UpstreamError,
)
from bot.domain.money import Money, usd
from bot.domain.orders import Credentials, RedeemCode, is_host
from bot.domain.usage import Traffic
from bot.upstreams.base import Made, Page, PriceList, Progress, Upstream
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox
from bot.upstreams.sandbox_stat import STAT_KEY, STAT_ORDER_PATH, StatProxiesSandbox
from bot.upstreams.statproxies import StatProxies

SEEDS = (PlanSeed("captcha", "ISP", usd("2.00"), 30, 100),)


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@dataclass
class Bench:
    """An upstream over its sandbox, and the words that it needs to be called."""

    upstream: Upstream
    sandbox: GateProxySandbox | StatProxiesSandbox
    provider: str
    plan: str
    calls: dict[str, Call]
    """Every read but that of plans, where no call tells them."""

    def place(self) -> Awaitable[Made]:
        return self.upstream.place(self.provider, self.plan, 1, "q" * 28)


Call = Callable[[Any], Awaitable[object]]


def gateproxy(token: str = TOKEN) -> Bench:
    sandbox = GateProxySandbox()
    upstream = GateProxy(token, transport=httpx.MockTransport(sandbox.handle))
    return Bench(
        upstream,
        sandbox,
        "nodemaven",
        "0.120",
        {
            "plans": lambda upstream: upstream.plans(),
            "plans of one": lambda upstream: upstream.plans("nodemaven"),
            "order": lambda upstream: upstream.order("ord_1", "nodemaven", "1"),
            "recent": lambda upstream: upstream.recent(1),
            "usage of an order": lambda upstream: upstream.usage.of_order("ord_1"),
            "usage of a username": lambda upstream: upstream.usage.of_username("nodemaven", "x"),
            "balance": lambda upstream: upstream.balance.read(),
        },
    )


def statproxies(token: str = STAT_KEY) -> Bench:
    sandbox = StatProxiesSandbox()
    upstream = StatProxies(
        token,
        plans=SEEDS,
        order_path=STAT_ORDER_PATH,
        transport=httpx.MockTransport(sandbox.handle),
    )
    return Bench(
        upstream,
        sandbox,
        "statproxies",
        "captcha",
        {
            "order": lambda upstream: upstream.order("sub_1", "statproxies", "captcha"),
            "recent": lambda upstream: upstream.recent(1),
            "cancel": lambda upstream: upstream.subscriptions.cancel("sub_1", "captcha"),
            "exchange": lambda upstream: upstream.exchange.exchange("sub_1"),
        },
    )


UPSTREAMS = {"gateproxy": gateproxy, "statproxies": statproxies}
CALLS = [(make, name) for make in UPSTREAMS.values() for name in make().calls]
CALL_NAMES = [f"{make.__name__} {name}" for make, name in CALLS]


@pytest.fixture(params=UPSTREAMS.values(), ids=list(UPSTREAMS))
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.param()
    return made


async def test_plans_have_codes_titles_and_costs(bench: Bench) -> None:
    lists = await bench.upstream.plans()

    assert bench.provider in {priced.provider for priced in lists}
    for priced in lists:
        codes = [plan.code for plan in priced.plans or ()]
        assert len(set(codes)) == len(codes) > 0
        assert all(plan.title and plan.cost.micros > 0 for plan in priced.plans or ())


async def test_one_provider_can_be_asked_alone(bench: Bench) -> None:
    [alone] = await bench.upstream.plans(bench.provider)

    assert alone in await bench.upstream.plans()


async def test_an_order_is_placed_listed_and_found_again(bench: Bench) -> None:
    made = await bench.place()

    page = await bench.upstream.recent(1)
    found = await bench.upstream.order(made.reference, bench.provider, bench.plan)

    assert made.progress is Progress.READY
    assert [listed.reference for listed in page.orders] == [made.reference]
    assert (page.orders[0].provider, page.orders[0].plan) == (bench.provider, bench.plan)
    assert found.reference == made.reference
    assert found.delivery is not None
    assert made.delivery in (None, found.delivery)
    assert bool(made.subscription) == bool(bench.upstream.subscriptions)
    assert page.orders[0].subscription == made.subscription


async def test_an_order_is_one_request(bench: Bench) -> None:
    await bench.place()

    assert [request.method for request in bench.sandbox.requests] == ["POST"]


async def test_every_order_is_on_exactly_one_page(bench: Bench) -> None:
    if isinstance(bench.sandbox, GateProxySandbox):
        bench.sandbox.set_balance(TOKEN, "10000")
    placed = [(await bench.place()).reference for _ in range(45)]

    listed: list[str] = []
    for number in range(1, 10):
        page = await bench.upstream.recent(number)
        listed += [one.reference for one in page.orders]
        if page.is_last:
            break

    assert sorted(listed) == sorted(placed)


async def test_the_balance_falls_by_the_cost() -> None:
    bench = gateproxy()
    assert bench.upstream.balance
    before = await bench.upstream.balance.read()

    await bench.place()

    [priced] = await bench.upstream.plans(bench.provider)
    cost = next(plan.cost for plan in priced.plans or () if plan.code == bench.plan)
    after = await bench.upstream.balance.read()
    assert before.micros - after.micros == cost.micros


async def test_usage_is_told_by_order_and_by_username() -> None:
    bench = gateproxy()
    made = await bench.place()
    assert bench.upstream.usage
    assert isinstance(made.delivery, Credentials)

    by_order = await bench.upstream.usage.of_order(made.reference)
    username = made.delivery.proxies[0].username
    by_name = await bench.upstream.usage.of_username(bench.provider, username)

    assert by_order.total == by_name.total == "120MB"


FAULTS: dict[str, tuple[Fault, type[UpstreamError], int]] = {
    "never left": (Fault(error=httpx.ConnectError("x")), NotSent, 0),
    "no connection in time": (Fault(error=httpx.ConnectTimeout("x")), NotSent, 0),
    "lost before": (Fault(error=httpx.ReadTimeout("x")), Unclear, 0),
    "answer lost": (Fault(error=httpx.ReadTimeout("x"), is_done=True), Unclear, 1),
    "closed after reading": (
        Fault(error=httpx.RemoteProtocolError("x"), is_done=True),
        Unclear,
        1,
    ),
    "page of an edge": (Fault(status=502, body="<html>"), Unclear, 0),
    "page of an edge, made": (Fault(status=502, body="<html>", is_done=True), Unclear, 1),
    "documented 502": (Fault(status=502, code="provider_error"), Unclear, 0),
    "documented 502, made": (Fault(status=502, code="provider_error", is_done=True), Unclear, 1),
    "documented 500": (Fault(status=500, code="stripe_error"), Unclear, 0),
    "documented 500, made": (Fault(status=500, code="stripe_error", is_done=True), Unclear, 1),
    "not found": (Fault(status=404, code="not_found_error"), Unclear, 0),
    "undocumented words": (Fault(status=400, code="card_declined"), Unclear, 0),
    "the answer of something else": (Fault(body=b'{"ok": true}', is_done=True), Unclear, 1),
    "nothing": (Fault(status=200, body="", is_done=True), Unclear, 1),
    "cut off": (Fault(cut=40), Unclear, 1),
    "moved": (Fault(status=302, headers={"Location": "https://evil.example/"}), Unclear, 0),
    "too many": (Fault(status=429, code="too_many_requests"), Busy, 0),
}
OWN_FAULTS: dict[Callable[[], Bench], dict[str, tuple[Fault, type[UpstreamError]]]] = {
    gateproxy: {
        "busy": (Fault(status=409, code="order_processing"), Busy),
        "no money there": (Fault(status=402, code="insufficient_balance"), OutOfService),
        "no such plan": (Fault(status=400, code="invalid_plan"), Refused),
    },
    statproxies: {
        "fields": (Fault(status=400, code="Missing required fields"), Refused),
        "plan": (Fault(status=400, code="Invalid product_type"), Refused),
        "quantity": (Fault(status=400, code="Quantity must be greater than 0"), Refused),
        "customer": (
            Fault(status=400, code="Customer ID must contain only lowercase letters (a-z)"),
            Refused,
        ),
        "customer, in other words": (Fault(status=400, code="Customer ID is bad"), Unclear),
        "plan, by an edge": (Fault(status=502, code="Invalid product_type"), Unclear),
        "key": (Fault(status=401, code="invalid_api_key"), OutOfService),
        "permission": (Fault(status=403, code="insufficient_permissions"), OutOfService),
        "key, by an edge": (Fault(status=500, code="invalid_api_key"), Unclear),
        "invalid request": (Fault(status=400, code="invalid_request_error"), Unclear),
    },
}
EVERY_FAULT = [
    *((make, *fault) for make in UPSTREAMS.values() for fault in FAULTS.values()),
    *((make, *fault, 0) for make in OWN_FAULTS for fault in OWN_FAULTS[make].values()),
]
FAULT_NAMES = [
    *(f"{name} {fault}" for name in UPSTREAMS for fault in FAULTS),
    *(f"{make.__name__} {fault}" for make in OWN_FAULTS for fault in OWN_FAULTS[make]),
]


@pytest.mark.parametrize(("make", "fault", "known", "orders"), EVERY_FAULT, ids=FAULT_NAMES)
async def test_a_failed_order_says_what_is_known(
    make: Callable[[], Bench], fault: Fault, known: type[UpstreamError], orders: int
) -> None:
    bench = make()
    bench.sandbox.faults.append(
        Fault(**{name: getattr(fault, name) for name in fault.__dataclass_fields__})
    )

    with pytest.raises(known) as failed:
        await bench.place()

    assert type(failed.value) is known
    assert len(bench.sandbox.orders) == orders
    assert bench.sandbox.count("POST") == 1
    if known is not Unclear:
        assert orders == 0


@pytest.mark.parametrize(("make", "call"), CALLS, ids=CALL_NAMES)
async def test_a_token_that_is_not_taken_is_our_own_trouble(
    make: Callable[[str], Bench], call: str
) -> None:
    bench = make("gpk_live_revoked")

    with pytest.raises(OutOfService):
        await bench.calls[call](bench.upstream)
    with pytest.raises(OutOfService):
        await bench.place()


@pytest.mark.parametrize(("make", "call"), CALLS, ids=CALL_NAMES)
async def test_a_read_survives_two_lost_requests(make: Callable[[], Bench], call: str) -> None:
    if call in {"cancel", "exchange"}:
        return
    bench = make()
    bench.sandbox.faults.append(Fault(method="GET", error=httpx.ConnectError("x"), times=2))

    # This sandbox has no orders yet; that there is none is an answer all the same.
    with suppress(Refused):
        await bench.calls[call](bench.upstream)

    assert bench.sandbox.count("GET") >= 3


ENDPOINTS: dict[str, tuple[str, Callable[[Any, str], Awaitable[object]]]] = {
    "place": ("/orders", lambda upstream, _: upstream.place("nodemaven", "1", 1, "")),
    "place cd key": (
        "/orders",
        lambda upstream, _: upstream.place("9proxy_cd_key", "ip25", 1, ""),
    ),
    "place many": (
        "/orders",
        lambda upstream, _: upstream.place("proxyseller", "isp-5-30", 1, ""),
    ),
    "order": ("/orders/*", lambda upstream, made: upstream.order(made, "nodemaven", "1")),
    "recent": ("/orders", lambda upstream, _: upstream.recent(1)),
    "providers": ("/providers", lambda upstream, _: upstream.plans()),
    "prices": ("/pricing", lambda upstream, _: upstream.plans()),
    "prices of one": ("/providers/*/pricing", lambda upstream, _: upstream.plans("nodemaven")),
    "usage": ("/proxies/*", lambda upstream, made: upstream.usage.of_order(made)),
    "balance": ("/account/balance", lambda upstream, _: upstream.balance.read()),
    "health": ("/health", lambda upstream, _: upstream.health()),
}

NASTY: list[object] = [
    *(None, True, False, 0, -1, 1, 2**64, 0.1, -0.5, 1e25, "", " ", "1", "27.52", "1e3", "-1"),
    *([], {}, [[]], [None], {"": None}, {"id": {}}, "javascript:alert(1)", "../../etc/passwd"),
    *(
        "<b>",
        "a\nb",
        "\x00",
        "\u202e10",
        "\ufeff",
        "\U0001f4b0",
        "ord/1",
        "ord_1\r\nX: y",
        "x" * 5000,
    ),
    *("h.example:80:user:pass", "completed", "failed", "USD", "provider_error", "9P-AAAA-BBBB"),
]
anything = st.recursive(
    st.sampled_from(NASTY).map(deepcopy) | st.text(max_size=5) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
STAT_ENDPOINTS: dict[str, tuple[str, Callable[[Any, str], Awaitable[object]]]] = {
    "stat place": (
        "/api/v2/order/newscale",
        lambda upstream, _: upstream.place("statproxies", "captcha", 3, "q" * 28),
    ),
    "stat order": (
        "/api/v2/order/fetch/*",
        lambda upstream, made: upstream.order(made, "statproxies", "captcha"),
    ),
    "stat recent": ("/api/v2/order/list", lambda upstream, _: upstream.recent(1)),
    "stat cancel": (
        "/api/v2/order/delete/*",
        lambda upstream, made: upstream.subscriptions.cancel(made, "captcha"),
    ),
    "stat exchange": (
        "/api/v2/order/exchange/*",
        lambda upstream, made: upstream.exchange.exchange(made),
    ),
}
KEYS = [
    *("success", "error", "code", "order", "order_id", "id", "data", "proxy", "proxies"),
    *("cd_key", "key", "plans", "pricing", "response", "orders", "subscription_id", "customer"),
]


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place inside a JSON value where something stands."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        return [(value, key) for key in keys] + [
            spot for key in keys for spot in spots(value[key])
        ]
    return []


@st.composite
def spoiled(draw: st.DrawFn, body: bytes) -> bytes:
    """A body that is almost the real one, or nothing like it."""
    if draw(st.integers(0, 9)) == 0:
        whole = draw(st.binary(max_size=40) | anything.map(lambda one: json.dumps(one).encode()))
        return whole if draw(st.booleans()) else body[: draw(st.integers(0, len(body)))]
    value = json.loads(body)
    for _ in range(draw(st.integers(1, 3))):
        places = spots(value)
        if not places:
            break
        parent, key = draw(st.sampled_from(places))
        if isinstance(parent, dict) and draw(st.integers(0, 3)) == 0:
            gone = parent.pop(key)
            if draw(st.booleans()):
                parent[draw(st.sampled_from(KEYS))] = gone
        else:
            parent[key] = draw(anything)
    return json.dumps(value).encode()


def sane(found: object) -> None:
    """What an adapter lets through can be stored, shown and paid with."""
    match found:
        case Made(reference, _, delivery, raw):
            assert reference.isascii()
            assert 0 < len(reference) <= 64
            raw.encode()
            match delivery:
                case Credentials(proxies):
                    assert proxies
                    for proxy in proxies:
                        assert is_host(proxy.host)
                        assert 0 < proxy.port < 65536
                        assert (proxy.username + proxy.password + proxy.protocol).isprintable()
                case RedeemCode(codes):
                    assert codes
                    assert all(code.isprintable() and code for code in codes)
                case None:
                    pass
        case Page(orders):
            assert all(one.reference.isascii() for one in orders)
        case Money(micros, currency):
            assert abs(micros) < 2**63
            assert currency.isascii()
        case tuple():
            for priced in found:
                assert isinstance(priced, PriceList)
                assert priced.name.isprintable()
                for plan in priced.plans or ():
                    assert Decimal("0.01") <= plan.cost.decimal <= 1000
                    assert (plan.title + plan.code).isprintable()
        case UpstreamError(code=code):
            assert code.isascii()
            assert len(code) <= 40
        case _:
            assert found is None or isinstance(found, Traffic)


@pytest.mark.parametrize(
    ("pattern", "call"), [*ENDPOINTS.values(), *STAT_ENDPOINTS.values()],
    ids=[*ENDPOINTS, *STAT_ENDPOINTS],
)  # fmt: skip
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_no_body_brings_out_anything_but_our_own_words(
    pattern: str, call: Callable[[Any, str], Awaitable[object]], data: st.DataObject
) -> None:
    is_stat = "/api/v2/" in pattern
    sandbox: GateProxySandbox | StatProxiesSandbox = (
        StatProxiesSandbox(clock=lambda: 1_000_000.0)
        if is_stat
        else GateProxySandbox(clock=lambda: 1_000_000.0)
    )
    status = data.draw(
        st.sampled_from([200, 200, 200, 200, 201, 400, 401, 404, 429, 500, 502, 503])
    )

    async def tampered(request: httpx.Request) -> httpx.Response:
        real = await sandbox.handle(request)
        if not fnmatchcase(request.url.path, pattern):
            return real
        return httpx.Response(status, content=data.draw(spoiled(real.content)))

    def upstream_over(handle: Callable[[httpx.Request], Any]) -> Upstream:
        transport = httpx.MockTransport(handle)
        if is_stat:
            return StatProxies(
                STAT_KEY, plans=SEEDS, order_path=STAT_ORDER_PATH, transport=transport
            )
        return GateProxy(TOKEN, transport=transport)

    async def known_of() -> object:
        plan = ("statproxies", "captcha") if is_stat else ("nodemaven", "1")
        made = await upstream_over(sandbox.handle).place(*plan, 1, "q")
        try:
            return await call(upstream_over(tampered), made.reference)
        except UpstreamError as failed:
            return failed

    sane(asyncio.run(known_of()))

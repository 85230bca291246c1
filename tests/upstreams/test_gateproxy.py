"""GateProxy's documented JSON, and what it may turn out to be, in our words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bot.domain.catalog import UsageByApi, UsageByBot, UsageUnknown
from bot.domain.errors import Busy, OutOfService, Refused, Unclear, UpstreamError
from bot.domain.money import Money
from bot.domain.orders import Credentials, Delivery, Proxy, RedeemCode
from bot.domain.usage import Traffic
from bot.upstreams.base import Page, Progress
from bot.upstreams.gateproxy import GateProxy

NODE = Proxy("proxy.server.com", 8080, "nodemaven_xxxxx-country-us", "pass123")
PROXY = {
    "host": "proxy.server.com",
    "port": 8080,
    "username": "nodemaven_xxxxx-country-us",
    "password": "pass123",
    "protocol": "HTTP",
}
MADE = {"success": True, "order_id": "ord_9x1a8f", "status": "completed", "proxy": PROXY}
PROVIDERS = {
    "success": True,
    "providers": [{"id": "nodemaven", "name": "NodeMaven", "status": "active"}],
}
PRICING = {
    "success": True,
    "provider": "nodemaven",
    "currency": "USDT",
    "plans": [
        {"traffic": "120 MB", "plan": "0.120", "price": 0.45},
        {"traffic": "1 GB", "plan": "1", "price": 3.50},
    ],
}


def gateproxy(
    *answers: Any, status: int = 200, asked: list[httpx.Request] | None = None
) -> GateProxy:
    """An adapter over answers in order, the last one for ever; a `bytes` is a raw body."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        now = left.pop(0) if len(left) > 1 else left[0]
        match now:
            case httpx.Response():
                return now
            case bytes():
                return httpx.Response(status, content=now)
            case _:
                return httpx.Response(status, json=now)

    return GateProxy("gpk_live_x", transport=httpx.MockTransport(answer))


def named(value: object) -> str | None:
    """A readable id: only what differs from the documented proxy."""
    if not isinstance(value, dict | list | bytes):
        return None
    text = ascii(value)
    for field in PROXY.items():
        text = text.replace(ascii(dict([field]))[1:-1], "")
    return text.replace(", ,", ",")[:50] + ("…" + str(len(text)) if len(text) > 50 else "")


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"success": False, "error": {"code": code, "message": "secret pass123"}}
    return httpx.Response(status, json=body, headers=named)


async def test_the_documented_order_is_read() -> None:
    asked: list[httpx.Request] = []

    made = await gateproxy(MADE, asked=asked).place("nodemaven", "0.120", 1, "")

    assert (made.reference, made.progress) == ("ord_9x1a8f", Progress.READY)
    assert made.delivery == Credentials((NODE,))
    assert "pass123" in made.raw
    assert "pass123" not in repr(made)
    assert asked[0].method == "POST"
    assert str(asked[0].url) == "https://api.gateproxy.store/orders"
    assert asked[0].content == b'{"provider": "nodemaven", "plan": "0.120"}'


@pytest.mark.parametrize("quantity", [0, 2, -1])
async def test_only_one_can_be_ordered_at_a_time(quantity: int) -> None:
    asked: list[httpx.Request] = []

    with pytest.raises(ValueError, match="one at a time"):
        await gateproxy(MADE, asked=asked).place("nodemaven", "1", quantity, "")

    assert asked == []


CODES = [
    (401, "unauthorized", OutOfService, False),
    (402, "insufficient_balance", OutOfService, False),
    (404, "provider_not_found", Refused, False),
    (400, "invalid_plan", Refused, False),
    (400, "invalid_json", Refused, False),
    (409, "order_processing", Busy, False),
    (502, "provider_error", Unclear, True),
    (418, "new_code", Unclear, True),
    (400, "new_code", Unclear, True),
    (500, "new_code", Unclear, True),
    (409, "new_code", Unclear, True),
    (503, "new_code", Unclear, True),
    (429, "too_many_requests", Busy, False),
    (200, "invalid_plan", Refused, False),
    (200, "provider_error", Unclear, True),
    (200, "new_code", Unclear, True),
    (500, "invalid_plan", Refused, False),
    (400, "order_processing", Busy, False),
    (404, "order_not_found", Unclear, True),
    (404, "proxy_not_found", Unclear, True),
    (400, "usage_not_available", Unclear, True),
]


@pytest.mark.parametrize(("status", "code", "known", "documented"), CODES)
async def test_the_code_of_a_refused_order_says_what_is_known(
    status: int, code: str, known: type[UpstreamError], documented: bool
) -> None:
    with pytest.raises(known) as failed:
        await gateproxy(refusal(status, code)).place("nodemaven", "1", 1, "")

    assert type(failed.value) is known
    assert (failed.value.code, failed.value.status) == (code, status)
    assert getattr(failed.value, "documented", False) is documented


@pytest.mark.parametrize("code", ["invalid_plan", "insufficient_balance", "order_processing"])
@pytest.mark.parametrize(
    "order",
    [
        {"order": {"order_id": "ord_1"}},
        {"order_id": "ord_1"},
        {"data": {"order_id": "ord_1"}},
        {"result": {"order": {"id": "ord_1"}}},
        {"error": {"order_id": "ord_1"}},
    ],
    ids=str,
)
async def test_a_refusal_that_names_an_order_is_no_refusal(
    code: str, order: dict[str, dict[str, object]]
) -> None:
    error = {"code": code, "message": "no", **order.get("error", {})}
    body = {"success": False, **order, "error": error}

    with pytest.raises(Unclear) as failed:
        await gateproxy(httpx.Response(400, json=body)).place("nodemaven", "1", 1, "")

    assert (failed.value.code, failed.value.documented) == ("refused_with_order", False)


async def test_a_refusal_that_names_its_request_is_one() -> None:
    error = {"code": "order_processing", "message": "no", "id": "req_1"}
    body = {"success": False, "id": "req_1", "error": error}

    with pytest.raises(Busy):
        await gateproxy(httpx.Response(409, json=body)).place("nodemaven", "1", 1, "")


@pytest.mark.parametrize("code", ["order_not_found", "proxy_not_found", "usage_not_available"])
async def test_a_read_is_refused_by_its_own_codes(code: str) -> None:
    usage = gateproxy(refusal(404, code)).usage
    assert usage

    with pytest.raises(Refused, match=code):
        await usage.of_order("ord_1")


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (refusal(409, "order_processing"), None),
        (refusal(409, "order_processing", Retry_After="3"), 3.0),
        (refusal(429, "slow_down", Retry_After="1000000000"), 120.0),
        (refusal(429, "slow_down", Retry_After="soon"), None),
    ],
)
async def test_busy_says_when_to_ask_again(answer: httpx.Response, after: float | None) -> None:
    with pytest.raises(Busy) as failed:
        await gateproxy(answer).place("nodemaven", "1", 1, "")

    assert failed.value.after == after


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(429, text="slow down"),
        httpx.Response(503, json={"message": "maintenance"}, headers={"Retry-After": "3"}),
        httpx.Response(500, json=MADE),
        httpx.Response(404, json={"success": False}),
        httpx.Response(404, json={"success": False, "error": "invalid_plan"}),
        httpx.Response(404, json={"success": False, "error": {"code": 7}}),
        httpx.Response(400, json={"success": True, "error": {"code": "invalid_plan"}}),
        httpx.Response(200, json={"success": False}),
        httpx.Response(200, json={**MADE, "success": None}),
        httpx.Response(200, json={**MADE, "success": "true"}),
        httpx.Response(200, json={**MADE, "success": 1}),
        httpx.Response(200, json={**MADE, "error": {"code": "invalid_plan"}}),
        httpx.Response(200, json={"order_id": "ord_1", "status": "completed", "proxy": PROXY}),
        httpx.Response(200, json={"success": True, "status": "completed", "proxy": PROXY}),
        httpx.Response(200, json={**MADE, "order_id": None}),
        httpx.Response(200, json={**MADE, "order_id": "ord/../1"}),
        httpx.Response(200, json={**MADE, "order_id": "o" * 65}),
        httpx.Response(200, json={**MADE, "order_id": ""}),
        httpx.Response(200, json=[MADE]),
        httpx.Response(200, json=None),
        httpx.Response(204),
    ],
)
async def test_any_other_answer_to_an_order_is_unclear(answer: httpx.Response) -> None:
    with pytest.raises(Unclear) as failed:
        await gateproxy(answer).place("nodemaven", "1", 1, "")

    assert not failed.value.documented


@pytest.mark.parametrize(
    "code", ["gpk_live_x1", "x" * 41, "Bad Code", "<b>", "", "a\nb", "user:pass@host"]
)
async def test_a_code_that_may_be_anything_is_not_repeated(code: str) -> None:
    with pytest.raises(Unclear) as failed:
        await gateproxy(refusal(400, code)).place("nodemaven", "1", 1, "")

    assert failed.value.code == "unknown_code"
    assert "pass123" not in str(failed.value)


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        ("completed", Progress.READY),
        (" Completed ", Progress.READY),
        ("success", Progress.READY),
        ("active", Progress.READY),
        ("delivered", Progress.READY),
        ("pending", Progress.PENDING),
        ("processing", Progress.PENDING),
        ("awaiting_payment", Progress.PENDING),
        ("", Progress.PENDING),
        (None, Progress.PENDING),
        (True, Progress.PENDING),
        (["completed"], Progress.PENDING),
        ("failed", Progress.FAILED),
        ("CANCELLED", Progress.FAILED),
        ("canceled", Progress.FAILED),
        ("refunded", Progress.FAILED),
        ("error", Progress.FAILED),
    ],
)
async def test_an_unknown_status_is_neither_success_nor_failure(
    status: object, progress: Progress
) -> None:
    made = await gateproxy({**MADE, "status": status}).place("nodemaven", "1", 1, "")

    assert made.progress is progress


ONE = Credentials((NODE,))
SOCKS = Proxy("1.2.3.4", 1080, "u", "p", "SOCKS5")
PROXIES: list[tuple[dict[str, object], Delivery | None]] = [
    ({"proxy": PROXY}, ONE),
    ({"proxy": {**PROXY, "port": "8080"}}, ONE),
    ({"proxy": {**PROXY, "protocol": "http"}}, ONE),
    ({"proxy": {**PROXY, "protocol": None}}, ONE),
    ({"proxy": {**PROXY, "protocol": 7}}, ONE),
    ({"proxy": {**PROXY, "extra": "x"}}, ONE),
    ({"proxy": [PROXY]}, ONE),
    ({"proxies": [PROXY, PROXY]}, Credentials((NODE, NODE))),
    (
        {"proxies": ["1.2.3.4:80:u:p", "u:p@h.example:81"]},
        Credentials((Proxy("1.2.3.4", 80, "u", "p"), Proxy("h.example", 81, "u", "p"))),
    ),
    ({"proxy": "1.2.3.4:80:u:p"}, Credentials((Proxy("1.2.3.4", 80, "u", "p"),))),
    ({"proxy": "u:p:h.example:80"}, Credentials((Proxy("h.example", 80, "u", "p"),))),
    ({"proxy": "socks5://u:p@1.2.3.4:1080"}, Credentials((SOCKS,))),
    (
        {"proxies": "1.2.3.4:80:u:p\n1.2.3.5:80:u:p"},
        Credentials((Proxy("1.2.3.4", 80, "u", "p"), Proxy("1.2.3.5", 80, "u", "p"))),
    ),
    (
        {"proxy": {**PROXY, "protocol": "socks5"}},
        Credentials((Proxy(NODE.host, 8080, NODE.username, NODE.password, "SOCKS5"),)),
    ),
    (
        {"proxy": {**PROXY, "protocol": "quic"}},
        Credentials((Proxy(NODE.host, 8080, NODE.username, NODE.password, "QUIC"),)),
    ),
    (
        {"proxy": {**PROXY, "password": 123456}},
        Credentials((Proxy(NODE.host, 8080, NODE.username, "123456"),)),
    ),
    ({"data": {"proxy": PROXY}}, ONE),
    ({"result": {"data": {"proxy": PROXY}}}, ONE),
    (dict(PROXY), ONE),
    ({}, None),
    ({"proxy": None}, None),
    ({"proxy": {}}, None),
    ({"proxy": True}, None),
    ({"proxies": []}, None),
    ({"proxies": [PROXY, None]}, None),
    ({"proxies": [PROXY, {**PROXY, "port": 0}]}, None),
    ({"proxies": ["1.2.3.4:80:u:p", "oops"]}, None),
    ({"proxy": {**PROXY, "host": "javascript:"}}, None),
    ({"proxy": {**PROXY, "host": "evil.example/x"}}, None),
    ({"proxy": {**PROXY, "host": "<b>h</b>"}}, None),
    ({"proxy": {**PROXY, "host": ""}}, None),
    ({"proxy": {**PROXY, "host": None}}, None),
    ({"proxy": {**PROXY, "host": 7}}, None),
    ({"proxy": {**PROXY, "port": 65536}}, None),
    ({"proxy": {**PROXY, "port": -1}}, None),
    ({"proxy": {**PROXY, "port": 8080.5}}, None),
    ({"proxy": {**PROXY, "port": True}}, None),
    ({"proxy": {**PROXY, "port": "8080\n"}}, None),
    ({"proxy": {**PROXY, "username": ""}}, None),
    ({"proxy": {**PROXY, "username": None}}, None),
    ({"proxy": {**PROXY, "username": "a\nb"}}, None),
    ({"proxy": {**PROXY, "username": "a" * 257}}, None),
    ({"proxy": {**PROXY, "password": None}}, None),
    ({"proxy": {**PROXY, "password": "\u202eabc"}}, None),
    ({"proxy": {**PROXY, "password": {"x": 1}}}, None),
    ({"cd_key": "9P-AAAA-BBBB"}, None),
    ({"code": "9P-AAAA-BBBB"}, None),
]


@pytest.mark.parametrize(("goods", "delivery"), PROXIES, ids=named)
async def test_proxies_are_read_whole_or_not_at_all(
    goods: dict[str, object], delivery: Delivery | None
) -> None:
    body = {"success": True, "order_id": "ord_1", "status": "completed", **goods}

    made = await gateproxy(body).place("nodemaven", "1", 1, "")

    assert made.delivery == delivery
    assert made.reference == "ord_1"


KEY = RedeemCode(("9P-AAAA-BBBB",))
KEYS: list[tuple[dict[str, object], Delivery | None]] = [
    ({"cd_key": "9P-AAAA-BBBB"}, KEY),
    ({"cd_key": " 9P-AAAA-BBBB "}, KEY),
    ({"key": "9P-AAAA-BBBB"}, KEY),
    ({"code": "9P-AAAA-BBBB"}, KEY),
    ({"license": "9P-AAAA-BBBB"}, KEY),
    ({"codes": ["9P-AAAA-BBBB"]}, KEY),
    ({"keys": ["9P-AAAA-BBBB", "9P-CCCC-DDDD"]}, RedeemCode(("9P-AAAA-BBBB", "9P-CCCC-DDDD"))),
    ({"keys": [{"code": "9P-AAAA-BBBB"}]}, KEY),
    ({"code": 1234567890}, RedeemCode(("1234567890",))),
    ({"proxy": "9P-AAAA-BBBB"}, KEY),
    ({"proxy": {"key": "9P-AAAA-BBBB"}}, KEY),
    ({"data": {"cd_key": "9P-AAAA-BBBB"}}, KEY),
    ({"result": {"codes": ["9P-AAAA-BBBB"]}}, KEY),
    ({"code": "success", "key": "9P-AAAA-BBBB"}, KEY),
    ({"code": "success"}, None),
    ({"code": 200}, None),
    ({"cd_key": None}, None),
    ({"cd_key": ""}, None),
    ({"cd_key": "two words"}, None),
    ({"cd_key": "line\nbreak"}, None),
    ({"cd_key": "x" * 257}, None),
    ({"keys": []}, None),
    ({"keys": ["9P-AAAA-BBBB", None]}, None),
    ({"keys": [["9P-AAAA-BBBB"]]}, None),
    ({"proxy": PROXY}, None),
    ({}, None),
]


@pytest.mark.parametrize(("goods", "delivery"), KEYS, ids=named)
async def test_a_cd_key_is_found_wherever_it_stands(
    goods: dict[str, object], delivery: Delivery | None
) -> None:
    body = {"success": True, "order_id": "ord_1", "status": "completed", **goods}

    made = await gateproxy(body).place("9proxy_cd_key", "ip100", 1, "")

    assert made.delivery == delivery


@pytest.mark.parametrize(
    ("goods", "asked_for", "delivery"),
    [
        ({"provider": "9proxy_cd_key", "code": "9P-AAAA-BBBB"}, "nodemaven", KEY),
        ({"provider": "9Proxy CD Key", "code": "9P-AAAA-BBBB"}, "nodemaven", KEY),
        ({"provider": {"id": "9proxy_cd_key"}, "code": "9P-AAAA-BBBB"}, "nodemaven", KEY),
        ({"provider": "nodemaven", "cd_key": "9P-AAAA-BBBB"}, "9proxy_cd_key", None),
        ({"cd_key": "9P-AAAA-BBBB"}, "9proxy_cd_key", KEY),
        ({"code": "9P-AAAA-BBBB"}, "9proxy_cd_key", KEY),
        ({"code": "9P-AAAA-BBBB"}, "nodemaven", None),
        ({"proxy": PROXY}, "nodemaven", ONE),
    ],
)
async def test_an_order_read_later_says_itself_what_it_holds_or_is_read_as_what_was_bought(
    goods: dict[str, object], asked_for: str, delivery: Delivery | None
) -> None:
    body = {"success": True, "order_id": "ord_1", "status": "completed", **goods}

    assert (await gateproxy(body).order("ord_1", asked_for, "1")).delivery == delivery


@pytest.mark.parametrize(
    "body",
    [
        MADE,
        {"success": True, "order": MADE},
        {"success": True, "data": MADE},
        {"success": True, "data": {"order": MADE}},
        {"success": True, "order_id": "ord_9x1a8f", "data": {"status": "completed", **PROXY}},
        {"id": "ord_9x1a8f", "status": "completed", "proxy": PROXY},
        {"order": {"id": 7, "order_id": "ord_9x1a8f", "status": "completed", "proxy": PROXY}},
        {"success": True, "status": "completed", "proxy": PROXY},
    ],
)
async def test_a_single_order_is_read_in_any_wrapping(body: dict[str, object]) -> None:
    asked: list[httpx.Request] = []

    made = await gateproxy(body, asked=asked).order("ord_9x1a8f", "nodemaven", "1")

    assert made.reference == "ord_9x1a8f"
    assert made.delivery == ONE
    assert asked[0].url.path == "/orders/ord_9x1a8f"


async def test_the_answer_about_another_order_is_not_believed() -> None:
    with pytest.raises(Unclear, match="another_order"):
        await gateproxy(MADE).order("ord_mine", "nodemaven", "1")


@pytest.mark.parametrize("reference", ["", "..", "a/b", "a b", "a?b", "é", "x" * 65])
async def test_a_reference_that_is_none_is_never_sent(reference: str) -> None:
    asked: list[httpx.Request] = []
    adapter = gateproxy(MADE, asked=asked)
    assert adapter.usage

    with pytest.raises(Refused, match="order_not_found"):
        await adapter.order(reference, "nodemaven", "1")
    with pytest.raises(Refused, match="order_not_found"):
        await adapter.usage.of_order(reference)

    assert asked == []


ROW = {"order_id": "ord_1", "provider": "nodemaven", "plan": "1", "status": "completed"}


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "orders": [ROW]},
        {"success": True, "data": [ROW]},
        {"success": True, "items": [ROW]},
        {"success": True, "results": [ROW]},
        {"success": True, "data": {"orders": [ROW]}},
        {"success": True, "data": {"data": [ROW]}},
        [ROW],
    ],
)
async def test_the_order_list_is_read_in_any_wrapping(body: object) -> None:
    asked: list[httpx.Request] = []

    page = await gateproxy(body, asked=asked).recent(3)

    [listed] = page.orders
    assert (listed.reference, listed.provider, listed.plan) == ("ord_1", "nodemaven", "1")
    assert listed.progress is Progress.READY
    assert dict(asked[0].url.params) == {"limit": "20", "page": "3"}


@pytest.mark.parametrize(
    ("row", "provider", "plan"),
    [
        (ROW, "nodemaven", "1"),
        ({**ROW, "provider": "NodeMaven"}, "nodemaven", "1"),
        ({**ROW, "provider": "9proxy cd key"}, "9proxy_cd_key", "1"),
        ({**ROW, "provider": {"id": "nodemaven", "name": "x"}}, "nodemaven", "1"),
        ({**ROW, "provider_id": "9proxy"}, "9proxy", "1"),
        ({**ROW, "provider": "brand_new"}, "brand_new", "1"),
        ({**ROW, "provider": "Some Other Words"}, None, "1"),
        ({**ROW, "provider": None}, None, "1"),
        ({**ROW, "plan": "0.120"}, "nodemaven", "0.120"),
        ({**ROW, "plan": 0.12}, "nodemaven", None),
        ({**ROW, "plan": 1}, "nodemaven", None),
        ({**ROW, "plan": None}, "nodemaven", None),
        ({"id": "ord_1"}, None, None),
        ({"id": 17}, None, None),
    ],
)
async def test_what_a_listed_order_does_not_say_is_unknown(
    row: object, provider: str | None, plan: str | None
) -> None:
    [listed] = (await gateproxy({"orders": [row]}).recent(1)).orders

    assert (listed.provider, listed.plan) == (provider, plan)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        "none",
        [None],
        [ROW, {}],
        [ROW, {"status": "completed"}],
        [{**ROW, "order_id": "../1"}],
        [{**ROW, "order_id": True}],
        [[ROW]],
    ],
)
async def test_an_order_that_cannot_be_seen_is_not_one_that_is_missing(rows: object) -> None:
    with pytest.raises(Unclear, match="unreadable"):
        await gateproxy({"success": True, "orders": rows}).recent(1)


@pytest.mark.parametrize(
    ("count", "is_last"), [(0, True), (9, True), (10, False), (20, False), (50, False)]
)
async def test_a_page_that_a_server_may_have_capped_is_not_the_last(
    count: int, is_last: bool
) -> None:
    rows = [{"order_id": f"ord_{number}"} for number in range(count)]

    page = await gateproxy({"success": True, "orders": rows}).recent(1)

    assert len(page.orders) == count
    assert page.is_last is is_last


@pytest.mark.parametrize("code", ["order_not_found", "page_not_found"])
async def test_a_page_past_the_end_that_is_not_found_ends_the_list(code: str) -> None:
    adapter = gateproxy(refusal(404, code))

    page = await adapter.recent(2)

    assert page == Page((), is_last=True)
    with pytest.raises(UpstreamError, match=code):
        await adapter.recent(1)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "provider_not_found"),
        refusal(404, "unauthorized"),
        refusal(400, "page_not_found"),
        refusal(503, "order_not_found"),
        httpx.Response(404, text="<html>"),
        httpx.Response(404, json={"message": "Not Found"}),
    ],
)
async def test_nothing_else_that_goes_wrong_with_a_page_ends_the_list(
    answer: httpx.Response,
) -> None:
    with pytest.raises(UpstreamError):
        await gateproxy(answer).recent(2)


async def test_the_documented_price_list_is_read() -> None:
    [nodemaven] = await gateproxy(PROVIDERS, PRICING).plans("nodemaven")

    assert (nodemaven.provider, nodemaven.name) == ("nodemaven", "NodeMaven")
    assert nodemaven.is_active
    assert [(plan.code, plan.title, plan.cost) for plan in nodemaven.plans or ()] == [
        ("0.120", "120 MB", Money(450_000, "USDT")),
        ("1", "1 GB", Money(3_500_000, "USDT")),
    ]


@pytest.mark.parametrize(
    ("price", "micros"),
    [
        (b"0.45", 450_000),
        (b"3.50", 3_500_000),
        (b"3", 3_000_000),
        (b'"0.45"', 450_000),
        (b"0.30000000000000004", 300_000),
        (b"27.519999999999996", 27_520_000),
        (b"4.5e-1", 450_000),
        (b"0.01", 10_000),
        (b"1000", 1_000_000_000),
        (b"1000.01", None),
        (b"0.009", None),
        (b"0", None),
        (b"-1", None),
        (b"1e20", None),
        (b"18446744073709551616", None),
        (b'"1_0"', None),
        (b'"1e1"', None),
        (b'" 1 "', None),
        (b'"\xd9\xa1"', None),
        (b'"NaN"', None),
        (b'"$3"', None),
        (b'""', None),
        (b"null", None),
        (b"true", None),
        (b"[1]", None),
        (b"{}", None),
    ],
    ids=ascii,
)
async def test_a_row_with_a_price_that_is_none_is_left_out(
    price: bytes, micros: int | None
) -> None:
    rows = b'[{"plan": "a", "traffic": "1 GB", "price": %b}, {"plan": "b", "price": 7}]' % price
    body = b'{"success": true, "currency": "USD", "plans": %b}' % rows

    [priced] = await gateproxy(PROVIDERS, body).plans("nodemaven")

    kept = [("b", 7_000_000)] if micros is None else [("a", micros), ("b", 7_000_000)]
    assert [(plan.code, plan.cost.micros) for plan in priced.plans or ()] == kept


@pytest.mark.parametrize(
    ("row", "code", "title"),
    [
        ({"plan": "1", "traffic": "1 GB"}, "1", "1 GB"),
        ({"plan": " 1GB ", "traffic": " 1 GB "}, " 1GB ", "1 GB"),
        ({"plan": 1}, "1", "1"),
        ({"plan": "1", "traffic": None}, "1", "1"),
        ({"plan": "1", "traffic": 5}, "1", "5"),
        ({"plan": "1", "traffic": "a\nb", "name": "Gig"}, "1", "Gig"),
        ({"plan": "1", "traffic": "x" * 65}, "1", "1"),
    ],
)
async def test_a_plan_code_is_kept_as_it_came(
    row: dict[str, object], code: str, title: str
) -> None:
    body = {"success": True, "currency": "USD", "plans": [{**row, "price": 1}]}

    [priced] = await gateproxy(PROVIDERS, body).plans("nodemaven")

    assert [(plan.code, plan.title) for plan in priced.plans or ()] == [(code, title)]


async def test_a_plan_number_keeps_its_digits() -> None:
    body = b'{"success": true, "currency": "USD", "plans": [{"plan": 0.120, "price": 1}]}'

    [priced] = await gateproxy(PROVIDERS, body).plans("nodemaven")

    assert [plan.code for plan in priced.plans or ()] == ["0.120"]


@pytest.mark.parametrize(
    "row",
    [None, 7, [], {}, {"plan": None}, {"plan": ""}, {"plan": "a\nb"}, {"plan": "x" * 65}],
    ids=ascii,
)
async def test_a_bad_row_is_left_out(row: object) -> None:
    bad = {**row, "price": 1} if isinstance(row, dict) else row
    body = {"success": True, "currency": "USD", "plans": [bad, {"plan": "1", "price": 1}]}

    [priced] = await gateproxy(PROVIDERS, body).plans("nodemaven")

    assert [plan.code for plan in priced.plans or ()] == ["1"]


async def test_a_plan_with_two_prices_is_left_out() -> None:
    rows = [{"plan": "1", "price": 1}, {"plan": "1", "price": 2}, {"plan": "2", "price": 2}]
    body = {"success": True, "currency": "USD", "plans": [*rows, rows[2]]}

    [priced] = await gateproxy(PROVIDERS, body).plans("nodemaven")

    assert [plan.code for plan in priced.plans or ()] == ["2"]


@pytest.mark.parametrize(
    ("currency", "kept"),
    [
        ("USDT", "USDT"),
        ("usd", "USD"),
        ("EUR", "EUR"),
        (None, "XXX"),
        ("", "XXX"),
        ("$", "XXX"),
        (7, "XXX"),
        ("<b>", "XXX"),
    ],
)
async def test_the_currency_is_kept(currency: object, kept: str) -> None:
    [priced] = await gateproxy(PROVIDERS, {**PRICING, "currency": currency}).plans("nodemaven")

    assert {plan.cost.currency for plan in priced.plans or ()} == {kept}


PLANS = PRICING["plans"]
ENTRY = {"provider": "nodemaven", "currency": "USDT", "plans": PLANS}
FLAT = [
    {"provider": "nodemaven", "currency": "USDT", "plan": "0.120", "price": 0.45},
    {"provider": "nodemaven", "currency": "USDT", "plan": "1", "price": 3.5},
]


@pytest.mark.parametrize(
    "body",
    [
        [ENTRY],
        {"success": True, "pricing": [ENTRY]},
        {"success": True, "providers": [ENTRY]},
        {"success": True, "data": [ENTRY]},
        {"success": True, "data": {"pricing": [ENTRY]}},
        {"success": True, "providers": [{"id": "nodemaven", "currency": "USDT", "plans": PLANS}]},
        {"success": True, "providers": [{**ENTRY, "provider": {"id": "nodemaven"}}]},
        {"success": True, "currency": "USDT", "pricing": {"nodemaven": PLANS}},
        {"success": True, "currency": "USDT", "data": {"nodemaven": {"plans": PLANS}}},
        {"success": True, "pricing": {"nodemaven": {"currency": "USDT", "plans": PLANS}}},
        {"success": True, "currency": "USDT", "nodemaven": PLANS},
        {"success": True, "plans": FLAT},
        FLAT,
    ],
    ids=named,
)
async def test_prices_of_all_providers_are_read_in_any_shape(body: object) -> None:
    asked: list[httpx.Request] = []

    [priced] = await gateproxy(PROVIDERS, body, asked=asked).plans()

    assert [(plan.code, str(plan.cost)) for plan in priced.plans or ()] == [
        ("0.120", "0.45 USDT"),
        ("1", "3.50 USDT"),
    ]
    assert [request.url.path for request in asked] == ["/providers", "/pricing"]


@pytest.mark.parametrize(
    "body",
    [
        {"success": True},
        {"success": True, "pricing": None},
        {"success": True, "pricing": "later"},
        {"success": True, "pricing": [None, 7, {"plans": PLANS}, {"provider": "nodemaven"}]},
        {"success": True, "pricing": {"nodemaven": PLANS}},
        {"success": True, "pricing": [{**ENTRY, "provider": "9proxy"}]},
        refusal(404, "not_found"),
        refusal(502, "provider_error"),
        httpx.Response(404, text="<html>"),
    ],
    ids=named,
)
async def test_what_the_common_price_list_does_not_tell_is_asked_one_by_one(body: object) -> None:
    asked: list[httpx.Request] = []

    [priced] = await gateproxy(PROVIDERS, body, PRICING, asked=asked).plans()

    assert len(priced.plans or ()) == 2
    assert asked[-1].url.path == "/providers/nodemaven/pricing"


@pytest.mark.parametrize("code", ["unauthorized", "order_processing"])
async def test_a_price_list_that_is_shut_to_us_is_not_asked_one_by_one(code: str) -> None:
    asked: list[httpx.Request] = []

    answer = refusal(401, code, Retry_After="60")

    with pytest.raises(Refused, match=code):
        await gateproxy(PROVIDERS, answer, asked=asked).plans()

    assert len(asked) == 2


async def test_one_provider_that_cannot_be_read_does_not_hide_the_others() -> None:
    two = {"id": "9proxy", "name": "9Proxy", "status": "active"}
    providers = {"success": True, "providers": [*PROVIDERS["providers"], two]}  # type: ignore[misc]

    lists = await gateproxy(
        providers, {"success": True}, refusal(502, "provider_error"), PRICING
    ).plans()

    assert [(one.provider, one.plans is None) for one in lists] == [
        ("nodemaven", True),
        ("9proxy", False),
    ]


async def test_prices_that_nobody_tells_are_an_error() -> None:
    with pytest.raises(Unclear, match="provider_error"):
        await gateproxy(PROVIDERS, {"success": True}, refusal(502, "provider_error")).plans()


@pytest.mark.parametrize(
    ("row", "is_active"),
    [
        ({"status": "active"}, True),
        ({"status": "Active"}, True),
        ({"status": "paused"}, False),
        ({"status": None}, False),
        ({"status": True}, False),
        ({}, False),
    ],
)
async def test_only_an_active_provider_sells(row: dict[str, object], is_active: bool) -> None:
    providers = {"success": True, "providers": [{"id": "nodemaven", "name": "x", **row}]}

    [priced] = await gateproxy(providers, PRICING).plans("nodemaven")

    assert priced.is_active is is_active
    assert bool(priced.plans) is is_active


@pytest.mark.parametrize(
    ("code", "name", "shown"),
    [
        ("nodemaven", "NodeMaven", "NodeMaven"),
        ("nodemaven", " Node\u00a0 ", "Node"),
        ("nodemaven", None, "NodeMaven"),
        ("nodemaven", "a\nb", "NodeMaven"),
        ("nodemaven", "x" * 65, "NodeMaven"),
        ("nodemaven", "<b>", "<b>"),
        ("brand_new", None, "brand_new"),
    ],
    ids=ascii,
)
async def test_a_provider_always_has_a_name(code: str, name: object, shown: str) -> None:
    providers = {"success": True, "providers": [{"id": code, "name": name, "status": "active"}]}

    [priced] = await gateproxy(providers, PRICING).plans(code)

    assert priced.name == shown


@pytest.mark.parametrize(
    ("code", "usage", "is_code"),
    [
        ("nodemaven", UsageByApi(), False),
        ("abcproxy", UsageByApi(), False),
        ("9proxy", UsageByApi(), False),
        ("dataimpulse", UsageByApi(), False),
        ("proxyseller", UsageByBot("https://t.me/proxysellergpbot"), False),
        ("9proxy_cd_key", UsageUnknown(), True),
        ("brand_new", UsageByApi(), False),
    ],
)
async def test_each_provider_has_its_usage_check(code: str, usage: object, is_code: bool) -> None:
    providers = {"success": True, "providers": [{"id": code, "status": "active"}]}

    [priced] = await gateproxy(providers, PRICING).plans(code)

    assert (priced.usage, priced.is_code) == (usage, is_code)


@pytest.mark.parametrize(
    ("body", "balance"),
    [
        (b'{"success": true, "balance": 27.52, "currency": "USD"}', Money(27_520_000)),
        (b'{"success": true, "balance": "27.52", "currency": "USD"}', Money(27_520_000)),
        (
            b'{"success": true, "balance": 27.519999999999996, "currency": "USD"}',
            Money(27_520_000),
        ),
        (b'{"success": true, "balance": 0, "currency": "USD"}', Money(0)),
        (b'{"success": true, "balance": -1.5, "currency": "USD"}', Money(-1_500_000)),
        (b'{"success": true, "data": {"balance": 1, "currency": "USDT"}}', Money(10**6, "USDT")),
        (b'{"success": true, "balance": 1}', Money(10**6, "XXX")),
    ],
    ids=ascii,
)
async def test_the_balance_is_read(body: bytes, balance: Money) -> None:
    reader = gateproxy(body).balance
    assert reader

    assert await reader.read() == balance


@pytest.mark.parametrize(
    "body",
    [
        b'{"success": true}',
        b'{"success": true, "balance": null}',
        b'{"success": true, "balance": true}',
        b'{"success": true, "balance": "lots"}',
        b'{"success": true, "balance": 1e300}',
        b'{"success": true, "balance": 18446744073709551616}',
        b"[]",
    ],
)
async def test_a_balance_that_is_none_is_unclear(body: bytes) -> None:
    reader = gateproxy(body).balance
    assert reader

    with pytest.raises(Unclear):
        await reader.read()


@pytest.mark.parametrize(
    ("body", "traffic"),
    [
        (
            {"success": True, "used": "1.2GB", "remaining": "3.8GB", "total": "5GB"},
            Traffic("1.2GB", "3.8GB", "5GB"),
        ),
        ({"success": True, "data": {"used": " 1 GB "}}, Traffic("1 GB", None, None)),
        ({"success": True, "usage": {"total": "5GB"}}, Traffic(None, None, "5GB")),
        ({"success": True, "used": 1.5, "total": 5}, Traffic("~1.5 GB", None, "~5 GB")),
        ({"success": True, "used": True, "total": "5GB"}, Traffic(None, None, "5GB")),
        ({"success": True, "used": "x" * 33, "total": "\u202e"}, None),
        ({"success": True, "used": None}, None),
        ({"success": True}, None),
        ([], None),
    ],
)
async def test_usage_is_kept_in_the_words_of_the_upstream(
    body: object, traffic: Traffic | None
) -> None:
    asked: list[httpx.Request] = []
    usage = gateproxy(body, asked=asked).usage
    assert usage

    if traffic is None:
        with pytest.raises(Unclear, match="unreadable"):
            await usage.of_order("ord_1")
    else:
        assert await usage.of_order("ord_1") == traffic
    assert asked[0].url.path == "/proxies/ord_1/auto/usage"


@pytest.mark.parametrize(
    ("username", "path"),
    [
        ("nodemaven_x-country-us", "/proxies/nodemaven/nodemaven_x-country-us/usage"),
        ("a__cr.us;sessid.1", "/proxies/nodemaven/a__cr.us%3Bsessid.1/usage"),
        ("a/../b", "/proxies/nodemaven/a%2F..%2Fb/usage"),
        ("a?b#c%20", "/proxies/nodemaven/a%3Fb%23c%2520/usage"),
        ("é ü", "/proxies/nodemaven/%C3%A9%20%C3%BC/usage"),
    ],
)
async def test_a_username_is_one_part_of_the_path(username: str, path: str) -> None:
    asked: list[httpx.Request] = []
    usage = gateproxy({"success": True, "total": "5GB"}, asked=asked).usage
    assert usage

    await usage.of_username("nodemaven", username)

    assert asked[0].url.raw_path.decode() == path


@pytest.mark.parametrize("username", ["", ".", "..", "a\nb", "\x00", "x" * 257], ids=ascii)
async def test_a_username_that_is_none_is_never_sent(username: str) -> None:
    asked: list[httpx.Request] = []
    usage = gateproxy({"success": True, "total": "5GB"}, asked=asked).usage
    assert usage

    with pytest.raises(Refused, match="proxy_not_found"):
        await usage.of_username("nodemaven", username)

    assert asked == []


async def test_health_asks_without_looking_at_the_body() -> None:
    asked: list[httpx.Request] = []

    await gateproxy(b"up", asked=asked).health()

    assert asked[0].url.path == "/health"


READS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "plans": lambda adapter: adapter.plans(),
    "plans of one": lambda adapter: adapter.plans("nodemaven"),
    "order": lambda adapter: adapter.order("ord_1", "nodemaven", "1"),
    "recent": lambda adapter: adapter.recent(1),
    "usage": lambda adapter: adapter.usage.of_order("ord_1"),
    "balance": lambda adapter: adapter.balance.read(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("body", [{}, None, 7, "x", {"success": True}, {"data": {}}], ids=str)
async def test_a_shape_that_says_nothing_is_unclear(
    read: Callable[[Any], Awaitable[object]], body: object
) -> None:
    with pytest.raises(Unclear):
        await read(gateproxy(body))

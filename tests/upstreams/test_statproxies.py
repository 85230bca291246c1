"""StatProxies: what its documents say, what they leave open, and what its pretence bills."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from bot.domain.catalog import PlanSeed
from bot.domain.errors import Busy, Lacking, OutOfService, Refused, Unclear
from bot.domain.money import usd
from bot.domain.orders import Credentials, Proxy
from bot.upstreams.base import Progress
from bot.upstreams.sandbox_stat import PERIOD, STAT_KEY, StatProxiesSandbox
from bot.upstreams.statproxies import StatProxies

SEEDS = (PlanSeed("captcha", "ISP", usd("2.00"), 30, 100),)
TAG = "q" * 28
ORDER, SUBSCRIPTION = "sub_1rqjp3jb4g9i6pkhdwmkpjob", "sub_1RqJP3JB4G9i6PKHDwmKPJOb"
MADE = {"response": "success", "order_id": ORDER, "subscription_id": SUBSCRIPTION}
ONE = {"ip": "198.51.100.7", "port": 6000, "username": ORDER, "password": "s3cret"}
PROXY = Proxy("198.51.100.7", 6000, ORDER, "s3cret")


def upstream(
    body: object, *, status: int = 200, path: str = "/order/fetch/{order_id}"
) -> tuple[StatProxies, list[httpx.Request]]:
    """StatProxies where every call is answered with this, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json=body)

    transport = httpx.MockTransport(answer)
    return StatProxies("sk", plans=SEEDS, order_path=path, transport=transport), asked


async def test_an_order_is_sent_as_documented_and_both_ids_come_back() -> None:
    adapter, asked = upstream(MADE)

    made = await adapter.place("statproxies", "captcha", 3, TAG)

    assert (made.reference, made.subscription) == (ORDER, SUBSCRIPTION)
    assert (made.progress, made.delivery) == (Progress.READY, None)
    [request] = asked
    assert (request.method, request.url.path) == ("POST", "/api/v2/order/newscale")
    assert request.headers["Authorization"] == "Bearer sk"
    assert json.loads(request.content) == {
        "quantity": 3,
        "product_type": "captcha",
        "customer": TAG,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"response": "success"},
        {"response": "success", "order_id": ORDER},
        {"response": "success", "subscription_id": SUBSCRIPTION},
        {**MADE, "order_id": "../x"},
        {**MADE, "response": True},
        {"success": True, "order_id": ORDER, "subscription_id": SUBSCRIPTION},
        {**MADE, "error": None},
    ],
)
async def test_an_answer_that_lacks_an_id_leaves_a_doubt(body: object) -> None:
    adapter, _ = upstream(body)

    with pytest.raises(Unclear):
        await adapter.place("statproxies", "captcha", 1, TAG)


@pytest.mark.parametrize("tag", ["", "A" * 28, "q1", "q" * 51, "ё" * 28])
async def test_a_tag_that_would_be_refused_is_never_sent(tag: str) -> None:
    adapter, asked = upstream(MADE)

    with pytest.raises(ValueError, match="small letters"):
        await adapter.place("statproxies", "captcha", 1, tag)

    assert not asked


async def test_the_plans_are_those_of_the_settings_and_nobody_is_asked() -> None:
    adapter, asked = upstream({})

    [listed] = await adapter.plans()

    assert listed.is_seed
    assert listed.plans is not None
    [plan] = listed.plans
    assert (plan.code, plan.cost, plan.most, plan.days) == ("captcha", usd("2.00"), 100, 30)
    assert await adapter.plans("another") == ()
    assert not asked


ROW = {"order_id": ORDER, "subscription_id": SUBSCRIPTION, "customer": TAG, "quantity": 3,
       "product_type": "captcha", "status": "active"}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        [ROW],
        {"response": "success", "orders": [ROW]},
        {"response": [ROW]},
        {"success": True, "data": {"orders": [ROW]}},
        {"orders": [{**ROW, "product_id": "captcha", "product_type": None}]},
        {"orders": [{key: ROW[key] for key in ROW if key != "order_id"}]},
        {"orders": [{**ROW, "order_id": None, "id": SUBSCRIPTION}]},
        {"orders": [{**ROW, "order_id": None, "id": "17"}]},
    ],
)
async def test_a_list_is_read_in_whatever_wrapping_it_comes(body: object) -> None:
    adapter, _ = upstream(body)

    page = await adapter.recent(1)

    [row] = page.orders
    assert (row.reference, row.subscription, row.tag) == (ORDER, SUBSCRIPTION, TAG)
    assert (row.provider, row.plan, row.quantity) == ("statproxies", "captcha", 3)
    assert not row.is_cancelled
    assert page.is_last


@pytest.mark.parametrize(
    "said", [{"status": "pending_cancellation"}, {"cancel_at_period_end": True}]
)
async def test_a_list_may_say_that_an_order_is_cancelled(said: dict[str, object]) -> None:
    adapter, _ = upstream([{**ROW, **said}])

    assert (await adapter.recent(1)).orders[0].is_cancelled


@pytest.mark.parametrize(
    "body", [{}, {"orders": {}}, {"orders": [{**ROW, "order_id": 7, "subscription_id": ""}]}, "x"]
)
async def test_a_list_with_an_order_that_cannot_be_seen_says_nothing(body: object) -> None:
    adapter, _ = upstream(body)

    with pytest.raises(Unclear):
        await adapter.recent(1)


BARE = {key: ONE[key] for key in ONE if key != "username"}
LINE = f"198.51.100.7:6000:{ORDER}:s3cret"


@pytest.mark.parametrize(
    "body",
    [
        {"response": "success", "order": {"order_id": ORDER, "proxies": [ONE]}},
        {"proxies": [LINE]},
        [LINE],
        {"data": {"proxies": LINE}},
        {"data": {"order_id": ORDER, "list": [BARE]}},
        {"order_id": ORDER, **BARE},
        {"proxies": [{**BARE, "user": ORDER}]},
    ],
)
async def test_credentials_are_found_in_whatever_shape_they_come(body: object) -> None:
    adapter, _ = upstream(body)

    made = await adapter.order(ORDER, "statproxies", "captcha")

    assert made.delivery == Credentials((PROXY,))
    assert made.progress is Progress.READY


@pytest.mark.parametrize(
    "body",
    [
        {"order_id": ORDER, "status": "active"},
        {"order_id": ORDER, "proxies": []},
        {"proxies": [ONE, {"ip": "198.51.100.8"}]},
        {"proxies": [{key: ONE[key] for key in ONE if key != "password"}]},
        {"order": {"order_id": ORDER, "status": "canceled"}},
    ],
)
async def test_credentials_that_are_not_whole_are_none_and_no_state_is_a_failure(
    body: object,
) -> None:
    adapter, _ = upstream(body)

    made = await adapter.order(ORDER, "statproxies", "captcha")

    assert (made.delivery, made.progress) == (None, Progress.PENDING)


async def test_an_answer_about_another_order_is_not_believed() -> None:
    adapter, _ = upstream({"order": {"order_id": "sub_other", "proxies": [ONE]}})

    with pytest.raises(Unclear):
        await adapter.order(ORDER, "statproxies", "captcha")


async def test_the_path_of_the_settings_is_filled_in_and_nothing_gets_out_of_it() -> None:
    adapter, asked = upstream(ONE, path="/order/fetch/{product_id}/{order_id}")

    await adapter.order(ORDER, "statproxies", "a/../b?c")

    assert asked[0].url.raw_path == f"/api/v2/order/fetch/a%2F..%2Fb%3Fc/{ORDER}".encode()
    with pytest.raises(Refused):
        await adapter.order("../../account", "statproxies", "captcha")


async def test_without_a_path_no_credentials_can_be_told() -> None:
    adapter, asked = upstream(ONE, path="")

    assert not adapter.tells_credentials
    with pytest.raises(Unclear):
        await adapter.order(ORDER, "statproxies", "captcha")
    assert not asked


CANCELLED = {"success": {"message": "…", "order_id": ORDER, "subscription_id": SUBSCRIPTION}}


async def test_a_cancellation_names_the_subscription_in_its_own_case() -> None:
    adapter, asked = upstream(CANCELLED)
    assert adapter.subscriptions

    await adapter.subscriptions.cancel(SUBSCRIPTION, "captcha")

    [request] = asked
    assert request.method == "DELETE"
    assert request.url.path == f"/api/v2/order/delete/{SUBSCRIPTION}/captcha"


@pytest.mark.parametrize(
    ("status", "body", "known"),
    [
        (404, {"error": {"type": "not_found_error", "message": "Order not found"}}, Refused),
        (400, {"error": {"type": "invalid_request_error", "message": "…"}}, Refused),
        (500, {"error": {"type": "stripe_error", "message": "…", "details": "…"}}, Unclear),
        (404, {"message": "no such route"}, Unclear),
        (200, {"success": True}, Unclear),
        (200, {"response": "success"}, Unclear),
        (200, {"error": {"type": "not_found_error"}, "success": {}}, Unclear),
    ],
)
async def test_a_cancellation_is_confirmed_by_nothing_but_their_own_word(
    status: int, body: Any, known: type[Exception]
) -> None:
    adapter, _ = upstream(body, status=status)
    assert adapter.subscriptions

    with pytest.raises(known) as failed:
        await adapter.subscriptions.cancel(SUBSCRIPTION, "captcha")

    assert type(failed.value) is known


EXCHANGED = {
    "response": "success",
    "message": "Proxies exchanged successfully",
    "details": {"order_id": ORDER, "previous_count": 3, "new_count": 3, "overlapping_ips": 0},
}


async def test_an_exchange_names_the_order_in_small_letters_once() -> None:
    adapter, asked = upstream(EXCHANGED)
    assert adapter.exchange

    await adapter.exchange.exchange(SUBSCRIPTION)

    [request] = asked
    assert request.method == "POST"
    assert request.url.path == f"/api/v2/order/exchange/{ORDER}"


@pytest.mark.parametrize(
    ("status", "body", "known"),
    [
        (403, {"error": "insufficient_permissions"}, Lacking),
        # The order it names is the one that was to be exchanged.
        (403, {"error": "insufficient_permissions", "order_id": "sub_1a"}, Lacking),
        (401, {"error": "insufficient_permissions"}, Lacking),
        (403, {"error": {"type": "feature_not_enabled", "message": "…"}}, Lacking),
        (403, {"response": "Proxy exchange is not enabled"}, Lacking),
        (401, {"error": "invalid_api_key"}, OutOfService),
        (404, {"error": {"type": "not_found_error", "message": "Order not found"}}, Refused),
        (400, {"error": {"type": "invalid_request_error", "message": "…"}}, Refused),
        (429, {"error": "too_many"}, Busy),
        (400, {"response": "Exchange in progress"}, Unclear),
        (500, {"error": {"type": "not_found_error", "message": "…"}}, Unclear),
        (500, {"error": "insufficient_permissions"}, Unclear),
        (403, {"message": "no such route"}, Unclear),
        (200, {"message": "Proxies exchanged successfully"}, Unclear),
        (200, {"response": "success", "details": {"order_id": "sub_another"}}, Unclear),
    ],
)
async def test_an_exchange_that_did_not_succeed_says_what_is_known(
    status: int, body: Any, known: type[Exception]
) -> None:
    adapter, asked = upstream(body, status=status)
    assert adapter.exchange

    with pytest.raises(known) as failed:
        await adapter.exchange.exchange(ORDER)

    assert type(failed.value) is known
    assert len(asked) == 1


async def test_the_pretence_bills_every_period_until_it_is_told_to_stop() -> None:
    now = [1_000_000.0]
    sandbox = StatProxiesSandbox(clock=lambda: now[0])
    adapter = StatProxies(STAT_KEY, plans=SEEDS, transport=httpx.MockTransport(sandbox.handle))
    made = await adapter.place("statproxies", "captcha", 3, TAG)
    assert [str(bill.cost) for bill in sandbox.bills] == ["6.00"]

    now[0] += 2 * PERIOD
    assert len(sandbox.bills) == 3
    assert adapter.subscriptions
    assert made.subscription
    await adapter.subscriptions.cancel(made.subscription, "captcha")
    now[0] += 12 * PERIOD

    assert len(sandbox.bills) == 3

"""The pretended GateProxy: documented shapes, one order at a time, and trouble on demand."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN, GateProxySandbox, PricingShape

OTHER = "gpk_live_other"


class Time:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def ask(
    sandbox: GateProxySandbox,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str | None = TOKEN,
) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = httpx.Request(
        method, f"https://api.gateproxy.store{path}", headers=headers, content=content
    )
    response = await sandbox.handle(request)
    return response.status_code, response.json()


async def order(
    sandbox: GateProxySandbox, provider: str = "nodemaven", plan: str = "1", *, token: str = TOKEN
) -> tuple[int, Any]:
    return await ask(sandbox, "POST", "/orders", {"provider": provider, "plan": plan}, token=token)


def refusal(code: str) -> dict[str, object]:
    message = code.replace("_", " ").capitalize() + "."
    return {"success": False, "error": {"code": code, "message": message}}


async def test_the_documented_calls_answer_in_the_documented_shapes() -> None:
    sandbox = GateProxySandbox(tokens={TOKEN: "27.52"}, clock=Time())

    assert await ask(sandbox, "GET", "/account/balance") == (
        200,
        {"success": True, "balance": 27.52, "currency": "USD"},
    )
    assert (await ask(sandbox, "GET", "/providers"))[1]["providers"][0] == {
        "id": "abcproxy",
        "name": "ABC Proxy",
        "status": "active",
    }
    _, pricing = await ask(sandbox, "GET", "/providers/nodemaven/pricing")
    assert pricing["currency"] == "USDT"
    assert {"traffic": "120 MB", "plan": "0.120", "price": 0.45} in pricing["plans"]
    assert {"traffic": "1 GB", "plan": "1", "price": 3.5} in pricing["plans"]
    _, made = await order(sandbox)
    assert list(made) == ["success", "order_id", "status", "proxy"]
    assert list(made["proxy"]) == ["host", "port", "username", "password", "protocol"]
    _, usage = await ask(sandbox, "GET", f"/proxies/{made['order_id']}/auto/usage")
    assert usage["total"] == "1GB"


async def test_six_providers_each_have_several_sizes() -> None:
    sandbox = GateProxySandbox()

    assert len(sandbox.providers) == 6
    assert all(len(provider.plans) >= 3 for provider in sandbox.providers.values())


@pytest.mark.parametrize("shape", ["list", "map", "lists", "flat"])
async def test_all_prices_come_in_several_shapes(shape: PricingShape) -> None:
    sandbox = GateProxySandbox()
    sandbox.pricing_shape = shape

    status, body = await ask(sandbox, "GET", "/pricing")

    assert status == 200
    assert "nodemaven" in json.dumps(body)
    assert "0.120" in json.dumps(body)


async def test_a_server_may_lack_the_common_price_list() -> None:
    sandbox = GateProxySandbox()
    sandbox.pricing_shape = "none"

    assert await ask(sandbox, "GET", "/pricing") == (404, refusal("not_found"))


@pytest.mark.parametrize("token", [None, "", "gpk_live_wrong"])
@pytest.mark.parametrize("path", ["/account/balance", "/providers", "/pricing", "/orders"])
async def test_every_call_but_health_needs_a_token(path: str, token: str | None) -> None:
    sandbox = GateProxySandbox()

    assert await ask(sandbox, "GET", path, token=token) == (401, refusal("unauthorized"))
    assert (await ask(sandbox, "GET", "/health", token=token))[0] == 200


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"{", (400, refusal("invalid_json"))),
        ([], (400, refusal("invalid_json"))),
        ({"provider": "nodemaven", "plan": "1GB"}, (400, refusal("invalid_plan"))),
        ({"provider": "nodemaven", "plan": "0.12"}, (400, refusal("invalid_plan"))),
        ({"provider": "nodemaven", "plan": 1}, (400, refusal("invalid_plan"))),
        ({"provider": "nodemaven"}, (400, refusal("invalid_plan"))),
        ({"provider": "nobody", "plan": "1"}, (404, refusal("provider_not_found"))),
        ({"provider": ["nodemaven"], "plan": "1"}, (404, refusal("provider_not_found"))),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    body: object, answer: tuple[int, Any]
) -> None:
    sandbox = GateProxySandbox()

    assert await ask(sandbox, "POST", "/orders", body) == answer
    assert sandbox.orders == []


async def test_an_order_takes_its_price_from_one_account() -> None:
    sandbox = GateProxySandbox(tokens={TOKEN: "7.00", OTHER: "1.00"})

    assert (await order(sandbox))[0] == 200
    assert (await order(sandbox))[0] == 200
    assert await order(sandbox) == (402, refusal("insufficient_balance"))
    assert await order(sandbox, token=OTHER) == (402, refusal("insufficient_balance"))

    assert [str(account.balance) for account in sandbox.accounts.values()] == ["0.00", "1.00"]
    assert [str(made.cost) for made in sandbox.orders] == ["3.50", "3.50"]


async def test_only_the_owner_of_an_order_sees_it() -> None:
    sandbox = GateProxySandbox(tokens={TOKEN: "50", OTHER: "50"})
    _, made = await order(sandbox)

    assert (await ask(sandbox, "GET", f"/orders/{made['order_id']}"))[0] == 200
    assert await ask(sandbox, "GET", f"/orders/{made['order_id']}", token=OTHER) == (
        404,
        refusal("order_not_found"),
    )
    assert (await ask(sandbox, "GET", "/orders", token=OTHER))[1]["orders"] == []
    assert (await ask(sandbox, "GET", f"/proxies/{made['order_id']}/auto/usage", token=OTHER))[
        1
    ] == refusal("proxy_not_found")


async def test_one_order_at_a_time_for_each_account() -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        arrived.set()
        await go.wait()

    sandbox = GateProxySandbox(tokens={TOKEN: "50", OTHER: "50"}, sleep=sleep)
    sandbox.faults.append(Fault(delay=30))
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(order(sandbox))
        await arrived.wait()
        assert await order(sandbox) == (409, refusal("order_processing"))
        assert (await order(sandbox, token=OTHER))[0] == 200
        assert (await ask(sandbox, "GET", "/orders"))[1]["orders"] == []
        go.set()

    assert slow.result()[0] == 200
    assert (await order(sandbox))[0] == 200


async def test_an_order_may_appear_long_after_its_answer_was_lost() -> None:
    time = Time()
    sandbox = GateProxySandbox(clock=time)
    sandbox.faults.append(Fault(error=httpx.ReadTimeout("x"), is_done=True, works_for=300))

    with pytest.raises(httpx.ReadTimeout):
        await order(sandbox)

    assert (await order(sandbox))[0] == 409
    assert (await ask(sandbox, "GET", "/orders"))[1]["orders"] == []
    time.now += 300
    assert len((await ask(sandbox, "GET", "/orders"))[1]["orders"]) == 1
    assert (await order(sandbox))[0] == 200


async def test_the_list_is_paged_newest_first() -> None:
    sandbox = GateProxySandbox()
    made = [(await order(sandbox, plan="0.120"))[1]["order_id"] for _ in range(5)]

    pages = [
        [row["order_id"] for row in (await ask(sandbox, "GET", path))[1]["orders"]]
        for path in ("/orders?limit=2&page=1", "/orders?limit=2&page=3", "/orders?limit=2&page=4")
    ]

    assert pages == [[made[4], made[3]], [made[0]], []]


@pytest.mark.parametrize("query", ["limit=x&page=y", "limit=&page=", "limit=0&page=0", "limit=-1"])
async def test_a_strange_page_is_the_first(query: str) -> None:
    sandbox = GateProxySandbox()
    await order(sandbox)

    assert len((await ask(sandbox, "GET", f"/orders?{query}"))[1]["orders"]) == 1


async def test_the_list_may_lack_provider_and_plan() -> None:
    sandbox = GateProxySandbox()
    await order(sandbox)
    assert (await ask(sandbox, "GET", "/orders"))[1]["orders"][0]["plan"] == "1"

    sandbox.list_has_plan = False

    [row] = (await ask(sandbox, "GET", "/orders"))[1]["orders"]
    assert not row.keys() & {"provider", "plan"}


async def test_the_list_may_lag_behind() -> None:
    time = Time()
    sandbox = GateProxySandbox(clock=time)
    sandbox.list_lag = 20
    _, made = await order(sandbox)

    assert (await ask(sandbox, "GET", "/orders"))[1]["orders"] == []
    assert (await ask(sandbox, "GET", f"/orders/{made['order_id']}"))[0] == 200
    time.now += 20
    assert len((await ask(sandbox, "GET", "/orders"))[1]["orders"]) == 1


@pytest.mark.parametrize(
    ("provider", "plan", "grammar"),
    [
        ("nodemaven", "1", r"nodemaven_\w+-country-us"),
        ("abcproxy", "1", r"gateproxy\w+-zone-abc-region-US"),
        ("9proxy", "1", r"gp9\w+-country-us"),
        ("dataimpulse", "1", r"\w+__cr\.us"),
        ("proxyseller", "res-1", r"ps\w+_c_US"),
    ],
)
async def test_usernames_follow_the_grammar_of_their_provider(
    provider: str, plan: str, grammar: str
) -> None:
    _, made = await order(GateProxySandbox(), provider, plan)

    assert re.fullmatch(grammar, made["proxy"]["username"])


async def test_addresses_come_as_a_list_and_keys_as_a_key() -> None:
    sandbox = GateProxySandbox()

    _, addresses = await order(sandbox, "proxyseller", "isp-5-30")
    _, key = await order(sandbox, "9proxy_cd_key", "ip100")

    assert len(addresses["proxies"]) == 5
    assert re.fullmatch(r"9P(-[0-9A-F]{4}){4}", key["cd_key"])
    assert key["ips"] == 100


async def test_usage_grows_with_the_clock_and_ends_at_the_total() -> None:
    time = Time()
    sandbox = GateProxySandbox(clock=time)
    _, made = await order(sandbox, plan="5")
    path = f"/proxies/{made['order_id']}/auto/usage"

    seen = []
    for _ in range(4):
        body = (await ask(sandbox, "GET", path))[1]
        seen.append((body["used"], body["remaining"]))
        time.now += 43_200
    time.now += 10 * 86_400

    assert seen[0] == ("0MB", "5GB")
    assert len(set(seen)) == 4
    body = (await ask(sandbox, "GET", path))[1]
    assert (body["used"], body["remaining"], body["total"]) == ("5GB", "0MB", "5GB")


async def test_usage_is_found_by_username() -> None:
    sandbox = GateProxySandbox()
    _, made = await order(sandbox, "dataimpulse")
    username = made["proxy"]["username"]

    _, body = await ask(sandbox, "GET", f"/proxies/dataimpulse/{username}/usage")

    assert (body["order_id"], body["proxy_username"]) == (made["order_id"], username)


@pytest.mark.parametrize(
    ("provider", "plan"), [("proxyseller", "res-1"), ("9proxy_cd_key", "ip100")]
)
async def test_two_providers_tell_no_usage(provider: str, plan: str) -> None:
    sandbox = GateProxySandbox()
    _, made = await order(sandbox, provider, plan)

    for path in (f"/proxies/{made['order_id']}/auto/usage", f"/proxies/{provider}/x/usage"):
        assert await ask(sandbox, "GET", path) == (400, refusal("usage_not_available"))


async def test_a_pending_order_gets_its_credentials_at_a_later_poll() -> None:
    sandbox = GateProxySandbox()
    sandbox.faults.append(Fault(pending=2))

    _, made = await order(sandbox)
    polls = [
        (await ask(sandbox, "GET", f"/orders/{made['order_id']}"))[1]["order"] for _ in range(3)
    ]

    assert made["status"] == "pending"
    assert "proxy" not in made
    assert [poll["status"] for poll in polls] == ["pending", "completed", "completed"]
    assert ["proxy" in poll for poll in polls] == [False, True, True]


async def test_an_order_may_end_in_a_word_of_its_own() -> None:
    sandbox = GateProxySandbox()
    sandbox.faults.append(Fault(word="failed"))

    _, made = await order(sandbox)

    assert made["status"] == "failed"
    assert "proxy" not in made


async def test_a_request_may_be_lost_before_or_after_the_order_is_made() -> None:
    sandbox = GateProxySandbox()
    sandbox.faults += [
        Fault(error=httpx.ConnectError("x")),
        Fault(error=httpx.ReadTimeout("x")),
        Fault(error=httpx.ReadTimeout("x"), is_done=True),
    ]

    for expected, made in (
        (httpx.ConnectError, 0),
        (httpx.ReadTimeout, 0),
        (httpx.ReadTimeout, 1),
    ):
        with pytest.raises(expected):
            await order(sandbox)
        assert len(sandbox.orders) == made

    assert [request.status for request in sandbox.requests] == [None, None, None]


async def test_an_answer_may_be_replaced_or_cut_off() -> None:
    sandbox = GateProxySandbox()
    sandbox.faults += [
        Fault(status=502, code="provider_error"),
        Fault(status=502, code="provider_error", is_done=True),
        Fault(status=503, body='{"a": 1}', headers={"Retry-After": "3"}),
    ]

    assert await order(sandbox) == (502, refusal("provider_error"))
    assert sandbox.orders == []
    assert await order(sandbox) == (502, refusal("provider_error"))
    assert len(sandbox.orders) == 1
    assert await order(sandbox) == (503, {"a": 1})
    sandbox.faults.append(Fault(cut=10))
    with pytest.raises(json.JSONDecodeError):
        await order(sandbox)
    assert len(sandbox.orders) == 2


async def test_a_fault_waits_for_the_request_it_is_meant_for() -> None:
    sandbox = GateProxySandbox()
    sandbox.faults.append(Fault(method="GET", path="/orders/*", status=500, body="{}", times=2))

    assert (await order(sandbox))[0] == 200
    assert (await ask(sandbox, "GET", "/orders"))[0] == 200
    assert (await ask(sandbox, "GET", "/orders/ord_x"))[0] == 500
    assert (await ask(sandbox, "GET", "/orders/ord_x"))[0] == 500
    assert (await ask(sandbox, "GET", "/orders/ord_x"))[0] == 404
    assert sandbox.faults == []


async def test_a_person_can_turn_prices_stock_providers_and_balances() -> None:
    sandbox = GateProxySandbox()

    sandbox.set_price("nodemaven", "1", "4.25")
    assert (await order(sandbox))[0] == 200
    sandbox.set_stock("nodemaven", "1", in_stock=False)
    assert await order(sandbox) == (502, refusal("provider_error"))
    sandbox.set_active("nodemaven", is_active=False)
    assert await order(sandbox) == (404, refusal("provider_not_found"))
    assert (await ask(sandbox, "GET", "/providers/nodemaven/pricing"))[0] == 404
    sandbox.set_balance(TOKEN, "0.10")

    assert str(sandbox.orders[0].cost) == "4.25"
    assert (await ask(sandbox, "GET", "/account/balance"))[1]["balance"] == 0.1
    with pytest.raises(KeyError):
        sandbox.plan("nodemaven", "7")


async def test_everything_asked_is_counted() -> None:
    sandbox = GateProxySandbox(clock=Time())
    await order(sandbox)
    await ask(sandbox, "GET", "/orders/ord_x")

    assert (sandbox.count("POST"), sandbox.count("POST", "/orders")) == (1, 1)
    assert (sandbox.count("GET", "/orders/*"), sandbox.count("GET", "/pricing")) == (1, 0)
    assert [request.status for request in sandbox.requests] == [200, 404]
    assert TOKEN not in repr(sandbox.requests) + repr(sandbox.orders)


async def test_the_same_orders_give_the_same_goods() -> None:
    goods = [(await order(GateProxySandbox(seed=seed)))[1]["proxy"] for seed in (1, 1, 2)]

    assert goods[0] == goods[1] != goods[2]


@pytest.mark.parametrize("path", ["/nothing", "/orders/a/b", "/", "/providers/nobody/pricing"])
async def test_an_unknown_path_is_answered_in_the_error_form(path: str) -> None:
    status, body = await ask(GateProxySandbox(), "GET", path)

    assert body["success"] is (status == 200)

"""The oracle of a simulated history: it knows what the upstream made and what people did."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from bot.app import build
from bot.domain.orders import OrderId
from tests.bench import OTHER_OWNER, OWNER, settings_for
from tests.faults.virtual import Life

if TYPE_CHECKING:
    from tests.faults.history import History

_ENDED = {"delivered", "released", "refunded"}
_SOLD = {"delivered", "refunded"}
_NOT_SENT = {"too_late_to_send"}

Rows = list[dict[str, Any]]


class Books:
    """Everything that the database says in the end."""

    def __init__(self, history: History) -> None:
        with closing(sqlite3.connect(history.file)) as books:
            books.row_factory = sqlite3.Row

            def rows(table: str) -> Rows:
                return [dict(row) for row in books.execute(f"SELECT * FROM {table}")]  # noqa: S608

            self.orders = rows("orders")
            self.postings = sorted(rows("postings"), key=lambda one: one["id"])
            self.wallets = {one["customer_id"]: one["balance"] for one in rows("wallets")}
            self.upstream_orders = rows("upstream_orders")
            self.moves = rows("moves")
            self.attempts = rows("attempts")
            self.stops = rows("stops")
            self.requests = rows("requests")
            self.exchanges = rows("exchanges")
            self.subscriptions = rows("subscriptions")
            self.notices = [(one["chat_id"], json.loads(one["notice"])) for one in rows("outbox")]

    def is_early(self, reference: str) -> bool:
        """Whether an upstream order was in the first listing of its lane that held any."""
        rows = [one for one in self.upstream_orders if one["reference"] == reference]
        return any(
            row["seen_at"]
            == min(
                one["seen_at"] for one in self.upstream_orders if one["lane_id"] == row["lane_id"]
            )
            for row in rows
        )

    def told(self, kind: str, order: int) -> list[int]:
        """Who was owed a notice of this kind about an order, once for each notice."""
        return [
            chat
            for chat, notice in self.notices
            if notice["kind"] == kind and notice.get("order") == order
        ]


async def judge(history: History) -> tuple[Books, list[str]]:
    """What a history broke of the shop's promises, as sentences; nothing where all is well."""
    books = Books(history)
    problems = [
        *_waiting(history, books),
        *_money(history, books),
        *_sales(history, books),
        *_upstream(history, books),
        *_periods(history, books),
        *_exchanges(history, books),
        *_notices(books),
        *[one async for one in _inside(history, books)],
    ]
    return books, problems


def _waiting(history: History, books: Books) -> Iterator[str]:
    for order in books.orders:
        number, state = order["id"], order["state"]
        if state in _ENDED:
            continue
        if state != "review" or history.crowd.is_attended:
            yield f"order {number} rests in {state}"
        elif set(books.told("order_needs_person", number)) != {OWNER, OTHER_OWNER}:
            yield f"order {number} is under review and nobody was told"
    for stop in books.stops:
        yield f"selling is stopped: {stop['scope']}, {stop['reason']}"


def _money(history: History, books: Books) -> Iterator[str]:
    left: Counter[str] = Counter()
    for one in books.postings:
        left[one["source"]] -= one["micros"]
        left[one["destination"]] += one["micros"]
        for account in (one["source"], one["destination"]):
            if account.startswith(("customer:", "held:")) and left[account] < 0:
                yield f"{account} was below zero after posting {one['id']}"
    expected = Counter(history.crowd.topped_up)
    for order in books.orders:
        if order["state"] not in {"released", "refunded"}:
            expected[order["customer_id"]] -= order["price_micros"]
    for customer, balance in books.wallets.items():
        if balance != expected[customer]:
            yield f"wallet {customer} holds {balance}, and should {expected[customer]}"
    names = Counter(one["reference"] for one in books.postings)
    for order in books.orders:
        number = order["id"]
        wanted = {"hold": 1, "settle": 0, "refund": 0, "cost": 0}
        wanted["settle"] = int(order["state"] in _ENDED)
        wanted["refund"] = int(order["state"] == "refunded")
        wanted["cost"] = int(order["state"] in _SOLD)
        for name, times in wanted.items():
            if names[f"order:{number}:{name}"] != times:
                yield f"order {number}, {order['state']}: {name} happened otherwise"


def _sales(history: History, books: Books) -> Iterator[str]:
    by_intent: dict[tuple[int, str], Rows] = defaultdict(list)
    for order in books.orders:
        by_intent[order["customer_id"], order["intent"]].append(order)
    for key, orders in by_intent.items():
        intent = history.crowd.intents.get(key)
        if intent is None or len(orders) != 1:
            yield f"{len(orders)} orders of an intent: {key}"
            continue
        claims = {(one.plan, one.price.micros) for one in intent.claims}
        if (orders[0]["plan_id"], orders[0]["price_micros"]) not in claims:
            yield f"order {orders[0]['id']} has a price that its screen did not show"
        if not intent.orders <= {orders[0]["id"]}:
            yield f"taps on one screen named orders {intent.orders}"
    for key, intent in history.crowd.intents.items():
        if intent.orders and key not in by_intent:
            yield f"orders {intent.orders} were named and are not there"
    for order in books.orders:
        if order["cost_micros"] > order["price_micros"]:
            yield f"order {order['id']} was sold under cost"


def _upstream(history: History, books: Books) -> Iterator[str]:
    by_tag = {order["tag"]: order for order in books.orders}
    calls: Counter[str] = Counter()
    made: dict[str, list[str]] = defaultdict(list)
    for placement in (one for upstream in history.upstreams for one in upstream.placements):
        calls[placement.tag] += placement.requests
        made[placement.tag] += placement.made
        if placement.requests > 1:
            yield "an order was sent twice in one attempt"
    for tag, references in made.items():
        if len(references) > 1:
            yield f"order {by_tag[tag]['id']} was bought {len(references)} times: {references}"
    for tag, requests in calls.items():
        order = by_tag[tag]
        sent = [
            one
            for one in books.attempts
            if one["order_id"] == order["id"] and one["outcome"] not in _NOT_SENT
        ]
        if requests > len(sent):
            yield f"order {order['id']}: {requests} requests in {len(sent)} attempts"
    record = history.made
    told = {
        (chat, notice["reference"])
        for chat, notice in books.notices
        if notice["kind"] == "stray_found"
    }
    known: dict[str, Rows] = defaultdict(list)
    for row in books.upstream_orders:
        known[row["reference"]].append(row)
    waits = any(order["state"] == "review" for order in books.orders)
    for reference in record:
        rows = known.get(reference, [])
        if len(rows) != 1:
            yield f"upstream order {reference} is known {len(rows)} times"
            continue
        row = rows[0]
        if row["order_id"] is None and not row["is_flagged"] and not waits:
            yield f"upstream order {reference} is explained by nothing"
        if row["is_flagged"] and row["order_id"] is None and not books.is_early(reference):
            for owner in (OWNER, OTHER_OWNER):
                if (owner, reference) not in told:
                    yield f"owner {owner} was not told of the stray {reference}"
    # People may take one upstream order for another: then the order gets what they chose.
    bound_by_hand = {one["order_id"] for one in books.moves if one["note"] == "bound"}
    bound = Counter(
        order["upstream_order_id"] for order in books.orders if order["upstream_order_id"]
    )
    for reference, times in bound.items():
        if times > 1:
            yield f"upstream order {reference} serves {times} orders"
    for order in books.orders:
        reference = order["upstream_order_id"]
        if order["state"] not in _SOLD or reference is None:
            continue
        if reference not in record:
            yield f"order {order['id']} is bound to {reference}, which nobody made"
        elif (record[reference].provider, record[reference].plan) != (
            order["provider"],
            order["plan"],
        ):
            is_foreign = any(reference in upstream.foreign for upstream in history.upstreams)
            is_known = is_foreign or not history.upstream.sandbox.list_has_plan
            if not is_known and not order["by_hand"] and order["id"] not in bound_by_hand:
                yield f"order {order['id']} got something else: {reference}"


def _periods(history: History, books: Books) -> Iterator[str]:
    """What is a subscription is paid for one period alone."""
    if history.stat is None:
        return
    running = {one["reference"]: one for one in books.subscriptions}
    for made in history.stat.orders:
        if made.reference in history.stat.foreign and books.is_early(made.reference):
            continue  # It is somebody else's, from before the bot.
        known = running.get(made.reference)
        if made.cancelled_at is None:
            yield f"{made.reference} is billed again and again"
        elif known is None or known["cancelled_at"] is None:
            yield f"{made.reference} is cancelled, and the shop does not know"
        elif known["subscription"] != made.subscription:
            yield f"{made.reference} is known as {known['subscription']}"


def _exchanges(history: History, books: Books) -> Iterator[str]:
    """Each wish was carried out once at most, and its end told as it was."""
    if history.stat is None:
        return
    made = {one.reference: one for one in history.stat.orders}
    by_order: dict[int, Rows] = defaultdict(list)
    for one in books.exchanges:
        by_order[one["order_id"]].append(one)
    for order in books.orders:
        number, wishes = order["id"], by_order[order["id"]]
        intents = {one["intent"] for one in wishes}
        if len(intents) != len(wishes) or not intents <= history.crowd.wishes[number]:
            yield f"order {number} has exchanges that nobody asked for"
        yield from (
            f"an exchange of order {number} rests: {one['state']}"
            for one in wishes
            if one["ended_at"] is None
        )
        upstream = made.get(order["upstream_order_id"])
        if upstream is None:
            continue
        sent = [one for one in wishes if one["tries"]]
        done = sum(one["state"] == "done" for one in wishes)
        requests = history.stat.sandbox.count("POST", f"*/exchange/{upstream.reference}")
        if requests > sum(one["tries"] for one in sent):
            yield f"order {number}: {requests} requests for {len(sent)} exchanges"
        if upstream.exchanges > len(sent):
            yield f"order {number} was exchanged {upstream.exchanges} times for {len(sent)} wishes"
        if done > upstream.exchanges:
            yield f"order {number} was exchanged {done} times, and {upstream.exchanges} there"
        if books.told("order_exchanged", number) != [order["customer_id"]] * done:
            yield f"order {number}: new proxies are owed otherwise than {done} times"
        told = Counter(
            notice["state"]
            for _, notice in books.notices
            if notice["kind"] == "exchange_told" and notice["order"] == number
        )
        for state in ("refused", "lacking", "unchanged"):
            ended = sum(one["state"] == state for one in wishes)
            # Of the refund its customer was told, and then of nothing else.
            least = 0 if order["state"] == "refunded" else ended
            # What was given up may have been done later.
            most = ended + done if state == "unchanged" else ended
            if not least <= told[state] <= most:
                yield f"order {number}: {ended} exchanges are {state}, told {told[state]} times"


def _notices(books: Books) -> Iterator[str]:
    for order in books.orders:
        number, state, customer = order["id"], order["state"], order["customer_id"]
        is_cancelled = state == "released" and order["reason"] == "cancelled"
        wanted = {
            "order_delivered": int(state in _SOLD),
            "order_released": int(state == "released" and not is_cancelled),
            "order_refunded": int(state == "refunded"),
        }
        for kind, times in wanted.items():
            if books.told(kind, number) != [customer] * times:
                yield f"order {number}, {state}: {kind} is owed otherwise"
        reviews = [
            one for one in books.moves if one["order_id"] == number and one["target"] == "review"
        ]
        if books.told("order_in_review", number) != [customer] * len(reviews):
            yield f"order {number}: its customer was not told of each review"


async def _inside(history: History, books: Books) -> Any:
    """What only the shop itself can read: its audit, and sealed credentials."""
    life = Life(history.chance, Counter())
    url = f"sqlite+aiosqlite:///{history.file}"

    async def read() -> list[str]:
        found = []
        record = history.made
        async with build(settings_for(url), clock=history.clock) as shop:
            report = await shop.audit.run()
            found += [f"the books: {one}" for one in report.differences]
            for order in books.orders:
                if order["state"] not in _SOLD:
                    continue
                _, delivery = await shop.orders.delivered(OrderId(order["id"]))
                held = json.dumps(_plain(delivery))
                reference = order["upstream_order_id"]
                is_exchanged = any(
                    one["order_id"] == order["id"] and one["state"] == "done"
                    for one in books.exchanges
                )
                if order["by_hand"] and not is_exchanged:
                    handed_over = history.crowd.handed_over.get(order["id"], "?")
                    secrets = {handed_over.rpartition(":")[2]}
                elif history.stat is not None and (order["state"], order["provider"]) == (
                    "refunded", "statproxies",
                ):  # fmt: skip
                    # What came of an exchange after the refund is nobody's.
                    secrets = history.stat.secrets(reference)
                else:
                    secrets = {record[reference].secret}
                if not any(secret in held for secret in secrets):
                    found.append(f"order {order['id']} got credentials of another order")
        return found

    for one in await life.within(read()):
        yield one


def _plain(delivery: Any) -> Any:
    if hasattr(delivery, "codes"):
        return list(delivery.codes)
    return [proxy.line for proxy in delivery.proxies]

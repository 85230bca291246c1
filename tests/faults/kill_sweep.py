"""The kill sweep: a process of the shop dies at every point of a scenario, and another goes on.

    stage   one per scenario: prepares the shop, records the points, forks one run for each
    run     the world of one kill, forked as it was prepared: GateProxy, Telegram, the clock
    shop    what dies at the point by SIGKILL; then a second one, which must clean up alone

A fork is the snapshot, so whatever was imported, compiled or prepared once is there at once: the
sweep itself is the shop of a rehearsal first. After it, no process here but the shops ever has an
event loop or a thread. Each ends by itself, by its parent's end or by its own alarm. The points
are put around what the product offers anyway: its Database, httpx transport and aiogram session;
it has no hooks of its own for this.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol, cast
from uuid import uuid4

import httpx
import pytest
from aiogram.methods.base import Response
from aiogram.types import Message, Update, User
from pydantic import SecretStr
from sqlalchemy import TextClause, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.orm import configure_mappers
from sqlalchemy.pool import NullPool

import bot.app
from bot.app import Shop, build
from bot.db.migrate import migrate
from bot.db.models import (
    AttemptRow,
    ExchangeRow,
    OrderRow,
    OutboxRow,
    PostingRow,
    RuleChangeRow,
    StopRow,
    SubscriptionRow,
    UpstreamOrderRow,
    WalletRow,
)
from bot.db.session import Database
from bot.demo.telegram import Answer, NoAnswer, Person, Telegram
from bot.domain.catalog import PlanId
from bot.domain.customers import ShopInfo, Visitor
from bot.domain.orders import Claim, CustomerId
from bot.i18n import LANGUAGES, texts
from bot.process import telegram_side
from bot.services.fulfilment import LaneWorker
from bot.services.lanes import Account, fingerprint
from bot.upstreams.gateproxy import GateProxy
from bot.upstreams.sandbox import TOKEN
from bot.upstreams.sandbox_stat import STAT_ORDER_PATH, StatOrder
from tests.bench import seeds, settings_for, stat_account
from tests.compiled import compiled_once
from tests.faults.kill_world import START, SharedClock, Step, Wire, World, serve
from tests.telegram import bot_of

ALICE: Final = Person(1001, "Alice", "alice")
CARL: Final = Person(1003, "Carl", "carl")
DORA: Final = Person(1004, "Dora", "dora")
OLGA: Final = Person(2001, "Olga", "olga_owner")
OTTO: Final = Person(2002, "Otto", "otto_owner")
PEOPLE: Final = (ALICE, CARL, DORA, OLGA, OTTO)
OWNERS: Final = (OLGA, OTTO)

RECOVERS_WITHIN: Final = 60.0
"""Seconds from a start until nothing waits any more that needs neither time nor a person."""
SETTLES_WITHIN: Final = 20 * 60.0
RUN_SECONDS: Final = 300
STAGE_SECONDS: Final = 3600

_SERVED: Final = {"in_doubt", "preparing", "review", "delivered", "released", "refunded"}
_ENDED: Final = {"delivered", "released", "refunded"}
_OPEN: Final = ("reserved", "placing", "preparing", "in_doubt")
_LOOKED_AT: Final = (
    OrderRow, AttemptRow, UpstreamOrderRow, PostingRow, OutboxRow, WalletRow, RuleChangeRow,
    StopRow, SubscriptionRow, ExchangeRow,
)  # fmt: skip
_NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
_FILES: Final = {"heartbeat", "backup"}
_ASKED: Final = ("asked", "sending")
_MAY_BE_SENT_AGAIN: Final = {"order_processing", "not_sent", "too_late_to_send"}
_SIGNAL_ON_PARENT_DEATH: Final = 1

Facts = dict[str, Any]


# Points


class Points:
    """Counts the points that a process passes, and kills it at one of them.

    A point is named by what happens there and `before` or `after`; its second occurrence in a
    process ends in `#2`.
    """

    def __init__(self, die_at: str | None = None, *, armed: bool) -> None:
        self.is_armed = armed
        self.passed: list[str] = []
        self._die_at = die_at
        self._counts: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        """Pass this point, or die here."""
        if not self.is_armed:
            return
        self._counts[name] += 1
        count = self._counts[name]
        point = name if count == 1 else f"{name} #{count}"
        self.passed.append(point)
        if point == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def watched(points: Points) -> type[Database]:
    """The shop's Database, with a point before and after each commit."""

    class Watched(Database):
        @asynccontextmanager
        async def write(self) -> AsyncIterator[AsyncConnection]:
            name = f"commit {_writer()}"
            async with super().write() as tx:
                yield tx
                points.reach(f"{name} before")
            points.reach(f"{name} after")

    return Watched


def _writer() -> str:
    """The innermost public function of a service that is running: `orders.accept`."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if module.startswith("bot.services.") and not name.startswith("_"):
            return f"{module.removeprefix('bot.services.')}.{name}"
        frame = frame.f_back
    return "elsewhere"


class WatchedTransport(httpx.AsyncBaseTransport):
    """Calls of an upstream, with a point before the request leaves and after the answer."""

    def __init__(self, wire: Wire, points: Points) -> None:
        self._wire = wire
        self._points = points

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = (await request.aread()).decode()
        path = request.url.path.removeprefix("/api/v2")
        path = re.sub(r"ord_[0-9a-f]+|sub_1[0-9A-Fa-f]+", "{id}", path)
        name = f"upstream {request.method} {path}"
        self._points.reach(f"{name} before")
        answer = self._wire.ask(
            "upstream",
            method=request.method,
            url=str(request.url),
            headers=request.headers.multi_items(),
            content=content,
        )
        # A real answer never comes within the same step of the loop.
        await asyncio.sleep(0)
        self._points.reach(f"{name} after")
        if "error" in answer:
            lost: type[httpx.HTTPError] = getattr(httpx, answer["error"])
            raise lost("lost")
        return httpx.Response(answer["status"], headers=answer["headers"], text=answer["content"])


class WatchedTelegram:
    """Calls of Telegram, with a point before and after each but polls that bring nothing."""

    def __init__(self, wire: Wire, points: Points) -> None:
        self._wire = wire
        self._points = points
        self._offset: object = None

    async def request(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, Any]
    ) -> Answer:
        """Like the fake Telegram's own."""
        given = {name: value for name, value in params.items() if name != "timeout"}
        is_poll = method == "getUpdates"
        confirms = is_poll and given.get("offset") != self._offset
        if confirms or not is_poll:
            self._points.reach(f"telegram {method} before")
        answered = self._wire.ask("telegram", method=method, params=given)
        await asyncio.sleep(0)
        if is_poll:
            self._offset = given.get("offset")
        if not is_poll or confirms or (answered and answered[1].get("result")):
            self._points.reach(f"telegram {method} after")
        if answered is None:
            raise NoAnswer(method)
        return Answer(*answered)


# One process of the shop


@dataclass(frozen=True, slots=True)
class Life:
    """How a process of the shop lives."""

    url: str
    points: Points
    is_restart: bool = False
    """A process that ended without a word was here before: it must be cleaned up after."""
    jobs: Sequence[str] = ()
    is_prepared: bool = False
    """A process that ended well was here a moment ago: what a start does is done."""
    stat_path: str | None = None
    """It sells StatProxies as well, and reads its orders by this path; by none, owners do."""
    seconds: float = SETTLES_WITHIN


class Process:
    """The steps that the tasks of a running shop take, one after another."""

    def __init__(
        self,
        shop: Shop,
        wire: Wire,
        clock: SharedClock,
        tasks: asyncio.TaskGroup,
        bot: Any,
        *,
        is_prepared: bool,
        jobs: Sequence[str],
    ) -> None:
        self.shop = shop
        self.wire = wire
        self.clock = clock
        self.started_at = clock.elapsed()
        info = ShopInfo(None, "demo_shop_bot")
        self.telegram = telegram_side(shop, bot, info, tasks)
        self._workers: dict[int, LaneWorker] = {}
        self._due = {
            job.name: self.started_at + (job.seconds if is_prepared else 0)
            for job in shop.jobs.all()
            if job.name not in _FILES.difference(jobs)
        }

    @property
    def age(self) -> float:
        return self.clock.elapsed() - self.started_at

    async def settle(self) -> None:
        """Let every task do what is due now."""
        has_moved = True
        while has_moved:
            has_moved = False
            # As the loop does it: confirmed at once, while what was answered is being drawn.
            while await self.telegram.polling.once(0):
                has_moved = True
            await self.telegram.polling.drawn()
            for lane in self.shop.lanes:
                worker = self._workers.setdefault(lane.id, self.shop.worker(lane))
                await worker.drain()
            has_moved = await self.telegram.courier.step() or has_moved

    async def work(self) -> None:
        """Settle, keep the lease, run the jobs that are due, and settle what came of them."""
        await self.settle()
        await self.shop.lease.renew()
        for job in self.shop.jobs.all():
            if self._due.get(job.name, float("inf")) <= self.clock.elapsed():
                self._due[job.name] = self.clock.elapsed() + job.seconds
                await job.run()
        await self.settle()

    async def rest(self, longest: float) -> tuple[bool, float]:
        """Whether anything waits for time to pass, and for how many seconds it may."""
        now = self.clock.now()
        async with self.shop.database.read() as reader:
            rows = (
                await reader.execute(
                    select(OrderRow.state, OrderRow.next_at).where(OrderRow.state.in_(_OPEN))
                )
            ).all()
            queries = (
                select(OutboxRow.next_at).where(
                    OutboxRow.done_at.is_(None), OutboxRow.next_at < _NEVER
                ),
                select(ExchangeRow.next_at).where(ExchangeRow.ended_at.is_(None)),
                select(SubscriptionRow.next_at).where(SubscriptionRow.cancelled_at.is_(None)),
            )
            owed = [at for query in queries for at in await reader.scalars(query)]
            loose = await reader.scalar(
                select(func.count())
                .select_from(UpstreamOrderRow)
                .where(UpstreamOrderRow.order_id.is_(None), UpstreamOrderRow.is_flagged == 0)
            )
        due = [*(row.next_at for row in rows), *owed]
        ahead = [(one - now).total_seconds() for one in due if one > now]
        # What is due and was not done waits for something in memory: a bucket or a pause.
        pause = 1.0 if any(one <= now for one in due) else longest
        return bool(due or loose), max(min([*ahead, pause]), 0.001)

    async def is_served(self) -> bool:
        """Whether nothing waits any more but for time that must pass, or for a person."""
        now = self.clock.now()
        async with self.shop.database.read() as reader:
            waiting = await reader.scalar(
                select(func.count())
                .select_from(OrderRow)
                .where(OrderRow.state.not_in(sorted(_SERVED)))
            )
            owed = await reader.scalar(
                select(func.count())
                .select_from(OutboxRow)
                .where(OutboxRow.done_at.is_(None), OutboxRow.next_at <= now)
            )
            wanted = await reader.scalar(
                select(func.count()).select_from(ExchangeRow).where(ExchangeRow.state.in_(_ASKED))
            )
        return not waiting and not owed and not wanted

    async def sell_to(self, person: Person) -> None:
        """Somebody who had nothing to do with any of it buys, as anybody could."""
        visitor = Visitor(CustomerId(person.id), person.first_name, person.username, "en")
        customer = await self.shop.customers.arrive(visitor, None)
        plan = next(
            one
            for one in self.shop.catalog.plans
            if (one.provider.code, one.code) == ("dataimpulse", "1")
        )
        offer = self.shop.catalog.offer(PlanId(plan.id))
        claim = Claim.of(offer, uuid4().hex[:16], again=True)
        await self.shop.orders.accept(customer, claim, None)

    async def facts(self, *which: Any) -> Facts:
        """What the database says in these tables."""
        now = self.clock.now()
        tables: Facts = {"age": self.age}
        async with self.shop.database.read() as reader:
            for row in which:
                found = (await reader.execute(select(row.__table__))).mappings().all()
                tables[row.__tablename__] = [
                    {key: _plain(value, now) for key, value in one.items()} for one in found
                ]
        return tables


def _plain(value: Any, now: datetime) -> Any:
    """Times become seconds from now."""
    return (value - now).total_seconds() if isinstance(value, datetime) else value


async def live(life: Life, wire: Wire, clock: SharedClock) -> None:
    """Be the shop: start as it starts, work until all is quiet, tell the world, and end."""
    random.seed(7)
    # A process this short has nothing to collect, and a fork copies every page it touches; the
    # sweep, which is the shop of the rehearsal, forks to its end.
    gc.disable()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bot.app, "Database", watched(life.points))
        token = SecretStr(TOKEN)
        owners = tuple(one.id for one in OWNERS)
        settings = settings_for(
            life.url,
            gateproxy_tokens=(token,),
            admin_ids=owners,
            statproxies_products=() if life.stat_path is None else seeds(),
        )
        transport = WatchedTransport(wire, life.points)
        accounts = [Account(GateProxy(TOKEN, transport=transport), fingerprint(TOKEN))]
        if life.stat_path is not None:
            accounts.append(stat_account(transport, life.stat_path))
        telegram = bot_of(cast(Telegram, WatchedTelegram(wire, life.points)))
        async with build(
            settings, clock=clock, upstream_accounts=accounts, may_migrate=not life.is_prepared
        ) as shop:
            started_at = clock.elapsed()
            await telegram.me()
            while not await shop.lease.take():
                clock.turn(1)
            await shop.catalog.load()
            await shop.lanes.open()
            async with asyncio.TaskGroup() as tasks:
                process = Process(
                    shop,
                    wire,
                    clock,
                    tasks,
                    telegram,
                    is_prepared=life.is_prepared,
                    jobs=life.jobs,
                )
                process.started_at = started_at
                await _work(process, life)
                await process.telegram.polling.stop()
            await shop.lease.give_up()
    wire.ask("facts", when="points", facts={"passed": life.points.passed})


async def _work(process: Process, life: Life) -> None:
    has_sold = served = False
    while process.age <= life.seconds:
        await process.work()
        # A living process passes its points from the first thing that people do.
        heard = process.wire.ask("idle")
        life.points.is_armed = True
        if heard["is_left"]:
            break
        if heard["people"] == "acted":
            continue
        waits, pause = await process.rest(10.0 if life.is_restart and not has_sold else 240.0)
        if not served and await process.is_served():
            served = True
            process.wire.ask("facts", when="served", facts={"age": process.age})
        is_quiet = not waits and heard["people"] == "over" and await _knows(process, heard)
        if life.is_restart and not has_sold and (is_quiet or process.age >= RECOVERS_WITHIN):
            has_sold = True
            facts = await process.facts(OrderRow, OutboxRow, ExchangeRow)
            process.wire.ask("facts", when="recovery", facts=facts)
            # What was going to go wrong for Alice and did not is not for him.
            process.wire.ask("calm")
            await process.sell_to(CARL)
        elif is_quiet:
            break
        else:
            # The recovery is looked at when its time is over, and not later.
            left = RECOVERS_WITHIN - process.age
            pause = min(pause, left) if life.is_restart and not has_sold and left > 0 else pause
            process.clock.turn(min(pause, 1.0) if heard["people"] == "waits" else pause)
    # No point of the scenario: the sweep itself looks.
    life.points.is_armed = False
    report = await process.shop.audit.run()
    facts = await process.facts(*_LOOKED_AT) | {"audit": list(report.differences)}
    process.wire.ask("facts", when="end", facts=facts)
    life.points.is_armed = True


async def _knows(process: Process, heard: dict[str, Any]) -> bool:
    """Whether every order that was made at the upstream is known to the shop."""
    async with process.shop.database.read() as reader:
        known = await reader.scalar(select(func.count()).select_from(UpstreamOrderRow))
    return bool(known == heard["upstream_orders"])


# Scenarios and what must hold in the end


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that happens in the shop, and how it must have ended wherever it was killed.

    `prepare` leads to the first act and is not killed. `expect` names what else must hold, as
    sentences about what does not.
    """

    name: str
    steps: Sequence[Step]
    prepare: Sequence[Step] = ()
    expect: Callable[[World, Facts], list[str]] = lambda *_: []
    essential: Sequence[str] = ()
    """Points that must be among those recorded, so that a sweep of nothing cannot pass."""
    strays: int = 0
    """How many upstream orders of somebody else must have been written off."""
    may_wait: bool = False
    """An order may still be in line after the time of the recovery."""
    from_the_start: bool = False
    """The points of starting count as well."""
    jobs: Sequence[str] = ()
    """Jobs that write files: left out elsewhere."""
    killed_at: str | None = None
    """The preparation is killed here: what is swept is the recovery itself."""
    stat_path: str | None = None
    """The shop sells StatProxies as well; `""`: and its owners deliver by hand."""

    def life(self, url: str, points: Points) -> Life:
        """The life that is recorded and killed."""
        is_restart = self.killed_at is not None
        return Life(
            url, points, is_restart=is_restart, jobs=self.jobs, is_prepared=not is_restart,
            stat_path=self.stat_path,
        )  # fmt: skip

    def restart(self, url: str) -> Life:
        """The life after it."""
        points = Points(armed=False)
        return Life(url, points, is_restart=True, jobs=self.jobs, stat_path=self.stat_path)


def problems_of(world: World, scenario: Scenario) -> list[str]:
    """What the end of a run breaks of the shop's promises, as sentences; empty if nothing."""
    end, recovery = world.facts.get("end"), world.facts.get("recovery")
    if end is None or recovery is None:
        return ["the restarted shop came to no end"]
    found = [f"the books: {one}" for one in end["audit"]]
    found += [f"selling is stopped: {one['scope']} {one['reason']}" for one in end["stops"]]
    if world.stuck is not None:
        found.append(f"nobody answered: {world.stuck}")
    found += _waiting(recovery, scenario)
    found += [
        f"order {one['id']} still waits: {one['state']}"
        for one in end["orders"]
        if one["state"] not in _ENDED
    ]
    found += [
        f"notice {one['id']} to {one['chat_id']} was not sent: {one['notice']}"
        for one in end["outbox"]
        if one["outcome"] != "sent"
    ]
    for order in end["orders"]:
        found += _untold(world, order, end)
    found += _disagreements(world, end, scenario)
    found += _sent_again(world, end)
    for made in world.pieces:
        found += _paid_again(made, end)
        found += _exchanged_otherwise(world, made, end)
    newest = max(end["orders"], key=lambda one: int(one["id"]))
    if (newest["customer_id"], newest["state"]) != (CARL.id, "delivered"):
        found.append("the shop does not sell any more")
    return found + scenario.expect(world, end)


def _waiting(recovery: Facts, scenario: Scenario) -> list[str]:
    """What still waits when a shop has had its time to recover."""
    found = []
    for order in recovery["orders"]:
        name = f"order {order['id']} waits {recovery['age']:.0f} s after the start"
        match order["state"]:
            case "placing":
                found.append(f"{name}: placing")
            case "reserved" if not scenario.may_wait:
                found.append(f"{name}: reserved")
            case "in_doubt" if (order["quarantine_until"] or -1) < 0:
                found.append(f"{name}: in doubt, and its quarantine is over")
            case "in_doubt" if not _is_sent(recovery, order["id"], "order_in_doubt"):
                found.append(f"{name}: in doubt, and its customer does not know")
            case _:
                pass
    for one in recovery["exchanges"]:
        is_told = _is_sent(recovery, one["order_id"], "exchange_told")
        if one["state"] in _ASKED or (one["state"] == "unclear" and not is_told):
            found.append(f"the exchange of order {one['order_id']} waits: {one['state']}")
    return found + [
        f"a notice waits {recovery['age']:.0f} s after the start: {one['notice']}"
        for one in recovery["outbox"]
        if one["done_at"] is None and one["next_at"] <= 0
    ]


def _is_sent(facts: Facts, order: int, kind: str) -> bool:
    return any(
        one["order_id"] == order and f'"{kind}"' in one["notice"] and one["outcome"] == "sent"
        for one in facts["outbox"]
    )


def _untold(world: World, order: Facts, end: Facts) -> list[str]:
    """Whether the customer can read how the order ended, and has what they paid for."""
    person = next(one for one in PEOPLE if one.id == order["customer_id"])
    number = f"#{order['id']}"
    match order["state"]:
        case "delivered" | "refunded" if not order["by_hand"]:
            goods = [one for one in world.goods if one.reference == order["upstream_order_id"]]
            if not any(world.reads(person, one.password) for one in goods):
                return [f"order {order['id']} is delivered, and nobody has its credentials"]
        case "delivered":
            if not _is_sent(end, order["id"], "order_delivered"):
                return [f"order {order['id']} is delivered by hand, and nobody was told"]
        case "released":
            ends = ("back in your balance", "was not carried out", "is cancelled")
            if not any(world.reads(person, number, one) for one in ends):
                return [f"order {order['id']} is released, and its customer does not know"]
        case _:
            pass
    if order["state"] == "refunded" and not world.reads(person, number, "refunded"):
        return [f"order {order['id']} is refunded, and its customer does not know"]
    return []


def _disagreements(world: World, end: Facts, scenario: Scenario) -> list[str]:
    """Where the upstream's own record and ours tell of different orders."""
    found = []
    rows = {one["reference"]: one for one in end["upstream_orders"]}
    orders = {one["id"]: one for one in end["orders"]}
    postings = {one["reference"] for one in end["postings"]}
    strays = 0
    for made in world.goods:
        row = rows.pop(made.reference, None)
        order = orders.get(row["order_id"]) if row is not None else None
        if row is None:
            found.append(f"{made.reference} was made, and nobody knows")
        elif order is None:
            strays += 1
            told = sum(
                made.reference in one["notice"] and one["outcome"] == "sent"
                for one in end["outbox"]
            )
            booked = f"stray:{made.upstream}:{made.reference}" in postings
            if not (row["is_flagged"] and booked and told >= len(OWNERS)):
                found.append(f"{made.reference} was made, and is neither sold nor written off")
        elif order["upstream_order_id"] != made.reference:
            found.append(f"{made.reference} is bound to an order of another reference")
        elif order["state"] == "released" and made.is_ready:
            found.append(f"{made.reference} was made for an order that was given back")
        elif (order["provider"], order["plan"]) != (made.provider, made.plan):
            found.append(f"{made.reference} is not what was ordered")
    if strays != scenario.strays:
        found.append(f"{strays} upstream orders were written off, not {scenario.strays}")
    never = rows.keys() - {one.reference for one in world.stat.orders}
    found += [f"the upstream never made {one}" for one in sorted(never)]
    served = Counter(
        one["upstream_order_id"] for one in end["orders"] if one["upstream_order_id"] is not None
    )
    found += [f"{one} serves {count} orders" for one, count in served.items() if count > 1]
    found += [
        f"order {one['id']} is bound to {one['upstream_order_id']}, which was never made"
        for one in end["orders"]
        if one["upstream_order_id"] not in {None, *(made.reference for made in world.goods)}
    ]
    return found


def _sent_again(world: World, end: Facts) -> list[str]:
    """An order is placed once, and again only where it certainly was not taken."""
    found = []
    attempts: dict[int, list[str | None]] = {}
    for one in sorted(end["attempts"], key=lambda one: int(one["number"])):
        attempts.setdefault(one["order_id"], []).append(one["outcome"])
    for order, outcomes in attempts.items():
        if not _MAY_BE_SENT_AGAIN.issuperset(outcomes[:-1]):
            found.append(f"order {order} was sent again after {outcomes[:-1]}")
    tries: Counter[tuple[str, str]] = Counter()
    wanted: Counter[tuple[str, str]] = Counter()
    for one in end["orders"]:
        tries[one["provider"], one["plan"]] += len(attempts.get(one["id"], ()))
        wanted[one["provider"], one["plan"]] += 1
    for what, count in Counter((post.provider, post.plan) for post in world.posts).items():
        if count > tries[what]:
            found.append(f"{count} requests for {what}, but {tries[what]} attempts")
    made = Counter(
        (one.provider, one.plan) for one in world.goods if one.reference not in world.foreign
    )
    for what, count in made.items():
        if count > wanted[what]:
            found.append(f"{count} orders of {what} were made for {wanted[what]}")
    return found


def _paid_again(made: StatOrder, end: Facts) -> list[str]:
    """A subscription is known with both of its ids, and ends with the period that was bought."""
    rows = [one for one in end["subscriptions"] if one["reference"] == made.reference]
    if [one["subscription"] for one in rows] != [made.subscription]:
        return [f"the shop does not know the subscription of {made.reference}"]
    if made.cancelled_at is None or rows[0]["cancelled_at"] is None:
        return [f"{made.reference} is not cancelled, and will be paid again"]
    return []


def _exchanged_otherwise(world: World, made: StatOrder, end: Facts) -> list[str]:
    """Each wish for other proxies was carried out once at most, and told as it ended."""
    order = next(one["id"] for one in end["orders"] if one["upstream_order_id"] == made.reference)
    wishes = [one for one in end["exchanges"] if one["order_id"] == order]
    name = f"the exchange of order {order}"
    found = [f"{name} rests: {one['state']}" for one in wishes if one["ended_at"] is None]
    tries = sum(one["tries"] for one in wishes)
    requests = world.stat.count("POST", f"*/order/exchange/{made.reference}")
    if requests > tries:
        found.append(f"{name} was sent {requests} times in {tries} tries")
    done = sum(one["state"] == "done" for one in wishes)
    if made.exchanges != done:
        found.append(f"{name} was done {made.exchanges} times there, and {done} times here")
    told = sum(
        one["order_id"] == order and '"order_exchanged"' in one["notice"] for one in end["outbox"]
    )
    if told != done:
        found.append(f"{name} was done {done} times, and new proxies were sent {told} times")
    return found


# Databases


class Databases(Protocol):
    """Where the shops of a sweep keep their books."""

    def make(self) -> str:
        """The URL of a database in which nothing has been made yet."""
        ...

    def copy(self, url: str) -> str:
        """The URL of a copy, as it is now."""
        ...

    def drop(self, url: str) -> None:
        """Forget a database."""
        ...


class Files:
    """SQLite, one folder for each database: journals and backups lie beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self) -> str:
        folder = self._folder / uuid4().hex
        folder.mkdir()
        return f"sqlite+aiosqlite:///{folder / 'bot.db'}"

    def copy(self, url: str) -> str:
        target = self.make()
        # What a dead process left beside the file belongs to it.
        shutil.copytree(self._file(url).parent, self._file(target).parent, dirs_exist_ok=True)
        return target

    def drop(self, url: str) -> None:
        shutil.rmtree(self._file(url).parent)

    def _file(self, url: str) -> Path:
        return Path(str(make_url(url).database))


class Server:
    """PostgreSQL; what is asked of it is asked in a process apart."""

    def __init__(self, url: str) -> None:
        self._server = make_url(url).set(drivername="postgresql+asyncpg")

    def make(self) -> str:
        return self._make("template1")

    def copy(self, url: str) -> str:
        return self._make(str(make_url(url).database))

    def drop(self, url: str) -> None:
        self._do(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def _make(self, like: str) -> str:
        name = f"shop_kill_{uuid4().hex}"
        # A killed process may still be connected for a moment, and a template must be alone.
        alone = text(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = :like AND datname LIKE 'shop_kill_%'"
        )
        self._do(alone.bindparams(like=like), f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _do(self, *statements: str | TextClause) -> None:
        async def run() -> None:
            engine = create_async_engine(
                self._server, poolclass=NullPool, isolation_level="AUTOCOMMIT"
            )
            async with engine.connect() as connection:
                for one in statements:
                    await connection.execute(text(one) if isinstance(one, str) else one)
            await engine.dispose()

        pid = _fork(lambda: asyncio.run(run()), seconds=30)
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError("the server did not do it")


# Processes


def _fork(run: Callable[[], None], *, seconds: int, log: Path | None = None) -> int:
    """Run it in a child that ends with its parent, or after so many seconds; its pid."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        ctypes.CDLL(None).prctl(_SIGNAL_ON_PARENT_DEATH, signal.SIGKILL)
        if os.getppid() == parent:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            if log is not None:
                written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(written, 1)
                os.dup2(written, 2)
            run()
            code = 0
    except BaseException:  # noqa: BLE001  # a child must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _lived(world: World, life: Life, log: Path) -> int:
    """Let a process of the shop live and answer it until it is gone; its wait status."""
    ours, theirs = socket.socketpair()

    def run() -> None:
        ours.close()
        asyncio.run(live(life, Wire(theirs), world.clock))

    pid = _fork(run, seconds=RUN_SECONDS, log=log)
    theirs.close()
    try:
        serve(ours, world)
    finally:
        ours.close()
        _, status = os.waitpid(pid, 0)
    return status


def _died(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


# The sweep


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, and what it broke."""

    point: str
    problems: tuple[str, ...]
    seconds: float
    recovered_in: float | None
    """Seconds of the shop's time from the start until nothing waited any more."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A scenario, its points and its kills."""

    scenario: str
    points: tuple[str, ...]
    kills: tuple[Kill, ...]
    seconds: float
    problems: tuple[str, ...] = ()
    """What is wrong with the scenario itself: then nothing was killed."""

    @property
    def failures(self) -> list[str]:
        nothing = () if self.kills or self.problems else ("nothing was killed",)
        return [
            *(f"{self.scenario}: {one}" for one in nothing),
            *(f"{self.scenario}: {one}" for one in self.problems),
            *(f"{self.scenario}: {k.point}: {p}" for k in self.kills for p in k.problems),
        ]

    @property
    def line(self) -> str:
        each = sum(one.seconds for one in self.kills) / max(len(self.kills), 1)
        longest = max((one.recovered_in or 0.0 for one in self.kills), default=0.0)
        return (
            f"{self.scenario:<24} {len(self.points):>4} points {len(self.kills):>4} kills"
            f" {each:5.2f} s each, recovered within {longest:3.0f} s,"
            f" {len(self.failures)} failures"
        )


@dataclass(slots=True)
class Stage:
    """A prepared shop in its world; forked for every kill."""

    world: World
    url: str
    databases: Databases
    folder: Path

    def prepared(
        self, steps: Sequence[Step], killed_at: str | None = None, stat_path: str | None = None
    ) -> None:
        """Let people do this in a shop that works until all is quiet, or dies."""
        self.world.let(steps)
        self.world.facts.clear()
        log = self.folder / "prepare.log"
        points = Points(killed_at, armed=False)
        life = Life(self.url, points, stat_path=stat_path, seconds=3 * SETTLES_WITHIN)
        status = _lived(self.world, life, log)
        if _died(status) if killed_at is None else not _died(status):
            raise RuntimeError(f"the preparation ended with {status}: {_tail(log)}")
        if killed_at is None and (status or self.world.stuck):
            raise RuntimeError(f"stuck at {self.world.stuck} ({status}): {_tail(log)}")

    def recorded(self, scenario: Scenario) -> tuple[str, ...]:
        """The points of a scenario, from a life in which nothing is killed."""
        report = self.folder / "recorded.json"

        def run() -> None:
            self.world.clock.part()
            self.world.let(scenario.steps)
            self.world.facts.clear()
            url = self.databases.copy(self.url)
            points = Points(armed=scenario.from_the_start)
            life = scenario.life(url, points)
            status = _lived(self.world, life, self.folder / "recorded.log")
            self.databases.drop(url)
            found = self.world.facts.get("points", {}).get("passed", [])
            stuck = [f"nobody answered: {self.world.stuck}"] if self.world.stuck else []
            ended = [f"the shop ended with {status}"] if status else []
            report.write_text(json.dumps([found, stuck + ended]))

        pid = _fork(run, seconds=2 * RUN_SECONDS)
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError(_tail(self.folder / "recorded.log"))
        found, problems = json.loads(report.read_text())
        if problems:
            raise RuntimeError(f"{problems}: {_tail(self.folder / 'recorded.log')}")
        return tuple(found)

    def killed(self, scenario: Scenario, point: str) -> Kill:
        """Kill a shop at this point, start another one and look at what it left."""
        report, log = self.folder / "kill.json", self.folder / "kill.log"
        for one in (report, log):
            one.unlink(missing_ok=True)

        def run() -> None:
            report.write_text(json.dumps(asdict(self._killed(scenario, point, log))))

        begun = time.monotonic()
        pid = _fork(run, seconds=2 * RUN_SECONDS, log=log)
        status = os.waitpid(pid, 0)[1]
        if status:
            problem = f"ended with {status}: {_tail(log)}"
            return Kill(point, (problem,), time.monotonic() - begun, None)
        read = json.loads(report.read_text())
        return Kill(point, tuple(read["problems"]), time.monotonic() - begun, read["recovered_in"])

    def _killed(self, scenario: Scenario, point: str, log: Path) -> Kill:
        world = self.world
        world.clock.part()
        world.let(scenario.steps)
        world.facts.clear()
        url = self.databases.copy(self.url)
        points = Points(point, armed=scenario.from_the_start)
        first = _lived(world, scenario.life(url, points), log)
        if not _died(first):
            return Kill(point, (f"the point was not reached ({first}): {_tail(log)}",), 0, None)
        world.facts.clear()
        second = _lived(world, scenario.restart(url), log)
        self.databases.drop(url)
        problems = problems_of(world, scenario)
        if second:
            problems.append(f"the restarted shop ended with {second}")
        if problems and _tail(log):
            problems.append(_tail(log))
        return Kill(point, tuple(problems), 0, world.facts.get("served", {}).get("age"))


Choice = Callable[[Scenario, Sequence[str]], Sequence[str]]
"""Which points of a scenario to kill at."""


def everywhere(_: Scenario, points: Sequence[str]) -> Sequence[str]:
    """At each of them."""
    return points


def sweep(
    scenarios: Sequence[Scenario],
    base: Sequence[Step],
    *,
    choose: Choice = everywhere,
    workers: int = 2,
    postgres: str | None = None,
) -> Iterator[Swept]:
    """Kill every scenario at each of its points that `choose` takes.

    Results come as they are ready. `base` leads to the shop that all scenarios begin in.
    Forks: call it from a process that has neither an event loop nor a thread.
    """
    with _place() as folder, compiled_once():
        databases: Databases = Files(folder) if postgres is None else Server(postgres)
        _warm_up()
        _rehearse(base, databases, folder)
        stage = Stage(World.made(PEOPLE, TOKEN), databases.make(), databases, folder)
        try:
            stage.prepared(base)
            jobs: list[tuple[str, Callable[[], Swept]]] = [
                (one.name, partial(_staged, stage, one, choose)) for one in scenarios
            ]
            yield from _side_by_side(jobs, folder, workers)
        finally:
            databases.drop(stage.url)


def _warm_up() -> None:
    """Make once what every process would make again: it is there after a fork."""
    importlib.import_module("alembic.command")
    configure_mappers()
    for language in LANGUAGES:
        texts(language)("{at}", at=START).plain()
    answers = (bool, User, Message, Message | bool, list[Update])
    _KEPT.extend(Response[answer] for answer in answers)  # type: ignore[valid-type]
    _settle_down()


def _rehearse(steps: Sequence[Step], databases: Databases, folder: Path) -> None:
    """Be the shop here once: what it imported, built and compiled need not be made again."""
    world, url = World.made(PEOPLE, TOKEN), databases.make()
    ours, theirs = socket.socketpair()

    def answer() -> None:
        theirs.close()
        world.let(steps)
        serve(ours, world)

    log = folder / "rehearsal.log"
    pid = _fork(answer, seconds=RUN_SECONDS, log=log)
    ours.close()
    life = Life(url, Points(armed=False), stat_path=STAT_ORDER_PATH, seconds=3 * SETTLES_WITHIN)
    try:
        asyncio.run(live(life, Wire(theirs), world.clock))
    finally:
        theirs.close()
        _, status = os.waitpid(pid, 0)
        databases.drop(url)
    if status:
        raise RuntimeError(f"the rehearsal ended with {status}: {_tail(log)}")
    _settle_down()


def _settle_down() -> None:
    """Be fit for a fork: without threads, and with nothing for the collector to touch."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(RUN_SECONDS)
    if threading.active_count() > 1:
        raise RuntimeError("a process with threads must not be forked")
    gc.collect()
    gc.freeze()


_KEPT: Final[list[Any]] = []
"""pydantic holds these weakly, and would build them anew."""


def _staged(base: Stage, scenario: Scenario, choose: Choice) -> Swept:
    begun = time.monotonic()
    base.world.clock.part()
    folder = base.folder / f"stage-{uuid4().hex}"
    folder.mkdir()
    stage = Stage(base.world, base.databases.copy(base.url), base.databases, folder)
    try:
        try:
            if scenario.prepare:
                stage.prepared(scenario.prepare, scenario.killed_at, scenario.stat_path)
            points = stage.recorded(scenario)
        except RuntimeError as broken:
            return Swept(scenario.name, (), (), time.monotonic() - begun, (str(broken),))
        missing = [one for one in scenario.essential if one not in points]
        kills = [stage.killed(scenario, point) for point in choose(scenario, points)]
    finally:
        stage.databases.drop(stage.url)
    return Swept(
        scenario.name,
        points,
        tuple(kills),
        time.monotonic() - begun,
        tuple(f"{one!r} is not among the points" for one in missing),
    )


def _side_by_side(
    jobs: Sequence[tuple[str, Callable[[], Swept]]], folder: Path, workers: int
) -> Iterator[Swept]:
    """Run jobs in processes of their own, so many at a time."""
    running: dict[int, tuple[str, Path]] = {}
    waiting = list(enumerate(jobs))
    while waiting or running:
        while waiting and len(running) < workers:
            number, (name, job) = waiting.pop(0)
            report = folder / f"swept-{number}.json"

            def run(job: Callable[[], Swept] = job, report: Path = report) -> None:
                report.write_text(json.dumps(asdict(job())))

            running[_fork(run, seconds=STAGE_SECONDS)] = name, report
        pid, status = os.wait()
        name, report = running.pop(pid)
        if status or not report.exists():
            yield Swept(name, (), (), 0, (f"the stage ended with {status}",))
        else:
            yield read(json.loads(report.read_text()))


# Migrations


async def _migrate(url: str, points: Points) -> None:
    """Migrate with a point before each statement and each commit, and one at the end."""
    database = Database(url)
    engine = database.writer.sync_engine

    def statement(_: object, __: object, sql: str, *___: object) -> None:
        points.reach(f"statement {' '.join(re.findall(r'[A-Za-z_]+', sql)[:3])}")

    def commit(_: object) -> None:
        points.reach("commit migration before")

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    await migrate(database)
    points.reach("migrated after")
    await database.close()


async def _schema(url: str) -> list[str]:
    """Everything that a database is made of, and the revision that it claims."""
    database = Database(url)
    async with database.read() as reader:
        rows = (await reader.execute(text(_PARTS[database.url.get_backend_name()]))).all()
        parts = sorted(" ".join(map(str, row)) for row in rows)
        if any("alembic_version" in part for part in parts):
            claimed = await reader.execute(text("SELECT version_num FROM alembic_version"))
            parts.append(f"revision {claimed.scalars().all()}")
    await database.close()
    return parts


_PARTS: Final = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master",
    "postgresql": """
        SELECT 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL
        SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid), true
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'trigger', tgrelid::regclass, tgname, pg_get_triggerdef(oid), true
        FROM pg_trigger WHERE NOT tgisinternal
    """,
}


def sweep_migrations(*, every: int = 1, postgres: str | None = None) -> Swept:
    """Kill the migration of an empty database at every n-th point: the old schema or the new.

    Whatever is left, the next start migrates it to the end.
    """
    begun = time.monotonic()
    with _place() as folder:
        _warm_up()
        databases: Databases = Files(folder) if postgres is None else Server(postgres)
        log, report = folder / "migration.log", folder / "migration.json"

        def told(run: Callable[[], Any]) -> Any:
            """What a process of its own found out."""
            pid = _fork(lambda: _write(report, run()), seconds=RUN_SECONDS, log=log)
            if os.waitpid(pid, 0)[1]:
                raise RuntimeError(_tail(log))
            return json.loads(report.read_text())

        def record() -> list[str]:
            points = Points(armed=True)
            asyncio.run(_migrate(url, points))
            return points.passed

        url = databases.make()
        old = _touched(told, url)
        points: list[str] = told(record)
        new = told(partial(_run, _schema, url))
        databases.drop(url)
        # A later migration begins where the one before it was committed.
        ends = [at + 1 for at, point in enumerate(points) if point.startswith("commit")]
        chosen = range(0, len(points), every)
        begun_at = {max((end for end in ends if end <= at), default=0) for at in chosen}
        legal, kills = [old, new], []
        for at in sorted(begun_at.union(chosen)):
            point = points[at]
            started, url = time.monotonic(), databases.make()
            pid = _fork(
                partial(_run, _migrate, url, Points(point, armed=True)),
                seconds=RUN_SECONDS,
                log=log,
            )
            problems = [] if _died(os.waitpid(pid, 0)[1]) else ["the point was not reached"]
            left = _touched(told, url)
            if at in ends:
                legal.append(left)
            if left not in legal:
                problems.append(f"neither the old schema nor the new: {len(left)} parts")
            told(partial(_run, _migrate, url, Points(armed=False)))
            if told(partial(_run, _schema, url)) != new:
                problems.append("the next start did not migrate to the end")
            databases.drop(url)
            kills.append(Kill(point, tuple(problems), time.monotonic() - started, None))
    missing = {"statement CREATE TABLE orders", "commit migration before"}.difference(points)
    problems = [f"{one!r} is not among the points" for one in sorted(missing)]
    if len(new) <= len(old):
        problems.append("the migrations made nothing")
    seconds = time.monotonic() - begun
    return Swept("migration", tuple(points), tuple(kills), seconds, tuple(problems))


def _touched(told: Callable[[Callable[[], Any]], Any], url: str) -> Any:
    """The schema of a database, of which there may not even be a file."""
    made = make_url(url)
    if made.get_backend_name() == "sqlite":
        Path(str(made.database)).touch()
    return told(partial(_run, _schema, url))


def _run(work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    return asyncio.run(work(*arguments))


def _write(report: Path, value: Any) -> None:
    report.write_text(json.dumps(value))


@contextmanager
def _place() -> Iterator[Path]:
    """A folder in memory where that can be had: a killed process loses nothing it wrote."""
    memory = Path("/dev/shm")  # noqa: S108
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        yield Path(place)


def read(said: Facts) -> Swept:
    """A result as it was written down."""
    return Swept(
        said["scenario"],
        tuple(said["points"]),
        tuple(Kill(**{**one, "problems": tuple(one["problems"])}) for one in said["kills"]),
        said["seconds"],
        tuple(said["problems"]),
    )


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()
    return "\n    ".join(["", *lines[-25:]])

"""Proofs: tests through delivered proxies, made and kept. No money and no state hangs on them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Protocol

import structlog
from pydantic import TypeAdapter
from sqlalchemy import exists, insert, select

from bot.db.models import OrderRow, ProofRow
from bot.db.session import Database
from bot.db.vault import SealBroken, Vault
from bot.domain.clock import Clock
from bot.domain.errors import NotFound, TooSoon
from bot.domain.notices import ProxyTested
from bot.domain.orders import Credentials, CustomerId, Delivery, Order, OrderId, OrderState, Proxy
from bot.domain.proofs import OrderProof, Outcome, Probed, Proof, wanted_country
from bot.services.orders import Orders
from bot.services.outbox import Outbox

log = structlog.stdlib.get_logger(__name__)

PAUSE = timedelta(minutes=1)
"""Between two tests of one order: each spends a little of the customer's traffic."""
FRESH = timedelta(minutes=10)
"""What was delivered longer ago is tested only when its customer asks."""
AT_ONCE = 5
RUNS_SECONDS = 10
"""No test runs longer."""

_PROOF = TypeAdapter(Proof)


class Tester(Protocol):
    """What tests one proxy."""

    async def probe(self, proxy: Proxy) -> Probed:
        """What a small request through the proxy shows; never raises for what it meets."""


class Proofs:
    """Tests each delivery once, soon after it, and again when its customer asks.

    Without a tester nothing is ever tested.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        orders: Orders,
        outbox: Outbox,
        tester: Tester | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._orders = orders
        self._outbox = outbox
        self._tester = tester
        self._running: set[OrderId] = set()

    def can_test(self, order: Order) -> bool:
        """Whether an order has anything to test, and the shop tests at all."""
        return (
            self._tester is not None and not order.is_code and order.state is OrderState.DELIVERED
        )

    async def last(self, order: OrderId) -> Proof | None:
        """The newest test of an order, where it can still be read."""
        async with self._database.read() as reader:
            sealed = await reader.scalar(
                select(ProofRow.sealed)
                .where(ProofRow.order_id == order)
                .order_by(ProofRow.id.desc())
                .limit(1)
            )
        if sealed is None:
            return None
        try:
            return _PROOF.validate_json(self._vault.open(order, sealed))
        except SealBroken:
            # Its key was dropped since: a new test is made sooner than an old one is mourned.
            return None

    async def test(self, customer: CustomerId, order: OrderId) -> OrderProof:
        """Test what the customer bought, or show the last test within the pause.

        Raises `TooSoon` while a test of it runs, and `NotFound` where there is nothing to test.
        """
        shown, delivery = await self._orders.delivery(customer, order)
        if not self.can_test(shown):
            raise NotFound
        with self._alone(order):
            last = await self.last(order)
            if last is not None and (left := self._again_in(last)):
                return OrderProof(shown, last, left)
            proof = await self._run(shown, delivery, tell=False)
        return OrderProof(shown, proof, self._again_in(proof))

    async def step(self) -> None:
        """Test what was delivered a moment ago, each order once."""
        if self._tester is None:
            return
        since = self._clock.now() - FRESH
        query = (
            # By state and time: the few of the last minutes, however many there are in all.
            select(OrderRow.id)
            .where(
                OrderRow.state == OrderState.DELIVERED,
                OrderRow.moved_at > since,
                OrderRow.is_code == 0,
                ~exists().where(ProofRow.order_id == OrderRow.id),
            )
            .order_by(OrderRow.moved_at)
            .limit(AT_ONCE)
        )
        async with self._database.read() as reader:
            fresh = [OrderId(one) for one in (await reader.scalars(query)).all()]
        await asyncio.gather(*(self._test_fresh(one) for one in fresh))

    async def _test_fresh(self, order: OrderId) -> None:
        # Refunded meanwhile, or its customer was faster.
        with suppress(NotFound, TooSoon), self._alone(order):
            found, delivery = await self._orders.delivered(order)
            if await self.last(order) is None:
                await self._run(found, delivery, tell=True)

    @contextmanager
    def _alone(self, order: OrderId) -> Iterator[None]:
        """Taken before the last test is read: of many taps at once, one spends traffic."""
        if order in self._running:
            raise TooSoon(RUNS_SECONDS)
        self._running.add(order)
        try:
            yield
        finally:
            self._running.discard(order)

    async def _run(self, order: Order, delivery: Delivery, *, tell: bool) -> Proof:
        if self._tester is None or not isinstance(delivery, Credentials):
            raise NotFound
        proxy, number = delivery.proxies[0], order.id
        probed = await self._tester.probe(proxy)
        proof = Proof(
            probed,
            wanted_country(proxy.username),
            proxy.protocol,
            len(delivery.proxies),
            self._clock.now(),
        )
        sealed = self._vault.seal(number, _PROOF.dump_json(proof).decode())
        async with self._database.write() as tx:
            await tx.execute(insert(ProofRow).values(order_id=number, sealed=sealed, at=proof.at))
            if tell and probed.outcome is not Outcome.UNTESTABLE:
                await self._outbox.owe(
                    tx, order.customer, ProxyTested(number), dedupe=f"tested:{number}"
                )
        log.info("a delivery was tested", order=number, outcome=probed.outcome.value)
        return proof

    def _again_in(self, proof: Proof) -> int:
        left = PAUSE - (self._clock.now() - proof.at)
        return max(0, -(-left // timedelta(seconds=1)))

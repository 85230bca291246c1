"""Orders: what customers do with them, and what they see of them."""

from __future__ import annotations

import re
import secrets
import string
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import CustomerRow, OrderRow
from bot.db.session import Database, wake
from bot.domain.catalog import title_mark
from bot.domain.clock import Clock
from bot.domain.customers import Customer
from bot.domain.errors import (
    BadQuantity,
    BlockedCustomer,
    InsufficientFunds,
    JustBought,
    NotFound,
    OfferGone,
    PlanChanged,
    PriceChanged,
    TooLate,
    TooManyOrders,
)
from bot.domain.money import MOST_MICROS, Money
from bot.domain.notices import CustomerComplains
from bot.domain.orders import (
    OPEN,
    Claim,
    CustomerId,
    Delivery,
    LaneId,
    Line,
    Order,
    OrderId,
    OrderPage,
    OrderState,
    RedeemCode,
)
from bot.domain.wallets import PostingKind
from bot.services.catalog import Catalog
from bot.services.delivery import Deliveries
from bot.services.lane import Lane
from bot.services.lanes import Lanes
from bot.services.moves import Moves
from bot.services.outbox import Outbox
from bot.services.rows import IS_OPEN, ORDER, order_of, row_of
from bot.services.stops import SHOP, Stops, lane_scope
from bot.services.wallets import NotCovered, Wallets, held_for, wallet_of

PAGE = 8
MOST_OPEN = 10
"""Unfinished orders a customer may have at once."""
JUST_NOW = timedelta(seconds=10)
"""The same plan bought again within this time is asked about first."""
SLOW = timedelta(seconds=20)
"""After this the screen says so, and an order still in line may be cancelled."""

_S = OrderState
INTENT = re.compile(r"[0-9a-f]{16}", re.ASCII)


class Orders:
    """Intents that we accept, and the orders that come of them, for whom they belong to."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        wallets: Wallets,
        outbox: Outbox,
        stops: Stops,
        lanes: Lanes,
        moves: Moves,
        deliveries: Deliveries,
        *,
        tests_deliveries: bool = False,
    ) -> None:
        self._tests_deliveries = tests_deliveries
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._wallets = wallets
        self._outbox = outbox
        self._stops = stops
        self._lanes = lanes
        self._moves = moves
        self._deliveries = deliveries

    async def accept(
        self, customer: Customer, claim: Claim, screen_message_id: int | None
    ) -> Line:
        """Accept an intent once, however often the button is tapped, and hold its price.

        A known intent answers with its order, whatever else the claim says. Otherwise raises
        `BlockedCustomer`, `ShopClosed`, `OfferGone`, `BadQuantity`, `PriceChanged`,
        `PlanChanged`, `TooManyOrders`, `JustBought` or `InsufficientFunds`, and holds nothing.
        """
        if not INTENT.fullmatch(claim.intent):
            raise NotFound
        async with self._database.write() as tx:
            # The wallet is the lock: the taps of one customer pass here one after another.
            balance = await self._wallets.available(tx, customer.id)
            known = (
                await tx.execute(
                    select(*ORDER).where(
                        OrderRow.customer_id == customer.id, OrderRow.intent == claim.intent
                    )
                )
            ).one_or_none()
            if known is None:
                known = await self._accept_new(tx, customer, claim, balance)
            await self._live_on(tx, known, screen_message_id)
            return await self._line(tx, known)

    async def line(
        self, customer: CustomerId, order: OrderId, screen_message_id: int | None = None
    ) -> Line:
        """One of the customer's orders, and its place in line; else `NotFound`.

        While the order is open, the message it is shown on stays its living screen.
        """
        async with self._database.read() as reader:
            row = await self._mine(reader, customer, order)
            line = await self._line(reader, row)
        if screen_message_id is not None and OrderState(row.state) in OPEN:
            async with self._database.write() as tx:
                await self._live_on(tx, row, screen_message_id)
        return line

    async def shown_on(self, customer: CustomerId, order: OrderId, message_id: int) -> None:
        """A new message shows an open order: it is the living screen from now on."""
        async with self._database.write() as tx:
            await self._live_on(tx, await self._mine(tx, customer, order), message_id)

    async def page(self, customer: CustomerId, before: int) -> OrderPage:
        """The customer's orders older than `before` (0: the newest), newest first."""
        query = (
            select(*ORDER)
            .where(OrderRow.customer_id == customer)
            .order_by(OrderRow.id.desc())
            .limit(PAGE + 1)
        )
        if before:
            query = query.where(OrderRow.id < before)
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        older = rows[PAGE - 1].id if len(rows) > PAGE else None
        return OrderPage(tuple(map(order_of, rows[:PAGE])), older)

    async def find(self, order: OrderId) -> Order:
        """Any order; raises `NotFound`."""
        async with self._database.read() as reader:
            return order_of(await row_of(reader, order))

    async def delivery(self, customer: CustomerId, order: OrderId) -> tuple[Order, Delivery]:
        """What was delivered, for the customer who bought it and nobody else (`NotFound`)."""
        async with self._database.read() as reader:
            row = await self._mine(reader, customer, order)
            found = await self._deliveries.open(reader, row)
        return order_of(row), found

    async def delivered(self, order: OrderId) -> tuple[Order, Delivery]:
        """What a delivery notice shows; it goes to the order's own customer."""
        async with self._database.read() as reader:
            row = await row_of(reader, order)
            return order_of(row), await self._deliveries.open(reader, row)

    async def show_code(self, customer: CustomerId, order: OrderId) -> tuple[Order, RedeemCode]:
        """The redeem code for the customer who bought it; notes when it was first shown.

        `TooLate` once the order was refunded, unless the code had been shown by then.
        """
        shown, delivery = await self.delivery(customer, order)
        if not isinstance(delivery, RedeemCode):
            raise NotFound
        if shown.shown_at is None:
            async with self._database.write() as tx:
                first = await tx.scalar(
                    update(OrderRow)
                    .where(
                        OrderRow.id == order,
                        OrderRow.shown_at.is_(None),
                        OrderRow.state == _S.DELIVERED,
                    )
                    .values(shown_at=self._clock.now())
                    .returning(OrderRow.id)
                )
                if first is None and (await row_of(tx, order)).shown_at is None:
                    raise TooLate
        return shown, delivery

    async def living(self, order: OrderId) -> tuple[Line, int | None]:
        """The order, and the message that still shows it to its customer."""
        async with self._database.read() as reader:
            row = await row_of(reader, order)
            return await self._line(reader, row), row.screen_message_id

    async def cancel(self, customer: CustomerId, order: OrderId) -> Line:
        """Leave the line and get the hold back; `TooLate` once it is being placed."""
        async with self._database.write() as tx:
            row = await self._mine(tx, customer, order)
            if row.state == _S.RELEASED and row.reason == "cancelled":
                return await self._line(tx, row)
            if not self._is_slow(row):
                raise TooLate
            actor = f"customer:{customer}"
            moved = await self._moves.release(
                tx, order, "cancelled", actor=actor, only=(_S.RESERVED,), tell=False
            )
            if moved is None:
                raise TooLate
            return await self._line(tx, moved)

    async def complain(self, customer: CustomerId, order: OrderId) -> Order:
        """Tell the owners that something is wrong with an order, at most once an hour."""
        async with self._database.write() as tx:
            # The wallet is the lock, as in accept: of two taps at once, one tells the owners.
            await self._wallets.available(tx, customer)
            row = await self._mine(tx, customer, order)
            hour = self._clock.now().strftime("%Y%m%d%H")
            await self._outbox.owe_owners(
                tx, CustomerComplains(order), dedupe=f"complaint:{order}:{hour}"
            )
        return order_of(row)

    async def _accept_new(
        self, tx: AsyncConnection, customer: Customer, claim: Claim, balance: Money
    ) -> Row[Any]:
        if await tx.scalar(select(CustomerRow.is_blocked).where(CustomerRow.id == customer.id)):
            raise BlockedCustomer
        stopped = {stop.scope for stop in await self._stops.all(tx)}
        await self._stops.refuse(tx, SHOP)
        offer = self._catalog.offer(claim.plan)
        plan = offer.plan
        waiting = await self._lanes.waiting(tx)
        free = [
            lane
            for lane in self._lanes.of(plan.provider.upstream)
            # Without its list an order whose answer gets lost could not be found again.
            if lane.is_listed and lane_scope(lane.id) not in stopped
        ]
        if offer.is_stale or not free:
            raise OfferGone
        price = offer.price * claim.quantity
        if not 1 <= claim.quantity <= plan.most or price.micros > MOST_MICROS:
            raise BadQuantity(plan.id, plan.most)
        if price != claim.price:
            raise PriceChanged(plan.id, claim.price)
        if (plan.days, title_mark(plan.title)) != (claim.days, claim.title):
            raise PlanChanged(plan.id)
        await self._refuse_haste(tx, customer.id, claim)
        if balance < price:
            raise InsufficientFunds(plan.id, price, balance)
        lane = min(free, key=lambda one: (waiting.get(one.id, 0), one.id))
        now = self._clock.now()
        insertion = insert(OrderRow).values(
            customer_id=customer.id,
            intent=claim.intent,
            lane_id=lane.id,
            provider_id=plan.provider.id,
            plan_id=plan.id,
            provider=plan.provider.code,
            plan=plan.code,
            provider_name=plan.provider.name,
            title=plan.title,
            is_code=int(plan.provider.is_code),
            quantity=claim.quantity,
            days=plan.days,
            cost_micros=plan.cost.micros * claim.quantity,
            price_micros=price.micros,
            state=_S.RESERVED,
            tag=_tag(),
            accepted_at=now,
            moved_at=now,
            next_at=now,
        )
        row = (await tx.execute(insertion.returning(*ORDER))).one()
        order = OrderId(row.id)
        try:
            await self._wallets.post(
                tx, PostingKind.HOLD, f"order:{order}:hold", wallet_of(customer.id),
                held_for(order), price, actor=f"customer:{customer.id}",
                reason="hold", order=order,
            )  # fmt: skip
        except NotCovered:
            raise InsufficientFunds(plan.id, price, balance) from None
        await self._moves.write(tx, order, None, _S.RESERVED, f"customer:{customer.id}", None)
        if customer.wanted_plan is not None:
            await tx.execute(
                update(CustomerRow)
                .where(CustomerRow.id == customer.id)
                .values(wanted_plan_id=None)
            )
        wake(tx, lane.woken)
        return row

    async def _refuse_haste(self, tx: AsyncConnection, customer: CustomerId, claim: Claim) -> None:
        open_orders = await tx.scalar(
            select(func.count())
            .select_from(OrderRow)
            .where(OrderRow.customer_id == customer, IS_OPEN)
        )
        if (open_orders or 0) >= MOST_OPEN:
            raise TooManyOrders
        if not claim.again:
            recent = await tx.scalar(
                select(OrderRow.id)
                .where(
                    OrderRow.customer_id == customer,
                    OrderRow.plan_id == claim.plan,
                    OrderRow.accepted_at > self._clock.now() - JUST_NOW,
                )
                .order_by(OrderRow.id.desc())
                .limit(1)
            )
            if recent is not None:
                raise JustBought(OrderId(recent))

    async def _live_on(
        self, tx: AsyncConnection, row: Row[Any], screen_message_id: int | None
    ) -> None:
        if screen_message_id is not None and screen_message_id != row.screen_message_id:
            await tx.execute(
                update(OrderRow)
                .where(OrderRow.id == row.id)
                .values(screen_message_id=screen_message_id)
            )

    async def _mine(
        self, reader: AsyncConnection, customer: CustomerId, order: OrderId
    ) -> Row[Any]:
        query = select(*ORDER).where(OrderRow.id == order, OrderRow.customer_id == customer)
        row = (await reader.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return row

    async def _line(self, reader: AsyncConnection, row: Row[Any]) -> Line:
        order = order_of(row)
        if order.state is not _S.RESERVED:
            is_there = order.state is _S.DELIVERED and not order.is_code
            lane = self._lanes.get(LaneId(row.lane_id))
            return Line(
                order,
                None,
                can_cancel=False,
                can_test=self._tests_deliveries and is_there,
                is_by_hand=lane is not None and lane.is_by_hand,
                can_exchange=is_there and lane is not None and self._may_exchange(order, lane),
            )
        ahead = await reader.scalar(
            select(func.count())
            .select_from(OrderRow)
            .where(
                OrderRow.lane_id == row.lane_id,
                IS_OPEN,
                OrderRow.state.in_((_S.RESERVED, _S.PLACING)),
                OrderRow.id < row.id,
            )
        )
        return Line(order, (ahead or 0) + 1, self._is_slow(row))

    def _is_slow(self, row: Row[Any]) -> bool:
        """How long is unknown where it was accepted by a clock that was ahead: long enough."""
        waited: timedelta = self._clock.now() - row.accepted_at
        return abs(waited) >= SLOW

    def _may_exchange(self, order: Order, lane: Lane) -> bool:
        now = self._clock.now()
        is_over = order.works_until is not None and order.works_until <= now
        return order.upstream_order_id is not None and not is_over and lane.may_exchange(now)


def _tag() -> str:
    """28 random letters: more than 128 bits, and no personal data in them."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(28))

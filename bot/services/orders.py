"""Orders: accept an intent, settle an order, list orders. Every change of state is in here."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import (
    AttemptRow,
    CustomerRow,
    DeliveryRow,
    ExchangeRow,
    LaneRow,
    MoveRow,
    OrderRow,
    OutboxRow,
    PostingRow,
    UpstreamOrderRow,
)
from bot.db.session import Database, wake
from bot.db.vault import Vault
from bot.domain.catalog import Plan, PlanId, ProviderId
from bot.domain.clock import Clock
from bot.domain.customers import Customer, Person
from bot.domain.errors import (
    BadCredentials,
    BadQuantity,
    BlockedCustomer,
    DeliveredBefore,
    InsufficientFunds,
    JustBought,
    NotFound,
    OfferGone,
    PriceChanged,
    TooLate,
    TooManyOrders,
    WrongCount,
)
from bot.domain.exchanges import ExchangeState
from bot.domain.money import MOST_MICROS, Money
from bot.domain.notices import (
    CustomerComplains,
    OrderDecided,
    OrderDelivered,
    OrderInDoubt,
    OrderInReview,
    OrderMoved,
    OrderNeedsPerson,
    OrderRefunded,
    OrderReleased,
    Sold,
    Trouble,
)
from bot.domain.orders import (
    OPEN,
    Attempt,
    Claim,
    Credentials,
    CustomerId,
    Delivery,
    LaneId,
    Line,
    Move,
    Order,
    OrderId,
    OrderPage,
    OrderState,
    RedeemCode,
    UpstreamOrder,
    parse_proxies,
    sources,
)
from bot.domain.requests import Refund, RefundPreview, Request
from bot.domain.shop import Case, OrderFile, Sent
from bot.domain.wallets import PostingKind
from bot.services.catalog import Catalog
from bot.services.fingerprints import Fingerprints
from bot.services.lanes import Lane, Lanes
from bot.services.outbox import Outbox
from bot.services.requests import Requests
from bot.services.stops import SHOP, Stops, lane_scope
from bot.services.subscriptions import begin
from bot.services.terms import Terms
from bot.services.wallets import (
    COST,
    LOSS,
    SALES,
    NotCovered,
    Wallets,
    held_for,
    owner,
    posting,
    upstream_account,
    wallet_of,
)

PAGE = 8
MOST_OPEN = 10
"""Unfinished orders a customer may have at once."""
JUST_NOW = timedelta(seconds=10)
"""The same plan bought again within this time is asked about first."""
SLOW = timedelta(seconds=20)
"""After this the screen says so, and an order still in line may be cancelled."""
SEND_WITHIN = timedelta(seconds=5)
"""A request that has not left by then must not leave: somebody may have moved the order on."""
QUARANTINE = timedelta(minutes=15)
SHORT_QUARANTINE = timedelta(minutes=1)
"""After an error in the upstream's own form: most likely it was not made."""

_S = OrderState
INTENT = re.compile(r"[0-9a-f]{16}", re.ASCII)
_ORDER = (*OrderRow.__table__.c,)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What the vault keeps: the delivery, and the answer it was read from."""

    delivery: Delivery | None = field(repr=False)
    raw: str = field(repr=False)


_SEALED = TypeAdapter(_Sealed)


@dataclass(frozen=True, slots=True)
class Placing:
    """A committed attempt whose request has not left yet."""

    order: OrderId
    tag: str
    cost: Money
    sent_at: datetime


class Taken(Exception):
    """The upstream order serves another of our orders already; nothing was written."""


class Orders:
    """Orders of every lane. What a state may become is written in `MOVES` alone."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        catalog: Catalog,
        wallets: Wallets,
        outbox: Outbox,
        requests: Requests,
        stops: Stops,
        lanes: Lanes,
        *,
        tests_deliveries: bool = False,
    ) -> None:
        self._tests_deliveries = tests_deliveries
        self._database = database
        self._clock = clock
        self._vault = vault
        self._fingerprints = Fingerprints(vault)
        self._terms = Terms(vault)
        self._catalog = catalog
        self._wallets = wallets
        self._outbox = outbox
        self._requests = requests
        self._stops = stops
        self._lanes = lanes

    # The customer's side

    async def accept(
        self, customer: Customer, claim: Claim, screen_message_id: int | None
    ) -> Line:
        """Accept an intent once, however often the button is tapped, and hold its price.

        A known intent answers with its order, whatever else the claim says. Otherwise raises
        `BlockedCustomer`, `ShopClosed`, `OfferGone`, `BadQuantity`, `PriceChanged`,
        `TooManyOrders`, `JustBought` or `InsufficientFunds`, and holds nothing.
        """
        if not INTENT.fullmatch(claim.intent):
            raise NotFound
        async with self._database.write() as tx:
            # The wallet is the lock: the taps of one customer pass here one after another.
            balance = await self._wallets.available(tx, customer.id)
            known = (
                await tx.execute(
                    select(*_ORDER).where(
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
            select(*_ORDER)
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

    async def delivery(self, customer: CustomerId, order: OrderId) -> tuple[Order, Delivery]:
        """What was delivered, for the customer who bought it and nobody else (`NotFound`)."""
        async with self._database.read() as reader:
            row = await self._mine(reader, customer, order)
            found = await self._opened(reader, row)
        return order_of(row), found

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
                if first is None and (await self._row(tx, order)).shown_at is None:
                    raise TooLate
        return shown, delivery

    async def cancel(self, customer: CustomerId, order: OrderId) -> Line:
        """Leave the line and get the hold back; `TooLate` once it is being placed."""
        async with self._database.write() as tx:
            row = await self._mine(tx, customer, order)
            if row.state == _S.RELEASED and row.reason == "cancelled":
                return await self._line(tx, row)
            if self._clock.now() - row.accepted_at < SLOW:
                raise TooLate
            actor = f"customer:{customer}"
            moved = await self._release(
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

    # The worker's side: what an attempt, a poll or a listing made known

    async def claim(self, lane: Lane, order: OrderId, plan: Plan) -> Placing | None:
        """Move an order from reserved to placing, with the evidence needed to find out later.

        None when somebody else was first. Committed before the first byte leaves.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            row = await self._move(
                tx, order, _S.PLACING, only=(_S.RESERVED,), actor="shop",
                cost_micros=plan.cost.micros * OrderRow.quantity,
                sent_at=now, tries=OrderRow.tries + 1, checks=0, reason=None,
                baseline_id=select(
                    func.coalesce(func.max(UpstreamOrderRow.id), 0)
                ).scalar_subquery(),
            )  # fmt: skip
            if row is None:
                return None
            balance = None if lane.reading is None else lane.reading.balance
            await tx.execute(
                insert(AttemptRow).values(
                    order_id=order,
                    number=row.tries,
                    sent_at=now,
                    send_by=now + SEND_WITHIN,
                    balance_micros=None if balance is None else balance.micros,
                )
            )
            await tx.execute(update(LaneRow).where(LaneRow.id == lane.id).values(placed_at=now))
        return Placing(OrderId(row.id), row.tag, Money(row.cost_micros), now)

    async def back_in_line(self, order: OrderId, outcome: str, after: float) -> None:
        """The request was certainly not taken: try again after a pause of `after` seconds."""
        async with self._database.write() as tx:
            moved = await self._move(
                tx, order, _S.RESERVED, only=(_S.PLACING,), actor="shop", note=outcome,
                next_at=self._clock.now() + timedelta(seconds=after),
            )  # fmt: skip
            await self._end_attempt(tx, moved, outcome)

    async def release(
        self, order: OrderId, reason: str, *, outcome: str | None = None,
        new_price: Money | None = None, only: tuple[OrderState, ...] = (),
    ) -> bool:  # fmt: skip
        """Give the hold back and tell the customer; False when the order has moved on."""
        async with self._database.write() as tx:
            moved = await self._release(
                tx, order, reason, actor="shop", only=only, new_price=new_price, note=outcome
            )
            await self._end_attempt(tx, moved, outcome)
        return moved is not None

    async def doubt(self, order: OrderId, outcome: str, *, is_documented: bool = False) -> None:
        """Nobody knows whether it was made: hold the money and find out by listing."""
        now = self._clock.now()
        pause = SHORT_QUARANTINE if is_documented else QUARANTINE
        async with self._database.write() as tx:
            moved = await self._move(
                tx, order, _S.IN_DOUBT, only=(_S.PLACING,), actor="shop", note=outcome,
                quarantine_until=now + pause, next_at=now + timedelta(seconds=3), checks=0,
            )  # fmt: skip
            if moved is None:
                return
            await self._end_attempt(tx, moved, outcome)
            lane = self._lanes.get(LaneId(moved.lane_id))
            waits = lane is None or not (lane.tells_plans_apart or lane.tells_orders_apart)
            await self._outbox.owe(
                tx,
                CustomerId(moved.customer_id),
                OrderInDoubt(order, waits),
                dedupe=f"doubt:{order}:{moved.tries}",
            )
            recent = await tx.scalar(
                select(func.count())
                .select_from(OrderRow)
                .where(
                    OrderRow.lane_id == moved.lane_id,
                    OrderRow.state == _S.IN_DOUBT,
                    OrderRow.moved_at > now - timedelta(minutes=10),
                )
            )
            if recent == 3:
                await self._outbox.owe_owners(tx, Trouble("no_answer", str(moved.lane_id)))

    async def settle(
        self, order: OrderId, reference: str, delivery: Delivery | None, raw: str,
        *, actor: str = "shop", outcome: str | None = None, subscription: str | None = None,
    ) -> OrderState | None:  # fmt: skip
        """The upstream order exists: deliver it, or prepare while its credentials are missing.

        One transaction binds the upstream id and its subscription, captures the hold, books the
        cost, stores the credentials and owes the notice. None when the order has moved on
        meanwhile; an order whose upstream id already serves another one goes in doubt instead,
        and for one that would get what another one has a person decides.
        """
        try:
            async with self._database.write() as tx:
                return await self._settle(
                    tx, order, reference, delivery, raw, actor, outcome, subscription
                )
        except (Taken, IntegrityError):
            await self.doubt(order, "upstream_id_taken")
            # One that was in doubt before stays due, and would be looked at without a pause.
            await self.poll_again(order, after=15)
            return None

    async def poll_again(self, order: OrderId, after: float) -> None:
        """Look at an unfinished order again after a pause of `after` seconds."""
        next_at = self._clock.now() + timedelta(seconds=after)
        async with self._database.write() as tx:
            await tx.execute(
                update(OrderRow)
                .where(OrderRow.id == order, OrderRow.state.in_(OPEN))
                .values(next_at=next_at, checks=OrderRow.checks + 1)
            )

    async def review(self, order: OrderId, reason: str) -> bool:
        """A person must decide; the hold stays, the customer and the owners are told."""
        async with self._database.write() as tx:
            return await self._review(tx, order, reason, reason)

    async def set_aside(self) -> tuple[OrderId, ...]:
        """After a restore: a person decides about every order whose end may be lost.

        Waiting, sent or in doubt when the backup was made, each may have been placed, delivered
        or given up since. So none is sent, adopted or released by the shop itself. One that is
        bound to its upstream order goes on: what it delivers is what it delivered before.
        """
        now = self._clock.now()
        async with self._database.write() as tx:
            # One that was only asked for may have been sent since: its order is read again.
            await tx.execute(
                update(ExchangeRow)
                .where(ExchangeRow.state.in_((ExchangeState.ASKED, ExchangeState.SENDING)))
                .values(state=ExchangeState.UNCLEAR, sent_at=now, next_at=now, error="restored")
            )
            known = select(func.coalesce(func.max(UpstreamOrderRow.id), 0)).scalar_subquery()
            rows = await tx.execute(
                select(*_ORDER)
                .where(OrderRow.state.in_((_S.RESERVED, _S.PLACING, _S.IN_DOUBT)))
                .order_by(OrderRow.id)
            )
            found = []
            for row in rows.all():
                order = OrderId(row.id)
                # Step by step, as it may have gone in the books that are lost.
                await self._move(
                    tx, order, _S.PLACING, actor="restore", sent_at=now, baseline_id=known
                )
                await self._move(
                    tx, order, _S.IN_DOUBT, only=(_S.PLACING,), actor="restore",
                    quarantine_until=now + QUARANTINE, next_at=now,
                )  # fmt: skip
                await self._move(
                    tx, order, _S.REVIEW, only=(_S.IN_DOUBT,), actor="restore",
                    note="restored", reason="restored",
                )  # fmt: skip
                await self._outbox.owe(tx, CustomerId(row.customer_id), OrderInReview(order))
                await self._outbox.owe_owners(tx, OrderNeedsPerson(order))
                found.append(order)
        return tuple(found)

    async def tell_slow(self) -> None:
        """Bring the living screens of orders up to date that have waited for 20 seconds."""
        now = self._clock.now()
        which = (
            OrderRow.state.in_((_S.RESERVED, _S.PLACING)),
            OrderRow.is_slow_told == 0,
            OrderRow.accepted_at <= now - SLOW,
        )
        async with self._database.read() as reader:
            # The state index serves this; the open index would need its lane.
            slow = (await reader.execute(select(OrderRow.id).where(*which).limit(1))).first()
        if slow is None:
            return
        async with self._database.write() as tx:
            rows = await tx.execute(
                update(OrderRow)
                .where(*which)
                .values(is_slow_told=1)
                .returning(OrderRow.id, OrderRow.customer_id)
            )
            for row in rows.all():
                await self._outbox.owe(
                    tx, CustomerId(row.customer_id), OrderMoved(OrderId(row.id))
                )

    # The courier's side

    async def delivered(self, order: OrderId) -> tuple[Order, Delivery]:
        """What a delivery notice shows; it goes to the order's own customer."""
        async with self._database.read() as reader:
            row = await self._row(reader, order)
            return order_of(row), await self._opened(reader, row)

    async def living(self, order: OrderId) -> tuple[Line, int | None]:
        """The order, and the message that still shows it to its customer."""
        async with self._database.read() as reader:
            row = await self._row(reader, order)
            return await self._line(reader, row), row.screen_message_id

    # The exchange's side

    async def replace(
        self, tx: AsyncConnection, order: OrderId, delivery: Delivery, raw: str
    ) -> None:
        """Seal what was exchanged in the place of what was delivered, and find it by that alone.

        The old addresses go back to the provider, who may give them to somebody else. Raises
        `DeliveredBefore` when another order has any of the new ones.
        """
        customer = CustomerId((await self._row(tx, order)).customer_id)
        holder = await self._fingerprints.holder(tx, order, customer, delivery)
        if holder is not None:
            raise DeliveredBefore(holder)
        await self._store(tx, order, delivery, raw)
        await self._fingerprints.replace(tx, order, delivery)
        await self._terms.write(tx, order, customer, delivery)

    # The owner's side

    async def find(self, order: OrderId) -> Order:
        """Any order; raises `NotFound`."""
        async with self._database.read() as reader:
            return order_of(await self._row(reader, order))

    async def file(self, order: OrderId) -> OrderFile:
        """An order's whole history, with nothing secret in it; raises `NotFound`."""
        async with self._database.read() as reader:
            row = await self._row(reader, order)
            person = await self._person(reader, row.customer_id)
            moves = await reader.execute(
                select(MoveRow.__table__).where(MoveRow.order_id == order).order_by(MoveRow.id)
            )
            attempts = await reader.execute(
                select(AttemptRow.__table__)
                .where(AttemptRow.order_id == order)
                .order_by(AttemptRow.number)
            )
            postings = await reader.execute(
                select(PostingRow.__table__)
                .where(PostingRow.order_id == order)
                .order_by(PostingRow.id)
            )
            notices = await reader.execute(
                select(OutboxRow.__table__)
                .where(OutboxRow.order_id == order)
                .order_by(OutboxRow.id)
            )
            return OrderFile(
                order_of(row),
                person,
                LaneId(row.lane_id),
                tuple(
                    Move(
                        m.at,
                        None if m.source is None else _S(m.source),
                        _S(m.target),
                        m.actor,
                        m.note,
                    )
                    for m in moves.all()
                ),
                tuple(Attempt(a.number, a.sent_at, a.ended_at, a.outcome) for a in attempts.all()),
                tuple(posting(p, 1) for p in postings.all()),
                tuple(
                    Sent(_kind(n.notice), n.chat_id, n.created_at, n.done_at, n.outcome)
                    for n in notices.all()
                ),
            )

    async def inbox(self) -> tuple[Case, ...]:
        """Orders that wait for a person's decision, or delivery by hand; the oldest first."""
        query = (
            select(*_ORDER).where(self._lanes.needs_person()).order_by(OrderRow.moved_at).limit(50)
        )
        async with self._database.read() as reader:
            cases = []
            for row in (await reader.execute(query)).all():
                person = await self._person(reader, row.customer_id)
                found = await self._candidates(reader, row)
                cases.append(Case(order_of(row), person, len(found)))
        return tuple(cases)

    async def strays(self, order: OrderId) -> tuple[Order, tuple[UpstreamOrder, ...]]:
        """Upstream orders that an order under review may be bound to, the newest first."""
        async with self._database.read() as reader:
            row = await self._row(reader, order)
            return order_of(row), await self._candidates(reader, row)

    async def bind(self, order: OrderId, upstream_order: int, by: CustomerId) -> Order:
        """Say that an upstream order is this order's; the lane then fetches its credentials.

        An upstream order it was bound to before becomes a stray. Raises `TooLate` when the order
        is no longer under review or the upstream order is taken.
        """
        try:
            return await self._bind_by_hand(order, upstream_order, by)
        except (Taken, IntegrityError):
            raise TooLate from None

    async def _bind_by_hand(self, order: OrderId, upstream_order: int, by: CustomerId) -> Order:
        async with self._database.write() as tx:
            row = await self._row(tx, order)
            found = (
                await tx.execute(
                    select(UpstreamOrderRow.reference, UpstreamOrderRow.order_id).where(
                        UpstreamOrderRow.id == upstream_order,
                        UpstreamOrderRow.lane_id == row.lane_id,
                    )
                )
            ).one_or_none()
            if found is not None and found.order_id == order:
                return await self._decided_before(tx, order, by, "bound")
            if found is None or found.order_id is not None or row.state != _S.REVIEW:
                raise TooLate
            await self._let_go(tx, row)
            made = await self._settle(tx, order, found.reference, None, "", owner(by), "bound")
            if made is None:
                raise TooLate
            return await self._decided(tx, order, by, "bound")

    async def hand_over(self, order: OrderId, pasted: str, by: CustomerId) -> Order:
        """Deliver by hand: lines of proxies, or of codes where the plan is a code.

        Raises `BadCredentials` with the line that was not understood or stands there twice,
        `WrongCount` where several pieces were bought and the lines are not as many,
        `DeliveredBefore` when somebody has any of it, and `TooLate` when the order neither waits
        for a person nor for its credentials.
        """
        async with self._database.write() as tx:
            row = await self._row(tx, order)
            delivery = _codes(pasted) if row.is_code else proxies_in(pasted, row.quantity)
            if OrderState(row.state) not in {_S.REVIEW, _S.PREPARING}:
                if not row.by_hand or await self._opened(tx, row) != delivery:
                    raise TooLate
                return await self._decided_before(tx, order, by, "by_hand")
            customer = CustomerId(row.customer_id)
            holder = await self._fingerprints.holder(tx, order, customer, delivery)
            if holder is not None:
                raise DeliveredBefore(holder)
            reference = row.upstream_order_id
            if not await self._settle(tx, order, reference, delivery, "", owner(by), "by_hand"):
                raise TooLate
            return await self._decided(tx, order, by, "by_hand")

    async def give_back(self, order: OrderId, by: CustomerId) -> Order:
        """Release the hold of an order under review, once; `TooLate` in any other state."""
        async with self._database.write() as tx:
            moved = await self._release(tx, order, "owner", actor=owner(by), only=(_S.REVIEW,))
            if moved is None:
                return await self._decided_before(tx, order, by, "owner")
            return await self._decided(tx, order, by, "given_back")

    async def keep_waiting(self, order: OrderId, by: CustomerId) -> Order:
        """Let the lane look for an order under review again, once a tap; else `TooLate`."""
        now = self._clock.now()
        async with self._database.write() as tx:
            is_known = (await self._row(tx, order)).upstream_order_id is not None
            # What is known to exist is read, not looked for: a listing would never find it loose.
            target = _S.PREPARING if is_known else _S.IN_DOUBT
            moved = await self._move(
                tx, order, target, only=(_S.REVIEW,), actor=owner(by), note="kept_waiting",
                quarantine_until=now + QUARANTINE, next_at=now, checks=0, reason=None,
            )  # fmt: skip
            if moved is None:
                return await self._decided_before(tx, order, by, "kept_waiting")
            return await self._decided(tx, order, by, "kept_waiting")

    async def preview_refund(self, order: OrderId, reason: str, by: CustomerId) -> RefundPreview:
        """What refunding a delivered order would do; `TooLate` in any other state."""
        async with self._database.write() as tx:
            row = await self._row(tx, order)
            if row.state != _S.DELIVERED:
                raise TooLate
            person = await self._person(tx, row.customer_id)
            request = await self._requests.ask(tx, Refund(order, reason), by)
        return RefundPreview(request, order_of(row), person, reason)

    async def refund(self, request: Request, by: CustomerId) -> Order:
        """Give a delivered order's price back, once; a second tap answers with the same order."""
        asked = request.asked
        if not isinstance(asked, Refund):
            raise NotFound
        async with self._database.write() as tx:
            if await self._requests.take(tx, request.id):
                row = await self._row(tx, asked.order)
                await self._wallets.available(tx, CustomerId(row.customer_id))
                moved = await self._move(
                    tx, asked.order, _S.REFUNDED, actor=owner(by), note=asked.reason
                )
                if moved is None:
                    raise TooLate
                await self._wallets.post(
                    tx, PostingKind.REFUND, f"order:{asked.order}:refund", SALES,
                    wallet_of(CustomerId(row.customer_id)), Money(row.price_micros),
                    actor=owner(by), reason=asked.reason, order=asked.order,
                )  # fmt: skip
                await self._outbox.owe(
                    tx, CustomerId(row.customer_id), OrderRefunded(asked.order, asked.reason)
                )
                return await self._decided(tx, asked.order, by, "refunded")
            return order_of(await self._row(tx, asked.order))

    # The steps inside a transaction

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
        row = (await tx.execute(insertion.returning(*_ORDER))).one()
        order = OrderId(row.id)
        try:
            await self._wallets.post(
                tx, PostingKind.HOLD, f"order:{order}:hold", wallet_of(customer.id),
                held_for(order), price, actor=f"customer:{customer.id}",
                reason="hold", order=order,
            )  # fmt: skip
        except NotCovered:
            raise InsufficientFunds(plan.id, price, balance) from None
        await self._write_move(tx, order, None, _S.RESERVED, f"customer:{customer.id}", None)
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
            .where(OrderRow.customer_id == customer, OrderRow.state.in_(OPEN))
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

    async def _settle(
        self, tx: AsyncConnection, order: OrderId, reference: str | None,
        delivery: Delivery | None, raw: str, actor: str, outcome: str | None,
        subscription: str | None = None,
    ) -> OrderState | None:  # fmt: skip
        before = await self._row(tx, order)
        bound_to = None
        if reference is not None:
            bound_to = await tx.scalar(
                select(UpstreamOrderRow.order_id).where(
                    UpstreamOrderRow.lane_id == before.lane_id,
                    UpstreamOrderRow.reference == reference,
                )
            )
            if bound_to not in (None, order):
                raise Taken
        if delivery is not None:
            customer = CustomerId(before.customer_id)
            holder = await self._fingerprints.holder(tx, order, customer, delivery)
            if holder is not None:
                return await self._set_apart(tx, before, reference, raw, actor, holder)
        if delivery is None:
            moved = await self._move(
                tx, order, _S.PREPARING, actor=actor, note=outcome,
                upstream_order_id=reference, next_at=self._clock.now(), checks=0, reason=None,
            )  # fmt: skip
        else:
            moved = await self._move(
                tx, order, _S.DELIVERED, actor=actor, note=outcome,
                upstream_order_id=reference, by_hand=int(outcome == "by_hand"), reason=None,
            )  # fmt: skip
        if moved is None:
            return None
        if reference is not None and bound_to is None:
            await self._bind(tx, moved, reference, subscription)
        await self._end_attempt(tx, moved, outcome or "made")
        if delivery is None:
            if raw:
                await self._store(tx, order, None, raw)
            await self._outbox.owe(tx, CustomerId(moved.customer_id), OrderMoved(order))
            return _S.PREPARING
        await self._store(tx, order, delivery, raw)
        await self._fingerprints.keep(tx, order, delivery)
        await self._terms.write(tx, order, CustomerId(moved.customer_id), delivery)
        await self._capture(tx, moved, actor)
        return _S.DELIVERED

    async def _set_apart(
        self, tx: AsyncConnection, row: Row[Any], reference: str | None, raw: str, actor: str,
        holder: OrderId,
    ) -> OrderState | None:  # fmt: skip
        """It was made, but with what another order has: bound, kept sealed, shown to nobody."""
        order, reason = OrderId(row.id), "delivered_before"
        if row.state == _S.PREPARING:
            await self._store(tx, order, None, raw)
        elif not await self._settle(tx, order, reference, None, raw, actor, reason):
            return None
        is_moved = await self._review(tx, order, reason, f"{reason}: order {holder}")
        return _S.REVIEW if is_moved else None

    async def _review(self, tx: AsyncConnection, order: OrderId, reason: str, note: str) -> bool:
        moved = await self._move(tx, order, _S.REVIEW, actor="shop", note=note, reason=reason)
        if moved is None:
            return False
        # Without a dedupe key: every move is made once, and the next review is news again.
        await self._outbox.owe(tx, CustomerId(moved.customer_id), OrderInReview(order))
        await self._outbox.owe_owners(tx, OrderNeedsPerson(order))
        return True

    async def _capture(self, tx: AsyncConnection, row: Row[Any], actor: str) -> None:
        order, price = OrderId(row.id), Money(row.price_micros)
        # Capture and release share one reference, so that a hold resolves once.
        await self._wallets.post(
            tx, PostingKind.CAPTURE, f"order:{order}:settle", held_for(order), SALES, price,
            actor=actor, reason="capture", order=order,
        )  # fmt: skip
        lane = await tx.scalar(select(LaneRow.upstream).where(LaneRow.id == row.lane_id))
        source = upstream_account(str(lane))
        if row.upstream_order_id is not None and await tx.scalar(
            select(
                exists().where(
                    PostingRow.reference == stray_reference(str(lane), row.upstream_order_id)
                )
            )
        ):
            # It was written off as a stray: its cost is paid already, and no loss any more.
            source = LOSS
        await self._wallets.post(
            tx, PostingKind.COST, f"order:{order}:cost", source, COST, Money(row.cost_micros),
            actor=actor, reason="cost", order=order,
        )  # fmt: skip
        await self._outbox.owe(
            tx, CustomerId(row.customer_id), OrderDelivered(order), dedupe=f"delivered:{order}"
        )
        keen = select(CustomerRow.id).where(
            CustomerRow.id.in_(self._outbox.owners), CustomerRow.wants_sales == 1
        )
        await self._outbox.owe_owners(
            tx, Sold(order), only=[CustomerId(one) for one in (await tx.scalars(keen)).all()]
        )

    async def _release(
        self, tx: AsyncConnection, order: OrderId, reason: str, *, actor: str,
        only: tuple[OrderState, ...] = (), new_price: Money | None = None,
        note: str | None = None, tell: bool = True,
    ) -> Row[Any] | None:  # fmt: skip
        # Wallet before order, as accept does: two transactions never wait for each other.
        await self._wallets.available(tx, CustomerId((await self._row(tx, order)).customer_id))
        moved = await self._move(
            tx, order, _S.RELEASED, only=only, actor=actor, note=note or reason, reason=reason
        )
        if moved is None:
            return None
        await self._let_go(tx, moved)
        customer = CustomerId(moved.customer_id)
        await self._wallets.post(
            tx, PostingKind.RELEASE, f"order:{order}:settle", held_for(order),
            wallet_of(customer), Money(moved.price_micros),
            actor=actor, reason=reason, order=order,
        )  # fmt: skip
        if tell:
            await self._outbox.owe(
                tx, customer, OrderReleased(order, new_price), dedupe=f"released:{order}"
            )
        return moved

    async def _move(
        self, tx: AsyncConnection, order: OrderId, target: OrderState, *, actor: str,
        only: tuple[OrderState, ...] = (), note: str | None = None, **values: Any,
    ) -> Row[Any] | None:  # fmt: skip
        """The compare-and-set behind every change of a state; None when the move is not legal."""
        legal = sources(target).intersection(only) if only else sources(target)
        before = await tx.scalar(
            select(OrderRow.state).where(OrderRow.id == order).with_for_update()
        )
        moved = (
            await tx.execute(
                update(OrderRow)
                .where(OrderRow.id == order, OrderRow.state.in_(legal))
                .values(state=target, moved_at=self._clock.now(), **values)
                .returning(*_ORDER)
            )
        ).one_or_none()
        if moved is not None:
            await self._write_move(tx, order, before, target, actor, note)
            lane = self._lanes.get(LaneId(moved.lane_id))
            if lane is not None:
                wake(tx, lane.woken)
        return moved

    async def _write_move(
        self, tx: AsyncConnection, order: OrderId, source: str | None, target: OrderState,
        actor: str, note: str | None,
    ) -> None:  # fmt: skip
        await tx.execute(
            insert(MoveRow).values(
                order_id=order,
                source=source,
                target=target,
                actor=actor,
                note=note,
                at=self._clock.now(),
            )
        )

    async def _end_attempt(
        self, tx: AsyncConnection, row: Row[Any] | None, outcome: str | None
    ) -> None:
        if row is not None and outcome is not None and row.tries:
            await tx.execute(
                update(AttemptRow)
                .where(
                    AttemptRow.order_id == row.id,
                    AttemptRow.number == row.tries,
                    AttemptRow.ended_at.is_(None),
                )
                .values(ended_at=self._clock.now(), outcome=outcome)
            )

    async def _bind(
        self, tx: AsyncConnection, row: Row[Any], reference: str, subscription: str | None
    ) -> None:
        bound = await tx.scalar(
            update(UpstreamOrderRow)
            .where(
                UpstreamOrderRow.lane_id == row.lane_id,
                UpstreamOrderRow.reference == reference,
                or_(UpstreamOrderRow.order_id.is_(None), UpstreamOrderRow.order_id == row.id),
            )
            .values(
                order_id=row.id,
                subscription=func.coalesce(UpstreamOrderRow.subscription, subscription),
            )
            .returning(UpstreamOrderRow.id)
        )
        if bound is None:
            await tx.execute(
                insert(UpstreamOrderRow).values(
                    lane_id=row.lane_id,
                    reference=reference,
                    provider=row.provider,
                    plan=row.plan,
                    tag=row.tag,
                    quantity=row.quantity,
                    subscription=subscription,
                    order_id=row.id,
                    seen_at=self._clock.now(),
                )
            )
        if row.days is not None:
            lane, now = LaneId(row.lane_id), self._clock.now()
            await begin(tx, lane, reference, row.plan, now, OrderId(row.id))

    async def _let_go(self, tx: AsyncConnection, row: Row[Any]) -> None:
        """Unbind what the upstream made, so that the late watch books and tells what was paid."""
        if row.upstream_order_id is None:
            return
        await tx.execute(
            update(UpstreamOrderRow)
            .where(UpstreamOrderRow.order_id == row.id)
            .values(order_id=None)
        )
        await tx.execute(
            update(OrderRow).where(OrderRow.id == row.id).values(upstream_order_id=None)
        )

    async def _store(
        self, tx: AsyncConnection, order: OrderId, delivery: Delivery | None, raw: str
    ) -> None:
        plain = _SEALED.dump_json(_Sealed(delivery, raw)).decode()
        await tx.execute(delete(DeliveryRow).where(DeliveryRow.order_id == order))
        await tx.execute(
            insert(DeliveryRow).values(
                order_id=order, sealed=self._vault.seal(order, plain), at=self._clock.now()
            )
        )

    async def _opened(self, reader: AsyncConnection, row: Row[Any]) -> Delivery:
        if row.state not in {_S.DELIVERED, _S.REFUNDED}:
            raise NotFound
        sealed = await reader.scalar(
            select(DeliveryRow.sealed).where(DeliveryRow.order_id == row.id)
        )
        if sealed is None:
            raise NotFound
        delivery = delivery_in(self._vault.open(OrderId(row.id), sealed))
        if delivery is None:
            raise NotFound
        return delivery

    async def _decided(
        self, tx: AsyncConnection, order: OrderId, by: CustomerId, decision: str
    ) -> Order:
        await self._outbox.owe_owners(tx, OrderDecided(by, order, decision), besides=by)
        return order_of(await self._row(tx, order))

    async def _decided_before(
        self, tx: AsyncConnection, order: OrderId, by: CustomerId, note: str
    ) -> Order:
        """The answer to the same owner's second tap; `TooLate` where others decided."""
        mine = exists().where(
            MoveRow.order_id == order, MoveRow.actor == owner(by), MoveRow.note == note
        )
        if not await tx.scalar(select(mine)):
            raise TooLate
        return order_of(await self._row(tx, order))

    async def _live_on(
        self, tx: AsyncConnection, row: Row[Any], screen_message_id: int | None
    ) -> None:
        if screen_message_id is not None and screen_message_id != row.screen_message_id:
            await tx.execute(
                update(OrderRow)
                .where(OrderRow.id == row.id)
                .values(screen_message_id=screen_message_id)
            )

    async def _candidates(
        self, reader: AsyncConnection, row: Row[Any]
    ) -> tuple[UpstreamOrder, ...]:
        query = (
            select(UpstreamOrderRow.__table__)
            .where(
                UpstreamOrderRow.lane_id == row.lane_id,
                UpstreamOrderRow.order_id.is_(None),
                UpstreamOrderRow.id > (row.baseline_id or 0),
            )
            .order_by(UpstreamOrderRow.id.desc())
            .limit(20)
        )
        rows = (await reader.execute(query)).all()
        return tuple(UpstreamOrder(r.id, r.reference, r.provider, r.plan, r.seen_at) for r in rows)

    # Rows in, words out

    async def _row(self, reader: AsyncConnection, order: OrderId) -> Row[Any]:
        row = (await reader.execute(select(*_ORDER).where(OrderRow.id == order))).one_or_none()
        if row is None:
            raise NotFound
        return row

    async def _mine(
        self, reader: AsyncConnection, customer: CustomerId, order: OrderId
    ) -> Row[Any]:
        query = select(*_ORDER).where(OrderRow.id == order, OrderRow.customer_id == customer)
        row = (await reader.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return row

    async def _person(self, reader: AsyncConnection, customer: int) -> Person:
        row = (
            await reader.execute(
                select(CustomerRow.name, CustomerRow.username).where(CustomerRow.id == customer)
            )
        ).one()
        return Person(CustomerId(customer), row.name, row.username)

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
                OrderRow.state.in_((_S.RESERVED, _S.PLACING)),
                OrderRow.id < row.id,
            )
        )
        return Line(order, (ahead or 0) + 1, self._clock.now() - order.accepted_at >= SLOW)

    def _may_exchange(self, order: Order, lane: Lane) -> bool:
        now = self._clock.now()
        is_over = order.works_until is not None and order.works_until <= now
        return order.upstream_order_id is not None and not is_over and lane.may_exchange(now)


def order_of(row: Row[Any]) -> Order:
    """A row of `orders` as the rest of the shop knows it."""
    return Order(
        id=OrderId(row.id),
        customer=CustomerId(row.customer_id),
        plan=PlanId(row.plan_id),
        provider=ProviderId(row.provider_id),
        provider_name=row.provider_name,
        title=row.title,
        is_code=bool(row.is_code),
        quantity=row.quantity,
        price=Money(row.price_micros),
        cost=Money(row.cost_micros),
        state=OrderState(row.state),
        accepted_at=row.accepted_at,
        moved_at=row.moved_at,
        reason=row.reason,
        upstream_order_id=row.upstream_order_id,
        shown_at=row.shown_at,
        works_until=None
        if row.days is None or row.sent_at is None
        else row.sent_at + timedelta(days=row.days),
    )


def delivery_in(plain: str) -> Delivery | None:
    """What the vault opened: the delivery, if the order has come so far."""
    return _SEALED.validate_json(plain).delivery


def stray_reference(upstream: str, reference: str) -> str:
    """The posting that writes an upstream order off."""
    return f"stray:{upstream}:{reference}"


def _tag() -> str:
    """28 random letters: more than 128 bits, and no personal data in them."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(28))


def _codes(pasted: str) -> RedeemCode:
    codes = tuple(line.strip() for line in pasted.splitlines() if line.strip())
    if not codes:
        raise BadCredentials(1)
    return RedeemCode(codes)


def proxies_in(pasted: str, quantity: int) -> Credentials:
    """As many proxies as were bought; raises `BadCredentials` or `WrongCount`."""
    found = parse_proxies(pasted)
    lines = [line.strip() for line in pasted.splitlines()]
    for number, line in enumerate(lines, start=1):
        if line and line in lines[: number - 1]:
            raise BadCredentials(number)
    # One piece may be many lines: a plan may be called "5 IPs".
    if quantity not in (1, len(found.proxies)):
        raise WrongCount(len(found.proxies), quantity)
    return found


def _kind(notice: str) -> str:
    found = re.search(r'"kind":"(\w+)"', notice)
    return found[1] if found else ""

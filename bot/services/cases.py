"""Cases: orders as owners see them, and what owners decide about them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Row, Select, and_, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import (
    AttemptRow,
    CustomerRow,
    ExchangeRow,
    MoveRow,
    OrderRow,
    OutboxRow,
    PostingRow,
    UpstreamOrderRow,
)
from bot.db.session import Database
from bot.domain.cases import Case, OrderFile, Sent
from bot.domain.clock import Clock
from bot.domain.customers import Person
from bot.domain.errors import NotFound, TooLate
from bot.domain.exchanges import ExchangeState, Wish
from bot.domain.money import Money
from bot.domain.notices import OrderDecided, OrderRefunded
from bot.domain.orders import (
    Attempt,
    CustomerId,
    LaneId,
    Move,
    Order,
    OrderId,
    OrderState,
    UpstreamOrder,
)
from bot.domain.requests import Refund, RefundPreview, Request
from bot.domain.wallets import PostingKind
from bot.services.delivery import Deliveries, codes_in, proxies_in
from bot.services.lanes import Lanes
from bot.services.moves import Moves, Taken
from bot.services.outbox import Outbox
from bot.services.placing import QUARANTINE
from bot.services.requests import Requests
from bot.services.rows import BOUND, ORDER, lock, order_of, row_of
from bot.services.wallets import SALES, Wallets, owner, posting, wallet_of

_S = OrderState


class Cases:
    """Orders that need a person, and everybody's history.

    A decision is made once; the same owner's second tap gets the first one's answer.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        wallets: Wallets,
        outbox: Outbox,
        requests: Requests,
        lanes: Lanes,
        moves: Moves,
        deliveries: Deliveries,
    ) -> None:
        self._database = database
        self._clock = clock
        self._wallets = wallets
        self._outbox = outbox
        self._requests = requests
        self._lanes = lanes
        self._moves = moves
        self._deliveries = deliveries

    async def inbox(self) -> tuple[Case, ...]:
        """Orders that wait for a person's decision, or delivery by hand; the oldest first."""
        exchanged_at = ExchangeRow.sent_at.label("exchanged_at")
        under_way = and_(ExchangeRow.order_id == OrderRow.id, ExchangeRow.ended_at.is_(None))
        query: Select[Any] = (
            select(*ORDER, exchanged_at)
            .outerjoin(ExchangeRow, under_way)
            .where(self._lanes.needs_person())
            .order_by(func.coalesce(exchanged_at, OrderRow.moved_at))
            .limit(50)
        )
        async with self._database.read() as reader:
            cases = []
            for row in (await reader.execute(query)).all():
                person = await _person(reader, row.customer_id)
                found = await self._candidates(reader, row)
                cases.append(Case(order_of(row), person, len(found), row.exchanged_at))
        return tuple(cases)

    async def file(self, order: OrderId) -> OrderFile:
        """An order's whole history, with nothing secret in it; raises `NotFound`."""
        async with self._database.read() as reader:
            row = await row_of(reader, order)
            person = await _person(reader, row.customer_id)
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
            exchanges = await reader.execute(
                select(ExchangeRow.__table__)
                .where(ExchangeRow.order_id == order)
                .order_by(ExchangeRow.id)
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
                tuple(
                    Wish(
                        x.asked_at,
                        ExchangeState(x.state),
                        x.sent_at,
                        x.ended_at,
                        x.ended_by,
                        x.error,
                    )
                    for x in exchanges.all()
                ),
            )

    async def strays(self, order: OrderId) -> tuple[Order, tuple[UpstreamOrder, ...]]:
        """Upstream orders that an order under review may be bound to, the newest first."""
        async with self._database.read() as reader:
            row = await row_of(reader, order)
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
            row = await lock(tx, order)
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
            await self._moves.let_go(tx, row)
            made = await self._moves.settle(tx, order, found.reference, None, "", owner(by), BOUND)
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
            row = await lock(tx, order)
            delivery = codes_in(pasted) if row.is_code else proxies_in(pasted, row.quantity)
            if OrderState(row.state) not in {_S.REVIEW, _S.PREPARING}:
                if not row.by_hand or await self._deliveries.open(tx, row) != delivery:
                    raise TooLate
                return await self._decided_before(tx, order, by, "by_hand")
            customer = CustomerId(row.customer_id)
            await self._deliveries.refuse_known(tx, order, customer, delivery)
            reference = row.upstream_order_id
            if not await self._moves.settle(
                tx, order, reference, delivery, "", owner(by), "by_hand"
            ):
                raise TooLate
            return await self._decided(tx, order, by, "by_hand")

    async def give_back(self, order: OrderId, by: CustomerId) -> Order:
        """Release the hold of an order under review, once; `TooLate` in any other state."""
        async with self._database.write() as tx:
            moved = await self._moves.release(
                tx, order, "owner", actor=owner(by), only=(_S.REVIEW,)
            )
            if moved is None:
                return await self._decided_before(tx, order, by, "owner")
            return await self._decided(tx, order, by, "given_back")

    async def keep_waiting(self, order: OrderId, by: CustomerId) -> Order:
        """Let the lane look for an order under review again, once a tap; else `TooLate`."""
        now = self._clock.now()
        async with self._database.write() as tx:
            is_known = (await lock(tx, order)).upstream_order_id is not None
            # What is known to exist is read, not looked for: a listing would never find it loose.
            target = _S.PREPARING if is_known else _S.IN_DOUBT
            moved = await self._moves.make(
                tx, order, target, only=(_S.REVIEW,), actor=owner(by), note="kept_waiting",
                quarantine_until=now + QUARANTINE, next_at=now, checks=0, reason=None,
            )  # fmt: skip
            if moved is None:
                return await self._decided_before(tx, order, by, "kept_waiting")
            return await self._decided(tx, order, by, "kept_waiting")

    async def preview_refund(self, order: OrderId, reason: str, by: CustomerId) -> RefundPreview:
        """What refunding a delivered order would do; `TooLate` in any other state."""
        async with self._database.write() as tx:
            row = await row_of(tx, order)
            if row.state != _S.DELIVERED:
                raise TooLate
            person = await _person(tx, row.customer_id)
            request = await self._requests.ask(tx, Refund(order, reason), by)
        return RefundPreview(request, order_of(row), person, reason)

    async def refund(self, request: Request, by: CustomerId) -> Order:
        """Give a delivered order's price back, once; a second tap answers with the same order."""
        asked = request.asked
        if not isinstance(asked, Refund):
            raise NotFound
        async with self._database.write() as tx:
            if await self._requests.take(tx, request.id):
                row = await row_of(tx, asked.order)
                await self._wallets.available(tx, CustomerId(row.customer_id))
                moved = await self._moves.make(
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
            return order_of(await row_of(tx, asked.order))

    async def _decided(
        self, tx: AsyncConnection, order: OrderId, by: CustomerId, decision: str
    ) -> Order:
        await self._outbox.owe_owners(tx, OrderDecided(by, order, decision), besides=by)
        return order_of(await row_of(tx, order))

    async def _decided_before(
        self, tx: AsyncConnection, order: OrderId, by: CustomerId, note: str
    ) -> Order:
        """The answer to the same owner's second tap; `TooLate` where others decided."""
        mine = exists().where(
            MoveRow.order_id == order, MoveRow.actor == owner(by), MoveRow.note == note
        )
        if not await tx.scalar(select(mine)):
            raise TooLate
        return order_of(await row_of(tx, order))

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


async def _person(reader: AsyncConnection, customer: int) -> Person:
    row = (
        await reader.execute(
            select(CustomerRow.name, CustomerRow.username).where(CustomerRow.id == customer)
        )
    ).one()
    return Person(CustomerId(customer), row.name, row.username)


def _kind(notice: str) -> str:
    found = re.search(r'"kind":"(\w+)"', notice)
    return found[1] if found else ""

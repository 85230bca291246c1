"""Wallets: balances, top-ups and postings."""

from __future__ import annotations

from sqlalchemy import Row, func, insert, literal, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import CustomerRow, OrderRow, PostingRow, WalletRow
from bot.db.session import Database
from bot.domain.catalog import PlanId
from bot.domain.clock import Clock
from bot.domain.customers import Person
from bot.domain.errors import NotFound, OverDebit
from bot.domain.money import Money
from bot.domain.notices import WalletChanged, WalletMoved
from bot.domain.orders import CustomerId, OrderId
from bot.domain.requests import VALID, Request, TopUp, TopUpPreview
from bot.domain.wallets import Balance, Posting, PostingKind, Statement
from bot.services.outbox import Outbox
from bot.services.requests import Requests
from bot.services.rows import IS_OPEN
from bot.services.stops import SHOP, Stops

PAGE = 8

# The accounts of the ledger: addresses, not rows.
WORLD = "world"
SALES = "sales"
ADJUSTMENTS = "adjustments"
COST = "cost"
LOSS = "loss"


def wallet_of(customer: CustomerId) -> str:
    """The account of a customer's available money."""
    return f"customer:{customer}"


def customer_of(wallet: str) -> CustomerId:
    """Whose available money the account holds."""
    return CustomerId(int(wallet.removeprefix("customer:")))


def held_for(order: OrderId) -> str:
    """The account of the money held for an order."""
    return f"held:{order}"


def upstream_account(upstream: str) -> str:
    """The account of what we paid to an upstream."""
    return f"upstream:{upstream}"


class NotCovered(Exception):
    """The wallet holds less than the posting takes; nothing was written."""


class Wallets:
    """Money of customers. It moves by postings, and a posting is never changed."""

    def __init__(
        self, database: Database, clock: Clock, outbox: Outbox, requests: Requests, stops: Stops
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._requests = requests
        self._stops = stops

    async def post(
        self,
        tx: AsyncConnection,
        kind: PostingKind,
        reference: str,
        source: str,
        destination: str,
        amount: Money,
        *,
        actor: str,
        reason: str,
        order: OrderId | None = None,
    ) -> None:
        """Move money once per `reference`, and the cached balances with it.

        Raises `NotCovered` where a wallet holds too little, and the database's IntegrityError
        where the reference was used: both undo the caller's transaction.
        """
        for account, change in ((source, -amount.micros), (destination, amount.micros)):
            if account.startswith("customer:"):
                left = await tx.scalar(
                    update(WalletRow)
                    .where(
                        WalletRow.customer_id == customer_of(account),
                        WalletRow.balance >= -change,
                    )
                    .values(balance=WalletRow.balance + change)
                    .returning(WalletRow.balance)
                )
                if left is None:
                    raise NotCovered
        await tx.execute(
            insert(PostingRow).values(
                reference=reference,
                source=source,
                destination=destination,
                micros=amount.micros,
                kind=kind,
                order_id=order,
                actor=actor,
                reason=reason,
                at=self._clock.now(),
            )
        )

    async def available(self, tx: AsyncConnection, customer: CustomerId) -> Money:
        """The balance inside a transaction, locked until its end; `NotFound` for a stranger."""
        micros = await tx.scalar(
            select(WalletRow.balance)
            .where(WalletRow.customer_id == customer)
            .with_for_update()  # PostgreSQL; on SQLite the transaction itself is the lock
        )
        if micros is None:
            raise NotFound
        return Money(micros)

    async def statement(self, customer: CustomerId, before: int) -> Statement:
        """Available and held money, and a page of postings older than `before` (0: the newest)."""
        account = wallet_of(customer)
        sides = []
        for column, sign in ((PostingRow.source, -1), (PostingRow.destination, 1)):
            side = (
                select(PostingRow.__table__, literal(sign).label("sign"))
                .where(column == account)
                .order_by(PostingRow.id.desc())
                .limit(PAGE + 1)
            )
            sides.append((side.where(PostingRow.id < before) if before else side).subquery())
        # Two limited walks along two indexes: the cost stays flat as postings grow.
        both = union_all(*(select(side) for side in sides)).subquery()
        page = select(both).order_by(both.c.id.desc()).limit(PAGE + 1)
        money = select(
            WalletRow.balance,
            select(func.coalesce(func.sum(OrderRow.price_micros), 0))
            .where(OrderRow.customer_id == customer, IS_OPEN)
            .scalar_subquery()
            .label("held"),
        ).where(WalletRow.customer_id == customer)
        async with self._database.read() as reader:
            balance = (await reader.execute(money)).one_or_none()
            rows = (await reader.execute(page)).all()
        if balance is None:
            raise NotFound
        return Statement(
            Balance(Money(balance.balance), Money(int(balance.held))),
            tuple(posting(row, row.sign) for row in rows[:PAGE]),
            rows[PAGE - 1].id if len(rows) > PAGE else None,
        )

    async def preview(self, asked: TopUp, by: CustomerId) -> TopUpPreview:
        """What a top-up or debit would do; moves nothing.

        Raises `NotFound` for a stranger and `OverDebit` where the wallet holds too little.
        """
        async with self._database.write() as tx:
            row = (
                await tx.execute(
                    select(CustomerRow.name, CustomerRow.username, WalletRow.balance)
                    .join(WalletRow, WalletRow.customer_id == CustomerRow.id)
                    .where(CustomerRow.id == asked.customer)
                )
            ).one_or_none()
            if row is None:
                raise NotFound
            before = Money(row.balance)
            after = before - asked.amount if asked.is_debit else before + asked.amount
            if after.micros < 0:
                raise OverDebit(before)
            side = PostingRow.source if asked.is_debit else PostingRow.destination
            repeats = await tx.scalar(
                select(PostingRow.at)
                .where(
                    side == wallet_of(asked.customer),
                    PostingRow.kind
                    == (PostingKind.DEBIT if asked.is_debit else PostingKind.TOPUP),
                    PostingRow.micros == asked.amount.micros,
                    PostingRow.at > self._clock.now() - VALID,
                )
                .order_by(PostingRow.id.desc())
                .limit(1)
            )
            request = await self._requests.ask(tx, asked, by)
        person = Person(asked.customer, row.name, row.username)
        return TopUpPreview(request, asked, person, before, after, repeats)

    async def confirm(self, request: Request, by: CustomerId) -> Balance:
        """Do what the preview showed, once; a second confirm answers with the same balance.

        Raises `TooLate` after ten minutes, `OverDebit` where the wallet holds too little by
        now, and `ShopClosed` while the audit has stopped the shop.
        """
        asked = request.asked
        if not isinstance(asked, TopUp):
            raise NotFound
        async with self._database.write() as tx:
            if await self._requests.take(tx, request.id):
                await self._stops.refuse(tx, SHOP)
                await self._move(tx, request, asked, by)
            available = await self.available(tx, asked.customer)
        return Balance(available, Money(0))

    async def _move(
        self, tx: AsyncConnection, request: Request, asked: TopUp, by: CustomerId
    ) -> None:
        wallet = wallet_of(asked.customer)
        await self.available(tx, asked.customer)
        try:
            if asked.is_debit:
                await self.post(
                    tx, PostingKind.DEBIT, f"debit:{request.id}", wallet, ADJUSTMENTS,
                    asked.amount, actor=owner(by), reason=asked.note,
                )  # fmt: skip
            else:
                await self.post(
                    tx, PostingKind.TOPUP, f"topup:{request.id}", WORLD, wallet,
                    asked.amount, actor=owner(by), reason=asked.note or "topup",
                )  # fmt: skip
        except NotCovered:
            raise OverDebit(await self.available(tx, asked.customer)) from None
        balance = await self.available(tx, asked.customer)
        wanted = await tx.scalar(
            select(CustomerRow.wanted_plan_id).where(CustomerRow.id == asked.customer)
        )
        await self._outbox.owe(
            tx,
            asked.customer,
            WalletChanged(
                asked.amount, balance, asked.is_debit, asked.note,
                None if wanted is None or asked.is_debit else PlanId(wanted),
            ),
        )  # fmt: skip
        await self._outbox.owe_owners(
            tx,
            WalletMoved(by, asked.customer, asked.amount, balance, asked.is_debit, asked.note),
            besides=by,
        )


def owner(who: CustomerId) -> str:
    """The actor of what an owner did."""
    return f"owner:{who}"


def posting(row: Row[tuple[object, ...]], sign: int) -> Posting:
    """A row of `postings` as people read it; `sign` is the reader's side."""
    return Posting(
        id=row.id,
        kind=PostingKind(row.kind),
        source=row.source,
        destination=row.destination,
        change=Money(sign * row.micros),
        order=None if row.order_id is None else OrderId(row.order_id),
        reason=row.reason,
        actor=row.actor,
        at=row.at,
    )

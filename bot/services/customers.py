"""Customers: who is there, in which language, and what they were asked."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import CustomerRow, OrderRow, WalletRow
from bot.db.session import Database
from bot.domain.catalog import PlanId
from bot.domain.clock import Clock
from bot.domain.customers import Customer, Person, Visitor
from bot.domain.errors import NotFound
from bot.domain.money import Money
from bot.domain.notices import ShopReady
from bot.domain.orders import CustomerId
from bot.i18n import LANGUAGES, clean
from bot.services.outbox import Outbox

LONGEST_NAME = 64


class Customers:
    """Everybody who has written to the bot."""

    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def arrive(self, visitor: Visitor, message_id: int | None) -> Customer:
        """The customer behind a tap or a text: one SELECT, where nothing about them is new.

        `message_id` is the living message that was tapped: an order shown on it is no longer,
        so the courier stops editing it.
        """
        living = (
            select(OrderRow.id)
            .where(
                OrderRow.customer_id == CustomerRow.id,
                OrderRow.screen_message_id == (message_id or 0),
                OrderRow.screen_message_id.is_not(None),
            )
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(CustomerRow.__table__, WalletRow.balance, living.label("living"))
            .join(WalletRow, WalletRow.customer_id == CustomerRow.id)
            .where(CustomerRow.id == visitor.id)
        )
        async with self._database.read() as reader:
            row = (await reader.execute(query)).one_or_none()
        name = " ".join(clean(visitor.name).split())[:LONGEST_NAME] or str(visitor.id)
        if row is None:
            language = (visitor.language or "").split("-")[0].casefold()
            language = language if language in LANGUAGES else "en"
            await self._welcome(visitor, name, language)
            return self._customer(visitor, name, language)
        changed = (row.name, row.username) != (name, visitor.username) or not row.is_reachable
        if changed or row.living is not None:
            await self._note(visitor, name, row.living)
        return Customer(
            id=visitor.id,
            name=name,
            username=visitor.username,
            language=row.language,
            balance=Money(row.balance),
            prompt=row.prompt,
            wanted_plan=None if row.wanted_plan_id is None else PlanId(row.wanted_plan_id),
            is_blocked=bool(row.is_blocked),
            is_owner=visitor.id in self._outbox.owners,
            wants_sales=bool(row.wants_sales),
        )

    async def remember(self, customer: CustomerId, prompt: str | None) -> None:
        """Keep what the next typed text answers; None ends the question."""
        await self._set(customer, prompt=prompt)

    async def speak(self, customer: CustomerId, language: str) -> None:
        """Speak this language from now on; raises `NotFound` for one the shop does not speak."""
        if language not in LANGUAGES:
            raise NotFound
        await self._set(customer, language=language)

    async def want(self, customer: CustomerId, plan: PlanId | None) -> None:
        """Remember the plan that money was missing for."""
        await self._set(customer, wanted_plan_id=plan)

    async def wants_sales(self, owner: CustomerId, *, on: bool) -> None:
        """Switch an owner's notice for each sale."""
        await self._set(owner, wants_sales=int(on))

    async def find(self, target: str) -> Person:
        """Somebody who has started the bot, by id or by @name as last seen; else `NotFound`."""
        name = target.removeprefix("@")
        if target.isascii() and target.isdigit() and len(target) <= 16 and target[0] != "0":
            return await self.person(CustomerId(int(target)))
        if not name or name.isdigit():
            raise NotFound
        return await self._person(func.lower(CustomerRow.username) == name.lower())

    async def person(self, customer: CustomerId) -> Person:
        """Somebody who has started the bot; else `NotFound`."""
        return await self._person(CustomerRow.id == customer)

    async def block(self, customer: CustomerId) -> Person:
        """Stop buying and typing; what was bought stays readable."""
        await self._set(customer, is_blocked=1)
        return await self.person(customer)

    async def unblock(self, customer: CustomerId) -> Person:
        """Allow buying and typing again."""
        await self._set(customer, is_blocked=0)
        return await self.person(customer)

    async def unreachable(self, customer: CustomerId) -> None:
        """Telegram says that the person blocked the bot: keep what is owed to them."""
        async with self._database.write() as tx:
            await self._update(tx, customer, is_reachable=0)
            await self._outbox.park(tx, customer)

    async def reachable(self, customer: CustomerId) -> None:
        """The person is back: send what was kept."""
        async with self._database.write() as tx:
            await self._update(tx, customer, is_reachable=1)
            await self._outbox.unpark(tx, customer)

    async def _welcome(self, visitor: Visitor, name: str, language: str) -> None:
        async with self._database.write() as tx:
            # Two first messages of one person may race; the second finds the row.
            if await tx.scalar(select(CustomerRow.id).where(CustomerRow.id == visitor.id)):
                return
            await _free_name(tx, visitor)
            await tx.execute(
                insert(CustomerRow).values(
                    id=visitor.id,
                    name=name,
                    username=visitor.username,
                    language=language,
                    created_at=self._clock.now(),
                )
            )
            await tx.execute(insert(WalletRow).values(customer_id=visitor.id, balance=0))
            # An owner may be owed notices from before the first /start.
            await self._outbox.unpark(tx, visitor.id)
            if visitor.id in self._outbox.owners:
                await self._outbox.owe(tx, visitor.id, ShopReady())

    async def _note(self, visitor: Visitor, name: str, living: int | None) -> None:
        async with self._database.write() as tx:
            await _free_name(tx, visitor)
            await self._update(
                tx, visitor.id, name=name, username=visitor.username, is_reachable=1
            )
            await self._outbox.unpark(tx, visitor.id)
            if living is not None:
                await tx.execute(
                    update(OrderRow).where(OrderRow.id == living).values(screen_message_id=None)
                )

    async def _set(self, customer: CustomerId, **values: object) -> None:
        async with self._database.write() as tx:
            await self._update(tx, customer, **values)

    async def _update(self, tx: AsyncConnection, customer: CustomerId, **values: object) -> None:
        await tx.execute(update(CustomerRow).where(CustomerRow.id == customer).values(**values))

    async def _person(self, which: ColumnElement[bool]) -> Person:
        query = select(CustomerRow.id, CustomerRow.name, CustomerRow.username).where(which)
        async with self._database.read() as reader:
            row = (await reader.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return Person(CustomerId(row.id), row.name, row.username)

    def _customer(self, visitor: Visitor, name: str, language: str) -> Customer:
        return Customer(
            id=visitor.id,
            name=name,
            username=visitor.username,
            language=language,
            balance=Money(0),
            prompt=None,
            wanted_plan=None,
            is_blocked=False,
            is_owner=visitor.id in self._outbox.owners,
            wants_sales=False,
        )


async def _free_name(tx: AsyncConnection, visitor: Visitor) -> None:
    # A username changes hands; the person seen with it last is the one /topup means.
    if visitor.username:
        await tx.execute(
            update(CustomerRow)
            .where(
                func.lower(CustomerRow.username) == visitor.username.lower(),
                CustomerRow.id != visitor.id,
            )
            .values(username=None)
        )

"""Search: customers find their own orders, owners find any."""

from __future__ import annotations

import re
from typing import Any

import structlog
from sqlalchemy import BindParameter, Select, bindparam, or_, select

from bot.db.models import (
    CustomerRow,
    DeliveryRow,
    LaneRow,
    OrderRow,
    PostingRow,
    SearchTermRow,
    UpstreamOrderRow,
)
from bot.db.session import Database
from bot.db.vault import SealBroken, Vault
from bot.domain.customers import Person
from bot.domain.errors import BadAmount, NotFound
from bot.domain.money import parse_amount
from bot.domain.orders import CustomerId, LaneId, OrderId, UpstreamOrder
from bot.domain.search import (
    LONGEST,
    FoundPage,
    FoundStray,
    Kind,
    Looked,
    MovedPage,
    Way,
    sought,
    term,
)
from bot.domain.tastes import logins_of
from bot.domain.wallets import PostingKind
from bot.services.catalog import Catalog
from bot.services.customers import Customers
from bot.services.orders import PAGE, Orders
from bot.services.rows import ORDER, order_of
from bot.services.terms import Terms
from bot.services.wallets import customer_of, posting

log = structlog.stdlib.get_logger(__name__)

AT_ONCE = 100
"""Deliveries that get their terms in one round."""
MOST_WAYS = 8
_NUMBER = re.compile(r"[#№]?(?P<number>[1-9][0-9]{0,14})", re.ASCII)
_VALUE = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_MOVEMENTS: BindParameter[Any] = bindparam(
    "kinds", (PostingKind.TOPUP, PostingKind.DEBIT), expanding=True, literal_execute=True
)
"""In the statement itself: SQLite does not see that bound values fit a partial index."""
_CURRENCY = re.compile(r"\s*USDT?\Z", re.ASCII | re.IGNORECASE)


class Search:
    """Orders by number, provider, host or username; for owners by more, and anybody's.

    `mine` is whose orders are looked through; None looks through all, for owners alone.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        catalog: Catalog,
        customers: Customers,
        orders: Orders,
    ) -> None:
        self._database = database
        self._vault = vault
        self._catalog = catalog
        self._customers = customers
        self._orders = orders
        self._terms = Terms(vault)
        self._is_caught_up = False

    async def look(self, words: str, mine: CustomerId | None) -> Looked:
        """Everything that the words can mean and that leads on."""
        words = words.strip()
        if not 0 < len(words) <= LONGEST or not words.isprintable():
            return Looked("", ())
        name = sought(words)
        ways = [*await self._numbered(words, mine), *self._providers(words)]
        more = await self._for_owners(words) if mine is None else []
        fitting = [
            *[way for way in ways if await self._leads_on(way, mine)],
            *await self._delivered(name, mine),
            *[way for way in more if await self._leads_on(way, mine)],
        ]
        return Looked(name, tuple(dict.fromkeys(fitting))[:MOST_WAYS])

    async def page(self, way: Way, mine: CustomerId | None, before: int) -> FoundPage:
        """Orders that one way leads to, older than `before` (0: the newest), newest first.

        Raises `NotFound` for a way that no button of ours says.
        """
        query, key = self.query(way, mine)
        if before:
            query = query.where(key < before)
        async with self._database.read() as reader:
            found = await reader.execute(query.order_by(key.desc()).limit(PAGE + 1))
            rows = found.all()
        orders = tuple(
            (order_of(row), Person(CustomerId(row.customer_id), row.person, row.username))
            for row in rows[:PAGE]
        )
        return FoundPage(way, orders, rows[PAGE - 1].id if len(rows) > PAGE else None)

    async def moved(self, way: Way, before: int) -> MovedPage:
        """Top-ups and debits of one amount, older than `before` (0: the newest), newest first.

        For owners alone. Raises `NotFound` for a way that no button of ours says.
        """
        query = self.movements(way)
        if before:
            query = query.where(PostingRow.id < before)
        async with self._database.read() as reader:
            rows = (await reader.execute(query.limit(PAGE + 1))).all()
            moved = [
                (posting(row, -1), customer_of(row.source))
                if row.kind == PostingKind.DEBIT
                else (posting(row, 1), customer_of(row.destination))
                for row in rows[:PAGE]
            ]
            people = await reader.execute(
                select(CustomerRow.id, CustomerRow.name, CustomerRow.username).where(
                    CustomerRow.id.in_({whose for _, whose in moved})
                )
            )
            known = {
                row.id: Person(CustomerId(row.id), row.name, row.username) for row in people.all()
            }
        return MovedPage(
            way,
            tuple((one, known[whose]) for one, whose in moved),
            rows[PAGE - 1].id if len(rows) > PAGE else None,
        )

    async def stray(self, way: Way) -> FoundStray:
        """The upstream's order that serves none of ours; for owners alone; else `NotFound`."""
        if way.kind is not Kind.STRAY or not _VALUE.fullmatch(way.value):
            raise NotFound
        async with self._database.read() as reader:
            row = (
                await reader.execute(
                    select(UpstreamOrderRow.__table__, LaneRow.upstream)
                    .join(LaneRow, LaneRow.id == UpstreamOrderRow.lane_id)
                    .where(
                        UpstreamOrderRow.id == int(way.value),
                        UpstreamOrderRow.order_id.is_(None),
                    )
                )
            ).one_or_none()
        if row is None:
            raise NotFound
        order = UpstreamOrder(row.id, row.reference, row.provider, row.plan, row.seen_at)
        return FoundStray(row.upstream, LaneId(row.lane_id), order)

    def movements(self, way: Way) -> Select[Any]:
        """The top-ups and debits that one way leads to, newest first."""
        if way.kind is not Kind.MOVED or not _VALUE.fullmatch(way.value):
            raise NotFound
        return (
            select(PostingRow.__table__)
            .where(
                PostingRow.kind.in_(_MOVEMENTS),
                PostingRow.micros == int(way.value),
            )
            .order_by(PostingRow.id.desc())
        )

    def query(self, way: Way, mine: CustomerId | None) -> tuple[Select[Any], Any]:
        """The orders that one way leads to, and the column that pages go by."""
        query = select(*ORDER, CustomerRow.name.label("person"), CustomerRow.username).join(
            CustomerRow, CustomerRow.id == OrderRow.customer_id
        )
        if way.kind is Kind.TERM:
            query = query.join(SearchTermRow, SearchTermRow.order_id == OrderRow.id).where(
                SearchTermRow.term == way.value
            )
            if mine is not None:
                query = query.where(SearchTermRow.customer_id == mine)
            return query, SearchTermRow.order_id
        if not _VALUE.fullmatch(way.value):
            raise NotFound
        number = int(way.value)
        match way.kind:
            case Kind.PROVIDER if mine is not None:
                # One customer's orders are few: the index of the provider's must not be taken.
                query = query.where(OrderRow.provider_id + 0 == number)
            case Kind.PROVIDER:
                query = query.where(OrderRow.provider_id == number)
            case Kind.AMOUNT if mine is None:
                query = query.where(OrderRow.price_micros == number)
            case Kind.PERSON if mine is None:
                query = query.where(OrderRow.customer_id == number)
            case _:
                raise NotFound
        return (query if mine is None else query.where(OrderRow.customer_id == mine)), OrderRow.id

    async def catch_up(self) -> None:
        """Make the terms that are missing: of rows from before, or made in another way."""
        if self._is_caught_up:
            return
        made = self._terms.made_with
        query = (
            select(DeliveryRow.order_id, OrderRow.customer_id)
            .join(OrderRow, OrderRow.id == DeliveryRow.order_id)
            # As ranges, so that the index finds the few among many that are done.
            .where(
                or_(
                    DeliveryRow.indexed_with.is_(None),
                    DeliveryRow.indexed_with < made,
                    DeliveryRow.indexed_with > made,
                )
            )
            .limit(AT_ONCE)
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        for row in rows:
            order = OrderId(row.order_id)
            try:
                _, delivery = await self._orders.delivered(order)
            except NotFound:
                delivery = None
            except SealBroken:
                # Nobody can show it either; it must not keep the others waiting for ever.
                log.warning("a delivery cannot be opened", order=order)
                delivery = None
            async with self._database.write() as tx:
                await self._terms.write(tx, order, CustomerId(row.customer_id), delivery)
        self._is_caught_up = len(rows) < AT_ONCE

    async def _numbered(self, words: str, mine: CustomerId | None) -> list[Way]:
        found = _NUMBER.fullmatch(words)
        if found is None:
            return []
        try:
            order = await self._orders.find(OrderId(int(found["number"])))
        except NotFound:
            return []
        is_shown = mine is None or order.customer == mine
        return [Way(Kind.ORDER, str(order.id), str(order.id))] if is_shown else []

    def _providers(self, words: str) -> list[Way]:
        wanted = words.casefold()
        fitting = [
            one
            for one in self._catalog.providers
            if wanted in one.name.casefold() or wanted in one.code.casefold()
        ]
        exact = [one for one in fitting if wanted in {one.name.casefold(), one.code.casefold()}]
        return [Way(Kind.PROVIDER, str(one.id), one.name) for one in exact or fitting]

    async def _delivered(self, name: str, mine: CustomerId | None) -> list[Way]:
        """By host or username; else by its login, as country and session may be the customer's."""
        for known in (term(name), *sorted(logins_of(term(name)))):
            way = Way(Kind.TERM, self._vault.term(known), name)
            if await self._leads_on(way, mine):
                return [way]
        return []

    async def _for_owners(self, words: str) -> list[Way]:
        ways = []
        async with self._database.read() as reader:
            bound = await reader.scalars(
                # By lane first: that is how the unique key goes.
                select(OrderRow.id).where(
                    OrderRow.lane_id.in_(select(LaneRow.id)),
                    OrderRow.upstream_order_id == words,
                )
            )
            ways += [Way(Kind.ORDER, str(order), str(order)) for order in bound.all()]
            strays = await reader.scalars(
                select(UpstreamOrderRow.id).where(
                    UpstreamOrderRow.lane_id.in_(select(LaneRow.id)),
                    UpstreamOrderRow.reference == words,
                    UpstreamOrderRow.order_id.is_(None),
                )
            )
            ways += [Way(Kind.STRAY, str(stray), words) for stray in strays.all()]
        try:
            price = parse_amount(_CURRENCY.sub("", words))
        except BadAmount:
            pass
        else:
            ways.append(Way(Kind.AMOUNT, str(price.micros), str(price)))
            ways.append(Way(Kind.MOVED, str(price.micros), str(price)))
        try:
            person = await self._customers.find(words)
        except NotFound:
            pass
        else:
            ways.append(Way(Kind.PERSON, str(person.id), str(person)))
        return ways

    async def _leads_on(self, way: Way, mine: CustomerId | None) -> bool:
        # A person without orders still has a wallet.
        if way.kind in {Kind.ORDER, Kind.STRAY, Kind.PERSON}:
            return True
        query = self.movements(way) if way.kind is Kind.MOVED else self.query(way, mine)[0]
        async with self._database.read() as reader:
            return (await reader.execute(query.limit(1))).first() is not None

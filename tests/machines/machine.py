"""A machine: a real shop on a database of its own, moved by steps and compared with its books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test
from sqlalchemy import select

from bot.db.models import PostingRow, WalletRow
from bot.domain.customers import Customer
from bot.domain.errors import CustomerError
from bot.domain.money import Money
from bot.domain.orders import Claim
from bot.domain.requests import RequestId, TopUp, TopUpPreview
from bot.domain.wallets import Balance
from bot.services.audit import totals_of
from tests.bench import OWNER, Bench, HandClock, opened, sandbox_for
from tests.inline import without_threads
from tests.machines.books import Books

T = TypeVar("T")

PEOPLE = (1, 2, 3)
PLANS = (("nodemaven", "0.120"), ("nodemaven", "1"), ("dataimpulse", "1"))
READ_AGAIN = timedelta(minutes=4)
"""Sooner than the catalogue counts as too old to be sold from."""

Blanks = Callable[[], AbstractContextManager[str]]
"""Gives the URL of a migrated and empty database, for as long as one example takes."""


class ShopMachine(RuleBasedStateMachine):
    """One example. The loop runs only while a step waits for it: nothing happens in between."""

    def __init__(self, blanks: Blanks, seen: Counter[str], *, balance: int) -> None:
        super().__init__()
        self.seen = seen
        """How often each thing happened that a run must have tried, over all of its examples."""
        self.books = Books()
        self.clock = HandClock()
        self.customers: dict[int, Customer] = {}
        self._audited = 0
        """How many postings there were when the audit last ran: it looks at nothing else."""
        self._loop = asyncio.new_event_loop()
        self._open = ExitStack()
        self._open.callback(self._loop.close)
        try:
            url = self._open.enter_context(blanks())
            shop = opened(url, sandbox_for(self.clock), self.clock)
            self.bench: Bench = self.run(shop.__aenter__())
            # What nobody has an interest in any more is still audited on the way out.
            self._open.callback(lambda: self.run(shop.__aexit__(None, None, None)))
            self._read_at = self.clock.now()
            for number in PEOPLE:
                self.customers[number] = self.run(self.bench.customer(number))
                self.books.wallets[number] = 0
                if balance:
                    self.top_up(number, balance)
        except BaseException:
            self._open.close()
            raise

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Let the shop do one thing to its end."""
        return self._loop.run_until_complete(step)

    def outcome(self, step: Coroutine[Any, Any, T]) -> T | type[CustomerError]:
        """What a step gives, or which refusal it is."""
        try:
            return self.run(step)
        except CustomerError as refusal:
            return type(refusal)

    def together(self, *steps: Coroutine[Any, Any, T]) -> list[T | type[CustomerError]]:
        """What steps that begin at the same moment give."""

        async def all_of_them() -> list[T | BaseException]:
            return await asyncio.gather(*steps, return_exceptions=True)

        outcomes: list[T | type[CustomerError]] = []
        for one in self.run(all_of_them()):
            if isinstance(one, CustomerError):
                outcomes.append(type(one))
            elif isinstance(one, BaseException):
                raise one
            else:
                outcomes.append(one)
        return outcomes

    def turn(self, seconds: float) -> None:
        """Let time pass, and the catalogue be read as often as its job does."""
        self.clock.turn(seconds)
        if self.clock.now() - self._read_at > READ_AGAIN:
            self.run(self.bench.refresh())
            self._read_at = self.clock.now()

    def claim(self, plan: int, intent: int, *, off_by: int = 0) -> Claim:
        """What a Buy button says, `off_by` micro-units beside today's price."""
        offer = self.bench.offer(*PLANS[plan])
        price = Money(offer.price.micros + off_by)
        return replace(Claim.of(offer, f"{intent:016x}", again=True), price=price)

    def top_up(self, customer: int, micros: int) -> None:
        """Money that is simply there, for machines that are about something else."""
        request = self.run(self.ask(customer, micros, is_debit=False)).request
        self.run(self.confirm(request))
        self.books.top_up(request, customer, micros)

    async def ask(self, customer: int, micros: int, *, is_debit: bool) -> TopUpPreview:
        """What an owner's /topup or /debit does."""
        asked = TopUp(self.customers[customer].id, Money(micros), "said", is_debit)
        return await self.bench.shop.wallets.preview(asked, OWNER)

    async def confirm(self, request: RequestId) -> Balance:
        """What the owner's tap on Confirm does."""
        asked = await self.bench.shop.requests.open(request, OWNER)
        return await self.bench.shop.wallets.confirm(asked, OWNER)

    @invariant()
    def the_ledger_says_what_the_books_say(self) -> None:
        """Conserved, never below zero, every event once; and the audit finds nothing."""
        self.run(self._compare())

    async def _compare(self) -> None:
        shop, books = self.bench.shop, self.books
        async with shop.database.read() as reader:
            rows = await reader.execute(select(WalletRow.customer_id, WalletRow.balance))
            wallets = {row.customer_id: row.balance for row in rows.all()}
            references = (
                await reader.scalars(select(PostingRow.reference).order_by(PostingRow.id))
            ).all()
        assert wallets == books.wallets
        assert min(wallets.values()) >= 0
        assert list(references) == books.references
        if len(references) != self._audited:
            self._audited = len(references)
            async with shop.database.read() as reader:
                totals = await totals_of(reader)
            report = await shop.audit.run()
            assert {name: totals[name] for name in books.totals} == books.totals
            assert totals["parts"] == totals["paid in"]
            assert report.is_green, report.differences

    def teardown(self) -> None:
        self._open.close()


def prove(
    machine: Callable[[Blanks, Counter[str]], ShopMachine],
    blanks: Blanks,
    *,
    examples: int,
    steps: int,
    chance: int | None = None,
) -> Counter[str]:
    """Try so many examples of at most so many steps; what happened in them, and how often.

    Raises at the first example that differs from its books, made as short as it can be. Without
    `chance` the examples are always the same ones.
    """
    seen: Counter[str] = Counter()

    def example() -> ShopMachine:
        return machine(blanks, seen)

    with without_threads():
        run_state_machine_as_test(
            # It asks for a class, and calls it: nothing else is done with it.
            cast("type[ShopMachine]", example if chance is None else seed(chance)(example)),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                derandomize=chance is None,
                database=None,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    return seen

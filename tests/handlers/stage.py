"""A stage for handlers: people, the fake Telegram and the loop, with customers kept in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiogram import Bot, Dispatcher

from bot.demo.telegram import Person, Telegram
from bot.domain.customers import Customer as Known
from bot.domain.customers import ShopInfo, Visitor
from bot.domain.money import Money
from bot.domain.orders import CustomerId
from bot.handlers import routes
from bot.handlers.polling import Polling
from bot.handlers.render import Renderer
from bot.handlers.routes import Route
from tests.telegram import ALICE, Customer, ManualClock, Settle, bot_of, settling, task_group


class Customers:
    """Customers as the service gives them, kept in memory; `writes` is what it would write."""

    def __init__(self) -> None:
        self.known: dict[int, Known] = {}
        self.gone: set[int] = set()
        self.arrivals: list[tuple[Visitor, int | None]] = []
        self.writes: list[tuple[str, object]] = []
        self.failures: list[Exception] = []

    async def arrive(self, visitor: Visitor, message_id: int | None) -> Known:
        if self.failures:
            raise self.failures.pop(0)
        self.arrivals.append((visitor, message_id))
        made = Known(
            visitor.id, visitor.name, visitor.username, visitor.language or "en", Money(0),
            None, None, is_blocked=False, is_owner=False, wants_sales=False,
        )  # fmt: skip
        return self.known.setdefault(visitor.id, made)

    async def remember(self, customer: CustomerId, prompt: str | None) -> None:
        self.writes.append(("remember", prompt))
        self.known[customer] = replace(self.known[customer], prompt=prompt)

    async def unreachable(self, customer: CustomerId) -> None:
        self.gone.add(customer)

    async def reachable(self, customer: CustomerId) -> None:
        self.gone.discard(customer)

    def change(self, person: Person, **changed: object) -> None:
        self.known[person.id] = replace(self.known[person.id], **changed)  # type: ignore[arg-type]


@dataclass(slots=True)
class Stage:
    """Everything between a person and a handler."""

    core: Telegram
    bot: Bot
    clock: ManualClock
    customers: Customers
    renderer: Renderer
    polling: Polling
    settle: Settle
    alice: Customer
    dispatcher: Dispatcher
    conflicts: list[float] = field(default_factory=list)

    def person(self, person: Person) -> Customer:
        return Customer(self.core, self.settle, person)


@asynccontextmanager
async def stage(*table: Route) -> AsyncIterator[Stage]:
    """The real loop, middlewares and renderer around these routes."""
    clock = ManualClock()
    core = Telegram(clock=lambda: clock.now().timestamp(), people=[ALICE])
    bot = bot_of(core)
    customers = Customers()
    info = ShopInfo(None, core.bot_username)
    dispatcher = Dispatcher(disable_fsm=True, customers=customers, shop_info=info)
    dispatcher.include_router(routes(clock, table))
    conflicts: list[float] = []

    async def tell() -> None:
        conflicts.append(clock.elapsed())

    async with task_group() as tasks:
        renderer = Renderer(bot, sleep=clock.sleep)
        polling = Polling(
            bot, dispatcher, renderer, tasks, clock, on_conflict=tell, sleep=clock.sleep
        )
        settle = settling(polling)
        alice = Customer(core, settle)
        yield Stage(
            core, bot, clock, customers, renderer, polling, settle, alice, dispatcher, conflicts
        )

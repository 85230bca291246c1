"""The shop floor of every story: the real app, people in front of it, a pretend upstream behind.

On the way out of a story the books are audited, the upstream's own orders are compared with the
shop's, and everything that was said in Telegram is looked through once more.
"""

from __future__ import annotations

import gc
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import stamina
from sqlalchemy import select

from bot.app import Shop
from bot.db.models import OrderRow
from bot.demo.telegram import Message, Person, Telegram
from bot.domain.customers import ShopInfo
from bot.domain.money import Money
from bot.domain.orders import CustomerId, Order, OrderState
from bot.process import TelegramSide, telegram_side
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import STAT_ORDER_PATH, StatProxiesSandbox
from tests.bench import OTHER_OWNER, OWNER, Bench, HandClock, opened, sandbox_for
from tests.inline import no_threads  # noqa: F401 - a fixture of every test here
from tests.telegram import ALICE, BORIS, Customer, Settle, bot_of, settling, task_group

OLGA = Person(OWNER, "Olga", "olga_owner")
OTTO = Person(OTHER_OWNER, "Otto", "otto_owner")
MOST_WAITING = 120
"""Seconds in which everything owed by now must have been sent."""

_HARMLESS = ("not modified", "message to edit not found", "no text in the message to edit",
             "chat not found", "blocked by the user", "can't initiate conversation")  # fmt: skip
_NOT_FOR_CUSTOMERS = re.compile(
    r"GateProxy|StatProxies|stripe|(?i:upstream)|\bNone\b|Traceback|gpk_live|order_processing|provider_error"
    r"|insufficient_balance|unauthorized|invalid_plan|invalid_json|provider_not_found"
    r"|no_envelope|in_doubt|not_json"
)


@dataclass(slots=True)
class ShopFloor:
    """The running shop with everybody around it; nothing happens unless a story lets it."""

    bench: Bench
    core: Telegram
    telegram: TelegramSide
    settle: Settle
    owner: Customer
    """Olga, who runs the shop and has started the bot before anybody else."""
    stat: StatProxiesSandbox | None = None
    """The pretend StatProxies, where the story sells it."""
    strays: set[str] = field(default_factory=set)
    """Upstream orders that by the end of the story are none of the shop's."""
    _jobs_at: dict[str, float] = field(default_factory=dict)

    @property
    def shop(self) -> Shop:
        return self.bench.shop

    @property
    def sandbox(self) -> GateProxySandbox:
        return self.bench.sandbox

    @property
    def clock(self) -> HandClock:
        return self.bench.clock

    async def person(self, person: Person, *, balance: str = "0") -> Customer:
        """Somebody who has started the bot, with this balance."""
        came = Customer(self.core, self.settle, person, self.balance_of)
        await came.send("/start")
        if balance != "0":
            await self.top_up(came, balance)
        return came

    async def top_up(self, customer: Customer, amount: str) -> None:
        """What an owner does with /topup and Confirm."""
        await self.bench.top_up(CustomerId(customer.id), amount)
        await self.settle()

    async def show(self, customer: Customer, provider: str, plan: str) -> None:
        """Send a customer the link to a plan, by the upstream's codes, and have it opened."""
        await customer.send(f"/start l_{self.plan_id(provider, plan)}")

    async def pass_time(self, seconds: float, *, step: float | None = None) -> None:
        """Let time pass, and do meanwhile whatever the app does on its own."""
        step = step or max(1.0, seconds / 15)
        left = float(seconds)
        while left > 0:
            self.clock.turn(min(step, left))
            left -= step
            await self._run_jobs()
            await self.settle()

    async def refresh(self) -> None:
        """Read the price list now, as the job does every minute."""
        await self.bench.refresh()

    async def orders(self, customer: Customer) -> list[Order]:
        """The customer's orders, newest first."""
        return list((await self.shop.orders.page(CustomerId(customer.id), 0)).orders)

    async def order(self, customer: Customer) -> Order:
        """The customer's newest order."""
        return (await self.orders(customer))[0]

    async def state(self, customer: Customer) -> OrderState:
        """Where the customer's newest order stands."""
        return (await self.order(customer)).state

    async def balance_of(self, customer: int) -> Money:
        """What somebody can spend, by the shop's books."""
        statement = await self.shop.wallets.statement(CustomerId(customer), 0)
        return statement.balance.available

    async def held(self, customer: Customer) -> Money:
        """The customer's money that is held for open orders."""
        return (await self.shop.wallets.statement(CustomerId(customer.id), 0)).balance.held

    def plan_id(self, provider: str, plan: str) -> int:
        """The shop's own number of a plan, by the upstream's codes."""
        return self.bench.offer(provider, plan).plan.id

    async def audit(self) -> None:
        """What must be true at the end of every story."""
        report = await self.shop.audit.run()
        assert report.is_green, report.differences
        await self._compare_orders()
        self._look_through_what_was_said()

    async def _run_jobs(self) -> None:
        now = self.clock.elapsed()
        for job in self.shop.jobs.all():
            # The heartbeat is a file for the container's health check.
            if job.name != "heartbeat" and self._jobs_at.setdefault(job.name, now) <= now:
                self._jobs_at[job.name] = now + job.seconds
                await job.run()

    async def _compare_orders(self) -> None:
        query = select(OrderRow.upstream_order_id, OrderRow.provider, OrderRow.plan).where(
            OrderRow.upstream_order_id.is_not(None)
        )
        async with self.shop.database.read() as reader:
            ours = sorted(tuple(row) for row in (await reader.execute(query)).all())
        made = [(one.reference, one.provider, one.plan) for one in self.sandbox.orders]
        if self.stat is not None:
            made += [(one.reference, "statproxies", one.product) for one in self.stat.orders]
        assert ours == sorted(one for one in made if one[0] not in self.strays)

    def _look_through_what_was_said(self) -> None:
        owners = self.shop.outbox.owners
        for call in self.core.calls:
            answer, text = call.answer, str(call.params.get("text", ""))
            if answer is not None and answer.status in {400, 403, 404}:
                assert any(words in answer.description for words in _HARMLESS), answer
            assert "gpk_live" not in text
            assert "sk_live" not in text
            assert "went wrong on our side" not in text
            if int(call.params.get("chat_id", OWNER)) not in owners:
                found = _NOT_FOR_CUSTOMERS.search(text)
                assert found is None, text
        waiting = [query.id for query in self.core._queries.values() if query.answer is None]
        assert not waiting, "taps whose spinner still turns"


def copied(message: Message) -> dict[str, str]:
    """What the buttons of a message copy, by label."""
    return {
        button["text"]: button["copy_text"]["text"]
        for button in message.buttons
        if "copy_text" in button
    }


def labels(message: Message) -> list[str]:
    """The labels of a message's buttons."""
    return [button["text"] for button in message.buttons]


def links(message: Message) -> dict[str, str]:
    """What the buttons of a message open, by label."""
    return {button["text"]: button["url"] for button in message.buttons if "url" in button}


@pytest.fixture(autouse=True, scope="session")
def _what_is_imported_stays() -> Iterator[None]:
    # As the app does at its start: a full collection looks at everything imported otherwise.
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _reads_are_repeated_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def clock() -> HandClock:
    """Time for the shop, Telegram and the upstream; it passes when a story says so."""
    return HandClock()


@pytest.fixture
def sandbox(clock: HandClock) -> GateProxySandbox:
    """The pretend GateProxy: `orders` it made, `count` of requests, `faults` to come."""
    return sandbox_for(clock)


@pytest.fixture
def stat() -> StatProxiesSandbox | None:
    """A pretend StatProxies; stories that sell it have one."""
    return None


@pytest.fixture
def stat_path() -> str:
    """The setting STATPROXIES_ORDER_PATH."""
    return STAT_ORDER_PATH


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings that a story needs to be different: `parametrize("settings", [{…}])`."""
    return {}


@pytest.fixture
async def app(
    database_url: str,
    sandbox: GateProxySandbox,
    clock: HandClock,
    settings: dict[str, object],
    stat: StatProxiesSandbox | None,
    stat_path: str,
) -> AsyncIterator[ShopFloor]:
    """The whole shop; audited on the way out."""
    core = Telegram(clock=lambda: clock.now().timestamp(), people=[OLGA, OTTO])
    async with (
        opened(database_url, sandbox, clock, stat, stat_path, **settings) as bench,
        task_group() as tasks,
    ):
        shop = bench.shop
        info = ShopInfo(shop.settings.support.removeprefix("@") or None, core.bot_username)
        telegram = telegram_side(shop, bot_of(core), info, tasks)
        waited = 0

        async def work() -> bool:
            nonlocal waited
            await bench.work()
            if await telegram.courier.step():
                waited = 0
                return True
            if not await shop.outbox.due():
                waited = 0
                return False
            # Telegram takes one message a second for a chat, so the rest has to wait.
            waited += 1
            assert waited < MOST_WAITING, await shop.outbox.due()
            clock.turn(1)
            return True

        settle = settling(telegram.polling, work)
        owner = Customer(core, settle, OLGA)
        floor = ShopFloor(bench, core, telegram, settle, owner, stat)
        owner.wallet = floor.balance_of
        await owner.send("/start")
        yield floor
        await floor.settle()
        await floor.audit()


@pytest.fixture
async def customer(app: ShopFloor) -> Customer:
    """Alice, who has started the bot and holds 10.00 USD."""
    return await app.person(ALICE, balance="10")


@pytest.fixture
async def boris(app: ShopFloor) -> Customer:
    """Boris, whose Telegram is in Russian; he holds 10.00 USD as well."""
    return await app.person(BORIS, balance="10")


@pytest.fixture
def owner(app: ShopFloor) -> Customer:
    """Olga, who runs the shop."""
    return app.owner


@pytest.fixture
async def other_owner(app: ShopFloor) -> Customer:
    """Otto, who runs the shop with her."""
    return await app.person(OTTO)

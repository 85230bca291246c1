"""The people of a simulated history: customers who tap too often, owners who decide twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bot.app import Shop
from bot.domain.customers import Customer, Visitor
from bot.domain.errors import CustomerError
from bot.domain.exchanges import Exchanged
from bot.domain.money import Money
from bot.domain.orders import Claim, CustomerId, Line, Order, OrderId
from bot.domain.requests import Request, TopUp
from tests.bench import OTHER_OWNER, OWNER

if TYPE_CHECKING:
    from tests.faults.history import History

CUSTOMERS: Final = 3
ACTS: Final = (
    "tap", "double tap", "late tap", "tap by two", "forged price", "forged intent", "old price",
    "cancel", "top-up", "top-up confirmed twice", "debit", "debit of too much", "refund",
    "refund tapped twice", "markup", "given back", "handed over", "bound", "kept waiting",
    "decided by two", "complaint", "pieces", "exchange", "exchange tapped twice",
    "exchange from two screens",
)  # fmt: skip
"""What people do."""
_EXCHANGES: Final = ("exchange", "exchange tapped twice", "exchange from two screens")
_DECISIONS: Final = (
    "given back", "handed over", "kept waiting", "decided by two", "bound", "handed over",
)  # fmt: skip
_TAPS, _TAP_WEIGHTS = zip(
    *(
        ("tap", 8), ("double tap", 3), ("late tap", 2), ("tap by two", 1), ("forged price", 2),
        ("forged intent", 1), ("old price", 1), ("cancel", 2), ("complaint", 1),
    ),
    strict=True,
)  # fmt: skip


@dataclass(slots=True)
class Intent:
    """One confirm screen that somebody saw, and what came of tapping Buy on it."""

    customer: int
    claims: list[Claim] = field(default_factory=list)
    """Every claim that came with it; the first is the screen's own."""
    orders: set[int] = field(default_factory=set)
    """The orders that answers named."""


class Crowd:
    """Everybody who taps, and what the oracle must know of them."""

    def __init__(self, history: History, chance: random.Random) -> None:
        self._history = history
        self._chance = chance
        self.intents: dict[tuple[int, str], Intent] = {}
        self.topped_up: Counter[int] = Counter()
        """Micros that confirmed top-ups, less debits, put into each wallet."""
        self.wishes: defaultdict[int, set[str]] = defaultdict(set)
        """The intents of every exchange that was tapped for, by order."""
        self.handed_over: dict[int, str] = {}
        self.is_attended = history.seed % 9 != 4
        """Owners decide about what needs a person."""
        self._customers: dict[int, Customer] = {}
        self._is_popular = chance.random() < 0.5
        """Everybody wants the same, so that orders of one kind meet."""
        self._patience: Counter[int] = Counter()
        self._decisions = history.turns.of(_DECISIONS, 1)
        self._exchange_taps = history.turns.of(_EXCHANGES, 2)
        self._served = asyncio.Event()
        self._shopping = CUSTOMERS
        self._bought = asyncio.Event()

    @property
    def is_shopping(self) -> bool:
        """Whether anybody still buys."""
        return not self._bought.is_set()

    def lives(self, lasts: float) -> list[Coroutine[Any, Any, None]]:
        """What everybody does for about so many seconds."""
        return [
            *(self._customer(one, lasts, self._own()) for one in range(1, CUSTOMERS + 1)),
            *([] if self._history.stat is None else [self._exchanges(self._own())]),
            self._owner(lasts, self._own()),
            self._attend(),
            self._wait(lasts),
        ]

    async def _wait(self, lasts: float) -> None:
        """Nobody goes home before all that was bought is asked for."""
        await asyncio.sleep(lasts)
        await self._bought.wait()
        await self._history.served()
        self._served.set()

    def _own(self) -> random.Random:
        return random.Random(self._chance.random())

    async def _customer(self, number: int, lasts: float, chance: random.Random) -> None:
        visitor = Visitor(CustomerId(number), f"Customer {number}", f"customer_{number}", "en")
        customer = await self._history.ask(lambda shop: shop.customers.arrive(visitor, None))
        self._customers[number] = customer
        await self._move_money(number, chance.randrange(500, 4_000), is_debit=False)
        for _ in range(chance.randrange(4, 8)):
            await asyncio.sleep(chance.choice([0.1, 1, 10, lasts / 3]) * chance.random())
            await self._buy(customer, chance)
        self._shopping -= 1
        if self._shopping == 0:
            self._bought.set()

    async def _buy(self, customer: Customer, chance: random.Random) -> None:
        claim = await self._screen(chance)
        if claim is None:
            return
        act = chance.choices(_TAPS, _TAP_WEIGHTS)[0]
        self._history.seen[act] += 1
        match act:
            case "double tap":
                # All at once, and their answers must be one.
                taps = [self._tap(customer, claim) for _ in range(chance.randrange(2, 5))]
                await asyncio.gather(*taps)
            case "late tap":
                await self._tap(customer, claim)
                await asyncio.sleep(chance.uniform(1, 200))
                forged = replace(claim, price=Money(claim.price.micros // 3 + 1), again=False)
                await self._tap(customer, chance.choice([claim, forged]))
            case "tap by two":
                other = self._customers[chance.choice(sorted(self._customers))]
                await asyncio.gather(self._tap(customer, claim), self._tap(other, claim))
            case "forged price":
                micros = chance.choice([1, claim.price.micros // 2 + 1, claim.price.micros - 1])
                forged = replace(claim, price=Money(micros))
                answer = await self._tap(customer, forged)
                if isinstance(answer, Line):
                    self._history.problems.append(f"bought for a price that nobody set: {micros}")
            case "forged intent":
                intent = chance.choice(["", "x" * 16, claim.intent.upper() + "Z", "0" * 17])
                answer = await self._tap(customer, replace(claim, intent=intent, again=False))
                if isinstance(answer, Line):
                    self._history.problems.append(f"bought with an intent like {intent!r}")
            case "old price":
                await asyncio.sleep(chance.uniform(30, 120))
                await self._tap(customer, claim)
            case "cancel":
                line = await self._tap(customer, claim)
                if isinstance(line, Line):
                    await asyncio.sleep(chance.uniform(15, 40))
                    order = line.order.id
                    for _ in range(chance.randrange(1, 3)):
                        await self._history.try_to(
                            f"cancel {order}", lambda shop: shop.orders.cancel(customer.id, order)
                        )
            case "complaint":
                line = await self._tap(customer, claim)
                if isinstance(line, Line):
                    order = line.order.id
                    await self._history.try_to(
                        f"complain {order}", lambda shop: shop.orders.complain(customer.id, order)
                    )
            case _:
                await self._tap(customer, claim)

    async def _screen(self, chance: random.Random) -> Claim | None:
        """A fresh confirm screen: what its Buy button says."""

        async def draw(shop: Shop) -> Claim | None:
            plans = shop.catalog.plans
            if not plans:
                return None
            by_the_piece = tuple(plan for plan in plans if plan.most > 1)
            if by_the_piece and chance.random() < 0.35:
                plans = by_the_piece
            offer = shop.catalog.offer(chance.choice(plans[:2] if self._is_popular else plans).id)
            pieces = chance.randrange(1, min(offer.plan.most, 3) + 1)
            again = chance.random() < 0.8
            return Claim.of(offer, "", again=again, quantity=pieces)

        drawn = await self._history.try_to("screen", draw)
        if not isinstance(drawn, Claim):
            await asyncio.sleep(5)
            return None
        if drawn.quantity > 1:
            self._history.seen["pieces"] += 1
        return replace(drawn, intent=f"{chance.getrandbits(64):016x}")

    async def _tap(self, customer: Customer, claim: Claim) -> Line | CustomerError:
        intent = self.intents.setdefault((customer.id, claim.intent), Intent(customer.id))
        intent.claims.append(claim)
        answer = await self._history.try_to(
            f"customer {customer.id} buys {claim.plan} at {claim.price.micros}",
            lambda shop: shop.orders.accept(customer, claim, None),
        )
        if isinstance(answer, Line):
            intent.orders.add(answer.order.id)
        return answer

    async def _exchanges(self, chance: random.Random) -> None:
        """Customers want other proxies in the place of what they have, and tap too often."""
        while not self._served.is_set():
            await asyncio.sleep(chance.uniform(1, 15) * (1 if self.is_shopping else 3))
            rows = self._history.look(
                "SELECT id, customer_id FROM orders WHERE provider = 'statproxies'"
                " AND state = 'delivered' ORDER BY id"
            )
            if rows:
                order, customer = chance.choice(rows)
                await self._exchange(OrderId(order), CustomerId(customer), chance)

    async def _exchange(self, order: OrderId, customer: CustomerId, chance: random.Random) -> None:
        act = next(self._exchange_taps)
        self._history.seen[act] += 1
        intents = [f"{chance.getrandbits(64):016x}" for _ in range(2)]
        taps = {
            "exchange": intents[:1],
            "exchange tapped twice": intents[:1] * chance.randrange(2, 5),
            "exchange from two screens": intents,
        }
        await asyncio.gather(
            *(
                self._history.try_to(
                    f"{act} {order}", partial(self._wish, customer, order, intent)
                )
                for intent in taps[act]
            )
        )
        self.wishes[order] |= set(taps[act])

    async def _wish(
        self, customer: CustomerId, order: OrderId, intent: str, shop: Shop
    ) -> Exchanged | None:
        return await shop.exchanges.ask(customer, order, intent)

    # Owners

    async def _owner(self, lasts: float, chance: random.Random) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + lasts
        while loop.time() < end:
            await asyncio.sleep(chance.uniform(1, 30))
            if not self._customers:
                continue
            number = chance.choice(sorted(self._customers))
            match chance.randrange(6):
                case 0 | 1:
                    times = chance.randrange(1, 4)
                    await self._move_money(
                        number, chance.randrange(1, 3_000), is_debit=False, times=times
                    )
                case 2:
                    await self._move_money(number, chance.randrange(1, 600), is_debit=True)
                case 3:
                    await self._move_money(number, 90_000_000, is_debit=True)
                case 4:
                    await self._refund(chance)
                case _:
                    await self._mark_up(chance)

    async def _move_money(
        self, number: int, cents: int, *, is_debit: bool, times: int = 1
    ) -> None:
        asked = TopUp(CustomerId(number), Money(cents * 10_000), "because", is_debit)
        request = await self._previewed(lambda shop: shop.wallets.preview(asked, OWNER))
        if is_debit:
            self._history.seen["debit" if cents < 1_000 else "debit of too much"] += 1
        else:
            self._history.seen["top-up" if times == 1 else "top-up confirmed twice"] += 1
        if request is None:
            return
        answers = await asyncio.gather(
            *(
                self._history.try_to(
                    f"{'debit' if is_debit else 'top-up'} of {cents} for {number}",
                    lambda shop: shop.wallets.confirm(request, OWNER),
                )
                for _ in range(times)
            )
        )
        if any(not isinstance(one, CustomerError) for one in answers):
            self.topped_up[number] += -asked.amount.micros if is_debit else asked.amount.micros

    async def _previewed(
        self, preview: Callable[[Shop], Coroutine[Any, Any, Any]]
    ) -> Request | None:
        shown = await self._history.try_to("preview", preview)
        if isinstance(shown, CustomerError):
            return None
        request = await self._history.try_to(
            "request", lambda shop: shop.requests.open(shown.request, OWNER)
        )
        return None if isinstance(request, CustomerError) else request

    async def _refund(self, chance: random.Random) -> None:
        rows = self._history.look("SELECT id FROM orders WHERE state = 'delivered' ORDER BY id")
        if not rows:
            return
        order = OrderId(chance.choice(rows)[0])
        request = await self._previewed(
            lambda shop: shop.cases.preview_refund(order, "broken", OWNER)
        )
        if request is None:
            return
        times = chance.randrange(1, 4)
        self._history.seen["refund" if times == 1 else "refund tapped twice"] += 1
        await asyncio.gather(
            *(
                self._history.try_to(
                    f"refund {order}", lambda shop: shop.cases.refund(request, OWNER)
                )
                for _ in range(times)
            )
        )

    async def _mark_up(self, chance: random.Random) -> None:
        words = chance.choice(["10%", "35%", "nodemaven +0.50", "abcproxy 5% +0.10", "off"])
        request = await self._previewed(lambda shop: shop.markup.preview(words, OWNER))
        if request is not None:
            self._history.seen["markup"] += 1
            await self._history.try_to(
                f"markup {words}", lambda shop: shop.markup.apply(request, OWNER)
            )

    async def _attend(self) -> None:
        while not self._served.is_set():
            await asyncio.sleep(30)
            if self.is_attended:
                await self.decide()

    async def decide(self) -> None:
        """Owners decide about every order that needs a person; what nobody does twice is tried."""
        rows = self._history.look("SELECT id FROM orders WHERE state = 'review' ORDER BY id")
        for (number,) in rows or ():
            await self._decide_about(OrderId(number))

    def _pasted(self, order: Order) -> str:
        """What an owner delivers by hand: as the provider's site shows it, where it does."""
        stat, reference = self._history.stat, order.upstream_order_id
        if stat is not None and reference in stat.made:
            return stat.lines_of(reference)
        if order.is_code:
            return f"code-{order.id}"
        return "\n".join(f"a{at}.example:1:hand:secret-{order.id}" for at in range(order.quantity))

    async def _decide_about(self, order: OrderId) -> None:
        chance = self._chance
        found = await self._history.try_to("strays", lambda shop: shop.cases.strays(order))
        if isinstance(found, CustomerError):
            return
        act = next(self._decisions)
        if found[0].upstream_order_id is None and chance.random() < 0.8:
            # What is in doubt seldom comes to people, and seldom beside a stray that can be bound.
            act = chance.choice(["bound", "kept waiting"]) if found[1] else "kept waiting"
        elif act == "bound" and not found[1]:
            act = next(self._decisions)
        if act == "kept waiting":
            self._patience[order] += 1
            if self._patience[order] > 2:
                act = "given back"
        self._history.seen[act] += 1
        pasted = self._pasted(found[0])
        decisions: dict[str, Callable[[Shop], Coroutine[Any, Any, Order]]] = {
            "given back": lambda shop: shop.cases.give_back(order, OWNER),
            "handed over": lambda shop: shop.cases.hand_over(order, pasted, OTHER_OWNER),
            "kept waiting": lambda shop: shop.cases.keep_waiting(order, OWNER),
            "bound": lambda shop: shop.cases.bind(order, found[1][0].id, OTHER_OWNER),
        }
        acts = ["given back", "handed over"] if act == "decided by two" else [act]
        if "handed over" in acts:
            self.handed_over[order] = pasted
        await asyncio.gather(
            *(
                self._history.try_to(f"{one} {order}", decisions[one])
                for one in acts * chance.randrange(1, 3)
            )
        )

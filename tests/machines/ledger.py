"""The ledger machine: money in, held, taken, given back, refunded; and each of it again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule
from sqlalchemy.exc import IntegrityError

from bot.domain.errors import (
    CustomerError,
    InsufficientFunds,
    OverDebit,
    PriceChanged,
    TooLate,
    TooManyOrders,
)
from bot.domain.money import CENT, Money
from bot.domain.orders import Line, Order, OrderId, OrderState, parse_proxies
from bot.domain.requests import VALID, RequestId
from bot.domain.wallets import Balance, PostingKind
from bot.services.orders import MOST_OPEN
from bot.services.wallets import WORLD, wallet_of
from tests.bench import OWNER
from tests.machines.machine import PEOPLE, PLANS, Blanks, ShopMachine

SEEN = frozenset(
    f"{event}: {outcome}"
    for event, outcomes in {
        "top-up": ("done", "again", "too late"),
        "debit": ("done", "again", "too late", "over"),
        "buy": ("done", "again", "price", "funds", "too many"),
        "capture": ("done", "again", "nothing held"),
        "release": ("done", "nothing held"),
        "refund": ("done", "again", "too late"),
        "posting": ("again",),
    }.items()
    for outcome in outcomes
)
"""What a run must have tried to say anything."""

people = st.sampled_from(PEOPLE)
taps = st.sampled_from((1, 1, 2, 3))
pauses = st.sampled_from((0.0, 1.0, 60.0, VALID.total_seconds() + 1))


@dataclass(slots=True)
class Asked:
    """A preview that waits for its Confirm button."""

    request: RequestId
    at: datetime
    customer: int = 0
    micros: int = 0
    is_debit: bool = False
    order: OrderId | None = None
    is_done: bool = False


class LedgerMachine(ShopMachine):
    """Money in, money through, money out: whatever the order of events, and however often."""

    movements = Bundle[Asked]("movements")
    refunds = Bundle[Asked]("refunds")
    orders = Bundle[OrderId]("orders")

    def __init__(self, blanks: Blanks, seen: Counter[str]) -> None:
        super().__init__(blanks, seen, balance=8_000_000)
        self._bought: dict[tuple[int, int], OrderId] = {}

    @rule(
        target=movements,
        customer=people,
        cents=st.sampled_from((None, 1, 54, 403, 1_000)),
        is_debit=st.booleans(),
    )
    def preview(self, customer: int, cents: int | None, is_debit: bool) -> Asked:
        # None is all there is: two such debits can be asked for, and one of them done.
        micros = max(self.books.wallets[customer] if cents is None else cents * CENT, CENT)
        found = self.outcome(self.ask(customer, micros, is_debit=is_debit))

        before = self.books.wallets[customer]
        if is_debit and micros > before:
            assert found is OverDebit
            return multiple()  # type: ignore[return-value]  # no preview, and nothing to confirm
        assert not isinstance(found, type)
        after = before - micros if is_debit else before + micros
        assert (found.before.micros, found.after.micros) == (before, after)
        return Asked(found.request, self.clock.now(), customer, micros, is_debit)

    @rule(customer=people, taps=taps)
    def debit_everything_twice(self, customer: int, taps: int) -> None:
        if self.books.wallets[customer]:
            asked = [self.preview(customer, None, is_debit=True) for _ in range(2)]
            for one in (*asked, *asked):
                self.confirm_movement(one, taps, 0.0)

    @rule(customer=people, taps=taps, seconds=pauses)
    def top_up_and_again(self, customer: int, taps: int, seconds: float) -> None:
        asked = self.preview(customer, 403, is_debit=False)
        self.confirm_movement(asked, taps, seconds)
        self.confirm_movement(asked, taps, seconds)

    @rule(asked=movements, taps=taps, seconds=pauses)
    def confirm_movement(self, asked: Asked, taps: int, seconds: float) -> None:
        self.turn(seconds)
        answers = self.together(*(self.confirm(asked.request) for _ in range(taps)))

        event = "debit" if asked.is_debit else "top-up"
        wallet = self.books.wallets[asked.customer]
        expected: Balance | type[CustomerError]
        if asked.is_done:
            self.seen[f"{event}: again"] += 1
            expected = Balance(Money(wallet), Money(0))
        elif self.clock.now() - asked.at > VALID:
            self.seen[f"{event}: too late"] += 1
            expected = TooLate
        elif asked.is_debit and asked.micros > wallet:
            self.seen[f"{event}: over"] += 1
            expected = OverDebit
        else:
            self.seen[f"{event}: done"] += 1
            asked.is_done = True
            move = self.books.debit if asked.is_debit else self.books.top_up
            move(asked.request, asked.customer, asked.micros)
            expected = Balance(Money(self.books.wallets[asked.customer]), Money(0))
        assert answers == [expected] * taps

    @rule(
        target=orders,
        customer=people,
        plan=st.integers(0, len(PLANS) - 1),
        off_by=st.sampled_from((0, 0, 0, -CENT, CENT)),
        taps=taps,
    )
    def buy(self, customer: int, plan: int, off_by: int, taps: int) -> OrderId:
        return self._buy(customer, plan, self._next(customer), off_by, taps)

    @rule(target=orders, customer=people)
    def fill_the_line(self, customer: int) -> OrderId:
        held = sum(who == customer for who, _ in self.books.holds.values())
        for _ in range(MOST_OPEN - held):
            self._buy(customer, 0, self._next(customer), 0, 1)
        return self._buy(customer, 0, self._next(customer), 0, 1)

    @rule(
        order=orders,
        plan=st.integers(0, len(PLANS) - 1),
        off_by=st.sampled_from((0, CENT)),
        taps=taps,
    )
    def buy_again(self, order: OrderId, plan: int, off_by: int, taps: int) -> None:
        [(customer, intent)] = [said for said, made in self._bought.items() if made == order]
        self._buy(customer, plan, intent, off_by, taps)

    @initialize(target=orders)
    def begin(self) -> OrderId:
        return self._buy(PEOPLE[0], 0, 0, 0, 1)

    @rule(order=orders, taps=taps, is_capture=st.booleans())
    def resolve(self, order: OrderId, taps: int, is_capture: bool) -> None:
        if is_capture:
            self._capture(order, taps)
        else:
            self._release(order, taps)

    @rule(target=refunds, order=orders)
    def preview_refund(self, order: OrderId) -> Asked:
        found = self.outcome(self.bench.shop.cases.preview_refund(order, "said", OWNER))

        if order not in self.books.sold:
            assert found is TooLate
            return multiple()  # type: ignore[return-value]  # no preview, and nothing to confirm
        assert not isinstance(found, type)
        return Asked(found.request, self.clock.now(), order=order)

    @rule(asked=refunds, taps=taps, seconds=pauses)
    def confirm_refund(self, asked: Asked, taps: int, seconds: float) -> None:
        self.turn(seconds)
        answers = self.together(*(self._refund(asked.request) for _ in range(taps)))

        if asked.is_done:
            self.seen["refund: again"] += 1
        elif self.clock.now() - asked.at > VALID or asked.order not in self.books.sold:
            self.seen["refund: too late"] += 1
            assert answers == [TooLate] * taps
            return
        else:
            self.seen["refund: done"] += 1
            asked.is_done = True
            self.books.refund(asked.order)
        for answer in answers:
            assert isinstance(answer, Order)
            assert (answer.id, answer.state) == (asked.order, OrderState.REFUNDED)

    @rule(customer=people, which=st.integers(0, 1_000))
    def a_reference_is_used_again(self, customer: int, which: int) -> None:
        if not self.books.references:
            return
        reference = self.books.references[which % len(self.books.references)]
        try:
            self.run(self._post(reference, customer))
        except IntegrityError:
            self.seen["posting: again"] += 1
        else:
            raise AssertionError(reference)

    def _next(self, customer: int) -> int:
        """Every customer's intents are counted from 0: two customers may have the same one."""
        return sum(who == customer for who, _ in self._bought)

    def _buy(self, customer: int, plan: int, intent: int, off_by: int, taps: int) -> OrderId:
        claim = self.claim(plan, intent, off_by=off_by)
        person = self.customers[customer]
        accept = self.bench.shop.orders.accept
        answers = self.together(*(accept(person, claim, None) for _ in range(taps)))

        first = answers[0]
        assert answers == [first] * taps
        held = sum(who == customer for who, _ in self.books.holds.values())
        known = self._bought.get((customer, intent))
        refusal: type[CustomerError] | None = None
        if known is not None:
            self.seen["buy: again"] += 1
        elif off_by:
            self.seen["buy: price"] += 1
            refusal = PriceChanged
        elif held >= MOST_OPEN:
            self.seen["buy: too many"] += 1
            refusal = TooManyOrders
        elif claim.price.micros > self.books.wallets[customer]:
            self.seen["buy: funds"] += 1
            refusal = InsufficientFunds
        if refusal is not None:
            assert first is refusal
            return multiple()  # type: ignore[return-value]  # nothing was bought
        assert isinstance(first, Line)
        if known is None:
            self.seen["buy: done"] += 1
            known = self._bought[customer, intent] = first.order.id
            self.books.hold(known, customer, claim.price.micros)
        assert first.order.id == known
        return known

    @rule(order=orders, taps=taps, seconds=pauses)
    def sell_and_refund(self, order: OrderId, taps: int, seconds: float) -> None:
        self._capture(order, taps)
        if order in self.books.sold:
            asked = self.preview_refund(order)
            self.confirm_refund(asked, taps, seconds)
            self.confirm_refund(asked, taps, 0.0)

    def _capture(self, order: OrderId, taps: int) -> None:
        [lane] = self.bench.shop.lanes
        found = self.run(self.bench.shop.orders.find(order))
        plan = self.bench.shop.catalog.offer(found.plan).plan
        settle = self.bench.shop.placing.settle
        goods = parse_proxies(f"gate.example:8080:anna:secret{order}")
        claimed = self.run(self.bench.shop.placing.claim(lane, order, plan))
        answers = self.together(*(settle(order, f"G-{order}", goods, "") for _ in range(taps)))

        is_first = order in self.books.holds
        assert (claimed is not None) is is_first
        assert answers.count(OrderState.DELIVERED) == is_first
        assert answers.count(None) == taps - is_first
        if is_first:
            self.seen["capture: done"] += 1
            self.books.capture(order)
        else:
            was_sold = order in self.books.sold
            self.seen["capture: again" if was_sold else "capture: nothing held"] += 1

    def _release(self, order: OrderId, taps: int) -> None:
        release = self.bench.shop.placing.release
        answers = self.together(*(release(order, "unavailable") for _ in range(taps)))

        is_first = order in self.books.holds
        assert sum(answer is True for answer in answers) == is_first
        if is_first:
            self.books.release(order)
        self.seen["release: done" if is_first else "release: nothing held"] += 1

    async def _refund(self, request: RequestId) -> Order:
        asked = await self.bench.shop.requests.open(request, OWNER)
        return await self.bench.shop.cases.refund(asked, OWNER)

    async def _post(self, reference: str, customer: int) -> None:
        wallet = wallet_of(self.customers[customer].id)
        async with self.bench.shop.database.write() as tx:
            await self.bench.shop.wallets.post(
                tx, PostingKind.TOPUP, reference, WORLD, wallet, Money(CENT),
                actor="test", reason="again",
            )  # fmt: skip

"""The order machine: every verb on orders in every state, and what it must do to the money."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule
from sqlalchemy import insert, select

from bot.db.models import MoveRow, OrderRow, UpstreamOrderRow
from bot.domain.errors import TooLate, TooManyOrders
from bot.domain.orders import MOVES, Line, OrderId, OrderState, parse_proxies
from bot.domain.requests import RequestId
from bot.services.orders import MOST_OPEN, SLOW
from tests.bench import OWNER
from tests.machines.machine import PEOPLE, PLANS, Blanks, ShopMachine

SEEN = frozenset(f"{source} -> {target}" for source in MOVES for target in MOVES[source])

_S = OrderState

VERBS: dict[str, tuple[frozenset[OrderState], OrderState]] = {
    "claim": (frozenset({_S.RESERVED}), _S.PLACING),
    "back_in_line": (frozenset({_S.PLACING}), _S.RESERVED),
    "prepare": (frozenset({_S.PLACING, _S.IN_DOUBT, _S.REVIEW}), _S.PREPARING),
    "deliver": (
        frozenset({_S.PLACING, _S.PREPARING, _S.IN_DOUBT, _S.REVIEW}),
        _S.DELIVERED,
    ),
    "deliver_what_is_taken": (frozenset({_S.PLACING}), _S.IN_DOUBT),
    "release": (frozenset({_S.RESERVED, _S.PLACING, _S.IN_DOUBT, _S.REVIEW}), _S.RELEASED),
    "cancel": (frozenset({_S.RESERVED}), _S.RELEASED),
    "doubt": (frozenset({_S.PLACING}), _S.IN_DOUBT),
    "review": (frozenset({_S.PREPARING, _S.IN_DOUBT}), _S.REVIEW),
    "bind": (frozenset({_S.REVIEW}), _S.PREPARING),
    "hand_over": (frozenset({_S.PREPARING, _S.REVIEW}), _S.DELIVERED),
    "give_back": (frozenset({_S.REVIEW}), _S.RELEASED),
    "keep_waiting": (frozenset({_S.REVIEW}), _S.IN_DOUBT),
    "refund": (frozenset({_S.DELIVERED}), _S.REFUNDED),
}
"""What each verb may do; written down apart from `MOVES`, so that one cannot hide the other."""
BY_OWNER = frozenset({"bind", "hand_over", "give_back", "keep_waiting", "refund"})


def pasted(order: OrderId) -> str:
    """What is delivered for this order and no other."""
    return f"gate.example:8080:anna:secret{order}"


@dataclass(slots=True)
class Known:
    """An order as the model knows it."""

    customer: int
    accepted_at: datetime
    state: OrderState = OrderState.RESERVED
    reference: str | None = None
    refund: RequestId | None = None


class OrderMachine(ShopMachine):
    """Every legal move is made, every other one leaves all as it was."""

    orders = Bundle[OrderId]("orders")

    def __init__(self, blanks: Blanks, seen: Counter[str]) -> None:
        super().__init__(blanks, seen, balance=1_000_000_000)
        self.known: dict[OrderId, Known] = {}
        self._made = 0

    @initialize(target=orders)
    def begin(self) -> OrderId:
        return self._accept(PEOPLE[0], 0)

    @rule(target=orders, customer=st.sampled_from(PEOPLE), plan=st.integers(0, len(PLANS) - 1))
    def accept(self, customer: int, plan: int) -> OrderId:
        return self._accept(customer, plan)

    @rule(order=orders, way=st.lists(st.sampled_from(tuple(VERBS)), min_size=20, max_size=40))
    def make_legal_moves(self, order: OrderId, way: list[str]) -> None:
        for verb in way:
            if self.known[order].state in VERBS[verb][0]:
                self._try(order, verb)

    @rule(
        order=orders,
        verb=st.sampled_from((*VERBS, "set_aside")),
        seconds=st.sampled_from((0.0, SLOW.total_seconds())),
    )
    def try_anything(self, order: OrderId, verb: str, seconds: float) -> None:
        self.turn(seconds)
        if verb == "set_aside":
            self._set_all_aside()
        else:
            self._try(order, verb)

    def _accept(self, customer: int, plan: int) -> OrderId:
        claim = self.claim(plan, len(self.known))
        line = self.outcome(self.bench.shop.orders.accept(self.customers[customer], claim, None))
        held = sum(who == customer for who, _ in self.books.holds.values())
        if held >= MOST_OPEN:
            assert line is TooManyOrders
            return multiple()  # type: ignore[return-value]  # no order was made
        assert isinstance(line, Line)
        assert line.order.state is OrderState.RESERVED
        self.known[line.order.id] = Known(customer, self.clock.now())
        self.books.hold(line.order.id, customer, claim.price.micros)
        return line.order.id

    def _set_all_aside(self) -> None:
        lost = {_S.RESERVED, _S.PLACING, _S.IN_DOUBT}
        expected = [order for order, one in sorted(self.known.items()) if one.state in lost]

        assert list(self.run(self.bench.shop.placing.set_aside())) == expected
        for order in expected:
            self.known[order].state = OrderState.REVIEW

    def _try(self, order: OrderId, verb: str) -> None:
        one = self.known[order]
        sources, target = VERBS[verb]
        is_legal = one.state in sources
        if verb == "cancel":
            is_legal = is_legal and self.clock.now() - one.accepted_at >= SLOW
        if verb == "keep_waiting" and one.reference is not None:
            # What is known to exist is asked for, not looked for.
            target = OrderState.PREPARING
        taken = [two.reference for two in self.known.values() if two is not one and two.reference]
        if verb == "deliver_what_is_taken" and not taken:
            return
        reference = taken[0] if verb == "deliver_what_is_taken" else one.reference
        if reference is None or verb == "bind":
            self._made += 1
            reference = f"G-{self._made}"

        answer = self.outcome(self._do(order, verb, reference))

        self.seen[f"{verb}: {'done' if is_legal else 'refused'}"] += 1
        if not is_legal:
            # A second tap of the same owner gets the first one's answer; nothing else is said.
            assert answer in {None, False, TooLate} or verb in BY_OWNER | {"cancel"}
            return
        assert answer not in {False, TooLate}
        if verb in {"prepare", "deliver", "bind"}:
            one.reference = reference
        if target is OrderState.RELEASED:
            one.reference = None
            self.books.release(order)
        elif target is OrderState.DELIVERED:
            self.books.capture(order)
        elif target is OrderState.REFUNDED:
            self.books.refund(order)
        one.state = target

    async def _do(self, order: OrderId, verb: str, reference: str) -> object:
        shop, one = self.bench.shop, self.known[order]
        orders, placing, cases = shop.orders, shop.placing, shop.cases
        [lane] = shop.lanes
        match verb:
            case "claim":
                found = await orders.find(order)
                return await placing.claim(lane, order, shop.catalog.offer(found.plan).plan)
            case "back_in_line":
                await placing.back_in_line(order, "busy", 3)
                return None
            case "prepare":
                return await placing.settle(order, reference, None, "")
            case "deliver" | "deliver_what_is_taken":
                return await placing.settle(order, reference, parse_proxies(pasted(order)), "")
            case "release":
                return await placing.release(order, "unavailable")
            case "cancel":
                return await orders.cancel(self.customers[one.customer].id, order)
            case "doubt":
                await placing.doubt(order, "lost")
                return None
            case "review":
                return await placing.review(order, "no_listing")
            case "bind":
                return await cases.bind(order, await self._listed(lane.id, reference), OWNER)
            case "hand_over":
                return await cases.hand_over(order, pasted(order), OWNER)
            case "give_back":
                return await cases.give_back(order, OWNER)
            case "keep_waiting":
                return await cases.keep_waiting(order, OWNER)
            case "refund":
                if one.refund is None:
                    preview = await cases.preview_refund(order, "said", OWNER)
                    one.refund = preview.request
                request = await shop.requests.open(one.refund, OWNER)
                return await cases.refund(request, OWNER)
            case _:
                raise AssertionError(verb)

    async def _listed(self, lane: int, reference: str) -> int:
        """An upstream order that the lane's list has shown and nobody is bound to."""
        async with self.bench.shop.database.write() as tx:
            made = await tx.scalar(
                insert(UpstreamOrderRow)
                .values(lane_id=lane, reference=reference, seen_at=self.clock.now())
                .returning(UpstreamOrderRow.id)
            )
        return int(made or 0)

    @invariant()
    def every_order_is_where_the_model_has_it(self) -> None:
        self.run(self._compare_orders())

    async def _compare_orders(self) -> None:
        async with self.bench.shop.database.read() as reader:
            rows = (
                await reader.execute(
                    select(OrderRow.id, OrderRow.state, OrderRow.upstream_order_id)
                )
            ).all()
        found = {row.id: (row.state, row.upstream_order_id) for row in rows}
        assert found == {order: (one.state, one.reference) for order, one in self.known.items()}

    def teardown(self) -> None:
        self.run(self._count_moves())
        super().teardown()

    async def _count_moves(self) -> None:
        async with self.bench.shop.database.read() as reader:
            moves = await reader.execute(select(MoveRow.source, MoveRow.target))
            for move in moves.all():
                if move.source is not None:
                    self.seen[f"{move.source} -> {move.target}"] += 1
                    assert OrderState(move.target) in MOVES[OrderState(move.source)]

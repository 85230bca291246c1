"""Rights: every route, whoever takes it and wherever, shows and changes only what it may."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import pytest
from aiogram.filters.callback_data import CallbackData
from sqlalchemy import select, update

from bot.db.models import Base, CustomerRow
from bot.demo.telegram import Person
from bot.domain.formats import FileKind, Format
from bot.domain.orders import Credentials, CustomerId, OrderId, OrderState
from bot.handlers import ROUTES
from bot.handlers.routes import Attached, Picked, Role, Route, Said, Tap, Typed
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import HandClock, stat_sandbox_for
from tests.conftest import ON_SQLITE
from tests.stories.conftest import OLGA, ShopFloor
from tests.stories.test_trouble import drawn
from tests.telegram import ALICE, Customer
from tests.test_wiring import name_of

GROUP: Final = -1_000_000_000_777
GROUP_WIRE: Final = {"id": GROUP, "type": "supergroup", "title": "A group"}
CHANNEL_WIRE: Final = {"id": -1_000_000_000_888, "type": "channel", "title": "A channel"}


CARL: Final = Person(1003, "Carl", "carl")
NOTHING_HERE: Final = (
    "This button is from an older menu.",
    "The shop works with buttons.",
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, as Telegram shows the sender of an update."""

    person: Person
    is_bot: bool = False
    sender_chat: dict[str, Any] | None = None


OWNER, CUSTOMER, STRANGER = Actor(OLGA), Actor(ALICE), Actor(CARL)
PEOPLE: Final = (OWNER, CUSTOMER, STRANGER)
NOBODY: Final = (
    Actor(Person(1087968824, "Group", "GroupAnonymousBot"), is_bot=True, sender_chat=GROUP_WIRE),
    Actor(Person(136817688, "Channel", "Channel_Bot"), is_bot=True, sender_chat=CHANNEL_WIRE),
    Actor(Person(777000, "Telegram"), sender_chat=CHANNEL_WIRE),
    Actor(Person(4_000_001, "Robot", "some_bot"), is_bot=True),
)
"""Senders that are no person: an anonymous administrator, channels, a bot."""
OWNERS_ROUTES: Final = [route for route in ROUTES if route.role is Role.OWNER]
EVERYBODYS_ROUTES: Final = [route for route in ROUTES if route.role is Role.ANYBODY]


@dataclass(slots=True)
class Case:
    """A shop in which Alice has bought, and everything that an id could name."""

    app: ShopFloor
    secrets: tuple[str, ...]
    values: dict[str, tuple[object, ...]]

    async def take(self, route: Route, actor: Actor, *, chat: int | None = None) -> None:
        """Let somebody take a route, once for each order."""
        for values in self._each(route):
            # Nobody is too fast here: what is refused must be refused for another reason.
            self.app.clock.turn(2)
            await self._once(route, values, actor, chat)

    def _each(self, route: Route) -> list[dict[str, object]]:
        match route:
            case Tap(payload) | Typed(payload) | Attached(payload):
                fields = payload.model_fields
                given = [self.values.get(name) or _any(field) for name, field in fields.items()]
                return [dict(zip(fields, one, strict=True)) for one in itertools.product(*given)]
            case _:
                return [{}]

    async def _once(
        self, route: Route, values: dict[str, object], actor: Actor, chat: int | None
    ) -> None:
        core = self.app.core
        match route:
            case Tap(payload):
                written = [each for each in core.messages(actor.person.id) if each.from_bot]
                shown = [each.id for each in written if not (each.photo or each.document)]
                data = payload(**values).pack()
                core.tap(actor.person, shown[-1] if shown else 1, data, chat=chat)
            case Typed(prompt):
                await self.ask(actor.person, prompt(**values))
                core.send(actor.person, "10", chat=chat)
            case Attached(prompt):
                await self.ask(actor.person, prompt(**values))
                core.send_file(actor.person, "lines.txt", b"10")
            case Said(command):
                core.send(actor.person, f"/{command} {ALICE.id} 10 because", chat=chat)
            case Picked():
                core.share_users(actor.person, 1, [ALICE])
        body = core.waiting[-1]["callback_query" if isinstance(route, Tap) else "message"]
        if isinstance(route, Picked | Attached) and chat is not None:
            body["chat"] = GROUP_WIRE
        body["from"]["is_bot"] = actor.is_bot
        if actor.sender_chat is not None and "data" not in body:
            body["sender_chat"] = actor.sender_chat
        polling = self.app.telegram.polling
        while await polling.once(0):
            await polling.drawn()

    async def ask(self, person: Person, question: CallbackData) -> None:
        """Let a question be open, as after a demotion or in somebody else's chat."""
        async with self.app.shop.database.write() as tx:
            await tx.execute(
                update(CustomerRow)
                .where(CustomerRow.id == person.id)
                .values(prompt=question.pack())
            )

    async def books(self, *, besides: int | None = None) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table but one person's own, and nobody's open question."""
        found = {}
        async with self.app.shop.database.read() as reader:
            for table in Base.metadata.sorted_tables:
                columns = [column for column in table.c if column.name != "prompt"]
                rows = await reader.execute(select(*columns).order_by(*table.primary_key))
                found[table.name] = [
                    tuple(row) for row in rows if (table.name, row[0]) != ("customers", besides)
                ]
        return found

    def told(self, calls: int) -> list[tuple[int, str]]:
        """What was written since then, and to which chat."""
        return [
            (int(call.params["chat_id"]), str(call.params))
            for call in self.app.core.calls[calls:]
            if "chat_id" in call.params
        ]


def _any(field: Any) -> tuple[object, ...]:
    """Something for a field of a payload that nothing here has a name for."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(kind)[:1]
    kinds: dict[object, tuple[object, ...]] = {bool: (True,), str: ("x",)}
    return kinds.get(kind, (1,))


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    """The pretend StatProxies, whose plans owners price."""
    return stat_sandbox_for(clock)


@pytest.fixture
async def case(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> Case:
    await app.top_up(customer, "40")
    await customer.buy("1 GB", "NodeMaven")
    await app.show(customer, "9proxy_cd_key", "ip25")
    await customer.tap("Buy")
    sandbox.faults.append(Fault(pending=10_000))
    await customer.buy("1 GB", "ABC Proxy")
    await app.shop.placing.review(OrderId(3), "no_credentials")
    await app.settle()
    assert await app.state(customer) is OrderState.REVIEW
    await owner.send(f"/topup {ALICE.id} 10")
    await owner.send("/markup 20%")
    await owner.send("/plans cost captcha 2.50")
    await app.person(CARL)
    delivered = [await app.shop.orders.delivered(OrderId(number)) for number in (1, 2)]
    secrets = []
    for _, delivery in delivered:
        if isinstance(delivery, Credentials):
            secrets += [each.password for each in delivery.proxies]
        else:
            secrets += list(delivery.codes)
    plan, priced_here = app.plan_id("nodemaven", "1"), app.plan_id("statproxies", "captcha")
    price = app.bench.offer("nodemaven", "1").price.micros
    return Case(
        app,
        tuple(secrets),
        {
            "order": (1, 2, 3), "plan": (plan, priced_here), "micros": (price,),
            "intent": ("ab" * 8,),
            "customer": (ALICE.id,), "request": (1, 2, 3, 4), "code": ("ru",), "part": (0,),
            "page": (0,), "before": (0,), "format": tuple(Format), "kind": tuple(FileKind),
            "country": ("de",), "minutes": (10,), "lines": (1,),
        },
    )  # fmt: skip


def hides(case: Case, told: list[tuple[int, str]], *, readers: set[int]) -> None:
    """Nothing was written but to these chats, and what was sold to its buyer alone."""
    assert {chat for chat, _ in told} <= readers
    for chat, text in told:
        if chat != ALICE.id:
            assert not any(secret in text for secret in case.secrets), text


@ON_SQLITE
async def test_in_a_group_nothing_is_changed_and_nothing_shown(case: Case) -> None:
    before, calls = await case.books(), len(case.app.core.calls)

    for actor in (*PEOPLE, *NOBODY):
        for route in ROUTES:
            await case.take(route, actor, chat=GROUP)

    assert await case.books() == before
    hides(case, case.told(calls), readers={GROUP})


@ON_SQLITE
async def test_what_is_no_person_is_not_answered_in_private_either(case: Case) -> None:
    before, calls = await case.books(), len(case.app.core.calls)

    for actor in NOBODY:
        for route in ROUTES:
            if actor.is_bot or not isinstance(route, Tap):  # no tap comes from a channel
                await case.take(route, actor)

    assert await case.books() == before
    assert case.told(calls) == []


@ON_SQLITE
@pytest.mark.parametrize("actor", [CUSTOMER, STRANGER], ids=["a customer", "a stranger"])
async def test_no_owners_route_is_there_for_anybody_else(case: Case, actor: Actor) -> None:
    before = await case.books(besides=actor.person.id)

    for route in OWNERS_ROUTES:
        calls, seen = len(case.app.core.calls), len(drawn(case.app))
        await case.take(route, actor)

        hides(case, case.told(calls), readers={actor.person.id})
        for text in drawn(case.app)[seen:]:
            assert any(words in text for words in NOTHING_HERE), (name_of(route), text)
    assert await case.books(besides=actor.person.id) == before


OWN_TABLES: Final = {"outbox", "usage_readings"}
"""What anybody may write: words to the owners, and a reading of their own usage."""


@ON_SQLITE
@pytest.mark.parametrize("actor", [OWNER, STRANGER], ids=["an owner", "a stranger"])
async def test_nobody_sees_or_moves_what_another_has_bought(case: Case, actor: Actor) -> None:
    before = await case.books(besides=actor.person.id)
    calls = len(case.app.core.calls)

    for route in EVERYBODYS_ROUTES:
        await case.take(route, actor)

    await case.app.settle()
    after = await case.books(besides=actor.person.id)
    assert {name for name in before if after[name] != before[name]} <= OWN_TABLES
    hides(case, case.told(calls), readers={actor.person.id, OLGA.id})


@ON_SQLITE
async def test_the_customer_sees_all_of_it_in_the_private_chat_alone(case: Case) -> None:
    calls = len(case.app.core.calls)

    for route in EVERYBODYS_ROUTES:
        await case.take(route, CUSTOMER)

    await case.app.settle()
    told = case.told(calls)
    for secret in case.secrets:
        assert any(secret in text and chat == ALICE.id for chat, text in told)
    hides(case, told, readers={ALICE.id, OLGA.id})


@ON_SQLITE
async def test_a_former_owners_buttons_and_questions_do_nothing(case: Case) -> None:
    case.app.shop.outbox.owners = frozenset({CustomerId(901)})
    before, calls = await case.books(besides=OLGA.id), len(case.app.core.calls)

    for route in OWNERS_ROUTES:
        await case.take(route, OWNER)

    assert await case.books(besides=OLGA.id) == before
    hides(case, case.told(calls), readers={OLGA.id})
    case.app.shop.outbox.owners = frozenset({CustomerId(900), CustomerId(901)})

"""Whatever people type, and wherever: it is answered calmly, and moves no money."""

from __future__ import annotations

from typing import Final

import pytest
from sqlalchemy import select, update

from bot import callbacks
from bot.db.models import (
    CustomerRow,
    OrderRow,
    PlanChangeRow,
    PostingRow,
    RequestRow,
    RuleChangeRow,
    WalletRow,
)
from bot.demo.telegram import Person
from bot.domain.orders import OrderId
from bot.handlers import ROUTES
from bot.handlers.routes import Role, Said, Typed
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import HandClock, stat_sandbox_for
from tests.conftest import ON_SQLITE
from tests.hostile import AMOUNTS, IDS, MARKUP, OTHERS, TEXTS, UNICODE
from tests.stories.conftest import ShopFloor
from tests.stories.test_trouble import drawn
from tests.telegram import Customer
from tests.test_wiring import name_of

TYPED: Final = [route for route in ROUTES if isinstance(route, Typed | Said)]
LONGEST: Final = 4096
"""What Telegram lets anybody write in one message."""

# What may really be meant so: a note, a reason, credentials, words to somebody, or what a plan
# is called, for how long it works, and how many are sold at once.
MOVED_BY_WORDS: Final = (
    OrderRow, PostingRow, RuleChangeRow, PlanChangeRow, WalletRow,
)  # fmt: skip


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    """The pretend StatProxies, whose plans owners price."""
    return stat_sandbox_for(clock)


async def _money(app: ShopFloor) -> list[object]:
    """Everything that money, orders, prices and confirmed requests consist of."""
    found: list[object] = []
    async with app.shop.database.read() as reader:
        for table in MOVED_BY_WORDS:
            rows = (await reader.execute(select(table.__table__))).all()
            found += [tuple(row) for row in rows if getattr(row, "new_text", None) is None]
        found += (
            await reader.scalars(select(RequestRow.id).where(RequestRow.done_at.is_not(None)))
        ).all()
    return found


async def _write(app: ShopFloor, route: Typed | Said, who: Customer, words: str) -> None:
    """Let somebody type these words where the route takes them, and the bot answer."""
    match route:
        case Said(command):
            app.core.send(who.person, f"/{command} {words}"[:LONGEST])
        case Typed(prompt):
            fields = {name: 3 if name == "order" else 1 for name in prompt.model_fields}
            fields |= {"customer": 1001} if "customer" in fields else {}
            if "plan" in fields:
                fields["plan"] = app.plan_id("statproxies", "captcha")
            async with app.shop.database.write() as tx:
                await tx.execute(
                    update(CustomerRow)
                    .where(CustomerRow.id == who.id)
                    .values(prompt=prompt(**fields).pack())
                )
            app.core.send(who.person, words[:LONGEST] or " ")
    polling = app.telegram.polling
    while await polling.once(0):
        await polling.drawn()


def _of(route: Typed | Said) -> tuple[str, ...]:
    """All texts where an amount is read; elsewhere every so many, other ones on each route."""
    match route:
        case Typed(callbacks.TopUpFor | callbacks.CostFor) | Said("topup" | "debit"):
            return TEXTS
        case Typed() | Said(role=Role.OWNER):
            return TEXTS[TYPED.index(route) % 3 :: 3]
        case _:
            return TEXTS[TYPED.index(route) :: len(TYPED)]


@ON_SQLITE
async def test_whatever_is_typed_is_answered_and_moves_nothing(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await app.top_up(customer, "10")
    for _ in range(2):
        await customer.buy("1 GB", "NodeMaven")
        await app.pass_time(11)
    sandbox.faults.append(Fault(pending=10_000))
    await customer.buy("1 GB", "ABC Proxy")
    await app.shop.placing.review(OrderId(3), "no_credentials")
    before = await _money(app)

    for route in TYPED:
        who = owner if route.role is Role.OWNER else customer
        for words in _of(route):
            app.clock.turn(2)
            answers = len(drawn(app))
            await _write(app, route, who, words)
            is_answered = len(drawn(app)) > answers
            assert is_answered or not words.strip(), (name_of(route), ascii(words[:30]))

    assert await _money(app) == before


@ON_SQLITE
async def test_no_amount_and_no_id_that_is_none_makes_a_preview(
    app: ShopFloor, customer: Customer, owner: Customer
) -> None:
    # What Telegram itself takes out never arrives.
    arriving = [amount for amount in AMOUNTS if amount.rstrip(" \u00a0\x00") != "10"]
    wrong = [f"{customer.id} {amount}" for amount in arriving]
    wrong += [f"{each} 10" for each in IDS]

    for command in ("topup", "debit"):
        for words in wrong:
            app.clock.turn(2)
            await _write(app, next(r for r in TYPED if name_of(r) == f"/{command}"), owner, words)
    for words in arriving:
        app.clock.turn(2)
        for name, said in (("/plans", f"cost captcha {words}"), ("answer to CostFor", words)):
            # Telegram takes white space from both ends of what is written.
            if said.strip(" \n\u00a0\x00") != "10":
                await _write(app, next(r for r in TYPED if name_of(r) == name), owner, said)

    async with app.shop.database.read() as reader:
        open_ = select(RequestRow.body).where(RequestRow.done_at.is_(None))
        assert (await reader.scalars(open_)).all() == []


@ON_SQLITE
async def test_a_link_with_any_words_in_it_opens_a_screen_and_does_nothing_else(
    app: ShopFloor, customer: Customer
) -> None:
    before = await _money(app)

    for words in (*TEXTS[::3], "buy_1", "topup_1001_10", "l_0", "l_-1", "o_1", "l_" + "9" * 40):
        app.clock.turn(2)
        shown = app.core.count("sendMessage")
        app.core.send(customer.person, f"/start {words}"[:LONGEST])
        while await app.telegram.polling.once(0):
            await app.telegram.polling.drawn()
        assert app.core.count("sendMessage") == shown + 1, ascii(words[:30])

    assert await _money(app) == before


@ON_SQLITE
async def test_any_name_is_shown_as_it_is_and_breaks_no_screen(
    app: ShopFloor, owner: Customer
) -> None:
    for number, name in enumerate((*MARKUP, *UNICODE, *OTHERS), start=5000):
        app.clock.turn(2)
        person = Person(number, name[:64] or "x", None)
        app.core.send(person, "/start")
        while await app.telegram.polling.once(0):
            await app.telegram.polling.drawn()
        assert [one for one in app.core.messages(number) if one.from_bot], ascii(name[:30])
        await _write(app, next(r for r in TYPED if name_of(r) == "/topup"), owner, f"{number} 1")

    async with app.shop.database.read() as reader:
        names = (await reader.scalars(select(CustomerRow.name))).all()
        previews = (await reader.execute(select(RequestRow.id))).all()
    assert all(name.strip() and name.isprintable() for name in names)
    assert len(previews) == len((*MARKUP, *UNICODE, *OTHERS))

"""The shop at a glance, who may see it, and what happens when the books do not balance."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from bot import callbacks
from bot.callbacks import Buy, Confirm, Resume, SaleNotices
from bot.db.session import Database
from bot.demo.telegram import Person
from bot.domain.catalog import title_mark
from bot.domain.money import usd
from bot.domain.orders import OrderId, OrderState
from bot.handlers.introduction import owner_commands
from bot.i18n import texts
from bot.upstreams.pretence import Fault
from tests.conftest import ON_SQLITE
from tests.stories.conftest import OLGA, OTTO, ShopFloor
from tests.telegram import ALICE, Customer

GROUP = -1001234567890
OWNERS_BUTTONS = (
    "shop", "sales:1", "resume", "audit", "topfor:1001", "confirm:1", "confirm:2", "confirm:3",
    "drop:1", "drop:2", "drop:3", "markup", "mhist:0", "mback:1", "inbox", "oorder:1", "bind:1",
    "bindto:1:1", "byhand:1", "giveback:1:0", "giveback:1:1", "wait:1", "refund:1", "reply:1002",
    "subs", "subdone:1:0", "subdone:1:1", "plans:0", "cost:27", "hide:27:1", "planhist:0",
    "owallet:1002:0", "oplan:27", "days:27", "most:27", "title:27",
)  # fmt: skip
OWNERS_COMMANDS = (
    "/shop", "/topup", "/topup 1001 50", "/debit 1002 1 because", "/markup", "/markup 0%",
    "/order 1", "/order", "/block 1002", "/unblock 1002", "/plans", "/plans hide captcha",
    "/plans days captcha 7", "/plans most captcha 7", "/plans title captcha Seven",
)  # fmt: skip


def test_every_button_and_command_of_the_owner_is_tried_below() -> None:
    """A new one has to be added to the two lists."""
    source = list(vars(callbacks))
    owners = source[source.index("Shop") :]
    prefixes = {getattr(callbacks, name).__prefix__ for name in owners if name[0].isupper()}

    assert prefixes == {data.split(":")[0] for data in OWNERS_BUTTONS}
    assert set(owner_commands(texts("en"))) == {
        words.split()[0].removeprefix("/") for words in OWNERS_COMMANDS
    }


async def test_an_owner_reads_once_what_works_at_the_first_contact(
    app: ShopFloor, customer: Customer
) -> None:
    otto = await app.person(OTTO)

    await otto.send("/start")

    told = [said for said in otto.messages if "You own this shop" in said.text]
    assert len(told) == 1
    assert "✅ Price list: 26 plans" in told[0].text
    menu = app.core.call("getMyCommands", {"scope": {"type": "chat", "chat_id": OTTO.id}}).result
    assert "topup" in {each["command"] for each in menu}
    assert not [said for said in customer.messages if "You own this shop" in said.text]


async def test_the_shop_counts_sales_profit_and_refunds_of_today(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await app.shop.jobs.read_balances()
    await owner.send("/shop")
    assert "Today (UTC): 0 orders, 0.00 USD in sales, 0.00 USD in profit." in owner.text
    assert "GateProxy account 1: 500.00 USD" in owner.text
    assert "Price list: 26 plans" in owner.text
    assert "No order needs you." in owner.text

    await customer.buy("1 GB", "NodeMaven")
    await customer.buy("1 GB", "ABC Proxy")
    await owner.tap("Refresh")
    assert "Today (UTC): 2 orders, 6.45 USD in sales, 0.85 USD in profit." in owner.text
    await owner.send("/order 1")
    await owner.tap("Refund")
    await owner.send("broken")
    await owner.tap("Confirm")
    await owner.send("/shop")
    assert "Today (UTC): 2 orders, 2.42 USD in sales, -3.18 USD in profit." in owner.text

    app.clock.turn(24 * 3600)
    await app.refresh()
    await owner.send("/shop")
    assert "Today (UTC): 0 orders, 0.00 USD in sales, 0.00 USD in profit." in owner.text


@ON_SQLITE
async def test_each_sale_is_told_to_the_owners_who_want_it(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await owner.send("/shop")
    await owner.tap("Tell me of each sale")
    assert "Stop telling me of sales" in owner.labels

    await customer.buy("1 GB", "NodeMaven")
    assert (
        "Sold: NodeMaven 1 GB for 4.03 USD to Alice (1001, @alice). Profit: 0.53 USD."
        in owner.messages[-1].text
    )
    assert not any("Sold:" in each.text for each in other_owner.messages)

    await owner.send("/shop")
    await owner.tap("Stop telling me of sales")
    app.clock.turn(60)
    await customer.buy("1 GB", "ABC Proxy")
    assert sum("Sold:" in each.text for each in owner.messages) == 1


async def test_a_customer_can_neither_use_nor_see_anything_of_the_owners(
    app: ShopFloor, owner: Customer, customer: Customer, boris: Customer
) -> None:
    app.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost")))
    await customer.buy("1 GB", "NodeMaven")
    await app.shop.placing.review(OrderId(1), "no_listing")
    await owner.send("/topup 1002 5")
    await owner.send("/markup 0%")
    await owner.send("/topup 1001 5")
    before = await everything(app)
    known = len(customer.messages)

    for words in OWNERS_COMMANDS:
        app.core.send(ALICE, words)
    for data in OWNERS_BUTTONS:
        app.core.tap(ALICE, customer.message.id, data)
        app.core.send(ALICE, "50")
    await customer.settle()
    app.clock.turn(60)
    for data in OWNERS_BUTTONS:
        app.core.tap(ALICE, customer.message.id, f"+{data}")
    await customer.pick(ALICE)

    assert await everything(app) == before
    for message in customer.messages[known:]:
        for words in ("Boris", "Борис", "1002", "Olga", "900", "Markup", "15%", "account 1"):
            assert words not in message.text, message.text
    await app.shop.cases.give_back(OrderId(1), (await app.order(customer)).customer)


async def everything(app: ShopFloor) -> list[tuple[object, ...]]:
    """What an owner could change, row by row."""
    tables = {
        "requests": "id, done_at",
        "postings": "id",
        "rule_changes": "id",
        "plan_changes": "id",
        "orders": "id, state",
        "stops": "scope",
        "customers": "id, is_blocked, wants_sales",
        "wallets": "customer_id, balance",
    }
    rows: list[tuple[object, ...]] = []
    async with app.shop.database.read() as reader:
        for table, columns in tables.items():
            found = await reader.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1"))  # noqa: S608
            rows += [(table, *row) for row in found.all()]
    return rows


@ON_SQLITE
async def test_an_owner_in_a_group_is_an_owner_no_more(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5")
    confirm = owner.button("Confirm")
    before = await everything(app)

    for words in OWNERS_COMMANDS:
        app.core.send(OLGA, words, chat=GROUP)
    for data in (confirm.data, *OWNERS_BUTTONS):
        app.core.tap(OLGA, 1, data, chat=GROUP)
    await app.settle()

    assert await everything(app) == before
    said = [each.text for each in app.core.messages(GROUP) if each.from_bot]
    assert len(said) <= 1
    assert not any("USD" in each or "Alice" in each for each in said)
    await owner.press(confirm)
    assert await customer.balance() == usd("15")


@ON_SQLITE
async def test_a_name_like_an_owners_gives_no_rights(app: ShopFloor, owner: Customer) -> None:
    double = await app.person(Person(1500, "Olga", OLGA.username))

    await double.send("/topup 1500 50")
    await double.send("/shop")

    assert await double.balance() == usd("0")
    assert "account" not in double.text


@ON_SQLITE
@pytest.mark.parametrize("settings", [{"admin_ids": (901,)}])
async def test_somebody_who_is_an_owner_no_more_has_no_rights(
    app: ShopFloor, owner: Customer, customer: Customer, settings: dict[str, object]
) -> None:
    before = await everything(app)
    for data in OWNERS_BUTTONS:
        await owner.press(data)
    for words in OWNERS_COMMANDS:
        await owner.send(words)

    assert await everything(app) == before


async def test_books_that_do_not_balance_freeze_the_money_and_nothing_else(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer, boris: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.open("500 MB", "NodeMaven")
    buy = customer.button("Buy")
    await owner.send("/topup 1001 5")
    confirm = owner.button("Confirm")
    await meddle(app.shop.database, +1)

    assert not (await app.shop.audit.guard()).is_green
    await app.settle()

    for one in (owner, other_owner):
        assert "the books" in one.messages[-1].text.casefold()
    heard = len(owner.messages)
    await app.shop.audit.guard()
    await app.settle()
    assert len(owner.messages) == heard

    # Frozen: selling and topping up.
    await customer.press(buy)
    assert "The shop does not sell at the moment." in customer.text
    await owner.press(confirm)
    assert "The shop does not sell at the moment." in owner.text
    assert len(app.sandbox.orders) == 1
    assert (await app.shop.wallets.statement((await app.order(customer)).customer, 0)).balance
    # Reading goes on.
    await customer.send("/orders")
    await customer.tap("1 GB")
    await customer.tap("redentials")
    assert "gate.nodemaven.com" in customer.messages[-1].text
    await boris.send("/balance")
    assert "10.00" in boris.text.replace(",", ".")
    await owner.send("/shop")
    assert "Selling has been stopped since" in owner.text
    assert "the books do not balance" in owner.text

    # Only a green audit ends it.
    await owner.tap("Resume")
    assert "The books do not balance yet" in owner.alert
    await meddle(app.shop.database, -1)
    await customer.press(Resume().pack())
    await customer.press(buy)
    assert len(app.sandbox.orders) == 1
    await owner.send("/shop")
    resume = owner.button("Resume")
    await owner.press(resume)
    await owner.press(resume)
    assert "Selling has been stopped" not in owner.text

    await customer.press(buy)
    await owner.press(confirm)
    assert len(app.sandbox.orders) == 2
    assert await app.state(customer) is OrderState.DELIVERED
    assert await customer.balance() == usd("8.90")


async def test_an_owner_audits_the_books_with_one_tap(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/shop")
    app.clock.turn(600)
    assert "The books were audited 0 s ago." not in owner.text
    await owner.tap("Audit the books")
    assert owner.text.startswith("The books balance: every figure was recomputed")
    assert "The books were audited 0 s ago." in owner.text
    await owner.tap("Refresh")
    assert "The books balance" not in owner.text

    await meddle(app.shop.database, 1)
    await owner.tap("Audit the books")
    await owner.send("/shop")
    assert "Selling has been stopped since" in owner.text

    await meddle(app.shop.database, -1)
    await owner.tap("Resume")
    assert "Selling has been stopped" not in owner.text


async def meddle(database: Database, micros: int) -> None:
    """Change a balance behind the back of the books."""
    async with database.write() as tx:
        await tx.execute(
            text("UPDATE wallets SET balance = balance + :micros WHERE customer_id = 1001"),
            {"micros": micros},
        )


@ON_SQLITE
async def test_a_forged_claim_of_an_owner_is_a_customers_claim_like_any_other(
    app: ShopFloor, owner: Customer
) -> None:
    plan = app.plan_id("nodemaven", "1")

    claim = Buy(
        plan=plan, quantity=1, micros=4_030_000, days=0, title=title_mark("1 GB"),
        intent="c0ffee00" * 2, again=False,
    )  # fmt: skip
    await owner.press(claim.pack())

    assert not app.sandbox.orders
    await owner.press(SaleNotices(on=True).pack())
    await owner.press(Confirm(request=1).pack())
    assert await owner.balance() == usd("0")

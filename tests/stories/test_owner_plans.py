"""An owner says what plans cost that no price list tells of, and which of them are on sale."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from bot.callbacks import (
    ChangePlan,
    Confirm,
    CostFor,
    DaysFor,
    HidePlan,
    MostFor,
    PlanHistory,
    ShowPlans,
    TitleFor,
)
from bot.db.models import OrderRow, PlanChangeRow, PlanRow, RequestRow, SubscriptionRow
from bot.domain.catalog import title_mark
from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.i18n import texts
from bot.screens import plans
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox_stat import StatProxiesSandbox
from tests.bench import HandClock, opened, sandbox_for, seeds, stat_sandbox_for
from tests.conftest import ON_SQLITE
from tests.hostile import AMOUNTS
from tests.stories.conftest import ShopFloor, labels
from tests.stories.test_owner_money import answers
from tests.telegram import ALICE, Customer

OTHERS = (
    '{"captcha": {"title": "Renamed", "cost": "9.99", "days": 7, "max": 5},'
    ' "x9": {"title": "ISP X9", "cost": "1.00", "days": 30, "max": 10}}'
)
"""Another setting than the one that the shop began with."""
# What Telegram itself takes out, and what is an amount with spaces around it, is none of these.
WRONG = tuple(one for one in AMOUNTS if one.strip(" \u00a0\n\x00") not in {"10", ""})


@pytest.fixture
def stat(clock: HandClock) -> StatProxiesSandbox:
    """The pretend StatProxies: it knows no prices."""
    return stat_sandbox_for(clock)


async def costs(app: ShopFloor) -> dict[str, str]:
    """What each of the owner's plans costs, by its code."""
    return {line.plan.code: str(line.plan.cost) for line in await app.shop.plans.listed()}


async def changes(app: ShopFloor) -> list[tuple[object, ...]]:
    """The history as it is kept: what was done, to which cost, by whom."""
    async with app.shop.database.read() as reader:
        rows = await reader.execute(
            select(PlanChangeRow.kind, PlanChangeRow.new_micros, PlanChangeRow.by).order_by(
                PlanChangeRow.id
            )
        )
        return [tuple(row) for row in rows]


async def said(app: ShopFloor) -> list[tuple[object, ...]]:
    """The history of days, pieces and titles as it is kept: old, new, and by whom."""
    async with app.shop.database.read() as reader:
        rows = await reader.execute(
            select(
                PlanChangeRow.kind, PlanChangeRow.old_text, PlanChangeRow.new_text,
                PlanChangeRow.by,
            ).order_by(PlanChangeRow.id)
        )  # fmt: skip
        return [tuple(row) for row in rows]


async def previews(app: ShopFloor) -> int:
    """How many changes of costs were ever previewed."""
    async with app.shop.database.read() as reader:
        return len((await reader.scalars(select(RequestRow.id).filter_by(kind="cost"))).all())


async def set_cost(owner: Customer, words: str) -> None:
    await owner.send(f"/plans cost {words}")
    await owner.tap("Apply")


async def test_the_list_says_all_about_each_plan_and_what_it_leaves_out(
    app: ShopFloor, owner: Customer
) -> None:
    await owner.send("/markup statproxies 20%")
    await owner.tap("Apply")

    await owner.send("/plans")

    assert (
        "ISP for captchas · captcha\n"
        "Cost 2.00 USD, price 2.40 USD (20% for Stat Proxies)\n"
        "30 days, at most 100 pc. an order; on sale"
    ) in owner.text
    assert "What GateProxy sells comes from its price list, with its costs." in owner.text
    assert "NodeMaven" not in owner.text
    assert owner.labels[:2] == ["Change: captcha", "Hide: captcha"]
    await owner.send("/shop")
    await owner.tap("Plans")
    assert owner.text.startswith("Your plans")


@ON_SQLITE
async def test_many_plans_have_pages_and_a_change_comes_back_to_its_page(
    app: ShopFloor, owner: Customer
) -> None:
    async with app.shop.database.write() as tx:
        row = (await tx.execute(select(PlanRow.__table__).filter_by(code="captcha"))).one()
        for number in range(8):
            fields = {**row._mapping, "code": f"y{number}", "title": f"Y {number}"}
            del fields["id"]
            await tx.execute(insert(PlanRow).values(**fields))
    await app.refresh()

    await owner.send("/plans")
    assert "1/3" in owner.labels
    await owner.tap("▶️")
    await owner.tap("▶️")
    assert "Y 7 · y7" in owner.text
    await owner.tap("Hide: y7")

    assert owner.text.startswith("Y 7 is hidden.")
    assert "3/3" in owner.labels
    await owner.press(ShowPlans(page=2**53).pack())
    assert "3/3" in owner.labels


async def test_a_cost_is_previewed_with_its_price_and_holds_once_applied(
    app: ShopFloor, owner: Customer
) -> None:
    for words, new, price in (
        ("captcha 2.50", "2.50 USD", "2.88 USD"),
        ("CAPTCHA 2,4", "2.40 USD", "2.76 USD"),
        ('"ISP for captchas" 1', "1.00 USD", "1.15 USD"),
        ("isp for captchas  0.01", "0.01 USD", "0.02 USD"),
        ("captcha 1000", "1,000.00 USD", "1,150.00 USD"),
    ):
        old = (await costs(app))["captcha"]
        await owner.send(f"/plans cost {words}")
        assert owner.text.startswith(f"Let one piece of ISP for captchas cost {new}?")
        assert f" → {new}\n" in owner.text
        assert f" → {price} (15% for everything)" in owner.text
        assert owner.labels == ["Drop", "Apply"]
        assert (await costs(app))["captcha"] == old

        await owner.tap("Apply")
        assert owner.text.startswith("Done. The cost of ISP for captchas was changed from")
        assert f"customers pay {price} a piece now." in owner.text
        assert (await costs(app))["captcha"] == new.replace(",", "")
        assert str(app.bench.offer("statproxies", "captcha").price) == price.replace(",", "")
    assert [by for *_, by in await changes(app)] == [owner.id] * 5


@ON_SQLITE
async def test_a_cost_is_typed_after_a_tap(app: ShopFloor, owner: Customer) -> None:
    for way in ("tap", "words"):
        if way == "tap":
            await owner.send("/plans")
            await owner.tap("Change: level3")
            await owner.tap("Cost")
        else:
            await owner.send("/plans cost ISP Level3")
        assert "What does one piece of ISP Level3 cost you?" in owner.text
        assert "It is 2.60 USD now." in owner.text
        await owner.send("cheap")
        assert owner.text.startswith("“cheap” is not a cost.")
        await owner.send("3")
        assert "Cost: 2.60 USD → 3.00 USD" in owner.text
        await owner.tap("Drop")
        assert "Dropped. Nothing was changed." in owner.text
    assert (await costs(app))["level3"] == "2.60 USD"


async def test_a_cost_holds_once_and_the_other_owners_are_told(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await owner.send("/plans cost captcha 2.50")
    apply = owner.button("Apply")
    heard = len(other_owner.messages), len(owner.messages), len(customer.messages)

    await asyncio.gather(*(owner.press(apply) for _ in range(5)))

    assert owner.text.startswith("Done. The cost of ISP for captchas was changed from 2.00 USD")
    assert await changes(app) == [("cost", 2_500_000, owner.id)]
    assert (len(other_owner.messages), len(owner.messages), len(customer.messages)) == (
        heard[0] + 1,
        heard[1],
        heard[2],
    )
    told = other_owner.messages[-1]
    assert told.text == "Olga (900, @olga_owner) changed the cost of ISP for captchas: " + (
        "2.00 USD → 2.50 USD."
    )
    assert labels(told)[0] == "Plans"
    # Long after, when somebody has changed it again, the old button still only tells.
    await set_cost(other_owner, "captcha 3")
    app.clock.turn(3600)
    await owner.press(apply)
    assert (await costs(app))["captcha"] == "3.00 USD"
    assert len(await changes(app)) == 2


async def test_a_preview_grows_old_and_is_nobody_elses(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await owner.send("/plans cost captcha 2.50")
    apply = owner.button("Apply")
    for somebody in (other_owner, customer):
        await somebody.press(apply.data)
    await owner.press(Confirm(request=2**53).pack())
    assert (await costs(app))["captcha"] == "2.00 USD"

    app.clock.turn(601)
    await owner.press(apply)

    assert "It is too late for that." in owner.text
    assert (await costs(app))["captcha"] == "2.00 USD"
    assert await changes(app) == []


async def test_of_two_previews_of_one_cost_the_second_would_not_tell_the_truth(
    app: ShopFloor, owner: Customer, other_owner: Customer
) -> None:
    await owner.send("/plans cost captcha 2.50")
    await other_owner.send("/plans cost captcha 3")
    await other_owner.tap("Apply")

    await owner.tap("Apply")

    assert owner.text.startswith("The cost of ISP for captchas was changed meanwhile.")
    assert "It is 3.00 USD now." in owner.text
    assert (await costs(app))["captcha"] == "3.00 USD"
    assert await changes(app) == [("cost", 3_000_000, other_owner.id)]


async def test_a_cost_that_is_the_same_is_not_offered(app: ShopFloor, owner: Customer) -> None:
    await owner.send("/plans cost captcha 2,0")

    assert owner.text.startswith("ISP for captchas costs 2.00 USD already.")
    assert "Apply" not in owner.labels
    assert await previews(app) == 0


@ON_SQLITE
async def test_no_hostile_amount_is_a_cost(app: ShopFloor, owner: Customer) -> None:
    typed = (*WRONG, "1000.01", "1000000", "1e999", "2.50 2.50", "2.50\n", "2.50 x")
    shown: list[tuple[str, str]] = []
    for number in range(0, len(typed), 20):
        some = typed[number : number + 20]
        found = await answers(app, owner, (f"/plans cost captcha {one}"[:4096] for one in some))
        shown += [(one, answer.text) for one, answer in zip(some, found, strict=True)]
        app.clock.turn(60)

    for one, text in shown:
        if one == "2.50\n":  # Telegram takes the line break away
            continue
        assert "is not a cost. Write it like 2 or 2.50, from 0.01 to 1000," in text, ascii(one)
        assert "Nothing was changed." in text
    assert await previews(app) == 1
    assert (await costs(app))["captcha"] == "2.00 USD"


@ON_SQLITE
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("price captcha 2", "“price captcha 2” is not understood."),
        ("captcha 2", "“captcha 2” is not understood."),
        ("cost", "Say which plan."),
        ("days", "Say which plan."),
        ("most", "Say which plan."),
        ("title", "Say which plan."),
        ("days 30", "“30” is not the name of one of your plans"),
        ("days 30 captcha", "“30 captcha” is not the name"),
        ("most nodemaven 20", "What GateProxy sells cannot be changed here."),
        ("title NodeMaven Fast", "What GateProxy sells cannot be changed here."),
        ("hide", "Say which plan."),
        ("show ", "Say which plan."),
        ("cost 2.50", "“2.50” is not the name of one of your plans"),
        ("cost 2.50 captcha", "“2.50 captcha” is not the name of one of your plans"),
        ("cost nodemaven 2.50", "“nodemaven 2.50” is not the name"),
        ("hide NodeMaven", "What GateProxy sells cannot be changed here."),
        ("hide captcha 2", "“captcha 2” is not the name"),
        ("show <b>", "“<b>” is not the name"),
        ("hide ISP", "“ISP” is not the name"),
    ],
)
async def test_what_is_not_understood_is_answered_with_examples(
    app: ShopFloor, owner: Customer, words: str, said: str
) -> None:
    await owner.send(f"/plans {words}")

    assert said in owner.text
    assert "Nothing was changed." in owner.text
    for example in (
        "/plans cost captcha 2.50", "/plans days captcha 30", "/plans most captcha 20",
        "/plans title captcha ISP", "/plans hide captcha", "/plans show captcha",
    ):  # fmt: skip
        assert example in owner.text
    assert await changes(app) == []
    assert await previews(app) == 0


@ON_SQLITE
async def test_two_plans_of_one_title_are_told_apart_by_their_codes(
    app: ShopFloor, owner: Customer
) -> None:
    async with app.shop.database.write() as tx:
        await tx.execute(update(PlanRow).where(PlanRow.code == "x1").values(
            title="ISP Level3"
        ))  # fmt: skip
    await app.refresh()

    await owner.send("/plans hide ISP Level3")
    assert "or of more than one" in owner.text
    await owner.send("/plans hide x1")

    assert await changes(app) == [("hide", None, owner.id)]


async def test_a_markup_is_set_for_the_plan_that_is_meant_whatever_plans_are_called(
    app: ShopFloor, owner: Customer
) -> None:
    await owner.send("/plans title x1 captcha")
    for code, costs, pays in (("captcha", "2.30", "7.00"), ("x1", "1.61", "6.40")):
        await owner.send(f'/markup statproxies "{code}" +5')
        assert f": {costs} USD → {pays} USD" in owner.text
        await owner.tap("Drop")

    await owner.send("/plans title captcha Fast ISP")
    await owner.send("/plans title x1 fast isp")
    await owner.send('/markup statproxies "Fast ISP" +5')

    assert owner.text.startswith("“Fast ISP” is not understood. Nothing was changed.")


# Days, pieces and titles

FACTS = (
    ("Days", "days", "7", "30", "Done. ISP for captchas works for 7 days now; it was 30."),
    (
        "At most", "most", "20", "100",
        "Done. One order of ISP for captchas takes at most 20 pc. now; it was 100.",
    ),
    (
        "Title", "title", "ISP & <b>fast</b>", "ISP for captchas",
        "Done. ISP for captchas is called ISP & <b>fast</b> now.",
    ),
)  # fmt: skip
HEARD = {
    "days": "Olga (900, @olga_owner) changed the days of ISP for captchas: 30 → 7.",
    "most": "Olga (900, @olga_owner) changed the most pieces of one order of "
    "ISP for captchas: 100 → 20.",
    "title": "Olga (900, @olga_owner) changed the title of a plan: "
    "ISP for captchas → ISP & <b>fast</b>.",
}


async def fact(app: ShopFloor, kind: str) -> object:
    plan = app.bench.offer("statproxies", "captcha").plan
    return {"days": plan.days, "most": plan.most, "title": plan.title}[kind]


@pytest.mark.parametrize(("label", "kind", "new", "old", "told"), FACTS)
async def test_a_fact_is_changed_by_words_or_after_a_tap_and_the_other_owners_are_told(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer,
    label: str, kind: str, new: str, old: str, told: str,
) -> None:  # fmt: skip
    heard = len(other_owner.messages), len(owner.messages), len(customer.messages)
    await owner.send(f"/plans {kind} captcha {new}")

    assert owner.text.startswith(told)
    assert owner.labels[:5] == ["Cost", "Days", "At most", "Title", "Hide"]
    assert str(await fact(app, kind)) == new
    assert await said(app) == [(kind, old, new, owner.id)]
    assert len(other_owner.messages) == heard[0] + 1
    assert other_owner.messages[-1].text == HEARD[kind]
    assert labels(other_owner.messages[-1])[0] == "Plans"
    assert len(customer.messages) == heard[2]
    # The same once more changes nothing, and nobody is told of it.
    await owner.send(f"/plans {kind} CAPTCHA {new}")
    assert "already. Nothing was changed." in owner.text
    assert len(await said(app)) == 1
    assert len(other_owner.messages) == heard[0] + 1

    await owner.send("/plans")
    await owner.tap("Change: captcha")
    await owner.tap(label)
    await owner.send(" " + old)
    assert owner.text.startswith("Done. ")
    assert str(await fact(app, kind)) == old
    assert await said(app) == [(kind, old, new, owner.id), (kind, new, old, owner.id)]
    # It was answered: what is written next is no answer.
    await owner.send("5")
    assert len(await said(app)) == 2


WRONG_WHOLE = (
    "none", "-", "0", "-5", "+5", "007", "7.0", "7,0", "1e2", "1_0", "30 days", "30d", "x",
    "\u0663\u0660", "\uff17", "7\u200b", "\u202e7", "7 7", "NaN", "9" * 40, "½", "<b>7</b>",
)  # fmt: skip
WRONG_TITLES = ("T" * 65, "two\nlines", "\u202eevil", "zero\u200bwidth")


@ON_SQLITE
@pytest.mark.parametrize(
    ("kind", "wrong", "problem", "right"),
    [
        (
            "days", (*WRONG_WHOLE, "367", "1000"),
            "is not a number of days. Write a whole number from 1 to 366,", "366",
        ),
        (
            "most", (*WRONG_WHOLE, "1001"),
            "is not a number of pieces. Write a whole number from 1 to 1000,", "1000",
        ),
        ("title", WRONG_TITLES, "is not a title. Write 1 to 64 characters on one line.", "T" * 64),
    ],
)  # fmt: skip
async def test_nonsense_changes_nothing_and_the_question_stays_open(
    app: ShopFloor, owner: Customer, kind: str, wrong: tuple[str, ...], problem: str, right: str
) -> None:
    for typed in wrong:
        await owner.send(f"/plans {kind} captcha {typed}")
        assert problem in owner.text, ascii(typed)
        assert "Nothing was changed." in owner.text
        await owner.send(typed)
        assert problem in owner.text, ascii(typed)
        app.clock.turn(5)
    assert await said(app) == []

    await owner.send(right)

    assert owner.text.startswith("Done. ")
    assert [row[2] for row in await said(app)] == [right]


async def test_a_fact_without_its_value_is_asked_for_and_may_be_left(
    app: ShopFloor, owner: Customer
) -> None:
    for kind, asked in (
        ("days", "For how many days does ISP for captchas work?\n\nNow: 30."),
        ("most", "How many pieces of ISP for captchas may one order take?\n\nNow: 100."),
        ("title", "What shall ISP for captchas be called?"),
    ):
        await owner.send(f"/plans {kind} captcha")
        assert owner.text.startswith(asked)
        await owner.tap("Back")
        assert owner.text.startswith("ISP for captchas · captcha")
        await owner.send("7")
        await owner.send(f"/plans {kind} captcha")
        await owner.send("/cancel")
        await owner.send("7")
    assert await said(app) == []


@ON_SQLITE
async def test_a_title_may_begin_with_words_that_are_names(
    app: ShopFloor, owner: Customer
) -> None:
    for title in ("captcha", "ISP for captchas", "for captchas fast", "x1 and more"):
        await owner.send(f"/plans title captcha {title}")
        assert await fact(app, "title") == title
    await owner.send("/plans title x1 and more ISP")
    assert app.bench.offer("statproxies", "x1").plan.title == "and more ISP"
    await owner.send('/plans days "X1 AND MORE" 7')
    assert await fact(app, "days") == 7


async def test_a_plan_is_hidden_and_shown_from_its_own_screen(
    app: ShopFloor, owner: Customer
) -> None:
    await owner.send("/plans")
    await owner.tap("Change: x1")
    assert "30 days, at most 50 pc. an order; on sale" in owner.text
    assert "Orders that were accepted before go on as they were agreed." in owner.text
    await owner.tap("Hide")
    assert owner.text.startswith("ISP X1 is hidden.")
    await owner.tap("Change: x1")
    await owner.tap("Show")
    assert owner.text.startswith("ISP X1 is on sale")


@ON_SQLITE
@pytest.mark.parametrize(("kind", "value"), [("days", "7"), ("most", "2"), ("title", "Other")])
async def test_an_accepted_order_keeps_what_it_was_accepted_with(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox,
    kind: str, value: str,
) -> None:  # fmt: skip
    stat.faults.append(Fault(method="POST", status=429, code="too_many"))
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("3")
    await customer.tap("Buy 3")
    assert await app.state(customer) is OrderState.RESERVED

    await owner.send(f"/plans {kind} captcha {value}")
    await app.pass_time(60, step=1)

    order = await app.order(customer)
    assert (order.state, order.title, order.days) == (
        OrderState.DELIVERED, "ISP for captchas", 30,
    )  # fmt: skip
    assert [one.quantity for one in stat.orders] == [3]
    async with app.shop.database.read() as reader:
        [runs] = (await reader.execute(select(SubscriptionRow.__table__))).all()
    assert order.works_until == runs.ends_at == runs.opened_at + timedelta(days=30)
    assert "Works until 22 Dec 2026," in customer.messages[-1].text
    # Changed once more, long after: the order still says what it was bought for.
    await owner.send(f"/plans {kind} captcha {value}0")
    await customer.send("/orders")
    assert (await app.order(customer)).works_until == order.works_until


@ON_SQLITE
async def test_a_button_from_before_sells_neither_another_time_nor_more_than_there_are(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("3")
    buy = customer.button("Buy 3")

    await owner.send("/plans most captcha 2")
    await customer.press(buy)
    assert "This plan is not sold in that number. Nothing was charged." in customer.text
    assert "One order takes 1 to 2." in customer.text
    await owner.send("/plans most captcha 3")
    await owner.send("/plans days captcha 60")
    await owner.send("/plans cost captcha 2.50")
    await owner.tap("Apply")
    await customer.press(buy)
    assert customer.text.startswith("The plan has changed. Nothing was charged.")
    assert "Works for 30 → 60 days: until 21 Jan 2027, 10:00 UTC" in customer.text
    assert "Price: 6.90 USD → 8.64 USD" in customer.text
    assert not stat.orders
    assert await customer.balance() == usd("10")

    # Back as it was, the old button says the truth again.
    await owner.send("/plans days captcha 30")
    await owner.send("/plans cost captcha 2")
    await owner.tap("Apply")
    await customer.press(buy)
    assert await app.state(customer) is OrderState.DELIVERED
    assert (await app.order(customer)).days == 30


async def test_the_offer_after_a_risen_price_is_for_the_time_that_was_agreed(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await in_line(customer, stat)
    await set_cost(owner, "captcha 3")
    await owner.send("/plans days captcha 7")
    await app.pass_time(60, step=1)
    assert "The price was 2.30 USD and is 3.45 USD now." in customer.messages[-1].text

    await customer.tap("Buy for 3.45 USD")

    assert customer.text.startswith("The plan has changed. Nothing was charged.")
    assert "Works for 30 → 7 days: until" in customer.text
    assert not stat.orders
    await customer.tap("Buy 1 for 3.45 USD")
    assert (await app.order(customer)).days == 7


@ON_SQLITE
async def test_a_plan_of_one_piece_is_bought_for_its_time(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await owner.send("/plans most captcha 1")
    await customer.open("ISP for captchas", "Stat Proxies")
    assert "2" not in customer.labels
    buy = customer.button("Buy for 2.30 USD")

    await owner.send("/plans days captcha 7")
    await customer.press(buy)
    assert "Works for 30 → 7 days: until" in customer.text
    await customer.tap("Buy for 2.30 USD")

    assert (await app.order(customer)).days == 7
    assert [one.quantity for one in stat.orders] == [1]


@ON_SQLITE
async def test_a_plan_of_one_day_works_for_one_day(owner: Customer, customer: Customer) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    buy = customer.button("Buy 1")
    await owner.send("/plans days captcha 1")

    await customer.press(buy)
    assert "Works for 30 → 1 day: until 23 Nov 2026, 10:00 UTC" in customer.text
    await customer.open("ISP for captchas", "Stat Proxies")
    assert "Works for 1 day: until 23 Nov 2026, 10:00 UTC" in customer.text


@ON_SQLITE
async def test_the_number_that_is_asked_for_follows_the_bound(
    owner: Customer, customer: Customer
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    five = customer.button("5")
    await customer.tap("Another number")
    await owner.send("/plans most captcha 2")

    await customer.send("3")
    assert "is not a number from 1 to 2." in customer.text
    await customer.press(five)
    assert "One order takes 1 to 2." in customer.text


# Hidden and shown


async def test_a_hidden_plan_is_not_listed_and_no_old_button_buys_it(
    app: ShopFloor, owner: Customer, customer: Customer, other_owner: Customer
) -> None:
    plan = app.plan_id("statproxies", "captcha")
    await customer.open("ISP for captchas", "Stat Proxies")
    buy, three = customer.button("Buy 1"), customer.button("3")
    heard = len(other_owner.messages)

    await owner.send("/plans")
    hide = owner.button("Hide: captcha")
    for button in (hide, hide, HidePlan(plan=plan, hidden=True).pack()):
        await owner.press(button)
        assert owner.text.startswith("ISP for captchas is hidden. Nobody sees it or can buy it;")
        assert "Show: captcha" in owner.labels

    for button in (buy, three):
        await customer.press(button)
        assert "This cannot be bought right now. Nothing was charged." in customer.text
    mark = title_mark("ISP for captchas")
    await customer.press(f"buyt:{plan}:2:4600000:30:{mark}:{'ab' * 8}:0")
    assert "Nothing was charged." in customer.text
    await customer.send(f"/start l_{plan}")
    assert "This cannot be bought right now." in customer.text
    await customer.send("/browse")
    await customer.tap("Stat Proxies")
    assert any("ISP X1" in label for label in customer.labels)
    assert not any("captchas" in label for label in customer.labels)
    assert await customer.balance() == usd("10")
    assert await app.orders(customer) == []
    assert app.stat is not None
    assert not app.stat.orders
    # Written down and told once, however often it was tapped.
    assert await changes(app) == [("hide", None, owner.id)]
    assert len(other_owner.messages) == heard + 1
    assert other_owner.messages[-1].text == (
        "Olga (900, @olga_owner) hid ISP for captchas: it is not sold now."
    )


async def test_a_plan_that_is_shown_again_is_bought_with_the_old_button(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    buy = customer.button("Buy 1")
    await owner.send("/plans hide captcha")
    await app.refresh()
    await owner.send("/plans")
    assert "at most 100 pc. an order; hidden" in owner.text
    await owner.tap("Show: captcha")
    assert owner.text.startswith("ISP for captchas is on sale for 2.30 USD a piece.")

    await customer.press(buy)

    assert await app.state(customer) is OrderState.DELIVERED
    assert [kind for kind, *_ in await changes(app)] == ["hide", "show"]


@ON_SQLITE
async def test_with_every_plan_hidden_the_provider_is_gone_from_the_shop(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    for code in ("captcha", "x1", "level3"):
        await owner.send(f"/plans hide {code}")

    await customer.send("/browse")

    assert not any("Stat Proxies" in label for label in customer.labels)
    await owner.send("/markup statproxies 30%")
    assert "Set the markup of Stat Proxies to 30%?" in owner.text
    assert "No plan on sale is affected." in owner.text
    await owner.tap("Apply")
    await owner.send('/markup statproxies "ISP X1" +0.50')
    assert "Set the markup of Stat Proxies ISP X1 to +0.50?" in owner.text
    await owner.send("/plans show level3")
    await customer.send("/browse")
    assert any("Stat Proxies" in label for label in customer.labels)


async def test_an_order_that_was_accepted_goes_on_when_its_plan_is_hidden(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await in_line(customer, stat)
    assert await app.state(customer) is OrderState.RESERVED

    await owner.send("/plans hide captcha")
    await app.pass_time(60, step=1)

    order = await app.order(customer)
    assert order.state is OrderState.DELIVERED
    assert (order.price, order.cost) == (usd("2.30"), usd("2"))
    assert await customer.balance() == usd("7.70")
    assert len(stat.orders) == 1


async def in_line(customer: Customer, stat: StatProxiesSandbox) -> None:
    """Buy one piece while the provider is busy, so that the order waits for some seconds."""
    stat.faults.append(Fault(method="POST", status=429, code="too_many"))
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("Buy 1")


async def test_a_plan_that_the_provider_refuses_is_marked_and_can_be_shown_again(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    stat.faults.append(Fault(status=400, code="Invalid product_type"))
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("Buy 1")
    assert await app.state(customer) is OrderState.RELEASED
    await app.refresh()

    await owner.send("/plans")
    assert "an order; not sold, because the provider refused it" in owner.text
    await owner.tap("Show: captcha")

    assert "ISP for captchas is on sale" in owner.text
    app.clock.turn(11)
    await app.show(customer, "statproxies", "captcha")
    await customer.tap("Buy 1")
    assert await app.state(customer) is OrderState.DELIVERED


# Costs and customers


@ON_SQLITE
async def test_a_customer_with_the_old_price_before_them_is_asked_again(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    for cost, price, left in (("2.50", "2.88 USD", "7.12"), ("1.50", "1.73 USD", "5.39")):
        await app.show(customer, "statproxies", "captcha")
        buy = customer.button("Buy 1")
        before = await customer.balance()
        await set_cost(owner, f"captcha {cost}")
        app.clock.turn(11)

        await customer.press(buy)
        assert "The price has changed. Nothing was charged." in customer.text
        assert f" → {price}" in customer.text
        assert await customer.balance() == before
        await customer.tap("Buy 1")

        assert await customer.balance() == usd(left)
        order = await app.order(customer)
        assert (str(order.price), order.cost) == (price, usd(cost))


@ON_SQLITE
async def test_an_order_in_line_is_never_sold_at_another_price_than_agreed(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await in_line(customer, stat)
    await set_cost(owner, "captcha 3")
    await app.pass_time(60, step=1)

    assert await app.state(customer) is OrderState.RELEASED
    assert await customer.balance() == usd("10")
    assert not stat.orders
    assert "The price was 2.30 USD and is 3.45 USD now." in customer.messages[-1].text

    await set_cost(owner, "captcha 2")
    await app.show(customer, "statproxies", "captcha")
    stat.faults.append(Fault(method="POST", status=429, code="too_many"))
    await customer.tap("Buy 1")
    await set_cost(owner, "captcha 1")
    await app.pass_time(60, step=1)

    order = await app.order(customer)
    assert order.state is OrderState.DELIVERED
    assert (order.price, order.cost) == (usd("2.30"), usd("1"))
    assert await customer.balance() == usd("7.70")


async def test_what_was_delivered_keeps_its_cost(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("Buy 1")

    await set_cost(owner, "captcha 3")

    order = await app.order(customer)
    assert (order.price, order.cost) == (usd("2.30"), usd("2"))
    await owner.send("/shop")
    assert "1 order, 2.30 USD in sales, 0.30 USD in profit." in owner.text


# What is kept


async def test_the_history_tells_who_did_what(
    app: ShopFloor, owner: Customer, other_owner: Customer
) -> None:
    await owner.send("/plans")
    await owner.tap("History")
    assert "No plan was ever changed here." in owner.text
    await set_cost(owner, "captcha 2.50")
    for _ in range(5):
        await other_owner.send("/plans hide x1")
        await other_owner.send("/plans show x1")

    await owner.send("/plans")
    await owner.tap("History")
    assert "Otto · ISP X1: on sale again" in owner.text
    assert "Otto · ISP X1: hidden" in owner.text
    assert "#3 " not in owner.text
    await owner.tap("Older")

    assert "#2 " in owner.text
    assert "Olga · ISP for captchas: cost 2.00 USD → 2.50 USD" in owner.text
    for words in ("days captcha 7", "most captcha 20", "title captcha ISP, fast"):
        await owner.send(f"/plans {words}")
    await owner.tap("Plans")
    await owner.tap("History")
    assert "Olga · ISP, fast: days 30 → 7" in owner.text
    assert "Olga · ISP, fast: most pieces 100 → 20" in owner.text
    assert "Olga · ISP, fast: title ISP for captchas → ISP, fast" in owner.text
    await owner.press(PlanHistory(before=1).pack())
    assert "No plan was ever changed here." in owner.text


@ON_SQLITE
async def test_a_plan_of_a_price_list_is_nothing_here(app: ShopFloor, owner: Customer) -> None:
    await owner.send("/plans")
    for plan in (app.plan_id("nodemaven", "1"), 0, 999, 2**53):
        for data in (
            CostFor(plan=plan), DaysFor(plan=plan), MostFor(plan=plan), TitleFor(plan=plan),
            ChangePlan(plan=plan), HidePlan(plan=plan, hidden=True),
        ):  # fmt: skip
            await owner.press(data.pack())
            assert "There is nothing here." in owner.text

    assert await changes(app) == []
    assert app.bench.offer("nodemaven", "1").price == usd("4.03")


@ON_SQLITE
async def test_a_plan_is_not_called_on_sale_where_no_account_buys_it(
    database_url: str, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    sandbox = sandbox_for(clock)
    async with opened(database_url, sandbox, clock, stat):
        pass

    async with opened(database_url, sandbox, clock) as without_key:
        await without_key.shop.jobs.look_at_stops()

        for line in await without_key.shop.plans.listed():
            shown = plans.plan(texts("en"), line).text
            assert "not sold, because <code>STATPROXIES_KEY</code> is not set" in shown
        assert without_key.offer("statproxies", "captcha").is_stale
        assert not without_key.offer("nodemaven", "1").is_stale


async def test_the_setting_only_names_plans_that_the_shop_does_not_know(
    database_url: str, clock: HandClock, stat: StatProxiesSandbox
) -> None:
    sandbox = sandbox_for(clock)
    async with opened(database_url, sandbox, clock, stat) as bench:
        plans, owner = bench.shop.plans, min(bench.shop.outbox.owners)
        captcha = bench.offer("statproxies", "captcha").plan
        asked = await plans.preview(captcha.id, usd("2.50"), owner)
        await plans.apply(await bench.shop.requests.open(asked.request, owner), owner)
        await plans.hide(bench.offer("statproxies", "x1").plan.id, owner)

    async with opened(
        database_url, sandbox, clock, stat, statproxies_products=seeds(OTHERS)
    ) as again:
        await again.refresh()
        known = {line.plan.code: line for line in await again.shop.plans.listed()}

        kept = known["captcha"].plan
        assert (kept.title, kept.cost, kept.days, kept.most) == (
            "ISP for captchas", usd("2.50"), 30, 100,
        )  # fmt: skip
        assert known["x1"].plan.is_hidden
        assert not known["level3"].plan.is_hidden
        assert known["x9"].plan.cost == usd("1")
        customer = await again.customer(ALICE.id, balance="10")
        line = await again.buy(customer, "statproxies", "captcha")
        assert line.order.price == usd("2.88")


@ON_SQLITE
async def test_a_former_customer_screen_of_many_pieces_is_compared_whole(
    app: ShopFloor, owner: Customer, customer: Customer, stat: StatProxiesSandbox
) -> None:
    await customer.open("ISP for captchas", "Stat Proxies")
    await customer.tap("3")
    buy = customer.button("Buy 3")
    await set_cost(owner, "captcha 2.01")

    await customer.press(buy)

    # One piece costs a cent and a half more with its markup: three cost six cents more.
    assert "6.90 USD → 6.96 USD" in customer.text
    assert not stat.orders
    async with app.shop.database.read() as reader:
        assert (await reader.scalars(select(OrderRow.id))).all() == []

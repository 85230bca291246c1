"""An owner sets prices: a rule is read, previewed, applied, remembered and taken back."""

from __future__ import annotations

import pytest

from bot.callbacks import RollBack
from bot.domain.money import usd
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, labels
from tests.stories.test_owner_money import answers
from tests.telegram import ALICE, Customer, Pressable

pytestmark = ON_SQLITE


def rules(app: ShopFloor) -> dict[str, str]:
    """Every rule in force by what it covers; an empty name means everything."""
    return {line.name: str(line.rule) for line in app.shop.markup.rules()}


def price(app: ShopFloor, provider: str = "nodemaven", plan: str = "1") -> str:
    return str(app.bench.offer(provider, plan).price)


async def set_markup(owner: Customer, words: str) -> None:
    await owner.send(f"/markup {words}")
    await owner.tap("Apply")


RULES = (
    ("20%", "", "20%", "4.20 USD"),
    ("0%", "", "0%", "3.50 USD"),
    ("12.5%", "", "12.5%", "3.94 USD"),
    ("12,25%", "", "12.25%", "3.93 USD"),
    ("1000%", "", "1000%", "38.50 USD"),
    ("+0.50", "", "+0.50", "4.00 USD"),
    ("nodemaven 15%", "NodeMaven", "15%", "4.03 USD"),
    ("NodeMaven 15% +0.20", "NodeMaven", "15% +0.20", "4.23 USD"),
    ("nodemaven 15% +0.20 min 0.30", "NodeMaven", "15% +0.20 min 0.30", "4.23 USD"),
    ("nodemaven 1% min 0.30", "NodeMaven", "1% min 0.30", "3.80 USD"),
    ('nodemaven "1 GB" +0.50', "NodeMaven 1 GB", "+0.50", "4.00 USD"),
    ("nodemaven “1 gb” +0,50", "NodeMaven 1 GB", "+0.50", "4.00 USD"),
    ("nodemaven «1 GB» 30%", "NodeMaven 1 GB", "30%", "4.55 USD"),
    ("nodemaven „1 GB“ 30%", "NodeMaven 1 GB", "30%", "4.55 USD"),
    ('nodemaven "1" 30%', "NodeMaven 1 GB", "30%", "4.55 USD"),
    ('"NodeMaven" "1 GB" 30%', "NodeMaven 1 GB", "30%", "4.55 USD"),
)
OFF = {"": "off", "NodeMaven": "nodemaven off", "NodeMaven 1 GB": 'nodemaven "1 GB" off'}
NO_RULES = (
    "-5%", "20", "%", "20 %", "1000.01%", "1001%", "12.345%", "1e2%", "\uff11\uff12%", "nan%",
    "20%%", "+", "+-1", "+0", "+0.001", "+1e3", "$5", "min 0.30", "20% min", "20% min 0",
    "20% 30%", "+0.50 15%", "nodemaven", "nodemaven 15% off", "nodemaven fifteen", "nobody 15%",
    'nodemaven "2 GB" 15%', 'nodemaven "1 GB"', "nodemaven 1 GB 15%", '"1 GB" 15%', '""',
    "' OR 1=1--", "<b>20%</b>", "{0}", "20%; drop", "9" * 3_000,
)  # fmt: skip


async def test_a_rule_is_read_previewed_and_applied(app: ShopFloor, owner: Customer) -> None:
    for words, scope, rule, cost_350 in RULES:
        await owner.send(f"/markup {words}")
        assert f"to {rule}?" in owner.text
        assert f"NodeMaven 1 GB: 4.03 USD → {cost_350}" in owner.text or not scope
        assert owner.labels == ["Drop", "Apply"]
        assert rules(app) == {"": "15%"}

        await owner.tap("Apply")
        assert "Done. The new prices hold from now on." in owner.text
        assert rules(app) == {"": "15%"} | {scope: rule}
        assert price(app) == cost_350

        await set_markup(owner, OFF[scope])


async def test_what_is_no_rule_is_refused_with_examples(app: ShopFloor, owner: Customer) -> None:
    found = await answers(app, owner, (f"/markup {words}" for words in NO_RULES))

    for words, answer in zip(NO_RULES, found, strict=True):
        assert "is not understood. Nothing was changed." in answer.text, words
        assert "/markup nodemaven 15%" in answer.text
        assert "Apply" not in labels(answer)
    assert rules(app) == {"": "15%"}


async def test_the_most_specific_rule_holds_whole_and_off_uncovers_the_next(
    app: ShopFloor, owner: Customer
) -> None:
    await set_markup(owner, 'nodemaven "1 GB" +0.50')
    await set_markup(owner, "nodemaven 30%")
    await set_markup(owner, "50%")
    assert (price(app), price(app, plan="5"), price(app, "abcproxy")) == (
        "4.00 USD",
        "21.45 USD",
        "3.15 USD",
    )
    await owner.send("/markup")
    assert "everything: 50%" in owner.text.casefold()
    assert "NodeMaven: 30%" in owner.text
    assert "NodeMaven 1 GB: +0.50" in owner.text

    await owner.send('/markup nodemaven "1 GB" off')
    assert "Remove the rule of NodeMaven 1 GB?" in owner.text
    assert "NodeMaven 1 GB: 4.00 USD → 4.55 USD" in owner.text
    await owner.tap("Apply")
    assert price(app) == "4.55 USD"
    await set_markup(owner, "nodemaven off")
    assert price(app) == "5.25 USD"
    await set_markup(owner, "off")

    assert rules(app) == {"": "15%"}
    assert price(app) == "4.03 USD"


async def test_a_preview_names_the_rule_that_decides_where_another_one_does(
    app: ShopFloor, owner: Customer
) -> None:
    await owner.send('/markup nodemaven "1 GB" +0.50')
    assert "NodeMaven 1 GB: 4.03 USD → 4.00 USD\n\nNothing changes" in owner.text
    await owner.tap("Apply")

    await owner.send("/markup nodemaven 30%")
    assert "NodeMaven 1 GB: 4.00 USD → 4.00 USD (+0.50 for NodeMaven 1 GB)" in owner.text
    assert "1 of these plans keeps its price: a narrower rule goes before this one." in owner.text

    await owner.send('/markup nodemaven "1 GB" off')
    assert "NodeMaven 1 GB: 4.00 USD → 4.03 USD (15% for everything)" in owner.text
    assert "narrower" not in owner.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("off", "There is no rule of everything."),
        ("nodemaven off", "There is no rule of NodeMaven."),
        ('nodemaven "1 GB" off', "There is no rule of NodeMaven 1 GB."),
        ("dataimpulse 30%", "The markup of DataImpulse is 30% already."),
    ],
)
async def test_a_change_that_changes_nothing_is_not_offered(
    app: ShopFloor, owner: Customer, words: str, said: str
) -> None:
    await owner.send("/markup dataimpulse 30%")
    await owner.tap("Apply")

    await owner.send(f"/markup {words}")

    assert owner.text.startswith(said)
    assert "Apply" not in owner.labels
    assert len((await app.shop.markup.history(0)).changes) == 1


async def test_a_preview_counts_the_plans_it_does_not_show(
    app: ShopFloor, owner: Customer
) -> None:
    await owner.send("/markup 20%")

    assert "… and 18 more plans." in owner.text
    await owner.send('/markup nodemaven "1 GB" 20%')
    assert "more plan" not in owner.text


async def test_a_rule_is_applied_once_and_the_other_owners_are_told(
    app: ShopFloor, owner: Customer, other_owner: Customer
) -> None:
    await owner.send("/markup nodemaven 30%")
    apply = owner.button("Apply")
    heard = len(other_owner.messages)
    await owner.press(apply)
    await owner.press(apply)

    assert len(other_owner.messages) == heard + 1
    assert "Olga" in other_owner.messages[-1].text
    assert "set the markup of NodeMaven to 30%" in other_owner.messages[-1].text
    assert len((await app.shop.markup.history(0)).changes) == 1


async def test_a_preview_can_be_dropped_and_grows_old(app: ShopFloor, owner: Customer) -> None:
    await owner.send("/markup nodemaven 30%")
    apply = owner.button("Apply")
    await owner.tap("Drop")
    assert "Dropped. Nothing was changed." in owner.text
    await owner.press(apply)

    await owner.send("/markup nodemaven 30%")
    app.clock.turn(601)
    await owner.tap("Apply")

    assert rules(app) == {"": "15%"}


async def test_another_owners_preview_cannot_be_applied(
    app: ShopFloor, owner: Customer, other_owner: Customer
) -> None:
    await owner.send("/markup nodemaven 30%")

    await other_owner.press(owner.button("Apply").data)

    assert rules(app) == {"": "15%"}
    await owner.tap("Apply")
    assert rules(app) == {"": "15%", "NodeMaven": "30%"}


async def test_the_history_leads_back(app: ShopFloor, owner: Customer) -> None:
    for percent in (20, 25, 30):
        await set_markup(owner, f"nodemaven {percent}%")

    await owner.tap("History")
    assert "NodeMaven → 30%" in owner.text
    assert "Olga" in owner.text
    await owner.tap("Undo #3")
    assert "NodeMaven 1 GB: 4.55 USD → 4.38 USD" in owner.text
    await owner.tap("Apply")
    assert rules(app)["NodeMaven"] == "25%"

    await owner.tap("History")
    await owner.tap("Undo #1")
    await owner.tap("Apply")
    assert rules(app) == {"": "15%"}

    for change in (0, 99, 2**53):
        await owner.press(RollBack(change=change).pack())
        assert "There is nothing here." in owner.text


async def test_a_long_history_has_pages(app: ShopFloor, owner: Customer) -> None:
    for percent in range(20, 30):
        await set_markup(owner, f"{percent}%")

    await owner.tap("History")
    assert "#10 " in owner.text
    assert "#2 " not in owner.text
    await owner.tap("Older")

    assert "#2 " in owner.text
    assert "#1 " in owner.text


async def test_a_customer_with_an_old_price_before_them_sees_both_prices(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.open("1 GB", "NodeMaven")
    buy: Pressable = customer.button("Buy")
    await set_markup(owner, "nodemaven 10%")

    await customer.press(buy)
    assert "4.03 USD" in customer.text
    assert "3.85 USD" in customer.text
    assert await customer.balance() == usd("10")
    await customer.tap("Buy")

    assert await customer.balance() == usd("6.15")


async def test_a_rule_changed_after_the_purchase_leaves_its_price(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await set_markup(owner, "50%")

    assert (await app.order(customer)).price == usd("4.03")
    await owner.send(f"/topup {ALICE.id} 1")
    assert "Balance: 5.97 USD → 6.97 USD" in owner.text

"""An owner moves money: previews, confirms once, and everybody concerned is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from sqlalchemy import func, select

from bot.callbacks import Confirm, Drop
from bot.db.models import PostingRow, RequestRow
from bot.demo.telegram import Message, Person
from bot.domain.money import usd
from bot.domain.orders import CustomerId
from bot.handlers.arrival import BURST
from tests.conftest import ON_SQLITE
from tests.stories.conftest import OTTO, ShopFloor, labels
from tests.telegram import ALICE, BORIS, Customer

STRANGER = Person(4711, "Stranger", "a_stranger")

# None of these is an amount. Control characters and white space around a text are
# taken away by Telegram itself.
NO_AMOUNTS = (
    "-5", "+5", "-0", "0", "0.00", "0.001", "1e3", "1E9", "1e-7", "1e400", "1e1000000", "NaN",
    "nan", "sNaN", "inf", "-inf", "Infinity", "1_000", "1,000", "1'000", "1 000",
    "\uff11\uff12", "\u0661\u0662", "\u0967\u0966", "\u0d67", "\U0001d7cf\U0001d7ce", "\u00b2",
    "\u00bc", "\u2167", "10\u200b", "\u202e10", "1\u00a0000", "0x10", "0b1", "1/2", "10.",
    ".5", "1.5.5", "\u22125", "10$", "$10", "10usd", "ten", "true", "null", "9" * 30,
    "0" * 3_000 + "1", "9223372036854.775808", "1000000.01", "0.015", "\U0001f4b0",
    "1" * 4_000, "007", "1;5", "10,5,0",
)  # fmt: skip
AMOUNTS = {
    "1": "1.00", "10": "10.00", "10.5": "10.50", "10.50": "10.50", "10,50": "10.50",
    "0.01": "0.01", "1000000": "1,000,000.00",
}  # fmt: skip

# List B: none of these has started the bot.
NOBODY = (
    "0", "-1", "1", str(2**31), str(2**52 - 1), str(2**52), str(2**53), str(2**63), "9" * 30,
    "-1001234567890", "@name", "name", "@", "7000000001", "@demo_shop_bot", "777000",
    "1087968824", "136817688", "1.0", "1e9", "\u0663", "007", "01001", "1001.0", "+1001", "#1001",
    "1001;", "' OR 1=1--", "@%", "@_____", "../1001", "{0}", "<b>", "\u202e1001",
    str(STRANGER.id), f"@{STRANGER.username}",
)  # fmt: skip


async def rows(app: ShopFloor) -> tuple[int, int]:
    """How many requests and postings there are."""
    async with app.shop.database.read() as reader:
        asked = await reader.scalar(select(func.count()).select_from(RequestRow))
        moved = await reader.scalar(select(func.count()).select_from(PostingRow))
    return asked or 0, moved or 0


async def answers(app: ShopFloor, owner: Customer, texts: Iterable[str]) -> list[Message]:
    """Write all of this at once; what was answered to each."""
    known = len(owner.messages)
    asked = [app.core.send(owner.person, text) for text in texts]
    assert len(asked) < BURST
    await owner.settle()
    found = owner.messages[known:]
    assert len(found) == len(asked)
    return found


@ON_SQLITE
async def test_a_top_up_shows_who_gets_what_before_it_happens(
    owner: Customer, customer: Customer
) -> None:
    for target in ("1001", "@alice", "@ALICE", "alice", "Alice"):
        await owner.send(f"/topup {target} 5.5 for <May> & June")

        assert "Top up Alice (1001, @alice) by 5.50 USD?" in owner.text
        assert "Balance: 10.00 USD → 15.50 USD" in owner.text
        assert "Note: for <May> & June" in owner.text
        assert owner.labels == ["Drop", "Confirm"]
    assert await customer.balance() == usd("10")


async def test_confirm_moves_the_money_once_and_everybody_is_told(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup @alice 5.50 thank you")
    heard = len(customer.messages), len(other_owner.messages), len(owner.messages)

    confirm = owner.button("Confirm")
    await asyncio.gather(*(owner.press(confirm) for _ in range(5)))

    assert owner.text.startswith("Done. Alice (1001, @alice) got 5.50 USD.")
    assert "Balance: 15.50 USD" in owner.text
    assert await customer.balance() == usd("15.50")
    told, other = customer.messages[-1].text, other_owner.messages[-1].text
    assert "5.50 USD is added to your balance." in told
    assert "15.50 USD" in told
    assert "thank you" in told
    assert "Olga" in other
    assert "5.50 USD" in other
    assert "@alice" in other
    assert (len(customer.messages), len(other_owner.messages), len(owner.messages)) == (
        heard[0] + 1,
        heard[1] + 1,
        heard[2],
    )


@ON_SQLITE
async def test_an_answer_to_a_forwarded_message_names_its_author(
    app: ShopFloor, owner: Customer, customer: Customer, boris: Customer
) -> None:
    await owner.send("I have paid", forward_of=BORIS)
    forwarded = max(each.id for each in app.core.messages(owner.id) if each.forward_of)

    await owner.send("/topup 7 paid", reply_to=forwarded)
    await owner.tap("Confirm")

    assert await boris.balance() == usd("17")
    assert await customer.balance() == usd("10")


@ON_SQLITE
async def test_an_owner_who_forwards_a_message_reads_what_can_be_done_with_it(
    owner: Customer, customer: Customer
) -> None:
    await owner.send("I have paid", forward_of=BORIS)
    await customer.send("I have paid", forward_of=BORIS)

    assert "answer that message with /topup 10" in owner.text
    assert "The shop works with buttons." in customer.text


@ON_SQLITE
async def test_an_answer_to_a_forwarded_stranger_says_how_it_can_be_done(
    app: ShopFloor, owner: Customer
) -> None:
    await owner.send("hello", forward_of=STRANGER)
    forwarded = max(each.id for each in app.core.messages(owner.id) if each.forward_of)

    await owner.send("/topup 7", reply_to=forwarded)

    assert "Nobody with this id or @name has started the bot." in owner.text
    assert f"https://t.me/{app.core.bot_username}" in owner.text


@ON_SQLITE
async def test_an_answer_to_a_message_of_the_bot_names_nobody(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 7 paid", reply_to=owner.messages[-1].id)

    assert "Confirm" not in owner.labels
    assert await rows(app) == (1, 1)


@ON_SQLITE
async def test_a_person_is_picked_and_the_amount_typed(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup")
    assert "Who gets the money?" in owner.messages[-1].text + owner.messages[-2].text
    await owner.pick(ALICE)
    assert "How much for Alice (1001, @alice)?" in owner.text

    await owner.send("lots")
    assert "“lots” is not an amount." in owner.text
    assert "How much for Alice (1001, @alice)?" in owner.text
    await owner.send("2,50 for tea")
    await owner.tap("Confirm")

    assert await customer.balance() == usd("12.50")
    assert "for tea" in customer.messages[-1].text


@ON_SQLITE
async def test_a_picked_stranger_and_two_people_at_once_lead_to_no_preview(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup")
    await owner.pick(STRANGER)
    assert "Nobody with this id or @name has started the bot." in owner.text

    await owner.send("/topup")
    await owner.pick(ALICE, BORIS)

    assert "How much" not in owner.text
    assert (await rows(app))[0] == 1


@ON_SQLITE
async def test_an_amount_is_asked_for_where_it_is_missing(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup @alice")
    assert "How much for Alice (1001, @alice)?" in owner.text

    await owner.send("/start")
    await owner.send("10")

    assert "Confirm" not in owner.labels
    assert await customer.balance() == usd("10")


@ON_SQLITE
async def test_a_dropped_preview_cannot_be_confirmed(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5")
    confirm, drop = owner.button("Confirm"), owner.button("Drop")

    await owner.press(drop)
    assert "Dropped. Nothing was changed." in owner.text
    await owner.press(confirm)
    await owner.press(drop)

    assert await customer.balance() == usd("10")


@ON_SQLITE
async def test_what_is_done_cannot_be_dropped(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5")
    drop = owner.button("Drop")
    await owner.tap("Confirm")

    await owner.press(drop)

    assert "Nothing was changed" not in owner.text
    assert await customer.balance() == usd("15")


@ON_SQLITE
@pytest.mark.parametrize(("seconds", "balance"), [(599, "15"), (601, "10")])
async def test_a_preview_holds_for_ten_minutes(
    app: ShopFloor, owner: Customer, customer: Customer, seconds: int, balance: str
) -> None:
    await owner.send("/topup 1001 5")
    app.clock.turn(seconds)

    await owner.tap("Confirm")

    assert await customer.balance() == usd(balance)


@ON_SQLITE
async def test_a_preview_confirmed_in_time_stays_done_when_it_is_tapped_later(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5")
    confirm = owner.button("Confirm")
    await owner.press(confirm)
    app.clock.turn(3_600)

    await owner.press(confirm)

    assert owner.text.startswith("Done. Alice (1001, @alice) got 5.00 USD.")
    assert await customer.balance() == usd("15")


@ON_SQLITE
async def test_the_same_again_is_pointed_out_for_ten_minutes_whoever_did_it(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    careful = "Careful: the same was done already"
    await owner.send("/topup 1001 5 thanks")
    assert careful not in owner.text
    await owner.tap("Confirm")

    await other_owner.send("/topup @alice 5 thanks")
    assert careful in other_owner.text
    await owner.send("/topup 1001 5.01 thanks")
    assert careful not in owner.text
    await owner.send("/debit 1001 5 thanks")
    assert careful not in owner.text
    app.clock.turn(601)
    await owner.send("/topup 1001 5 thanks")
    assert careful not in owner.text

    await owner.tap("Confirm")
    assert await customer.balance() == usd("20")


@ON_SQLITE
async def test_the_same_amount_with_another_note_is_pointed_out_as_well(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5 thanks")
    await owner.tap("Confirm")

    await owner.send("/topup 1001 5")

    assert "Careful: the same was done already" in owner.text


@ON_SQLITE
async def test_another_owners_preview_can_neither_be_confirmed_nor_dropped(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5")
    confirm = owner.button("Confirm")

    await other_owner.press(confirm.data)
    await other_owner.press(owner.button("Drop").data)
    for number in (0, 2, 10**6, 2**53):
        await other_owner.press(Confirm(request=number).pack())
        await other_owner.press(Drop(request=number).pack())
    assert await customer.balance() == usd("10")

    await owner.press(confirm)
    assert await customer.balance() == usd("15")


@ON_SQLITE
@pytest.mark.parametrize("command", ["/topup 1001 {}", "/debit 1001 {} because"])
async def test_nothing_of_list_a_is_the_amount_of_a_command(
    app: ShopFloor, owner: Customer, customer: Customer, command: str
) -> None:
    before = await rows(app)

    texts = (*NO_AMOUNTS, "\n10")
    found = await answers(app, owner, map(command.format, texts))

    for typed, answer in zip(texts, found, strict=True):
        assert labels(answer) == ["🛠 Shop"], typed
        assert "For example: " in answer.text, typed
    assert await rows(app) == before


@ON_SQLITE
async def test_nothing_of_list_a_is_a_typed_amount(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    before = await rows(app)
    await owner.send("/topup 1001")

    found = await answers(app, owner, NO_AMOUNTS)

    for typed, answer in zip(NO_AMOUNTS, found, strict=True):
        assert "How much for Alice (1001, @alice)?" in answer.text, typed
    assert await rows(app) == before
    await owner.send("1")
    assert owner.labels == ["Drop", "Confirm"]


@ON_SQLITE
async def test_amounts_are_understood_everywhere(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await app.top_up(customer, "1000000")
    for command, question in (
        ("/topup 1001 {}", "by {} USD?"),
        ("/topup 1001 {} with a note", "by {} USD?"),
        ("/debit 1001 {} because", "Take {} USD from Alice (1001, @alice)?"),
    ):
        found = await answers(app, owner, map(command.format, AMOUNTS))
        for amount, answer in zip(AMOUNTS.values(), found, strict=True):
            assert question.format(amount) in answer.text
            assert labels(answer) == ["Drop", "Confirm"]


@ON_SQLITE
async def test_a_typed_amount_is_topped_up_to_the_cent(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    for typed in ("0.01", "10,5", "1000000 for ever"):
        await owner.send("/topup 1001")
        await owner.send(typed)
        await owner.tap("Confirm")

    assert await customer.balance() == usd("1000020.51")


@ON_SQLITE
@pytest.mark.parametrize("command", ["/topup {} 5", "/debit {} 5 because"])
async def test_nobody_of_list_b_can_be_named(
    app: ShopFloor, owner: Customer, customer: Customer, command: str
) -> None:
    before = await rows(app)

    found = await answers(app, owner, map(command.format, NOBODY))

    for target, answer in zip(NOBODY, found, strict=True):
        assert "Nobody with this id or @name has started the bot." in answer.text, target
        assert f"https://t.me/{app.core.bot_username}" in answer.text
    assert await rows(app) == before


@ON_SQLITE
async def test_a_name_means_the_person_who_was_seen_with_it_last(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    heir = await app.person(Person(1234, "Heir", "ALICE"))

    await owner.send("/topup @alice 5")
    assert "Top up Heir (1234, @ALICE) by 5.00 USD?" in owner.text
    await owner.tap("Confirm")

    assert await heir.balance() == usd("5")
    assert await customer.balance() == usd("10")


@ON_SQLITE
async def test_an_owner_and_a_blocked_person_can_be_topped_up(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/block 1001")
    await owner.send("/topup 1001 5")
    await owner.tap("Confirm")
    await owner.send(f"/topup {owner.id} 3")
    await owner.tap("Confirm")

    assert await customer.balance() == usd("15")
    assert await owner.balance() == usd("3")


@ON_SQLITE
async def test_a_negative_top_up_is_refused_with_a_word_about_debit(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    for minus in ("-", "\u2212", "\u2013"):
        await owner.send(f"/topup 1001 {minus}5")
        assert "/debit @name 5 reason" in owner.text
        await owner.send(f"/debit 1001 {minus}5 because")
        assert "Write the amount without a minus." in owner.text

    assert await customer.balance() == usd("10")


async def test_a_debit_needs_a_reason_and_takes_no_more_than_there_is(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    await owner.send("/debit")
    assert "A debit takes money out of a balance and needs a reason." in owner.text
    await owner.send("/debit 1001")
    assert "/debit @name 5 paid twice" in owner.text
    await owner.send("/debit 1001 3")
    assert "Say why" in owner.text
    await owner.send("/debit 1001 10.01 too much")
    assert "more than the balance" in owner.text
    assert "Confirm" not in owner.labels

    await owner.send("/debit 1001 10 paid twice")
    assert "Balance: 10.00 USD → 0.00 USD" in owner.text
    assert "Reason: paid twice" in owner.text
    confirm = owner.button("Confirm")
    await owner.press(confirm)
    await owner.press(confirm)

    assert await customer.balance() == usd("0")
    assert "10.00 USD" in customer.messages[-1].text
    assert "Reason: paid twice" in customer.messages[-1].text
    assert "Olga" in other_owner.messages[-1].text
    assert "paid twice" in other_owner.messages[-1].text


async def test_a_debit_that_was_previewed_before_the_money_was_spent_takes_nothing(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/debit 1001 8 because")
    await customer.buy("1 GB", "NodeMaven")

    await owner.tap("Confirm")

    assert "more than the balance" in owner.text
    assert await customer.balance() == usd("5.97")


@ON_SQLITE
async def test_a_note_is_shown_as_it_was_written_and_is_not_endless(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await owner.send("/topup 1001 5 " + "n" * 201)
    assert "at most 200 characters" in owner.text
    await owner.send("/debit 1001 5 " + "n" * 201)
    assert "at most 200 characters" in owner.text

    note = "<b>x</b> {0} %s &lt; =cmd() \U0001f600"
    await owner.send(f"/topup 1001 5 {note}")
    await owner.tap("Confirm")

    assert note in customer.messages[-1].text
    await customer.send("/balance")
    assert await customer.balance() == usd("15")


@ON_SQLITE
async def test_only_what_an_owner_types_here_and_now_is_a_command(
    app: ShopFloor, owner: Customer, other_owner: Customer, customer: Customer
) -> None:
    before = await rows(app)
    await owner.send("/topup@another_bot 1001 5")
    await owner.send("/topup 1001 5", forward_of=OTTO)
    await owner.send("/topup 1001 5", forward_of=ALICE)
    await owner.send("topup 1001 5")
    assert await rows(app) == before

    await owner.send(f"/topup@{app.core.bot_username} 1001 5")

    assert owner.labels == ["Drop", "Confirm"]


async def test_a_top_up_leads_back_to_the_plan_that_money_was_missing_for(
    app: ShopFloor, owner: Customer, customer: Customer
) -> None:
    await customer.open("5 GB", "NodeMaven")
    assert "Buy" not in " ".join(customer.labels)

    await owner.send("/topup 1001 20")
    await owner.tap("Confirm")
    notice = customer.messages[-1]
    assert any("5 GB" in label for label in (b["text"] for b in notice.buttons))
    await customer.tap("5 GB")
    await customer.tap("Buy")

    assert (await app.shop.wallets.statement(CustomerId(1001), 0)).balance.available == usd(
        "11.02"
    )

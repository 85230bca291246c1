"""The owner's screens: exact words, the buttons that the state allows, and anybody's words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.callbacks import (
    Bind,
    Confirm,
    Drop,
    GiveBack,
    HandOver,
    KeepWaiting,
    MarkupHistory,
    OwnerOrder,
    RefundFor,
    Reply,
    Resume,
    RollBack,
    SaleNotices,
    ShowStrays,
    TopUpFor,
)
from bot.domain.markup import (
    EVERYTHING,
    NamedChange,
    PriceLine,
    Rule,
    RuleChange,
    RuleChangeId,
    RuleLine,
    RulePage,
    Scope,
)
from bot.domain.money import usd
from bot.domain.orders import OPEN, Attempt, LaneId, Move, OrderId, OrderState, UpstreamOrder
from bot.domain.requests import (
    MarkupChange,
    MarkupPreview,
    PriceMove,
    RefundPreview,
    RequestId,
    TopUp,
    TopUpPreview,
)
from bot.domain.shop import Case, OrderFile, Sent, Stop
from bot.domain.wallets import Posting, PostingKind
from bot.i18n import LANGUAGES, Texts, texts
from bot.screens import owner
from bot.screens.base import Button, Screen, Style
from tests.screens.owner_samples import (
    ANN,
    AT,
    EN,
    GIG,
    HOSTILE,
    NODEMAVEN,
    NOON,
    OLGA,
    ORDER,
    STATE,
    labels,
    order_in,
    visible,
)

REQUEST = RequestId(9)
TOP_UP = TopUp(ANN.id, usd("10"), "thanks", is_debit=False)
PREVIEW = TopUpPreview(REQUEST, TOP_UP, ANN, usd("3"), usd("13"), None)
RULES = (
    RuleLine(EVERYTHING, "", Rule(2000), is_default=True),
    RuleLine(Scope(provider=NODEMAVEN.id), "NodeMaven", Rule(1500, usd("0.20")), is_default=False),
)
SAMPLE = PriceLine(GIG, usd("4.07"), Rule(1500, usd("0.20")), "NodeMaven")
CHANGE = RuleChange(RuleChangeId(3), Scope(provider=NODEMAVEN.id), Rule(1500), OLGA.id, NOON)
FILE = OrderFile(
    order=ORDER,
    person=ANN,
    lane=LaneId(1),
    moves=(
        Move(NOON, None, OrderState.RESERVED, "customer:1001", None),
        Move(NOON, OrderState.RESERVED, OrderState.PLACING, "shop", None),
        Move(NOON, OrderState.PLACING, OrderState.DELIVERED, "shop", "made"),
    ),
    attempts=(Attempt(1, NOON, NOON, "made"),),
    postings=(
        Posting(
            1, PostingKind.HOLD, "customer:1001", "held:42", usd("4.03"), ORDER.id, "hold",
            "customer:1001", NOON,
        ),
    ),
    notices=(Sent("order_delivered", 1001, NOON, NOON, "sent"),),
)  # fmt: skip


def payloads(screen: Screen) -> list[object]:
    return [one.does for row in screen.rows for one in row if isinstance(one, Button)]


def every_screen(t: Texts, words: str) -> Iterator[Screen]:
    """Each screen of the owner, with `words` wherever somebody else's words go."""
    person = replace(ANN, name=words[:64])
    order = replace(order_in(OrderState.REVIEW, words), provider_name=words, title=words)
    plan = replace(GIG, title=words, provider=replace(NODEMAVEN, name=words))
    top_up = replace(TOP_UP, note=words)
    preview = replace(PREVIEW, asked=top_up, person=person, repeats=NOON)
    markup = MarkupPreview(
        REQUEST,
        MarkupChange(EVERYTHING, None),
        words,
        (PriceMove(plan, usd("4.03"), usd("4.20"), Rule(2000), words),) * 8,
        31,
        5,
    )
    file = replace(
        FILE,
        order=order,
        person=person,
        moves=tuple(replace(FILE.moves[0], actor=words, note=words) for _ in range(200)),
        attempts=tuple(replace(FILE.attempts[0], outcome=words) for _ in range(200)),
        postings=FILE.postings * 200,
        notices=(replace(FILE.notices[0], kind=words, outcome=words),) * 200,
    )
    stray = UpstreamOrder(5, words, words, words, NOON)
    change = NamedChange(CHANGE, words, words)
    lane = replace(STATE.lanes[0], upstream=words)
    shop = replace(
        STATE,
        lanes=(lane,) * 40,
        stops=(Stop("shop", words, NOON, words), *(Stop("lane:1", words, NOON, words),) * 40),
    )
    yield owner.pick_person(t)
    yield owner.unknown_person(t, "ann_shop_bot")
    yield owner.hidden_person(t)
    yield owner.forwarded(t)
    yield owner.ask_amount(t, person, owner.not_an_amount(t, words))
    yield owner.top_up_refused(t, owner.not_an_amount(t, words))
    yield owner.debit_refused(t, owner.not_a_debit(t, words))
    yield owner.top_up(t, preview)
    yield owner.topped_up(t, top_up, person, usd("13"))
    yield owner.dropped(t)
    yield owner.markup(
        t,
        (replace(RULES[0], name=words),) * 60,
        (PriceLine(plan, usd("4.03"), Rule(2000), words),) * 60,
    )
    yield owner.bad_markup(t, words)
    yield owner.markup_preview(t, markup)
    yield owner.markup_history(t, RulePage((change,) * 8, 3))
    yield owner.shop(t, shop, wants_sales=True, is_green=True)
    yield owner.inbox(t, (Case(order, person, 3),) * 50, NOON)
    yield owner.order(t, file)
    yield owner.no_order(t)
    yield owner.strays(t, order, (stray,) * 50)
    yield owner.strays(t, order, ())
    yield owner.hand_over(t, order.id, owner.bad_line(t, 2))
    yield owner.hand_over(t, order.id, owner.delivered_before(t, order.id))
    yield owner.give_back(t, order.id)
    yield owner.ask_refund_reason(t, order.id, owner.too_long(t, 200))
    yield owner.refund_preview(
        t, RefundPreview(REQUEST, replace(order, is_code=True, shown_at=NOON), person, words)
    )
    yield owner.refunded(t, order)
    yield owner.block_whom(t)
    yield owner.blocked(t, person)
    yield owner.unblocked(t, person)
    yield owner.not_yourself(t)
    yield owner.ask_reply(t, person, owner.too_long(t, 200))
    yield owner.replied(t, person.id)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "words",
    [*HOSTILE, "x" * 4096, "🏴" * 2048, "&" * 4096, "\n" * 4096],
    ids=lambda words: f"{ascii(words)[:20]} x{len(words)}",
)
def test_every_screen_survives_anybodys_words(words: str, language: str) -> None:
    for screen in every_screen(texts(language), words):
        visible(screen)
        assert screen.rows or screen.picks_person
        assert not screen.kept


def test_a_top_up_shows_the_balance_before_and_after() -> None:
    screen = owner.top_up(EN, PREVIEW)

    assert visible(screen) == (
        "Top up Ann (1001, @ann) by 10.00 USD?\n\n"
        "Balance: 3.00 USD → 13.00 USD\n"
        "Note: thanks\n\n"
        "Nothing happens until you confirm, within ten minutes."
    )
    assert screen.rows == (
        (
            Button(EN("Drop"), Drop(request=9)),
            Button(EN("Confirm"), Confirm(request=9), Style.SUCCESS),
        ),
    )


def test_a_repeated_top_up_is_pointed_out() -> None:
    screen = owner.top_up(EN, replace(PREVIEW, repeats=NOON))

    assert f"Careful: the same was done already at {AT}." in visible(screen)


def test_a_debit_is_called_one() -> None:
    asked = TopUp(ANN.id, usd("3"), "paid twice", is_debit=True)

    preview = owner.top_up(EN, TopUpPreview(REQUEST, asked, ANN, usd("3"), usd("0"), None))
    done = owner.topped_up(EN, asked, ANN, usd("0"))

    assert visible(preview).startswith(
        "Take 3.00 USD from Ann (1001, @ann)?\n\nBalance: 3.00 USD → 0.00 USD\nReason: paid twice"
    )
    assert visible(done) == (
        "Done. 3.00 USD was taken from Ann (1001, @ann).\n"
        "Balance: 0.00 USD\n"
        "Reason: paid twice\n\n"
        "The customer and the other owners are told."
    )


def test_a_finished_top_up_says_who_got_what() -> None:
    screen = owner.topped_up(EN, TOP_UP, ANN, usd("13"))

    assert visible(screen).startswith(
        "Done. Ann (1001, @ann) got 10.00 USD.\nBalance: 13.00 USD\nNote: thanks"
    )
    assert labels(screen) == [["Top up"], ["🛠 Shop", "🏠 Home"]]


@pytest.mark.parametrize("typed", ["-5", "−5", "–5"])  # noqa: RUF001
def test_a_negative_top_up_is_answered_with_a_word_about_debit(typed: str) -> None:
    assert "/debit" in owner.not_an_amount(EN, typed).plain()
    assert owner.not_a_debit(EN, typed).plain() == "Write the amount without a minus."


def test_a_refused_amount_comes_with_a_hint_and_the_question_stays() -> None:
    screen = owner.ask_amount(EN, ANN, owner.not_an_amount(EN, "1e3"))

    assert visible(screen).startswith("“1e3” is not an amount. Write it like 10 or 10.50")
    assert screen.asks == TopUpFor(customer=1001)


def test_topup_alone_offers_telegrams_own_list() -> None:
    screen = owner.pick_person(EN)

    assert screen.picks_person is not None
    assert screen.picks_person.plain() == "Pick a person"


def test_an_unknown_person_comes_with_the_link_to_send() -> None:
    assert "https://t.me/ann_shop_bot" in visible(owner.unknown_person(EN, "ann_shop_bot"))


def test_markup_shows_rules_and_which_of_them_decides() -> None:
    text = visible(owner.markup(EN, RULES, [SAMPLE]))

    assert text.startswith(
        "Markup\n"
        "everything: 20%, from the settings\n"
        "NodeMaven: 15% +0.20\n\n"
        "Sample prices\n"
        "NodeMaven 1 GB: 4.07 USD (cost 3.36 USD; 15% +0.20 for NodeMaven)"
    )
    assert '/markup nodemaven "1 GB" +0.50' in text


def test_a_markup_is_previewed_old_to_new_and_applied_by_a_button() -> None:
    change = MarkupChange(Scope(provider=NODEMAVEN.id), Rule(1500))
    moves = (PriceMove(GIG, usd("4.04"), usd("3.87"), Rule(1500), "NodeMaven"),)

    screen = owner.markup_preview(EN, MarkupPreview(REQUEST, change, "NodeMaven", moves, 3, 0))

    assert visible(screen) == (
        "Set the markup of NodeMaven to 15%?\n\n"
        "NodeMaven 1 GB: 4.04 USD → 3.87 USD\n"
        "… and 2 more plans.\n\n"
        "Nothing changes until you apply it, within ten minutes."
    )
    assert labels(screen) == [["Drop", "Apply"]]


def test_a_rule_is_removed_by_name() -> None:
    preview = MarkupPreview(REQUEST, MarkupChange(EVERYTHING, None), "", (), 0, 0)

    assert visible(owner.markup_preview(EN, preview)).startswith(
        "Remove the rule of everything? The next wider one holds then.\n\n"
        "No plan on sale is affected."
    )


def test_the_history_leads_back_with_one_tap() -> None:
    screen = owner.markup_history(
        EN, RulePage((NamedChange(CHANGE, "NodeMaven", "Olga"),), older=3)
    )

    assert f"#3 · {AT} · Olga: NodeMaven → 15%" in visible(screen)
    assert payloads(screen)[:2] == [RollBack(change=3), MarkupHistory(before=3)]


def test_the_shop_at_a_glance() -> None:
    screen = owner.shop(EN, replace(STATE, at=NOON + timedelta(seconds=48)), wants_sales=False)

    assert visible(screen) == (
        "The shop\n\n"
        "GateProxy account 1: 27.52 USD, read 48 s ago, 2 in line\n"
        "Price list: 31 plans, read 48 s ago.\n\n"
        "Today (UTC): 4 orders, 16.12 USD in sales, 2.68 USD in profit.\n"
        "No order needs you."
    )
    assert labels(screen) == [
        ["Inbox (0)", "Markup"],
        ["Tell me of each sale"],
        ["Audit the books"],
        ["🔄 Refresh", "🏠 Home"],
    ]
    assert SaleNotices(on=True) in payloads(screen)


def test_the_shop_tells_the_age_of_its_audit_and_of_its_backup() -> None:
    state = replace(
        STATE, at=NOON + timedelta(hours=3), audited_at=NOON, backed_up_at=NOON - timedelta(days=1)
    )

    shown = visible(owner.shop(EN, state, wants_sales=False))

    assert shown.endswith("The books were audited 3 h ago.\nThe newest backup is 27 h old.")


def test_a_restored_shop_waits_for_a_tap() -> None:
    restored = replace(STATE, stops=(Stop("shop", "restored", NOON, "restore"),))

    screen = owner.shop(EN, restored, wants_sales=False)

    assert f"Selling has been stopped since {AT}: a backup was restored." in visible(screen)
    assert Resume() in payloads(screen)


def test_only_the_stop_of_the_whole_shop_is_ended_by_a_tap() -> None:
    lane = replace(STATE, stops=(Stop("lane:1", "insufficient_balance", NOON, "shop"),))
    shop = replace(STATE, stops=(Stop("shop", "audit", NOON, "audit"),))

    stopped_lane = owner.shop(EN, lane, wants_sales=True)
    stopped_shop = owner.shop(EN, shop, wants_sales=True)

    assert f"GateProxy account 1 has been stopped since {AT}: fund the account." in visible(
        stopped_lane
    )
    assert Resume() not in payloads(stopped_lane)
    assert f"Selling has been stopped since {AT}: the books do not balance." in visible(
        stopped_shop
    )
    assert Resume() in payloads(stopped_shop)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=2), "2 days"),
    ],
    ids=str,
)
def test_an_age_is_told_in_the_unit_that_fits(passed: timedelta, words: str) -> None:
    screen = owner.shop(EN, replace(STATE, at=NOON + passed), wants_sales=False)

    assert f"read {words} ago." in visible(screen)


def test_the_inbox_says_who_waits_how_long() -> None:
    case = Case(order_in(OrderState.REVIEW), ANN, candidates=2)

    screen = owner.inbox(EN, (case,), NOON + timedelta(minutes=31))

    assert visible(screen) == (
        "1 order needs you\n\n"
        "#42 · NodeMaven 1 GB for 4.03 USD · Ann (1001, @ann) · waits 30 min · "
        "2 upstream orders fit\n\n"
        "The money of these customers is held until you decide."
    )
    assert payloads(screen)[0] == OwnerOrder(order=42)


def test_an_empty_inbox_says_so() -> None:
    assert visible(owner.inbox(EN, (), NOON)).startswith("No order needs you.")


def test_an_order_is_told_whole() -> None:
    assert visible(owner.order(EN, FILE)) == (
        "Order #42: delivered\n"
        "NodeMaven 1 GB, 1 pc., for 4.03 USD (cost 3.36 USD).\n"
        "Customer: Ann (1001, @ann)\n"
        "Account 1, upstream order ord_9x1a8f\n\n"
        "States\n"
        f"{AT} · waiting in line, by the customer\n"
        f"{AT} · being placed, by the bot\n"
        f"{AT} · delivered, by the bot (made)\n\n"
        "Attempts\n"
        f"1. {AT} · made\n\n"
        "Money\n"
        f"{AT} · held: 4.03 USD\n\n"
        "Messages\n"
        f"{AT} · credentials to 1001: sent"
    )


def test_the_newest_of_two_hundred_moves_are_shown() -> None:
    moves = tuple(
        Move(NOON, None, OrderState.RESERVED, f"owner:{number}", "x" * 200)
        for number in range(200)
    )

    text = visible(owner.order(EN, replace(FILE, moves=moves)))

    assert "by owner 199 " in text
    assert "earlier lines" in text
    assert "by owner 1 " not in text


DECIDE = {
    OrderState.REVIEW: [
        ShowStrays(order=42),
        HandOver(order=42),
        GiveBack(order=42, sure=False),
        KeepWaiting(order=42),
        Reply(customer=1001),
    ],
    OrderState.PREPARING: [HandOver(order=42), Reply(customer=1001)],
    OrderState.DELIVERED: [RefundFor(order=42), Reply(customer=1001)],
}


@pytest.mark.parametrize("state", OrderState)
def test_an_order_offers_what_its_state_allows(state: OrderState) -> None:
    screen = owner.order(EN, replace(FILE, order=order_in(state)))

    look = [OwnerOrder(order=42)] if state in OPEN else []
    assert payloads(screen)[:-2] == DECIDE.get(state, [Reply(customer=1001)]) + look


def test_a_stray_is_bound_with_one_tap() -> None:
    stray = UpstreamOrder(5, "ord_1", "nodemaven", "1GB", NOON)

    screen = owner.strays(EN, order_in(OrderState.REVIEW), (stray,))

    assert f"ord_1 · nodemaven 1GB · seen {AT}" in visible(screen)
    assert screen.rows[0] == (
        Button(EN("Bind {reference}", reference="ord_1"), Bind(order=42, upstream_order=5)),
    )


def test_a_bad_line_is_named_and_the_question_stays() -> None:
    screen = owner.hand_over(EN, OrderId(42), owner.bad_line(EN, 3))

    assert visible(screen).startswith("Line 3 could not be read. Nothing was delivered.")
    assert screen.asks == HandOver(order=42)


def test_money_is_given_back_only_after_asking_once_more() -> None:
    assert payloads(owner.give_back(EN, OrderId(42))) == [
        OwnerOrder(order=42),
        GiveBack(order=42, sure=True),
    ]


def test_a_refund_is_previewed() -> None:
    preview = RefundPreview(REQUEST, ORDER, ANN, "never worked")

    assert visible(owner.refund_preview(EN, preview)) == (
        "Refund order #42?\n\n"
        "NodeMaven 1 GB: 4.03 USD goes back to Ann (1001, @ann).\n"
        "Reason: never worked\n\n"
        "The proxy itself is not taken back.\n\n"
        "Nothing happens until you confirm, within ten minutes."
    )


def test_a_block_names_the_way_back() -> None:
    assert "/unblock 1001" in visible(owner.blocked(EN, ANN))

"""The owner's screens, with anybody's words in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.cases import Case
from bot.domain.desk import Stop
from bot.domain.markup import EVERYTHING, NamedChange, PriceLine, Rule, RulePage
from bot.domain.money import usd
from bot.domain.orders import LaneId, OrderState, UpstreamOrder
from bot.domain.requests import MarkupChange, MarkupPreview, PriceMove, RefundPreview
from bot.domain.search import FoundStray
from bot.i18n import LANGUAGES, Texts, texts
from bot.screens import cases, customers, desk, markup, order_files, requests, topups
from bot.screens.base import Screen
from bot.screens.words import too_long
from tests.screens.owner_samples import (
    ANN,
    CHANGE,
    FILE,
    GIG,
    HOSTILE,
    NODEMAVEN,
    NOON,
    PREVIEW,
    REQUEST,
    RULES,
    STATE,
    TOP_UP,
    order_in,
    visible,
)


def every_screen(t: Texts, words: str) -> Iterator[Screen]:
    """Each screen of the owner, with `words` wherever somebody else's words go."""
    person = replace(ANN, name=words[:64])
    order = replace(order_in(OrderState.REVIEW, words), provider_name=words, title=words)
    plan = replace(GIG, title=words, provider=replace(NODEMAVEN, name=words))
    top_up = replace(TOP_UP, note=words)
    preview = replace(PREVIEW, asked=top_up, person=person, repeats=NOON)
    new_rule = MarkupPreview(
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
    yield topups.pick_person(t)
    yield customers.unknown_person(t, "ann_shop_bot")
    yield topups.hidden_person(t)
    yield topups.forwarded(t)
    yield topups.ask_amount(t, person, topups.not_an_amount(t, words))
    yield topups.top_up_refused(t, topups.not_an_amount(t, words))
    yield topups.debit_refused(t, topups.not_a_debit(t, words))
    yield topups.top_up(t, preview)
    yield topups.topped_up(t, top_up, person, usd("13"))
    yield requests.dropped(t)
    yield markup.markup(
        t,
        (replace(RULES[0], name=words),) * 60,
        (PriceLine(plan, usd("4.03"), Rule(2000), words),) * 60,
    )
    yield markup.bad_markup(t, words)
    yield markup.markup_preview(t, new_rule)
    yield markup.markup_history(t, RulePage((change,) * 8, 3))
    yield desk.shop(t, shop, wants_sales=True, is_green=True)
    yield cases.inbox(t, (Case(order, person, 3),) * 50, NOON)
    yield order_files.order_file(t, file)
    yield order_files.no_order(t)
    yield cases.strays(t, order, (stray,) * 50)
    yield cases.strays(t, order, ())
    yield cases.stray(t, FoundStray("gateproxy", LaneId(1), stray))
    yield cases.hand_over(t, order.id, cases.bad_line(t, 2))
    yield cases.hand_over(t, order.id, cases.delivered_before(t, order.id))
    yield cases.give_back(t, order.id)
    yield cases.ask_refund_reason(t, order.id, too_long(t, 200))
    yield cases.refund_preview(
        t, RefundPreview(REQUEST, replace(order, is_code=True, shown_at=NOON), person, words)
    )
    yield cases.refunded(t, order)
    yield customers.block_whom(t)
    yield customers.blocked(t, person)
    yield customers.unblocked(t, person)
    yield customers.not_yourself(t)
    yield customers.ask_reply(t, person, too_long(t, 200))
    yield customers.replied(t, person.id)


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

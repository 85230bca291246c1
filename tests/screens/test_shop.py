"""Home, Browse, the confirm screen and Help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.callbacks import Buy, SetLanguage, Shop, ShowPlan, ShowProvider
from bot.domain.money import usd
from bot.domain.orders import Claim
from bot.i18n import LANGUAGES
from bot.screens import shop
from bot.screens.base import Button, Link, Screen, Style
from tests.screens import (
    ANNA,
    CD_KEY,
    CODE_OFFER,
    EN,
    FIVE_GIGS,
    GIG,
    HOSTILE,
    LONG,
    NOON,
    PROXYSELLER,
    WORST_OFFER,
    labels,
    many_offers,
    shelf,
)

BACK = ShowProvider(provider=4, page=0)
INTENT = "c0ffee00c0ffee00"
CLAIM = Claim.of(GIG, INTENT)


def confirm(**more: object) -> Screen:
    return shop.confirm(
        EN,
        GIG,
        usd("10"),
        intent="c0ffee00c0ffee00",
        again=False,
        back=BACK,
        **more,  # type: ignore[arg-type]
    )


def test_home_greets_and_shows_the_balance() -> None:
    screen = shop.home(EN, ANNA, wanted=None)

    assert screen.text == (
        "<b>Hello, Anna!</b>\n"
        "<blockquote>Proxies from several providers, delivered in this chat.\n"
        "You pay only for what is delivered.</blockquote>\n\n"
        "Balance: <b>10.00 USD</b>"
    )
    assert labels(screen) == [
        ["🛒 Browse"],
        ["🧾 My orders", "📊 Check usage"],
        ["💰 Balance", "❓ Help"],
        ["🌐 Language"],
    ]


def test_home_of_an_owner_leads_to_the_shop() -> None:
    screen = shop.home(EN, replace(ANNA, is_owner=True), wanted=None)

    assert screen.rows[-1][-1] == Button(EN("🛠 Shop"), Shop())


def test_home_leads_back_to_a_plan_that_money_was_missing_for() -> None:
    screen = shop.home(EN, ANNA, wanted=GIG)

    assert "Your balance now covers NodeMaven 1 GB." in screen.text
    assert labels(screen)[0] == ["🔁 NodeMaven 1 GB"]
    assert isinstance(screen.rows[0][0], Button)
    assert screen.rows[0][0].does == ShowPlan(plan=7, again=False)


def test_a_hostile_name_is_only_a_name() -> None:
    screen = shop.home(EN, replace(ANNA, name=HOSTILE), wanted=None)

    assert "Hello, &lt;b&gt;&lt;/b&gt;&amp;lt;{0}%s{price}" in screen.text
    assert "\u202e" not in screen.text


@pytest.mark.parametrize("name", ["", " \n", "\u200b\u3164"])
def test_somebody_without_a_name_is_greeted_all_the_same(name: str) -> None:
    screen = shop.home(EN, replace(ANNA, name=name), wanted=None)

    assert screen.text.startswith("<b>Hello!</b>")


def test_browse_says_where_usage_can_be_seen() -> None:
    sellers = replace(GIG, plan=replace(GIG.plan, provider=PROXYSELLER))
    screen = shop.browse(EN, (shelf(GIG), shelf(sellers), shelf(CODE_OFFER)), 0)

    assert screen.text == (
        "<b>Providers</b>\nPick one to see its plans and prices.\n\n"
        "<blockquote>Usage in this chat: NodeMaven\n"
        "Usage in the provider's own bot: ProxySeller\n"
        "No usage check: 9Proxy CD Key</blockquote>"
    )
    assert labels(screen) == [["NodeMaven", "ProxySeller"], ["9Proxy CD Key"], ["⬅️ Back"]]


def test_an_empty_shop_says_so() -> None:
    assert shop.browse(EN, (), 5).text.startswith("<b>Nothing is on sale right now.</b>")


def test_plans_stand_with_their_prices_in_the_order_of_the_shelf() -> None:
    screen = shop.provider(EN, shelf(GIG, FIVE_GIGS), 0)

    assert screen.text == "<b>NodeMaven</b>\n\nUsage: can be checked in this chat."
    assert labels(screen) == [
        ["1 GB · 4.20 USD", "5 GB · 18.00 USD"],
        ["⬅️ Back", "🏠 Home"],
    ]


@pytest.mark.parametrize(
    ("asked", "shown", "turns"),
    [
        (0, "1 GB", ["1/3", "▶️"]),
        (1, "9 GB", ["◀️", "2/3", "▶️"]),
        (2, "17 GB", ["◀️", "3/3"]),
        (2**53, "17 GB", ["◀️", "3/3"]),
    ],
)
def test_plans_come_in_pages_and_a_page_too_far_is_the_last_one(
    asked: int, shown: str, turns: list[str]
) -> None:
    screen = shop.provider(EN, shelf(*many_offers(20)), asked)

    assert labels(screen)[0][0] == f"{shown} · 4.20 USD"
    assert labels(screen)[-2] == turns


def test_a_long_title_is_cut_and_its_price_is_not() -> None:
    offer = replace(GIG, plan=replace(GIG.plan, title=LONG))

    [[label], _] = labels(shop.provider(EN, shelf(offer), 0))

    assert label == "Residential rotating… · 4.20 USD"


def test_a_stale_price_is_marked_and_explained() -> None:
    screen = shop.provider(EN, shelf(replace(GIG, is_stale=True)), 0)

    assert labels(screen)[0] == ["⏳ 1 GB · 4.20 USD"]
    assert "⏳ marks plans that cannot be bought right now" in screen.text


def test_confirm_shows_the_numbers_and_the_button_carries_them() -> None:
    screen = confirm()

    assert screen.text == (
        "<b>NodeMaven · 1 GB</b>\n\n"
        "You get host, port, username and password, in this chat.\n"
        "Usage: can be checked in this chat.\n\n"
        "Price: <b>4.20 USD</b>\n"
        "Balance: 10.00 USD → 5.80 USD\n\n"
        "Not refundable once delivered."
    )
    assert screen.rows[0] == (
        Button(
            EN("Buy for {price}", price=usd("4.20")),
            Buy(
                plan=7,
                quantity=1,
                micros=4_200_000,
                days=0,
                title="688477",
                intent="c0ffee00c0ffee00",
                again=False,
            ),
            Style.SUCCESS,
        ),
    )
    assert labels(screen) == [["Buy for 4.20 USD"], ["⬅️ Back", "🏠 Home"]]


def test_a_changed_price_stands_beside_the_old_one() -> None:
    screen = confirm(shown=replace(CLAIM, price=usd("4.03")))

    assert screen.text.startswith("<b>The price has changed. Nothing was charged.</b>")
    assert "Price: 4.03 USD → <b>4.20 USD</b>" in screen.text
    assert labels(screen)[0] == ["Buy for 4.20 USD"]


def test_a_price_that_came_back_is_not_called_changed() -> None:
    assert "has changed" not in confirm(shown=CLAIM).text


@pytest.mark.parametrize(
    ("shown", "changed", "said"),
    [
        ({"days": 7}, "The plan has changed.", "Works for 7 → <b>30 days</b>: until "),
        ({"title": "000000"}, "The plan has changed.", "Works for 30 days: until "),
        ({"title": None}, "This button is from an older menu.", "Works for 30 days: until "),
    ],
)
def test_another_plan_than_on_the_button_is_called_changed(
    shown: dict[str, Any], changed: str, said: str
) -> None:
    month = replace(GIG, plan=replace(GIG.plan, days=30))
    screen = shop.confirm(
        EN, month, usd("10"), intent=INTENT, again=False, back=BACK,
        shown=replace(Claim.of(month, INTENT), **shown),
        works_until=NOON + timedelta(days=30),
    )  # fmt: skip

    assert screen.text.startswith(f"<b>{changed} Nothing was charged.</b>")
    assert said in screen.text
    assert "Price: <b>4.20 USD</b>" in screen.text


def test_the_button_of_what_works_for_a_time_carries_it() -> None:
    month = replace(GIG, plan=replace(GIG.plan, days=30))
    screen = shop.confirm(EN, month, usd("10"), intent=INTENT, again=False, back=BACK)

    (buy,) = screen.rows[0]
    assert isinstance(buy, Button)
    assert buy.label.plain() == "Buy for 4.20 USD"
    assert isinstance(buy.does, Buy)
    assert buy.does.days == 30


def test_one_more_says_that_it_is_one_more() -> None:
    screen = shop.confirm(EN, GIG, usd("10"), intent="c0ffee00c0ffee00", again=True, back=BACK)

    assert "This would be one more." in screen.text
    assert isinstance(screen.rows[0][0], Button)
    assert isinstance(screen.rows[0][0].does, Buy)
    assert screen.rows[0][0].does.again


def test_a_code_is_announced_as_one() -> None:
    back = ShowProvider(provider=CD_KEY.id, page=0)
    screen = shop.confirm(EN, CODE_OFFER, usd("10"), intent="0" * 16, again=False, back=back)

    assert "You get a code to redeem. Once shown, it cannot be taken back." in screen.text
    assert "Usage: no check exists." in screen.text


def test_a_stale_plan_cannot_be_bought() -> None:
    screen = shop.stale(EN, replace(GIG, is_stale=True), BACK)

    assert "Last known price: 4.20 USD" in screen.text
    assert labels(screen) == [["🔄 Look again"], ["⬅️ Back", "🏠 Home"]]


def test_too_little_balance_says_what_is_missing_and_what_it_does_cover() -> None:
    screen = shop.too_little(
        EN, FIVE_GIGS, usd("10"), cheaper=(GIG,), support="shop_owner", back=BACK
    )

    assert "Price: <b>18.00 USD</b>\nBalance: 10.00 USD\nMissing: <b>8.00 USD</b>" in screen.text
    assert screen.rows[0] == (Link(EN("💬 Write to the owner"), "https://t.me/shop_owner"),)
    assert labels(screen)[1:] == [
        ["1 GB · 4.20 USD"],
        ["🔄 Look again"],
        ["⬅️ Back", "🏠 Home"],
    ]


def test_without_a_support_name_the_words_are_typed_here() -> None:
    screen = shop.too_little(EN, FIVE_GIGS, usd("10"), cheaper=(), support=None, back=BACK)
    [[contact], *_] = screen.rows

    assert isinstance(contact, Button)
    assert shop.ask_owner(EN, 1000).asks == contact.does


def test_words_that_are_not_sent_can_be_written_again() -> None:
    screen = shop.ask_owner(EN, 1000, is_refused=True)

    assert "it was not sent" in screen.text
    assert "at most 1000 characters" in screen.text
    assert screen.asks is not None


def test_help_names_the_owner_where_there_is_a_name() -> None:
    assert "write to @shop_owner." in shop.guide(EN, "shop_owner").text
    assert "with the button below" in shop.guide(EN, None).text


def test_each_language_is_named_in_itself() -> None:
    screen = shop.languages(EN)

    assert labels(screen)[0] == ["✅ English", "Русский"]
    assert [button.does for button in screen.rows[0] if isinstance(button, Button)] == [
        SetLanguage(code=code) for code in LANGUAGES
    ]


def test_the_worst_plan_still_has_a_price_on_its_button() -> None:
    [[label], _] = labels(shop.provider(EN, shelf(WORST_OFFER), 0))

    assert label.endswith(" · 999,999.123456 USD")

"""Promises that every screen of a customer keeps, in every language."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import get_type_hints

import pytest

from bot.callbacks import Home, Languages, ShowOrder, ShowProvider
from bot.demo.telegram_html import parse_html, units
from bot.domain.customers import Person
from bot.domain.formats import FileKind, Format, Formatting
from bot.domain.money import usd
from bot.domain.orders import Claim, Credentials, Line, OrderPage, OrderState, Proxy, RedeemCode
from bot.domain.proofs import OrderProof, Outcome, Probed, Proof
from bot.domain.search import FoundPage, Kind, Looked, MovedPage, Way
from bot.domain.tastes import ANY, GRAMMARS, MOST_MADE, Taste, grammar_of
from bot.domain.usage import (
    AlertChoice,
    AskBot,
    Measured,
    OrderUsage,
    Traffic,
    Unknowable,
    Unreachable,
)
from bot.domain.wallets import Balance, Posting, PostingKind, Statement
from bot.i18n import LANGUAGES, LOCALES, Texts, texts
from bot.screens import delivery, orders, problems, proofs, search, shop, tastes, usage, wallet
from bot.screens.base import MOST_COPIED, MOST_LABEL, PAGE, Button, Copy, Link, Screen
from tests.screens import (
    ANNA,
    CD_KEY,
    CHECKER,
    CODE_OFFER,
    CODE_ORDER,
    CREDENTIALS,
    FIVE_GIGS,
    GIG,
    HOSTILE,
    KEY,
    LONG,
    NODEMAVEN,
    NOON,
    ORDER,
    PROXY,
    PROXYSELLER,
    STAT,
    WORST,
    WORST_OFFER,
    WORST_ORDER,
    many_offers,
    shelf,
)
from tests.screens.test_problems import EVERY

SCREENS: tuple[ModuleType, ...] = (
    shop,
    orders,
    delivery,
    tastes,
    proofs,
    search,
    usage,
    wallet,
    problems,
)
MOST_UNITS = 4096
MOST_CAPTION = 1024
MOST_PAYLOAD = 63
"""Telegram takes 64 bytes; one is for the mark of kept messages."""
FORBIDDEN = re.compile(
    r"Exception|\b502\b|GateProxy|StatProxies|upstream|\berrors?\b|\$|—"
    r"|\bproducts?\b|\bpackages?\b|\bitems?\b|\busers?\b|\btransactions?\b|\bfailed\b",
    re.IGNORECASE,
)

BACK = ShowProvider(provider=2**53, page=2**53)
INTENT = "c0ffee00c0ffee00"
READING = Measured(Traffic("620 MB", "380 MB", "1000 MB"), NOON)
READINGS = tuple(
    Measured(Traffic(f"{700 - 100 * n} MB", None, "1000 MB"), NOON + timedelta(hours=12 - n))
    for n in range(8)
)
ODD_READING = Measured(Traffic(HOSTILE * 40, HOSTILE * 40, HOSTILE * 40), NOON)
WIDE = Proxy("h" * 253, 65535, "&" * 1000, "<" * 500)
POSTINGS = tuple(
    Posting(n, kind, "a", "b", usd("-999999.99"), ORDER.id, HOSTILE * 40, "shop", NOON)
    for n, kind in enumerate(PostingKind)
)


def samples(t: Texts) -> Iterator[tuple[Callable[..., Screen], Screen]]:
    """Screens of every public function, drawn with usual data and with the worst."""
    for customer in (ANNA, replace(ANNA, is_owner=True, name=HOSTILE * 40)):
        for wanted in (None, GIG, WORST_OFFER):
            yield shop.home, shop.home(t, customer, wanted)
    for shelves in ((), (shelf(GIG), shelf(CODE_OFFER)), (shelf(WORST_OFFER),) * 30):
        yield shop.browse, shop.browse(t, shelves, 2)
    for offers in ((GIG, replace(FIVE_GIGS, is_stale=True)), many_offers(50), (WORST_OFFER,) * 9):
        yield shop.provider, shop.provider(t, shelf(*offers), 1)
    for offer in (GIG, CODE_OFFER, WORST_OFFER):
        for again in (False, True):
            for shown in (None, replace(Claim.of(offer, INTENT), price=usd("0.01"))):
                yield (
                    shop.confirm,
                    shop.confirm(
                        t,
                        offer,
                        usd("1000000"),
                        intent=INTENT,
                        again=again,
                        back=BACK,
                        shown=shown,
                    ),
                )
        yield shop.stale, shop.stale(t, offer, BACK)
        for support in (None, "shop_owner"):
            yield (
                shop.too_little,
                shop.too_little(
                    t, offer, usd("0"), cheaper=(GIG, offer), support=support, back=BACK
                ),
            )
    for support in (None, "shop_owner"):
        yield shop.guide, shop.guide(t, support)
        for before in (0, 2**53):
            for statement in (
                Statement(Balance(usd("1"), usd("0")), (), None),
                Statement(Balance(usd("1000000"), usd("1000000")), POSTINGS, 2**53),
            ):
                yield wallet.balance, wallet.balance(t, statement, before, support)
                person = Person(ANNA.id, HOSTILE * 40, "anna")
                yield wallet.of_customer, wallet.of_customer(t, person, statement, before)
    yield shop.ask_owner, shop.ask_owner(t, 1000)
    yield shop.ask_owner, shop.ask_owner(t, 1000, is_refused=True)
    yield shop.asked, shop.asked(t)
    yield shop.languages, shop.languages(t)

    for state in OrderState:
        for one in (ORDER, CODE_ORDER, WORST_ORDER):
            for can_cancel in (False, True):
                line = Line(replace(one, state=state), 9, can_cancel)
                yield orders.order, orders.order(t, line)
                yield orders.order, orders.order(t, line, just_bought=True)
    pages = (
        OrderPage((), None),
        OrderPage(tuple(replace(WORST_ORDER, state=state) for state in OrderState), 2**53),
    )
    for page in pages:
        for before in (0, 2**53):
            yield orders.my_orders, orders.my_orders(t, page, before)
            yield usage.usage_menu, usage.usage_menu(t, page, before)
    socks = replace(PROXY, protocol="SOCKS5")
    baskets = (CREDENTIALS, Credentials((socks,) * 10), Credentials((socks,) * 1000),
               Credentials((WIDE,)), Credentials((WIDE,) * 3))  # fmt: skip
    for formatting in (*map(Formatting, Format), Formatting(Format.OWN, "<{password}{x}" * 20)):
        for known in (None, AskBot(CHECKER), Unknowable()):
            for bought in (*baskets, KEY):
                grammar = grammar_of("nodemaven", bought)
                yield (
                    delivery.delivered,
                    delivery.delivered(t, WORST_ORDER, bought, known, formatting, grammar),
                )
        for basket in baskets:
            yield delivery.formats, delivery.formats(t, WORST_ORDER, basket, formatting)
            for kind in FileKind:
                yield delivery.file, delivery.file(t, WORST_ORDER, basket, formatting, kind)
        yield delivery.picture, delivery.picture(t, WORST_ORDER, CREDENTIALS, formatting)
    for codes in (KEY, RedeemCode(("&" * 256,) * 10), RedeemCode(("&" * 256,) * 1000)):
        yield delivery.code, delivery.code(t, WORST_ORDER, codes)
    for is_refused in (False, True):
        yield (
            delivery.type_template,
            delivery.type_template(t, WORST_ORDER, is_refused=is_refused),
        )
    for template in ("{host}", "{password}" * 30, "{host}<" + "{x}" * 90):
        yield delivery.template_kept, delivery.template_kept(t, WORST_ORDER, template)
    for grammar in GRAMMARS:
        for minutes in (0, *grammar.lengths):
            for country in ("", ANY, "de"):
                chosen = Taste(country, minutes, MOST_MADE if minutes else 1)
                yield tastes.taste, tastes.taste(t, WORST_ORDER, WIDE, grammar, chosen)
                for formatting in (Formatting(), Formatting(Format.OWN, "{user}" * 50)):
                    some = (WIDE,) * chosen.lines
                    yield (
                        tastes.made,
                        tastes.made(t, WORST_ORDER, PROXY, grammar, chosen, some, formatting),
                    )
    for number in (0, 1, 2**53):
        for is_refused in (False, True):
            yield (
                tastes.countries,
                tastes.countries(t, WORST_ORDER, 1440, number, is_refused=is_refused),
            )
    yield usage.checking, usage.checking(t, ShowOrder(order=2**53))
    for seen in (
        *(READING, ODD_READING, AskBot(CHECKER), Unknowable()),
        *(Unreachable(None), Unreachable(ODD_READING)),
    ):
        for one in (ORDER, CODE_ORDER, WORST_ORDER):
            yield usage.usage, usage.usage(t, OrderUsage(one, seen, again_in=20))
            for readings in (READINGS, (ODD_READING, READING) * 30):
                yield usage.usage, usage.usage(t, OrderUsage(one, seen, 20, readings, 90))
        for provider in (NODEMAVEN, CD_KEY, WORST):
            yield (
                usage.username_usage,
                usage.username_usage(t, provider, "u" * 5000, seen),
            )
            yield usage.username_usage, usage.username_usage(t, provider, "", seen)
    for one in (ORDER, WORST_ORDER):
        for percent in (None, 75):
            yield usage.alert, usage.alert(t, AlertChoice(one, percent))
        yield usage.unwatched, usage.unwatched(t, one)
        for readings in ((), READINGS, (ODD_READING,)):
            yield usage.alerted, usage.alerted(t, one, 75, readings)
    for providers in ((), (NODEMAVEN, PROXYSELLER, CD_KEY, STAT), (WORST,) * 30):
        yield usage.usage_providers, usage.usage_providers(t, providers, 2)
    for is_refused in (False, True):
        yield usage.type_username, usage.type_username(t, WORST, is_refused=is_refused)

    for one in (ORDER, WORST_ORDER):
        yield orders.order, orders.order(t, Line(one, None, can_cancel=False, can_test=True))
        yield proofs.testing, proofs.testing(t, one)
        for outcome in Outcome:
            for found in (None, "US", "DE"):
                probed = Probed(outcome, "203.0.113.7", found, 340)
                for protocol, count, asked in (("HTTP", 1, None), (HOSTILE * 9, 500, "US")):
                    proof = Proof(probed, asked, protocol, count, NOON)
                    yield proofs.receipt, proofs.receipt(t, one, proof)
                    for again_in in (0, 60):
                        yield proofs.tested, proofs.tested(t, OrderProof(one, proof, again_in))
    ways = tuple(
        Way(kind, "f" * 22 if kind is Kind.TERM else "9" * 15, HOSTILE * 9) for kind in Kind
    )
    person = Person(ANNA.id, HOSTILE * 40, "anna")
    for is_owner in (False, True):
        yield search.ask, search.ask(t, is_owner=is_owner)
        for looked in (Looked("", ()), Looked(HOSTILE * 40, ways)):
            yield search.nothing, search.nothing(t, looked, is_owner=is_owner)
        yield search.choose, search.choose(t, Looked("42", ways), is_owner=is_owner)
        for before in (0, 2**53):
            for several in ((), ((ORDER, person),), ((WORST_ORDER, person),) * PAGE):
                for way in (*ways, Way(Kind.TERM, "f" * 22)):
                    result = FoundPage(way, several, 2**53)
                    yield search.found, search.found(t, result, before, is_owner=is_owner)

        amount = Way(Kind.MOVED, "9" * 15)
        for moved in ((), tuple((one, person) for one in POSTINGS)):
            yield search.moved, search.moved(t, MovedPage(amount, moved, 2**53), before)

    for error in EVERY:
        yield problems.problem, problems.problem(t, error)
    yield problems.internal, problems.internal(t)
    yield problems.cannot_save, problems.cannot_save(t)
    yield problems.too_slow, problems.too_slow(t)
    yield problems.old_button, problems.old_button(t)
    yield problems.unknown_words, problems.unknown_words(t)
    yield problems.group, problems.group(t, "shop_bot")


def drawn() -> Iterator[object]:
    """The samples of each function, in every language that is translated."""
    for language in LANGUAGES:
        if language == "en" or (LOCALES / language / "bot.po").exists():
            found: dict[str, list[Screen]] = {}
            for function, screen in samples(texts(language)):
                found.setdefault(function.__name__, []).append(screen)
            for name, screens in found.items():
                yield pytest.param(screens, id=f"{language}-{name}")


every_screen = pytest.mark.parametrize("screens", list(drawn()))


def test_every_public_screen_has_a_sample() -> None:
    public = {
        function
        for module in SCREENS
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and get_type_hints(function)["return"] is Screen
    }

    assert public == {function for function, _ in samples(texts("en"))}


@every_screen
def test_there_is_always_a_way_on(screens: list[Screen]) -> None:
    for screen in screens:
        # Home itself ends with the languages.
        assert any(
            isinstance(button, Link)
            or (isinstance(button, Button) and isinstance(button.does, Home | Languages))
            or button.label.plain().startswith("⬅️")
            for button in screen.rows[-1]
        )


@every_screen
def test_telegram_takes_the_text(screens: list[Screen]) -> None:
    for screen in screens:
        text, _ = parse_html(screen.text)

        assert 0 < units(text) <= (MOST_CAPTION if screen.attached else MOST_UNITS)


@every_screen
def test_telegram_takes_the_buttons(screens: list[Screen]) -> None:
    for screen in screens:
        for button in (button for row in screen.rows for button in row):
            match button:
                case Button(does=does):
                    assert len(does.pack().encode()) <= MOST_PAYLOAD
                case Copy(value=value):
                    assert 0 < len(value) <= MOST_COPIED
                case Link(url=url):
                    assert url.startswith("https://t.me/")
        assert all(screen.rows)


@every_screen
def test_labels_can_be_read_on_a_phone(screens: list[Screen]) -> None:
    for screen in screens:
        for row in screen.rows:
            found = [button.label.plain() for button in row]
            assert all(0 < len(label) <= MOST_LABEL for label in found), found
            assert len(found) <= 3
            assert len([label for label in found if len(label) > MOST_LABEL // 2]) <= 2, found


@every_screen
def test_at_most_eight_entries_stand_on_a_page(screens: list[Screen]) -> None:
    for screen in screens:
        leads_to = Counter(
            type(button.does)
            for row in screen.rows
            for button in row
            if isinstance(button, Button)
        )

        assert max(leads_to.values(), default=0) <= PAGE


@every_screen
def test_only_one_button_spends_money(screens: list[Screen]) -> None:
    for screen in screens:
        buys = [
            button
            for row in screen.rows
            for button in row
            if button.label.plain().startswith(("Buy", "Купить"))
        ]

        assert len(buys) <= 1


@every_screen
def test_no_word_of_the_workshop_reaches_a_customer(screens: list[Screen]) -> None:
    for screen in screens:
        text, _ = parse_html(screen.text)
        shown = "\n".join([text, *(button.label.plain() for row in screen.rows for button in row)])

        # What a stranger wrote is not ours to judge, and a template has words of its own.
        for foreign in ("tg://user?id=1", LONG, "{user}"):
            shown = shown.replace(foreign, "")
        assert not FORBIDDEN.search(shown)

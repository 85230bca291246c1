"""The rooms of the gallery that customers see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.callbacks import ShowOrder, ShowProvider
from bot.domain.catalog import Offer, Plan, PlanId
from bot.domain.exchanges import Exchanged, ExchangeState
from bot.domain.formats import FileKind, Format, Formatting
from bot.domain.money import usd
from bot.domain.orders import Claim, Credentials, Line, OrderId, OrderPage, OrderState
from bot.domain.proofs import OrderProof, Outcome, Probed, Proof
from bot.domain.search import FoundPage, Kind, Looked, MovedPage, Way
from bot.domain.tastes import GRAMMARS, Taste
from bot.domain.usage import AlertChoice, AskBot, OrderUsage, Unknowable, Unreachable
from bot.domain.wallets import PostingKind, Statement
from bot.i18n import Texts
from bot.screens import (
    delivery,
    exchanges,
    orders,
    pieces,
    problems,
    proofs,
    search,
    shop,
    tastes,
    usage,
    wallet,
)
from tests.gallery import Shown, alert, show
from tests.screens import (
    ANNA,
    CD_KEY,
    CHECKER,
    CODE_OFFER,
    CODE_ORDER,
    CREDENTIALS,
    FIVE_GIGS,
    GIG,
    KEY,
    NODEMAVEN,
    NOON,
    ORDER,
    PROXY,
    PROXYSELLER,
    STAT,
    many_offers,
    shelf,
)
from tests.screens.owner_samples import ANN
from tests.screens.test_layout import INTENT, READING, READINGS
from tests.screens.test_problems import EVERY
from tests.screens.test_wallet import MONEY, posting

BACK = ShowProvider(provider=NODEMAVEN.id, page=0)
MANY = Credentials(tuple(replace(PROXY, username=f"anna-session-{n}") for n in range(1, 13)))
SUPPORT = "shop_owner"
STALE = replace(FIVE_GIGS, is_stale=True)
PIECES = Offer(
    Plan(PlanId(10), STAT, "captcha", "Captcha", usd("2"), None, NOON, most=100, days=30),
    usd("2.40"),
)
WAITS = replace(ORDER, id=OrderId(41), state=OrderState.RESERVED)
CODE = replace(CODE_ORDER, id=OrderId(40))
GONE = replace(ORDER, id=OrderId(39), state=OrderState.RELEASED, reason="unavailable")


def in_shop(t: Texts) -> Iterator[Shown]:
    """From Home to the confirm screen."""
    yield show("a customer", shop.home, t, ANNA, None)
    yield show("with a plan that was wanted", shop.home, t, ANNA, GIG)
    yield show("an owner", shop.home, t, replace(ANNA, is_owner=True), None)
    yield show("", shop.browse, t, (shelf(GIG), shelf(CODE_OFFER)), 0)
    yield show("nothing is on sale", shop.browse, t, (), 0)
    yield show("one plan has an old price", shop.provider, t, shelf(GIG, STALE), 0)
    yield show("the second of three pages", shop.provider, t, shelf(*many_offers(20)), 1)
    confirm, have = shop.confirm, usd("25")
    yield show("", confirm, t, GIG, have, intent=INTENT, again=False, back=BACK)
    yield show("bought just now", confirm, t, GIG, have, intent=INTENT, again=True, back=BACK)
    yield show(
        "the price has changed", confirm, t, GIG, have,
        intent=INTENT, again=False, back=BACK,
        shown=replace(Claim.of(GIG, INTENT), price=usd("4.03")),
    )  # fmt: skip
    month = Claim.of(PIECES, INTENT)
    yield show(
        "the time has changed", confirm, t, PIECES, have,
        intent=INTENT, again=False, back=BACK,
        shown=replace(month, days=7), works_until=NOON + timedelta(days=30),
    )  # fmt: skip
    yield show(
        "another title", confirm, t, GIG, have,
        intent=INTENT, again=False, back=BACK, shown=replace(Claim.of(GIG, INTENT), title=""),
    )  # fmt: skip
    yield show(
        "the button is from an older menu", confirm, t, PIECES, have, intent=INTENT, again=False,
        back=BACK, shown=replace(month, title=None), works_until=NOON + timedelta(days=30),
    )  # fmt: skip
    yield show("a code", confirm, t, CODE_OFFER, have, intent=INTENT, again=False, back=BACK)
    yield show(
        "three pieces that work until a day", confirm, t, PIECES, have,
        intent=INTENT, again=False, back=BACK, quantity=3, works_until=NOON + timedelta(days=30),
    )  # fmt: skip
    yield show("", shop.stale, t, STALE, BACK)
    for case, support in (("the owner has a chat", SUPPORT), ("the bot asks the owner", None)):
        yield show(
            case, shop.too_little, t, FIVE_GIGS, usd("5"),
            cheaper=(GIG,), support=support, back=BACK,
        )  # fmt: skip
    yield show(
        "of three pieces", shop.too_little, t, PIECES, usd("5"),
        cheaper=(), support=SUPPORT, back=BACK, quantity=3,
    )  # fmt: skip
    yield show("the owner has a chat", shop.guide, t, SUPPORT)
    yield show("the bot asks the owner", shop.guide, t, None)
    yield show("an owner", shop.guide, t, SUPPORT, is_owner=True)
    yield show("", shop.ask_owner, t, 1000)
    yield show("refused", shop.ask_owner, t, 1000, is_refused=True)
    yield show("", shop.asked, t)
    yield show("", shop.languages, t)


def of_pieces(t: Texts) -> Iterator[Shown]:
    """How many pieces of a plan."""
    yield show("", pieces.ask, t, PIECES, again=False)
    yield show("refused", pieces.ask, t, PIECES, again=False, refused="lots")


def of_orders(t: Texts) -> Iterator[Shown]:
    """An order in each of its states, and the list."""
    for state in OrderState:
        reason = "unavailable" if state is OrderState.RELEASED else None
        line = Line(replace(ORDER, state=state, reason=reason), None, can_cancel=False)
        yield show(state.value, orders.order, t, line)
    accepted = Line(WAITS, 1, can_cancel=False)
    yield show("bought a moment ago", orders.order, t, accepted, just_bought=True)
    yield show("third in line, for long", orders.order, t, Line(WAITS, 3, can_cancel=True))
    yield show("a code", orders.order, t, Line(CODE_ORDER, None, can_cancel=False))
    everything = Line(ORDER, None, can_cancel=False, can_test=True, can_exchange=True)
    yield show("can be tested and exchanged", orders.order, t, everything)
    by_hand = replace(ORDER, state=OrderState.PREPARING)
    by_hand_line = Line(by_hand, None, can_cancel=False, is_by_hand=True)
    yield show("an owner delivers it", orders.order, t, by_hand_line)
    yield show("", orders.my_orders, t, OrderPage((ORDER, WAITS, CODE, GONE), GONE.id), 0)
    yield show("none yet", orders.my_orders, t, OrderPage((), None), 0)
    yield show("none older", orders.my_orders, t, OrderPage((), None), ORDER.id)


def of_delivery(t: Texts) -> Iterator[Shown]:
    """What was bought, in every format."""
    delivered = delivery.delivered
    for chosen in Format:
        own = "{user}:{password}@{host}:{port}" if chosen is Format.OWN else ""
        formatting = Formatting(chosen, own)
        yield show(chosen.value, delivered, t, ORDER, CREDENTIALS, None, formatting, GRAMMARS[0])
    line = Formatting()
    three = Credentials(MANY.proxies[:3])
    yield show("three proxies", delivered, t, replace(ORDER, quantity=3), three, None, line)
    yield show("twelve proxies", delivered, t, replace(ORDER, quantity=12), MANY, None, line)
    checked = replace(ORDER, provider_name="ProxySeller")
    yield show("usage in a bot", delivered, t, checked, CREDENTIALS, AskBot(CHECKER), line)
    yield show("a code", delivered, t, CODE_ORDER, KEY, Unknowable(), line)
    yield show(
        "after an exchange", delivered, t, ORDER, CREDENTIALS, None, line,
        above=exchanges.replaced(t, ORDER),
    )  # fmt: skip
    yield show("", delivery.code, t, CODE_ORDER, KEY)
    yield show("", delivery.formats, t, ORDER, CREDENTIALS, line, GRAMMARS[0])
    yield show("", delivery.type_template, t, ORDER)
    yield show("refused", delivery.type_template, t, ORDER, is_refused=True)
    yield show("", delivery.template_kept, t, ORDER, "{user}:{password}@{host}:{port}")
    for kind in FileKind:
        yield show(kind.value, delivery.file, t, ORDER, CREDENTIALS, line, kind)
    yield show("", delivery.picture, t, ORDER, CREDENTIALS, line)
    yield alert(delivery.too_dense, t)


def of_tastes(t: Texts) -> Iterator[Shown]:
    """Country and session."""
    nodemaven = GRAMMARS[0]
    yield show("", tastes.taste, t, ORDER, PROXY, nodemaven, Taste())
    yield show("chosen", tastes.taste, t, ORDER, PROXY, nodemaven, Taste("de", 60, 10))
    yield show("", tastes.countries, t, ORDER, 10, 0)
    yield show("refused", tastes.countries, t, ORDER, 10, 0, is_refused=True)
    for case, lines in (("one line", 1), ("ten lines", 10)):
        yield show(
            case, tastes.made, t, ORDER, PROXY, nodemaven, Taste("de", 60, lines),
            MANY.proxies[:lines], Formatting(),
        )  # fmt: skip


def of_proofs(t: Texts) -> Iterator[Shown]:
    """The test of a delivered proxy."""
    yield show("", proofs.testing, t, ORDER)
    proof = Proof(Probed(Outcome.WORKS, "203.0.113.7", "US", 340), "US", "HTTP", 1, NOON)
    yield show("", proofs.receipt, t, ORDER, proof)
    elsewhere = replace(proof, probed=replace(proof.probed, country="DE"), count=12)
    yield show("another country, of twelve", proofs.receipt, t, ORDER, elsewhere)
    for outcome in Outcome:
        shown = OrderProof(ORDER, replace(proof, probed=Probed(outcome)), 0)
        if outcome is Outcome.WORKS:
            shown = OrderProof(ORDER, proof, 60)
        yield show(outcome.value, proofs.tested, t, shown)


def of_search(t: Texts) -> Iterator[Shown]:
    """Finding an order."""
    ways = (
        Way(Kind.ORDER, "42", "42"),
        Way(Kind.PROVIDER, "4", "NodeMaven"),
        Way(Kind.AMOUNT, "42000000", "42"),
    )
    term = Way(Kind.TERM, "f" * 22, "anna__cr.us")
    for case, is_owner in (("a customer", False), ("an owner", True)):
        yield show(case, search.ask, t, is_owner=is_owner)
        yield show(case, search.choose, t, Looked("42", ways), is_owner=is_owner)
        found = FoundPage(term, ((ORDER, ANN),), ORDER.id)
        yield show(case, search.found, t, found, 0, is_owner=is_owner)
    yield show("none", search.found, t, FoundPage(term, (), None), 0, is_owner=False)
    for case, looked in (("", Looked("anna__cr.us", ways[:1])), ("no words", Looked("", ()))):
        yield show(case, search.nothing, t, looked, is_owner=False)
    nobody = FoundPage(Way(Kind.PERSON, str(ANN.id), str(ANN)), (), None)
    yield show("a customer without orders", search.found, t, nobody, 0, is_owner=True)
    amount = Way(Kind.MOVED, "10000000", "10.00 USD")
    moved = (
        (posting(PostingKind.TOPUP, "10", "by card"), ANN),
        (posting(PostingKind.DEBIT, "-10", "paid twice"), ANN),
        (posting(PostingKind.TOPUP, "10", "topup"), ANN),
    )
    yield show("", search.moved, t, MovedPage(amount, moved, older=9), 0)


def of_usage(t: Texts) -> Iterator[Shown]:
    """Traffic used and left."""
    yield show("", usage.usage_menu, t, OrderPage((ORDER, CODE), None), 0)
    yield show("nothing delivered", usage.usage_menu, t, OrderPage((), None), 0)
    yield show("", usage.checking, t, ShowOrder(order=ORDER.id))
    yield show("measured once", usage.usage, t, OrderUsage(ORDER, READING, 20))
    yield show("with its course", usage.usage, t, OrderUsage(ORDER, READINGS[0], 0, READINGS, 90))
    for case, order, seen in (
        ("the provider is silent", ORDER, Unreachable(READING)),
        ("silent from the start", ORDER, Unreachable(None)),
        ("in the provider's bot", replace(ORDER, provider_name="ProxySeller"), AskBot(CHECKER)),
        ("a code", CODE_ORDER, Unknowable()),
        ("unknown there", ORDER, Unknowable()),
    ):
        yield show(case, usage.usage, t, OrderUsage(order, seen, 0))
    yield show("", usage.alert, t, AlertChoice(ORDER, None))
    yield show("chosen", usage.alert, t, AlertChoice(ORDER, 90))
    yield show("", usage.alerted, t, ORDER, 50, READINGS)
    yield show("", usage.unwatched, t, ORDER)
    yield show("", usage.usage_providers, t, (NODEMAVEN, PROXYSELLER, CD_KEY, STAT), 0)
    yield show("", usage.type_username, t, NODEMAVEN)
    yield show("refused", usage.type_username, t, NODEMAVEN, is_refused=True)
    yield show("", usage.username_usage, t, NODEMAVEN, "anna__cr.us", READING)


def of_exchanges(t: Texts) -> Iterator[Shown]:
    """Other addresses for all proxies of an order."""
    yield show("", exchanges.confirm, t, ORDER, INTENT)
    yield show("", exchanges.cannot, t, ORDER)
    for state in ExchangeState:
        yield show(state.value, exchanges.exchanged, t, Exchanged(ORDER, state))
    yield show("unclear", exchanges.told, t, Exchanged(ORDER, ExchangeState.UNCLEAR))
    yield show("to an owner", exchanges.to_deliver, t, ORDER, ANN)


def of_wallet(t: Texts) -> Iterator[Shown]:
    """The balance and its statement."""
    moved = (
        posting(PostingKind.HOLD, "-4.20", "hold"),
        posting(PostingKind.REFUND, "4.20", "never worked"),
        posting(PostingKind.RELEASE, "4.20", "unpaid"),
        posting(PostingKind.DEBIT, "-3", "paid twice"),
        posting(PostingKind.TOPUP, "10", "by card"),
    )
    yield show("", wallet.balance, t, Statement(MONEY, moved, older=9), 0, SUPPORT)
    yield show("nothing moved yet", wallet.balance, t, Statement(MONEY, (), None), 0, None)
    yield show("nothing older", wallet.balance, t, Statement(MONEY, (), None), 3, None)
    yield show("", wallet.of_customer, t, ANN, Statement(MONEY, moved, older=9), 0)


def of_problems(t: Texts) -> Iterator[Shown]:
    """What went wrong, and what to do."""
    for error in EVERY:
        yield show(type(error).__name__, problems.problem, t, error)
    yield show("", problems.internal, t)
    yield show("", problems.cannot_save, t)
    yield show("", problems.too_slow, t)
    yield show("", problems.old_button, t)
    yield show("", problems.unknown_words, t)
    yield show("", problems.group, t, "demo_shop_bot")

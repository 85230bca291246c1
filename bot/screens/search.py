"""Finding orders, and for owners people and money: what may be typed, and what was found."""

from __future__ import annotations

from bot.callbacks import (
    Browse,
    FindOrder,
    Found,
    MyOrders,
    OwnerOrder,
    OwnerWallet,
    ShowOrder,
)
from bot.domain.customers import Person
from bot.domain.money import Money
from bot.domain.orders import Order
from bot.domain.search import FoundPage, Kind, Looked, MovedPage, Way
from bot.domain.wallets import Posting, PostingKind
from bot.i18n import Text, Texts, lines, paragraphs
from bot.screens.base import (
    MOST_LABEL,
    Button,
    Row,
    Screen,
    Style,
    bought,
    grid,
    short,
    ways_out,
)
from bot.screens.listing import order_button, state_word, turn

MOST_SOUGHT = 60


def ask(t: Texts, *, is_owner: bool) -> Screen:
    """Takes the next typed text as what to look for."""
    return Screen(
        paragraphs(t("<b>Find an order</b>"), _how(t, is_owner=is_owner)),
        (ways_out(t, MyOrders(before=0)),),
        asks=FindOrder(),
    )


def nothing(t: Texts, looked: Looked, *, is_owner: bool) -> Screen:
    """Nothing fits; the next typed text is looked for again."""
    return Screen(
        paragraphs(
            t("<b>Nothing found for “{words}”.</b>", words=short(looked.sought, MOST_SOUGHT))
            if looked.sought
            else t("<b>This cannot be looked for.</b>"),
            _how(t, is_owner=is_owner),
        ),
        (
            (Button(t("🧾 My orders"), MyOrders(before=0)), Button(t("🛒 Browse"), Browse())),
            ways_out(t, MyOrders(before=0)),
        ),
        asks=FindOrder(),
    )


def choose(t: Texts, looked: Looked, *, is_owner: bool) -> Screen:
    """The words can mean several things, each of which leads on."""
    return Screen(
        paragraphs(
            t("<b>“{words}” can mean this:</b>", words=short(looked.sought, MOST_SOUGHT)),
            t("Pick one."),
        ),
        (
            *((_way_button(t, way, is_owner=is_owner),) for way in looked.ways),
            ways_out(t, FindOrder()),
        ),
    )


def found(t: Texts, page: FoundPage, before: int, *, is_owner: bool) -> Screen:
    """Found orders, newest first; owners see whose they are."""
    way = page.way
    if not page.orders:
        return Screen(
            t("<b>No more orders.</b>")
            if before
            else paragraphs(t("<b>No orders yet.</b>"), _way(t, way) if way.name else None),
            (
                *_wallet(t, way),
                (Button(t("🔎 Find again"), FindOrder(), Style.PRIMARY),),
                ways_out(t, MyOrders(before=0)),
            ),
        )
    return Screen(
        paragraphs(
            t("<b>Found orders: {way}</b>", way=_way(t, way))
            if way.name
            else t("<b>Found orders</b>"),
            lines(*(_line(t, one, person if is_owner else None) for one, person in page.orders)),
        ),
        (
            *grid([_order(t, one, is_owner=is_owner) for one, _ in page.orders]),
            *turn(t, before, _at(way, 0), _at(way, page.older or 0), page),
            *_wallet(t, way),
            (Button(t("🔎 Find again"), FindOrder()),),
            ways_out(t, MyOrders(before=0)),
        ),
    )


def moved(t: Texts, page: MovedPage, before: int) -> Screen:
    """Top-ups and debits of one amount, newest first, and the wallets that they changed."""
    way = page.way
    people = dict.fromkeys(person for _, person in page.moved)
    return Screen(
        paragraphs(
            t("<b>{way}</b>", way=_way(t, way)),
            lines(*(_movement(t, one, person) for one, person in page.moved)),
        ),
        (
            *(
                (
                    Button(
                        t("👛 {person}", person=short(person.name, MOST_LABEL - 2)),
                        OwnerWallet(customer=person.id, before=0),
                    ),
                )
                for person in people
            ),
            *turn(t, before, _at(way, 0), _at(way, page.older or 0), page),
            ways_out(t, FindOrder()),
        ),
    )


def _movement(t: Texts, moved: Posting, person: Person) -> Text:
    note = "" if moved.reason == PostingKind.TOPUP else moved.reason
    return t(
        "{at}: {person}, {sign}{amount}{note}",
        at=moved.at,
        person=short(str(person), MOST_SOUGHT),
        sign="+" if moved.change.micros > 0 else "",
        amount=moved.change,
        note=f", {short(note, MOST_SOUGHT)}" if note else "",
    )


def _wallet(t: Texts, way: Way) -> tuple[Row, ...]:
    if way.kind is not Kind.PERSON:
        return ()
    return ((Button(t("👛 Balance"), OwnerWallet(customer=int(way.value), before=0)),),)


def _how(t: Texts, *, is_owner: bool) -> Text:
    if is_owner:
        return t(
            "Send an order's number, the provider's name or its own order id, the host or "
            "username of a proxy, a price or a top-up such as 4.20, or a customer's id or @name. "
            "/cancel leaves."
        )
    return t(
        "Send an order's number, the provider's name, or the host or username of a proxy. A whole "
        "line does as well. /cancel leaves."
    )


def _way(t: Texts, way: Way) -> Text:
    name = short(way.name, MOST_SOUGHT)
    match way.kind:
        case Kind.ORDER:
            return t("Order #{id}", id=way.value)
        case Kind.PROVIDER:
            return t("Provider {name}", name=name)
        case Kind.TERM:
            return t("Proxy {name}", name=name)
        case Kind.AMOUNT:
            return t("Price {name}", name=name)
        case Kind.PERSON:
            return t("Customer {name}", name=name)
        case Kind.MOVED:
            return t("Top-ups and debits of {amount}", amount=Money(int(way.value)))
        case Kind.STRAY:
            return t("None of ours: {name}", name=name)


def _way_button(t: Texts, way: Way, *, is_owner: bool) -> Button:
    label = t("{way}", way=short(_way(t, way).plain(), MOST_LABEL))
    if way.kind is not Kind.ORDER:
        return Button(label, _at(way, 0))
    order = int(way.value)
    return Button(label, OwnerOrder(order=order) if is_owner else ShowOrder(order=order))


def _at(way: Way, before: int) -> Found:
    return Found(by=way.kind.value, value=way.value, before=before)


def _order(t: Texts, order: Order, *, is_owner: bool) -> Button:
    return order_button(
        t, order, OwnerOrder(order=order.id) if is_owner else ShowOrder(order=order.id)
    )


def _line(t: Texts, order: Order, person: Person | None) -> Text:
    if person is None:
        return t(
            "#{order}: {state}, {price}, {at}",
            order=order.id,
            state=state_word(t, order.state),
            price=order.price,
            at=order.accepted_at,
        )
    return t(
        "#{order}: {person}, {plan}, {price}, {state}",
        order=order.id,
        person=short(str(person), MOST_SOUGHT),
        plan=bought(t, order),
        price=order.price,
        state=state_word(t, order.state),
    )

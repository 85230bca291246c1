"""Cases: orders that need an owner, and what may be decided about them."""

from __future__ import annotations

from datetime import datetime

from bot.callbacks import (
    Bind,
    FindOrder,
    GiveBack,
    HandOver,
    Inbox,
    OwnerOrder,
    RefundFor,
)
from bot.domain.cases import Case
from bot.domain.orders import Order, OrderId, UpstreamOrder
from bot.domain.requests import RefundPreview
from bot.domain.search import FoundStray
from bot.i18n import Code, Text, Texts, lines, paragraphs
from bot.screens.base import (
    MOST_LABEL,
    Button,
    Row,
    Screen,
    Style,
    in_rows,
    short,
    to_home,
    to_shop,
    ways_out,
)
from bot.screens.requests import confirm_or_drop
from bot.screens.words import (
    MOST_NAME,
    MOST_NOTE,
    age,
    cut,
    fitting,
    plan_of,
    upstream_name,
)

MOST_LISTED = 10


def inbox(t: Texts, cases: tuple[Case, ...], now: datetime) -> Screen:
    """Orders that need a person."""
    back = (Button(t("🔄 Refresh"), Inbox()), *to_shop(t))
    if not cases:
        return Screen(t("No order needs you. New ones are announced here as a message."), (back,))
    shown = [_case(t, case, now) for case in cases[:MOST_LISTED]]
    is_held = any(case.exchanged_at is None for case in cases)
    more = len(cases) - len(shown)
    buttons = [
        Button(t("Order #{id}", id=case.order.id), OwnerOrder(order=case.order.id))
        for case in cases[:MOST_LISTED]
    ]
    return Screen(
        paragraphs(
            t.n("<b>{n} order needs you</b>", "<b>{n} orders need you</b>", n=len(cases)),
            fitting(t, shown, 3_000),
            t.n("{n} more order comes after these.", "{n} more orders come after these.", n=more)
            if more
            else None,
            t("The money of these customers is held until you decide.") if is_held else None,
        ),
        (*in_rows(buttons, 2), back),
    )


def _case(t: Texts, case: Case, now: datetime) -> Text:
    if case.exchanged_at is not None:
        return t(
            "#{id} · {plan} · {person} · an exchange was sent {age} ago: see at the provider what "
            "it holds now",
            id=case.order.id,
            plan=plan_of(case.order),
            person=case.person,
            age=age(t, case.exchanged_at, now),
        )
    return t(
        "#{id} · {plan} for {price} · {person} · waits {age} · {candidates}",
        id=case.order.id,
        plan=plan_of(case.order),
        price=case.order.price,
        person=case.person,
        age=age(t, case.order.moved_at, now),
        candidates=t.n("{n} upstream order fits", "{n} upstream orders fit", n=case.candidates),
    )


def strays(t: Texts, one: Order, found: tuple[UpstreamOrder, ...]) -> Screen:
    """Upstream orders that nothing explains yet, to bind this order to one of them."""
    back = _back_to(t, one.id)
    if not found:
        return Screen(
            paragraphs(
                t("The upstream's list holds no order that fits order #{id}.", id=one.id),
                t("Keep waiting, deliver by hand, or give the money back."),
            ),
            (back,),
        )
    shown = [
        t(
            "{reference} · {provider} {plan} · seen {at}",
            reference=Code(short(stray.reference, MOST_NAME)),
            provider=short(stray.provider or "–", MOST_NAME),
            plan=short(stray.plan or "–", MOST_NAME),
            at=stray.seen_at,
        )
        for stray in found[:MOST_LISTED]
    ]
    buttons = [
        Button(
            t("Bind {reference}", reference=short(stray.reference, MOST_LABEL - 10)),
            Bind(order=one.id, upstream_order=stray.id),
        )
        for stray in found[:MOST_LISTED]
    ]
    return Screen(
        paragraphs(
            t("<b>Which of these is order #{id}, {plan}?</b>", id=one.id, plan=plan_of(one)),
            fitting(t, shown, 3_000),
            t("Bind charges the customer and delivers what the upstream order holds."),
        ),
        (*in_rows(buttons, 1), back),
    )


def stray(t: Texts, found: FoundStray) -> Screen:
    """An order that the upstream lists and that serves none of the shop's."""
    order = found.order
    return Screen(
        paragraphs(
            t(
                "<b>{upstream} lists this order, and no order of the shop is bound to it:</b> "
                "{reference}",
                upstream=upstream_name(found.upstream),
                reference=Code(short(order.reference, MOST_NAME)),
            ),
            t(
                "Account {lane} · {provider} {plan} · seen {at}",
                lane=found.lane,
                provider=short(order.provider or "–", MOST_NAME),
                plan=short(order.plan or "–", MOST_NAME),
                at=order.seen_at,
            ),
            t("If an order in the inbox waits for it, bind the two there."),
        ),
        ((Button(t("Inbox"), Inbox()),), ways_out(t, FindOrder())),
    )


def hand_over(
    t: Texts, order: OrderId, problem: Text | None = None, *, is_exchange: bool = False
) -> Screen:
    """The next typed text is delivered to the customer of this order."""
    return Screen(
        paragraphs(
            problem,
            t("<b>Deliver order #{id} by hand</b>", id=order),
            t(
                "Paste what the order holds now, one line for each: {example}; or send it as a "
                "text file. It takes the place of what was delivered, and nothing is charged; "
                "/cancel leaves it.",
                example=Code("host:port:user:pass"),
            )
            if is_exchange
            else t(
                "Paste what the customer gets, one line for each: {example}, or the code of a "
                "key order; or send it as a text file. It is charged and delivered at once; "
                "/cancel leaves it.",
                example=Code("host:port:user:pass"),
            ),
        ),
        (_back_to(t, order),),
        asks=HandOver(order=order),
    )


def bad_line(t: Texts, line: int) -> Text:
    """The pasted line that could not be read."""
    return t(
        "Line {line} could not be read. Nothing was delivered. No line may stand there twice.",
        line=line,
    )


def wrong_count(t: Texts, found: int, wanted: int) -> Text:
    """More or fewer lines than were bought."""
    return t(
        "{wanted} were bought, and these are {found} lines. Nothing was delivered.",
        wanted=wanted,
        found=found,
    )


def bad_file(t: Texts, most: int) -> Text:
    """A file that is no text, or too large."""
    return t(
        "This is not a text file of at most {most} KB in UTF-8. Nothing was delivered.",
        most=most // 1000,
    )


def delivered_before(t: Texts, order: OrderId) -> Text:
    """Somebody has some of what was pasted."""
    return t(
        "Order #{order} got some of this already, and nobody else may. Nothing was delivered.",
        order=order,
    )


def give_back(t: Texts, order: OrderId) -> Screen:
    """Once more before a hold is released: a delivery may still come."""
    return Screen(
        paragraphs(
            t("<b>Give the money of order #{id} back?</b>", id=order),
            t(
                "The customer is told that nothing was charged. If the provider made the order "
                "all the same, its cost is the shop's loss."
            ),
        ),
        (
            (
                Button(t("Keep it"), OwnerOrder(order=order)),
                Button(t("Give back"), GiveBack(order=order, sure=True), Style.DANGER),
            ),
        ),
    )


def ask_refund_reason(t: Texts, order: OrderId, problem: Text | None = None) -> Screen:
    """The next typed text is the reason of a refund."""
    return Screen(
        paragraphs(
            problem,
            t("<b>Why is order #{id} refunded?</b>", id=order),
            t(
                "Write the reason in a few words; the customer reads it. "
                "You see everything before anything happens; /cancel leaves it."
            ),
        ),
        (_back_to(t, order),),
        asks=RefundFor(order=order),
    )


def refund_preview(t: Texts, preview: RefundPreview) -> Screen:
    """What a refund would do, before it does it."""
    one = preview.order
    return Screen(
        paragraphs(
            t("<b>Refund order #{id}?</b>", id=one.id),
            lines(
                t(
                    "{plan}: {price} goes back to {person}.",
                    plan=plan_of(one),
                    price=one.price,
                    person=preview.person,
                ),
                t("Reason: {reason}", reason=cut(preview.reason, MOST_NOTE)),
            ),
            _not_taken_back(t, one),
            t("Nothing happens until you confirm, within ten minutes."),
        ),
        (confirm_or_drop(t("Confirm"), t("Drop"), preview.request),),
    )


def refunded(t: Texts, one: Order) -> Screen:
    """What was done; a second tap on Confirm shows the same."""
    return Screen(
        t(
            "<b>Done.</b> Order #{id} is refunded: {price} is back in the customer's balance. "
            "The customer and the other owners are told.",
            id=one.id,
            price=one.price,
        ),
        (_back_to(t, one.id), (*to_shop(t), *to_home(t))),
    )


def _not_taken_back(t: Texts, one: Order) -> Text:
    if not one.is_code:
        return t("The proxy itself is not taken back.")
    if one.shown_at is None:
        return t("The customer has not seen the code yet, and cannot after the refund.")
    return t("The customer saw the code at {at}, so it may be redeemed already.", at=one.shown_at)


def _back_to(t: Texts, order: OrderId) -> Row:
    return (Button(t("Order #{id}", id=order), OwnerOrder(order=order)),)

"""The file of an order: its whole history, masked, and what an owner may still do about it."""

from __future__ import annotations

from bot.callbacks import (
    GiveBack,
    HandOver,
    Inbox,
    KeepWaiting,
    OwnerOrder,
    RefundFor,
    Reply,
    ShowStrays,
)
from bot.domain.cases import OrderFile, Sent
from bot.domain.exchanges import LOST, REFUNDED, UNDER_WAY, ExchangeState, Wish
from bot.domain.money import Money
from bot.domain.orders import MOVES, OPEN, Attempt, Move, Order, OrderState
from bot.domain.wallets import Posting, PostingKind
from bot.i18n import Code, Joined, Text, Texts, lines, paragraphs
from bot.screens.base import (
    Button,
    Row,
    Screen,
    short,
    to_shop,
)
from bot.screens.words import (
    MOST_NAME,
    as_is,
    fitting,
    plan_of,
    released_because,
    reviewed_because,
    state_words,
)


def order_file(t: Texts, file: OrderFile) -> Screen:
    """An order's whole history, masked, with what an owner may still do about it."""
    one = file.order
    again = (Button(t("🔄 Refresh"), OwnerOrder(order=one.id)),)
    is_under_way = any(wish.state in UNDER_WAY for wish in file.exchanges)
    look = (again,) if one.state in OPEN or is_under_way else ()
    by_hand = (Button(t("Deliver by hand"), HandOver(order=one.id)),)
    says = (by_hand,) if file.may_say else ()
    return Screen(
        paragraphs(
            lines(
                t("<b>Order #{id}: {state}</b>", id=one.id, state=state_words(t, one.state)),
                t(
                    "{plan}, {n} pc., for {price} (cost {cost}).",
                    plan=plan_of(one),
                    n=one.quantity,
                    price=one.price,
                    cost=one.cost,
                ),
                t("Customer: {person}", person=file.person),
                _reason(t, one),
                t(
                    "Account {lane}, upstream order {reference}",
                    lane=file.lane,
                    reference=Code(short(one.upstream_order_id, MOST_NAME)),
                )
                if one.upstream_order_id
                else t("Account {lane}, no upstream order yet", lane=file.lane),
            ),
            _section(t, t("<b>States</b>"), [_move(t, move) for move in file.moves], 1_200),
            _section(t, t("<b>Attempts</b>"), [_attempt(t, made) for made in file.attempts], 600),
            _section(t, t("<b>Exchanges</b>"), [_wish(t, wish) for wish in file.exchanges], 600),
            _section(t, t("<b>Money</b>"), [_posting(t, moved) for moved in file.postings], 700),
            _section(t, t("<b>Messages</b>"), [_sent(t, sent) for sent in file.notices], 700),
        ),
        (*says, *_decisions(t, one), *look, (Button(t("Inbox"), Inbox()), *to_shop(t))),
    )


def no_order(t: Texts) -> Screen:
    """How to name an order."""
    return Screen(
        t("Write the number of the order: {example}", example=Code("/order 42")),
        ((Button(t("Inbox"), Inbox()), *to_shop(t)),),
    )


def _reason(t: Texts, one: Order) -> Text | None:
    if not one.reason:
        return None
    if one.state is not OrderState.RELEASED:
        return t("Reason: {reason}", reason=reviewed_because(t, one.reason))
    # The code stands beside the customer's words: an owner may need the exact one.
    return t(
        "Reason: {reason} ({code})",
        reason=released_because(t, one.reason),
        code=short(one.reason, MOST_NAME),
    )


def _decisions(t: Texts, one: Order) -> tuple[Row, ...]:
    can = MOVES[one.state]
    by_hand = Button(t("Deliver by hand"), HandOver(order=one.id))
    answer = Button(t("Write to customer"), Reply(customer=one.customer))
    match one.state:
        case OrderState.REVIEW:
            return (
                (Button(t("Bind"), ShowStrays(order=one.id)), by_hand),
                (
                    Button(t("Give money back"), GiveBack(order=one.id, sure=False)),
                    Button(t("Keep waiting"), KeepWaiting(order=one.id)),
                ),
                (answer,),
            )
        case OrderState.PREPARING if OrderState.DELIVERED in can:
            return ((by_hand, answer),)
        case _ if OrderState.REFUNDED in can:
            return ((Button(t("Refund"), RefundFor(order=one.id)), answer),)
        case _:
            return ((answer,),)


def _section(t: Texts, head: Text, found: list[Text], most: int) -> Joined | None:
    return lines(head, fitting(t, found, most, newest=True)) if found else None


def _move(t: Texts, move: Move) -> Text:
    note = t(" ({note})", note=short(move.note, MOST_NAME)) if move.note else ""
    return t(
        "{at} · {state}, by {actor}{note}",
        at=move.at,
        state=state_words(t, move.target),
        actor=_actor(t, move.actor),
        note=note,
    )


def _actor(t: Texts, actor: str) -> Text:
    match actor.partition(":"):
        case ("shop", _, _):
            return t("the bot")
        case ("customer", _, _):
            return t("the customer")
        case ("owner", _, number):
            return t("owner {id}", id=short(number, 20))
        case _:
            return as_is(t, short(actor, 40))


def _attempt(t: Texts, made: Attempt) -> Text:
    return t(
        "{number}. {at} · {outcome}",
        number=made.number,
        at=made.sent_at,
        outcome=as_is(t, short(made.outcome, MOST_NAME)) if made.outcome else t("no answer known"),
    )


def _wish(t: Texts, wish: Wish) -> Text:
    if wish.error == LOST:
        return _lost(t, wish)
    became = (
        t("given up, as the order was refunded")
        if wish.error == REFUNDED
        else _became(t, wish.state)
    )
    if wish.ended_at is None:
        return t("{at} · wanted by the customer: {became}", at=wish.at, became=became)
    return t(
        "{at} · wanted by the customer: {became}, {ended_at}, by {actor}{note}",
        at=wish.at,
        became=became,
        ended_at=wish.ended_at,
        actor=_actor(t, wish.ended_by or "shop"),
        note=t(" ({note})", note=short(wish.error, MOST_NAME)) if wish.error else "",
    )


def _lost(t: Texts, wish: Wish) -> Text:
    """Nobody's wish, as far as the restored books know."""
    if wish.ended_at is None or wish.state is not ExchangeState.DONE:
        return t("{at} · after a restore: still to be compared with the provider", at=wish.at)
    return t(
        "{at} · after a restore: other proxies were found, and delivered anew, {ended_at}, "
        "by {actor}",
        at=wish.at,
        ended_at=wish.ended_at,
        actor=_actor(t, wish.ended_by or "shop"),
    )


def _became(t: Texts, state: ExchangeState) -> Text:
    match state:
        case ExchangeState.ASKED:
            return t("not sent yet")
        case ExchangeState.SENDING:
            return t("being sent")
        case ExchangeState.READING:
            return t("done, and the new proxies are not known yet")
        case ExchangeState.UNCLEAR:
            return t("no answer, so the order is read")
        case ExchangeState.DONE:
            return t("delivered anew")
        case ExchangeState.REFUSED:
            return t("not done")
        case ExchangeState.LACKING:
            return t("not possible with this account")
        case ExchangeState.UNCHANGED:
            return t("nothing has changed")


def _posting(t: Texts, moved: Posting) -> Text:
    amount = Money(abs(moved.change.micros), moved.change.currency)
    return t("{at} · {words}: {amount}", at=moved.at, words=_moved(t, moved.kind), amount=amount)


def _moved(t: Texts, kind: PostingKind) -> Text:
    match kind:
        case PostingKind.TOPUP:
            return t("topped up")
        case PostingKind.DEBIT:
            return t("debited")
        case PostingKind.HOLD:
            return t("held")
        case PostingKind.CAPTURE:
            return t("charged")
        case PostingKind.RELEASE:
            return t("given back")
        case PostingKind.REFUND:
            return t("refunded")
        case PostingKind.COST:
            return t("paid to the upstream")
        case PostingKind.STRAY:
            return t("lost to a stray order")


def _sent(t: Texts, sent: Sent) -> Text:
    return t(
        "{at} · {what} to {to}: {outcome}",
        at=sent.at,
        what=_told(t, sent.kind),
        to=sent.to,
        outcome=_outcome(t, sent),
    )


def _outcome(t: Texts, sent: Sent) -> Text:
    match sent.outcome:
        case "sent":
            return t("sent")
        case "dead":
            return t("given up")
        case "put_off":
            return t("cannot be drawn, tried again")
        case "withdrawn":
            return t("not sent to a former owner")
        case None | "":
            return t("on its way") if sent.done_at is None else t("sent")
        case other:
            return as_is(t, short(other, 40))


def _told(t: Texts, kind: str) -> Text:
    match kind:
        case "order_moved":
            return t("screen of the order")
        case "order_delivered":
            return t("credentials")
        case "order_in_doubt":
            return t("“being checked”")
        case "order_in_review":
            return t("“a person is checking”")
        case "order_released":
            return t("“not charged”")
        case "order_refunded":
            return t("“refunded”")
        case "usage_alerted" | "usage_unwatched":
            return t("usage alert")
        case "order_exchanged":
            return t("credentials after the exchange")
        case "exchange_told":
            return t("word about the exchange")
        case "exchange_to_deliver":
            return t("“was exchanged”")
        case "proxy_tested":
            return t("test of the proxy")
        case "customer_complains":
            return t("complaint")
        case "order_needs_person":
            return t("“needs you”")
        case "order_decided":
            return t("decision")
        case "sold":
            return t("sale")
        case _:
            return as_is(t, short(kind, 40))

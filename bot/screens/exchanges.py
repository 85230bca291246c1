"""What people see of an exchange: the warning before it, how far it is, and its end."""

from __future__ import annotations

from bot.callbacks import (
    AskExchange,
    Complain,
    Exchange,
    HandOver,
    OwnerOrder,
    ShowCredentials,
    ShowOrder,
)
from bot.domain.customers import Person
from bot.domain.exchanges import UNDER_WAY, Exchanged, ExchangeState
from bot.domain.orders import Order
from bot.i18n import Code, Text, Texts, Value, lines, paragraphs
from bot.screens.base import Button, Row, Screen, Style, bought, kept_ways_out, short, ways_out
from bot.screens.words import MOST_NAME


def confirm(t: Texts, order: Order, intent: str) -> Screen:
    """What an exchange does, before it is done."""
    return Screen(
        paragraphs(
            t("<b>Exchange every proxy of order #{id}?</b>", id=order.id),
            bought(t, order),
            t(
                "You get new addresses for all of them. <b>The old ones stop working</b>, also "
                "where you use them now, and nobody can bring them back."
            ),
            t("It costs nothing, and the order ends when it would have ended anyway."),
        ),
        (
            (Button(t("Exchange all"), Exchange(order=order.id, intent=intent), Style.DANGER),),
            (Button(t("Keep them"), ShowOrder(order=order.id)),),
        ),
    )


def exchanged(t: Texts, one: Exchanged) -> Screen:
    """How far the exchange has come, whichever tap asks."""
    return Screen(_told(t, one.order, one.state), (*_next(t, one), ways_out(t, _back(one.order))))


def cannot(t: Texts, order: Order) -> Screen:
    """This order cannot be exchanged; nothing is wrong with it."""
    return Screen(_told(t, order, ExchangeState.LACKING), (ways_out(t, _back(order)),))


def told(t: Texts, one: Exchanged) -> Screen:
    """The same in a message that stays."""
    return Screen(_told(t, one.order, one.state), (*_next(t, one), kept_ways_out(t)), kept=True)


def to_deliver(t: Texts, order: Order, person: Person) -> Screen:
    """To owners: only they can see what the order holds after its exchange."""
    return Screen(
        paragraphs(
            t("<b>Order #{id} was exchanged, or may have been.</b>", id=order.id),
            lines(
                t("{plan}, {person}.", plan=bought(t, order), person=person),
                t(
                    "Order at the provider: {reference}",
                    reference=Code(short(order.upstream_order_id or "–", MOST_NAME)),
                ),
            ),
            t(
                "Copy what it holds now from the provider's site. The same lines as before mean "
                "that nothing was exchanged, and the customer is told so."
            ),
        ),
        (
            (Button(t("Deliver by hand"), HandOver(order=order.id), Style.PRIMARY),),
            (Button(t("Order #{id}", id=order.id), OwnerOrder(order=order.id)),),
        ),
        kept=True,
    )


def _told(t: Texts, order: Order, state: ExchangeState) -> Value:
    works = t("Your proxies are the same and work as before. Nothing was charged.")
    match state:
        case ExchangeState.ASKED | ExchangeState.SENDING | ExchangeState.READING:
            return paragraphs(
                t("⏳ <b>The proxies of order #{id} are being exchanged.</b>", id=order.id),
                t("The new ones come in a message of their own."),
            )
        case ExchangeState.UNCLEAR:
            return paragraphs(
                t(
                    "<b>The provider did not answer about the exchange of order #{id}.</b>",
                    id=order.id,
                ),
                t(
                    "It may have been done, so the old addresses may have stopped working. We "
                    "read the order again: you get the new ones, or word that nothing changed."
                ),
            )
        case ExchangeState.DONE:
            return paragraphs(
                t("<b>The proxies of order #{id} were exchanged.</b>", id=order.id),
                t("The new ones are in a message of their own."),
            )
        case ExchangeState.REFUSED:
            return paragraphs(
                t("<b>The proxies of order #{id} could not be exchanged.</b>", id=order.id),
                works,
                t("You can try again later, or tell us what is wrong."),
            )
        case ExchangeState.UNCHANGED:
            return paragraphs(
                t("<b>The proxies of order #{id} were not exchanged.</b>", id=order.id),
                works,
                t("You can try again now."),
            )
        case ExchangeState.LACKING:
            return paragraphs(
                t("<b>Order #{id} cannot be exchanged here.</b>", id=order.id), works
            )


def _next(t: Texts, one: Exchanged) -> tuple[Row, ...]:
    order = one.order.id
    if one.state is ExchangeState.DONE:
        return ((Button(t("🔑 Show credentials"), ShowCredentials(order=order)),),)
    if one.state in UNDER_WAY:
        return ((Button(t("🔄 Refresh"), AskExchange(order=order)),),)
    wrong = Button(t("🆘 Something is wrong"), Complain(order=order))
    if one.state is ExchangeState.UNCHANGED:
        return ((Button(t("♻️ Exchange all"), AskExchange(order=order)),), (wrong,))
    return ((wrong,),)


def _back(order: Order) -> ShowOrder:
    return ShowOrder(order=order.id)


def replaced(t: Texts, order: Order) -> Text:
    """Stands over new credentials."""
    return t("♻️ The proxies of order #{id} are exchanged. The old ones are gone.", id=order.id)

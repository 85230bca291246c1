"""Words that screens share: names, states, reasons and ages, cut to fit."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from bot.domain.orders import Order, OrderState
from bot.i18n import Joined, Text, Texts, lines
from bot.screens.base import short

T = TypeVar("T")

# Telegram allows 4096 characters; what people wrote shares them with our own words.
MOST_WORDS = 3_500
MOST_NOTE = 300
MOST_NAME = 80

_UPSTREAMS = {"gateproxy": "GateProxy", "statproxies": "StatProxies"}


def plan_of(order: Order) -> str:
    """Provider and plan of an order as one name."""
    many = f" × {order.quantity}" if order.quantity > 1 else ""
    return short(f"{order.provider_name} {order.title}", MOST_NAME - len(many)) + many


def upstream_name(upstream: str) -> str:
    """An upstream's name as its owner writes it."""
    return _UPSTREAMS.get(upstream, short(upstream, MOST_NAME))


def scope_words(t: Texts, name: str) -> Text:
    """What a markup rule covers; an empty name means everything."""
    return as_is(t, short(name, MOST_NAME)) if name else t("everything")


def as_is(t: Texts, words: object) -> Text:
    """Somebody else's words as a text: there is nothing to translate in them."""
    return Text("{words}", {"words": words}, t.language)


def or_none(fact: T | None) -> T | str:
    """A fact, or a dash where there is none."""
    return "–" if fact is None else fact


def state_words(t: Texts, state: OrderState) -> Text:
    """An order's state in an owner's words."""
    match state:
        case OrderState.RESERVED:
            return t("waiting in line")
        case OrderState.PLACING:
            return t("being placed")
        case OrderState.PREPARING:
            return t("being prepared by the provider")
        case OrderState.IN_DOUBT:
            return t("in doubt")
        case OrderState.REVIEW:
            return t("under review")
        case OrderState.DELIVERED:
            return t("delivered")
        case OrderState.RELEASED:
            return t("not charged")
        case OrderState.REFUNDED:
            return t("refunded")


def released_because(t: Texts, reason: str | None) -> Text:
    """Why an order was not charged, in a customer's words."""
    match reason:
        case "cancelled":
            return t("you cancelled it")
        case "price_rose":
            return t("the price rose before it was placed")
        case "plan_gone":
            return t("the provider no longer sells this plan")
        case "refused":
            return t("the provider did not take the order")
        case "not_sent":
            return t("the provider could not be reached")
        case "owner":
            return t("the owner gave the money back")
        case _:
            # `unpaid` as well: the state of the shop's own accounts is no customer's worry.
            return t("temporarily unavailable")


def reviewed_because(t: Texts, reason: str | None) -> Text:
    """Why an order needs a person; a code without words is shown as it is."""
    match reason:
        case None | "":
            return t("the bot cannot decide it alone")
        case "lane_without_token":
            return t("its account has no token in the settings")
        case "shared_account":
            return t("somebody else buys with this account, so orders cannot be told apart")
        case "too_many_candidates":
            return t("more upstream orders fit than orders wait for one")
        case "no_listing":
            return t(
                "the provider's order list could not be read for too long, or does not prove "
                "that nothing was bought"
            )
        case "failed_there":
            return t("the provider says that the order failed after taking it")
        case "no_credentials":
            return t("the provider did not hand out the credentials for too long")
        case "delivered_before":
            return t("the provider handed out what another order has already")
        case _:
            return as_is(t, short(reason, MOST_NAME))


def age(t: Texts, since: datetime, now: datetime) -> Text:
    """How long ago something was, in the unit that fits."""
    seconds = max(int((now - since).total_seconds()), 0)
    if seconds < 120:
        return t("{n} s", n=seconds)
    if seconds < 2 * 3600:
        return t("{n} min", n=seconds // 60)
    if seconds < 2 * 86_400:
        return t("{n} h", n=seconds // 3600)
    return t("{n} days", n=seconds // 86_400)


def too_long(t: Texts, most: int) -> Text:
    """What was typed does not fit."""
    return t("This is too long: at most {most} characters, please.", most=most)


def cut(words: str, most: int) -> str:
    """`words` in at most `most` UTF-16 units, the way Telegram counts, `…` included."""
    if units(words) <= most:
        return words
    # Whole characters only: half an emoji is no text, and Telegram refuses the message.
    kept = words.encode("utf-16-le", "replace")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return f"{kept}…"


def units(words: str) -> int:
    """The length of `words` in UTF-16 units, the way Telegram counts."""
    return len(words.encode("utf-16-le", "replace")) // 2


def fitting(t: Texts, found: list[Text], most: int, *, newest: bool = False) -> Joined:
    """As many lines as fit into `most` units, first or newest; the rest is counted."""
    kept: list[Text] = []
    left = most
    for line in reversed(found) if newest else found:
        left -= units(line.plain()) + 1
        if left < 0:
            break
        kept.append(line)
    hidden = len(found) - len(kept)
    if not hidden:
        return lines(*found)
    if newest:
        earlier = t.n("… {n} earlier line", "… {n} earlier lines", n=hidden)
        return lines(earlier, *reversed(kept))
    return lines(*kept, t.n("… and {n} more line", "… and {n} more lines", n=hidden))

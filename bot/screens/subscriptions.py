"""What upstreams are paid for again and again: still running, or cancelled and still working."""

from __future__ import annotations

from bot.callbacks import CancelledByHand, Shop, ShowSubscriptions
from bot.domain.subscriptions import Subscription
from bot.i18n import Text, Texts, lines, paragraphs
from bot.screens.base import Button, Row, Screen, Style, short
from bot.screens.words import MOST_NAME, upstream_name

MOST_SHOWN = 20
MOST_BUTTONS = 6


def subscriptions(t: Texts, shown: tuple[Subscription, ...]) -> Screen:
    """Every subscription that costs something, or that proxies still work by."""
    running = [one for one in shown if one.cancelled_at is None]
    cancelled = [one for one in shown if one.cancelled_at is not None]
    by_hand: tuple[Row, ...] = tuple(
        (
            Button(
                t("Cancelled by hand: {reference}", reference=short(one.reference, 12)),
                CancelledByHand(subscription=one.id, sure=False),
            ),
        )
        for one in running[:MOST_BUTTONS]
    )
    return Screen(
        paragraphs(
            t("<b>Subscriptions</b>"),
            t(
                "Each order is a subscription at the provider. The bot cancels it right after the "
                "sale, so that it is paid for once; its proxies work until its end all the same."
            ),
            lines(t("<b>Not cancelled yet</b>"), *(_running(t, one) for one in running))
            if running
            else t("Every subscription is cancelled."),
            lines(t("<b>Cancelled</b>"), *(_cancelled(t, one) for one in cancelled))
            if cancelled
            else None,
        ),
        (
            *by_hand,
            (Button(t("🔄 Refresh"), ShowSubscriptions()), Button(t("🛠 Shop"), Shop())),
        ),
    )


def sure(t: Texts, subscription: int) -> Screen:
    """Once more before the bot stops trying: nobody else will."""
    return Screen(
        paragraphs(
            t("<b>Have you cancelled it on the provider's site?</b>"),
            t("The bot stops trying then. If it still runs, you pay for it every period."),
        ),
        (
            (
                Button(t("Not yet"), ShowSubscriptions()),
                Button(
                    t("It is cancelled"),
                    CancelledByHand(subscription=subscription, sure=True),
                    Style.DANGER,
                ),
            ),
        ),
    )


def _running(t: Texts, one: Subscription) -> Text:
    return t(
        "{what}: paid again after {at}; tried {tries} times, {error}",
        what=_what(t, one),
        at=one.ends_at,
        tries=one.tries,
        error=short(one.error or "–", MOST_NAME),
    )


def _cancelled(t: Texts, one: Subscription) -> Text:
    return t("{what}: works until {at}", what=_what(t, one), at=one.ends_at)


def _what(t: Texts, one: Subscription) -> Text:
    upstream, reference = upstream_name(one.upstream), short(one.reference, 40)
    if one.order is None:
        return t("{upstream} {reference}, no order", upstream=upstream, reference=reference)
    return t(
        "{upstream} {reference}, order #{id}",
        upstream=upstream,
        reference=reference,
        id=one.order,
    )

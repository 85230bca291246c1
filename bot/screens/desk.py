"""The owner's desk: the shop at a glance, and the switches on it."""

from __future__ import annotations

from datetime import datetime

from bot.callbacks import (
    AuditNow,
    Inbox,
    Resume,
    SaleNotices,
    Shop,
    ShowMarkup,
    ShowPlans,
    ShowSubscriptions,
)
from bot.domain.desk import LaneState, ShopState, Stop
from bot.i18n import Text, Texts, lines, paragraphs
from bot.screens.base import Button, Screen, Style, short, to_home
from bot.screens.words import MOST_NAME, age, as_is, fitting, upstream_name


def shop(t: Texts, state: ShopState, *, wants_sales: bool, is_green: bool = False) -> Screen:
    """The shop at a glance; what needs the owner comes first. `is_green`: audited just now."""
    stops = [_stop(t, stop, state.lanes) for stop in state.stops]
    catalog = (
        t("Price list: not read yet.")
        if state.catalog_read_at is None
        else t.n(
            "Price list: {n} plan, read {age} ago.",
            "Price list: {n} plans, read {age} ago.",
            n=state.plans,
            age=age(t, state.catalog_read_at, state.at),
        )
    )
    sales = t.n(
        "Today (UTC): {n} order, {sales} in sales, {profit} in profit.",
        "Today (UTC): {n} orders, {sales} in sales, {profit} in profit.",
        n=state.today.orders,
        sales=state.today.sales,
        profit=state.today.profit,
    )
    needs = (
        t.n("<b>{n} order needs you.</b>", "<b>{n} orders need you.</b>", n=state.in_review)
        if state.in_review
        else t("No order needs you.")
    )
    undelivered = (
        t.n(
            "{n} message could not be delivered and was given up.",
            "{n} messages could not be delivered and were given up.",
            n=state.undelivered,
        )
        if state.undelivered
        else None
    )
    kept = lines(
        t("The books were audited {age} ago.", age=age(t, state.audited_at, state.at))
        if state.audited_at
        else None,
        t("The newest backup is {age} old.", age=age(t, state.backed_up_at, state.at))
        if state.backed_up_at
        else None,
    )
    # The stop of a lane ends by itself; only that of the whole shop waits for a person.
    is_stopped = any(stop.scope == "shop" for stop in state.stops)
    telling = (
        Button(t("Stop telling me of sales"), SaleNotices(on=False))
        if wants_sales
        else Button(t("Tell me of each sale"), SaleNotices(on=True))
    )
    return Screen(
        paragraphs(
            t("<b>The books balance:</b> every figure was recomputed from the postings.")
            if is_green
            else None,
            t("<b>The shop</b>"),
            fitting(t, stops, 1_200) if stops else None,
            lines(
                fitting(t, [_lane(t, lane, state.at) for lane in state.lanes], 1_200)
                if state.lanes
                else t("No account of a provider is set up."),
                catalog,
            ),
            lines(sales, needs, undelivered),
            t.n(
                "{n} subscription is not cancelled yet.",
                "{n} subscriptions are not cancelled yet.",
                n=state.running,
            )
            if state.running
            else None,
            kept if state.audited_at or state.backed_up_at else None,
        ),
        (
            *(((Button(t("Resume"), Resume(), Style.PRIMARY),),) if is_stopped else ()),
            (
                Button(t("Inbox ({n})", n=state.in_review), Inbox()),
                Button(t("Markup"), ShowMarkup()),
                Button(t("Plans"), ShowPlans(page=0)),
            ),
            *(
                ((Button(t("Subscriptions ({n})", n=state.subscriptions), ShowSubscriptions()),),)
                if state.subscriptions
                else ()
            ),
            (telling,),
            (Button(t("Audit the books"), AuditNow()),),
            (Button(t("🔄 Refresh"), Shop()), *to_home(t)),
        ),
    )


def lists_unread(t: Texts) -> Text:
    """A backup was restored, and it is not known yet what was bought after it was made."""
    return t(
        "Not yet: the order lists of the providers are still to be read, because a backup was "
        "restored. Try again in a minute."
    )


def not_resumed(t: Texts) -> Text:
    """The audit found the books wrong still, so the stop stays."""
    return t(
        "The books do not balance yet, so selling stays stopped. "
        "Run the audit on the server: it says what differs."
    )


def _stop(t: Texts, stop: Stop, lanes: tuple[LaneState, ...]) -> Text:
    why = _stopped_because(t, stop.reason)
    if stop.scope == "shop":
        return t(
            "<b>Selling has been stopped</b> since {since}: {reason}.",
            since=stop.since,
            reason=why,
        )
    number = stop.scope.removeprefix("lane:")
    upstream = next((lane.upstream for lane in lanes if str(lane.id) == number), "")
    return t(
        "<b>{upstream} account {lane} has been stopped</b> since {since}: {reason}.",
        upstream=upstream_name(upstream),
        lane=short(number, MOST_NAME),
        since=stop.since,
        reason=why,
    )


def _stopped_because(t: Texts, reason: str) -> Text:
    match reason:
        case "audit" | "audit_red":
            return t("the books do not balance")
        case "restored":
            return t("a backup was restored")
        case "out_of_service":
            return t("the provider does not serve this account")
        case "unauthorized" | "invalid_api_key":
            return t("the token was refused")
        case "insufficient_balance":
            return t("fund the account")
        case "insufficient_permissions":
            return t("the key lacks a permission")
        case "same_account":
            return t("two tokens belong to this account")
        case "shared_account":
            return t("somebody else buys with this account")
        case "lane_without_token":
            return t("no token in the settings")
        case _:
            return as_is(t, short(reason, MOST_NAME))


def _lane(t: Texts, lane: LaneState, now: datetime) -> Text:
    upstream = upstream_name(lane.upstream)
    if not lane.has_token:
        return t(
            "{upstream} account {lane}: no token in the settings", upstream=upstream, lane=lane.id
        )
    if not lane.is_listed:
        return t(
            "{upstream} account {lane}: its order list could not be read, so nothing is sold",
            upstream=upstream,
            lane=lane.id,
        )
    if not lane.has_balance:
        return t(
            "{upstream} account {lane}: {waiting} in line",
            upstream=upstream,
            lane=lane.id,
            waiting=lane.waiting,
        )
    if lane.balance is None or lane.read_at is None:
        return t(
            "{upstream} account {lane}: balance not read yet", upstream=upstream, lane=lane.id
        )
    return t(
        "{upstream} account {lane}: {balance}, read {age} ago, {waiting} in line",
        upstream=upstream,
        lane=lane.id,
        balance=lane.balance,
        age=age(t, lane.read_at, now),
        waiting=lane.waiting,
    )

"""What can be known of traffic: of an order, and of a typed username."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.filters.callback_data import CallbackData

from bot.callbacks import (
    CheckUsage,
    Home,
    ShowCode,
    ShowOrder,
    TypeUsername,
    UsageMenu,
    UsageProviders,
)
from bot.domain.catalog import Provider, UsageByApi, UsageByBot, UsageUnknown
from bot.domain.orders import OrderPage, OrderState
from bot.domain.usage import (
    AskBot,
    Measured,
    OrderUsage,
    Traffic,
    Unknowable,
    Unreachable,
    UsageSeen,
)
from bot.i18n import Code, Joined, Text, Texts, Value, lines, paragraphs
from bot.screens.base import (
    MOST_LABEL,
    Button,
    Link,
    Row,
    Screen,
    grid,
    page_of,
    pager,
    redeem_steps,
    short,
    ways_out,
)
from bot.screens.listing import MOST_NAME, order_button, turn, what

MOST_FIGURE = 40
BAR = 10


def usage_menu(t: Texts, page: OrderPage, before: int) -> Screen:
    """Pick one of my delivered orders, or type a username, to see its traffic."""
    found = [one for one in page.orders if one.state is OrderState.DELIVERED]
    if found:
        hint = t("Pick an order, or type the username of a proxy.")
    else:
        hint = t("No delivered orders here. You can type the username of a proxy.")
    return Screen(
        paragraphs(t("<b>Check usage</b>"), hint),
        (
            *grid([order_button(t, one, CheckUsage(order=one.id)) for one in found]),
            *turn(t, before, UsageMenu(before=0), UsageMenu(before=page.older or 0), page),
            (Button(t("⌨️ Type a username"), UsageProviders()),),
            ways_out(t, Home()),
        ),
    )


def checking(t: Texts, back: CallbackData) -> Screen:
    """While the provider is asked; `back` leads to where the tap came from."""
    return Screen(t("⏳ Checking usage…"), (ways_out(t, back),))


def usage(t: Texts, reading: OrderUsage) -> Screen:
    """The traffic of an order, as far as anybody can tell it."""
    shown = reading.order
    rows: list[Row] = []
    match reading.seen:
        case AskBot(url):
            rows.append((Link(t("🤖 Open the checker bot"), url),))
        case Measured() | Unreachable():
            rows.append((Button(t("🔄 Refresh"), CheckUsage(order=shown.id)),))
        case Unknowable() if shown.is_code:
            rows.append((Button(t("🔑 Show the code"), ShowCode(order=shown.id)),))
        case Unknowable():
            pass
    return Screen(
        paragraphs(
            lines(t("<b>Usage of order #{order}</b>", order=shown.id), what(t, shown)),
            _seen(t, shown.provider_name, reading.seen, is_code=shown.is_code),
            redeem_steps(t) if shown.is_code and _is_unknowable(reading.seen) else None,
            _pause(t, reading),
        ),
        (*rows, ways_out(t, ShowOrder(order=shown.id))),
    )


def usage_providers(t: Texts, providers: Sequence[Provider], asked: int) -> Screen:
    """The providers whose traffic can be asked by username; the others in one line each."""
    page = page_of([one for one in providers if isinstance(one.usage, UsageByApi)], asked)
    buttons = [
        Button(
            t("{provider}", provider=short(one.name, MOST_LABEL)), TypeUsername(provider=one.id)
        )
        for one in page.shown
    ]
    others: list[Text] = []
    links: list[Row] = []
    for one in providers:
        name = short(one.name, MOST_NAME)
        match one.usage:
            case UsageByBot(url):
                others.append(t("{provider} shows usage in its own bot.", provider=name))
                label = t("🤖 {provider} checker", provider=short(one.name, MOST_LABEL - 10))
                links.append((Link(label, url),))
            case UsageUnknown() if one.is_code:
                others.append(
                    t(
                        "{provider}: no usage check exists. Redeem the code at 9proxy.com, "
                        "Dashboard, Share Code, and see it there.",
                        provider=name,
                    )
                )
            case UsageUnknown():
                others.append(t("{provider}: no usage check exists.", provider=name))
            case UsageByApi():
                pass
    return Screen(
        paragraphs(
            lines(t("<b>Check usage by username</b>"), t("Which provider is the proxy from?"))
            if buttons
            else t("<b>No provider can be asked by username right now.</b>"),
            lines(*others),
        ),
        (
            *grid(buttons),
            *pager(t, page.number, page.count, lambda number: UsageProviders(page=number)),
            *links,
            ways_out(t, UsageMenu(before=0)),
        ),
    )


def type_username(t: Texts, provider: Provider, *, is_refused: bool = False) -> Screen:
    """Takes the next typed text as a proxy username; `is_refused`: the one before was not one."""
    return Screen(
        paragraphs(
            t("<b>This does not look like a username.</b>") if is_refused else None,
            t(
                "Send the <b>{provider}</b> username as it stands in your credentials: "
                "one word, at most 200 characters.",
                provider=short(provider.name, MOST_NAME),
            ),
            t("/cancel leaves without asking."),
        ),
        (ways_out(t, UsageProviders()),),
        asks=TypeUsername(provider=provider.id),
    )


def username_usage(t: Texts, provider: Provider, username: str, seen: UsageSeen) -> Screen:
    """The traffic of a typed username; empty where the provider tells nothing by username."""
    rows: list[Row] = []
    match seen:
        case AskBot(url):
            rows.append((Link(t("🤖 Open the checker bot"), url),))
        case Measured() | Unreachable():
            again = TypeUsername(provider=provider.id)
            rows.append((Button(t("⌨️ Another username"), again),))
        case Unknowable():
            pass
    name = short(provider.name, MOST_NAME)
    return Screen(
        paragraphs(
            lines(
                t("<b>Usage, {provider}</b>", provider=name),
                Code(short(username, 200)) if username else None,
            ),
            _seen(t, provider.name, seen, is_code=provider.is_code),
            redeem_steps(t) if provider.is_code and _is_unknowable(seen) else None,
        ),
        (*rows, ways_out(t, UsageProviders())),
    )


def _seen(t: Texts, provider: str, seen: UsageSeen, *, is_code: bool) -> Value:
    name = short(provider, MOST_NAME)
    match seen:
        case Measured():
            return _measured(t, seen)
        case AskBot():
            return t("{provider} shows usage in its own bot.", provider=name)
        case Unknowable() if is_code:
            return t("{provider}: no usage check exists.", provider=name)
        case Unknowable():
            return t("{provider} tells no usage for this.", provider=name)
        case Unreachable(last):
            calm = t(
                "The provider does not answer right now. Your order and your money are not "
                "affected. Please try again in a minute."
            )
            if last is None:
                return calm
            return paragraphs(calm, lines(t("The last reading:"), _measured(t, last)))


def _measured(t: Texts, seen: Measured) -> Joined:
    traffic = seen.traffic
    known = [
        t("Used: {used}", used=short(traffic.used, MOST_FIGURE)) if traffic.used else None,
        t("Left: {left}", left=short(traffic.remaining, MOST_FIGURE))
        if traffic.remaining
        else None,
        t("Total: {total}", total=short(traffic.total, MOST_FIGURE)) if traffic.total else None,
    ]
    if not any(known):
        known = [t("The provider answered, but told no figures.")]
    return lines(_bar(t, traffic), *known, t("Checked: {at}", at=seen.at))


def _bar(t: Texts, traffic: Traffic) -> Text | None:
    share = traffic.used_share
    if share is None:
        return None
    full = int(share * BAR + 0.5)
    bar = "▰" * full + "▱" * (BAR - full)
    return t("{bar} {percent} % used", bar=bar, percent=int(share * 100 + 0.5))


def _pause(t: Texts, reading: OrderUsage) -> Text | None:
    match reading.seen:
        case Measured() | Unreachable() if reading.again_in > 0:
            return t.n(
                "It can be asked again in {n} second.",
                "It can be asked again in {n} seconds.",
                n=reading.again_in,
            )
        case _:
            return None


def _is_unknowable(seen: UsageSeen) -> bool:
    return isinstance(seen, Unknowable)

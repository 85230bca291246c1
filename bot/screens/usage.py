"""What can be known of traffic: of an order, and of a typed username."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aiogram.filters.callback_data import CallbackData

from bot.callbacks import (
    CheckUsage,
    ChooseAlert,
    Home,
    MyOrders,
    SetAlert,
    ShowCode,
    ShowOrder,
    ShowPlan,
    TypeUsername,
    UsageMenu,
    UsageProviders,
)
from bot.domain.catalog import Provider, UsageByApi, UsageByBot, UsageUnknown
from bot.domain.orders import Order, OrderPage, OrderState
from bot.domain.usage import (
    ALERTS,
    LONGEST,
    AlertChoice,
    AskBot,
    Measured,
    OrderUsage,
    Pace,
    Traffic,
    Unknowable,
    Unreachable,
    UsageSeen,
    history,
    pace,
)
from bot.i18n import Code, Joined, Text, Texts, Value, lines, paragraphs
from bot.screens.base import (
    MOST_LABEL,
    MOST_NAME,
    Button,
    Link,
    Row,
    Screen,
    bought,
    grid,
    page_of,
    pager,
    redeem_steps,
    short,
    ways_out,
)
from bot.screens.listing import order_button, turn

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
            refresh = Button(t("🔄 Refresh"), CheckUsage(order=shown.id))
            if _can_be_watched(reading):
                rows.append((refresh, _alert_button(t, shown, reading.alert)))
            else:
                rows.append((refresh,))
        case Unknowable() if shown.is_code:
            rows.append((Button(t("🔑 Show the code"), ShowCode(order=shown.id)),))
        case Unknowable():
            pass
    return Screen(
        paragraphs(
            lines(t("<b>Usage of order #{order}</b>", order=shown.id), bought(t, shown)),
            _seen(t, shown.provider_name, reading.seen, is_code=shown.is_code),
            _course(t, shown, reading.readings),
            redeem_steps(t) if shown.is_code and _is_unknowable(reading.seen) else None,
            _pause(t, reading),
        ),
        (*rows, ways_out(t, ShowOrder(order=shown.id))),
    )


def alert(t: Texts, choice: AlertChoice) -> Screen:
    """Choose at which percentage of an order's traffic to be told."""
    order = choice.order
    buttons = [
        Button(
            t("🔔 {percent} %", percent=percent)
            if percent == choice.percent
            else t("{percent} %", percent=percent),
            SetAlert(order=order.id, percent=percent),
        )
        for percent in ALERTS
    ]
    off = Button(t("🔕 No alert"), SetAlert(order=order.id, percent=0))
    return Screen(
        paragraphs(
            lines(t("<b>Alert for order #{order}</b>", order=order.id), bought(t, order)),
            t(
                "You get a message as soon as {percent} % is seen to be used.",
                percent=choice.percent,
            )
            if choice.percent
            else t("No alert is set. At how much used traffic do you want a message?"),
            t(
                "The provider is asked every two hours, and more often as it gets near. "
                "Fast use may be told late."
            ),
        ),
        (
            *(tuple(buttons[at : at + 2]) for at in range(0, len(buttons), 2)),
            *(((off,),) if choice.percent else ()),
            ways_out(t, CheckUsage(order=order.id)),
        ),
    )


def alerted(t: Texts, order: Order, percent: int, readings: Sequence[Measured]) -> Screen:
    """So much of an order is used, as the customer wanted to be told; a message that stays."""
    return Screen(
        paragraphs(
            lines(
                t(
                    "<b>More than {percent} % of order #{order} is used.</b>",
                    percent=percent,
                    order=order.id,
                ),
                bought(t, order),
            ),
            _measured(t, readings[0]) if readings else None,
            _course(t, order, readings),
        ),
        (
            (
                Button(t("📊 Check usage"), CheckUsage(order=order.id)),
                _alert_button(t, order, None),
            ),
            (Button(t("🔁 Same again"), ShowPlan(plan=order.plan, again=False)),),
            (Button(t("🧾 My orders"), MyOrders(before=0)), Button(t("🏠 Home"), Home())),
        ),
        kept=True,
    )


def unwatched(t: Texts, order: Order) -> Screen:
    """An alert that can never be told has ended; a message that stays."""
    return Screen(
        paragraphs(
            lines(
                t("<b>The alert for order #{order} has ended.</b>", order=order.id),
                bought(t, order),
            ),
            t("The provider has told nothing about its traffic for days."),
        ),
        (
            (Button(t("📊 Check usage"), CheckUsage(order=order.id)),),
            (Button(t("🧾 My orders"), MyOrders(before=0)), Button(t("🏠 Home"), Home())),
        ),
        kept=True,
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


def _can_be_watched(reading: OrderUsage) -> bool:
    """Whether an alert could ever be told: not where the figures tell no share."""
    is_told = bool(reading.readings) and reading.readings[0].traffic.used_share is not None
    return reading.order.state is OrderState.DELIVERED and (is_told or reading.alert is not None)


def _alert_button(t: Texts, order: Order, percent: int | None) -> Button:
    does = ChooseAlert(order=order.id)
    return Button(t("🔔 At {percent} %", percent=percent) if percent else t("🔔 Alert"), does)


def _course(t: Texts, order: Order, readings: Sequence[Measured]) -> Joined | None:
    """How it came to this, and how long the rest lasts; None before there is anything to tell."""
    if not readings or order.state is not OrderState.DELIVERED:
        return None
    going = pace(readings, order.moved_at)
    older = history(readings)[1:]
    return paragraphs(
        None
        if going is None
        else lines(
            t("Pace: about {amount} a day", amount=_size(going.bytes_a_day)),
            _lasts(t, going, readings[0].traffic),
            t("The figures are the provider's; bar and pace are our reading of them."),
        ),
        lines(t("Before:"), *(_line(t, one) for one in older)) if older else None,
    )


def _line(t: Texts, one: Measured) -> Text:
    share = one.traffic.used_share
    used = short(one.traffic.used or "–", MOST_FIGURE)
    if share is None:
        return t("{at}: {used}", at=one.at, used=used)
    return t("{at}: {used}, {percent} %", at=one.at, used=used, percent=int(share * 100 + 0.5))


def _lasts(t: Texts, going: Pace, traffic: Traffic) -> Text:
    hours = going.left_in // timedelta(hours=1)
    days = (going.left_in + timedelta(hours=12)) // timedelta(days=1)
    if traffic.is_past(100):
        return t("Nothing is left.")
    if going.left_in >= LONGEST:
        return t("More than a year left at this pace")
    if hours < 1:
        return t("Less than an hour left at this pace")
    if hours < 48:
        return t.n(
            "About {n} hour left at this pace", "About {n} hours left at this pace", n=hours
        )
    return t.n("About {n} day left at this pace", "About {n} days left at this pace", n=days)


def _size(amount: int) -> str:
    """Bytes as the upstreams write them, in the largest unit that leaves a whole number."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "KB")):
        if amount >= 1 << 10 * power:
            tenths = amount * 10 >> 10 * power
            return (
                f"{tenths // 10}.{tenths % 10} {unit}"
                if tenths < 100
                else f"{tenths // 10} {unit}"
            )
    return f"{amount} B"

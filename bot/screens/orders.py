"""What customers see of their orders: the living screen, the list and the usage."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.filters.callback_data import CallbackData

from bot.callbacks import (
    Browse,
    Cancel,
    CheckUsage,
    Complain,
    Home,
    MyOrders,
    ShowCode,
    ShowCredentials,
    ShowFormats,
    ShowOrder,
    ShowPlan,
    TypeUsername,
    UsageMenu,
    UsageProviders,
)
from bot.domain.catalog import Provider, UsageByApi, UsageByBot, UsageUnknown
from bot.domain.orders import (
    OPEN,
    Line,
    Order,
    OrderPage,
    OrderState,
)
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
    MOST_NAME,
    Button,
    Link,
    Row,
    Screen,
    Style,
    bought,
    grid,
    page_of,
    pager,
    redeem_steps,
    short,
    ways_out,
)
from bot.screens.notices import released_because

MOST_FIGURE = 40
BAR = 10


def order(t: Texts, line: Line, *, just_bought: bool = False) -> Screen:
    """The living screen of an order, in every state.

    `just_bought`: Buy was tapped on a second confirm screen of the same plan a moment later.
    """
    shown = line.order
    body = paragraphs(
        t("<b>You ordered this plan a moment ago.</b> Nothing more was charged.")
        if just_bought
        else None,
        *_state(t, line),
        t("{plan}, {price}, {at}", plan=bought(t, shown), price=shown.price, at=shown.accepted_at),
    )
    more = Button(t("🔁 One more"), ShowPlan(plan=shown.plan, again=True))
    same = Button(t("🔁 Same again"), ShowPlan(plan=shown.plan, again=False))
    rows = _state_rows(t, line, more if just_bought else same)
    if just_bought and not any(more in row for row in rows):
        rows = (*rows, (more,))
    return Screen(
        body,
        (*rows, ways_out(t, MyOrders(before=0))),
        order=shown.id if shown.state in OPEN else None,
    )


def my_orders(t: Texts, page: OrderPage, before: int) -> Screen:
    """My orders, newest first; `before` is the cursor that was asked for."""
    if not page.orders:
        return _no_orders(t, before, MyOrders(before=0))
    return Screen(
        paragraphs(
            t("<b>My orders</b>"),
            lines(
                *(
                    t(
                        "#{order}: {state}, {price}, {at}",
                        order=one.id,
                        state=_state_word(t, one.state),
                        price=one.price,
                        at=one.accepted_at,
                    )
                    for one in page.orders
                )
            ),
        ),
        (
            *grid([_order_button(t, one, ShowOrder(order=one.id)) for one in page.orders]),
            *_turn(t, before, MyOrders(before=0), MyOrders(before=page.older or 0), page),
            ways_out(t, Home()),
        ),
    )


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
            *grid([_order_button(t, one, CheckUsage(order=one.id)) for one in found]),
            *_turn(t, before, UsageMenu(before=0), UsageMenu(before=page.older or 0), page),
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
            lines(t("<b>Usage of order #{order}</b>", order=shown.id), bought(t, shown)),
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


def _state(t: Texts, line: Line) -> tuple[Text | None, ...]:
    order = line.order
    match order.state:
        case OrderState.RESERVED:
            waits = line.place is not None and line.place > 1
            return (
                t(
                    "<b>Order #{order} is accepted.</b> {price} is held.",
                    order=order.id,
                    price=order.price,
                ),
                t("You are number {place} in line.", place=line.place) if waits else None,
                t(
                    "Taking longer than usual. Your money is held, not spent. You can wait, "
                    "or cancel and have it back."
                )
                if line.can_cancel
                else t("What you bought comes in a message of its own."),
            )
        case OrderState.PLACING:
            return (
                t(
                    "<b>Working on it.</b> Order #{order} is with the provider, {price} is held.",
                    order=order.id,
                    price=order.price,
                ),
                t(
                    "Should it take longer than usual, your money stays held, not spent. "
                    "What you bought comes in a message of its own."
                ),
            )
        case OrderState.PREPARING:
            return (
                t(
                    "<b>Order #{order} is being prepared by the provider.</b> {price} is held.",
                    order=order.id,
                    price=order.price,
                ),
                t("This can take a few minutes. What you bought comes in a message of its own."),
            )
        case OrderState.IN_DOUBT:
            return (
                t("<b>Order #{order} is being checked.</b>", order=order.id),
                t(
                    "The provider did not answer. We are checking. At most 15 minutes; "
                    "then you get the code or your money back."
                )
                if order.is_code
                else t(
                    "The provider did not answer. We are checking. At most 15 minutes; "
                    "then you get the proxy or your money back."
                ),
                t("{price} is held.", price=order.price),
            )
        case OrderState.REVIEW:
            return (
                t(
                    "<b>A person is checking your order #{order}.</b> Your money is held.",
                    order=order.id,
                ),
                t("You get an answer in this chat."),
            )
        case OrderState.DELIVERED:
            return (
                t("<b>Order #{order} is delivered.</b>", order=order.id),
                t("The code is in a message of its own and can be shown again at any time.")
                if order.is_code
                else t(
                    "The credentials are in a message of their own and can be shown again "
                    "at any time."
                ),
            )
        case OrderState.RELEASED:
            return (
                t("<b>Order #{order} was not carried out.</b>", order=order.id),
                t(
                    "Not charged: {price} is back in your balance. Reason: {reason}.",
                    price=order.price,
                    reason=released_because(t, order.reason),
                ),
            )
        case OrderState.REFUNDED:
            return (
                t("<b>Order #{order} was refunded.</b>", order=order.id),
                t("{price} is back in your balance.", price=order.price),
            )


def _state_rows(t: Texts, line: Line, again: Button) -> tuple[Row, ...]:
    order = line.order
    look = Button(t("🔄 Refresh"), ShowOrder(order=order.id))
    wrong = Button(t("🆘 Something is wrong"), Complain(order=order.id))
    match order.state:
        case OrderState.RESERVED if line.can_cancel:
            return ((look, Button(t("✖️ Cancel"), Cancel(order=order.id))),)
        case OrderState.RESERVED | OrderState.PLACING | OrderState.IN_DOUBT:
            return ((look,),)
        case OrderState.PREPARING | OrderState.REVIEW:
            return ((look,), (wrong,))
        case OrderState.DELIVERED:
            usage = Button(t("📊 Check usage"), CheckUsage(order=order.id))
            if order.is_code:
                show = Button(t("🔑 Show the code"), ShowCode(order=order.id))
                return ((show,), (usage, again), (wrong,))
            show = Button(t("🔑 Show credentials"), ShowCredentials(order=order.id))
            formats = Button(t("🧩 Formats and files"), ShowFormats(order=order.id))
            return ((show,), (formats,), (usage, again), (wrong,))
        case OrderState.RELEASED:
            return ((again,),)
        case OrderState.REFUNDED:
            return ((again,), (wrong,))


def _state_word(t: Texts, state: OrderState) -> Text:
    match state:
        case OrderState.RESERVED:
            return t("waiting in line")
        case OrderState.PLACING:
            return t("working on it")
        case OrderState.PREPARING:
            return t("being prepared")
        case OrderState.IN_DOUBT:
            return t("being checked")
        case OrderState.REVIEW:
            return t("a person is checking")
        case OrderState.DELIVERED:
            return t("delivered")
        case OrderState.RELEASED:
            return t("not charged")
        case OrderState.REFUNDED:
            return t("refunded")


def _order_button(t: Texts, order: Order, does: CallbackData) -> Button:
    # 7 is the longest mark, "#" and " · ".
    room = MOST_LABEL - 7 - len(str(order.id))
    plan = short(f"{order.provider_name} {order.title}", max(1, room))
    if order.state is OrderState.DELIVERED:
        return Button(t("✅ #{order} · {plan}", order=order.id, plan=plan), does)
    if order.state in OPEN:
        return Button(t("⏳ #{order} · {plan}", order=order.id, plan=plan), does)
    return Button(t("↩️ #{order} · {plan}", order=order.id, plan=plan), does)


def _no_orders(t: Texts, before: int, newest: CallbackData) -> Screen:
    if before:
        return Screen(
            t("<b>No older orders.</b>"),
            ((Button(t("⏮ Newest"), newest),), ways_out(t, Home())),
        )
    return Screen(
        paragraphs(t("<b>No orders yet.</b>"), t("What you buy stands here.")),
        ((Button(t("🛒 Browse"), Browse(), Style.PRIMARY),), ways_out(t, Home())),
    )


def _turn(
    t: Texts, before: int, newest: CallbackData, older: CallbackData, page: OrderPage
) -> tuple[Row, ...]:
    row: Row = ()
    if before:
        row = (Button(t("⏮ Newest"), newest),)
    if page.older is not None:
        row = (*row, Button(t("Older ▶️"), older))
    return (row,) if row else ()


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

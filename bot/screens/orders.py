"""What customers see of their orders: the living screen and the list."""

from __future__ import annotations

from aiogram.filters.callback_data import CallbackData

from bot.callbacks import (
    AskExchange,
    Browse,
    Cancel,
    CheckUsage,
    Complain,
    FindOrder,
    Home,
    MyOrders,
    Prove,
    ShowCode,
    ShowCredentials,
    ShowFormats,
    ShowOrder,
    ShowPlan,
)
from bot.domain.orders import (
    OPEN,
    Line,
    OrderPage,
    OrderState,
)
from bot.i18n import Text, Texts, lines, paragraphs
from bot.screens.base import (
    Button,
    Row,
    Screen,
    Style,
    bought,
    grid,
    until,
    ways_out,
)
from bot.screens.listing import order_button, state_word, turn
from bot.screens.words import released_because


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
                        state=state_word(t, one.state),
                        price=one.price,
                        at=one.accepted_at,
                    )
                    for one in page.orders
                )
            ),
        ),
        (
            *grid([order_button(t, one, ShowOrder(order=one.id)) for one in page.orders]),
            *turn(t, before, MyOrders(before=0), MyOrders(before=page.older or 0), page),
            (Button(t("🔎 Find"), FindOrder()),),
            ways_out(t, Home()),
        ),
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
                t(
                    "The owner of the shop hands it over, which can take some hours. "
                    "What you bought comes in a message of its own."
                )
                if line.is_by_hand
                else t(
                    "This can take a few minutes. What you bought comes in a message of its own."
                ),
                until(t, order),
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
                until(t, order),
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
            prove = Button(t("🧪 Test the proxy"), Prove(order=order.id))
            tests: tuple[Row, ...] = ((prove,),) if line.can_test else ()
            exchange = Button(t("♻️ Exchange all"), AskExchange(order=order.id))
            exchanges: tuple[Row, ...] = ((exchange,),) if line.can_exchange else ()
            return ((show,), (formats,), (usage, again), *tests, *exchanges, (wrong,))
        case OrderState.RELEASED:
            return ((again,),)
        case OrderState.REFUNDED:
            return ((again,), (wrong,))


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

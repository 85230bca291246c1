"""Lists: the words and buttons of orders, and the turning of pages by cursor."""

from __future__ import annotations

from aiogram.filters.callback_data import CallbackData

from bot.domain.orders import OPEN, Order, OrderPage, OrderState
from bot.domain.search import FoundPage, MovedPage
from bot.domain.wallets import Statement
from bot.i18n import Text, Texts
from bot.screens.base import MOST_LABEL, Button, Row, short


def state_word(t: Texts, state: OrderState) -> Text:
    """A state in two or three words for its customer."""
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


def order_button(t: Texts, order: Order, does: CallbackData) -> Button:
    """A button that names an order and shows how it stands."""
    # 7 is the longest mark, "#" and " · ".
    room = MOST_LABEL - 7 - len(str(order.id))
    plan = short(f"{order.provider_name} {order.title}", max(1, room))
    if order.state is OrderState.DELIVERED:
        return Button(t("✅ #{order} · {plan}", order=order.id, plan=plan), does)
    if order.state in OPEN:
        return Button(t("⏳ #{order} · {plan}", order=order.id, plan=plan), does)
    return Button(t("↩️ #{order} · {plan}", order=order.id, plan=plan), does)


def turn(
    t: Texts,
    before: int,
    newest: CallbackData,
    older: CallbackData,
    page: OrderPage | FoundPage | MovedPage | Statement,
) -> tuple[Row, ...]:
    """A row that leads to the newest and to what is older; none where one page is all."""
    row: Row = ()
    if before:
        row = (Button(t("⏮ Newest"), newest),)
    if page.older is not None:
        row = (*row, Button(t("Older ▶️"), older))
    return (row,) if row else ()

"""Screen: a text and buttons shown to one person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from aiogram.filters.callback_data import CallbackData

from bot.callbacks import AskOwner, Home, MyOrders, Shop
from bot.domain.orders import Order, OrderId
from bot.i18n import Joined, Text, Texts, Value, clean, lines


class Style(StrEnum):
    """A button's colour; older apps show their plain one."""

    PRIMARY = "primary"
    SUCCESS = "success"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """A button that means `does`."""

    label: Text
    does: CallbackData
    style: Style | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens an address."""

    label: Text
    url: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A button that copies `value`, at most 256 characters."""

    label: Text
    value: str


@dataclass(frozen=True, slots=True)
class File:
    """A file made for one message; Telegram shows a picture instead of offering it."""

    name: str
    data: bytes = field(repr=False)
    is_picture: bool = False


Row = tuple[Button | Link | Copy, ...]
MOST_COPIED = 256


@dataclass(frozen=True, slots=True)
class Screen:
    """A text with its buttons.

    `kept`: an event worth keeping; it comes as a message of its own and no later tap edits it.
    `asks`: what the next text that the person types will answer; a screen that asks nothing ends
    the question before it.
    `picks_person`: the label of a keyboard button that opens Telegram's own list of people.
    `attached`: a file to send with it, or the path of one; its text is at most 1024 units long.
    `order`: the open order that it shows; on a new message too, it is kept up to date.
    """

    body: Value
    rows: tuple[Row, ...] = ()
    kept: bool = False
    asks: CallbackData | None = None
    picks_person: Text | None = None
    attached: str | File | None = None
    order: OrderId | None = None

    @property
    def text(self) -> str:
        """The body as HTML."""
        return self.body.html()


@dataclass(frozen=True, slots=True)
class Toast:
    """A short answer over the screen, which stays as it is; `alert` waits for a tap."""

    text: Text
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """A screen at once, and the one that replaces it when `then` is known, within 10 seconds.

    The second one is dropped when the person has moved on meanwhile.
    """

    now: Screen
    then: Callable[[], Awaitable[Screen]]


Answer = Screen | Toast | Later


# What screens share

PAGE = 8
"""Most entries on one page."""
MOST_LABEL = 34
"""Most characters of a button's label; phones cut what is longer."""
MOST_NAME = 40
MOST_TITLE = 80
_HALF_LABEL = 17
"""Most characters where two buttons share a row."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `number` counts from 0."""

    shown: tuple[T, ...]
    number: int
    count: int


def page_of(everything: Sequence[T], asked: int, most: int = PAGE) -> Page[T]:
    """The page that was asked for, or the last one where there are fewer."""
    count = max(1, -(-len(everything) // most))
    number = min(asked, count - 1)
    return Page(tuple(everything[number * most : (number + 1) * most]), number, count)


def pager(t: Texts, number: int, count: int, to: Callable[[int], CallbackData]) -> tuple[Row, ...]:
    """A row that turns pages, or none where one page is all."""
    if count == 1:
        return ()
    row: Row = (Button(t("{page}/{pages}", page=number + 1, pages=count), to(number)),)
    if number > 0:
        row = (Button(t("◀️"), to(number - 1)), *row)
    if number + 1 < count:
        row = (*row, Button(t("▶️"), to(number + 1)))
    return (row,)


def grid(buttons: Sequence[Button | Link | Copy]) -> tuple[Row, ...]:
    """Two buttons a row where all labels are short, else one."""
    wide = any(len(button.label.plain()) > _HALF_LABEL for button in buttons)
    step = 1 if wide else 2
    return tuple(tuple(buttons[at : at + step]) for at in range(0, len(buttons), step))


def ways_out(t: Texts, back: CallbackData) -> Row:
    """The last row: one level up and, where that is not Home already, Home."""
    up = Button(t("⬅️ Back"), back)
    return (up,) if isinstance(back, Home) else (up, Button(t("🏠 Home"), Home()))


def in_rows(buttons: Sequence[Button], width: int) -> tuple[Row, ...]:
    """So many buttons a row."""
    return tuple(tuple(buttons[start : start + width]) for start in range(0, len(buttons), width))


def to_home(t: Texts) -> Row:
    """The way to the first screen."""
    return (Button(t("🏠 Home"), Home()),)


def to_shop(t: Texts) -> Row:
    """The way to the owner's desk."""
    return (Button(t("🛠 Shop"), Shop()),)


def contact(t: Texts, support: str | None) -> Button | Link:
    """The way to the owner: a chat where the shop names one, else words typed here."""
    if support is None:
        return Button(t("💬 Write to the owner"), AskOwner())
    return Link(t("💬 Write to the owner"), f"https://t.me/{support}")


def short(text: str, most: int) -> str:
    """`text` on one line, never empty, cut to `most` characters."""
    line = " ".join(clean(text).split())
    return (line if len(line) <= most else f"{line[: most - 1].rstrip()}…") or "…"


def kept_ways_out(t: Texts) -> Row:
    """The last row of a message that stays."""
    return (Button(t("🧾 My orders"), MyOrders(before=0)), Button(t("🏠 Home"), Home()))


def bought(t: Texts, order: Order) -> Text:
    """Provider, plan and, where it is not one, how many."""
    provider, plan = short(order.provider_name, MOST_NAME), short(order.title, MOST_TITLE)
    if order.quantity > 1:
        return t(
            "{provider} · {plan} × {quantity}",
            provider=provider,
            plan=plan,
            quantity=order.quantity,
        )
    return t("{provider} · {plan}", provider=provider, plan=plan)


def until(t: Texts, order: Order) -> Text | None:
    """The end of the time that was bought, where there is one."""
    if order.works_until is None:
        return None
    return t("Works until {at}.", at=order.works_until)


def redeem_steps(t: Texts) -> Joined:
    """What to do with a redeem code."""
    return lines(
        t("To redeem a code:"),
        t("1. Sign in at 9proxy.com."),
        t("2. Open Dashboard, then Share Code."),
        t("3. Enter the code. What it holds is then in your own account there."),
    )

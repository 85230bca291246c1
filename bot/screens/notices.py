"""What customers are told by the shop: each one is kept and offers the next step."""

from __future__ import annotations

from bot.callbacks import AskOwner, Browse, ShowBalance, ShowOrder, ShowPlan
from bot.domain.catalog import Offer, title_mark
from bot.domain.money import MOST_MICROS
from bot.domain.notices import (
    OrderInDoubt,
    OrderInReview,
    OrderRefunded,
    OrderReleased,
    OwnerReplied,
    WalletChanged,
)
from bot.domain.orders import Claim, Order
from bot.i18n import Texts, Value, lines, paragraphs
from bot.screens import pieces
from bot.screens.base import MOST_LABEL, Button, Row, Screen, Style, short
from bot.screens.words import (
    MOST_NAME,
    MOST_NOTE,
    MOST_WORDS,
    as_is,
    cut,
    plan_of,
    released_because,
)


def order_in_doubt(t: Texts, notice: OrderInDoubt, order: Order) -> Screen:
    """The provider did not answer; what is held, and until when."""
    return _kept(
        paragraphs(
            t(
                "The provider did not answer about order #{id}, {plan}. We are checking. "
                "At most 15 minutes; then you get the code or your money back.",
                id=order.id,
                plan=plan_of(order),
            )
            if order.is_code
            else t(
                "The provider did not answer about order #{id}, {plan}. We are checking. "
                "At most 15 minutes; then you get the proxy or your money back.",
                id=order.id,
                plan=plan_of(order),
            ),
            t("{price} is held, not spent.", price=order.price),
            t("Other orders of this provider wait as well until it is known.")
            if notice.lane_waits
            else None,
        ),
        _order_row(t, order),
    )


def order_in_review(t: Texts, _: OrderInReview, order: Order) -> Screen:
    """A person decides about the order; the money is held."""
    return _kept(
        paragraphs(
            t(
                "A person is checking your order #{id}, {plan}. Your money is held.",
                id=order.id,
                plan=plan_of(order),
            ),
            t(
                "You get a message here as soon as it is decided: what you bought, or "
                "{price} back.",
                price=order.price,
            ),
        ),
        _order_row(t, order),
    )


def order_released(t: Texts, notice: OrderReleased, order: Order, intent: str) -> Screen:
    """Not charged, and why; a new price comes with a button that buys at it, as `intent`."""
    if order.reason == "cancelled":
        said: Value = t(
            "Order #{id}, {plan}, is cancelled. {price} is back in your balance.",
            id=order.id,
            plan=plan_of(order),
            price=order.price,
        )
    else:
        said = lines(
            t(
                "Not charged: {price} for order #{id}, {plan}, is back in your balance.",
                price=order.price,
                id=order.id,
                plan=plan_of(order),
            ),
            t("Reason: {reason}.", reason=released_because(t, order.reason)),
        )
    look = Button(t("See the plan"), ShowPlan(plan=order.plan, again=False))
    browse = Button(t("🛒 Browse"), Browse())
    # No order takes a price beyond that, so there is no button for it either.
    if notice.new_price is not None and notice.new_price.micros <= MOST_MICROS:
        # The first order bought nothing, so this purchase is no accidental second one.
        claim = Claim(
            order.plan, notice.new_price, intent, again=True, quantity=order.quantity,
            days=order.days, title=title_mark(order.title),
        )  # fmt: skip
        return _kept(
            paragraphs(
                said,
                t(
                    "The price was {old} and is <b>{new}</b> now. Buy at the new price, "
                    "or look around.",
                    old=order.price,
                    new=notice.new_price,
                ),
            ),
            (pieces.buy(t, claim, counts=order.quantity > 1),),
            (look, browse),
        )
    if order.reason == "plan_gone":
        return _kept(paragraphs(said, t("Other plans are in the shop.")), (browse,))
    if order.reason == "cancelled":
        return _kept(said, (look, browse))
    return _kept(
        paragraphs(said, t("You can try again later, or pick another plan.")), (look, browse)
    )


def order_refunded(t: Texts, notice: OrderRefunded, order: Order) -> Screen:
    """A delivered order's price came back, and why."""
    return _kept(
        lines(
            t(
                "Order #{id}, {plan}, is refunded. {price} is back in your balance.",
                id=order.id,
                plan=plan_of(order),
                price=order.price,
            ),
            t("Reason: {reason}", reason=cut(notice.reason, MOST_NOTE)) if notice.reason else None,
        ),
        (
            Button(t("💰 Balance"), ShowBalance(before=0)),
            Button(t("🛒 Browse"), Browse()),
        ),
    )


def wallet_changed(t: Texts, notice: WalletChanged, wanted: Offer | None) -> Screen:
    """The balance moved, and why; `wanted` is the plan that money was missing for."""
    said = (
        t(
            "<b>{amount}</b> was taken from your balance. You have {balance} now.",
            amount=notice.amount,
            balance=notice.balance,
        )
        if notice.is_debit
        else t(
            "<b>{amount}</b> is added to your balance. You have {balance} now.",
            amount=notice.amount,
            balance=notice.balance,
        )
    )
    note = None
    if notice.note:
        why = cut(notice.note, MOST_NOTE)
        note = (
            t("Reason: {reason}", reason=why) if notice.is_debit else t("Note: {note}", note=why)
        )
    everywhere = (
        Button(t("🛒 Browse"), Browse()),
        Button(t("💰 Balance"), ShowBalance(before=0)),
    )
    if wanted is None or notice.is_debit:
        return _kept(lines(said, note), everywhere)
    plan = short(f"{wanted.plan.provider.name} {wanted.plan.title}", MOST_NAME)
    back = Button(
        t("Back to {plan}", plan=short(plan, MOST_LABEL - 10)),
        ShowPlan(plan=wanted.plan.id, again=False),
        Style.PRIMARY,
    )
    return _kept(
        paragraphs(
            lines(said, note),
            t("You wanted {plan} for {price}.", plan=plan, price=wanted.price),
        ),
        (back,),
        everywhere,
    )


def owner_replied(t: Texts, notice: OwnerReplied) -> Screen:
    """An owner's answer in the owner's own words."""
    return _kept(
        paragraphs(t("<b>The shop answers:</b>"), as_is(t, cut(notice.words, MOST_WORDS))),
        (Button(t("Answer"), AskOwner()),),
    )


def _kept(body: Value, *rows: Row) -> Screen:
    return Screen(body, rows, kept=True)


def _order_row(t: Texts, order: Order) -> Row:
    return (Button(t("Order #{id}", id=order.id), ShowOrder(order=order.id)),)

"""Pieces: how many are bought, chosen by a tap or typed, and the button that buys them."""

from __future__ import annotations

from bot.callbacks import Buy, ShowPieces, TypePieces
from bot.domain.catalog import Offer, Plan
from bot.domain.money import Money
from bot.domain.orders import Claim
from bot.i18n import Text, Texts, paragraphs
from bot.screens.base import Button, Row, Screen, Style, short, ways_out

PRESETS = (1, 2, 3, 5, 10, 25, 50, 100)
_IN_A_ROW = 4
_MOST_TYPED = 20


def each(t: Texts, offer: Offer, quantity: int) -> Text | None:
    """The price per piece, where a plan is sold by the piece."""
    if offer.plan.most == 1:
        return None
    return t("{n} pc. at {price} each", n=quantity, price=offer.price)


def buy(t: Texts, claim: Claim, *, counts: bool) -> Button:
    """The one button that spends money, at what it says; `counts`: it says how many pieces."""
    price = claim.price
    does = Buy(
        plan=claim.plan,
        quantity=claim.quantity,
        micros=price.micros,
        days=claim.days or 0,
        title=claim.title or "",
        intent=claim.intent,
        again=claim.again,
    )
    if counts:
        return Button(t("Buy {n} for {price}", n=claim.quantity, price=price), does, Style.SUCCESS)
    return Button(t("Buy for {price}", price=price), does, Style.SUCCESS)


def chooser(t: Texts, plan: Plan, quantity: int, *, again: bool) -> tuple[Row, ...]:
    """Usual numbers, one more and one less, and the way to type any other."""
    if plan.most == 1:
        return ()

    def to(number: int) -> ShowPieces:
        return ShowPieces(plan=plan.id, quantity=number, again=again)

    usual = [
        Button(t("✅ {n}", n=number) if number == quantity else t("{n}", n=number), to(number))
        for number in PRESETS
        if number <= plan.most
    ]
    fewer = (Button(t("🔽"), to(quantity - 1)),) if quantity > 1 else ()
    more = (Button(t("🔼"), to(quantity + 1)),) if quantity < plan.most else ()
    typing = Button(t("⌨️ Another number"), TypePieces(plan=plan.id, again=again))
    rows = (tuple(usual[at : at + _IN_A_ROW]) for at in range(0, len(usual), _IN_A_ROW))
    return (*rows, (*fewer, typing, *more))


def fewer(t: Texts, offer: Offer, balance: Money, quantity: int) -> tuple[Row, ...]:
    """As many pieces as the balance covers, where these are too many for it."""
    covered = min(balance.micros // offer.price.micros, quantity - 1)
    if covered < 1:
        return ()
    label = t("{n} pc. for {price}", n=covered, price=offer.price * covered)
    return ((Button(label, ShowPieces(plan=offer.plan.id, quantity=covered, again=False)),),)


def ask(t: Texts, offer: Offer, *, again: bool, refused: str | None = None) -> Screen:
    """Takes the next typed text as the number of pieces; `refused`: what was typed before."""
    plan = offer.plan
    return Screen(
        paragraphs(
            t(
                "<b>“{typed}” is not a number from 1 to {most}.</b>",
                typed=short(refused, _MOST_TYPED),
                most=plan.most,
            )
            if refused is not None
            else None,
            t(
                "<b>How many of {plan}?</b>",
                plan=short(f"{plan.provider.name} {plan.title}", 100),
            ),
            t(
                "Write a whole number from 1 to {most}, in digits alone. One costs {price}. "
                "/cancel leaves without buying.",
                most=plan.most,
                price=offer.price,
            ),
        ),
        (ways_out(t, ShowPieces(plan=plan.id, quantity=1, again=again)),),
        asks=TypePieces(plan=plan.id, again=again),
    )

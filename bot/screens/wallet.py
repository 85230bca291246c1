"""What customers see of their money."""

from __future__ import annotations

from bot.callbacks import FindOrder, Found, Home, OwnerWallet, ShowBalance, TopUpFor
from bot.domain.customers import Person
from bot.domain.money import Money
from bot.domain.search import Kind
from bot.domain.wallets import Posting, PostingKind, Statement
from bot.i18n import Text, Texts, lines, paragraphs
from bot.screens.base import Button, Screen, contact, short, ways_out
from bot.screens.listing import turn

MOST_NOTE = 60
"""Most characters of a note on one line."""


def balance(t: Texts, statement: Statement, before: int, support: str | None) -> Screen:
    """Available and held money, and a page of postings, newest first.

    `before` is the cursor that was asked for.
    """
    return Screen(
        paragraphs(
            lines(
                t("<b>Balance</b>"),
                t("Available: <b>{available}</b>", available=statement.balance.available),
                t("Held for open orders: {held}", held=statement.balance.held),
            ),
            _history(t, statement, before),
            t("To top up, write to the owner."),
        ),
        (
            *turn(
                t,
                before,
                ShowBalance(before=0),
                ShowBalance(before=statement.older or 0),
                statement,
            ),
            (contact(t, support),),
            ways_out(t, Home()),
        ),
    )


def of_customer(t: Texts, person: Person, statement: Statement, before: int) -> Screen:
    """Somebody's money as an owner sees it; `before` is the cursor that was asked for."""
    return Screen(
        paragraphs(
            lines(
                t("<b>{person}</b>", person=person),
                t("Available: <b>{available}</b>", available=statement.balance.available),
                t("Held for open orders: {held}", held=statement.balance.held),
            ),
            _history(t, statement, before),
        ),
        (
            *turn(
                t,
                before,
                OwnerWallet(customer=person.id, before=0),
                OwnerWallet(customer=person.id, before=statement.older or 0),
                statement,
            ),
            (
                Button(t("Top up"), TopUpFor(customer=person.id)),
                Button(t("🧾 Orders"), Found(by=Kind.PERSON, value=str(person.id), before=0)),
            ),
            ways_out(t, FindOrder()),
        ),
    )


def _history(t: Texts, statement: Statement, before: int) -> Text:
    if statement.postings:
        postings = lines(*(_posting(t, posting) for posting in statement.postings))
        return t("<blockquote>{postings}</blockquote>", postings=postings)
    return t("Nothing older.") if before else t("No money has moved yet.")


def _posting(t: Texts, posting: Posting) -> Text:
    amount = Money(abs(posting.change.micros), posting.change.currency)
    order, at = posting.order, posting.at
    match posting.kind:
        # A top-up without a note carries the name of its kind.
        case PostingKind.TOPUP if posting.reason not in {"", PostingKind.TOPUP}:
            return t(
                "+{amount} topped up: {note}, {at}",
                amount=amount,
                note=short(posting.reason, MOST_NOTE),
                at=at,
            )
        case PostingKind.TOPUP:
            return t("+{amount} topped up, {at}", amount=amount, at=at)
        case PostingKind.DEBIT:
            return t(
                "-{amount} taken off: {note}, {at}",
                amount=amount,
                note=short(posting.reason, MOST_NOTE),
                at=at,
            )
        case PostingKind.HOLD:
            return t("-{amount} for order #{order}, {at}", amount=amount, order=order, at=at)
        case PostingKind.RELEASE:
            return t(
                "+{amount} given back, order #{order}, {at}", amount=amount, order=order, at=at
            )
        case PostingKind.REFUND:
            return t("+{amount} refunded, order #{order}, {at}", amount=amount, order=order, at=at)
        case PostingKind.CAPTURE | PostingKind.COST | PostingKind.STRAY:
            # None of these touches a customer's account; drawn all the same, never hidden.
            return t("{amount}, {at}", amount=posting.change, at=at)

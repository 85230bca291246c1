"""Top-ups and debits: whose money, how much, and what it would do."""

from __future__ import annotations

from bot.callbacks import TopUpFor
from bot.domain.customers import Person
from bot.domain.money import Money
from bot.domain.requests import TopUp, TopUpPreview
from bot.i18n import Code, Text, Texts, lines, paragraphs
from bot.screens.base import Button, Screen, short, to_home, to_shop
from bot.screens.requests import confirm_or_drop
from bot.screens.words import MOST_NOTE, cut

_MINUS = ("-", "−", "–")  # noqa: RUF001 - what phones make of a minus


def pick_person(t: Texts) -> Screen:
    """Whose balance it is about: Telegram's own list of people, or the words to type."""
    return Screen(
        paragraphs(
            t("<b>Who gets the money?</b>"),
            t(
                "Pick the person with the button under the text field. Or write {example}, "
                "or answer a message forwarded from the person with {short}.",
                example=Code("/topup @name 10 thanks"),
                short=Code("/topup 10"),
            ),
        ),
        picks_person=t("Pick a person"),
    )


def forwarded(t: Texts) -> Screen:
    """What an owner can do with a message that they have forwarded."""
    return Screen(
        paragraphs(
            t("<b>A message of somebody else's.</b>"),
            t(
                "To top its author up, answer that message with {topup}; "
                "to take money out, with {debit}.",
                topup=Code("/topup 10"),
                debit=Code("/debit 2.50 paid twice"),
            ),
        ),
        (to_shop(t),),
    )


def hidden_person(t: Texts) -> Screen:
    """A forwarded message that does not say who wrote it, and the other ways."""
    return Screen(
        paragraphs(
            t("This message does not say whose account it came from."),
            t(
                "Write {example} with the person's id or @name, or send {short} alone "
                "and pick the person from the list.",
                example=Code("/topup @name 10"),
                short=Code("/topup"),
            ),
        ),
        (to_shop(t),),
    )


def ask_amount(t: Texts, person: Person, problem: Text | None = None) -> Screen:
    """The next typed text is the amount, with a note after it; `problem` says what was wrong."""
    return Screen(
        paragraphs(
            problem,
            t("<b>How much for {person}?</b>", person=person),
            t(
                "Write the amount in USD, and a note if you like: {example}. "
                "You see everything before anything happens; /cancel leaves it.",
                example=Code("10 thanks for the help"),
            ),
        ),
        (to_shop(t),),
        asks=TopUpFor(customer=person.id),
    )


def not_an_amount(t: Texts, typed: str) -> Text:
    """Why a typed amount is refused, and how to write one."""
    if not typed:
        return t("The amount is missing. Write it like 10 or 10.50.")
    if typed.startswith(_MINUS):
        return t(
            "A top-up only adds money. To take money out, write {example}: "
            "it asks for a reason and never goes below zero.",
            example=Code("/debit @name 5 reason"),
        )
    return t(
        "“{typed}” is not an amount. Write it like 10 or 10.50, from 0.01 to 1000000, "
        "without signs, spaces or a currency. A note after it begins with a letter.",
        typed=short(typed, 40),
    )


def top_up_refused(t: Texts, problem: Text) -> Screen:
    """A `/topup` that was not understood, and how to write one."""
    return Screen(
        paragraphs(problem, t("For example: {example}", example=Code("/topup @name 10 thanks"))),
        (to_shop(t),),
    )


def debit_refused(t: Texts, problem: Text | None) -> Screen:
    """A `/debit` that was not understood, and how to write one."""
    return Screen(
        paragraphs(
            problem,
            t(
                "A debit takes money out of a balance and needs a reason. For example: {example}",
                example=Code("/debit @name 5 paid twice"),
            ),
        ),
        (to_shop(t),),
    )


def not_a_debit(t: Texts, typed: str) -> Text:
    """Why the amount of a debit is refused."""
    if typed.startswith(_MINUS):
        return t("Write the amount without a minus.")
    return not_an_amount(t, typed)


def no_reason(t: Texts) -> Text:
    """A debit without a reason."""
    return t("Say why: the customer reads the reason.")


def top_up(t: Texts, preview: TopUpPreview) -> Screen:
    """What a top-up or debit would do, before it does it."""
    asked = preview.asked
    head = (
        t("<b>Take {amount} from {person}?</b>", amount=asked.amount, person=preview.person)
        if asked.is_debit
        else t("<b>Top up {person} by {amount}?</b>", person=preview.person, amount=asked.amount)
    )
    repeats = (
        t(
            "<b>Careful: the same was done already at {at}.</b> "
            "Confirm only if you want it a second time.",
            at=preview.repeats,
        )
        if preview.repeats
        else None
    )
    return Screen(
        paragraphs(
            head,
            lines(
                t("Balance: {before} → {after}", before=preview.before, after=preview.after),
                _note(t, asked),
            ),
            repeats,
            t("Nothing happens until you confirm, within ten minutes."),
        ),
        (confirm_or_drop(t("Confirm"), t("Drop"), preview.request),),
    )


def topped_up(t: Texts, asked: TopUp, person: Person, balance: Money) -> Screen:
    """What was done; a second tap on Confirm shows the same."""
    done = (
        t("<b>Done.</b> {amount} was taken from {person}.", amount=asked.amount, person=person)
        if asked.is_debit
        else t("<b>Done.</b> {person} got {amount}.", person=person, amount=asked.amount)
    )
    return Screen(
        paragraphs(
            lines(done, t("Balance: {balance}", balance=balance), _note(t, asked)),
            t("The customer and the other owners are told."),
        ),
        (
            (Button(t("Top up"), TopUpFor(customer=person.id)),),
            (*to_shop(t), *to_home(t)),
        ),
    )


def _note(t: Texts, asked: TopUp) -> Text | None:
    if not asked.note:
        return None
    note = cut(asked.note, MOST_NOTE)
    return t("Reason: {reason}", reason=note) if asked.is_debit else t("Note: {note}", note=note)

"""Customers as owners deal with them: found, blocked, answered."""

from __future__ import annotations

from bot.callbacks import Reply, TopUpFor
from bot.domain.customers import Person
from bot.domain.orders import CustomerId
from bot.i18n import Code, Text, Texts, paragraphs
from bot.screens.base import Button, Screen, to_home, to_shop


def unknown_person(t: Texts, bot_username: str) -> Screen:
    """Nobody with this id or name has started the bot, and what makes them known."""
    return Screen(
        paragraphs(
            t("Nobody with this id or @name has started the bot."),
            t(
                "Send the person the link {link}. Once they have tapped Start, try again. "
                "Names change: the number that Telegram gave the person is surer.",
                link=Code(f"https://t.me/{bot_username}"),
            ),
        ),
        (to_shop(t),),
    )


def block_whom(t: Texts) -> Screen:
    """How to name the person to block or unblock."""
    return Screen(
        t(
            "Write whom: {block} or {unblock}, with an id or an @name.",
            block=Code("/block @name"),
            unblock=Code("/unblock @name"),
        ),
        (to_shop(t),),
    )


def blocked(t: Texts, person: Person) -> Screen:
    """Buying and typing are stopped, and how to allow them again."""
    return Screen(
        paragraphs(
            t("<b>{person} is blocked.</b>", person=person),
            t(
                "Buying and writing are stopped; what was bought stays readable. "
                "To allow them again: {example}",
                example=Code(f"/unblock {person.id}"),
            ),
        ),
        (to_shop(t),),
    )


def unblocked(t: Texts, person: Person) -> Screen:
    """Buying and typing are allowed again."""
    return Screen(t("{person} can buy and write again.", person=person), (to_shop(t),))


def not_yourself(t: Texts) -> Screen:
    """An owner who is blocked could not type the way out."""
    return Screen(t("You cannot block yourself. Name somebody else."), (to_shop(t),))


def ask_reply(t: Texts, person: Person, problem: Text | None = None) -> Screen:
    """The next typed text goes to this customer."""
    return Screen(
        paragraphs(
            problem,
            t("<b>What shall {person} read?</b>", person=person),
            t("Write it here; it is sent as it is. /cancel leaves it."),
        ),
        (to_shop(t),),
        asks=Reply(customer=person.id),
    )


def replied(t: Texts, customer: CustomerId) -> Screen:
    """The words are on their way."""
    return Screen(
        t("Sent."),
        (
            (
                Button(t("Write more"), Reply(customer=customer)),
                Button(t("Top up"), TopUpFor(customer=customer)),
            ),
            (*to_shop(t), *to_home(t)),
        ),
    )

"""Exchanges: other addresses in the place of all that an order delivered.

asked -> sending -> reading -> done
                 -> unclear -> done, unchanged
                 -> refused, lacking
Whatever is under way when the order is refunded ends unchanged: nobody is owed new proxies.
After a restore each order that runs may have been exchanged in the books that are lost. Nobody's
wish is made up for that: it is unchanged, as far as anybody knows, until a look shows better.
An exchange has no idempotency key: what may have left is never sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.orders import Order

REFUNDED = "refunded"
"""Why an exchange that was under way was not followed to its end."""
LOST = "lost_with_the_books"
"""Why an order is looked at that nobody wanted exchanged, as far as these books know: they were
restored, and whether it was exchanged in those that are lost is not known."""
READ_FOR = timedelta(minutes=30)
"""With nothing new by then, an owner must say what the order holds."""


class ExchangeState(StrEnum):
    """How far an exchange has come."""

    ASKED = "asked"
    """Wanted by the customer; nothing was sent."""
    SENDING = "sending"
    """The request may have left."""
    READING = "reading"
    """It was done; the new credentials are not here yet."""
    UNCLEAR = "unclear"
    """Done or not done: the order is read again."""
    DONE = "done"
    REFUSED = "refused"
    """Certainly not done."""
    LACKING = "lacking"
    """Certainly not done, as the shop's account may not exchange anything."""
    UNCHANGED = "unchanged"
    """The answer was lost, and the order holds what it held before.

    Or it was refunded first: then nobody looks for what it holds at the upstream.
    """


UNDER_WAY = frozenset(
    {
        ExchangeState.ASKED, ExchangeState.SENDING, ExchangeState.READING, ExchangeState.UNCLEAR,
    }
)  # fmt: skip

READABLE = frozenset({ExchangeState.READING, ExchangeState.UNCLEAR})
"""It may have been done: whoever sees what the order holds may end it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One exchange in an order's history: who wanted it is the customer, if it is not `LOST`."""

    at: datetime
    state: ExchangeState
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    """The owner who said what it brought; None where the bot found out."""
    error: str | None = None
    """Why it was not done, or is not known to be: a code."""

    @property
    def may_be_said(self) -> bool:
        """Whether an owner who sees what the order holds may say it."""
        is_looked_for = self.error == LOST and self.state is ExchangeState.UNCHANGED
        return is_looked_for or self.state in READABLE


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One exchange of an order, and what came of it so far."""

    order: Order
    state: ExchangeState

"""What happens inside the shop: its books beside the upstream's record, read and compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from sqlalchemy.exc import SQLAlchemyError

from bot.db.session import Database
from bot.domain.journal import Journal
from bot.domain.money import Money, plain
from bot.services.journals import Journals

Verdict = Literal["equal", "open", "different"]

_LOOK: Final = 0.3
_ORDERS: Final = 5
_POSTINGS: Final = 14


class Inside:
    """Looks into the books of a shop that runs elsewhere; it reads and never writes."""

    def __init__(
        self,
        url: str,
        *,
        is_there: Callable[[], bool],
        made: Callable[[], int],
        announce: Callable[[], None],
    ) -> None:
        self._url = url
        self._is_there = is_there
        self._made = made
        self._announce = announce
        self._seen: tuple[Journal, int] | None = None

    def status(self) -> dict[str, Any] | None:
        """The books as last read, for the page; None before the first look."""
        return None if self._seen is None else _drawn(*self._seen)

    async def watch(self) -> None:
        """Look again and again, as soon as the shop has made its books."""
        database = Database(self._url)
        journals = Journals(database)
        try:
            while True:
                seen = await self.look(journals) if self._is_there() else None
                if seen is not None and seen != self._seen:
                    self._seen = seen
                    self._announce()
                await asyncio.sleep(_LOOK)
        finally:
            await database.close()

    async def look(self, journals: Journals) -> tuple[Journal, int] | None:
        """The books, and how many orders the upstream had made when they looked like that."""
        made = self._made()
        try:
            journal = await journals.newest(orders=_ORDERS, postings=_POSTINGS)
        except SQLAlchemyError:
            # The shop is writing, or was killed doing so: the next look will see.
            return None
        return (journal, made) if made == self._made() else None


def verdict(journal: Journal, made: int) -> Verdict:
    """Whether every order of the upstream belongs to one of ours, as far as is known by now."""
    missing = made - journal.bound - journal.strays
    if missing == 0 and not journal.unknown:
        return "equal"
    return "open" if 0 <= missing <= journal.unknown else "different"


def _drawn(journal: Journal, made: int) -> dict[str, Any]:
    sums = journal.sums
    return {
        "sums": {
            "customers": _amount(sums.customers),
            "held": _amount(sums.held),
            "sales": _amount(sums.sales),
            "adjustments": _amount(sums.adjustments),
            "paid_in": _amount(sums.paid_in),
            "are_whole": sums.are_whole,
        },
        "counts": {
            "bound": journal.bound,
            "strays": journal.strays,
            "unknown": journal.unknown,
            "made": made,
            "verdict": verdict(journal, made),
        },
        "orders": [
            {
                "id": trail.order.id,
                "person": trail.person.name,
                "what": f"{trail.order.provider_name} {trail.order.title}",
                "price": _amount(trail.order.price),
                "state": trail.order.state,
                "moves": [
                    {"state": move.target, "at": move.at.timestamp()} for move in trail.moves
                ],
            }
            for trail in journal.trails
        ],
        "posted": journal.posted,
        "postings": [
            {
                "id": posting.id,
                "kind": posting.kind,
                "source": posting.source,
                "destination": posting.destination,
                "amount": _amount(posting.change),
            }
            for posting in journal.postings
        ],
    }


def _amount(money: Money) -> str:
    return plain(money.decimal)

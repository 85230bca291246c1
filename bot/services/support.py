"""Support: words between customers and owners."""

from __future__ import annotations

from bot.db.session import Database
from bot.domain.notices import CustomerAsks, OwnerReplied
from bot.domain.orders import CustomerId
from bot.i18n import clean
from bot.services.customers import Customers
from bot.services.outbox import Outbox

LONGEST = 1000


class Support:
    """Carries a customer's words to every owner, and an owner's answer back."""

    def __init__(self, database: Database, customers: Customers, outbox: Outbox) -> None:
        self._database = database
        self._customers = customers
        self._outbox = outbox

    async def ask(self, customer: CustomerId, words: str) -> None:
        """Owe every owner the customer's words."""
        async with self._database.write() as tx:
            await self._outbox.owe_owners(tx, CustomerAsks(customer, clean(words)[:LONGEST]))

    async def reply(self, customer: CustomerId, words: str) -> None:
        """Owe a customer an owner's words; raises `NotFound` for a stranger."""
        await self._customers.person(customer)
        async with self._database.write() as tx:
            await self._outbox.owe(tx, customer, OwnerReplied(clean(words)[:LONGEST]))

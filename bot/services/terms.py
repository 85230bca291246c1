"""Search terms: what a delivery is found by, without keeping it in the open."""

from __future__ import annotations

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import DeliveryRow, SearchTermRow
from bot.db.vault import Vault
from bot.domain.orders import CustomerId, Delivery, OrderId
from bot.domain.search import TERMS_MADE, terms_of


class Terms:
    """Keyed hashes of hosts and usernames, made with the first key of the ring."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @property
    def made_with(self) -> str:
        """What stands beside terms that were made as they are made now."""
        return f"{self._vault.term_key}.{TERMS_MADE}"

    async def write(
        self, tx: AsyncConnection, order: OrderId, customer: CustomerId, delivery: Delivery | None
    ) -> None:
        """Make the terms of an order anew; those of an older key are gone afterwards."""
        await tx.execute(delete(SearchTermRow).where(SearchTermRow.order_id == order))
        made = sorted({self._vault.term(one) for one in terms_of(delivery)})
        if made:
            rows = [{"order_id": order, "term": one, "customer_id": customer} for one in made]
            await tx.execute(insert(SearchTermRow), rows)
        await tx.execute(
            update(DeliveryRow)
            .where(DeliveryRow.order_id == order)
            .values(indexed_with=self.made_with)
        )

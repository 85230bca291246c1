"""Fingerprints: whether something was delivered before, told without keeping it in the open."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import FingerprintRow, OrderRow
from bot.db.vault import Vault
from bot.domain.fingerprints import traits
from bot.domain.orders import Credentials, CustomerId, Delivery, OrderId


class Fingerprints:
    """Keyed hashes of everything delivered; each of them belongs to one order for ever."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def holder(
        self, tx: AsyncConnection, order: OrderId, customer: CustomerId | None, delivery: Delivery
    ) -> OrderId | None:
        """The order that has any of this already, so that this one must not get it.

        The same proxies may come again to the same customer, if one is named: some providers add
        new traffic to them. A code is worth something once, whoever has it.
        """
        known = [mark for trait in traits(delivery) for mark in self._vault.fingerprints(trait)]
        query = (
            select(FingerprintRow.order_id)
            .join(OrderRow, OrderRow.id == FingerprintRow.order_id)
            .where(FingerprintRow.fingerprint.in_(known), OrderRow.id != order)
            .order_by(OrderRow.id)
            .limit(1)
        )
        if isinstance(delivery, Credentials) and customer is not None:
            query = query.where(OrderRow.customer_id != customer)
        found = await tx.scalar(query)
        return None if found is None else OrderId(found)

    async def keep(self, tx: AsyncConnection, order: OrderId, delivery: Delivery) -> None:
        """Nobody else gets this from now on: two that try at once are decided by the key."""
        marks = {self._vault.fingerprints(trait)[0] for trait in traits(delivery)}
        known = await tx.scalars(
            select(FingerprintRow.fingerprint).where(FingerprintRow.fingerprint.in_(marks))
        )
        new = sorted(marks.difference(known))
        if new:
            rows = [{"fingerprint": mark, "order_id": order} for mark in new]
            await tx.execute(insert(FingerprintRow), rows)

    async def replace(self, tx: AsyncConnection, order: OrderId, delivery: Delivery) -> None:
        """The order has this now, and what it had before no more: the provider took it back."""
        await tx.execute(delete(FingerprintRow).where(FingerprintRow.order_id == order))
        await self.keep(tx, order, delivery)

    async def renew(self, tx: AsyncConnection, order: OrderId, delivery: Delivery) -> None:
        """Keep them under the first key alone; what has none yet gets one."""
        for trait in sorted(traits(delivery)):
            first, *others = self._vault.fingerprints(trait)
            query = select(FingerprintRow.fingerprint, FingerprintRow.order_id).where(
                FingerprintRow.fingerprint.in_((first, *others))
            )
            known = {row.fingerprint: row.order_id for row in (await tx.execute(query)).all()}
            await tx.execute(delete(FingerprintRow).where(FingerprintRow.fingerprint.in_(others)))
            if first not in known:
                holder = min(known.values(), default=order)
                await tx.execute(insert(FingerprintRow).values(fingerprint=first, order_id=holder))

"""Fingerprints: whether something was delivered before, told without keeping it in the open."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, exists, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from bot.db.models import FingerprintRow, OrderRow, UpstreamOrderRow
from bot.db.vault import Vault
from bot.domain.fingerprints import traits
from bot.domain.orders import Credentials, CustomerId, Delivery, OrderId, OrderState
from bot.services.rows import IS_TOLD


class Fingerprints:
    """Keyed hashes of everything delivered; each of them belongs to one order for ever."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def holder(
        self, tx: AsyncConnection, order: OrderId, customer: CustomerId, delivery: Delivery,
        *, is_found: bool = False,
    ) -> OrderId | None:  # fmt: skip
        """The order that has any of this already, so that this one must not get it.

        The same proxies may come again to the same customer: some providers add new traffic to
        them. Not where they were found in a list that never showed the order which has them: it
        may be that one, by another id; nor by hand where another order may have been found what
        this one made. A code is worth something once, whoever has it.
        """
        known = [mark for trait in traits(delivery) for mark in self._vault.fingerprints(trait)]
        query = (
            select(FingerprintRow.order_id)
            .join(OrderRow, OrderRow.id == FingerprintRow.order_id)
            .where(FingerprintRow.fingerprint.in_(known), OrderRow.id != order)
            .order_by(OrderRow.id)
            .limit(1)
        )
        if isinstance(delivery, Credentials):
            mine = aliased(OrderRow)
            is_listed = exists().where(
                UpstreamOrderRow.order_id == OrderRow.id, UpstreamOrderRow.is_listed == 1
            )
            # A fingerprint names the first that got it: any other of theirs may have it as well,
            # and what an owner has delivered may be what nothing is bound to yet.
            unlisted = exists().where(
                mine.customer_id == customer,
                mine.id != order,
                mine.provider == OrderRow.provider,
                or_(
                    and_(mine.by_hand == 1, mine.upstream_order_id.is_(None)),
                    exists().where(
                        UpstreamOrderRow.order_id == mine.id, UpstreamOrderRow.is_listed == 0
                    ),
                ),
            )
            may_be_it = and_(literal(is_found), or_(~is_listed, unlisted))
            query = query.where(
                or_(OrderRow.customer_id != customer, may_be_it, _is_found_since(order, customer))
            )
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


def _is_found_since(order: OrderId, customer: CustomerId) -> ColumnElement[bool]:
    """Whether another order of theirs may have got what one under review has made.

    A person may have just that in hand for it. Where the same proxies come again, a fingerprint
    names the first that got them, and not the one that they were found for.
    """
    reviewed = aliased(OrderRow)
    others = (
        select(OrderRow.id)
        .join(UpstreamOrderRow, UpstreamOrderRow.order_id == OrderRow.id)
        .join(reviewed, reviewed.id == order)
        .where(
            reviewed.state == OrderState.REVIEW,
            reviewed.upstream_order_id.is_(None),
            OrderRow.customer_id == customer,
            OrderRow.provider == reviewed.provider,
            OrderRow.state.in_((OrderState.DELIVERED, OrderState.REFUNDED)),
            UpstreamOrderRow.id > reviewed.baseline_id,
            ~IS_TOLD,
        )
    )
    return others.correlate(None).exists()

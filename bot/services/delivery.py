"""Deliveries: read from what an owner pastes, kept sealed, and opened for whom they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import DeliveryRow
from bot.db.vault import Vault
from bot.domain.clock import Clock
from bot.domain.errors import BadCredentials, DeliveredBefore, NotFound, WrongCount
from bot.domain.orders import (
    Credentials,
    CustomerId,
    Delivery,
    OrderId,
    OrderState,
    RedeemCode,
    parse_proxies,
)
from bot.services.fingerprints import Fingerprints
from bot.services.rows import row_of
from bot.services.terms import Terms


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What the vault keeps: the delivery, and the answer it was read from."""

    delivery: Delivery | None = field(repr=False)
    raw: str = field(repr=False)


_SEALED = TypeAdapter(_Sealed)


class Deliveries:
    """What each order holds: sealed, found by keyed hashes alone, and nobody else's."""

    def __init__(self, clock: Clock, vault: Vault) -> None:
        self._clock = clock
        self._vault = vault
        self._fingerprints = Fingerprints(vault)
        self._terms = Terms(vault)

    async def refuse_known(
        self, tx: AsyncConnection, order: OrderId, customer: CustomerId, delivery: Delivery,
        *, is_found: bool = False,
    ) -> None:  # fmt: skip
        """Raises `DeliveredBefore` when another order has any of this.

        `is_found`: no answer told it, but a list.
        """
        holder = await self._fingerprints.holder(tx, order, customer, delivery, is_found=is_found)
        if holder is not None:
            raise DeliveredBefore(holder)

    async def seal(
        self, tx: AsyncConnection, order: OrderId, delivery: Delivery | None, raw: str
    ) -> None:
        """Seal an answer, and what it delivers if it does, in the place of what was sealed."""
        plain = _SEALED.dump_json(_Sealed(delivery, raw)).decode()
        await tx.execute(delete(DeliveryRow).where(DeliveryRow.order_id == order))
        await tx.execute(
            insert(DeliveryRow).values(
                order_id=order, sealed=self._vault.seal(order, plain), at=self._clock.now()
            )
        )

    async def keep(
        self, tx: AsyncConnection, order: OrderId, customer: CustomerId, delivery: Delivery,
        raw: str,
    ) -> None:  # fmt: skip
        """Seal what was delivered, and find it from now on."""
        await self.seal(tx, order, delivery, raw)
        await self._fingerprints.keep(tx, order, delivery)
        await self._terms.write(tx, order, customer, delivery)

    async def replace(
        self, tx: AsyncConnection, order: OrderId, delivery: Delivery, raw: str
    ) -> None:
        """Seal what was exchanged in the place of what was delivered, and find it by that alone.

        The old addresses go back to the provider, who may give them to somebody else. Raises
        `DeliveredBefore` when another order has any of the new ones.
        """
        customer = CustomerId((await row_of(tx, order)).customer_id)
        await self.refuse_known(tx, order, customer, delivery)
        await self.seal(tx, order, delivery, raw)
        await self._fingerprints.replace(tx, order, delivery)
        await self._terms.write(tx, order, customer, delivery)

    async def open(self, reader: AsyncConnection, row: Row[Any]) -> Delivery:
        """What the order of this row holds; `NotFound` where nothing was delivered."""
        if row.state not in {OrderState.DELIVERED, OrderState.REFUNDED}:
            raise NotFound
        sealed = await reader.scalar(
            select(DeliveryRow.sealed).where(DeliveryRow.order_id == row.id)
        )
        if sealed is None:
            raise NotFound
        delivery = delivery_in(self._vault.open(OrderId(row.id), sealed))
        if delivery is None:
            raise NotFound
        return delivery


def delivery_in(plain: str) -> Delivery | None:
    """What the vault opened: the delivery, if the order has come so far."""
    return _SEALED.validate_json(plain).delivery


def proxies_in(pasted: str, quantity: int) -> Credentials:
    """As many proxies as were bought; raises `BadCredentials` or `WrongCount`."""
    found = parse_proxies(pasted, only_clear=True)
    lines = [line.strip() for line in pasted.splitlines()]
    for number, line in enumerate(lines, start=1):
        if line and line in lines[: number - 1]:
            raise BadCredentials(number)
    # One piece may be many lines: a plan may be called "5 IPs".
    if quantity not in (1, len(found.proxies)):
        raise WrongCount(len(found.proxies), quantity)
    return found


def codes_in(pasted: str) -> RedeemCode:
    """A code a line; raises `BadCredentials` where there is none."""
    codes = tuple(line.strip() for line in pasted.splitlines() if line.strip())
    if not codes:
        raise BadCredentials(1)
    return RedeemCode(codes)

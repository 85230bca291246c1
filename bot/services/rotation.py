"""The rotation: seal every credential with the first key, so that the others can be dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, func, select, update

from bot.db.models import DeliveryRow, ProofRow
from bot.db.session import Database
from bot.db.vault import KEY_ID_BYTES, SealBroken, Vault
from bot.domain.errors import StartRefused
from bot.domain.orders import OrderId
from bot.services.delivery import delivery_in
from bot.services.fingerprints import Fingerprints
from bot.services.leases import Lease, LeaseLost

AT_ONCE = 200
"""Credentials sealed anew in one transaction; what a kill leaves, the next run takes up."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did; keys are told by what names them and opens nothing."""

    sealed: int
    """Credentials that another key had sealed."""
    first: str
    others: tuple[str, ...]


async def keys_in_use(database: Database) -> frozenset[bytes]:
    """The ids of all keys that stored credentials are sealed with."""
    begins_with = func.substr(DeliveryRow.sealed, 1, KEY_ID_BYTES)
    async with database.read() as reader:
        found = await reader.scalars(select(begins_with).distinct())
        return frozenset(map(bytes, found.all()))


async def rotate(database: Database, vault: Vault, lease: Lease) -> Rotated:
    """Seal with the first key whatever another one has sealed, batch after batch.

    The lease keeps every instance away: one that started with an older ring could not open what
    is sealed here. Raises `StartRefused` where the lease goes, or a key is missing.
    """
    count, after = 0, 0
    while rows := await _batch(database, after):
        try:
            await lease.renew()
            await _seal(database, vault, rows)
        except LeaseLost:
            raise StartRefused("stopped halfway: an instance has started meanwhile") from None
        except SealBroken as broken:
            raise StartRefused(f"SECRET_KEY: stopped halfway: {broken}") from None
        count += sum(not vault.is_current(row.sealed) for row in rows)
        after = rows[-1].order_id
    first, *others = (one.hex() for one in vault.key_ids)
    return Rotated(count, first, tuple(others))


async def _batch(database: Database, after: int) -> Sequence[Row[int, bytes]]:
    query = (
        select(DeliveryRow.order_id, DeliveryRow.sealed)
        .where(DeliveryRow.order_id > after)
        .order_by(DeliveryRow.order_id)
        .limit(AT_ONCE)
    )
    async with database.read() as reader:
        return (await reader.execute(query)).all()


async def _seal(database: Database, vault: Vault, rows: Sequence[Row[int, bytes]]) -> None:
    fingerprints = Fingerprints(vault)
    async with database.write() as tx:
        for row in rows:
            if not vault.is_current(row.sealed):
                order = OrderId(row.order_id)
                plain = vault.open(order, row.sealed)
                await tx.execute(
                    update(DeliveryRow)
                    .where(DeliveryRow.order_id == order, DeliveryRow.sealed == row.sealed)
                    .values(sealed=vault.seal(order, plain))
                )
                # One key's hash does not lead to another's, so this is the only chance.
                if (delivery := delivery_in(plain)) is not None:
                    await fingerprints.renew(tx, order, delivery)
        tested = select(ProofRow.id, ProofRow.order_id, ProofRow.sealed).where(
            ProofRow.order_id.in_([row.order_id for row in rows])
        )
        for proof in (await tx.execute(tested)).all():
            if not vault.is_current(proof.sealed):
                order = OrderId(proof.order_id)
                sealed = vault.seal(order, vault.open(order, proof.sealed))
                await tx.execute(
                    update(ProofRow).where(ProofRow.id == proof.id).values(sealed=sealed)
                )

"""Rotating the key: whatever was sold stays readable, and the old key opens nothing any more."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select

from bot.app import rekey
from bot.db.keys import read_key, ring_from_file
from bot.db.models import DeliveryRow, FingerprintRow, ProofRow
from bot.db.session import Database
from bot.db.vault import SealBroken, Vault, key_id
from bot.domain.errors import StartRefused
from bot.domain.orders import Credentials, OrderId, OrderState
from bot.services import rotation
from bot.services.leases import LASTS
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import OWNER, Bench, HandClock, opened, settings_for
from tests.conftest import ON_SQLITE

OLD, NEW = "A" * 43, "B" * 42 + "A"
SOLD = 5


def ring(*keys: str) -> tuple[SecretStr, ...]:
    return tuple(map(SecretStr, keys))


@asynccontextmanager
async def sold(
    url: str, sandbox: GateProxySandbox, clock: HandClock, keys: tuple[SecretStr, ...]
) -> AsyncIterator[Bench]:
    """A shop that has sold a few plans to one customer."""
    async with opened(url, sandbox, clock, secret_key=keys) as bench:
        customer = await bench.customer(1, balance="50")
        for _ in range(SOLD):
            await bench.buy(customer)
            await bench.work()
            clock.turn(11)
        yield bench


async def passwords(bench: Bench) -> list[str]:
    """What the customer can still read, order by order."""
    read = []
    for number in range(1, SOLD + 1):
        _, delivery = await bench.shop.orders.delivery(
            (await bench.customer(1)).id, OrderId(number)
        )
        assert isinstance(delivery, Credentials)
        read += [proxy.password for proxy in delivery.proxies]
    return read


async def sealed(url: str) -> dict[int, bytes]:
    database = Database(url)
    try:
        async with database.read() as reader:
            rows = await reader.execute(select(DeliveryRow.order_id, DeliveryRow.sealed))
            return {row.order_id: bytes(row.sealed) for row in rows.all()}
    finally:
        await database.close()


async def test_after_a_rotation_the_old_key_can_be_dropped(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ring(OLD)) as bench:
        bought = await passwords(bench)

    done = await rekey(settings_for(database_url, secret_key=ring(NEW, OLD)), clock=clock)

    assert (done.sealed, done.others) == (SOLD, (key_id(read_key(OLD)).hex(),))
    for order, value in (await sealed(database_url)).items():
        with pytest.raises(SealBroken):
            Vault([read_key(OLD)]).open(OrderId(order), value)
    async with opened(database_url, sandbox, clock, secret_key=ring(NEW)) as bench:
        assert await passwords(bench) == bought
    again = await rekey(settings_for(database_url, secret_key=ring(NEW)), clock=clock)
    assert (again.sealed, again.others) == (0, ())


async def test_the_proofs_of_tests_stay_readable_as_well(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ring(OLD)) as bench:
        kept = Vault([read_key(OLD)]).seal(OrderId(1), "proof")
        async with bench.shop.database.write() as tx:
            await tx.execute(insert(ProofRow).values(order_id=1, sealed=kept, at=clock.now()))

    await rekey(settings_for(database_url, secret_key=ring(NEW, OLD)), clock=clock)

    async with opened(database_url, sandbox, clock, secret_key=ring(NEW)) as bench:
        async with bench.shop.database.read() as reader:
            anew = (await reader.scalars(select(ProofRow.sealed))).one()
        assert Vault([read_key(NEW)]).open(OrderId(1), bytes(anew)) == "proof"


async def test_with_the_old_key_dropped_nobody_else_gets_what_was_sold(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ring(OLD)):
        sandbox.repeats = True

    await rekey(settings_for(database_url, secret_key=ring(NEW, OLD)), clock=clock)

    async with opened(database_url, sandbox, clock, secret_key=ring(NEW)) as bench:
        stranger = await bench.customer(2, balance="50")
        order = (await bench.buy(stranger)).order.id
        await bench.work()
        assert (await bench.shop.orders.find(order)).state is OrderState.REVIEW
        async with bench.shop.database.read() as reader:
            kept = (await reader.scalars(select(FingerprintRow.order_id))).all()
        assert sorted(kept) == list(range(1, SOLD + 1))


@ON_SQLITE
async def test_nothing_that_the_old_key_opens_is_left_in_the_file(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ring(OLD)) as bench:
        # A long answer is kept until the credentials take its place, in fewer pages.
        answer = {"success": True, "order_id": "G-1", "status": "pending", "note": "x" * 20_000}
        sandbox.faults.append(Fault(status=200, body=json.dumps(answer)))
        order = (await bench.buy(await bench.customer(1))).order.id
        await bench.work()
        long_answer = (await sealed(database_url))[order]
        await bench.shop.cases.hand_over(order, "gate.example:8080:anna:secret", OWNER)
    before = await sealed(database_url) | {0: long_answer}

    await rekey(settings_for(database_url, secret_key=ring(NEW, OLD)), clock=clock)

    file = Path(database_url.removeprefix("sqlite+aiosqlite:///"))
    raw = b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    parts = {order: (value[:24], value[-24:]) for order, value in before.items()}
    assert [order for order, ends in parts.items() if any(end in raw for end in ends)] == []


@ON_SQLITE
async def test_keys_that_lie_beside_the_database_are_made_anew(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ()) as bench:
        bought = await passwords(bench)
        path = bench.shop.database.file.with_name("secret.key")
    (first,) = ring_from_file(path, may_make=False)
    settings = settings_for(database_url, secret_key=())

    await rekey(settings, clock=clock)
    second, *others = ring_from_file(path, may_make=False)

    assert others == [first]
    path.write_bytes(base64.urlsafe_b64encode(second))
    async with opened(database_url, sandbox, clock, secret_key=()) as bench:
        assert await passwords(bench) == bought


@ON_SQLITE
@pytest.mark.parametrize("fails_at", range(1, 4))
async def test_a_rotation_that_broke_off_is_taken_up_again_with_the_same_key(
    database_url: str,
    sandbox: GateProxySandbox,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    fails_at: int,
) -> None:
    async with sold(database_url, sandbox, clock, ()) as bench:
        bought = await passwords(bench)
        path = bench.shop.database.file.with_name("secret.key")
    settings = settings_for(database_url, secret_key=())
    monkeypatch.setattr(rotation, "AT_ONCE", 2)
    really_seal, batches = rotation._seal, []

    async def dies(*arguments: object) -> None:
        batches.append(arguments)
        if len(batches) == fails_at:
            raise KeyboardInterrupt
        await really_seal(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "_seal", dies)
        with pytest.raises(KeyboardInterrupt):
            await rekey(settings, clock=clock)
    halfway = ring_from_file(path, may_make=False)
    async with opened(database_url, sandbox, clock, secret_key=()) as bench:
        assert await passwords(bench) == bought

    done = await rekey(settings, clock=clock)

    assert done.sealed == SOLD - 2 * (fails_at - 1)
    assert ring_from_file(path, may_make=False) == halfway
    async with opened(database_url, sandbox, clock, secret_key=()) as bench:
        assert await passwords(bench) == bought


async def test_no_key_is_rotated_beside_an_instance(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    settings = settings_for(database_url, secret_key=ring(NEW, OLD))
    async with sold(database_url, sandbox, clock, ring(OLD)) as bench:
        assert await bench.shop.lease.take()
        before = await sealed(database_url)

        with pytest.raises(StartRefused, match="an instance works on this database"):
            await rekey(settings, clock=clock)

        assert await sealed(database_url) == before
    clock.turn(LASTS.total_seconds() + 1)
    assert (await rekey(settings, clock=clock)).sealed == SOLD


async def test_a_key_that_is_dropped_too_early_is_missed_at_the_start(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ring(OLD)):
        pass
    async with opened(database_url, sandbox, clock, secret_key=ring(NEW, OLD)) as bench:
        await bench.buy(await bench.customer(1))
        await bench.work()

    with pytest.raises(StartRefused, match="the key is lost") as refused:
        async with opened(database_url, sandbox, clock, secret_key=ring(NEW)):
            pass

    assert key_id(read_key(OLD)).hex() in str(refused.value)
    with pytest.raises(StartRefused, match="the key is lost"):
        await rekey(settings_for(database_url, secret_key=ring(NEW)), clock=clock)


@ON_SQLITE
async def test_a_value_that_does_not_open_stops_the_rotation_and_is_kept(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    async with sold(database_url, sandbox, clock, ring(OLD)):
        pass
    with closing(sqlite3.connect(database_url.removeprefix("sqlite+aiosqlite:///"))) as books:
        books.execute(
            "UPDATE deliveries SET sealed = CAST(sealed || X'00' AS BLOB) WHERE order_id = 3"
        )
        books.commit()
    before = await sealed(database_url)

    with pytest.raises(StartRefused, match="stopped halfway: not what was sealed"):
        await rekey(settings_for(database_url, secret_key=ring(NEW, OLD)), clock=clock)

    assert await sealed(database_url) == before

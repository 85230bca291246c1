"""Search terms: made for what is older than they are, and anew with a new key."""

from __future__ import annotations

import secrets

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select, update

from bot.db.models import DeliveryRow, SearchTermRow
from bot.domain.search import Kind, Way
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened
from tests.conftest import ON_SQLITE
from tests.growth import growing

HOST = "gate.nodemaven.com"


async def found(bench: Bench, words: str) -> list[int]:
    """The numbers of the orders that an owner finds."""
    looked = await bench.shop.search.look(words, None)
    pages = [await bench.shop.search.page(way, None, 0) for way in looked.ways]
    return [order.id for page in pages for order, _ in page.orders]


@pytest.mark.parametrize("made_with", [None, "3917939a"])
async def test_what_was_sold_before_there_were_such_terms_is_found_after_the_start(
    bench: Bench, made_with: str | None
) -> None:
    customer = await bench.customer(1, balance="20")
    await bench.buy(customer)
    await bench.buy(customer, "9proxy_cd_key", "ip25")
    await bench.work()
    async with bench.shop.database.write() as tx:
        await tx.execute(delete(SearchTermRow))
        await tx.execute(update(DeliveryRow).values(indexed_with=made_with))
    assert await found(bench, HOST) == []

    await bench.shop.search.catch_up()

    assert await found(bench, HOST) == [1]


async def test_a_new_key_makes_new_terms_and_leaves_none_of_the_old(
    database_url: str, sandbox: GateProxySandbox, clock: HandClock
) -> None:
    old, new = "A" * 43, secrets.token_urlsafe(32)
    async with opened(database_url, sandbox, clock, secret_key=(SecretStr(old),)) as bench:
        await bench.buy(await bench.customer(1, balance="20"))
        await bench.work()
        assert await found(bench, HOST) == [1]
        async with bench.shop.database.read() as reader:
            before = set((await reader.scalars(select(SearchTermRow.term))).all())

    ring = (SecretStr(new), SecretStr(old))
    async with opened(database_url, sandbox, clock, secret_key=ring) as bench:
        await bench.shop.search.catch_up()

        assert await found(bench, HOST) == [1]
        async with bench.shop.database.read() as reader:
            after = set((await reader.scalars(select(SearchTermRow.term))).all())
    assert len(before) == len(after)
    assert before.isdisjoint(after)


@ON_SQLITE
async def test_every_search_goes_by_an_index(bench: Bench) -> None:
    search, customer = bench.shop.search, (await bench.customer(1, balance="20")).id
    owners = (Kind.TERM, Kind.PROVIDER, Kind.AMOUNT, Kind.PERSON)
    for kind, mine in (
        *((kind, None) for kind in owners),
        *((kind, customer) for kind in (Kind.TERM, Kind.PROVIDER)),
    ):
        way = Way(kind, "1")
        assert await growing(bench, search.page(way, mine, 9)) == [], (kind, mine)
    for before in (0, 9):
        assert await growing(bench, search.moved(Way(Kind.MOVED, "20000000"), before)) == []


@ON_SQLITE
@pytest.mark.parametrize("words", ["20", "NodeMaven", HOST, "@customer_1", "ord_1", "nobody"])
async def test_whatever_is_typed_is_looked_for_by_indexes(bench: Bench, words: str) -> None:
    customer = (await bench.customer(1, balance="20")).id

    for mine in (None, customer):
        assert await growing(bench, bench.shop.search.look(words, mine)) == [], mine

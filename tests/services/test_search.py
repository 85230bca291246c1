"""Search terms: made for what is older than they are, and anew with a new key."""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Select, delete, select, text, update

from bot.db.models import DeliveryRow, PostingRow, SearchTermRow
from bot.domain.search import Kind, Way
from bot.upstreams.sandbox import GateProxySandbox
from tests.bench import Bench, HandClock, opened
from tests.conftest import ON_SQLITE

HOST = "gate.nodemaven.com"


async def found(bench: Bench, words: str) -> list[int]:
    """The numbers of the orders that an owner finds."""
    looked = await bench.shop.search.look(words, None)
    pages = [await bench.shop.search.page(way, None, 0) for way in looked.ways]
    return [order.id for page in pages for order, _ in page.orders]


async def test_what_was_sold_before_there_were_terms_is_found_after_the_start(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="20")
    await bench.buy(customer)
    await bench.buy(customer, "9proxy_cd_key", "ip25")
    await bench.work()
    async with bench.shop.database.write() as tx:
        await tx.execute(delete(SearchTermRow))
        await tx.execute(update(DeliveryRow).values(indexed_with=None))
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
    ways = [Way(kind, "1") for kind in Kind if kind not in {Kind.ORDER, Kind.MOVED, Kind.STRAY}]
    customer = (await bench.customer(1)).id
    for way in ways:
        for mine in (None, customer):
            if mine is not None and way.kind in {Kind.AMOUNT, Kind.PERSON}:
                continue
            query, key = bench.shop.search.query(way, mine)
            made = query.where(key < 9).order_by(key.desc()).limit(9)
            assert await sorts_or_scans(bench, made) == [], (way.kind, mine)
    movements = bench.shop.search.movements(Way(Kind.MOVED, "1"))
    assert await sorts_or_scans(bench, movements.where(PostingRow.id < 9).limit(9)) == []


async def sorts_or_scans(bench: Bench, query: Select[Any]) -> list[str]:
    """The steps of a query that cost more as the shop grows."""
    dialect = bench.shop.database.writer.sync_engine.dialect
    sql = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}).string
    async with bench.shop.database.read() as reader:
        plan = await reader.execute(text(f"EXPLAIN QUERY PLAN {sql}"))
        steps = [row.detail for row in plan.all()]
    return [step for step in steps if "SCAN" in step or "TEMP" in step]

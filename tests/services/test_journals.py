"""The journal shows the books as they are, and never writes into them."""

from __future__ import annotations

import httpx

from bot.domain.money import usd
from bot.domain.orders import OrderState
from bot.services.journals import Journals
from bot.upstreams.pretence import Fault
from tests.bench import Bench

S = OrderState


def journals(bench: Bench) -> Journals:
    return Journals(bench.shop.database)


async def test_an_empty_shop_has_an_empty_journal(bench: Bench) -> None:
    journal = await journals(bench).newest(orders=5, postings=5)

    assert (journal.trails, journal.postings, journal.posted) == ((), (), 0)
    assert journal.sums.are_whole


async def test_a_sale_is_told_from_the_hold_to_the_capture(bench: Bench) -> None:
    customer = await bench.customer(1, balance="10")
    await bench.buy(customer)
    await bench.work()

    journal = await journals(bench).newest(orders=5, postings=3)

    (trail,) = journal.trails
    assert trail.person.name == "Customer 1"
    assert [move.target for move in trail.moves] == [S.RESERVED, S.PLACING, S.DELIVERED]
    assert [posting.kind for posting in journal.postings] == ["cost", "capture", "hold"]
    assert (journal.posted, journal.bound, journal.unknown, journal.strays) == (4, 1, 0, 0)
    assert journal.sums.paid_in == usd("10")
    assert journal.sums.customers + journal.sums.sales == usd("10")
    assert journal.sums.are_whole


async def test_an_order_whose_answer_was_lost_is_counted_as_unknown_until_it_is_found(
    bench: Bench,
) -> None:
    customer = await bench.customer(1, balance="10")
    bench.sandbox.faults.append(Fault(error=httpx.ReadTimeout("lost"), is_done=True))
    await bench.buy(customer)
    await bench.work()

    doubted = await journals(bench).newest(orders=5, postings=5)
    await bench.pass_time(5)
    found = await journals(bench).newest(orders=5, postings=5)

    assert (doubted.bound, doubted.unknown) == (0, 1)
    assert (found.bound, found.unknown) == (1, 0)
    assert doubted.sums.held > usd("0") == found.sums.held


async def test_only_the_newest_entries_are_told(bench: Bench) -> None:
    customer = await bench.customer(1, balance="30")
    for _ in range(3):
        await bench.buy(customer)
    await bench.work()

    journal = await journals(bench).newest(orders=2, postings=1)

    assert [trail.order.id for trail in journal.trails] == [3, 2]
    assert {len(trail.moves) for trail in journal.trails} == {3}
    assert len(journal.postings) == 1
    assert journal.posted > 1

"""Costs that owners set: once, whole, and never a part of it, whoever else is at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from bot.db.models import OutboxRow, PlanChangeRow, PlanRow
from bot.domain.catalog import PlanId
from bot.domain.errors import CostMoved, NotFound
from bot.domain.money import usd
from bot.domain.orders import CustomerId
from bot.domain.plans import PlanChange
from bot.domain.requests import Request
from tests.bench import (
    OTHER_OWNER,
    OWNER,
    Bench,
    HandClock,
    opened,
    sandbox_for,
    stat_sandbox_for,
)
from tests.conftest import ON_SQLITE
from tests.services.test_guards import Broken, breaking


@pytest.fixture
async def selling(database_url: str) -> AsyncIterator[tuple[Bench, Bench]]:
    """Two processes of one shop that sells Stat Proxies."""
    clock = HandClock()
    sandbox, stat = sandbox_for(clock), stat_sandbox_for(clock)
    async with (
        opened(database_url, sandbox, clock, stat) as first,
        opened(database_url, sandbox, clock, stat) as second,
    ):
        yield first, second


def captcha(bench: Bench) -> PlanId:
    return bench.offer("statproxies", "captcha").plan.id


async def asked(bench: Bench, cost: str, by: CustomerId = OWNER) -> Request:
    preview = await bench.shop.plans.preview(captcha(bench), usd(cost), by)
    return await bench.shop.requests.open(preview.request, by)


async def kept(bench: Bench) -> tuple[int, int, int]:
    """The cost as it is stored, how often it was changed, and how often that was told."""
    async with bench.shop.database.read() as reader:
        cost = await reader.scalar(select(PlanRow.cost_micros).where(PlanRow.id == captcha(bench)))
        changes = (await reader.scalars(select(PlanChangeRow.id))).all()
        told = (
            await reader.scalars(
                select(OutboxRow.id).where(OutboxRow.notice.contains('"plan_moved"'))
            )
        ).all()
    return cost or 0, len(changes), len(told)


async def test_a_cost_is_set_once_however_many_confirm_it_at_once(
    selling: tuple[Bench, Bench],
) -> None:
    first, second = selling
    request = await asked(first, "2.50")

    done = await asyncio.gather(
        *(bench.shop.plans.apply(request, OWNER) for bench in (first, second) * 10)
    )

    assert set(done) == {done[0]}
    assert await kept(first) == (2_500_000, 1, 1)


async def test_of_two_owners_at_once_one_sets_the_cost_and_the_other_is_told(
    selling: tuple[Bench, Bench],
) -> None:
    first, second = selling
    mine, theirs = await asked(first, "2.50"), await asked(second, "3", OTHER_OWNER)

    found = await asyncio.gather(
        first.shop.plans.apply(mine, OWNER),
        second.shop.plans.apply(theirs, OTHER_OWNER),
        return_exceptions=True,
    )

    [done] = [one for one in found if isinstance(one, PlanChange)]
    [moved] = [one for one in found if isinstance(one, CostMoved)]
    assert done.new is not None
    assert moved.cost == done.new
    assert await kept(first) == (done.new.micros, 1, 1)


@ON_SQLITE
@pytest.mark.parametrize("statement", ["INSERT INTO plan_changes", "INSERT INTO outbox"])
async def test_a_cost_that_nobody_would_hear_of_is_not_set(
    selling: tuple[Bench, Bench], statement: str
) -> None:
    first, _ = selling
    request = await asked(first, "2.50")

    with breaking(first.shop.database, statement), pytest.raises(Broken):
        await first.shop.plans.apply(request, OWNER)
    with breaking(first.shop.database, statement), pytest.raises(Broken):
        await first.shop.plans.hide(captcha(first), OWNER)

    assert await kept(first) == (2_000_000, 0, 0)
    assert not (await first.shop.plans.line(captcha(first))).plan.is_hidden
    await first.shop.plans.apply(request, OWNER)
    assert await kept(first) == (2_500_000, 1, 1)


async def test_a_hidden_plan_is_written_down_once_however_many_hide_it(
    selling: tuple[Bench, Bench],
) -> None:
    first, second = selling
    plan = captcha(first)

    await asyncio.gather(*(bench.shop.plans.hide(plan, OWNER) for bench in (first, second) * 5))

    async with first.shop.database.read() as reader:
        assert (await reader.scalars(select(PlanChangeRow.kind))).all() == ["hide"]


async def facts(bench: Bench) -> tuple[tuple[object, ...], list[tuple[str | None, ...]]]:
    """Days, bound and title as they are stored, and every change of them that is remembered."""
    query = select(PlanRow.days, PlanRow.most, PlanRow.title).where(PlanRow.id == captcha(bench))
    changed = select(PlanChangeRow.kind, PlanChangeRow.old_text, PlanChangeRow.new_text)
    async with bench.shop.database.read() as reader:
        row = (await reader.execute(query)).one()
        rows = (await reader.execute(changed.order_by(PlanChangeRow.id))).all()
    return tuple(row), [tuple(one) for one in rows]


async def test_the_history_of_a_fact_is_one_unbroken_chain_whoever_is_at_it(
    selling: tuple[Bench, Bench],
) -> None:
    first, second = selling
    plan = captcha(first)

    done = await asyncio.gather(
        *(
            bench.shop.plans.work_for(plan, days, by)
            for days in (7, 14, 60, 7)
            for bench, by in ((first, OWNER), (second, OTHER_OWNER))
        )
    )

    (days, _, _), changes = await facts(first)
    assert [old for _, old, _ in changes] == ["30", *(new for _, _, new in changes[:-1])]
    assert changes[-1][2] == str(days)
    assert len(changes) == len([one for one in done if one is not None])
    assert all(one.old != one.new for one in done if one is not None)
    _, _, told = await kept(first)
    assert told == len(changes)


async def test_every_fact_is_read_back_as_what_it_is(selling: tuple[Bench, Bench]) -> None:
    first, _ = selling
    plans, plan = first.shop.plans, captcha(first)

    days = await plans.work_for(plan, 7, OWNER)
    most = await plans.take_at_most(plan, 20, OWNER)
    title = await plans.rename(plan, "12", OWNER)

    assert [(one.old, one.new) for one in (days, most, title) if one is not None] == [
        (30, 7), (100, 20), ("ISP for captchas", "12"),
    ]  # fmt: skip
    assert (await facts(first))[0] == (7, 20, "12")
    assert [one.change for one in (await plans.history(0)).changes] == [title, most, days]
    assert await plans.work_for(plan, 7, OWNER) is None
    for _ in range(2):
        await first.refresh()
    assert (await facts(first))[0] == (7, 20, "12")


@ON_SQLITE
@pytest.mark.parametrize("statement", ["INSERT INTO plan_changes", "INSERT INTO outbox"])
async def test_a_fact_that_nobody_would_hear_of_is_not_changed(
    selling: tuple[Bench, Bench], statement: str
) -> None:
    first, _ = selling
    plans, plan = first.shop.plans, captcha(first)

    with breaking(first.shop.database, statement), pytest.raises(Broken):
        await plans.work_for(plan, 7, OWNER)

    assert await facts(first) == ((30, 100, "ISP for captchas"), [])
    assert first.offer("statproxies", "captcha").plan.days == 30


async def test_the_facts_of_a_price_list_are_not_an_owners(selling: tuple[Bench, Bench]) -> None:
    first, _ = selling
    plans, gig = first.shop.plans, first.offer("nodemaven", "1").plan

    with pytest.raises(NotFound):
        await plans.work_for(gig.id, 7, OWNER)
    with pytest.raises(NotFound):
        await plans.take_at_most(gig.id, 7, OWNER)
    with pytest.raises(NotFound):
        await plans.rename(gig.id, "Mine", OWNER)

    assert first.offer("nodemaven", "1").plan == gig


async def test_a_plan_of_a_price_list_is_neither_priced_nor_hidden(
    selling: tuple[Bench, Bench],
) -> None:
    first, _ = selling
    gig = first.offer("nodemaven", "1").plan.id

    with pytest.raises(NotFound):
        await first.shop.plans.preview(gig, usd("1"), OWNER)
    for change in (first.shop.plans.hide, first.shop.plans.show):
        with pytest.raises(NotFound):
            await change(gig, OWNER)
        assert first.offer("nodemaven", "1").price == usd("4.03")

    assert (await first.shop.plans.history(0)).changes == ()


async def test_a_look_at_the_setting_leaves_costs_and_what_is_hidden(
    database_url: str, selling: tuple[Bench, Bench]
) -> None:
    first, _ = selling
    await first.shop.plans.apply(await asked(first, "2.50"), OWNER)
    await first.shop.plans.hide(captcha(first), OWNER)
    plan = (await first.shop.plans.listed())[0].plan.id

    for _ in range(3):
        await first.refresh()

    line = await first.shop.plans.line(plan)
    assert (line.plan.cost, line.plan.is_hidden) == (usd("2.50"), True)

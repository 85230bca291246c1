"""Findings: orders that got lost on the way, and what the books and the owners say of them."""

from __future__ import annotations

import httpx
from sqlalchemy import select

from bot.db.archive import About
from bot.db.models import OutboxRow, PostingRow
from bot.domain.customers import Customer
from bot.domain.orders import OrderId, OrderState
from bot.domain.wallets import PostingKind
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from bot.upstreams.sandbox_stat import StatOrder, StatProxiesSandbox
from tests.bench import OWNER, Bench, stat_account
from tests.faults.races import delivered_piece

LOST = httpx.ReadTimeout("lost")
BACKUP = About("2026-11-22T09:00:00+00:00", "0018", 0, "", "", "")


def unreadable(path: str = "/orders") -> Fault:
    """The list cannot be read from now on."""
    return Fault(method="GET", path=path, status=500, times=10_000)


async def state(bench: Bench, order: OrderId) -> OrderState:
    return (await bench.shop.orders.find(order)).state


async def owed(bench: Bench, chat: int) -> list[str]:
    """The notices of a chat, as they are kept."""
    async with bench.shop.database.read() as reader:
        found = await reader.scalars(select(OutboxRow.notice).where(OutboxRow.chat_id == chat))
        return list(found.all())


async def booked_as_loss(bench: Bench) -> list[str]:
    """The upstream orders that the books call a loss."""
    strays = select(PostingRow.reference).where(PostingRow.kind == PostingKind.STRAY)
    async with bench.shop.database.read() as reader:
        found = (await reader.scalars(strays.order_by(PostingRow.id))).all()
    return [reference.rpartition(":")[2] for reference in found]


def foreign_order(sandbox: GateProxySandbox, *, plan: str = "1") -> None:
    """Somebody buys by hand with the account of the bot."""
    token = next(iter(sandbox.accounts))
    sandbox._make(sandbox.accounts[token], token, "nodemaven", plan, Fault())


async def bought_on_the_site(stat: StatProxiesSandbox) -> StatOrder:
    """Somebody buys a piece on the site of the provider, where nobody gives a tag."""
    await stat_account(httpx.MockTransport(stat.handle)).upstream.place("", "captcha", 1, "a")
    stat.orders[-1].tag = None
    return stat.orders[-1]


async def told(bench: Bench, kind: str) -> int:
    """How often an owner was told so."""
    return sum(kind in notice for notice in await owed(bench, OWNER))


async def sold_before(bench: Bench, customer: Customer) -> None:
    """An order that the list has shown: what is in doubt from now on is not the first one."""
    await bench.buy(customer)
    await bench.work()
    await bench.pass_time(301, step=60)
    await bench.refresh()


async def sold_piece_before(both: Bench, customer: Customer) -> None:
    """The same at StatProxies."""
    await delivered_piece(both, customer)
    await both.pass_time(301, step=60)
    await both.refresh()


async def bind_newest(bench: Bench, order: OrderId) -> None:
    """An owner says that what was listed last is this order's."""
    _, (newest, *_) = await bench.shop.cases.strays(order)
    await bench.shop.cases.bind(order, newest.id, OWNER)


async def under_review(bench: Bench, customer: Customer, *, is_made: bool) -> OrderId:
    """Its answer got lost, and nothing proved anything for as long as the shop waits."""
    bench.sandbox.faults.append(Fault(error=LOST, is_done=is_made))
    line = await bench.buy(customer)
    await bench.work()
    bench.sandbox.faults.append(unreadable())
    await bench.pass_time(32 * 60, step=10)
    assert await state(bench, line.order.id) is OrderState.REVIEW
    bench.sandbox.faults.clear()
    return line.order.id


async def piece_under_review(
    both: Bench, stat: StatProxiesSandbox, customer: Customer, product: str, *, is_made: bool
) -> OrderId:
    """The same at StatProxies."""
    stat.faults.append(Fault(error=LOST, is_done=is_made))
    order = (await both.buy(customer, "statproxies", product)).order.id
    await both.work()
    stat.faults.append(unreadable("*/list"))
    await both.pass_time(32 * 60, step=10)
    assert await state(both, order) is OrderState.REVIEW
    stat.faults.clear()
    return order


async def restore(bench: Bench) -> None:
    """From now on these are the books of a backup, in a process that has just begun."""
    await bench.shop.restores.open(BACKUP, None)
    for lane in bench.shop.lanes:
        lane.is_listed = False
    bench.restart_workers()


async def restored_with_two_made(bench: Bench) -> None:
    """The books that are lost made two orders; a list shows the second after the first look."""
    foreign_order(bench.sandbox)
    bench.clock.turn(60)
    bench.sandbox.list_lag = 30
    foreign_order(bench.sandbox)
    await restore(bench)
    await bench.work()

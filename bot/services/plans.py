"""Plans that owners price: what they cost and promise, and whether they are offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from bot.db.models import CustomerRow, PlanChangeRow, PlanRow, ProviderRow
from bot.db.session import Database
from bot.domain.catalog import Plan, PlanId, PlanSeed
from bot.domain.clock import Clock
from bot.domain.errors import CostHolds, CostMoved, NotFound
from bot.domain.money import Money, plain
from bot.domain.notices import PlanMoved
from bot.domain.orders import CustomerId
from bot.domain.plans import (
    Fact,
    NamedPlanChange,
    PlanChange,
    PlanChangeId,
    PlanChangePage,
    PlanDeed,
    PlanLine,
)
from bot.domain.requests import CostChange, CostPreview, Request
from bot.services.catalog import Catalog, plan_of, provider_of
from bot.services.lanes import Lanes
from bot.services.markup import Markup
from bot.services.outbox import Outbox
from bot.services.requests import Requests

PAGE = 8

_FACTS: dict[PlanDeed, InstrumentedAttribute[Any]] = {
    PlanDeed.DAYS: PlanRow.days,
    PlanDeed.MOST: PlanRow.most,
    PlanDeed.TITLE: PlanRow.title,
}

_PRICED_HERE = PlanRow.provider_id.in_(
    select(ProviderRow.id).where(ProviderRow.is_priced_here == 1)
)


class Plans:
    """The owner's plans: costs are previewed and applied once, and all of it is remembered.

    What an order was accepted with is written down with the order: no change here touches it.
    What an upstream prices itself is none of them: `NotFound`, whatever is done to it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        markup: Markup,
        requests: Requests,
        outbox: Outbox,
        lanes: Lanes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._lanes = lanes
        self._markup = markup
        self._requests = requests
        self._outbox = outbox

    async def listed(self) -> tuple[PlanLine, ...]:
        """Every plan that owners price, hidden ones too, by provider and title."""
        return tuple(sorted(await self._lines(_PRICED_HERE), key=_by_title))

    async def line(self, plan: PlanId) -> PlanLine:
        """One of them; raises `NotFound`."""
        found = await self._lines(_PRICED_HERE & (PlanRow.id == plan))
        if not found:
            raise NotFound
        return found[0]

    async def preview(self, plan: PlanId, cost: Money, by: CustomerId) -> CostPreview:
        """What it would do to the price if one piece cost this; changes nothing.

        Raises `NotFound`, and `CostHolds` where there is nothing to change.
        """
        line = await self.line(plan)
        old = line.plan.cost
        if cost == old:
            raise CostHolds(line.plan.title, old)
        asked = CostChange(plan, old, cost)
        async with self._database.write() as tx:
            request = await self._requests.ask(tx, asked, by)
        return CostPreview(
            request, asked, line.plan, line.price, line.rule.price(cost), line.rule,
            line.decided_by,
        )  # fmt: skip

    async def apply(self, request: Request, by: CustomerId) -> PlanChange:
        """Let a plan cost what was previewed, once; a second tap answers with the same change.

        Raises `CostMoved` where the cost is not the one that the preview began with: what it
        said of the price would not be true.
        """
        asked = request.asked
        if not isinstance(asked, CostChange):
            raise NotFound
        async with self._database.write() as tx:
            if await self._requests.take(tx, request.id):
                priced = await tx.scalar(
                    update(PlanRow)
                    .where(
                        PlanRow.id == asked.plan,
                        PlanRow.cost_micros == asked.old.micros,
                        _PRICED_HERE,
                    )
                    .values(cost_micros=asked.new.micros)
                    .returning(PlanRow.id)
                )
                if priced is None:
                    raise await self._moved(tx, asked.plan)
                await self._remember(
                    tx, asked.plan, PlanDeed.COST, by,
                    old_micros=asked.old.micros, new_micros=asked.new.micros,
                    request_id=request.id,
                )  # fmt: skip
            row = (
                await tx.execute(
                    select(PlanChangeRow.__table__).where(PlanChangeRow.request_id == request.id)
                )
            ).one()
        await self._catalog.load()
        return _change(row)

    async def work_for(self, plan: PlanId, days: int, by: CustomerId) -> PlanChange | None:
        """Sell so many days from the next order on; None where it does so already."""
        return await self._say(plan, PlanDeed.DAYS, days, by)

    async def take_at_most(self, plan: PlanId, pieces: int, by: CustomerId) -> PlanChange | None:
        """Let one order take so many pieces at most; None where it does so already."""
        return await self._say(plan, PlanDeed.MOST, pieces, by)

    async def rename(self, plan: PlanId, title: str, by: CustomerId) -> PlanChange | None:
        """Call a plan this from now on; None where it is called so already."""
        return await self._say(plan, PlanDeed.TITLE, title, by)

    async def hide(self, plan: PlanId, by: CustomerId) -> PlanLine:
        """Offer a plan no more; what was accepted before goes on as it was agreed."""
        await self._offer(plan, PlanDeed.HIDE, by, PlanRow.is_hidden == 0, is_hidden=1)
        return await self.line(plan)

    async def show(self, plan: PlanId, by: CustomerId) -> PlanLine:
        """Offer a plan again, also one that the upstream refused."""
        is_off = (PlanRow.is_hidden == 1) | (PlanRow.is_open == 0)
        await self._offer(plan, PlanDeed.SHOW, by, is_off, is_hidden=0, is_open=1)
        return await self.line(plan)

    async def change(self, change: PlanChangeId) -> NamedPlanChange:
        """One entry of the history; raises `NotFound`."""
        found = await self._history(PlanChangeRow.id == change, limit=1)
        if not found:
            raise NotFound
        return found[0]

    async def history(self, before: int) -> PlanChangePage:
        """A page of changes older than `before` (0: the newest)."""
        older = PlanChangeRow.id < before if before else PlanChangeRow.id > 0
        found = await self._history(older, limit=PAGE + 1)
        cursor = found[PAGE - 1].change.id if len(found) > PAGE else None
        return PlanChangePage(found[:PAGE], cursor)

    async def _say(
        self, plan: PlanId, deed: PlanDeed, new: int | str, by: CustomerId
    ) -> PlanChange | None:
        fact = _FACTS[deed]
        async with self._database.write() as tx:
            # Locked, so that what stands in the history as the old one is what was replaced.
            row = (
                await tx.execute(
                    select(fact.label("old"))
                    .where(PlanRow.id == plan, _PRICED_HERE)
                    .with_for_update()
                )
            ).one_or_none()
            if row is None:
                raise NotFound
            if row.old == new:
                return None
            await tx.execute(update(PlanRow).where(PlanRow.id == plan).values({fact: new}))
            old_text = None if row.old is None else str(row.old)
            change = await self._remember(tx, plan, deed, by, old_text=old_text, new_text=str(new))
        await self._catalog.load()
        return _change(change)

    async def _offer(
        self, plan: PlanId, deed: PlanDeed, by: CustomerId, where: ColumnElement[bool], **to: int
    ) -> None:
        async with self._database.write() as tx:
            moved = await tx.scalar(
                update(PlanRow)
                .where(PlanRow.id == plan, _PRICED_HERE, where)
                .values(**to)
                .returning(PlanRow.id)
            )
            if moved is not None:
                await self._remember(tx, plan, deed, by)
        await self._catalog.load()

    async def _remember(
        self,
        tx: AsyncConnection,
        plan: PlanId,
        deed: PlanDeed,
        by: CustomerId,
        **more: int | str | None,
    ) -> Row[Any]:
        """Write down who did it, and owe the other owners the news, in its transaction."""
        change = (
            await tx.execute(
                insert(PlanChangeRow)
                .values(plan_id=plan, kind=deed, by=by, at=self._clock.now(), **more)
                .returning(*PlanChangeRow.__table__.c)
            )
        ).one()
        await self._outbox.owe_owners(tx, PlanMoved(by, change.id), besides=by)
        return change

    async def _moved(self, tx: AsyncConnection, plan: PlanId) -> NotFound | CostMoved:
        row = (
            await tx.execute(
                select(PlanRow.title, PlanRow.cost_micros).where(PlanRow.id == plan, _PRICED_HERE)
            )
        ).one_or_none()
        return NotFound() if row is None else CostMoved(row.title, Money(row.cost_micros))

    async def _lines(self, which: ColumnElement[bool]) -> tuple[PlanLine, ...]:
        async with self._database.read() as reader:
            plans = (await reader.execute(select(PlanRow.__table__).where(which))).all()
            providers = (
                await reader.execute(
                    select(ProviderRow.__table__).where(ProviderRow.is_priced_here == 1)
                )
            ).all()
        known = {row.id: provider_of(row) for row in providers}
        return tuple(
            self._line(plan_of(row, known[row.provider_id]), is_open=bool(row.is_open))
            for row in plans
            if row.provider_id in known
        )

    def _line(self, plan: Plan, *, is_open: bool) -> PlanLine:
        scope, rule = self._catalog.markups.deciding(plan)
        name = "" if scope is None else self._markup.name_of(scope)
        return PlanLine(
            plan, rule.price(plan.cost), rule, name,
            is_refused=not is_open, has_lane=bool(self._lanes.of(plan.provider.upstream)),
        )  # fmt: skip

    async def _history(
        self, which: ColumnElement[bool], limit: int
    ) -> tuple[NamedPlanChange, ...]:
        query = (
            select(
                PlanChangeRow.__table__,
                PlanRow.title,
                func.coalesce(CustomerRow.name, "").label("person_name"),
            )
            .join(PlanRow, PlanRow.id == PlanChangeRow.plan_id)
            .outerjoin(CustomerRow, CustomerRow.id == PlanChangeRow.by)
            .where(which)
            .order_by(PlanChangeRow.id.desc())
            .limit(limit)
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        return tuple(
            NamedPlanChange(_change(row), row.title, row.person_name or str(row.by))
            for row in rows
        )


def _by_title(line: PlanLine) -> tuple[str, str, PlanId]:
    return line.plan.provider.name, line.plan.title.casefold(), line.plan.id


def _change(row: Row[Any]) -> PlanChange:
    deed = PlanDeed(row.kind)
    old, new = _fact(deed, row.old_micros, row.old_text), _fact(deed, row.new_micros, row.new_text)
    return PlanChange(PlanChangeId(row.id), deed, old, new, row.by, row.at)


def _fact(deed: PlanDeed, micros: int | None, said: str | None) -> Fact | None:
    if micros is not None:
        return Money(micros)
    return said if said is None or deed is PlanDeed.TITLE else int(said)


async def differences(database: Database, seeds: Sequence[PlanSeed]) -> tuple[str, ...]:
    """Where the setting and the shop do not say the same, one line each; the shop's holds."""
    async with database.read() as reader:
        rows = (
            await reader.execute(
                select(PlanRow.__table__).where(_PRICED_HERE).order_by(PlanRow.code)
            )
        ).all()
    known = {row.code: row for row in rows}
    named = {seed.code: seed for seed in seeds}
    found = [
        f"{code} is not in the shop yet; `run` will add it"
        for code in sorted(named.keys() - known.keys())
    ]
    for code, row in known.items():
        seed = named.get(code)
        if seed is None:
            if not row.is_hidden:
                found.append(f"{code} is in the shop, not here; `/plans hide {code}` takes it off")
            continue
        cost = Money(row.cost_micros)
        if cost != seed.cost:
            way = f"`/plans cost {code} {plain(seed.cost.decimal)}`"
            told = f"{code} costs {cost} in the shop, {seed.cost} here"
            found.append(f"{told}; the shop's holds, and {way} changes it")
        facts = (
            ("is called", "title", "", row.title, seed.title),
            ("works for", "days", " days", row.days, seed.days),
            ("is sold up to", "most", " pieces", row.most, seed.most),
        )
        found += [
            f"{code} {verb} {ours}{unit} in the shop, {theirs}{unit} here; "
            f"the shop's holds, and `/plans {fact} {code} {theirs}` changes it"
            for verb, fact, unit, ours, theirs in facts
            if ours != theirs
        ]
        if row.is_hidden:
            found.append(f"{code} is hidden in the shop; `/plans show {code}` sells it")
        elif not row.is_open:
            found.append(f"{code} was refused by the provider; `/plans show {code}` sells it")
    return tuple(found)

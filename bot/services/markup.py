"""Markup: rules set in the chat, with a preview before and a history after."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select

from bot.db.models import CustomerRow, RuleChangeRow
from bot.db.session import Database
from bot.domain.catalog import Plan, ProviderId
from bot.domain.clock import Clock
from bot.domain.errors import BadMarkup, NotFound, RuleHolds
from bot.domain.markup import (
    EVERYTHING,
    NamedChange,
    PriceLine,
    Rule,
    RuleChange,
    RuleChangeId,
    RuleLine,
    RulePage,
    Scope,
    parse_rule,
)
from bot.domain.money import Money
from bot.domain.notices import MarkupMoved
from bot.domain.orders import CustomerId
from bot.domain.plans import called
from bot.domain.requests import MarkupChange, MarkupPreview, PriceMove, Request
from bot.services.catalog import Catalog
from bot.services.outbox import Outbox
from bot.services.requests import Requests

PAGE = 8
EXAMPLES = 8
OFF = {"off", "выкл"}

# A plan's title holds spaces ("1 GB"), so it is quoted, in whichever quotes a phone offers.
_WORDS = re.compile(
    r"""\s*(?:"(?P<a>[^"]*)"|“(?P<b>[^”]*)”|«(?P<c>[^»]*)»|„(?P<d>[^“”]*)[“”]|(?P<bare>\S+))"""
)


class Markup:
    """The owner's rules: previewed, applied once, kept with who and when."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        requests: Requests,
        outbox: Outbox,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._requests = requests
        self._outbox = outbox

    def rules(self) -> tuple[RuleLine, ...]:
        """Every rule in force, the widest first; the setting where none covers everything."""
        markups = self._catalog.markups
        found = [
            RuleLine(scope, self.name_of(scope), rule, is_default=False)
            for scope, rule in markups.rules.items()
        ]
        if EVERYTHING not in markups.rules:
            found.append(RuleLine(EVERYTHING, "", markups.default, is_default=True))
        return tuple(sorted(found, key=lambda line: (line.scope.plan is not None, line.name)))

    def samples(self) -> tuple[PriceLine, ...]:
        """One plan of each provider with its price and the rule that decides it."""
        lines = []
        for shelf in self._catalog.shelves():
            plan = shelf.offers[len(shelf.offers) // 2].plan
            scope, rule = self._catalog.markups.deciding(plan)
            name = "" if scope is None else self.name_of(scope)
            lines.append(PriceLine(plan, rule.price(plan.cost), rule, name))
        return tuple(lines)

    async def preview(self, words: str, by: CustomerId) -> MarkupPreview:
        """Read `20%`, `nodemaven 15%`, `nodemaven "1 GB" +0.50`, `nodemaven off`.

        Changes nothing. Raises `BadMarkup` with the part that was not understood, and
        `RuleHolds` where there is nothing to change.
        """
        scope, rest = self._scope(words)
        rule = None if " ".join(rest).casefold() in OFF else parse_rule(" ".join(rest))
        return await self._preview(MarkupChange(scope, rule), by)

    async def preview_rollback(self, change: RuleChangeId, by: CustomerId) -> MarkupPreview:
        """What it would do to set a scope's rule back to what it was before `change`."""
        async with self._database.read() as reader:
            row = (
                await reader.execute(
                    select(RuleChangeRow.__table__).where(RuleChangeRow.id == change)
                )
            ).one_or_none()
            if row is None:
                raise NotFound
            before = (
                await reader.execute(
                    select(RuleChangeRow.__table__)
                    .where(
                        RuleChangeRow.id < change,
                        RuleChangeRow.provider_id.is_not_distinct_from(row.provider_id),
                        RuleChangeRow.plan_id.is_not_distinct_from(row.plan_id),
                    )
                    .order_by(RuleChangeRow.id.desc())
                    .limit(1)
                )
            ).one_or_none()
        rule = None if before is None else _change(before).rule
        return await self._preview(MarkupChange(_change(row).scope, rule), by)

    async def apply(self, request: Request, by: CustomerId) -> RuleChange:
        """Put a previewed rule in force, once; a second tap answers with the same change."""
        asked = request.asked
        if not isinstance(asked, MarkupChange):
            raise NotFound
        async with self._database.write() as tx:
            if await self._requests.take(tx, request.id):
                rule = asked.rule
                change = await tx.scalar(
                    insert(RuleChangeRow)
                    .values(
                        provider_id=asked.scope.provider,
                        plan_id=asked.scope.plan,
                        percent_bp=None if rule is None else rule.percent_bp,
                        fixed_micros=None if rule is None else rule.fixed.micros,
                        least_micros=None if rule is None else rule.least.micros,
                        request_id=request.id,
                        by=by,
                        at=self._clock.now(),
                    )
                    .returning(RuleChangeRow.id)
                )
                await self._outbox.owe_owners(tx, MarkupMoved(by, int(change or 0)), besides=by)
            row = (
                await tx.execute(
                    select(RuleChangeRow.__table__).where(RuleChangeRow.request_id == request.id)
                )
            ).one()
        await self._catalog.load()
        return _change(row)

    async def change(self, change: RuleChangeId) -> NamedChange:
        """One entry of the history; raises `NotFound`."""
        found = await self._history(RuleChangeRow.id == change, limit=1)
        if not found:
            raise NotFound
        return found[0]

    async def history(self, before: int) -> RulePage:
        """A page of changes older than `before` (0: the newest)."""
        older = RuleChangeRow.id < before if before else RuleChangeRow.id > 0
        found = await self._history(older, limit=PAGE + 1)
        cursor = found[PAGE - 1].change.id if len(found) > PAGE else None
        return RulePage(found[:PAGE], cursor)

    def name_of(self, scope: Scope) -> str:
        """What a scope is called: a provider, a provider and a plan, or nothing for everything."""
        if scope.plan is not None:
            plan = next((one for one in self._nameable() if one.id == scope.plan), None)
            return f"#{scope.plan}" if plan is None else _name(plan)
        if scope.provider is not None:
            try:
                return self._catalog.provider(scope.provider).name
            except NotFound:
                return f"#{scope.provider}"
        return ""

    async def _preview(self, asked: MarkupChange, by: CustomerId) -> MarkupPreview:
        old = self._catalog.markups
        if old.rules.get(asked.scope) == asked.rule:
            held = None if asked.rule is None else str(asked.rule)
            raise RuleHolds(self.name_of(asked.scope), held)
        new = old.changed(asked.scope, asked.rule)
        concerned = [
            plan
            for plan in self._catalog.plans
            if asked.scope in (EVERYTHING, Scope(provider=plan.provider.id), Scope(plan=plan.id))
        ]
        moves, shadowed = [], 0
        for plan in concerned:
            scope, rule = new.deciding(plan)
            name = "" if scope is None else self.name_of(scope)
            moves.append(PriceMove(plan, old.price(plan), rule.price(plan.cost), rule, name))
            shadowed += asked.rule is not None and scope != asked.scope
        moves.sort(key=lambda move: move.old == move.new)
        async with self._database.write() as tx:
            request = await self._requests.ask(tx, asked, by)
        return MarkupPreview(
            request,
            asked,
            self.name_of(asked.scope),
            tuple(moves[:EXAMPLES]),
            len(concerned),
            shadowed,
        )

    def _scope(self, words: str) -> tuple[Scope, list[str]]:
        found = [
            (next(filter(None, match.groups()), ""), match["bare"] is None)
            for match in _WORDS.finditer(words)
        ]
        rest = [text for text, _ in found]
        if not found:
            raise BadMarkup(words)
        first, is_quoted = found[0]
        if not is_quoted and ("%" in first or first.startswith("+") or first.casefold() in OFF):
            return EVERYTHING, rest
        provider = next((p for p in self._nameable() if _is_called(p, first)), None)
        if provider is None:
            raise BadMarkup(first)
        if len(found) > 1 and found[1][1]:
            title = found[1][0].strip()
            same = [one for one in self._nameable() if one.provider.id == provider.provider.id]
            plan = called(same, title)
            if plan is None:
                raise BadMarkup(title)
            return Scope(plan=plan.id), rest[2:]
        return Scope(provider=ProviderId(provider.provider.id)), rest[1:]

    def _nameable(self) -> tuple[Plan, ...]:
        """A plan that is hidden now keeps its rule, and may get another one."""
        return (*self._catalog.plans, *self._catalog.hidden)

    async def _history(self, which: ColumnElement[bool], limit: int) -> tuple[NamedChange, ...]:
        query = (
            select(
                RuleChangeRow.__table__,
                func.coalesce(CustomerRow.name, "").label("person_name"),
            )
            .outerjoin(CustomerRow, CustomerRow.id == RuleChangeRow.by)
            .where(which)
            .order_by(RuleChangeRow.id.desc())
            .limit(limit)
        )
        async with self._database.read() as reader:
            rows = (await reader.execute(query)).all()
        return tuple(
            NamedChange(
                _change(row), self.name_of(_change(row).scope), row.person_name or str(row.by)
            )
            for row in rows
        )


def _is_called(plan: Plan, word: str) -> bool:
    names = {plan.provider.code.casefold(), plan.provider.name.casefold()}
    return word.casefold() in names | {name.replace(" ", "") for name in names}


def _name(plan: Plan) -> str:
    return f"{plan.provider.name} {plan.title}"


def _change(row: Row[Any]) -> RuleChange:
    rule = None
    if row.percent_bp is not None:
        rule = Rule(row.percent_bp, Money(row.fixed_micros), Money(row.least_micros))
    return RuleChange(
        RuleChangeId(row.id), Scope(row.provider_id, row.plan_id), rule, row.by, row.at
    )

"""Formats: how each customer has proxies written, remembered."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from bot.db.models import FormatRow
from bot.db.session import Database
from bot.domain.errors import NotFound
from bot.domain.formats import Format, Formatting, is_template
from bot.domain.orders import CustomerId


class Formats:
    """What customers chose, for what they bought and for what they will buy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, customer: CustomerId) -> Formatting:
        """The customer's choice; a line for one who never chose."""
        query = select(FormatRow.format, FormatRow.template).where(
            FormatRow.customer_id == customer
        )
        async with self._database.read() as reader:
            row = (await reader.execute(query)).one_or_none()
        return Formatting() if row is None else Formatting(Format(row.format), row.template)

    async def choose(self, customer: CustomerId, chosen: Format) -> Formatting:
        """Write proxies so from now on; `NotFound` for a template that is not there yet."""
        now = await self.of(customer)
        if chosen is Format.OWN and now.template is None:
            raise NotFound
        return await self._keep(customer, Formatting(chosen, now.template))

    async def use_template(self, customer: CustomerId, template: str) -> Formatting:
        """Write proxies in the customer's own template from now on."""
        if not is_template(template):
            raise ValueError("not a template")
        return await self._keep(customer, Formatting(Format.OWN, template))

    async def _keep(self, customer: CustomerId, chosen: Formatting) -> Formatting:
        values = {"format": chosen.format, "template": chosen.template}
        async with self._database.write() as tx:
            known = await tx.scalar(
                update(FormatRow)
                .where(FormatRow.customer_id == customer)
                .values(**values)
                .returning(FormatRow.customer_id)
            )
            if known is None:
                await tx.execute(insert(FormatRow).values(customer_id=customer, **values))
        return chosen

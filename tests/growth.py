"""What costs more as a shop grows: steps of statements that go through a whole table."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from sqlalchemy import event

from tests.bench import Bench


async def growing(bench: Bench, act: Awaitable[object]) -> list[str]:
    """The steps of what is asked of the database that cost more as the shop grows.

    Each statement is looked at with its values bound, as it is run.
    """
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        asked.append((statement, values))

    engines = [bench.shop.database.writer.sync_engine, bench.shop.database._reader.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        await act
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    steps = []
    async with bench.shop.database.read() as reader:
        for statement, values in asked:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                plan = await reader.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                steps += [row.detail for row in plan.all()]
    # How many lanes and providers there are is up to the owner, and a page's parts are cut short.
    few = (
        "SCAN lanes",
        "SCAN providers",
        "SCAN stops",
        "SCAN CONSTANT",
        "SCAN alembic",
        "SCAN (",
        "SCAN anon_",
    )
    return [step for step in steps if _grows(step) and not step.startswith(few)]


def _grows(step: str) -> bool:
    # All that a lane ever placed is nearly as much as all there is.
    return "SCAN" in step or "TEMP" in step or step.endswith("(lane_id=?)")

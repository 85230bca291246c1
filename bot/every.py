"""A job that runs for ever, with a pause after each run."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog

log: Final = structlog.stdlib.get_logger(__name__)


async def every(
    seconds: float,
    job: Callable[[], Awaitable[object]],
    *,
    name: str,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> NoReturn:
    """Run the job at once and then after each pause, until cancelled; a failed run is logged."""
    while True:
        try:
            await job()
        except Exception:
            # One bad run must not end a job that money waits for.
            log.exception("job failed", job=name)
        await sleep(seconds)

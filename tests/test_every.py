"""A job that runs for ever."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from bot.every import every


class Enough(BaseException):
    """Ends the endless loop of a test."""


def pauses(count: int) -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """Give a record of the pauses asked for, and a sleep that takes no time and ends the last."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == count:
            raise Enough

    return asked, sleep


async def test_a_job_runs_at_once_and_after_each_pause() -> None:
    runs: list[str] = []
    asked, sleep = pauses(3)

    async def job() -> None:
        runs.append("run")

    with pytest.raises(Enough):
        await every(5, job, name="catalogue", sleep=sleep)

    assert runs == ["run"] * 3
    assert asked == [5, 5, 5]


async def test_a_failed_run_is_logged_with_its_traceback_and_the_next_one_comes() -> None:
    runs: list[str] = []
    _, sleep = pauses(2)

    async def job() -> None:
        runs.append("run")
        if len(runs) == 1:
            raise ConnectionError

    with capture_logs() as logs, pytest.raises(Enough):
        await every(5, job, name="catalogue", sleep=sleep)

    assert runs == ["run", "run"]
    assert [(line["event"], line["job"], line["exc_info"]) for line in logs] == [
        ("job failed", "catalogue", True)
    ]


async def test_a_cancelled_job_ends_without_a_word() -> None:
    started = asyncio.Event()

    async def job() -> None:
        started.set()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(every(5, job, name="catalogue"))
            await started.wait()
            task.cancel()

    assert task.cancelled()
    assert logs == []


async def test_a_pause_can_be_cancelled() -> None:
    pausing = asyncio.Event()

    async def job() -> None:
        pass

    async def sleep(seconds: float) -> None:
        pausing.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(every(5, job, name="catalogue", sleep=sleep))
        await pausing.wait()
        task.cancel()

    assert task.cancelled()

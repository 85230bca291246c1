"""What every test of a handler may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from tests.inline import no_threads  # noqa: F401 - a fixture of every test here


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    """The log as the shop writes it: without the values of variables, which hold secrets."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    yield
    structlog.reset_defaults()

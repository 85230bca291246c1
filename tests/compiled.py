"""One cache of compiled statements for all the engines of a test process.

SQLAlchemy keeps one per engine, and every test opens a shop, so engines, of its own: compiling
the same statements anew would be a quarter of the suite's work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from bot.db import session


class Compiled(dict[Any, Any]):
    """Statements by the kind of database: two engines of one kind compile the same."""

    def get(self, key: Any, default: Any = None) -> Any:
        """What was compiled for this kind of database, or `default`."""
        return super().get(_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_kind(key), compiled)


def _kind(key: Any) -> Any:
    dialect, *rest = key
    return type(dialect), *rest


_COMPILED = Compiled()


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let the shops that are opened from here on share what they compile."""
    shared = partial(create_async_engine, execution_options={"compiled_cache": _COMPILED})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_async_engine", shared)
        yield

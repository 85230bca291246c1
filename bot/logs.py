"""Logs: one line an event, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

import structlog

# What a bot token, an upstream's key and a header look like, wherever they turn up.
_SECRETS = re.compile(
    r"\d{6,}:[\w-]{30,}|gpk_\w+|sk_live_\w+|Bearer\s+\S+|api_token=[^&\s]+|://[^/\s:@]+:[^/\s@]+@"
)
_MASK = "•••"
_SHORTEST = 6
"""Shorter values would mask ordinary words."""


def configure(log_format: str, secrets: Iterable[str] = ()) -> None:
    """Send every log of the process to standard error, `text` or `json`, with secrets masked."""
    redact = _Redact(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Any = structlog.processors.JSONRenderer()
    if log_format == "text":
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    last = [structlog.processors.format_exc_info, render] if log_format == "json" else [render]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, redact],
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # These print whole URLs and updates: addresses of usage checks hold proxy usernames.
    for name in ("httpx", "httpcore", "aiogram.event", "aiogram.dispatcher", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Redact:
    """The last step of every line: after it nothing is added."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted((s for s in secrets if len(s) >= _SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _: Any, __: str, line: Any) -> str:
        text = str(line)
        if self._known is not None:
            text = self._known.sub(_MASK, text)
        return _SECRETS.sub(_MASK, text)

"""Time as the shop reads it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The time of day and, for what must not follow a corrected clock, time that only grows."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since the machine started, those it slept through included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

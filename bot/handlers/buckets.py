"""Token buckets: how often somebody may do something."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from bot.domain.clock import Clock


class Buckets:
    """One bucket per key: `burst` at once, then `per_second`. Long unused keys are forgotten."""

    def __init__(
        self, clock: Clock, *, burst: float, per_second: float, most: int = 10_000
    ) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._most = most
        self._full: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Take one, if there is one."""
        tokens = self._tokens(key)
        if tokens < 1:
            return False
        self._full[key] = (tokens - 1, self._clock.elapsed())
        self._full.move_to_end(key)
        if len(self._full) > self._most:
            self._full.popitem(last=False)
        return True

    def has(self, key: Hashable) -> bool:
        """Whether `take` would succeed now."""
        return self._tokens(key) >= 1

    def _tokens(self, key: Hashable) -> float:
        now = self._clock.elapsed()
        tokens, at = self._full.get(key, (self._burst, now))
        return min(self._burst, tokens + (now - at) * self._per_second)

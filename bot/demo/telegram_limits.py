"""Limits of how much a bot may send, for those who ask to be held to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

# What Telegram's FAQ names; it allows bursts without saying how long ones.
_CHAT_A_SECOND = 1.0
_CHAT_BURST = 3.0
_GROUP_A_SECOND = 20 / 60
_GROUP_BURST = 20.0
_ALL_A_SECOND = 30.0
_ALL_BURST = 30.0
# Not sure that edits count like messages everywhere; bots see them refused in the same words.
_COUNTED = ("send", "edit", "copy", "forward")
_UNCOUNTED = ("sendchataction",)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float

    def wait(self, now: float, a_second: float, burst: float) -> float:
        """Seconds until there is a token; it is not taken yet."""
        self.tokens = min(self.tokens + (now - self.at) * a_second, burst)
        self.at = now
        return max(1.0 - self.tokens, 0.0) / a_second


class Limits:
    """One message a second to a person, 20 a minute to a group, 30 a second in all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._chats: dict[int, _Bucket] = {}
        self._all = _Bucket(_ALL_BURST, clock())

    def seconds_to_wait(self, method: str, chat_id: int) -> int:
        """Zero if this call may pass, which counts it; else what 429 says to wait."""
        name = method.lower()
        if not chat_id or not name.startswith(_COUNTED) or name in _UNCOUNTED:
            return 0
        now = self._clock()
        is_group = chat_id < 0
        a_second = _GROUP_A_SECOND if is_group else _CHAT_A_SECOND
        burst = _GROUP_BURST if is_group else _CHAT_BURST
        chat = self._chats.setdefault(chat_id, _Bucket(burst, now))
        wait = max(chat.wait(now, a_second, burst), self._all.wait(now, _ALL_A_SECOND, _ALL_BURST))
        if wait > 0:
            return math.ceil(wait)
        chat.tokens -= 1
        self._all.tokens -= 1
        return 0

"""What every pretended upstream does: it answers, remembers what was asked, and misbehaves."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import httpx


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """One request that arrived; `status` is None where no answer left."""

    at: float
    method: str
    path: str
    token: str | None = field(repr=False)
    status: int | None


@dataclass(slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next `times` requests of this method and path pattern.

    Without `is_done` nothing happens on the pretended side. The usual ones:

        Fault(error=httpx.ConnectError("refused"))            the request never left
        Fault(error=httpx.ReadTimeout("lost"))                lost before the order was made
        Fault(error=httpx.ReadTimeout("lost"), is_done=True)  made, and the answer lost
        Fault(status=502, code="provider_error")              their refusal, nothing made
        Fault(status=502, body="<html>", is_done=True)        made, and an edge's page came back
        Fault(cut=40)                                         made, and the answer cut off
        Fault(delay=3.0)                                      made after a while
        Fault(pending=2)                                      made; credentials at the second poll
    """

    method: str | None = "POST"
    """None fits every method."""
    path: str = "*"
    times: int = 1
    delay: float = 0.0
    """Seconds of `sleep` before anything is done; the token is busy meanwhile."""
    error: Exception | None = None
    status: int | None = None
    code: str | None = None
    """Makes an answer in the documented error envelope."""
    body: str | bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    cut: int | None = None
    pending: int = 0
    word: str = "completed"
    works_for: float = 0.0
    """Seconds by the clock until the order exists; the token is busy for others until then."""

    def fits(self, method: str, path: str) -> bool:
        """Whether this fault is meant for such a request."""
        return self.method in {None, method} and fnmatchcase(path, self.path)


class Pretence:
    """What every pretended upstream does: answers requests, remembers them, and misbehaves.

    One of them says what it answers in `_answer`, and how it refuses in `refuse`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 1,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._seed = seed
        self.requests: list[SandboxRequest] = []
        self.faults: list[Fault] = []

    def refuse(self, status: int, code: str) -> httpx.Response:
        """A refusal in the company's own form."""
        raise NotImplementedError

    async def _answer(
        self, request: httpx.Request, path: str, token: str | None, fault: Fault
    ) -> httpx.Response:
        raise NotImplementedError

    def count(self, method: str, path: str = "*") -> int:
        """How many requests of this method and path pattern arrived."""
        return sum(
            request.method == method and fnmatchcase(request.path, path)
            for request in self.requests
        )

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; raises an httpx error where a fault says that none gets through."""
        # The undecoded path: a username may hold an encoded slash.
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or None
        fault = self._fault(request.method, path)
        status = None
        try:
            response = await self._faulty(request, path, token, fault)
            status = response.status_code
            return response
        finally:
            seen = SandboxRequest(self._clock(), request.method, path, token, status)
            self.requests.append(seen)

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.fits(method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    async def _faulty(
        self, request: httpx.Request, path: str, token: str | None, fault: Fault | None
    ) -> httpx.Response:
        if fault is None:
            return await self._answer(request, path, token, Fault())
        replaced = fault.error or fault.status or fault.code or fault.body is not None
        if not replaced or fault.is_done:
            response = await self._answer(request, path, token, fault)
        else:
            if fault.delay:
                await self._sleep(fault.delay)
            response = httpx.Response(200)
        if fault.error is not None:
            raise fault.error
        if fault.code is not None:
            response = self.refuse(fault.status or 400, fault.code)
        elif replaced:
            response = httpx.Response(fault.status or 200, content=fault.body or b"")
        if fault.cut is not None:
            kept = response.content[: fault.cut]
            response = httpx.Response(response.status_code, content=kept)
        response.headers.update(fault.headers)
        return response

    def _letters(self, number: int, what: str, length: int) -> str:
        """Chance that repeats itself: the same for the same seed, order and purpose."""
        return hashlib.sha256(f"{self._seed} {number} {what}".encode()).hexdigest()[:length]

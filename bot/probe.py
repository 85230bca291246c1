"""The `probe` command: how each upstream account answers, and what that means for selling."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from bot.app import account_name, accounts
from bot.domain.catalog import UsageByApi
from bot.domain.errors import UpstreamError
from bot.settings import Settings
from bot.upstreams.base import Listed, PriceList, Progress, Upstream
from bot.upstreams.http import Answer
from bot.upstreams.outlines import Outline

_TAKES_TAGS: Final = {"statproxies"}
_STEP: Final = re.compile(r"[a-z]{1,20}", re.ASCII)
_OF_TIMES: Final = re.compile(r"(?:.*_)?(?:at|on|date|time|timestamp|created)", re.ASCII)
_EARLIEST: Final = 1_000_000_000
"""A whole number below this is no time in seconds."""

T = TypeVar("T")


async def probe(settings: Settings) -> int:
    """Read what each account answers, print its outline and what follows from it.

    Read calls alone: nothing is bought, nothing is written, and no database is opened. What is
    masked, and what is not, is said at `Outline`. 0 when the order list of each account can be
    read, without which the bot sells nothing from it; else 1.
    """
    answers = Answers()
    found = [account.upstream for account in accounts(settings, seen=answers.see)]
    if not found:
        print("nothing to probe: GATEPROXY_TOKENS and STATPROXIES_KEY are empty")
        return 1
    are_listed = []
    for number, upstream in enumerate(found, start=1):
        print(f"{account_name(number, upstream)}\n")
        try:
            are_listed.append(await AccountProbe(upstream, answers).run())
        finally:
            await upstream.close()
    is_fine = all(are_listed)
    print(
        "probe: every order list can be read"
        if is_fine
        else "probe: not every order list can be read"
    )
    return 0 if is_fine else 1


class Answers:
    """What upstreams answered since somebody last looked."""

    def __init__(self) -> None:
        self._seen: dict[str, Answer] = {}

    def see(self, path: str, answer: Answer) -> None:
        """Keep an answer; of one path, the last."""
        self._seen[path] = answer

    def take(self) -> dict[str, Answer]:
        """Everything new, by its path."""
        taken, self._seen = self._seen, {}
        return taken


class AccountProbe:
    """Asks one account step by step, and prints how it answers."""

    def __init__(self, upstream: Upstream, answers: Answers) -> None:
        self._upstream = upstream
        self._answers = answers
        self._outline = Outline()
        self._facts: list[str] = []

    async def run(self) -> bool:
        """Ask for all that can be asked; whether the order list could be read."""
        upstream = self._upstream
        if upstream.balance is not None:
            self._draw("balance", await _tried(upstream.balance.read()))
        lists = await _tried(upstream.plans())
        if not isinstance(lists, UpstreamError):
            self._outline = _outline(lists)
        self._draw("providers and prices", lists)
        page = await _tried(upstream.recent(1))
        answers = self._draw("order list, page 1", page)
        if isinstance(page, UpstreamError):
            self._say("no", "order list", "nothing is sold from this account until it can be read")
        else:
            count = f"order list, {len(page.orders)} on page 1"
            self._say("yes", count, "the bot may sell, and looks there for a lost answer")
            self._about_rows(page.orders, answers)
            await self._about_one(page.orders, () if isinstance(lists, UpstreamError) else lists)
        print("  what is supported, and what follows for selling")
        print("".join(f"    {fact}\n" for fact in self._facts))
        return not isinstance(page, UpstreamError)

    def _say(self, word: str, what: str, follows: str) -> None:
        self._facts.append(f"{word:<8} {what}: {follows}")

    def _draw(self, what: str, result: object, reference: str = "") -> tuple[Answer, ...]:
        """Print the outline of everything that was just answered; `reference` is in its path."""
        answers = self._answers.take()
        if answers or isinstance(result, UpstreamError):
            print(f"  {what}")
        for path, answer in answers.items():
            print(f"    GET {self._shown(path, reference)} answers {answer.status}")
            for line in self._outline.of(answer.data):
                print(f"      {line}")
        if isinstance(result, UpstreamError):
            print(f"    the bot cannot use that: {result.code}")
        if answers or isinstance(result, UpstreamError):
            print()
        return tuple(answers.values())

    def _shown(self, path: str, reference: str) -> str:
        """A path without what belongs to one order."""
        known = {*self._outline.providers, *self._outline.plans}
        steps = [
            step if step != reference and (step in known or _STEP.fullmatch(step)) else "{…}"
            for step in path.strip("/").split("/")
        ]
        return "/" + "/".join(steps)

    def _about_rows(self, orders: Sequence[Listed], answers: Sequence[Answer]) -> None:
        if not orders:
            what = "plan, time and tag in the list"
            self._say("unknown", what, "there is no order yet; probe again after the first one")
            return
        if all(one.provider and one.plan for one in orders):
            follows = "while an order is in doubt, orders of other plans go on"
            self._say("yes", "the list names plans", follows)
        else:
            follows = "while an order is in doubt, the whole account waits"
            self._say("no", "the list names plans", follows)
        has_time = any(_tells_time(answer.data) for answer in answers)
        follows = "the bot needs none: the ids of orders tell what is new"
        self._say("yes" if has_time else "no", "the list tells times", follows)
        if any(one.tag for one in orders):
            follows = "a lost answer is found by it, and nothing else waits meanwhile"
            self._say("yes", "our tag in the list", follows)
        elif self._upstream.name in _TAKES_TAGS:
            follows = "no order here has one; the bot finds out with the first that it sells"
            self._say("unknown", "our tag in the list", follows)
        else:
            follows = "a lost answer is found by comparing lists"
            self._say("no", "our tag in the list", follows)

    async def _about_one(self, orders: Sequence[Listed], lists: Sequence[PriceList]) -> None:
        upstream = self._upstream
        by_hand = "you deliver by hand what is found or sold without them"
        if not upstream.tells_credentials:
            what = "credentials of an order, because STATPROXIES_ORDER_PATH is empty"
            self._say("no", what, "you deliver every order by hand")
        elif (one := _first(orders)) is None:
            self._say("unknown", "credentials of an order", "there is no whole order to ask for")
        else:
            made = await _tried(upstream.order(one.reference, one.provider or "", one.plan or ""))
            self._draw("one order", made, one.reference)
            if isinstance(made, UpstreamError) or made.delivery is None:
                self._say("no", "credentials of an order", by_hand)
            else:
                self._say("yes", "credentials of an order", "the bot delivers what it finds")
        if upstream.usage is None:
            self._say("no", "usage", "customers are told that there is no check")
            return
        tellers = {one.provider for one in lists if isinstance(one.usage, UsageByApi)}
        told = _first([one for one in orders if one.provider in tellers])
        if told is None:
            self._say("unknown", "usage", "there is no order of a provider that tells it")
            return
        usage = await _tried(upstream.usage.of_order(told.reference))
        self._draw("usage of one order", usage, told.reference)
        if isinstance(usage, UpstreamError):
            self._say("no", "usage", "customers read that it cannot be told now")
        else:
            self._say("yes", "usage", "customers see what is used and left")


async def _tried(call: Awaitable[T]) -> T | UpstreamError:
    try:
        return await call
    except UpstreamError as error:
        return error


def _outline(lists: Sequence[PriceList]) -> Outline:
    """What a price list names is known to everybody who buys there."""
    return Outline(
        providers={name for one in lists for name in (one.provider, one.name)},
        plans={priced.code for one in lists for priced in one.plans or ()},
    )


def _first(orders: Sequence[Listed]) -> Listed | None:
    """An order to look at: one that is ready."""
    return next((one for one in orders if one.progress is Progress.READY and one.plan), None)


def _tells_time(data: object) -> bool:
    """Whether any field is a time, by its name and by what it holds."""
    if isinstance(data, list):
        return any(map(_tells_time, data))
    if not isinstance(data, dict):
        return False
    return any(
        _tells_time(value) or (_OF_TIMES.fullmatch(name.casefold()) and _is_time(value))
        for name, value in data.items()
    )


def _is_time(value: object) -> bool:
    match value:
        case str():
            try:
                datetime.fromisoformat(value)
            except ValueError:
                return False
            return True
        case int():
            return value >= _EARLIEST
        case _:
            return False

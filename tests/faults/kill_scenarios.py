"""What happens in a shop while it is killed: every scenario of the kill sweep.

A new one is an entry of SCENARIOS. As a command, which a process without threads must be:

    python -m tests.faults.kill_scenarios short|long|postgresql report.json [server's URL]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import httpx

from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN
from bot.upstreams.sandbox_stat import STAT_ORDER_PATH
from tests.faults.kill_sweep import (
    ALICE,
    CARL,
    DORA,
    OLGA,
    PEOPLE,
    Facts,
    Scenario,
    Swept,
    sweep,
    sweep_migrations,
)
from tests.faults.kill_world import Step, World, leaves, meanwhile, says, taps, waits_for

# Dora's order is the first, Alice's the second: it is the one that is killed about.
ORDER: Final = "#2"
PRICE: Final = 4_030_000
STAT_PRICE: Final = 2_300_000
START: Final = 50_000_000
BY_HAND: Final = "proxy.example:8080:alice:by-hand-2718"
EXCHANGED: Final = "other.example:8080:alice:by-hand-3141"

BUYS: Final = (
    "commit orders.accept before",
    "commit orders.accept after",
    "commit placing.claim before",
    "commit placing.claim after",
    "upstream POST /orders before",
    "upstream POST /orders after",
    "telegram answerCallbackQuery before",
    "telegram editMessageText after",
    "telegram getUpdates after",
)
DELIVERS: Final = (
    "commit placing.settle before",
    "commit placing.settle after",
    "telegram sendMessage before",
    "telegram sendMessage after",
    "commit outbox.sent before",
    "commit outbox.sent after",
)
RELEASES: Final = ("commit placing.release before", "commit placing.release after")
BUYS_PIECES: Final = (
    "commit orders.accept before",
    "commit placing.claim after",
    "upstream POST /order/newscale before",
    "upstream POST /order/newscale after",
    "commit placing.settle before",
    "commit placing.settle after",
)
CANCELS: Final = (
    "upstream DELETE /order/delete/{id}/captcha before",
    "upstream DELETE /order/delete/{id}/captcha after",
    "commit cancellations.step before",
    "commit cancellations.step after",
)
EXCHANGES: Final = (
    "commit exchanges.ask before",
    "commit exchanges.ask after",
    "upstream POST /order/exchange/{id} before",
    "upstream POST /order/exchange/{id} after",
    "commit exchange_moves.begin before",
    "commit exchange_moves.begin after",
    "upstream GET /order/fetch/captcha/{id} before",
    "upstream GET /order/fetch/captcha/{id} after",
)


def _faults(*faults: Fault) -> Step:
    return meanwhile("the upstream misbehaves", lambda w: w.sandbox.faults.extend(faults))


def _stat_faults(*faults: Fault) -> Step:
    return meanwhile("StatProxies misbehaves", lambda w: w.stat.faults.extend(faults))


def _time(seconds: float) -> Step:
    return meanwhile("time passes", lambda w: w.clock.turn(seconds))


def _topped_up(person_id: int, amount: str) -> tuple[Step, ...]:
    return (
        says(OLGA, f"/topup {person_id} {amount}", "Nothing happens until"),
        taps(OLGA, "Confirm", "Done."),
    )


BASE: Final = (
    *(says(person, "/start") for person in PEOPLE),
    *(step for person in (ALICE, CARL, DORA) for step in _topped_up(person.id, "50")),
    says(DORA, "/browse", "NodeMaven"),
    taps(DORA, "NodeMaven", "NodeMaven"),
    taps(DORA, "500 MB", "500 MB"),
    taps(DORA, "Buy", "#1"),
    waits_for(DORA, "Password:"),
    # The next listing shows an order of ours, so the lane tells plans apart from then on.
    _time(301),
    says(ALICE, "/browse", "NodeMaven"),
    taps(ALICE, "NodeMaven", "NodeMaven"),
    taps(ALICE, "1 GB", "1 GB", "Price:"),
)
"""A shop with customers, money and a sale, and Alice about to buy: every scenario begins here."""

BUY: Final = taps(ALICE, "Buy", ORDER)
CHOOSE_PIECES: Final = (
    says(ALICE, "/browse", "Stat Proxies"),
    taps(ALICE, "Stat Proxies", "Stat Proxies"),
    taps(ALICE, "ISP for captchas", "ISP for captchas"),
)
"""Alice about to buy one piece of a subscription."""
BUY_PIECES: Final = taps(ALICE, "Buy 1", ORDER)
HAS_PIECES: Final = (*CHOOSE_PIECES, BUY_PIECES, waits_for(ALICE, "Password:"))
WISH: Final = (
    says(ALICE, "/orders", ORDER),
    taps(ALICE, ORDER, f"Order {ORDER}"),
    taps(ALICE, "Exchange all", "Exchange every proxy"),
)
"""Alice before the confirm screen of an exchange."""
EXCHANGE: Final = taps(ALICE, "Exchange all", "exchange", ORDER)


def _money(change: int) -> Callable[[World, Facts], list[str]]:
    """Alice must have this much more than at first, to the micro-unit."""

    def check(_: World, end: Facts) -> list[str]:
        found = next(w["balance"] for w in end["wallets"] if w["customer_id"] == ALICE.id)
        return [] if found == START + change else [f"Alice has {found - START}, not {change}"]

    return check


def _once(state: str, change: int) -> Callable[[World, Facts], list[str]]:
    """Alice must have one order, which ended like this."""

    def check(world: World, end: Facts) -> list[str]:
        states = [one["state"] for one in end["orders"] if one["customer_id"] == ALICE.id]
        wrong = [] if states == [state] else [f"Alice's orders are {states}, not {state}"]
        return wrong + _money(change)(world, end)

    return check


def _as_made(world: World, end: Facts) -> list[str]:
    """Alice must have what was made for her, or her money where nothing was."""
    is_made = any(
        (one.provider, one.plan) == ("nodemaven", "1") and one.reference not in world.foreign
        for one in world.sandbox.orders
    )
    return (_once("delivered", -PRICE) if is_made else _once("released", 0))(world, end)


def _delivered_or_released(world: World, end: Facts) -> list[str]:
    """Alice must have one order, which ended well or was given back."""
    states = [one["state"] for one in end["orders"] if one["customer_id"] == ALICE.id]
    match states:
        case ["delivered"]:
            return _money(-PRICE)(world, end)
        case ["released"]:
            return _money(0)(world, end)
        case _:
            return [f"Alice's orders are {states}"]


def _never_charged(world: World, end: Facts) -> list[str]:
    """The price rose: whatever Alice was told, she paid nothing."""
    states = [one["state"] for one in end["orders"] if one["customer_id"] == ALICE.id]
    wrong = [] if states in ([], ["released"]) else [f"Alice's orders are {states}"]
    told = world.reads(ALICE, "Not charged", ORDER) or world.reads(ALICE, "5.75")
    return wrong + ([] if told else ["Alice does not know the new price"]) + _money(0)(world, end)


def _dearer() -> Step:
    def do(world: World) -> None:
        # Older than a minute, the shop's cost is read again before it places an order.
        world.sandbox.set_price("nodemaven", "1", "5.00")
        world.clock.turn(61)
        world.press(ALICE, "Buy")

    return Step("the price rises, and Alice taps Buy", do, lambda w: w.reads_anew(ALICE))


def _lost(*, made: bool) -> Fault:
    return Fault(error=httpx.ReadTimeout("lost"), is_done=made)


def _owner_opens(label: str, *answer: str) -> tuple[Step, ...]:
    return (
        says(OLGA, f"/order {ORDER.removeprefix('#')}", ORDER),
        taps(OLGA, label, *answer),
    )


def _in_review() -> tuple[Step, ...]:
    """The upstream took the order, and then says that it failed."""
    return (_faults(Fault(word="failed")), BUY, waits_for(OLGA, "needs you", ORDER))


def _elsewhere() -> Step:
    return meanwhile(
        "somebody else buys the same", lambda w: w.buy_elsewhere("nodemaven", "1", TOKEN)
    )


def _binds() -> Step:
    def do(world: World) -> None:
        mine = next(
            one.reference
            for one in world.sandbox.orders
            if one.plan == "1" and one.reference not in world.foreign
        )
        world.press(OLGA, f"Bind {mine}")

    return Step("Olga binds Alice's order", do, lambda w: w.reads_anew(OLGA))


def _pastes(line: str = BY_HAND) -> Step:
    """Olga is content with an answer, and with what she sees when she looks at it again."""

    def is_done(world: World) -> bool:
        return world.reads_anew(OLGA, ORDER) or world.reads(ALICE, line.rpartition(":")[2])

    return replace(says(OLGA, line), done=is_done)


def _was_given_by_hand(
    change: int = -PRICE, line: str = BY_HAND
) -> Callable[[World, Facts], list[str]]:
    def check(world: World, end: Facts) -> list[str]:
        told = world.reads(ALICE, line.rpartition(":")[2])
        return ([] if told else ["Alice has nothing"]) + _once("delivered", change)(world, end)

    return check


def _has_the_newest(world: World, end: Facts) -> list[str]:
    """Alice paid once, holds what the upstream gave last, and was sent it once.

    Twice where the message was on its way at the kill.
    """
    passwords = {one.password for one in world.goods if one.provider == "statproxies"}
    sent = [one for one in world.messages(ALICE) if "Password:" in one.text]
    holding = [one for one in sent if any(password in one.text for password in passwords)]
    found = [] if holding and sent[-1] in holding else ["Alice holds proxies that are gone"]
    found += [f"Alice was sent the same {len(holding)} times"] if len(holding) > 2 else []
    return found + _once("delivered", -STAT_PRICE)(world, end)


def _pieces_as_made(world: World, end: Facts) -> list[str]:
    """Alice must have the one piece that was made for her, or her money where none was."""
    if not world.pieces:
        return _once("released", 0)(world, end)
    return _has_the_newest(world, end)


def _markup_is_set_once(_: World, end: Facts) -> list[str]:
    count = len(end["rule_changes"])
    told = sum('"markup_moved"' in one["notice"] for one in end["outbox"])
    return [] if (count, told) == (1, 1) else [f"{count} rules were set, and {told} told"]


def _moved_once(kind: str, change: int) -> Callable[[World, Facts], list[str]]:
    def check(world: World, end: Facts) -> list[str]:
        told = sum(
            one["chat_id"] == ALICE.id and '"wallet_changed"' in one["notice"]
            for one in end["outbox"]
        )
        wrong = [] if told == 2 else [f"Alice was told {told} times, with the first one"]
        return wrong + _money(change)(world, end)

    return check


SCENARIOS: Final = (
    Scenario(
        "buy",
        (BUY,),
        expect=_as_made,
        essential=(*BUYS, *DELIVERS),
    ),
    Scenario(
        "lost answer",
        (_faults(_lost(made=True)), BUY),
        expect=_as_made,
        essential=(
            *BUYS,
            *DELIVERS,
            "commit placing.doubt before",
            "commit placing.doubt after",
            "upstream GET /orders before",
            "upstream GET /orders/{id} after",
        ),
    ),
    Scenario(
        "preparing",
        (_faults(Fault(pending=2)), BUY),
        expect=_as_made,
        essential=(
            *BUYS,
            *DELIVERS,
            "commit placing.poll_again before",
            "upstream GET /orders/{id} before",
        ),
    ),
    Scenario(
        "top-up",
        (
            says(OLGA, f"/topup {ALICE.id} 25 thanks", "Nothing happens until"),
            taps(OLGA, "Confirm", "Done."),
        ),
        expect=_moved_once("topup", 25_000_000),
        essential=(
            "commit wallets.preview before",
            "commit wallets.confirm before",
            "commit wallets.confirm after",
            "telegram sendMessage before",
            "commit outbox.sent after",
        ),
    ),
    Scenario(
        "refund",
        (
            *_owner_opens("Refund", "Why is order"),
            says(OLGA, "it does not work", "Refund order"),
            taps(OLGA, "Confirm", "refunded"),
        ),
        (BUY, waits_for(ALICE, "Password:")),
        _once("refunded", 0),
        essential=(
            "commit customers.remember before",
            "commit cases.preview_refund before",
            "commit cases.refund before",
            "commit cases.refund after",
            "telegram sendMessage after",
            "commit outbox.sent before",
        ),
    ),
    Scenario(
        "review: by hand",
        (
            *_owner_opens("Deliver by hand", "Paste what the customer gets"),
            _pastes(),
        ),
        _in_review(),
        _was_given_by_hand(),
        essential=(
            "commit cases.hand_over before",
            "commit cases.hand_over after",
            *DELIVERS[2:],
        ),
    ),
    Scenario(
        "exchange",
        (EXCHANGE,),
        (*HAS_PIECES, *WISH),
        _has_the_newest,
        essential=(*EXCHANGES, *DELIVERS[2:]),
        stat_path=STAT_ORDER_PATH,
    ),
    Scenario(
        "exchange: lost answer",
        (EXCHANGE,),
        (
            *HAS_PIECES,
            *WISH,
            _stat_faults(
                Fault(path="*/exchange/*", error=httpx.ReadTimeout("lost"), is_done=True),
                Fault(method="GET", path="*/fetch/*", status=500, code="x", times=2),
            ),
        ),
        _has_the_newest,
        essential=(*EXCHANGES, "telegram sendMessage after #2"),
        stat_path=STAT_ORDER_PATH,
    ),
    Scenario(
        "exchange: by hand",
        (taps(OLGA, "Deliver by hand", "Paste"), _pastes(EXCHANGED)),
        (
            *CHOOSE_PIECES,
            BUY_PIECES,
            waits_for(OLGA, "waits for you to deliver", ORDER),
            taps(OLGA, "Deliver by hand", "Paste"),
            _pastes(),
            waits_for(ALICE, BY_HAND.rpartition(":")[2]),
            *WISH,
            EXCHANGE,
            waits_for(OLGA, "was exchanged, or may have been"),
            leaves(),
        ),
        _was_given_by_hand(-STAT_PRICE, EXCHANGED),
        essential=("commit exchange_moves.replace before", "commit exchange_moves.replace after"),
        stat_path="",
    ),
    Scenario(
        "pieces",
        (BUY_PIECES,),
        CHOOSE_PIECES,
        _pieces_as_made,
        essential=(*BUYS_PIECES, *CANCELS, *DELIVERS[2:]),
        stat_path=STAT_ORDER_PATH,
    ),
    Scenario(
        "pieces: lost answers",
        (
            _stat_faults(
                Fault(path="*/newscale", error=httpx.ReadTimeout("lost"), is_done=True),
                Fault(method="DELETE", error=httpx.ReadTimeout("lost"), is_done=True),
            ),
            BUY_PIECES,
        ),
        CHOOSE_PIECES,
        _pieces_as_made,
        essential=(
            *BUYS_PIECES,
            *CANCELS,
            "commit placing.doubt after",
            "upstream GET /order/list after",
        ),
        stat_path=STAT_ORDER_PATH,
    ),
    Scenario(
        "pieces: by hand",
        (taps(OLGA, "Deliver by hand", "Paste"), _pastes()),
        (
            *CHOOSE_PIECES,
            BUY_PIECES,
            waits_for(OLGA, "waits for you to deliver", ORDER),
            leaves(),
        ),
        _was_given_by_hand(-STAT_PRICE),
        essential=("commit cases.hand_over before", "commit cases.hand_over after", *CANCELS),
        stat_path="",
    ),
    Scenario(
        "lost request",
        (_faults(_lost(made=False)), BUY),
        expect=_as_made,
        essential=(*BUYS, "commit placing.doubt after", *RELEASES),
    ),
    Scenario(
        "another order runs",
        (_faults(Fault(status=409, code="order_processing", times=2)), BUY),
        expect=_as_made,
        essential=(
            *BUYS,
            *DELIVERS,
            "commit placing.back_in_line before",
            "commit placing.back_in_line after",
            "upstream POST /orders before #3",
        ),
    ),
    Scenario(
        "the price rises",
        (_dearer(),),
        expect=_never_charged,
        essential=(
            "commit orders.accept after",
            "upstream GET /providers/nodemaven/pricing before",
            "commit catalog.refresh after",
            *RELEASES,
        ),
    ),
    Scenario(
        "review: bind",
        (*_owner_opens("Bind", "Which of these"), _binds()),
        (
            _faults(_lost(made=True)),
            BUY,
            _elsewhere(),
            waits_for(OLGA, "needs you", ORDER),
        ),
        _once("delivered", -PRICE),
        essential=(
            "commit cases.bind before",
            "commit cases.bind after",
            "commit placing.settle before",
            "commit strays.watch before",
        ),
        strays=1,
    ),
    Scenario(
        "review: give back",
        (*_owner_opens("Give money back", "Give the money"), taps(OLGA, "Give back", ORDER)),
        _in_review(),
        _once("released", 0),
        essential=("commit cases.give_back before", "commit cases.give_back after"),
        # What failed there was paid for there: it is written off.
        strays=1,
    ),
    Scenario(
        "review: keep waiting",
        (
            meanwhile("the list can be read again", lambda w: w.sandbox.faults.clear()),
            *_owner_opens("Keep waiting", ORDER),
        ),
        (
            _faults(_lost(made=True)),
            BUY,
            _faults(Fault(method="GET", path="/orders", status=500, times=1_000_000)),
            waits_for(OLGA, "needs you", ORDER),
        ),
        _once("delivered", -PRICE),
        essential=(
            "commit cases.keep_waiting before",
            "commit cases.keep_waiting after",
            "commit placing.settle after",
        ),
    ),
    Scenario(
        "debit",
        (
            says(OLGA, f"/debit {ALICE.id} 5 mistake", "Nothing happens until"),
            taps(OLGA, "Confirm", "Done."),
        ),
        expect=_moved_once("debit", -5_000_000),
        essential=("commit wallets.confirm before", "commit wallets.confirm after"),
    ),
    Scenario(
        "markup",
        (says(OLGA, "/markup 20%", "Nothing"), taps(OLGA, "Apply")),
        expect=_markup_is_set_once,
        essential=("commit markup.apply before", "commit markup.apply after"),
    ),
    Scenario(
        "cancel in line",
        (taps(ALICE, "Cancel", ORDER),),
        (
            _faults(Fault(status=409, code="order_processing", times=12)),
            BUY,
            _time(21),
            waits_for(ALICE, "Taking longer than usual"),
            leaves(),
        ),
        _delivered_or_released,
        essential=("commit orders.cancel before", "commit orders.cancel after"),
        may_wait=True,
    ),
    Scenario(
        "killed again: sent",
        (),
        (BUY,),
        _once("delivered", -PRICE),
        essential=(
            "commit leases.take before",
            "commit placing.doubt before",
            "upstream GET /orders before",
            "commit placing.settle after",
        ),
        from_the_start=True,
        killed_at="upstream POST /orders after",
    ),
    Scenario(
        "killed again: not sent",
        (),
        (BUY,),
        _once("released", 0),
        essential=("commit placing.doubt after", *RELEASES),
        from_the_start=True,
        killed_at="upstream POST /orders before",
    ),
)

WHOLE: Final = (
    "buy", "lost answer", "preparing", "top-up", "refund", "review: by hand", "exchange",
)  # fmt: skip
"""Killed at every point whenever the tests run, at the first of those that repeat; the rest at
every third of their essential points and the last. The soak leaves nothing out."""
REST: Final = 3
MIGRATION: Final = 24
"""Of the statements of the migrations, the tests kill at every twenty-fourth."""
SLOW: Final = ("killed again: not sent", "lost request")
"""They wait for the end of a quarantine, so they are begun first."""
A_HANDFUL: Final = (
    "commit orders.accept after",
    "commit placing.claim after",
    "upstream POST /orders after",
    "commit placing.settle before",
    "commit wallets.confirm before",
    "commit wallets.confirm after",
    "commit outbox.sent before",
    "commit exchanges.ask after",
    "upstream POST /order/exchange/{id} after",
    "commit exchange_moves.replace before",
)


def _slow_first() -> list[Scenario]:
    return sorted(SCENARIOS, key=lambda one: one.name not in SLOW)


def long_form(*, postgres: str | None = None, workers: int = 2) -> Iterator[Swept]:
    """Every point of every scenario and each statement of the migrations; results as they come.

    Call it from a process without threads and without an event loop.
    """
    yield sweep_migrations(postgres=postgres)
    yield from sweep(_slow_first(), BASE, workers=workers, postgres=postgres)


def short_form(*, workers: int = 2) -> Iterator[Swept]:
    """What the test suite has time for."""

    def choose(scenario: Scenario, points: Sequence[str]) -> Sequence[str]:
        if scenario.name not in WHOLE:
            # The last one always: after a commit, what is repeated could be done twice.
            return tuple(dict.fromkeys((*scenario.essential[::REST], scenario.essential[-1])))
        # What a shop does every minute repeats: once each is enough here.
        return [point for point in points if "#" not in point]

    yield sweep_migrations(every=MIGRATION)
    yield from sweep(_slow_first(), BASE, choose=choose, workers=workers)


def on_postgresql(url: str, *, workers: int = 2) -> Iterator[Swept]:
    """A handful of kills where the other database could differ."""
    chosen = [one for one in SCENARIOS if one.name in {"buy", "top-up", "exchange"}]
    yield sweep_migrations(every=2 * MIGRATION, postgres=url)
    yield from sweep(
        chosen,
        BASE,
        choose=lambda _, points: [point for point in points if point in A_HANDFUL],
        workers=workers,
        postgres=url,
    )


def main(form: str, report: str, url: str | None = None) -> int:
    """Run a form, print a line for each scenario and write everything down."""
    begun = time.monotonic()
    swept = []
    match form:
        case "short":
            results = short_form()
        case "long":
            results = long_form(postgres=url)
        case _:
            results = on_postgresql(url or "")
    for one in results:
        swept.append(one)
        sys.stdout.write("\n".join([one.line, *(f"  {each}" for each in one.failures), ""]))
        sys.stdout.flush()
    Path(report).write_text(json.dumps([asdict(one) for one in swept]))
    kills = sum(len(one.kills) for one in swept)
    failures = sum(len(one.failures) for one in swept)
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{kills} kills in {seconds:.0f} s, {failures} failures\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

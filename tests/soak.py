"""The soak: everything that tests of faults do, in large numbers, and a page about it.

python -m tests.soak                          the release form; writes docs/proof.md
python -m tests.soak --minutes 20             as far as that goes; the rest is listed as a gap
python -m tests.soak --parts drains,drills    some of it
python -m tests.soak --minutes 30 --add       beside what the page tells of earlier runs
python -m tests.soak --seed 7                 tells one history, word for word

PostgreSQL is included where TEST_POSTGRES_URL names a server. No other machine is reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import platform
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import structlog

from tests.bench import HandClock, opened, sandbox_for, stat_sandbox_for
from tests.compiled import compiled_once
from tests.conftest import IN_MEMORY, POSTGRES, Spares, no_network
from tests.drill import drill
from tests.faults import kill_scenarios, races
from tests.faults.histories import Told, empty_database, play, tell
from tests.faults.kill_sweep import Swept, sweep

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "proof.md"
ENOUGH: Final = 100
"""So many histories must have seen every fault and move."""


@dataclass(slots=True)
class Done:
    """What a part did of what was asked, and what it found."""

    done: int = 0
    failures: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    """What there was to count beside."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How much of a part, from which seed, until which moment of `time.monotonic()`."""

    count: int
    first: int
    workers: int
    until: float


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is done many times."""

    what: str
    count: int
    """How often in a release."""
    share: int
    """Of the time, beside the others'."""
    run: Callable[[Asked], Done]


# Histories


def histories(asked: Asked) -> Done:
    """Simulated histories, side by side."""
    told = Told()
    ends = range(asked.first, asked.first + asked.count, 25)
    jobs = [range(at, min(at + 25, asked.first + asked.count)) for at in ends]
    for one in _side_by_side(partial(tell, until=asked.until), jobs, asked.workers):
        told.merge(one)
    found = Done(told.histories, list(told.failures), seen=told.seen)
    found.seen["orders"] = told.orders
    found.seen["deaths in all"] = told.deaths
    found.seen["hours of virtual time"] = int(told.seconds / 3600)
    if told.histories >= ENOUGH:
        found.failures += [f"never occurred: {one}" for one in told.missing]
    elif told.missing:
        found.gaps.append(f"{len(told.missing)} faults, acts or moves have not occurred yet")
    return found


# Kills


def kills(asked: Asked) -> Done:
    """Real kills, in a process of their own: a process with threads must not be forked."""
    found = Done()
    with TemporaryDirectory() as folder:
        report = Path(folder) / "swept"
        command = [
            sys.executable, "-m", "tests.soak", "--sweep", str(report),
            "--kills", str(asked.count), "--workers", str(asked.workers),
        ]  # fmt: skip
        log = Path(folder) / "log"
        with log.open("wb") as said:
            child = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
            try:
                child.wait(max(asked.until - time.monotonic(), 1))
            except subprocess.TimeoutExpired:
                # Its stages end with their parents.
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            else:
                if child.returncode:
                    last = log.read_text(errors="replace").strip().splitlines()[-1:]
                    found.failures.append(f"the sweep ended with {child.returncode}: {last}")
        for line in report.read_text().splitlines() if report.exists() else []:
            one = json.loads(line)
            found.done += one["kills"]
            found.failures += one["failures"]
            found.seen[f"kills in: {one['scenario']}"] += one["kills"]
    names = ("migration", *(one.name for one in kill_scenarios.SCENARIOS))
    if missing := [one for one in names if f"kills in: {one}" not in found.seen]:
        found.gaps.append(f"no kill in: {', '.join(missing)}")
    return found


def swept(report: Path, count: int, workers: int) -> None:
    """Sweep, and write a line down for each scenario as it ends."""
    scenarios = kill_scenarios.SCENARIOS
    each = max(count // len(scenarios), 1)

    def choose(_: object, points: Sequence[str]) -> Sequence[str]:
        return points[:: max(len(points) // each, 1)][:each]

    results: Iterator[Swept]
    if count >= PARTS["kills"].count:
        results = kill_scenarios.long_form(workers=workers)
    elif count >= len(scenarios):
        results = sweep(scenarios, kill_scenarios.BASE, choose=choose, workers=workers)
    else:
        few = scenarios[:count]
        results = sweep(few, kill_scenarios.BASE, choose=choose, workers=workers)
    with report.open("a") as lines:
        for one in results:
            said = {"scenario": one.scenario, "kills": len(one.kills), "failures": one.failures}
            lines.write(json.dumps(said) + "\n")
            lines.flush()


# Races


Blank = Callable[[], AbstractContextManager[str]]
"""Gives the URL of a migrated, empty database."""


@contextmanager
def _blanks(backend: str) -> Iterator[Blank]:
    if backend == "postgresql":
        with ExitStack() as made:
            yield Spares(made).one
    else:
        yield _file


@contextmanager
def _file() -> Iterator[str]:
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        file = shutil.copy(empty_database(), Path(folder) / "bot.db")
        yield f"sqlite+aiosqlite:///{file}"


def _backends(found: Done, what: str) -> tuple[str, ...]:
    if POSTGRES:
        return ("sqlite", "postgresql")
    found.gaps.append(f"{what} on PostgreSQL: TEST_POSTGRES_URL names no server")
    return ("sqlite",)


def _cut(until: float, job: tuple[str, int, int]) -> Done:
    """So many cancellations with this seed, on one database."""
    backend, seed, count = job
    chance = random.Random(seed)
    names = sorted(races.CUTS)
    found = Done()

    async def cut(url: str, name: str, turns: int) -> bool:
        clock = HandClock()
        async with opened(url, sandbox_for(clock), clock, stat_sandbox_for(clock)) as bench:
            return await races.cut_and_repeat(bench, name, turns)

    with _blanks(backend) as blank:
        while found.done < count and time.monotonic() < until:
            name, turns = names[chance.randrange(len(names))], chance.randrange(0, 300)
            try:
                # An empty shop: what the last one left behind would be found in the next.
                with blank() as url:
                    is_cut = asyncio.run(cut(url, name, turns))
            except Exception:  # noqa: BLE001 - written down, and the next one begins
                said = traceback.format_exc(limit=-2).strip()
                found.failures.append(f"{name} cut off after {turns} on {backend}: {said}")
                is_cut = True
            if is_cut:
                found.done += 1
                found.seen[f"cut off: {name}"] += 1
                found.seen[f"on {backend}"] += 1
    return found


def cancellations(asked: Asked) -> Done:
    """Work cut off at a random await, done again, and looked at."""
    found = Done()
    backends = _backends(found, "cancellations")
    each = -(-asked.count // len(backends))
    jobs = [
        (backend, asked.first + at, min(50, each - at))
        for at in range(0, each, 50)
        for backend in backends
    ]
    _add(found, _side_by_side(partial(_cut, asked.until), jobs, asked.workers))
    found.done = min(found.done, asked.count)
    return found


RACES: Final = (
    races.together, races.two_shops_at_work, races.exchanges_at_once, races.pasted_at_once,
)  # fmt: skip
"""What is run beside each drain: one of them, by turns."""


def _drain(until: float, job: tuple[str, Sequence[int]]) -> Done:
    """A drain with each of these seeds, on one database."""
    backend, seeds = job
    found = Done()
    with _blanks(backend) as blank:
        for seed in seeds:
            if time.monotonic() > until:
                break
            try:
                with blank() as url:
                    found.seen["taps"] += races.BUYERS
                    found.seen["bought"] += asyncio.run(races.drain(url, seed))
                race = RACES[seed % len(RACES)]
                with blank() as url:
                    asyncio.run(race(url, seed))
                found.seen[race.__name__.replace("_", " ")] += 1
                found.seen[f"on {backend}"] += 1
            except Exception:  # noqa: BLE001 - written down, and the next one begins
                said = traceback.format_exc(limit=-2).strip()
                found.failures.append(f"drain with seed {seed} on {backend}: {said}")
    return found


def drains(asked: Asked) -> Done:
    """Fifty taps at once on one wallet, so many times on each database."""
    found = Done()
    backends = _backends(found, "drains")
    seeds = range(asked.first, asked.first + asked.count)
    # By turns: a run that ends early has seen both.
    jobs = [(one, seeds[at : at + 10]) for at in range(0, asked.count, 10) for one in backends]
    _add(found, _side_by_side(partial(_drain, asked.until), jobs, asked.workers))
    found.done = min(found.seen[f"on {one}"] for one in backends)
    return found


# Drills and machines


def _drill(until: float, seed: int) -> Done:
    found = Done()
    if time.monotonic() > until:
        return found
    try:
        one = asyncio.run(drill(seed))
    except Exception:  # noqa: BLE001 - written down, and the next one begins
        said = traceback.format_exc(limit=-2).strip()
        found.failures.append(f"drill with seed {seed}: {said}")
    else:
        found.done = 1
        found.seen[f"disaster: {one.disaster}"] += 1
        found.seen["orders lost and found"] += one.made_later
        found.seen["orders set aside"] += one.set_aside
        found.seen["exchanges lost and named"] += one.exchanges_lost
    return found


def drills(asked: Asked) -> Done:
    """Restore drills under load."""
    found = Done()
    seeds = range(asked.first, asked.first + asked.count)
    _add(found, _side_by_side(partial(_drill, asked.until), seeds, asked.workers))
    return found


def machines(asked: Asked) -> Done:
    """The state machines of the ledger and of orders, as the test suite has them."""
    found = Done()
    folder = ROOT / "tests" / "machines"
    while found.done < asked.count and time.monotonic() < asked.until:
        if not folder.is_dir():
            found.gaps.append("there are no state machines here")
            break
        seed = str(asked.first + found.done)
        command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={seed}", str(folder)]
        try:
            ran = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=False,
                timeout=max(asked.until - time.monotonic(), 1),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            break
        if ran.returncode:
            lines = ran.stdout.splitlines()
            said = [line for line in lines if line.startswith(("E  ", "FAILED", "ERROR"))]
            found.failures.append(f"machines with seed {seed}: {' '.join(said)}")
            break
        found.done += 1
    return found


PARTS: Final[dict[str, Part]] = {
    "kills": Part("real kills (SIGKILL) and recoveries", 1_000, 22, kills),
    "cancellations": Part("cancellations at a random await", 5_000, 24, cancellations),
    "drains": Part("drains: 50 taps at once on one wallet, on each database", 200, 10, drains),
    "drills": Part("restore drills under load", 100, 3, drills),
    "machines": Part("runs of the state machines", 20, 8, machines),
    # Last, as there are never enough: they take the time that the others leave.
    "histories": Part("simulated histories of the real code", 10_000, 40, histories),
}


def _add(found: Done, others: Iterator[Done]) -> None:
    for one in others:
        found.done += one.done
        found.failures += one.failures
        found.seen += one.seen


def _side_by_side(work: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> Iterator[Any]:
    """Do jobs in processes of their own, so many at a time; in this one where one is enough."""
    if workers < 2 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh, initializer=_alone) as pool:
        for done in as_completed([pool.submit(work, job) for job in jobs]):
            yield done.result()


_guards: Final = ExitStack()


def _alone() -> None:
    """Reach no other machine from here on, and log nothing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    _guards.enter_context(no_network())
    _guards.enter_context(compiled_once())


# The page


HEAD: Final = """# Proof

Written by `python -m tests.soak`; run it to see the same on your machine.
What was cut short is listed under gaps, and never counted as passed.

"""
RUN: Final = "## Run of "


def page(asked: Mapping[str, int], found: Mapping[str, Done], said: str, first: int) -> str:
    """What was asked, done, found, and left out in one run."""
    failures = [f"{name}: {one}" for name, done in found.items() for one in done.failures]
    lines = [
        f"{RUN}{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "",
        f"- commit: {_commit()}",
        f"- command: `python -m tests.soak {said}`".replace(" `", "`").replace(":`", ": `"),
        f"- first seed: {first}",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" {os.cpu_count()} cores",
        "",
        "| What | Asked | Done | Failures |",
        "|---|---|---|---|",
        *(
            f"| {PARTS[name].what} | {asked[name]:,} | {done.done:,} | {len(done.failures)} |"
            for name, done in found.items()
        ),
        "",
        "### Failures",
        "",
        *([f"- {_one_line(one)}" for one in failures] or ["None."]),
        "",
        "### Gaps",
        "",
        *([f"- {one}" for one in gaps(asked, found)] or ["None."]),
        "",
        "### What occurred",
        "",
        *(
            line
            for name, done in found.items()
            if done.seen
            for line in (
                f"**{name}**: "
                + ", ".join(f"{what} {times:,}" for what, times in sorted(done.seen.items())),
                "",
            )
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def gaps(asked: Mapping[str, int], found: Mapping[str, Done]) -> list[str]:
    """What a reader must not believe to be proven."""
    missing = [f"{name}: not part of this run" for name in PARTS if name not in found]
    for name, done in found.items():
        release = PARTS[name].count
        if done.done < asked[name]:
            missing.append(f"{name}: {done.done:,} of {asked[name]:,}; the rest was not done")
        if asked[name] < release:
            missing.append(f"{name}: a release asks for {release:,}, this run for {asked[name]:,}")
        missing += [f"{name}: {one}" for one in done.gaps]
    return missing


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]


def _commit() -> str:
    def git(*arguments: str) -> str:
        ran = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return ran.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "HEAD") or "unknown") + (", with changes" if changed else "")


def _replay(seed: int) -> int:
    one = play(seed)
    sys.stdout.write("\n".join([*one.trace, *(f"BROKEN: {each}" for each in one.problems), ""]))
    sys.stdout.write(f"seed {seed}: {one.orders} orders, digest {one.digest}\n")
    return 1 if one.problems else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, write the page; 1 where anything failed."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name, part in PARTS.items():
        parser.add_argument(f"--{name}", type=int, default=part.count, help=part.what)
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, by comma")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="for all of it")
    parser.add_argument("--first", type=int, default=1_000_000, help="the first seed")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the page goes")
    parser.add_argument("--add", action="store_true", help="keep the runs that the page tells of")
    parser.add_argument("--seed", type=int, help="tell this one history and nothing else")
    parser.add_argument("--sweep", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.seed is not None:
        return _replay(options.seed)
    if options.sweep is not None:
        swept(options.sweep, options.kills, options.workers)
        return 0
    chosen = options.parts.split(",")
    unknown = sorted(set(chosen) - PARTS.keys())
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    asked = {name: int(getattr(options, name)) for name in PARTS if name in chosen}
    found: dict[str, Done] = {}
    end = time.monotonic() + options.minutes * 60
    for name in asked:
        left = [PARTS[one].share for one in asked if one not in found]
        now = time.monotonic()
        until = now + max(end - now, 0) * PARTS[name].share / sum(left)
        wanted = Asked(asked[name], options.first, options.workers, until)
        done = found[name] = PARTS[name].run(wanted)
        sys.stdout.write(
            f"{name}: {done.done} of {asked[name]} in {time.monotonic() - now:.0f} s,"
            f" {len(done.failures)} failures\n"
        )
        sys.stdout.write("".join(f"  {_one_line(one)}\n" for one in done.failures))
        sys.stdout.flush()
    options.page.parent.mkdir(parents=True, exist_ok=True)
    earlier = ""
    if options.add and options.page.exists():
        _, run, earlier = options.page.read_text("utf-8").partition(f"\n{RUN}")
        earlier = run + earlier
    told = page(asked, found, " ".join(given), options.first)
    options.page.write_text(HEAD + told + earlier, "utf-8")
    sys.stdout.write("".join(f"gap: {one}\n" for one in gaps(asked, found)))
    return 1 if any(done.failures for done in found.values()) else 0


if __name__ == "__main__":
    _alone()
    sys.exit(main())

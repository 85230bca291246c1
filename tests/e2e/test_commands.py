"""The other commands, and a `run` that must not start: what a person at a terminal reads."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from bot.domain.money import usd
from bot.upstreams.sandbox import TOKEN as GATEPROXY_TOKEN
from bot.upstreams.sandbox_stat import STAT_PRODUCTS
from tests.bench import HandClock, opened, sandbox_for, stat_sandbox_for
from tests.e2e.conftest import FORKS, Neighbours, Street, until
from tests.e2e.forks import ROOT
from tests.telegram import ALICE, OLGA, TOKEN

CANARY = "canary-in-the-mine"
KEY = "A" * 43
SECONDS = 20.0
"""A command that cannot work says so within this time, on a busy machine, too."""

# Nobody listens on this port.
NOWHERE = "http://127.0.0.1:1"
READY = {
    "BOT_TOKEN": TOKEN,
    "ADMIN_IDS": str(OLGA.id),
    "GATEPROXY_TOKENS": GATEPROXY_TOKEN,
    "GATEPROXY_URL": NOWHERE,
    "TELEGRAM_API_URL": NOWHERE,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    errors: str

    @property
    def lines(self) -> list[str]:
        """Standard error without the line that every command begins with."""
        return self.errors.splitlines()[1:]


def command(folder: Path, *arguments: str, **settings: str) -> Ended:
    """Run a command to its end in this folder, with these settings alone."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as errors:
        fork = FORKS.start(
            *arguments,
            folder=folder, settings=kept() | settings, out=out.fileno(), errors=errors.fileno(),
        )  # fmt: skip
        code = fork.wait_for(SECONDS)
        out.seek(0)
        errors.seek(0)
        assert code is not None, f"it did not end: {errors.read()}"
        return clean(Ended(code, out.read(), errors.read()))


def python(folder: Path, *arguments: str, **settings: str) -> Ended:
    """Run Python itself to its end, with the code and the arguments that it is given."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=kept() | settings, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    return clean(Ended(done.returncode, done.stdout, done.stderr))


def kept() -> dict[str, str]:
    """What a command has from outside whatever is set."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


def clean(ended: Ended) -> Ended:
    """What a command left behind, which never is a traceback or a secret."""
    for text in (ended.out, ended.errors):
        assert "Traceback" not in text, text
        assert CANARY not in text
        assert TOKEN not in text
        assert GATEPROXY_TOKEN not in text
    return ended


@pytest.fixture
async def sold(tmp_path: Path, _sqlite_template: Path) -> Path:
    """A folder with the books of a shop that has sold one plan; `KEY` opens its credentials."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "bot.db"
    shutil.copy(_sqlite_template, file)
    clock = HandClock()
    async with opened(f"sqlite+aiosqlite:///{file}", sandbox_for(clock), clock) as bench:
        ann = await bench.customer(ALICE.id, balance="10")
        await bench.buy(ann)
        await bench.work()
        assert await bench.balance(ann) == usd("5.97")
    return tmp_path


@pytest.fixture
async def priced(tmp_path: Path, _sqlite_template: Path) -> Path:
    """A folder with the books of a shop whose owner changed a cost and hid a plan."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "bot.db"
    shutil.copy(_sqlite_template, file)
    clock = HandClock()
    async with opened(
        f"sqlite+aiosqlite:///{file}", sandbox_for(clock), clock, stat_sandbox_for(clock)
    ) as bench:
        plans, owner = bench.shop.plans, min(bench.shop.outbox.owners)
        captcha, x1 = (bench.offer("statproxies", code).plan.id for code in ("captcha", "x1"))
        asked = await plans.preview(captcha, usd("2.50"), owner)
        await plans.apply(await bench.shop.requests.open(asked.request, owner), owner)
        await plans.hide(x1, owner)
    return tmp_path


def change(folder: Path, *statements: str) -> None:
    """Change a shop's books behind its back."""
    with closing(sqlite3.connect(folder / "data" / "bot.db", isolation_level=None)) as books:
        for statement in statements:
            books.execute(statement)


# The command line itself


def test_without_a_command_the_commands_are_explained(tmp_path: Path) -> None:
    started = time.monotonic()
    alone, asked = python(tmp_path, "-m", "bot"), python(tmp_path, "-m", "bot", "--help")

    assert time.monotonic() - started < 2
    assert (alone.code, asked.code) == (2, 0)
    for name in ("run", "demo", "check", "audit", "orders"):
        assert f"    {name} " in alone.errors
        assert f"    {name} " in asked.out


def test_an_unknown_command_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    ended = command(tmp_path, "sell")

    assert ended.code == 2
    assert all(name in ended.errors for name in ("run", "demo", "check", "audit", "orders"))


def test_commands_that_need_no_telegram_do_not_wait_for_its_library(sold: Path) -> None:
    names = ("check", "probe", "audit", "orders")
    code = (
        "import sys; from bot.__main__ import main\n"
        "for name in sys.argv[1:]:\n"
        "    main([name])\n"
        "    print('slow:', [one for one in ('aiogram', 'alembic') if one in sys.modules])"
    )
    ended = python(sold, "-c", code, *names, SECRET_KEY=KEY)

    assert [line for line in ended.errors.splitlines() if "starting" in line] == [
        f"{name}: starting" for name in names
    ]
    assert re.findall("^slow: .*", ended.out, re.MULTILINE) == ["slow: []"] * len(names)


# What keeps `run` from starting


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"BOT_TOKEN": f"12345:{CANARY}"}, "BOT_TOKEN is not a bot token"),
        ({"BOT_TOKEN": ""}, "BOT_TOKEN is missing"),
        ({"ADMIN_IDS": ""}, "ADMIN_IDS is missing"),
        ({"ADMIN_IDS": f"@{CANARY}"}, "ADMIN_IDS has something else than"),
        ({"GATEPROXY_TOKENS": ""}, "GATEPROXY_TOKENS is missing"),
        ({"GATEPROXY_TOKENS": f"{CANARY} {CANARY}"}, "GATEPROXY_TOKENS has a space"),
        ({"GATEPROXY_URL": f"http://shop.example/{CANARY}"}, "GATEPROXY_URL must begin with"),
        ({"TELEGRAM_API_URL": f"https://{CANARY}@x.example"}, "TELEGRAM_API_URL must not hold"),
        ({"MARKUP": CANARY}, "MARKUP is not a markup"),
        ({"USDT_IS_USD": CANARY}, "USDT_IS_USD must be true or false"),
        ({"SUPPORT": f"write to {CANARY}"}, "SUPPORT is not a Telegram name"),
        ({"LOG_FORMAT": CANARY}, "LOG_FORMAT must be text or json"),
        ({"SECRET_KEY": CANARY}, "SECRET_KEY has something else than 32 bytes"),
        ({"DATABASE_URL": f"mysql://me:{CANARY}@x.example/shop"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": f"postgresql://me:{CANARY}@127.0.0.1:1/shop"}, "DATABASE_URL: the"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else None,
)
def test_a_wrong_setting_is_named_in_one_line(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    ended = command(tmp_path, "run", **(READY | settings))

    assert ended.code == 1
    assert ended.out == ""
    (said,) = ended.lines
    assert said.startswith(line)


def test_every_wrong_setting_has_a_line_of_its_own(tmp_path: Path) -> None:
    ended = command(tmp_path, "run", **(READY | {"BOT_TOKEN": CANARY, "ADMIN_IDS": "me"}))

    assert [line.split()[0] for line in ended.lines] == ["BOT_TOKEN", "ADMIN_IDS"]


def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data" / "bot.db").mkdir(parents=True)

    refused(tmp_path, "DATABASE_URL: data/bot.db cannot be opened for writing")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    noise = random.Random(7).randbytes(20_000)
    (tmp_path / "data" / "bot.db").write_bytes(noise)

    refused(tmp_path, "DATABASE_URL: data/bot.db ")

    assert (tmp_path / "data" / "bot.db").read_bytes() == noise


def test_a_damaged_database_is_refused_with_a_word_about_backups(sold: Path) -> None:
    file = sold / "data" / "bot.db"
    page = 4096
    pages = bytearray(file.read_bytes())
    pages[page * 2 : page * 20] = random.Random(7).randbytes(page * 18)
    file.write_bytes(pages)

    refused(sold, "DATABASE_URL: data/bot.db is damaged", SECRET_KEY=KEY)


def test_a_newer_schema_is_refused(sold: Path) -> None:
    change(sold, "UPDATE alembic_version SET version_num = '9999'")

    refused(sold, "DATABASE_URL: the database has revision 9999", SECRET_KEY=KEY)


def test_a_lost_key_is_refused(sold: Path) -> None:
    refused(sold, "SECRET_KEY: the key is lost: data/secret.key is missing")
    refused(sold, "SECRET_KEY: the key is lost: stored credentials", SECRET_KEY="B" * 43)

    assert not (sold / "data" / "secret.key").exists()


async def test_a_database_server_that_stays_silent_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://me:{CANARY}@127.0.0.1:{port}/shop"

        refused(tmp_path, "DATABASE_URL: the database cannot be opened", DATABASE_URL=url)


def refused(folder: Path, line: str, **settings: str) -> None:
    """`run` ends at once with this one line."""
    ended = command(folder, "run", **(READY | settings))
    assert ended.code == 1
    (said,) = ended.lines
    assert said.startswith(line)


async def test_a_token_that_telegram_does_not_know_is_refused(street: Street) -> None:
    shop = await street.start("run", BOT_TOKEN="7000000001:" + "B" * 35)

    assert await shop.ended() == 1
    assert "BOT_TOKEN: Telegram does not know this token" in shop.said
    assert "Traceback" not in shop.said
    assert "B" * 35 not in shop.said


# Check


async def test_check_says_that_the_bot_can_sell(neighbours: Neighbours, tmp_path: Path) -> None:
    await neighbours.telegram.open()
    await neighbours.gateproxy.open()

    ended = await beside(tmp_path, "check", neighbours)

    assert ended.code == 0
    assert [line.split(":")[0].split() for line in ended.out.splitlines()] == [
        ["ok", "MARKUP"],
        ["note", "DATABASE_URL"],
        ["ok", "GATEPROXY_TOKENS"],
        ["ok", "BOT_TOKEN"],
        ["ok", "the", "clock", "agrees", "with", "Telegram's"],
        ["check"],
    ]
    assert "token 1 works: balance 500.00 USD, 26 plans" in ended.out
    assert "the bot is @demo_shop_bot" in ended.out
    assert "None" not in ended.out


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (
            {"BOT_TOKEN": "", "ADMIN_IDS": "", "GATEPROXY_TOKENS": ""},
            ["BOT_TOKEN is missing", "ADMIN_IDS is missing", "GATEPROXY_TOKENS is missing"],
        ),
        (
            {
                "MARKUP": CANARY,
                "DATABASE_URL": f"postgresql://me:{CANARY}@127.0.0.1:1/shop",
                "GATEPROXY_TOKENS": f"{GATEPROXY_TOKEN},{CANARY}",
                "BOT_TOKEN": "7000000001:" + CANARY * 2,
            },
            [
                "MARKUP is not a markup",
                "DATABASE_URL: the database cannot be opened",
                "GATEPROXY_TOKENS: token 2 does not work: unauthorized",
                "BOT_TOKEN: Telegram does not answer to it: unauthorized",
            ],
        ),
        (
            {
                "DATABASE_URL": "sqlite:////dev",
                "GATEPROXY_URL": NOWHERE,
                "TELEGRAM_API_URL": NOWHERE,
            },
            [
                "DATABASE_URL: /dev cannot be opened",
                "GATEPROXY_TOKENS: token 1 does not work: no_connection",
                "BOT_TOKEN: Telegram does not answer to it: no_connection",
            ],
        ),
    ],
    ids=["missing", "wrong", "away"],
)
async def test_check_names_everything_that_is_wrong(
    neighbours: Neighbours, tmp_path: Path, settings: dict[str, str], lines: list[str]
) -> None:
    await neighbours.telegram.open()
    await neighbours.gateproxy.open()

    ended = await beside(tmp_path, "check", neighbours, **settings)

    assert ended.code == 1
    problems = [one for one in ended.out.splitlines() if one.startswith("PROBLEM")]
    assert len(problems) == len(lines)
    for problem, line in zip(problems, lines, strict=True):
        assert problem.startswith(f"PROBLEM  {line}")
    assert ended.out.endswith("check: the bot cannot sell yet\n")
    assert ended.lines == []


async def test_check_names_every_difference_between_the_setting_and_the_shop(
    neighbours: Neighbours, priced: Path
) -> None:
    await neighbours.telegram.open()
    await neighbours.gateproxy.open()
    # Its account is looked at as well; GateProxy does not know the key, and says so at once.
    selling = {"STATPROXIES_KEY": CANARY, "STATPROXIES_URL": neighbours.gateproxy.url}
    same = STAT_PRODUCTS.replace('"2.00"', '"2.50"')
    other = (
        '{"captcha": {"title": "ISP", "cost": "2", "days": 31, "max": 5},'
        ' "x1": {"title": "ISP X1", "cost": "1.40", "days": 30, "max": 50},'
        ' "x9": {"title": "ISP X9", "cost": "1", "days": 30, "max": 5}}'
    )

    ended = await beside(priced, "check", neighbours, STATPROXIES_PRODUCTS=other, **selling)
    agreed = await beside(priced, "check", neighbours, STATPROXIES_PRODUCTS=same, **selling)

    assert told_of_plans(ended) == [
        "note     x9 is not in the shop yet; `run` will add it",
        "note     captcha costs 2.50 USD in the shop, 2.00 USD here; the shop's holds, and "
        "`/plans cost captcha 2.00` changes it",
        "note     captcha is called ISP for captchas in the shop, ISP here; the shop's holds, and "
        "`/plans title captcha ISP` changes it",
        "note     captcha works for 30 days in the shop, 31 days here; the shop's holds, and "
        "`/plans days captcha 31` changes it",
        "note     captcha is sold up to 100 pieces in the shop, 5 pieces here; the shop's holds, "
        "and `/plans most captcha 5` changes it",
        "note     level3 is in the shop, not here; `/plans hide level3` takes it off",
        "note     x1 is hidden in the shop; `/plans show x1` sells it",
    ]
    assert told_of_plans(agreed) == [
        "note     x1 is hidden in the shop; `/plans show x1` sells it"
    ]
    change(priced, "UPDATE plans SET is_hidden = 0, is_open = code <> 'x1'")
    ended = await beside(priced, "check", neighbours, STATPROXIES_PRODUCTS=same, **selling)
    assert told_of_plans(ended) == [
        "note     x1 was refused by the provider; `/plans show x1` sells it"
    ]
    change(priced, "UPDATE plans SET is_open = 1")
    ended = await beside(priced, "check", neighbours, STATPROXIES_PRODUCTS=same, **selling)
    assert told_of_plans(ended) == ["ok       the shop sells what is named there, as it is there"]


def told_of_plans(ended: Ended) -> list[str]:
    """The lines about the setting, without its name."""
    name = "STATPROXIES_PRODUCTS: "
    return [line.replace(name, "") for line in ended.out.splitlines() if name in line]


async def test_check_finds_out_who_the_owner_is(street: Street) -> None:
    check = await street.start("check", ADMIN_IDS="")
    await until(lambda: street.says(check, "Send /start to @demo_shop_bot now"))

    await street.olga.say("/start")

    assert await check.ended() == 1
    assert f"Olga wrote.\nADMIN_IDS={OLGA.id}" in check.said.replace(
        " If that was you, put this line into .env:", ""
    )
    # It only looked: the bot will hear of it as well.
    assert street.core.waiting


# Probe


async def test_probe_reads_each_account_and_writes_nothing(
    neighbours: Neighbours, tmp_path: Path
) -> None:
    await neighbours.gateproxy.open()

    ended = await beside(
        tmp_path, "probe", neighbours, STATPROXIES_KEY=CANARY, STATPROXIES_URL=NOWHERE
    )

    assert ended.code == 1
    token, key = ended.out.split("STATPROXIES_KEY: the key")
    assert token.startswith("GATEPROXY_TOKENS: token 1\n")
    assert "yes      order list, 0 on page 1" in token
    assert "the bot cannot use that: no_connection" in key
    assert "no       order list: nothing is sold from this account" in key
    assert {each.method for each in neighbours.sandbox.requests} == {"GET"}
    assert os.listdir(tmp_path) == []


async def test_probe_ends_well_where_every_list_can_be_read(
    neighbours: Neighbours, tmp_path: Path
) -> None:
    await neighbours.gateproxy.open()

    ended = await beside(tmp_path, "probe", neighbours)

    assert ended.code == 0
    assert ended.out.endswith("probe: every order list can be read\n")


def test_probe_without_an_account_says_so(tmp_path: Path) -> None:
    ended = command(tmp_path, "probe")

    assert ended.code == 1
    assert ended.out == "nothing to probe: GATEPROXY_TOKENS and STATPROXIES_KEY are empty\n"


async def beside(folder: Path, name: str, neighbours: Neighbours, **settings: str) -> Ended:
    """Run a command while this loop goes on serving what it asks."""
    given = neighbours.environment(**settings)
    return await asyncio.to_thread(command, folder, name, **given)


# Audit and orders


def test_an_audit_says_what_it_compared(sold: Path) -> None:
    ended = command(sold, "audit", SECRET_KEY=KEY)

    assert ended.code == 0
    assert "compared: each wallet = its postings" in ended.out
    assert "compared: 4 postings, 1 orders in all" in ended.out
    assert ended.out.endswith("audit: green\n")


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        (
            "UPDATE wallets SET balance = balance + 1",
            "each wallet = its postings: customer:1001, 5970001, 5970000",
        ),
        (
            "UPDATE orders SET price_micros = price_micros + 1",
            "each order took its price once: held:1",
        ),
        ("DROP TRIGGER postings_no_update", "a trigger is missing: postings_no_update"),
        ("DELETE FROM deliveries", "each delivered order has its credentials: held:1"),
    ],
)
def test_an_audit_says_what_differs(sold: Path, statement: str, line: str) -> None:
    change(sold, statement)

    ended = command(sold, "audit", SECRET_KEY=KEY)

    assert ended.code == 1
    assert f"DIFFERS: {line}\n" in ended.out
    assert ended.out.endswith("audit: RED\n")


def test_an_audit_of_nothing_says_so(tmp_path: Path) -> None:
    ended = command(tmp_path, "audit")

    assert ended.code == 1
    assert ended.lines == ["DATABASE_URL: this database holds no shop yet; start the bot once"]
    assert not (tmp_path / "data").exists()


def test_orders_are_printed_as_json_lines(sold: Path) -> None:
    ended = command(sold, "orders", SECRET_KEY=KEY)

    (order,) = map(json.loads, ended.out.splitlines())
    assert ended.code == 0
    assert order == {
        "id": 1,
        "customer": ALICE.id,
        "upstream": "gateproxy",
        "provider": "nodemaven",
        "plan": "1",
        "title": "1 GB",
        "quantity": 1,
        "cost": "3.50",
        "price": "4.03",
        "currency": "USD",
        "state": "delivered",
        "upstream_order_id": order["upstream_order_id"],
        "accepted_at": "2026-11-22T10:00:00+00:00",
        "moved_at": "2026-11-22T10:00:00+00:00",
    }
    assert order["upstream_order_id"].startswith("ord_")


def test_orders_are_printed_as_a_table_without_formulas(sold: Path) -> None:
    change(sold, "UPDATE orders SET title = '=cmd()|\"A\",1', provider = '@sum', plan = '+1'")

    ended = command(sold, "orders", "--format", "csv", SECRET_KEY=KEY)

    (order,) = csv.DictReader(ended.out.splitlines())
    assert ended.code == 0
    assert (order["id"], order["price"], order["state"]) == ("1", "4.03", "delivered")
    assert order["title"] == '\'=cmd()|"A",1'
    assert (order["provider"], order["plan"]) == ("'@sum", "'+1")


def test_orders_of_a_reader_who_has_seen_enough_end_quietly(sold: Path) -> None:
    # The pipe's reader is gone before anything is written.
    code = (
        "import os, sys; read, write = os.pipe(); os.close(read); os.dup2(write, 1); "
        "from bot.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    ended = python(sold, "-c", code, "orders", SECRET_KEY=KEY)

    assert ended.code == 1
    assert ended.lines == []


# rekey


def test_a_new_key_is_made_and_the_old_one_named(sold: Path) -> None:
    done = command(sold, "rekey", SECRET_KEY=f"{'B' * 42}A,{KEY}")

    assert done.code == 0, done.errors
    assert "rekey: 1 credentials sealed anew" in done.out
    assert "take everything after the first comma out of SECRET_KEY" in done.out
    assert KEY not in done.out
    assert command(sold, "audit", SECRET_KEY="B" * 42 + "A").code == 0
    refused(sold, "SECRET_KEY: the key is lost", SECRET_KEY=KEY)
    told = command(sold, "rekey", SECRET_KEY="B" * 42 + "A")
    assert "There is one key alone" in told.out

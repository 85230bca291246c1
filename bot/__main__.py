"""The command line: run, demo, setup, check, probe, audit, backup, restore, rekey, orders."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it did what it says, 1 when not, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, promise: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=promise, description=promise)

    command("run", "sell; needs BOT_TOKEN, ADMIN_IDS and a token of an upstream")
    demo = command("demo", "try the shop in a browser, without any token")
    demo.add_argument("--port", type=int, default=8765, help="of the page on 127.0.0.1")
    command("setup", "ask for what is missing, try it and write .env")
    command("check", "say in one list what is missing or wrong")
    command("probe", "show how the upstreams answer, without any value")
    command("audit", "recompute the books; 1 when anything differs")
    backup = command("backup", "copy the books, check the copy and seal it")
    backup.add_argument("folder", nargs="?", metavar="FOLDER", help="else BACKUP_DIR")
    restore = command("restore", "put a backup in the database's place")
    restore.add_argument("file", metavar="FILE", help="as `backup` or the running bot made it")
    command("rekey", "seal stored credentials with a new key")
    orders = command("orders", "print every order, without credentials")
    orders.add_argument(
        "--format", choices=("jsonl", "csv"), default="jsonl", help="a line each, or a table"
    )
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help(sys.stderr)
        return 2
    # The imports behind a command take seconds; the person should see at once that it started.
    print(f"{given.command}: starting", file=sys.stderr, flush=True)
    match given.command:
        case "run":
            return _guarded(_run())
        case "demo":
            from bot.demo.demo import demo as show

            return _guarded(show(given.port))
        case "setup":
            return _guarded(_setup())
        case "check":
            return _guarded(_check())
        case "probe":
            return _guarded(_probe())
        case "audit":
            return _guarded(_audit())
        case "backup":
            return _guarded(_backup(given.folder))
        case "restore":
            return _guarded(_restore(Path(given.file)))
        case "rekey":
            return _guarded(_rekey())
        case _:
            return _guarded(_orders(given.format))


def _guarded(command: Coroutine[Any, Any, int]) -> int:
    """Turn a refusal into one clear line on standard error."""
    from sqlalchemy.exc import DBAPIError

    from bot.db.session import BooksGone, reason_of
    from bot.domain.errors import StartRefused
    from bot.settings import BadSettings

    try:
        code = asyncio.run(command)
        # A reader who has gone is noticed here, and not while the process ends.
        sys.stdout.flush()
        return code
    except BadSettings as bad:
        for problem in bad.problems:
            print(problem, file=sys.stderr)
    except (StartRefused, BooksGone) as refused:
        print(refused, file=sys.stderr)
    except DBAPIError as error:
        print(f"DATABASE_URL: the database failed ({reason_of(error)})", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; what is left of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


async def _run() -> int:
    from bot.settings import BadSettings, Settings

    settings = Settings.load()
    _configure_logs(settings)
    if problems := settings.needed_for_run():
        raise BadSettings(*problems)
    from bot.process import run

    await run(settings)
    return 0


async def _setup() -> int:
    import signal
    from getpass import getpass

    from bot.settings import Settings

    # asyncio would only cancel a task, and nobody hears of that while a question waits.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    _configure_logs(Settings.load())
    from bot.setup import setup

    # Piped answers come from one stream, in order; a person's secrets are not shown.
    ask_secret = getpass if sys.stdin.isatty() else input
    return await setup(Path(".env"), input, ask_secret)


async def _check() -> int:
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    from bot.check import check

    return await check(settings)


async def _probe() -> int:
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    from bot.probe import probe

    return await probe(settings)


async def _audit() -> int:
    from bot.app import build
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    async with build(settings) as shop:
        report = await shop.audit.run()
    for line in report.compared:
        print(f"compared: {line}")
    for line in report.differences:
        print(f"DIFFERS: {line}")
    print("audit: green" if report.is_green else "audit: RED")
    return 0 if report.is_green else 1


async def _backup(folder: str | None) -> int:
    from bot.app import POSTGRESQL_BACKUP, build
    from bot.domain.errors import StartRefused
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    if not settings.database_url.get_secret_value().startswith("sqlite"):
        raise StartRefused(POSTGRESQL_BACKUP)
    async with build(settings) as shop:
        made = await shop.backups.make(None if folder is None else Path(folder))
    for line in made.compared:
        print(f"compared: {line}")
    print(f"backup: {made.path}, {made.path.stat().st_size} bytes, schema {made.about.revision}")
    print(f"the database inside: {made.about.size} bytes, SHA-256 {made.about.sha256}")
    where = "SECRET_KEY" if settings.secret_key else "the file secret.key beside the database"
    print(
        f"It is sealed with the key {made.about.key}: without {where} nobody can read it, "
        "not even the money in it. Keep a copy of the key elsewhere than the backups."
    )
    return 0


async def _restore(file: Path) -> int:
    from bot.app import restore
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    done = await restore(settings, file)
    about = done.about
    print(f"restored: the books as of {about.made_at}, schema {about.revision}, audit green")
    if done.put_away is not None:
        print(f"The database as it was is now {done.put_away}; delete it when all is well.")
    print("\nThe shop is read-only until you tap Resume. Before you do:")
    print("1. Start it with `python -m bot run`, and read what it writes to the owners: it lists")
    print("   what the providers sold after the backup and these books do not know.")
    print(
        f"2. {len(done.set_aside)} orders were under way and wait for you in the Inbox:", end=" "
    )
    print(", ".join(f"#{order}" for order in done.set_aside) or "none")
    print("3. Tap Resume in /shop: it audits once more and sells again.")
    print(f"4. Enter again, with /topup and /debit, what you entered after {about.made_at}.")
    match done.missing:
        case None:
            print("   There is no old database to compare with: see your chats and accounts.")
        case missing:
            print(f"   The old database holds {len(missing.money)} such movements", end="")
            print(f" and {missing.orders} orders that the backup does not:")
            for line in missing.money:
                print(f"   {line}")
    print(
        "\nWhat customers exchanged since is read at the provider and delivered by itself; where"
    )
    print("you deliver by hand, see what the order holds, and use /order and Deliver by hand.")
    if done.missing is not None and done.missing.exchanges:
        print(
            f"The old database holds {len(done.missing.exchanges)} exchanges that the backup",
            end="",
        )
        print(" does not:")
        for line in done.missing.exchanges:
            print(f"   {line}")
    return 0


async def _rekey() -> int:
    from bot.app import rekey
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    done = await rekey(settings)
    print(f"rekey: {done.sealed} credentials sealed anew; all need the key {done.first} alone")
    where = "SECRET_KEY" if settings.secret_key else "the file secret.key beside the database"
    if done.others:
        print(f"No credentials need these any more: {', '.join(done.others)}.")
        print("Backups made until now do: keep them apart for as long as you keep those backups,")
        print(f"then take everything after the first comma out of {where}.")
    else:
        print("There is one key alone. For a new one, write it before this one, with a comma in")
        print(f"between, into {where}, and run this again. Make it with:")
        print("python3 -c 'import secrets; print(secrets.token_urlsafe(32))'")
    if not settings.secret_key:
        print("Keep a copy of that file elsewhere than the backups: it has changed.")
    return 0


async def _orders(form: str) -> int:
    from bot.app import build
    from bot.services.exports import print_orders
    from bot.settings import Settings

    settings = Settings.load()
    _configure_logs(settings)
    async with build(settings) as shop:
        await print_orders(shop.database, form, sys.stdout)
    return 0


def _configure_logs(settings: Any) -> None:
    from bot.logs import configure

    configure(settings.log_format, settings.secrets())


if __name__ == "__main__":
    sys.exit(main())

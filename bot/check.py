"""The `check` command: one list of what works and what does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.app import account_name, accounts, default_markup
from bot.db.migrate import revision
from bot.db.session import Database
from bot.domain.errors import StartRefused, UpstreamError
from bot.services.plans import differences
from bot.settings import Settings
from bot.upstreams.telegram import Person, TelegramProbe

WAIT_FOR_START = 60
CLOCK_MAY_DIFFER = timedelta(seconds=30)


async def check(settings: Settings) -> int:
    """Print one line for each thing the bot needs; 0 when it can sell, else 1.

    With a token and an empty `ADMIN_IDS` it waits a minute for somebody to write to the bot and
    prints the line to paste. It grants nothing and changes nothing.
    """
    report = Report()
    for problem in settings.needed_for_run():
        report.bad(problem)
    for warning in settings.warnings():
        report.note(warning)
    try:
        report.good(f"MARKUP: {default_markup(settings)}")
    except StartRefused as refused:
        report.bad(str(refused))
    await _database(settings, report)
    await try_upstreams(settings, report)
    if settings.bot_token:
        await try_telegram(settings, report)
        if not settings.admin_ids and (who := await who_starts(settings)) is not None:
            print(
                f"{who.name} wrote. If that was you, put this line into .env:\nADMIN_IDS={who.id}"
            )
    print("check: the bot can sell" if report.is_good else "check: the bot cannot sell yet")
    return 0 if report.is_good else 1


class Report:
    """What was found, line by line; `is_good` while nothing stands in the way of selling."""

    def __init__(self) -> None:
        self.is_good = True

    def good(self, line: str) -> None:
        """Say that something works."""
        print(f"ok       {line}")

    def note(self, line: str) -> None:
        """Say something that is no problem, but worth knowing."""
        print(f"note     {line}")

    def bad(self, line: str) -> None:
        """Say what keeps the shop from selling."""
        self.is_good = False
        print(f"PROBLEM  {line}")


async def _database(settings: Settings, report: Report) -> None:
    try:
        database = Database(settings.database_url.get_secret_value())
        if database.is_sqlite and not database.file.exists():
            report.note("DATABASE_URL: no file there yet; `run` will make it")
            return
        try:
            await database.ready()
            found, wanted = await revision(database)
            is_current = found == wanted
            differ = await _plans_that_differ(database, settings) if is_current else None
        finally:
            await database.close()
    except StartRefused as refused:
        report.bad(str(refused))
        return
    if found == wanted:
        report.good(f"DATABASE_URL: opens, its schema is {wanted}")
        for difference in differ or ():
            report.note(f"STATPROXIES_PRODUCTS: {difference}")
        if differ == ():
            report.good("STATPROXIES_PRODUCTS: the shop sells what is named there, as it is there")
    elif found is None:
        report.note("DATABASE_URL: opens and is empty; `run` will make the tables")
    else:
        report.note(f"DATABASE_URL: opens; `run` will bring its schema from {found} to {wanted}")


async def _plans_that_differ(database: Database, settings: Settings) -> tuple[str, ...] | None:
    if not (settings.statproxies_key and settings.statproxies_products):
        return None
    return await differences(database, settings.statproxies_products)


async def try_upstreams(settings: Settings, report: Report) -> None:
    """Read balance, or order list, and plans of each account, with read calls alone."""
    for number, account in enumerate(accounts(settings), start=1):
        upstream = account.upstream
        name = account_name(number, upstream)
        try:
            if upstream.balance is not None:
                told = f"balance {await upstream.balance.read()}"
            else:
                # Without its list nothing is sold there.
                told = f"{len((await upstream.recent(1)).orders)} orders in its list"
            lists = await upstream.plans()
        except UpstreamError as error:
            report.bad(f"{name} does not work: {error.code}")
        else:
            plans = [priced for one in lists if one.is_active for priced in one.plans or ()]
            sold = {"USD", "USDT"} if settings.usdt_is_usd else {"USD"}
            hidden = sum(priced.cost.currency not in sold for priced in plans)
            report.good(f"{name} works: {told}, {len(plans)} plans")
            if hidden:
                report.note(f"USDT_IS_USD: {hidden} plans are not sold because of their currency")
        finally:
            await upstream.close()


async def try_telegram(settings: Settings, report: Report) -> None:
    """Ask Telegram whose token this is, and what time it is."""
    probe = TelegramProbe(settings.telegram_api_url, settings.bot_token.get_secret_value())
    try:
        name, date = await probe.me()
        report.good(f"BOT_TOKEN: works, the bot is @{name}")
        _clock(date, report)
    except UpstreamError as error:
        report.bad(f"BOT_TOKEN: Telegram does not answer to it: {error.code}")
    finally:
        await probe.close()


def _clock(date: str | None, report: Report) -> None:
    if date is None:
        return
    apart = abs(datetime.now(UTC) - parsedate_to_datetime(date))
    if apart > CLOCK_MAY_DIFFER:
        report.note(f"the clock of this machine is {int(apart.total_seconds())} s off")
    else:
        report.good("the clock agrees with Telegram's")


async def who_starts(settings: Settings) -> Person | None:
    """Who sends /start to the bot within a minute; None: nobody, or Telegram does not answer."""
    probe = TelegramProbe(settings.telegram_api_url, settings.bot_token.get_secret_value())
    try:
        name, _ = await probe.me()
        print(f"Send /start to @{name} now; waiting {WAIT_FOR_START} s for it …", flush=True)
        async with asyncio.timeout(WAIT_FOR_START):
            while (who := await probe.somebody()) is None:
                pass
    except UpstreamError:
        return None
    except TimeoutError:
        print("Nobody wrote.")
        return None
    else:
        return who
    finally:
        await probe.close()

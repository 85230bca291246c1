"""The `setup` command: asks for what is missing, tries each answer, writes `.env`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from dotenv import set_key

from bot.check import Report, check, try_telegram, try_upstreams, who_starts
from bot.domain.errors import StartRefused
from bot.settings import BadSettings, Settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"

Ask = Callable[[str], str]
Try = Callable[[Settings, Report], Awaitable[None]]


async def setup(env_file: Path, ask: Ask, ask_secret: Ask) -> int:
    """Ask until nothing is missing, and end with the list of `check`; its exit code.

    What the environment or the file says already is not asked for. Each answer is tried at the
    place it is for and written at once, so a setup that is broken off goes on where it was.
    Raises `BadSettings` for a file that has to be mended by hand first.
    """
    settings = Settings.load(env_file)
    asked = _Setup(env_file, ask, ask_secret)
    try:
        if not settings.bot_token:
            print("\n1. The bot. Write /newbot to @BotFather in Telegram, and copy its token.")
            await asked.secret("BOT_TOKEN", "Bot token", try_telegram)
        if not settings.admin_ids:
            print("\n2. The owner: you.")
            await asked.owner()
        if not (settings.gateproxy_tokens or settings.statproxies_key):
            print(
                "\n3. The account to buy from. GateProxy's own Telegram bot shows its API token."
            )
            await asked.secret("GATEPROXY_TOKENS", "GateProxy token", try_upstreams)
    except EOFError:
        line = "setup asks questions and got no answer: run it in a terminal"
        raise StartRefused(line) from None
    print("\nEverything together:")
    code = await check(Settings.load(env_file))
    if code == 0:
        print("Start the shop with `python -m bot run`, and send /start to it.")
    return code


class _Setup:
    """The questions, and the file that their answers go into."""

    def __init__(self, file: Path, ask: Ask, ask_secret: Ask) -> None:
        self._file = file
        self._ask = ask
        self._ask_secret = ask_secret

    async def secret(self, name: str, question: str, try_it: Try) -> None:
        """Ask for a secret, which stays invisible, until it works or is kept as it is."""
        kept = ""
        while True:
            typed = self._ask_secret(f"{question} (what you paste stays invisible): ").strip()
            if not typed and kept:
                self._write(name, kept)
                return
            settings = self._with(name, typed)
            if settings is None:
                continue
            report = Report()
            await try_it(settings, report)
            if report.is_good:
                self._write(name, typed)
                return
            kept = typed
            print("Paste another one, or press Enter to keep this one as it is.")

    async def owner(self) -> None:
        """Find out who the owner is by their /start, or take a typed id."""
        who = await who_starts(Settings.load(self._file))
        if who is not None:
            answer = self._ask(f"{who.name} ({who.id}) wrote. Is that you? [y/n] ")
            if answer.strip().casefold() in {"y", "yes"}:
                self._write("ADMIN_IDS", str(who.id))
                return
        while True:
            typed = self._ask("Your numeric Telegram id, as @userinfobot tells it: ").strip()
            if self._with("ADMIN_IDS", typed) is not None:
                self._write("ADMIN_IDS", typed)
                return

    def _with(self, name: str, typed: str) -> Settings | None:
        """The settings with this answer; None after saying why it cannot be one."""
        try:
            settings = Settings.load(self._file, **{name.lower(): typed})
        except BadSettings as bad:
            print("\n".join(bad.problems))
            return None
        if not getattr(settings, name.lower()):
            print(f"{name} is needed.")
            return None
        return settings

    def _write(self, name: str, value: str) -> None:
        if not self._file.exists():
            self._file.touch(mode=0o600)
            if EXAMPLE.exists():
                shutil.copyfile(EXAMPLE, self._file)
        # A comma-separated list needs no quotes, and neither does a token of the usual kind.
        is_plain = re.fullmatch(r"[A-Za-z0-9_:,.-]+", value)
        set_key(self._file, name, value, quote_mode="never" if is_plain else "always")
        print(f"{name} is written into {self._file}.")

"""The `setup` command: from nothing to a `.env` with which the shop sells."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.settings import BadSettings, Settings
from bot.setup import setup
from bot.upstreams.sandbox import TOKEN as GATEPROXY_TOKEN
from tests.demo.running import until
from tests.e2e.conftest import Neighbours
from tests.e2e.forks import ROOT
from tests.telegram import ALICE, OLGA, TOKEN

UNKNOWN = "7000000001:" + "B" * 35


class Desk:
    """Somebody at a terminal who answers one question after another."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.asked: list[str] = []

    async def answers(self, *typed: str) -> int:
        """Run the command with these answers; every one of them must be asked for."""
        given = iter(typed)
        code = await setup(self.file, self._ask(given), self._ask(given))
        assert list(given) == []
        return code

    def _ask(self, given: Iterator[str]) -> Callable[[str], str]:
        def ask(question: str) -> str:
            self.asked.append(question)
            return next(given)

        return ask


@pytest.fixture
async def desk(neighbours: Neighbours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    await neighbours.telegram.open()
    await neighbours.gateproxy.open()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEPROXY_URL", neighbours.gateproxy.url)
    monkeypatch.setenv("TELEGRAM_API_URL", neighbours.telegram.url)
    for name in ("BOT_TOKEN", "ADMIN_IDS", "GATEPROXY_TOKENS"):
        monkeypatch.delenv(name, raising=False)
    return Desk(tmp_path / ".env")


async def test_three_answers_make_a_shop_that_can_sell(
    desk: Desk, neighbours: Neighbours, capsys: pytest.CaptureFixture[str]
) -> None:
    neighbours.core.send(OLGA, "/start")

    code = await desk.answers(TOKEN, "y", GATEPROXY_TOKEN)

    said = capsys.readouterr().out
    assert code == 0
    assert "check: the bot can sell" in said
    assert TOKEN not in said
    assert GATEPROXY_TOKEN not in said
    settings = Settings.load(desk.file)
    assert settings.bot_token.get_secret_value() == TOKEN
    assert settings.admin_ids == (OLGA.id,)
    assert [one.get_secret_value() for one in settings.gateproxy_tokens] == [GATEPROXY_TOKEN]
    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o600
    # The words of the example stay, for whoever changes something later.
    assert "# MARKUP=20%" in desk.file.read_text()


async def test_an_answer_that_does_not_work_is_asked_for_again(
    desk: Desk, neighbours: Neighbours, capsys: pytest.CaptureFixture[str]
) -> None:
    neighbours.core.send(OLGA, "/start")

    code = await desk.answers("no token", UNKNOWN, TOKEN, "y", "gpk_other", GATEPROXY_TOKEN)

    said = capsys.readouterr().out
    assert code == 0
    assert "BOT_TOKEN is not a bot token" in said
    assert "BOT_TOKEN: Telegram does not answer to it: unauthorized" in said
    assert "GATEPROXY_TOKENS: token 1 does not work: unauthorized" in said
    assert UNKNOWN not in desk.file.read_text()
    assert "gpk_other" not in desk.file.read_text()


async def test_what_cannot_be_tried_now_may_be_kept(
    desk: Desk, neighbours: Neighbours, capsys: pytest.CaptureFixture[str]
) -> None:
    neighbours.core.send(OLGA, "/start")
    await neighbours.gateproxy.close()

    code = await desk.answers(TOKEN, "y", GATEPROXY_TOKEN, "")

    assert code == 1
    assert "check: the bot cannot sell yet" in capsys.readouterr().out
    assert Settings.load(desk.file).gateproxy_tokens[0].get_secret_value() == GATEPROXY_TOKEN


async def test_a_stranger_who_writes_meanwhile_becomes_no_owner(
    desk: Desk, neighbours: Neighbours
) -> None:
    neighbours.core.send(ALICE, "/start")

    code = await desk.answers(TOKEN, "n", "@olga", "0", str(OLGA.id), GATEPROXY_TOKEN)

    assert code == 0
    assert Settings.load(desk.file).admin_ids == (OLGA.id,)


async def test_only_what_is_missing_is_asked_for(desk: Desk) -> None:
    desk.file.write_text(f"# mine\nBOT_TOKEN={TOKEN}\nADMIN_IDS={OLGA.id}\nSUPPORT=@olga_owner\n")

    code = await desk.answers(GATEPROXY_TOKEN)

    assert code == 0
    assert len(desk.asked) == 1
    text = desk.file.read_text()
    assert text.startswith(f"# mine\nBOT_TOKEN={TOKEN}\n")
    assert "SUPPORT=@olga_owner" in text


async def test_who_sells_from_statproxies_alone_is_asked_for_no_other_account(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATPROXIES_KEY", "sk_of_mine")
    monkeypatch.setenv("STATPROXIES_URL", "http://127.0.0.1:1")
    desk.file.write_text(f"BOT_TOKEN={TOKEN}\nADMIN_IDS={OLGA.id}\n")

    await desk.answers()

    assert desk.asked == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_one_press_of_ctrl_c_ends_a_question(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "setup"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as asking:  # fmt: skip
        assert asking.stdout is not None
        try:
            while asking.stdout.read(1) != "(":
                pass
            # A signal between the question and the wait for its answer would go by unheard.
            state = Path(f"/proc/{asking.pid}/stat")
            until(lambda: state.read_text().rpartition(")")[2].split()[0] == "S")
            asking.send_signal(signal.SIGINT)
            assert asking.wait(20) == 130
        finally:
            asking.kill()


async def test_a_file_that_is_wrong_already_is_left_alone(desk: Desk) -> None:
    desk.file.write_text("MARKUP=20%\nADMIN_IDS=@olga\n")

    with pytest.raises(BadSettings, match="ADMIN_IDS"):
        await desk.answers()

    assert desk.file.read_text() == "MARKUP=20%\nADMIN_IDS=@olga\n"

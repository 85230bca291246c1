"""Secrets on a whole journey with every kind of failure: searched for wherever they could be."""

from __future__ import annotations

import re
import signal
from functools import partial
from pathlib import Path

import httpx

from bot.demo.telegram import Fault as Misfortune
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN as GATEPROXY_TOKEN
from tests.demo.running import pass_the_lease
from tests.e2e.conftest import Child, Street, until
from tests.e2e.forks import ROOT
from tests.telegram import ALICE, TOKEN

# Found by Python at its start: whatever is ever logged is printed.
LOUD = """
import logging
import bot.logs

quiet = bot.logs.configure

def loud(*arguments):
    quiet(*arguments)
    logging.getLogger().setLevel(logging.DEBUG)

bot.logs.configure = loud
"""
DATABASE_PASSWORD = "canary-of-the-database"
FAILURES = (
    Fault(error=httpx.ReadTimeout("lost"), is_done=True),
    Fault(status=502, code="provider_error", is_done=True),
    Fault(status=200, body="<html>", is_done=True),
    Fault(cut=150),
)
"""Answers of orders that were made; the shop finds each of them out."""
PLANS = ("120 MB", "500 MB", "1 GB", "5 GB")
"""One for each failure, because an order in doubt keeps others of its plan waiting."""


async def test_no_secret_is_anywhere_but_in_its_buyers_chat(street: Street) -> None:
    (street.folder / "sitecustomize.py").write_text(LOUD)
    settings = {"PYTHONPATH": f"{street.folder}:{ROOT}"}
    shop = await street.open(**settings)
    await street.fund("80")
    for number, (plan, failure) in enumerate(zip(PLANS, FAILURES, strict=True), start=1):
        await street.go_to("NodeMaven", plan)
        street.sandbox.faults.append(failure)
        if number == len(FAILURES):
            # From here on screens are edited: what is sent anew are credentials.
            street.core.faults += [
                Misfortune("sendMessage", ALICE.id, status=502),
                Misfortune("sendMessage", ALICE.id, lose_call=True),
            ]
        await street.alice.tap("Buy")
        await until(partial(_is_in_doubt, shop, number))
    await until(lambda: _has_sold(street, len(FAILURES)))
    assert _sendings(street) == len(FAILURES) + 2
    await street.go_to("9Proxy CD Key", "25")
    await street.alice.tap("Buy")
    await street.alice.tap("Show the code")
    code = await street.alice.sees("9P-")
    shop.send(signal.SIGKILL)
    await shop.ended()
    left = _bytes(street.folder / "data")
    pass_the_lease(street.folder / "data" / "bot.db")
    await street.open(**settings)
    for command in ("backup", "audit", "orders", "check"):
        assert await (await street.start(command, **settings)).ended() == 0
    refused = await street.start(
        "audit", DATABASE_URL=f"postgresql://shop:{DATABASE_PASSWORD}@127.0.0.1:1/shop", **settings
    )
    assert await refused.ended() == 1

    sold = re.findall(r"Password: (\S+)", "\n".join(one.text for one in street.alice.messages))
    sold += re.findall(r"9P-[\w-]+", code.text)
    key = (street.folder / "data" / "secret.key").read_text()
    ours = [TOKEN, GATEPROXY_TOKEN, key, DATABASE_PASSWORD]
    assert len(set(sold)) == len(FAILURES) + 1
    said = "\n".join(child.said for child in street.children)
    assert "order in doubt" in said
    told = "\n".join(one.text for one in street.olga.messages)
    (street.folder / "data" / "secret.key").unlink()
    written = left.replace(key.encode(), b"") + _bytes(street.folder / "data")
    (street.folder / "data" / "secret.key").write_text(key)
    for secret in (*sold, *ours):
        assert secret not in said
        assert secret not in told
        assert secret.encode() not in written
    read = "\n".join(one.text for one in street.alice.messages)
    assert [secret for secret in ours if secret in read] == []


def _is_in_doubt(shop: Child, count: int) -> bool:
    """Whether so many orders have been in doubt."""
    return shop.said.count("order in doubt") == count


def _sendings(street: Street) -> int:
    """How often the bot sent credentials, in vain or not."""
    sent = [call for call in street.core.calls if call.method.lower() == "sendmessage"]
    return sum("Password:" in str(call.params.get("text", "")) for call in sent)


def _has_sold(street: Street, count: int) -> bool:
    texts = "\n".join(each.text for each in street.alice.messages)
    return len(set(re.findall(r"Password: (\S+)", texts))) == count


def _bytes(folder: Path) -> bytes:
    """Every byte of every file there: books, journals, backups and whatever else."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())

"""What a log never shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

KNOWN = "correct-horse-battery"
BOT_TOKEN = "123456789:" + "A" * 35
LOUD = """
import logging, sys
import structlog
from bot.logs import configure

configure(sys.argv[1], [sys.argv[2]])
shop, plain = structlog.get_logger(), logging.getLogger("somebody.else")
for secret in sys.argv[2:]:
    shop.warning("a word", about=secret)
    plain.warning("at %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        shop.exception("it broke")
print("done")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_is_in_a_line_whoever_wrote_it(log_format: str) -> None:
    told = {
        KNOWN: KNOWN,
        f"https://api.telegram.org/bot{BOT_TOKEN}/getMe": BOT_TOKEN,
        "Authorization: Bearer s3cr3t-of-ours": "s3cr3t-of-ours",
        "key gpk_live_0123456789": "gpk_live_0123456789",
        "https://api.example/?api_token=hush-hush": "hush-hush",
        "http://anna:pass-word-42@gate.example:8080": "pass-word-42",
    }

    ran = subprocess.run(
        [sys.executable, "-c", LOUD, log_format, *told],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert ran.stdout == "done\n"
    assert ran.stderr.count("a word") == ran.stderr.count("it broke") == len(told)
    assert [secret for secret in told.values() if secret in ran.stderr] == []

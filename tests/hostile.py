"""What people and upstreams should not send, in one place; every entry point is tried with it.

The letters are those under which such inputs are told apart everywhere: A amounts, B ids,
C callback data, H markup, U Unicode, S others, J bodies of an upstream.
"""

from __future__ import annotations

import json
import random
from typing import Final

AMOUNTS: Final = (
    *("-5", "+5", "-0", "0", "0.00", "0.001", "1e3", "1E9", "1e-7", "1e400", "1e1000000"),
    *("NaN", "nan", "sNaN", "inf", "-inf", "Infinity", "1_000", "1,000", "1'000", "1 000"),
    *("\uff11\uff12", "\u0661\u0662", "\u0967\u0966", "\u0d67", "\U0001d7cf\U0001d7ce"),
    *("\u00b2", "\u00bc", "\u2167", "10\u200b", "\u202e10", "10\u00a0", "\u00a010"),
    *("\n10", "0x10", "0b1", "1/2", "10.", "10,", ".5", ",5", "1.5.5", "1,5,5", "1.5,5"),
    *("\u22125", "10$", "$10", "10usd", "ten", "true", "null", "9" * 30, "0" * 5000 + "1"),
    *("10\x00", "9223372036854.775808", "1000000.01", "1000000,01", "9999999", "0.015"),
    *("\U0001f4b0", "1" * 4096, "007", "00.5", "01", "--5", "5-", "1.\u0661", "1\u00a0000"),
)
"""A: none of these is an amount."""

IDS: Final = (
    *("0", "-1", str(2**31), str(2**52 - 1), str(2**52), str(2**53), str(2**63), "1.0", "1e9"),
    *("-1001234567890", "@nobody_here", "nobody_here", "777000", "1087968824", "136817688"),
    *("\u0663", "007", "+7", "@", "@@ann", "12345678901234567"),
)
"""B: nobody who has started the bot."""

MARKUP: Final = (
    *("<b>", "</code>", '<a href="tg://user?id=1">x</a>', "<tg-spoiler>", "&lt;", "&#0;"),
    *("<script>alert(1)</script>", "<b><i></b>", "*_[]()~>#+-=|{}.!", "{0}", "%s", "${x}", "```"),
    *("{price}", "{", "}", "%(x)s"),
)
"""H: what a text format or a template could take for its own."""

UNICODE: Final = (
    *("\u202eabc", "\u2066x\u2069", "a\u200db\u200c", "\ufeffx", "a\x00b", "\u3164", "\u0085"),
    *("x" + "\u0301" * 3000, "\U0001f1fa\U0001f1f8" * 20, "\u0410dmin", "\x1b[31m", "\u200b" * 50),
)
"""U: what looks like something else, like nothing, or like far too much."""

OTHERS: Final = (
    *("' OR 1=1--", '"; DROP TABLE postings; --', "../../etc/passwd", "%00", "a\r\nX: y"),
    *("{{7*7}}", "=cmd()", "javascript:alert(1)", "file:///etc/passwd", "\n" * 3000, "x" * 4096),
    *("..", "....", "%2e%2e%2f", "?x=1", "#", "/", "\\", "con", "1" * 4096),
)
"""S: the rest."""

TEXTS: Final = (*AMOUNTS, *IDS, *MARKUP, *UNICODE, *OTHERS)
"""Everything that a person can type, in one list."""

# The same ones in every run.
_CHANCE = random.Random(1)
_LETTERS = "abcdefgh:0123456789+-_. \u0435\U0001f525\x00'\"<>"

CALLBACKS: Final = (
    *("", ":", "buy", "buy:", "buy::", "buy:1:2:3:4", "buy:1:2:3:4:5", "BUY:1", "buy:-1:1:a:0"),
    *("buy:1_0:1:a:0", "buy: 1", "buy:1;drop", "A" * 63, "\U0001f525" * 15, "order:-1"),
    *("order:1e3", "order:1.0", "order:99999999999999999999", "order:\u0663", "orders:x"),
    *("removed:1", "plan:1:maybe", "\x00", "home:1", "' OR 1=1--", "+", "++home", "order:1:2"),
    *("creds:1:-1", "creds:1:999999", "lang:../../x", "lang:", "prov:0:99999999", "orders:-5"),
    *(
        "".join(_CHANCE.choice(_LETTERS) for _ in range(_CHANCE.randrange(1, 40)))
        for _ in range(200)
    ),
)
"""C: what no button of ours carries; a client may send it all the same."""


def _envelope(code: object) -> str:
    return json.dumps({"success": False, "error": {"code": code, "message": "no"}})


BODIES: Final[dict[str, bytes]] = {
    "empty": b"",
    "spaces": b"  \n ",
    "HTML": b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>",
    "a word": b"OK",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a list": b"[]",
    "an empty object": b"{}",
    "NaN": b'{"success": true, "order_id": NaN, "balance": NaN, "price": NaN}',
    "Infinity": b'{"success": true, "balance": -Infinity}',
    "1e999": b'{"success": true, "order_id": "G-1", "balance": 1e999, "price": 1e999}',
    "a huge number": b'{"success": true, "order_id": ' + b"9" * 5000 + b"}",
    "2^64": b'{"success": true, "order_id": 18446744073709551616, "balance": 1844674407370955161}',
    "negative": b'{"success": true, "balance": -1, "orders": -1, "plans": -1}',
    "nested 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "nested objects": b'{"data":' * 5_000 + b"1" + b"}" * 5_000,
    "50 MiB": b'{"success": true, "order_id": "' + b"x" * (50 << 20) + b'"}',
    "a duplicate key": b'{"success": false, "success": true, "order_id": "G-1"}',
    "a duplicate id": b'{"success": true, "order_id": "G-1", "order_id": "G-2"}',
    "latin-1": '{"success": true, "order_id": "G-1", "note": "\xe9"}'.encode("latin-1"),
    "UTF-16": '{"success": true, "order_id": "G-1"}'.encode("utf-16"),
    "a lone surrogate": b'{"success": true, "order_id": "\\ud800"}',
    "trailing garbage": b'{"success": true, "order_id": "G-1"} and more',
    "null fields": b'{"success": null, "order_id": null, "data": null, "orders": null}',
    "lists for objects": b'{"success": true, "order": [], "data": [[]], "proxy": [[]]}',
    "an id with a slash": b'{"success": true, "order_id": "../account", "status": "completed"}',
    "an id with a line break": b'{"success": true, "order_id": "G-1\\r\\nX: y"}',
    "no id": b'{"success": true, "status": "completed"}',
    "success as a text": b'{"success": "true", "order_id": "G-1"}',
    "an unknown code": _envelope("weird_trouble").encode(),
    "a code that is a number": _envelope(42).encode(),
    "a code that is a token": _envelope("gpk_live_0123456789").encode(),
}
"""J: answers that nobody should believe."""

"""The body of an answer: read with a bound, and taken for JSON only where it is nothing else."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncIterable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NoReturn

MOST_BYTES = 1 << 20
"""A longer body is not read: after decoding, so that compression cannot hide it."""


class Flaw(StrEnum):
    """Our own codes for a body that cannot be read."""

    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    CHARSET = "charset"
    NOT_JSON = "not_json"


class Unreadable(Exception):
    """A body that cannot be read, and why; nothing of the body gets into it."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


async def read_body(pieces: AsyncIterable[bytes], encoding: str) -> bytes:
    """The decoded body, of which never more than `MOST_BYTES` are held in memory.

    `pieces` are those of the wire, `encoding` is what `Content-Encoding` says, or nothing. Raises
    `Unreadable`.
    """
    match encoding.strip().lower():
        case "identity" | "":
            return await _plain(pieces)
        case "gzip" | "x-gzip" | "deflate":
            return await _inflated(pieces)
        case _:
            raise Unreadable(Flaw.ENCODING)


async def _plain(pieces: AsyncIterable[bytes]) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > MOST_BYTES:
            raise Unreadable(Flaw.TOO_LARGE)
    return bytes(body)


async def _inflated(pieces: AsyncIterable[bytes]) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    body = bytearray()
    wire = 0
    try:
        async for piece in pieces:
            wire += len(piece)
            body += unpacker.decompress(piece, MOST_BYTES + 1 - len(body))
            if len(body) > MOST_BYTES or wire > MOST_BYTES:
                raise Unreadable(Flaw.TOO_LARGE)
    except zlib.error:
        raise Unreadable(Flaw.ENCODING) from None
    if not unpacker.eof or unpacker.unused_data:
        raise Unreadable(Flaw.ENCODING)
    return bytes(body)


def read_text(body: bytes, content_type: str) -> str:
    """The body's text, which is UTF-8 as that of all JSON; raises `Unreadable`."""
    # A server that declares something else is believed only where it makes no difference: a
    # password read in the wrong charset would be delivered wrong.
    charset = re.search(r"(?i)charset\s*=\s*\"?([^\s\";]+)", content_type)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"} and not body.isascii():
        raise Unreadable(Flaw.CHARSET)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(Flaw.CHARSET) from None


def read_json(text: str) -> object:
    """Read JSON with numbers as `int` and `Decimal`, refusing what `json` is lenient about.

    Raises `Unreadable` for it and for what no amount or text of ours could be: endless numbers,
    a key said twice, a lone surrogate, a depth that Python cannot follow.
    """
    try:
        data: object = json.loads(
            text,
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_no_number,
            object_pairs_hook=_fields,
        )
        if "\\ud" in text.lower():
            # A lone surrogate is a text that no database and no message can hold.
            json.dumps(data, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        raise Unreadable(Flaw.NOT_JSON) from None
    return data


def _whole(digits: str) -> int:
    if len(digits) > 30:
        raise Unreadable(Flaw.NOT_JSON)
    return int(digits)


def _fraction(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation:
        raise Unreadable(Flaw.NOT_JSON) from None
    if len(digits) > 60 or not -30 <= number.adjusted() <= 30:
        raise Unreadable(Flaw.NOT_JSON)
    return number


def _no_number(_: str) -> NoReturn:
    raise Unreadable(Flaw.NOT_JSON)


def _fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unreadable(Flaw.NOT_JSON)
    return fields

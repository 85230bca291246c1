"""Archives: a whole SQLite database as one sealed file that proves itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.db.vault import key_id
from bot.domain.errors import ShopError

MAGIC: Final = b"proxy-shop backup 1\n"
CHUNK: Final = 1 << 20
_TAG_BYTES: Final = 16
_LONGEST_HEADER: Final = 4096

# MAGIC │ length of the header, 4 bytes │ header, JSON │ chunk │ chunk │ … │ last chunk


class BadArchive(ShopError):
    """Not a backup, not a whole one, or not one that a key of the ring opens; one clear line."""


@dataclass(frozen=True, slots=True)
class About:
    """What a backup says of itself in clear; the seal covers it, so it cannot be changed."""

    made_at: str
    """ISO 8601, in UTC."""
    revision: str
    """The schema of the database inside."""
    size: int
    """Of the database inside, in bytes."""
    sha256: str
    """Of the database inside."""
    key: str
    """Which key of `SECRET_KEY` opens it: a hash, as the vault names keys."""
    salt: str


def write(
    target: Path, source: Path, ring: Sequence[bytes], *, made_at: str, revision: str
) -> About:
    """Seal a database that nobody has open into `target`, whole or not at all, with mode 0600.

    Everything is sealed, and not the credentials alone: a backup leaves the machine, and with it
    would go who bought what for how much. The price is that without the key nobody can read even
    the money in it, so the key must be kept as well, and elsewhere: beside the backups it
    protects nothing. The key of a file is derived from the ring's first key and a fresh salt, so
    it seals nothing else; a chunk is bound to its place, to being the last one and to the header.
    """
    salt = os.urandom(16)
    with source.open("rb") as plain:
        sha256 = hashlib.file_digest(plain, "sha256").hexdigest()
    about = About(
        made_at=made_at,
        revision=revision,
        size=source.stat().st_size,
        sha256=sha256,
        key=key_id(ring[0]).hex(),
        salt=salt.hex(),
    )
    header = json.dumps(asdict(about)).encode()
    head = MAGIC + len(header).to_bytes(4, "big") + header
    cipher = AESGCM(_derived(ring[0], salt))
    partial = target.with_name(f"{target.name}.{os.urandom(8).hex()}.partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out, source.open("rb") as plain:
            out.write(head)
            for number, (chunk, is_last) in enumerate(_chunks(plain, CHUNK)):
                out.write(cipher.encrypt(_nonce(number, is_last=is_last), chunk, head))
            out.flush()
            os.fsync(out.fileno())
        partial.rename(target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return about


def about(archive: Path) -> About:
    """What a backup says of itself, before any key was tried; raises `BadArchive`."""
    with archive.open("rb") as file:
        return _head(archive, file)[0]


def read(archive: Path, ring: Sequence[bytes], target: Path | None = None) -> About:
    """Open a backup into a new file with mode 0600, or only check it; raises `BadArchive`.

    After an error nothing is left of `target`.
    """
    made: Path | None = None
    try:
        with archive.open("rb") as file:
            said, head = _head(archive, file)
            cipher = _cipher(archive, said, ring)
            digest, size = hashlib.sha256(), 0
            handle = os.open(
                os.devnull if target is None else target,
                os.O_WRONLY if target is None else os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                0o600,
            )
            made = target
            with os.fdopen(handle, "wb") as out:
                for number, (chunk, is_last) in enumerate(_chunks(file, CHUNK + _TAG_BYTES)):
                    plain = cipher.decrypt(_nonce(number, is_last=is_last), chunk, head)
                    digest.update(plain)
                    size += len(plain)
                    out.write(plain)
                out.flush()
                if target is not None:
                    os.fsync(out.fileno())
        _compare(said, digest.hexdigest(), size)
    except InvalidTag:
        _forget(made)
        raise BadArchive(f"{archive} is damaged or not whole: use another backup") from None
    except BaseException:
        _forget(made)
        raise
    return said


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _head(archive: Path, file: BinaryIO) -> tuple[About, bytes]:
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        if magic[:-2] == MAGIC[:-2]:
            raise BadArchive(f"{archive} was made by a newer version of the bot: use that one")
        raise BadArchive(f"{archive} is no backup of this shop")
    length = file.read(4)
    header = file.read(min(int.from_bytes(length, "big"), _LONGEST_HEADER))
    try:
        said = About(**json.loads(header))
        bytes.fromhex(said.salt), bytes.fromhex(said.key)
    except (TypeError, ValueError, RecursionError):
        raise BadArchive(f"{archive} is damaged or not whole: use another backup") from None
    return said, magic + length + header


def _cipher(archive: Path, said: About, ring: Sequence[bytes]) -> AESGCM:
    for key in ring:
        if key_id(key).hex() == said.key:
            return AESGCM(_derived(key, bytes.fromhex(said.salt)))
    raise BadArchive(
        f"SECRET_KEY: no key here opens {archive}: it was sealed with the key {said.key}"
    )


def _compare(said: About, sha256: str, size: int) -> None:
    if (said.sha256, said.size) != (sha256, size):
        raise InvalidTag


def _derived(key: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"proxy-shop backup").derive(key)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Chunks, each with whether it is the last one; an empty file is one empty chunk."""
    chunk = file.read(size)
    while True:
        following = file.read(size)
        yield chunk, not following
        if not following:
            return
        chunk = following


def _forget(made: Path | None) -> None:
    if made is not None:
        made.unlink(missing_ok=True)

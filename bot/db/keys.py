"""The keys that the vault works with, as they are written in a setting or in a file."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.db.archive import sync_folder
from bot.domain.errors import StartRefused


def read_key(text: str) -> bytes:
    """A key of 32 bytes from URL-safe base64; raises `ValueError` that does not repeat it."""
    try:
        # Python's own token_urlsafe leaves the padding out.
        padded = text.strip().rstrip("=") + "="
        key = base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("not 32 bytes in URL-safe base64")
    return key


def ring_from_file(path: Path, *, may_make: bool) -> list[bytes]:
    """The keys kept beside the database, written as in the setting; where `may_make`, one is made.

    Raises `StartRefused` when the file is missing and credentials were sealed with its keys.
    """
    try:
        return [read_key(key) for key in path.read_text(encoding="ascii").split(",")]
    except FileNotFoundError:
        if not may_make:
            raise StartRefused(
                f"SECRET_KEY: the key is lost: {path} is missing, and stored credentials need it"
            ) from None
    except (OSError, ValueError):
        raise StartRefused(f"SECRET_KEY: {path} holds no key that can be read") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _written(path, [os.urandom(32)]) as whole, contextlib.suppress(FileExistsError):
            # A link appears whole or not at all, and never over a key that is there.
            os.link(whole, path)
    except OSError as error:
        problem = f"SECRET_KEY: {path} cannot be made ({error.strerror})"
        raise StartRefused(problem) from None
    # Of two processes that start together, one makes the key and both read it.
    return ring_from_file(path, may_make=False)


def renew_file(path: Path) -> list[bytes]:
    """Put a new key before the ones that the file holds; the ring as it is from now on."""
    ring = [os.urandom(32), *ring_from_file(path, may_make=False)]
    try:
        with _written(path, ring) as whole:
            whole.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        problem = f"SECRET_KEY: {path} cannot be changed ({error.strerror})"
        raise StartRefused(problem) from None
    return ring


@contextlib.contextmanager
def _written(path: Path, ring: Sequence[bytes]) -> Iterator[Path]:
    """A file beside `path` that holds these keys, safe on the disk; gone afterwards."""
    partial = path.with_name(f"{path.name}.{os.urandom(8).hex()}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b",".join(map(base64.urlsafe_b64encode, ring)))
            file.flush()
            os.fsync(file.fileno())
        yield partial
    finally:
        partial.unlink(missing_ok=True)

"""Credentials at rest: sealed with AES-GCM, bound to their order."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.domain.errors import ShopError, StartRefused
from bot.domain.orders import OrderId

_ID_BYTES = 4
_NONCE_BYTES = 12


class SealBroken(ShopError):
    """No key of the ring opens it, or it was sealed for another order."""


class Vault:
    """Seals and opens with a ring of keys: the first one seals, all of them open.

    A sealed value is key id (4 bytes), nonce (12), ciphertext. The key id is a hash, so the
    right key is found without trying; the order id is bound in, so that a value moved to
    another row does not open.
    """

    def __init__(self, ring: Sequence[bytes]) -> None:
        self._ring = {key_id(key): AESGCM(key) for key in ring}
        self._first = next(iter(self._ring))

    def seal(self, order: OrderId, plain: str) -> bytes:
        """Encrypt for one order."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ring[self._first].encrypt(nonce, plain.encode(), _bound(order))
        return self._first + nonce + sealed

    def open(self, order: OrderId, sealed: bytes) -> str:
        """Decrypt what was sealed for this order; raises `SealBroken`."""
        key = self._ring.get(sealed[:_ID_BYTES])
        if key is None:
            raise SealBroken("sealed with a key that is not in SECRET_KEY")
        nonce, rest = (
            sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES],
            sealed[_ID_BYTES + _NONCE_BYTES :],
        )
        try:
            return key.decrypt(nonce, rest, _bound(order)).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("not what was sealed for this order") from None


def _bound(order: OrderId) -> bytes:
    return f"delivery:{order}".encode()


def key_id(key: bytes) -> bytes:
    """What names a key without telling it."""
    return hashlib.sha256(b"key id" + key).digest()[:_ID_BYTES]


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


def key_from_file(path: Path, *, may_make: bool) -> bytes:
    """The key kept beside the database; made with mode 0600 where `may_make`.

    Raises `StartRefused` when the file is missing and credentials were sealed with it.
    """
    try:
        return read_key(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        if not may_make:
            raise StartRefused(
                f"SECRET_KEY: the key is lost: {path} is missing, and stored credentials need it"
            ) from None
    except (OSError, ValueError):
        raise StartRefused(f"SECRET_KEY: {path} holds no key that can be read") from None
    try:
        _make_key(path)
    except OSError as error:
        problem = f"SECRET_KEY: {path} cannot be made ({error.strerror})"
        raise StartRefused(problem) from None
    # Of two processes that start together, one makes the key and both read it.
    return key_from_file(path, may_make=False)


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.urandom(8).hex()}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(32)))
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never over a key that is there.
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink()

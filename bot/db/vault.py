"""Credentials at rest: sealed with AES-GCM, bound to their order; and fingerprints of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.domain.errors import ShopError
from bot.domain.orders import OrderId

KEY_ID_BYTES = 4
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
        # Keys of their own: what seals is used for nothing else.
        self._marking = [hmac.digest(key, b"fingerprints", "sha256") for key in ring]
        self._search = hmac.digest(ring[0], b"search", "sha256")

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """What sealed values begin with, by key; new ones begin with the first."""
        return tuple(self._ring)

    def seal(self, order: OrderId, plain: str) -> bytes:
        """Encrypt for one order."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ring[self._first].encrypt(nonce, plain.encode(), _bound(order))
        return self._first + nonce + sealed

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key of the ring sealed it."""
        return sealed.startswith(self._first)

    @property
    def term_key(self) -> str:
        """What names the key that `term` uses: the first of the ring."""
        return self._first.hex()

    def term(self, text: str) -> str:
        """A keyed hash of 22 letters: the same for the same text, and nothing without the key."""
        made = hmac.digest(self._search, text.encode(), "sha256")[:16]
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    def open(self, order: OrderId, sealed: bytes) -> str:
        """Decrypt what was sealed for this order; raises `SealBroken`."""
        key = self._ring.get(sealed[:KEY_ID_BYTES])
        if key is None:
            raise SealBroken("sealed with a key that is not in SECRET_KEY")
        nonce, rest = (
            sealed[KEY_ID_BYTES : KEY_ID_BYTES + _NONCE_BYTES],
            sealed[KEY_ID_BYTES + _NONCE_BYTES :],
        )
        try:
            return key.decrypt(nonce, rest, _bound(order)).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("not what was sealed for this order") from None

    def fingerprints(self, plain: str) -> tuple[str, ...]:
        """Keyed hashes that tell whether two texts are the same: one for each key of the ring.

        The first one is to be kept; the others are what was kept under older keys.
        """
        return tuple(hmac.digest(key, plain.encode(), "sha256").hex() for key in self._marking)


def _bound(order: OrderId) -> bytes:
    return f"delivery:{order}".encode()


def key_id(key: bytes) -> bytes:
    """What names a key without telling it."""
    return hashlib.sha256(b"key id" + key).digest()[:KEY_ID_BYTES]

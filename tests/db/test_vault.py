"""The vault: credentials that only the right order and the right key open."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from bot.db.vault import SealBroken, Vault, key_from_file, read_key
from bot.domain.errors import StartRefused
from bot.domain.orders import OrderId

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
ORDER, OTHER_ORDER = OrderId(42), OrderId(43)
SECRET = "proxy.example:8000:ann:пароль"


def test_what_was_sealed_for_an_order_opens_for_it() -> None:
    vault = Vault([NEW])

    assert vault.open(ORDER, vault.seal(ORDER, SECRET)) == SECRET


def test_a_sealed_value_shows_nothing_of_what_is_inside() -> None:
    sealed = Vault([NEW]).seal(ORDER, SECRET)

    assert b"proxy.example" not in sealed
    assert SECRET.encode() not in sealed


def test_sealing_twice_gives_two_different_values() -> None:
    vault = Vault([NEW])

    assert vault.seal(ORDER, SECRET) != vault.seal(ORDER, SECRET)


def test_a_value_moved_to_another_order_does_not_open() -> None:
    vault = Vault([NEW])
    sealed = vault.seal(ORDER, SECRET)

    with pytest.raises(SealBroken, match="not what was sealed for this order"):
        vault.open(OTHER_ORDER, sealed)


@pytest.mark.parametrize("place", [4, 15, 16, -1], ids=["nonce", "end of nonce", "text", "tag"])
def test_a_value_with_one_changed_bit_does_not_open(place: int) -> None:
    vault = Vault([NEW])
    sealed = bytearray(vault.seal(ORDER, SECRET))
    sealed[place] ^= 1

    with pytest.raises(SealBroken):
        vault.open(ORDER, bytes(sealed))


def test_a_value_that_was_cut_short_does_not_open_at_any_length() -> None:
    vault = Vault([NEW])
    sealed = vault.seal(ORDER, SECRET)

    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            vault.open(ORDER, sealed[:length])


def test_a_ring_with_a_new_first_key_still_opens_what_the_old_one_sealed() -> None:
    sealed = Vault([OLD]).seal(ORDER, SECRET)

    assert Vault([NEW, OLD]).open(ORDER, sealed) == SECRET


def test_the_first_key_of_the_ring_seals() -> None:
    sealed = Vault([NEW, OLD]).seal(ORDER, SECRET)

    assert Vault([NEW]).open(ORDER, sealed) == SECRET


def test_a_key_that_left_the_ring_is_named_as_the_reason() -> None:
    sealed = Vault([OLD]).seal(ORDER, SECRET)

    with pytest.raises(SealBroken, match="a key that is not in SECRET_KEY"):
        Vault([NEW]).open(ORDER, sealed)


@pytest.mark.parametrize(
    "text",
    [
        base64.urlsafe_b64encode(NEW).decode(),
        base64.urlsafe_b64encode(NEW).decode().rstrip("="),
        base64.urlsafe_b64encode(NEW).decode() + "\n",
    ],
    ids=["padded", "as token_urlsafe prints it", "with a line end"],
)
def test_a_key_is_read_from_url_safe_base64(text: str) -> None:
    assert read_key(text) == NEW


@pytest.mark.parametrize(
    "text",
    ["", "=", "hunter2", "A" * 42, "A" * 44, "A" * 86, "ключ", "A" * 42 + "!"],
    ids=["nothing", "padding", "a word", "short", "long", "two keys", "not ASCII", "a sign"],
)
def test_what_is_not_a_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not 32 bytes in URL-safe base64$"):
        read_key(text)


def test_the_key_file_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"

    first = key_from_file(path, may_make=True)
    again = key_from_file(path, may_make=True)

    assert len(first) == 32
    assert again == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_a_lost_key_is_not_replaced_while_credentials_need_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"

    with pytest.raises(StartRefused, match="the key is lost"):
        key_from_file(path, may_make=False)

    assert not path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hunter2", b"\xff\xfe"], ids=["empty", "a word", "bytes"]
)
@pytest.mark.parametrize("may_make", [True, False], ids=["may make", "may not make"])
def test_a_key_file_that_holds_no_key_is_refused_and_kept(
    tmp_path: Path, content: bytes, may_make: bool
) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)

    with pytest.raises(StartRefused, match="holds no key that can be read") as refused:
        key_from_file(path, may_make=may_make)

    assert "hunter2" not in str(refused.value)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(StartRefused, match=r"^SECRET_KEY: .*$"):
        key_from_file(tmp_path / "data" / "secret.key", may_make=True)


def test_a_key_that_another_process_makes_meanwhile_is_the_one_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.key"
    theirs = base64.urlsafe_b64encode(OLD)

    def random_bytes(count: int) -> bytes:
        path.write_bytes(theirs)
        return secrets.token_bytes(count)

    monkeypatch.setattr(os, "urandom", random_bytes)

    assert key_from_file(path, may_make=True) == OLD
    assert path.read_bytes() == theirs
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_makers_that_race_all_end_with_the_same_key(tmp_path: Path) -> None:
    makers = 8
    start = Barrier(makers)

    def make(_: int) -> bytes:
        start.wait()
        return key_from_file(tmp_path / "secret.key", may_make=True)

    with ThreadPoolExecutor(makers) as threads:
        keys = set(threads.map(make, range(makers)))

    assert len(keys) == 1

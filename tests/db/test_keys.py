"""Keys as they are written: read, made, and renewed, and never lost."""

from __future__ import annotations

import base64
import errno
import os
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from bot.db.keys import read_key, renew_file, ring_from_file
from bot.domain.errors import StartRefused

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


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

    first = ring_from_file(path, may_make=True)
    again = ring_from_file(path, may_make=True)

    assert [len(key) for key in first] == [32]
    assert again == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_a_lost_key_is_not_replaced_while_credentials_need_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"

    with pytest.raises(StartRefused, match="the key is lost"):
        ring_from_file(path, may_make=False)

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
        ring_from_file(path, may_make=may_make)

    assert "hunter2" not in str(refused.value)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(StartRefused, match=r"^SECRET_KEY: .*$"):
        ring_from_file(tmp_path / "data" / "secret.key", may_make=True)


def test_a_key_that_another_process_makes_meanwhile_is_the_one_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.key"
    theirs = base64.urlsafe_b64encode(OLD)

    def random_bytes(count: int) -> bytes:
        path.write_bytes(theirs)
        return secrets.token_bytes(count)

    monkeypatch.setattr(os, "urandom", random_bytes)

    assert ring_from_file(path, may_make=True) == [OLD]
    assert path.read_bytes() == theirs
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_makers_that_race_all_end_with_the_same_key(tmp_path: Path) -> None:
    makers = 8
    start = Barrier(makers)

    def make(_: int) -> bytes:
        start.wait()
        return ring_from_file(tmp_path / "secret.key", may_make=True)[0]

    with ThreadPoolExecutor(makers) as threads:
        keys = set(threads.map(make, range(makers)))

    assert len(keys) == 1


def test_a_new_key_is_put_before_the_ones_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(base64.urlsafe_b64encode(NEW) + b"," + base64.urlsafe_b64encode(OLD))

    ring = renew_file(path)

    assert ring[1:] == [NEW, OLD]
    assert ring[0] not in (NEW, OLD)
    assert ring_from_file(path, may_make=False) == ring
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_a_new_key_that_cannot_be_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.key"
    before = ring_from_file(path, may_make=True)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StartRefused, match=r"cannot be changed \(No space left on device\)"):
        renew_file(path)

    assert ring_from_file(path, may_make=False) == before
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]

"""The vault: credentials that only the right order and the right key open."""

from __future__ import annotations

import pytest

from bot.db.vault import SealBroken, Vault
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


def test_the_same_text_has_the_same_fingerprint_and_shows_nothing_of_itself() -> None:
    [mark] = Vault([NEW]).fingerprints(SECRET)

    assert [mark] == list(Vault([NEW]).fingerprints(SECRET))
    assert [mark] != list(Vault([NEW]).fingerprints(SECRET + " "))
    assert "ann" not in mark


def test_without_the_key_nobody_can_try_which_text_a_fingerprint_is_of() -> None:
    assert not set(Vault([OLD]).fingerprints(SECRET)) & set(Vault([NEW]).fingerprints(SECRET))


def test_a_fingerprint_of_an_older_key_is_known_again() -> None:
    [kept] = Vault([OLD]).fingerprints(SECRET)

    assert kept == Vault([NEW, OLD]).fingerprints(SECRET)[1]

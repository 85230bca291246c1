"""Traffic as upstreams write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.usage import Traffic, size_in_bytes

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("120 MB", 120 * 1024**2),
        ("1 GB", GIB),
        ("1.2GB", GIB * 12 // 10),
        ("1,2 GB", GIB * 12 // 10),
        ("5 GiB", 5 * GIB),
        ("5gb", 5 * GIB),
        ("  7 kb ", 7 * 1024),
        ("0 B", 0),
        ("512B", 512),
        ("2TB", 2 * 1024**4),
        ("1 PB", 1024**5),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "GB",
            "5",
            "5 G",
            "5 IB",
            "5 iB",
            "5 XB",
            "-1 GB",
            "+1 GB",
            "1e3 GB",
            "1.GB",
            ".5 GB",
        ),
        *("1.2.3 GB", "1_0 GB", "NaN GB", "100 IPs", "unlimited", "~5 GB", "5 GB left", "9" * 13),
        *("\uff15 GB", "5 G\u0412", "1" * 5000 + " GB", "1." + "1" * 10 + " GB"),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_not_a_size_is_none(text: str) -> None:
    assert size_in_bytes(text) is None


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    size = size_in_bytes(text)
    assert size is None or size >= 0


@pytest.mark.parametrize(
    ("used", "remaining", "total", "share"),
    [
        ("1 GB", "3 GB", "4 GB", 0.25),
        ("512 MB", None, "1 GB", 0.5),
        (None, "3 GB", "4 GB", 0.25),
        ("1 GB", "3 GB", None, 0.25),
        ("5 GB", None, "4 GB", 1.0),
        (None, "5 GB", "4 GB", 0.0),
        ("0 GB", "0 GB", "0 GB", None),
        ("1 GB", None, None, None),
        (None, None, "4 GB", None),
        (None, None, None, None),
        ("~1 GB", "~3 GB", "~4 GB", None),
        ("1 GB", "lots", "unlimited", None),
    ],
)
def test_the_used_share_is_told_where_two_figures_allow_it(
    used: str | None, remaining: str | None, total: str | None, share: float | None
) -> None:
    assert Traffic(used, remaining, total).used_share == share

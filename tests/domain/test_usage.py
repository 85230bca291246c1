"""Traffic as upstreams write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.usage import LONGEST, Measured, Traffic, history, pace, size_in_bytes

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


DELIVERED = datetime(2026, 11, 22, 12, tzinfo=UTC)


def after(hours: float, used: str, total: str = "1000 MB") -> Measured:
    return Measured(Traffic(used, None, total), DELIVERED + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("readings", "mb_a_day", "hours_left"),
    [
        # Newest first. At the delivery nothing was used.
        ([after(12, "100 MB")], 200, 108),
        ([after(24, "400 MB"), after(12, "100 MB")], 400, 36),
        # Of a long time only the last three days count.
        ([after(240, "500 MB"), after(216, "400 MB"), after(24, "300 MB")], 100, 120),
        # Nothing between: the last reading before is better than none.
        ([after(240, "500 MB"), after(48, "300 MB")], 25, 480),
        # A refill starts the count again.
        ([after(48, "200 MB"), after(24, "100 MB"), after(12, "900 MB")], 100, 192),
        ([after(24, "1000 MB")], 1000, 0),
    ],
)
def test_the_pace_is_that_of_the_last_days(
    readings: list[Measured], mb_a_day: int, hours_left: int
) -> None:
    found = pace(readings, DELIVERED)

    assert found is not None
    assert found.bytes_a_day // 2**20 == mb_a_day
    assert found.left_in == timedelta(hours=hours_left)


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [after(0.5, "100 MB")],
        [after(12, "0 MB")],
        [after(12, "lots")],
        [after(12, "100 MB", "unlimited")],
        [after(24, "lots"), after(12, "100 MB")],
        [after(-1, "100 MB")],
        [after(48, "100 MB"), after(12, "100 MB"), after(11, "900 MB")],
    ],
)
def test_no_pace_is_better_than_a_wrong_one(readings: list[Measured]) -> None:
    assert pace(readings, DELIVERED) is None


def test_what_lasts_for_ever_lasts_a_year() -> None:
    found = pace([after(24, "0.000001 MB", "999999999999 PB")], DELIVERED)

    assert found is not None
    assert found.left_in == LONGEST


def test_the_history_shows_each_figure_once_with_its_latest_reading() -> None:
    readings = [after(9, "9 MB"), after(8, "5 MB"), after(7, "5 MB"), after(6, "1 MB")]

    assert history(readings, most=2) == (readings[0], readings[1])


@pytest.mark.parametrize(
    ("used", "total", "percent", "is_past"),
    [
        ("499 MB", "1000 MB", 50, False),
        ("500 MB", "1000 MB", 50, True),
        ("2000 MB", "1000 MB", 95, True),
        ("lots", "1000 MB", 50, None),
    ],
)
def test_a_share_is_passed_to_the_byte(
    used: str, total: str, percent: int, is_past: bool | None
) -> None:
    assert Traffic(used, None, total).is_past(percent) is is_past

"""Times in the forms in which spreadsheets and people write them."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.values.timestamps import moments


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T08:30:00.123456Z", "2026-11-24T08:30:00.123456Z"),
        ("2026-11-24T08:30:00Z", "2026-11-24T08:30:00Z"),
        ("2026-11-24 08:30:00", "2026-11-24T08:30:00.000000Z"),
        ("2026-11-24 8:30", "2026-11-24T08:30:00.000000Z"),
        ("2026-11-24 08:30:00.5", "2026-11-24T08:30:00.500000Z"),
        ("2026-11-24T08:30:00+01:00", "2026-11-24T07:30:00.000000Z"),
        ("2026-11-24 08:30:00 UTC", "2026-11-24T08:30:00.000000Z"),
        ("2026/11/24 08:30:00", "2026-11-24T08:30:00.000000Z"),
        ("24.11.2026 08:30", "2026-11-24T08:30:00.000000Z"),
        ("3.4.2026 08:30", "2026-04-03T08:30:00.000000Z"),
        ("24-Nov-2026 08:30:00", "2026-11-24T08:30:00.000000Z"),
        ("Nov 24, 2026 8:30 AM", "2026-11-24T08:30:00.000000Z"),
        ("24 November 2026 08:30 pm", "2026-11-24T20:30:00.000000Z"),
        ("11/24/2026 12:05:00 AM", "2026-11-24T00:05:00.000000Z"),
        ("24/11/2026 08:30:00", "2026-11-24T08:30:00.000000Z"),
        ("4/4/2026 08:30:00", "2026-04-04T08:30:00.000000Z"),
        ("2026-11-24", "2026-11-24T00:00:00.000000Z"),
        ("3/4/2026 08:30:00", None),
        ("24 Nov", None),
        ("13:00 pm", None),
        ("2026-11-24 13:00 pm", None),
        ("2026-13-24 08:30:00", None),
        ("30.2.2026", None),
        ("24 Foo 2026", None),
        ("NULL", None),
        ("46350.354", None),
    ],
)
def test_times(text: str, moment: str | None) -> None:
    """Each form that has one meaning is read, as UTC where it names no zone; a day that may be a month is not."""
    assert moments(pl.Series([text, None])).to_list() == [moment, None]


def test_what_an_export_writes_is_left_alone() -> None:
    """A column of such times is the column."""
    exported = pl.Series(["2026-11-24T08:30:00.123456Z"] * 2)
    assert moments(exported).to_list() == exported.to_list()
    assert moments(pl.Series([None], dtype=pl.String)).to_list() == [None]

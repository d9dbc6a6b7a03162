"""Parquet: every type as text, and damage told before anything is loaded."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.errors import SourceError
from tests.tasks.formats.support import faults, read, read_text, rows


def parquet(columns: dict[str, Any]) -> bytes:
    """Return a Parquet file."""
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def test_every_type_is_text(tmp_path: Path) -> None:
    """Whole numbers that pandas keeps as floats, because some are missing, are whole."""
    columns = {
        "asn": [65001.0, None],
        "part": [1.5, 2.0],
        "bytes": [b"x", b"\xff"],
        "span": [datetime.timedelta(days=1), None],
        "time": [datetime.time(1, 2), None],
        "exact": [Decimal("1.50"), None],
        "*": ["star", None],
    }
    assert rows(read_text(tmp_path, "t.parquet", parquet(columns))) == [
        (1, "65001", "1.5", "x", "P1D", "01:02:00", "1.50", "star"),
        (2, "", "2", "\ufffd", "", "", "", ""),
    ]


def test_damage_inside(tmp_path: Path) -> None:
    """A file that begins and ends well is read to its end before the run goes on."""
    whole = bytearray(parquet({"a": [f"x{number}" for number in range(5_000)]}))
    whole[2_000:3_000] = bytes(1_000)
    with pytest.raises(SourceError, match="is a damaged Parquet file"):
        read_text(tmp_path, "t.parquet", bytes(whole))


def test_limits(tmp_path: Path) -> None:
    """Those of columns and cells hold here too; a file without records is refused."""
    path = tmp_path / "t.parquet"
    path.write_bytes(parquet({"a": ["x" * 2_000, "y"], "b": ["1", "2"]}))
    assert faults(read(path, {"max_cell_chars": 1_000})) == [(1, "cell_too_long")]
    with pytest.raises(SourceError, match="has 2 columns; at most 1"):
        read(path, {"max_columns": 1})
    with pytest.raises(SourceError, match="no records"):
        read_text(tmp_path, "t.parquet", parquet({"a": []}))

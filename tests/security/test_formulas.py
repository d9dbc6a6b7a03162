"""Formulas that a spreadsheet would run: guarded in files that it opens as text, and undone exactly by an import."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from flows.pipelines import export_file
from schemas.jobs import ExportJob, WriteOptions
from schemas.reports import Counts, Report
from schemas.settings import settings
from tasks.formats.formula_guard import guarded, unguarded
from tasks.steps.rejects import write_rejects
from tasks.store.connection.engine import engine
from tests.support import importer, stored, vpc, write_csv, write_ndjson

FORMULAS = (
    *("=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "'=1", "''＝1"),
    *("＝1+1", "＋1", "－1", "＠a", "\ufeff=1", "\u200b\u2060=1"),
)
"""What Excel, LibreOffice or Google Sheets run, or would if they looked past what does not show."""

FREE = ("a=b", "'a", "1-2", "’=1", " a", "ＡＢ＝", "")


def test_what_is_guarded_is_read_back_exactly() -> None:
    """Each formula is text then, and comes back sign by sign; other text is left alone."""
    texts = pl.Series([*FORMULAS, "\n=1", "\r=1", "\t=1", *FREE])
    written = pl.DataFrame({"text": texts}).select(guarded(pl.col("text")).alias("text"))["text"]
    assert unguarded(written).equals(texts)
    free = len(texts) - len(FREE)
    assert written[:free].str.starts_with("'").all()
    assert written[free:].to_list() == list(FREE)


def test_exports(database_url: str, tmp_path: Path) -> None:
    """Names of records that begin with full-width signs are guarded, and unchanged when they are imported again."""
    run = importer(database_url, tmp_path)
    names = [name for name in FORMULAS if not name.startswith(("\ufeff", "\u200b"))]
    source = write_ndjson(tmp_path / "vpcs.ndjson", [vpc(number, name=name) for number, name in enumerate(names, 1)])
    assert run(source).counts.create == len(names)
    assert [record["name"] for record in stored(database_url, "vpc")] == names
    path = tmp_path / "out.csv"
    export_file(ExportJob(resource_type="vpc", path=path, write=WriteOptions()), database_url, settings())
    with path.open(encoding="utf-8", newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {f"'{name}" for name in names}
    assert run(path).counts == Counts(read=len(names), unchanged=len(names))


def rejects(url: str, report: Report, path: Path, **options: Any) -> list[list[str]]:
    """Write the rejected rows of a run; returns the rows of the file."""
    with engine(url).begin() as connection:
        write_rejects(connection, UUID(report.run_id), path, **options)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("format", ["csv", "ndjson"])
@pytest.mark.parametrize("guard", [True, False])
def test_rejected_rows(database_url: str, tmp_path: Path, format: str, guard: bool) -> None:
    """Each cell and each column's name is guarded unless that is off, and the rows are rejected again as they were."""
    run = importer(database_url, tmp_path)
    wrong = [
        vpc(number, name=name, region="nowhere") | {"=note": "-1", "cidr_block": f"10.0.{number}.0/24"}
        for number, name in enumerate(("=1+1", "'=1", "plain"), start=1)
    ]
    source = (write_csv if format == "csv" else write_ndjson)(tmp_path / f"vpcs.{format}", wrong)
    first = run(source, columns={"=note": ""})
    assert first.counts.rejected == 3
    path = tmp_path / "rejects.csv"
    rows = rejects(database_url, first, path, guard=guard)
    cells = [cell for row in rows for cell in row]
    assert any(cell.startswith("=") for cell in cells) is not guard
    again = rejects(database_url, run(path), tmp_path / "again.csv", guard=guard)
    width = len(wrong[0])
    assert [row[:width] for row in again] == [row[:width] for row in rows]
    path.write_text(path.read_text(encoding="utf-8").replace("nowhere", "us-east-1"), encoding="utf-8")
    assert run(path).counts.create == 3
    names = {record["name"] for record in stored(database_url, "vpc")}
    assert names == ({"=1+1", "=1", "plain"} if format == "csv" else {"=1+1", "'=1", "plain"})

"""Where a workbook's sheets end, through an export and an import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fastexcel
import pytest

from flows.pipelines import export_file
from schemas.jobs import ExportJob
from schemas.settings import settings
from tasks.formats import writers
from tests.support import importer, vpc

if TYPE_CHECKING:
    from pathlib import Path


def test_a_full_sheet_goes_on_in_the_next(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sheet ends, the next begins under the same header, and an import reads them all."""
    run = importer(database_url, tmp_path)
    run([vpc(number) for number in range(5)])
    monkeypatch.setattr(writers, "SHEET_ROWS", 3)  # the real one takes a million records
    path = tmp_path / "a.xlsx"
    export_file(ExportJob(resource_type="vpc", path=path, metadata=True), database_url, settings())
    assert fastexcel.read_excel(path).sheet_names == ["VPC", "VPC 2", "VPC 3", "About"]
    again = run(path)
    assert (again.counts.read, again.counts.unchanged) == (5, 5)


def test_a_record_that_begins_with_a_hash_is_no_comment(database_url: str, tmp_path: Path) -> None:
    """Its first field is quoted, so that the export imports as it is."""
    run = importer(database_url, tmp_path)
    run([vpc(1, name="# old"), vpc(2)])
    path = tmp_path / "a.csv"
    export_file(
        ExportJob(resource_type="vpc", path=path, fields=("name", "vpc_id", "cidr_block")), database_url, settings()
    )
    again = run(path)
    assert (again.counts.read, again.counts.unchanged, again.counts.warnings) == (2, 2, 0)

"""What writing refuses and where a workbook's sheets end, through an export and an import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fastexcel
import pytest

from flows.sentences import export_file
from schemas.errors import UsageError
from schemas.jobs import ExportJob
from schemas.settings import settings
from tasks.formats import written
from tasks.formats.workbook import CELL_CHARS
from tests.support import importer, vpc

if TYPE_CHECKING:
    from pathlib import Path


def test_a_full_sheet_goes_on_in_the_next(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sheet ends, the next begins under the same header, and an import reads them all."""
    run = importer(database_url, tmp_path)
    run([vpc(number) for number in range(5)])
    monkeypatch.setattr(written, "SHEET_ROWS", 3)  # the real one takes a million records
    path = tmp_path / "a.xlsx"
    export_file(ExportJob(resource_type="vpc", path=path, metadata=True), database_url, settings())
    assert fastexcel.read_excel(path).sheet_names == ["VPC", "VPC 2", "VPC 3", "About"]
    again = run(path)
    assert (again.counts.read, again.counts.unchanged) == (5, 5)


def test_a_value_that_no_cell_holds_is_refused(database_url: str, tmp_path: Path) -> None:
    """A workbook's cell has its limit: the export says what to do, and writes nothing."""
    blocks = ",".join(f"100.64.{n // 16}.{n % 16 * 16}/28" for n in range(2_500))
    assert len(blocks) > CELL_CHARS
    importer(database_url, tmp_path)([vpc(1, secondary_cidr_blocks=blocks)])
    with pytest.raises(UsageError, match="export as CSV"):
        export_file(ExportJob(resource_type="vpc", path=tmp_path / "a.xlsx"), database_url, settings())
    assert not (tmp_path / "a.xlsx").exists()

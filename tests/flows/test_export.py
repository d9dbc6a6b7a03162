"""Exports: what is written imports again as nothing, a stale file writes over nothing, and templates import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.pipelines import export_file
from schemas.job_options.filters import parse
from schemas.jobs import ExportJob
from schemas.reports import Exported
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.steps.templates import write_template
from tests.support import execute, importer, stored, vpc, with_settings

NASTY = {"name": "=cmd|' /C calc'!A0", "description": 'two\nlines, "quoted"', "tags": "Owner=a b,-x=+1"}


def export(url: str, path: Path, **options: Any) -> Exported:
    """Export VPCs."""
    return export_file(ExportJob(resource_type="vpc", path=path, **options), url, settings())


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.json", "a.ndjson", "a.xlsx", "a.parquet"])
@pytest.mark.parametrize("more", [{}, {"metadata": True, "lineage": True}])
def test_what_is_exported_imports_again_as_nothing(
    database_url: str, tmp_path: Path, name: str, more: dict[str, bool]
) -> None:
    """Every format, with metadata and without, gives an empty plan; no formula is left in what spreadsheets open."""
    run = importer(database_url, tmp_path)
    run([vpc(1, **NASTY), vpc(2, name="'=quoted", description="", tags="")])
    before = stored(database_url, "vpc")
    path = tmp_path / name
    assert export(database_url, path, **more).records == 2
    again = run(path, resource_type="vpc")
    assert (again.counts.read, again.counts.unchanged, again.counts.rejected) == (2, 2, 0)
    assert stored(database_url, "vpc")[0]["updated_at"] == before[0]["updated_at"]
    if name == "a.csv":
        assert ",'=cmd" in path.read_text()


def test_a_stale_file_writes_over_nothing(database_url: str, tmp_path: Path) -> None:
    """A record that was changed since the export is rejected, unless it is to be written over."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    path = tmp_path / "a.csv"
    export(database_url, path, lineage=True)
    run([vpc(1, name="newer")])
    assert run(path).counts.rejected == 1
    assert stored(database_url, "vpc")[0]["name"] == "newer"
    assert run(path, stale="overwrite").counts.update == 1


@pytest.mark.parametrize(
    ("written", "kept"),
    [(r"\1 \2:\3:\4", "seconds"), (r"\1 \2:\3", "minutes"), (r"\1T\2:\3:\4.\5+00:00", "milliseconds")],
)
def test_a_file_that_a_spreadsheet_saved_again_is_known_as_ours(
    database_url: str, tmp_path: Path, written: str, kept: str
) -> None:
    """Its times are in another form and less exact: a record is stale where it was changed as far as that tells."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    execute(database_url, "update vpc set updated_at = '2026-01-02T03:04:05.678912Z'")
    path = tmp_path / "a.csv"
    export(database_url, path, lineage=True)
    exported = r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})\d{3}Z"
    text, count = re.subn(exported, written, path.read_text())
    assert count == 4
    path.write_text(text.replace("net-1", "mine"))
    report = run(path)
    assert (report.counts.update, report.counts.unchanged, report.counts.rejected) == (1, 1, 0), kept
    path.write_text(text.replace("net-1", "other"))
    assert run(path).counts.rejected == 1


def test_filters_choose_records(database_url: str, tmp_path: Path) -> None:
    """Conditions on blocks, tags and text, together."""
    importer(database_url, tmp_path)([vpc(1), vpc(2, tags="Owner=x"), vpc(300)])
    where = parse("cidr_block within 10.0.0.0/16 and (tags.Owner eq network or name in (nothing))")
    export(database_url, tmp_path / "a.csv", where=where, fields=("name",))
    assert (tmp_path / "a.csv").read_text().split() == ["name", "net-1"]


@pytest.mark.parametrize("format", ["xlsx", "csv"])
@pytest.mark.parametrize("resource_type", RESOURCES)
def test_a_template_imports_and_its_examples_are_left_out(
    database_url: str, tmp_path: Path, resource_type: str, format: str
) -> None:
    """No mapping and no type is needed, and nothing is loaded."""
    path = write_template(RESOURCES[resource_type], format, tmp_path / f"t.{format}")
    report = importer(database_url, tmp_path)(path, resource_type=resource_type)
    assert (report.counts.read, report.counts.warnings) == (0, 2)


def test_a_stopped_export_leaves_the_old_file_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    """Stopped in the middle, with more records on their way: the file is the old one, and no other is left."""
    importer(database_url, tmp_path)([vpc(n) for n in range(6000)])
    path = tmp_path / "out" / "a.csv"
    path.parent.mkdir()
    path.write_text("old")

    def stop(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001
        if phase == "write" and done:
            assert (done, total) == (1000, 6000)
            raise KeyboardInterrupt

    used = with_settings(batch_size=1000)
    with pytest.raises(KeyboardInterrupt):
        export_file(ExportJob(resource_type="vpc", path=path), database_url, used, progress=stop)
    assert [(file.name, file.read_text()) for file in path.parent.iterdir()] == [("a.csv", "old")]
    assert not list(used.temporary.iterdir())
    assert export(database_url, path).records == 6000

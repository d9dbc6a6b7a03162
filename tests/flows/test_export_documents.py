"""A document of several types: what an export writes of them, and that reading it gives back what was stored."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import fastexcel
import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.pipelines import export_file
from schemas.errors import UsageError
from schemas.jobs import ExportJob, ImportJob
from schemas.reports import Counts, Exported
from schemas.resources import RESOURCES
from schemas.settings import settings as own_settings
from schemas.sources import ROW, Extracted
from tasks.formats import writers
from tasks.steps.extract import extract_all
from tests.laws import law
from tests.strategies import NASTY_TEXT, records
from tests.support import execute, importer, issues_of, stored, vpc, with_settings

NAMES = ("a.xlsx", "a.json", "a.json.gz")


def export(url: str, path: Path, *types: str, **options: Any) -> Exported:
    """Export these types, or all."""
    asked = {"resource_types": types} if types else {"all_types": True}
    return export_file(ExportJob.model_validate({"path": path} | asked | options), url, own_settings())


def parts(path: Path) -> list[Extracted]:
    """The parts that an import reads of a document."""
    work = path.parent / f"work-{path.name}"
    work.mkdir(exist_ok=True)
    return list(extract_all(ImportJob(path=path), work, with_settings()))


def reread(url: str, folder: Path, part: Extracted) -> Counts:
    """Import one part of a document as it was read, by itself."""
    frame = part.frame.drop(ROW).collect()
    path = folder / ("part.csv" if part.format == "excel" else "part.parquet")
    # What was guarded in a workbook is so in CSV; Parquet keeps text as it is.
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)
    report = importer(url, folder)(path, resource_type=part.resource_type)
    assert report.counts.rejected == 0, (part.resource_type, issues_of(url, report))
    return report.counts


def content(path: Path) -> Any:
    """A JSON document."""
    text = path.read_bytes()
    return json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)


@pytest.mark.parametrize(("name", "metadata"), [("a.xlsx", True), ("a.json", False), ("a.json.gz", True)])
def test_everything_is_read_as_it_was(two_of_each_type: str, tmp_path: Path, name: str, metadata: bool) -> None:
    """Two records of each type, in the order of loading, without a notice; `test_documents` imports them again."""
    path = tmp_path / name
    exported = export(two_of_each_type, path, metadata=metadata)
    assert (exported.records, exported.unfit) == (2 * len(RESOURCES), ())
    assert (exported.resource_type, exported.types) == (None, dict.fromkeys(RESOURCES, 2))
    found = parts(path)
    assert [(part.resource_type, part.records, part.notices) for part in found] == [(t, 2, ()) for t in RESOURCES]


@law(3, shrink=False)
@given(data=st.data())
def test_any_records_are_read_as_they_were(database_url: str, tmp_path: Path, data: st.DataObject) -> None:
    """Several types with nasty text: the parts of either document are the stored records and no others."""
    prefixes = {"vpc": "vpc-", "vpnGateway": "vgw-", "site": "site "}
    kinds = data.draw(st.lists(st.sampled_from(list(prefixes)), min_size=1, unique=True))
    wanted = {}
    for kind in prefixes:
        execute(database_url, f"truncate {RESOURCES[kind].table}")
    for kind in kinds:
        drawn = data.draw(records(RESOURCES[kind], prefixes[kind], NASTY_TEXT))
        source = tmp_path / "source.json"
        source.write_text(json.dumps(drawn))
        assert importer(database_url, tmp_path)(source, resource_type=kind).counts.create == len(drawn)
        wanted[kind] = len(drawn)
    wanted = {kind: wanted[kind] for kind in RESOURCES if kind in wanted}
    before = {kind: stored(database_url, kind) for kind in kinds}
    for name in NAMES:
        assert list(export(database_url, tmp_path / name, metadata=True).types.items()) == list(wanted.items())
        found = parts(tmp_path / name)
        assert [(part.resource_type, part.records) for part in found] == list(wanted.items())
        for part in found:
            count = wanted[str(part.resource_type)]
            assert reread(database_url, tmp_path, part) == Counts(read=count, unchanged=count), name
    assert {kind: stored(database_url, kind) for kind in kinds} == before


def test_types_without_records_are_left_out(database_url: str, tmp_path: Path) -> None:
    """A sheet or a list for each type that has some; where none has, those that were asked for are there, empty."""
    importer(database_url, tmp_path)([vpc(1)])
    export(database_url, tmp_path / "a.json", metadata=True)
    document = content(tmp_path / "a.json")
    assert list(document) == ["metadata", "vpc"]
    assert document["metadata"]["resourceTypes"] == {"vpc": 1}
    export(database_url, tmp_path / "a.xlsx", "subnet", "vpc")
    assert fastexcel.read_excel(tmp_path / "a.xlsx").sheet_names == ["VPC"]
    [part] = parts(tmp_path / "a.json")
    assert part.resource_type == "vpc"
    execute(database_url, "truncate vpc")
    export(database_url, tmp_path / "a.json", "subnet", "vpc")
    assert content(tmp_path / "a.json") == {"vpc": [], "subnet": []}
    export(database_url, tmp_path / "a.xlsx", "subnet", "vpc")
    assert fastexcel.read_excel(tmp_path / "a.xlsx").sheet_names == ["VPC", "Subnet"]


def test_full_sheets_go_on_among_those_of_other_types(
    two_of_each_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each type's sheets stand together, and are one part."""
    monkeypatch.setattr(writers, "SHEET_ROWS", 2)  # the real one takes a million records
    path = tmp_path / "a.xlsx"
    export(two_of_each_type, path, "site", "vpc", metadata=True)
    assert fastexcel.read_excel(path).sheet_names == ["VPC", "VPC 2", "Site", "Site 2", "About"]
    found = parts(path)
    assert [(part.resource_type, part.records) for part in found] == [("vpc", 2), ("site", 2)]
    assert [reread(two_of_each_type, tmp_path, part) for part in found] == [Counts(read=2, unchanged=2)] * 2


def test_a_filter_holds_for_each_type(two_of_each_type: str, tmp_path: Path) -> None:
    """Filters, order, fields and dates are those of each type, which has to have the fields."""
    path = tmp_path / "a.json"
    asked = {"where": {"field": "region", "op": "is_null"}, "fields": ("name", "region"), "sort": ("-name",)}
    export(two_of_each_type, path, "vpc", "subnet", **asked)
    document = content(path)
    assert document == {kind: [{"name": None, "region": None}] for kind in ("vpc", "subnet")}
    with pytest.raises(UsageError, match="vrf has no field 'region'"):
        export(two_of_each_type, path, "vpc", "vrf", **asked)
    assert content(path) == document


def test_lineage_of_each_type(two_of_each_type: str, tmp_path: Path) -> None:
    """Each record tells when it was changed, so that a stale one is known."""
    path = tmp_path / "a.xlsx"
    export(two_of_each_type, path, "vpc", "site", lineage=True)
    for part in parts(path):
        assert part.frame.collect()["updated_at"].str.ends_with("Z").all()


def test_the_metadata_of_a_type_that_was_declared_again(
    two_of_each_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part of that type says so, and no other."""
    for name in NAMES:
        export(two_of_each_type, tmp_path / name, metadata=True)
    monkeypatch.setitem(RESOURCES["site"].__dict__, "fingerprint", "another")
    for name in NAMES:
        stale = [part.resource_type for part in parts(tmp_path / name) if part.notices]
        assert stale == ["site"], name


def test_a_workbook_with_metadata_of_one_type_and_a_sheet_of_notes(two_of_each_type: str, tmp_path: Path) -> None:
    """The metadata speaks of the exported sheet alone."""
    path = tmp_path / "a.xlsx"
    export_file(ExportJob(resource_type="vpc", path=path, metadata=True), two_of_each_type, own_settings())
    book = openpyxl.load_workbook(path)
    sheet = book.create_sheet("Remarks", 0)
    sheet.append(["What", "Who"])
    sheet.append(["all is well", "nobody"])
    book.save(path)
    [part] = parts(path)
    assert (part.resource_type, part.sheet, part.records) == ("vpc", "VPC", 2)


def test_all_types_are_of_one_moment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while the first type is read is in none of the others."""
    importer(database_url, tmp_path)([vpc(1)])
    since: list[str] = []
    before = writers._joined_objects

    def slowly(frame: pl.DataFrame, objects: pl.Expr, separator: str) -> bytes:
        if not since:
            execute(
                database_url,
                "insert into subnet (subnet_id, vpc_id, cidr_block, availability_zone) "
                "values ('subnet-00000001', 'vpc-00000000000000001', '10.0.1.0/28', 'us-east-1a')",
            )
            since.append("written")
        return before(frame, objects, separator)

    monkeypatch.setattr(writers, "_joined_objects", slowly)
    export(database_url, tmp_path / "a.json")
    assert since
    assert list(content(tmp_path / "a.json")) == ["vpc"]


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.parquet"])
def test_formats_of_one_table_are_refused(database_url: str, tmp_path: Path, name: str) -> None:
    """Before anything is read, with what to do."""
    with pytest.raises(UsageError, match=r"holds records of one type: name it \.xlsx or \.json"):
        export(database_url, tmp_path / name)
    assert not (tmp_path / name).exists()

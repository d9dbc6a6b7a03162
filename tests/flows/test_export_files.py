"""What an exported file holds: its header, its columns, their order and names, its metadata, and hardly anything."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from pydantic import ValidationError

from flows.pipelines import export_file
from schemas.errors import RunFailed, SourceError, UsageError
from schemas.job_options.filters import parse
from schemas.jobs import ExportJob, WriteOptions
from schemas.reports import Counts, Exported
from schemas.resources import RESOURCES
from schemas.settings import settings
from tests.support import execute, importer, stored, vpc, vpc_id, write_csv

FIELDS = list(RESOURCES["vpc"].fields)


def export(url: str, path: Path, **options: Any) -> Exported:
    """Export VPCs."""
    return export_file(ExportJob(resource_type="vpc", path=path, **options), url, settings())


def lines(path: Path) -> list[str]:
    """The lines of a CSV file."""
    return path.read_bytes().decode().split("\r\n")


# Nothing to export ----------------------------------------------------------------------------------------------------


def header_of(path: Path) -> list[str]:
    """The names of the columns of a file, read by other libraries than the export's own."""
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path).worksheets[0]
        return [str(cell.value) for cell in sheet[1]]
    if path.suffix == ".parquet":
        return pl.read_parquet(path).columns
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return next(line for line in text.decode().splitlines() if not line.startswith("#")).split(",")


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.xlsx", "a.parquet"])
def test_no_records_are_a_header(database_url: str, tmp_path: Path, name: str, metadata: bool) -> None:
    """A file without records has its columns all the same."""
    path = tmp_path / name
    assert export(database_url, path, metadata=metadata).records == 0
    titled = [spec.title for spec in RESOURCES["vpc"].fields.values()]
    assert header_of(path) == (titled if name == "a.xlsx" else FIELDS)


@pytest.mark.parametrize(
    ("name", "metadata", "content"),
    [
        ("a.json", False, []),
        ("a.json", True, {"metadata": "vpc", "records": []}),
        ("a.ndjson", False, None),
        ("a.ndjson", True, {"#": "vpc"}),
    ],
)
def test_no_records_are_an_empty_list(
    database_url: str, tmp_path: Path, name: str, metadata: bool, content: object
) -> None:
    """JSON has an empty list, NDJSON no line; the metadata says of which type."""
    path = tmp_path / name
    assert export(database_url, path, metadata=metadata).records == 0
    found = json.loads(path.read_text() or "null")
    if metadata:
        found = {name: value.get("resourceType") if value else value for name, value in found.items()}
    assert found == content


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.json", "a.ndjson", "a.ndjson.gz", "a.xlsx", "a.parquet"])
def test_a_file_without_records_is_reported_on_importing(
    database_url: str, tmp_path: Path, name: str, metadata: bool
) -> None:
    """The import says that there is nothing in it, and does not take the metadata for records."""
    path = tmp_path / name
    export(database_url, path, metadata=metadata)
    says = "(no records|empty file|is empty|no visible sheet with a header and records)"
    with pytest.raises(SourceError, match=f"{name.removesuffix('.gz')}.* {says}"):
        importer(database_url, tmp_path)(path)


# How CSV is written ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":", "^", "~"])
def test_delimiters(database_url: str, tmp_path: Path, delimiter: str) -> None:
    """Each stands between the fields, and is quoted within them."""
    run = importer(database_url, tmp_path)
    run([vpc(1, name=f"a{delimiter}b", description='say "x"'), vpc(2)])
    path = tmp_path / "a.csv"
    export(database_url, path, write=WriteOptions(delimiter=delimiter))
    assert lines(path)[0] == delimiter.join(FIELDS)
    assert f'"a{delimiter}b"' in lines(path)[1]
    assert run(path, read={"delimiter": delimiter}).counts == Counts(read=2, unchanged=2)


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "'", "#", "\n", "\r", " ", "a", "1", "é"])
def test_what_delimits_nothing_is_refused(delimiter: str) -> None:
    """What quotes, comments, ends a line or is a letter can't stand between fields."""
    with pytest.raises(ValidationError, match=r"a sign that can stand between fields, such as , ; | or a tab"):
        WriteOptions(delimiter=delimiter)


def test_a_byte_order_mark(database_url: str, tmp_path: Path) -> None:
    """Excel knows UTF-8 by it; the import passes over it, also before metadata."""
    run = importer(database_url, tmp_path)
    run([vpc(1, name="Zürich")])
    path = tmp_path / "a.csv"
    export(database_url, path, metadata=True, write=WriteOptions(bom=True))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf# resourceType: vpc\r\n")
    assert run(path).counts == Counts(read=1, unchanged=1)
    export(database_url, path)
    assert path.read_bytes().startswith(b"vpc_id,")


@pytest.mark.parametrize(
    ("stored_name", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("'quoted'", "'quoted'"),
        ("a=1", "a=1"),
        ("1-1", "1-1"),
    ],
)
def test_formulas_are_guarded(database_url: str, tmp_path: Path, stored_name: str, written: str) -> None:
    """One apostrophe more before what a spreadsheet would run, in CSV and Excel; the import takes it away."""
    run = importer(database_url, tmp_path)
    source = tmp_path / "source.json"
    source.write_text(json.dumps([vpc(1, name=stored_name)]))
    run(source)
    export(database_url, tmp_path / "a.csv", fields=("vpc_id", "name"))
    export(database_url, tmp_path / "a.xlsx", fields=("vpc_id", "name"))
    export(database_url, tmp_path / "a.json", fields=("vpc_id", "name"))
    assert lines(tmp_path / "a.csv")[1] == f"{vpc_id(1)},{written}"
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]["B2"].value == written
    assert json.loads((tmp_path / "a.json").read_text()) == [{"vpc_id": vpc_id(1), "name": stored_name}]


def test_without_the_guard_text_is_written_as_it_is(database_url: str, tmp_path: Path) -> None:
    """For programs that take a file as it stands."""
    importer(database_url, tmp_path)([vpc(1, name="=1+1", tags="Owner=+1")])
    export(database_url, tmp_path / "a.csv", fields=("name", "tags"), write=WriteOptions(guard=False))
    assert lines(tmp_path / "a.csv") == ["name,tags", "=1+1,Owner=+1", ""]


def test_metadata_of_csv(database_url: str, tmp_path: Path) -> None:
    """Comments before the header say what was exported, each on one line, however the filter is written."""
    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    path = tmp_path / "a.csv"
    where = parse('name eq net-1 or description eq "two\nlines"')
    options = {"where": where, "sort": ("-name",), "fields": ("vpc_id", "name"), "requested_by": "ann"}
    exported = export(database_url, path, metadata=True, **options)
    said = dict(line.removeprefix("# ").split(": ", 1) for line in lines(path) if line.startswith("#"))
    assert said.pop("exportedAt").startswith("20")
    assert said == {
        "resourceType": "vpc",
        "exportedBy": "ann",
        "records": "1",
        "fields": '["vpc_id","name"]',
        "where": 'name eq net-1 or description eq "two lines"',
        "sort": '["-name"]',
        "schema": RESOURCES["vpc"].fingerprint,
        "run": exported.run_id,
    }
    assert lines(path)[-3:] == ["vpc_id,name", f"{vpc_id(1)},net-1", ""]


# Which records, which columns -----------------------------------------------------------------------------------------


def test_fields_in_their_order_and_with_titles(database_url: str, tmp_path: Path) -> None:
    """Fields by name, title or alias, once each; lineage after them."""
    importer(database_url, tmp_path)([vpc(1)])
    path = tmp_path / "a.csv"
    asked = ("Region", "vpc_id", "cidr", "region")
    assert export(database_url, path, fields=asked, titles=True).columns == ("Region", "VPC ID", "CIDR block")
    assert lines(path) == ["Region,VPC ID,CIDR block", f"us-east-1,{vpc_id(1)},10.0.1.0/24", ""]
    lineage = ("created_at", "updated_at", "created_by_run", "updated_by_run", "retired_at")
    assert export(database_url, path, fields=("vpc_id",), lineage=True).columns == ("vpc_id", *lineage)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"limit": 2}, ["net-1", "net-2"]),
        ({"sort": ("-name",)}, ["net-3", "net-2", "net-1"]),
        ({"sort": ("Region", "-Name"), "limit": 2}, ["net-2", "net-3"]),
        ({"where": parse("name ne net-2"), "sort": ("-vpc_id",)}, ["net-3", "net-1"]),
        ({"since": "1h"}, ["net-2", "net-3"]),
        ({"until": "1h"}, ["net-1"]),
        ({"until": "2020-01-01"}, ["net-1"]),
        ({"since": "2020-01-02"}, ["net-2", "net-3"]),
        ({"since": "2020-01-01", "until": "2020-01-01", "where": parse("name starts with net")}, ["net-1"]),
    ],
)
def test_which_records(database_url: str, tmp_path: Path, options: dict[str, Any], wanted: list[str]) -> None:
    """Filters, dates, order and number, also together; a date as the end of a range holds its whole day."""
    importer(database_url, tmp_path)([vpc(1), vpc(2, region="eu-west-1"), vpc(3)])
    execute(database_url, "update vpc set updated_at = '2020-01-01T12:00Z' where name = 'net-1'")
    path = tmp_path / "a.ndjson"
    assert export(database_url, path, **options).records == len(wanted)
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == wanted


def test_one_record_is_a_file_that_imports(database_url: str, tmp_path: Path) -> None:
    """One line of NDJSON looks like a document of JSON, and imports all the same."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    for name in ("a.csv", "a.json", "a.ndjson", "a.xlsx", "a.parquet"):
        export(database_url, tmp_path / name, limit=1)
        assert run(tmp_path / name).counts == Counts(read=1, unchanged=1), name


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("a.csv", {"fields": ("vpc_id", "nmae")}, "vpc has no field 'nmae': did you mean name?"),
        ("a.csv", {"sort": ("-nmae",)}, "vpc has no field 'nmae': did you mean name?"),
        ("a.csv", {"where": parse("nmae eq x")}, "vpc has no field 'nmae': did you mean name?"),
        ("a.csv", {"since": "yesterday"}, "'yesterday' is not a time: write 2026-11-24"),
        ("a.csv", {"mapping": "none"}, "Unknown saved mapping 'none'"),
        ("a.csv", {"format": "pdf"}, "Unknown format 'pdf': use one of"),
        ("a.pdf", {}, "'a.pdf' has no known file extension: use .csv, .json, .ndjson, .xlsx or .parquet."),
        ("a", {}, "'a' has no known file extension"),
        ("a.xlsx.gz", {}, "is compressed by itself: leave .gz out of 'a.xlsx.gz'."),
        ("no/a.csv", {}, "Folder not found"),
        ("folder.csv", {}, "is a folder: name a file."),
    ],
)
def test_what_can_not_be_done(database_url: str, tmp_path: Path, name: str, options: dict[str, Any], says: str) -> None:
    """A wrong request is told in a sentence, and leaves no file."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError) as error:
        export(database_url, tmp_path / name, **options)
    assert says in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_a_format_that_the_name_does_not_tell(database_url: str, tmp_path: Path) -> None:
    """A format that is given goes before the name."""
    importer(database_url, tmp_path)([vpc(1)])
    path = tmp_path / "a.txt"
    assert export(database_url, path, format="jsonl").format == "ndjson"
    assert json.loads(path.read_text())["vpc_id"] == vpc_id(1)


def test_what_no_longer_fits_is_counted(database_url: str, tmp_path: Path) -> None:
    """Values that today's rules reject are exported as they are, and told."""
    importer(database_url, tmp_path)([vpc(1), vpc(2), vpc(3)])
    execute(database_url, "update vpc set region = 'nowhere', cidr_block = '10.0.0.0/30' where name <> 'net-1'")
    exported = export(database_url, tmp_path / "a.csv")
    assert exported.unfit == (("cidr_block", "str_matches", 2), ("region", "str_matches", 2))


def test_a_value_that_no_cell_holds(database_url: str, tmp_path: Path) -> None:
    """A workbook's cell ends at 32,767 characters: the export fails with what to do, and leaves no file."""
    tags = {f"{number}": "日" * 256 for number in range(50)}
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    execute(database_url, "update vpc set description = repeat('x', 32767)")
    assert export(database_url, tmp_path / "a.xlsx").records == 1
    execute(database_url, "update vpc set tags = :tags, description = repeat('x', 32768)", tags=json.dumps(tags))
    with pytest.raises(RunFailed, match=r"Description has 32,768 characters, and a cell .* 32,767: .* CSV, JSON"):
        export(database_url, tmp_path / "b.xlsx")
    assert not (tmp_path / "b.xlsx").exists()
    assert export(database_url, tmp_path / "b.csv").records == 1


# A saved mapping, in reverse ------------------------------------------------------------------------------------------


def test_a_saved_mapping_in_reverse(database_url: str, tmp_path: Path) -> None:
    """The file has the columns of the source, in their order, and imports by the same mapping as an empty plan."""
    run = importer(database_url, tmp_path)
    rows = [{"Net": vpc_id(n), "Range": f"10.{n}.0.0/16", "Where": "eu-west-1", "Junk": "x"} for n in (1, 2)]
    columns = {"Net": "vpc_id", "Range": "cidr_block", "Where": "region", "Junk": ""}
    source = write_csv(tmp_path / "source.csv", rows)
    first = run(source, resource_type="vpc", columns=columns, constants={"state": "available"}, save_mapping="ours")
    assert first.counts.create == 2
    path = tmp_path / "again.csv"
    assert export(database_url, path, mapping="ours").columns == ("Net", "Range", "Where")
    assert lines(path)[1] == f"{vpc_id(1)},10.1.0.0/16,eu-west-1"
    assert run(path, mapping="ours").counts == Counts(read=2, unchanged=2)
    assert stored(database_url, "vpc")[0]["state"] == "available"


def test_a_mapping_of_another_type_is_refused(database_url: str, tmp_path: Path) -> None:
    """The message has both types."""
    run = importer(database_url, tmp_path)
    run([{"name": "Frankfurt 1"}], resource_type="site", save_mapping="sites")
    with pytest.raises(UsageError, match="The mapping 'sites' is one of site, not of vpc"):
        export(database_url, tmp_path / "a.csv", mapping="sites")

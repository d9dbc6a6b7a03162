"""The registry of formats: what is said of them elsewhere is what their entries say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from api.rest.models.exports import ExportRequest
from schemas.formats import FILE_FORMATS, READ_LABELS, SPELLINGS, WRITABLE, WRITTEN_SUFFIXES, FileFormat
from tasks.formats import FORMATS, format_named
from tests.conftest import ROOT

PAGES = ROOT / "api" / "pages" / "static"


def list_of(file: str, name: str) -> list[list[str]]:
    """Return a list of pairs that a script of the page declares on one line."""
    found = re.search(rf"^const {name} = (\[.*\]);$", (PAGES / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    pairs: list[list[str]] = json.loads(found[1])
    return pairs


def test_each_format_is_read_and_written_as_its_entry_says() -> None:
    """Every entry has a reader, and a writer where it says so."""
    assert {name: form.facts for name, form in FORMATS.items()} == FILE_FORMATS
    assert {name for name, form in FORMATS.items() if form.write} == {each.name for each in WRITABLE}


@pytest.mark.parametrize("facts", FILE_FORMATS.values(), ids=FILE_FORMATS)
def test_names_and_suffixes_lead_to_one_format(facts: FileFormat) -> None:
    """A name, an alias or a suffix is that of one format."""
    spellings = [facts.name, *facts.aliases, *(suffix.removeprefix(".") for suffix in facts.suffixes)]
    assert {format_named(each.upper()).name for each in spellings} == {facts.name}
    assert len(SPELLINGS) == len({*SPELLINGS})
    assert {*facts.resembles, *facts.contains} <= set(FILE_FORMATS)


def test_the_page_reads_every_format() -> None:
    """Its list of formats has all of them by their labels, with the options that apply, and its help names them."""
    first, *others = list_of("reading.js", "FORMATS")
    assert first[0] == ""
    assert dict(others) == {each.name: each.label for each in FILE_FORMATS.values()}
    script = (PAGES / "reading.js").read_text(encoding="utf-8")
    table = re.search(r"^const FITTING = \{\n(.*?)^\};$", script, re.MULTILINE | re.DOTALL)
    assert table
    options = {name: json.loads(listed) for name, listed in re.findall(r"(\w+): (\[.*\])", table[1])}
    assert options == {each.name: [*each.options] for each in FILE_FORMATS.values()}
    help_text = (PAGES / "import.js").read_text(encoding="utf-8")
    assert READ_LABELS.rpartition(", ")[0] in help_text.replace(" or Terraform", ", Terraform")


def test_the_page_and_the_api_write_every_format_that_is_written() -> None:
    """Both offer those that have a writer."""
    wanted = {each.name for each in WRITABLE}
    assert {name for name, _ in list_of("export.js", "FORMATS")} == wanted
    assert {SPELLINGS[name] for name in get_args(ExportRequest.model_fields["format"].annotation)} == wanted


def test_the_documents_name_every_format() -> None:
    """The page on imports names the formats that are read, that on exports those that are written."""
    read = _document("imports.md")
    assert [each.label for each in FILE_FORMATS.values() if each.label not in read] == []
    written = _document("exports.md")
    assert [each.suffixes[0] for each in WRITABLE if each.suffixes[0] not in written] == []
    assert WRITTEN_SUFFIXES == ".csv, .json, .ndjson, .xlsx or .parquet"


def _document(name: str) -> str:
    [path] = [*Path(ROOT / "docs").rglob(name)]
    return path.read_text(encoding="utf-8")

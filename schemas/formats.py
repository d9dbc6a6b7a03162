"""The file formats: one entry each, from which detection, names, help texts, media types and lists of formats follow.

`tasks.formats` has the reader and the writer of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_CELLS = ("null", "thousands", "decimalComma")
_TABLE = ("headerRow", "noHeader", "columns", *_CELLS)


@dataclass(frozen=True)
class FileFormat:
    """One file format: its name, its label in lists and its title in sentences, its suffixes and its media type.

    `aliases` are other names of it, in addition to its suffixes. `media` is the media type (IANA) of what is written,
    `declared` are others that browsers and programs declare. `options` are the options of reading that apply to it.
    `resembles` are formats whose content begins alike, so that the suffix decides; `contains` are formats that files of
    its suffix may be, too. `guarded` says that spreadsheets open it, and would run formulas; `titled`, that people read
    its header; `stamped`, that it holds metadata where no reader of its records sees them, so that it says its type
    unasked.
    """

    name: str
    label: str
    title: str
    suffixes: tuple[str, ...]
    media: str
    declared: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = _CELLS
    resembles: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    text: bool = True
    writable: bool = True
    guarded: bool = False
    titled: bool = False
    stamped: bool = False
    compressible: bool = True


CSV = FileFormat(
    "csv",
    "CSV",
    "delimited text",
    (".csv", ".tsv", ".txt", ".tab", ".psv"),
    "text/csv",
    declared=("application/csv", "text/tab-separated-values", "application/vnd.ms-excel", "text/x-csv"),
    options=("encoding", "delimiter", *_TABLE),
    resembles=("yaml",),
    guarded=True,
)
JSON = FileFormat(
    "json",
    "JSON",
    "a JSON document",
    (".json",),
    "application/json",
    declared=("text/json",),
    options=("encoding", "records", *_CELLS),
    contains=("terraform", "ndjson"),
)
NDJSON = FileFormat(
    "ndjson",
    "NDJSON",
    "newline-delimited JSON",
    (".ndjson", ".jsonl"),
    "application/x-ndjson",
    declared=("application/jsonl", "application/json", "application/x-jsonlines"),
    options=("encoding", *_CELLS),
    resembles=("json",),
)
YAML = FileFormat(
    "yaml",
    "YAML",
    "YAML",
    (".yaml", ".yml"),
    "application/yaml",
    declared=("application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"),
    options=("encoding", "records", *_CELLS),
    resembles=("json", "csv"),
    writable=False,
)
EXCEL = FileFormat(
    "excel",
    "Excel",
    "an Excel workbook",
    (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    declared=(
        "application/vnd.ms-excel",
        "application/vnd.ms-excel.sheet.macroenabled.12",
        "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        "application/vnd.oasis.opendocument.spreadsheet",
    ),
    options=_TABLE,
    text=False,
    guarded=True,
    titled=True,
    compressible=False,
)
PARQUET = FileFormat(
    "parquet",
    "Parquet",
    "a Parquet file",
    (".parquet", ".pq"),
    "application/vnd.apache.parquet",
    declared=("application/x-parquet",),
    text=False,
    stamped=True,
    compressible=False,
)
TERRAFORM = FileFormat(
    "terraform",
    "Terraform",
    "a Terraform state",
    (".tfstate",),
    "application/json",
    options=("encoding",),
    writable=False,
)

FILE_FORMATS = {each.name: each for each in (CSV, JSON, NDJSON, YAML, EXCEL, PARQUET, TERRAFORM)}
"""Every format by its name."""

WRITABLE = tuple(each for each in FILE_FORMATS.values() if each.writable)
"""The formats that are written, too."""

SPELLINGS = {
    spelling: each.name
    for each in FILE_FORMATS.values()
    for spelling in (each.name, *each.aliases, *(suffix.removeprefix(".") for suffix in each.suffixes))
}
"""The format of each name, alias and suffix without its dot."""


def either(words: Iterable[str]) -> str:
    """Return words as a list of alternatives: `csv, json or excel`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


READ_NAMES = either(FILE_FORMATS)
"""The names of the formats that are read, for help texts."""

WRITTEN_NAMES = either(each.name for each in WRITABLE)
"""The names of the formats that are written, for help texts."""

READ_LABELS = ", ".join(each.label for each in FILE_FORMATS.values())
"""The labels of the formats that are read, for help texts."""

_PLAIN_ENDINGS = tuple(suffix for each in FILE_FORMATS.values() for suffix in each.suffixes)

READ_ENDINGS = (*(f"{suffix}.gz" for suffix in _PLAIN_ENDINGS), ".zip", ".gz", *_PLAIN_ENDINGS)
"""The endings of the names of files that are read, those of compressed files first."""

WRITTEN_SUFFIXES = either(each.suffixes[0] for each in WRITABLE)
"""The suffix of each format that is written, for help texts."""

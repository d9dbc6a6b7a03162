"""Formats: how the bytes of a source become text columns; one file each, registered in `FORMATS`."""

from __future__ import annotations

from schemas.errors import UsageError
from schemas.formats import SPELLINGS
from tasks.formats.base import Format
from tasks.formats.csv.delimited import CSV
from tasks.formats.excel.reader import EXCEL
from tasks.formats.json.document import JSON, NDJSON
from tasks.formats.json.yaml import YAML
from tasks.formats.parquet.reader import PARQUET
from tasks.formats.terraform.state import TERRAFORM

FORMATS: dict[str, Format] = {format.name: format for format in (EXCEL, PARQUET, TERRAFORM, NDJSON, JSON, YAML, CSV)}
"""Every format by its name, in the order in which content is recognised; delimited text is what is left."""


def format_named(name: str) -> Format:
    """Return the format of that name, or of the suffix it is known by; raises UsageError."""
    known = SPELLINGS.get(name.lower())
    if known is None:
        raise UsageError(f"Unknown format '{name}': use one of {', '.join(FORMATS)}.", format=name, choices=[*FORMATS])
    return FORMATS[known]

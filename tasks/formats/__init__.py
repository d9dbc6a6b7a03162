"""Formats: how the bytes of a source become text columns; one file each, registered in `FORMATS`."""

from __future__ import annotations

from tasks.formats.base import Format
from tasks.formats.delimited import CSV
from tasks.formats.excel import EXCEL
from tasks.formats.json import JSON, NDJSON
from tasks.formats.parquet import PARQUET

FORMATS: dict[str, Format] = {format.name: format for format in (EXCEL, PARQUET, NDJSON, JSON, CSV)}
"""Every format by its name, in the order in which content is recognised; delimited text is what is left."""

"""One type of a document whose columns do not fit: its rows are rejected, and the other types are read."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from schemas.errors import MappingError
from schemas.issues import ISSUE_SCHEMA, Issue, Severity
from schemas.job_options.choices import Mode
from schemas.mapping import Mapping, Match
from schemas.model.resource import Resource
from schemas.sources import ROW, Extracted
from tasks.mapping.columns import map_columns
from tasks.mapping.infer_type import first_records
from tasks.mapping.options import MapOptions


def map_anyway(
    source: Extracted, resource: Resource, options: MapOptions, mode: Mode, error: MappingError
) -> tuple[Extracted, Mapping]:
    """Return a source that could not be mapped with a mapping all the same, and a notice that says why.

    Where only fields lack a column, each row is rejected for these, and its key is read; otherwise as a whole.
    """
    if error.missing:
        filled = _with_columns(source, error.missing)
        columns = dict(zip(filled.columns[len(source.columns) :], error.missing, strict=True))
        options = replace(options, columns={**options.columns, **columns})
        return _with_notice(filled, _missing_column_message(source, resource, error.missing)), _mapping_of(
            filled, resource, options, mode
        )
    needed = tuple(dict.fromkeys((*resource.key, *resource.required)))
    filled = _with_columns(source, needed)
    columns = dict(zip(filled.columns[len(source.columns) :], needed, strict=True))
    matches = tuple(Match(column, name, 1.0, "given") for column, name in columns.items())
    notice = f"{_sheet_prefix(source)}{resource.title}: {error.message}"
    return _with_notice(_all_faulty(filled, error.message), notice), Mapping(matches)


def _mapping_of(source: Extracted, resource: Resource, options: MapOptions, mode: Mode) -> Mapping:
    return map_columns(source.columns, resource, options, mode, first_records(source))


def _sheet_prefix(source: Extracted) -> str:
    return f"sheet '{source.sheet}': " if source.sheet else ""


def _missing_column_message(source: Extracted, resource: Resource, missing: tuple[str, ...]) -> str:
    return (
        f"{_sheet_prefix(source)}No column fills {', '.join(missing)}, which every {resource.title} needs: its records "
        f"are rejected. Add the column, or import {resource.type} by itself with a value for it."
    )


def _with_columns(source: Extracted, names: tuple[str, ...]) -> Extracted:
    """The source with an empty column for each of the fields, whatever columns it has."""
    new = [name if name not in source.columns else f"{name} (missing)" for name in names]
    empty = [pl.lit(None, pl.String).alias(name) for name in new]
    return replace(source, frame=source.frame.with_columns(empty), columns=(*source.columns, *new))


def _all_faulty(source: Extracted, message: str) -> Extracted:
    rows = source.frame.select(pl.col(ROW).alias("row")).collect()
    columns = {"rule": "mapping", "severity": Severity.ERROR.value, "message": message}
    faults = rows.with_columns(
        pl.lit(columns.get(name), dtype).alias(name) for name, dtype in ISSUE_SCHEMA.items() if name != "row"
    ).select(*ISSUE_SCHEMA)
    return replace(source, faults=faults)


def _with_notice(source: Extracted, message: str) -> Extracted:
    return replace(source, notices=(*source.notices, Issue("mapping", message, Severity.WARNING)))

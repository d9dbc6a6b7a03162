"""Documents of several types: which of their parts are of which type, and in which order they are loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from schemas.errors import SourceError, UnknownType
from schemas.reports import LEFT_OUT, ROW, Extracted, Issue, Severity
from schemas.resource import SOURCE_ID, Resource
from schemas.resources import RESOURCES
from tasks.formats.netbox import PAGE, without_whole
from tasks.formats.workbook import SHEET_ROWS
from tasks.infer import detect_type


def of_types(parts: tuple[Extracted, ...]) -> tuple[Extracted, ...]:
    """Return one part for each type that a document holds, in the order of loading.

    A part that is not named after a type is known by its columns; what those do not tell is left out with a notice,
    which the first part has. A document of one part, or one that holds nothing known, is as it is. Parts without
    records matter where no other is of their type.
    """
    if len(parts) == 1:
        return parts
    typed: dict[str, list[Extracted]] = defaultdict(list)
    left: list[Extracted] = []
    for part in parts:
        found = part.resource_type or _detected(part)
        (typed[found] if found else left).append(part)
    if not typed:
        return parts[:1]
    whole = [
        replace(_joined(RESOURCES[name], _some(typed[name])), resource_type=name) for name in RESOURCES if name in typed
    ]
    told = [notice for part in left for notice in part.notices if notice.rule == LEFT_OUT]
    notices = (*whole[0].notices, *told, *_left_out(left))
    return (replace(whole[0], notices=notices), *whole[1:])


def _some(parts: Sequence[Extracted]) -> Sequence[Extracted]:
    """The parts of a type that have records, or one: the columns of those that have none are of no use."""
    return [part for part in parts if part.records != 0] or parts[:1]


def _detected(part: Extracted) -> str | None:
    try:
        return detect_type(part).type
    except UnknownType:
        return None


def _left_out(parts: list[Extracted]) -> Iterator[Issue]:
    for what in ("sheets", "lists"):
        names = [_named(part) for part in parts if (what == "sheets") == bool(part.sheet)]
        if names:
            message = f"these {what} are left out, as neither name nor columns tell a type: {', '.join(names)}"
            yield Issue(LEFT_OUT, message, Severity.WARNING)


def _named(part: Extracted) -> str:
    """What a sheet or a list is called, and how many records a list has."""
    if part.sheet:
        return part.sheet
    return f"{part.document or 'a list without a name'} ({part.records or 0:,})"


def _joined(resource: Resource, parts: Sequence[Extracted]) -> Extracted:
    """The parts of one type as one, the rows of each counted on from the one before it; raises SourceError."""
    first = parts[0]
    if len(parts) == 1:
        return first
    names = [str(part.sheet or part.document) for part in parts]
    if any(set(part.columns) != set(first.columns) for part in parts):
        option = "--sheet" if first.sheet else "--records"
        raise SourceError(
            f"{first.name} holds {resource.title} records under {_list(names)}, whose columns differ: give them the "
            f"same columns, or import each by itself with {option}."
        )
    return _one_after_another(parts, names)


def files_of_types(parts: Sequence[Extracted]) -> tuple[Extracted, ...]:
    """Return one part for each type that the files of a source hold, in the order of loading.

    The type of each is known. Files of one type are read one after the other; what the records of one do not speak of
    is empty, as it is in a document where only some of the records speak of it.
    """
    found = [
        _one_after_another(same, [part.name for part in same])
        for name in RESOURCES
        if (same := _some([part for part in parts if part.resource_type == name]))
    ]
    return tuple(found)


def _one_after_another(parts: Sequence[Extracted], names: Sequence[str]) -> Extracted:
    first, at = parts[0], 0
    columns = tuple(dict.fromkeys(column for part in parts for column in part.columns))
    frames, faults, notices = [], [], list(first.notices)
    for part, name in zip(parts, names, strict=True):
        if at:
            message = f"'{name}' is read as more of '{names[0]}': its row 1 is counted as row {at + 1:,}"
            notices += [Issue("sheet", message, Severity.WARNING), *part.notices]
        frames.append(part.frame.select((pl.col(ROW) + at).cast(pl.UInt32), *part.columns))
        faults.append(_counted_on(part.faults, name, at))
        at = _next_row(part, at)
    counted = [part.records for part in parts]
    return replace(
        first,
        frame=pl.concat(frames, how="diagonal").select(ROW, *columns),
        columns=columns,
        records=None if None in counted else sum(filter(None, counted)),
        faults=pl.concat(faults),
        notices=tuple(notices),
        gaps=_gaps(parts),
    )


def _gaps(parts: Sequence[Extracted]) -> tuple[Issue, ...]:
    """Why records may be missing from the parts of one type; pages of one list may be whole together."""
    gaps = [gap for part in parts for gap in part.gaps]
    ids = [part.frame.select(SOURCE_ID) for part in parts if SOURCE_ID in part.columns]
    if not any(gap.rule == PAGE for gap in gaps) or not ids:
        return tuple(gaps)
    return without_whole(gaps, pl.concat(ids).select(pl.col(SOURCE_ID).drop_nulls().n_unique()).collect().item())


def with_columns(part: Extracted, columns: tuple[str, ...]) -> Extracted:
    """Return a part of no records with these columns."""
    frame = pl.LazyFrame(schema={ROW: pl.UInt32, **dict.fromkeys(columns, pl.String)})
    return replace(part, frame=frame, columns=columns)


def _counted_on(faults: pl.DataFrame, name: str, at: int) -> pl.DataFrame:
    """The faults of a part, their rows counted on from the parts before it."""
    if not at:
        return faults
    message = pl.format("'{}', {}", pl.lit(name), "message")
    return faults.with_columns((pl.col("row") + at).cast(pl.UInt32), message=message)


def _next_row(part: Extracted, at: int) -> int:
    """The number that the rows of the next part are counted on from; sheets count as if they were full."""
    last = at + int(part.frame.select(pl.col(ROW).max()).collect().item() or 0)
    return -(-last // SHEET_ROWS) * SHEET_ROWS if part.sheet else last


def _list(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)

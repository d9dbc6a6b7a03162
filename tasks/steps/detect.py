"""Documents of several types: which of their parts are of which type, and in which order they are loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from schemas.errors import MappingError, SourceError, UnknownType
from schemas.issues import LEFT_OUT, Issue, Severity
from schemas.job_options.choices import OnError
from schemas.jobs import ImportJob
from schemas.language.spelling import plain
from schemas.mapping import Mapping
from schemas.model.resource import SOURCE_ID, Resource
from schemas.resources import RESOURCES, find_resource
from schemas.sources import ROW, UNTOUCHED, Extracted, Sheet
from tasks.formats.base import ABSENT
from tasks.formats.excel.sheet_xml import SHEET_ROWS
from tasks.formats.header import names_fields
from tasks.formats.json.spool import one_after_another
from tasks.formats.netbox.pages import PAGE, gaps_of_missing_pages
from tasks.mapping.columns import map_columns
from tasks.mapping.infer_type import detect_type, first_records, has_key
from tasks.mapping.options import MapOptions, options_for_type


def of_types(parts: tuple[Extracted, ...], job: ImportJob, wanted: Resource | None = None) -> tuple[Extracted, ...]:
    """Return one part for each type that a document holds, in the order of loading; only of the type that is wanted.

    A part that is not named after a type is known by its columns; what those do not tell is left out with a notice,
    which the first part has. A part that can't be read is a gap in its type, in all types where its own is not known;
    raises SourceError where no other is read, or all or nothing is to be. A document of one part, or one that holds
    nothing known, is as it is. Parts without records matter where no other is of their type.
    """
    unread = [part for part in parts if part.failed]
    readable = [part for part in parts if not part.failed]
    if unread and (not readable or job.on_error is OnError.ABORT):
        raise SourceError(f"{_place(unread[0])}: {unread[0].failed}")
    if len(parts) == 1:
        return (by_sheet(readable[0]),)
    _refuse_unused(readable, job)
    named = _of_type(readable, job, wanted) if wanted else [(part, _type_of(part)) for part in readable]
    typed: dict[str, list[Extracted]] = defaultdict(list)
    left: list[Extracted] = []
    for part, found in named:
        (typed[found] if found else left).append(part)
    sheets = _sheets([*((part, None) for part in unread), *named])
    if not typed:
        return tuple(replace(part, sheets=sheets | part.sheets) for part in readable[:1])
    whole = [
        replace(_joined(RESOURCES[name], _some(typed[name]), job), resource_type=name)
        for name in RESOURCES
        if name in typed
    ]
    left_out = [notice for part in left for notice in part.notices if notice.rule == LEFT_OUT]
    lost = [_unread(part) for part in unread if wanted is None and part.resource_type not in (None, *typed)]
    notices = (*whole[0].notices, *left_out, *_left_out(left, wanted), *lost)
    whole = [replace(part, gaps=(*part.gaps, *_lost(part, unread, left, wanted))) for part in whole]
    sheets |= _sheets([(part, part.resource_type) for part in whole])
    first, *others = whole
    return (replace(first, notices=notices, sheets=sheets), *(replace(part, sheets={}) for part in others))


def _sheets(named: Sequence[tuple[Extracted, str | None]]) -> dict[str, Sheet]:
    """The sheets of a workbook, each with the type that it is read as, "" where it is not."""
    return {
        name: replace(sheet, type=found or "") if sheet.type != "" else sheet
        for part, found in named
        for name, sheet in part.sheets.items()
    }


def _refuse_unused(parts: Sequence[Extracted], job: ImportJob) -> None:
    """Refuse to map a column that no sheet has."""
    there = {plain(column) for part in parts for column in part.columns}
    for name in job.columns if parts and parts[0].sheet else ():
        if plain(name) not in there:
            raise MappingError(
                f"No sheet of {parts[0].name} has a column '{name}': give its name as it is there.", column=name
            )


def _type_of(part: Extracted) -> str | None:
    return part.resource_type or _detected(part)


def _of_type(parts: Sequence[Extracted], job: ImportJob, wanted: Resource) -> list[tuple[Extracted, str | None]]:
    """Say which parts are of the type that is wanted: those that are named after it, or whose columns tell it.

    Where there is none, it is the first whose columns fill what the type needs, with those of the same columns.
    """
    own = {number for number, part in enumerate(parts) if _type_of(part) == wanted.type}
    if not own and parts:
        unnamed = [number for number, part in enumerate(parts) if part.resource_type is None] or [0]
        fit = [number for number in unnamed if _fits(parts[number], wanted, job)]
        first = parts[(fit or unnamed)[0]]
        own = {number for number in unnamed if set(parts[number].columns) == set(first.columns)}
    return [(part, wanted.type if number in own else None) for number, part in enumerate(parts)]


def _fits(part: Extracted, resource: Resource, job: ImportJob) -> bool:
    try:
        _mapped(part, resource, job)
    except MappingError:
        return False
    return True


def _mapped(part: Extracted, resource: Resource, job: ImportJob) -> Mapping:
    given = options_for_type(MapOptions(job.columns, job.constants), part.columns, resource)
    given = replace(given, columns=_given(part, resource, job))
    return map_columns(part.columns, resource, given, job.mode, first_records(part))


def _mapping(part: Extracted, resource: Resource, job: ImportJob) -> Mapping:
    """The mapping of a part, as far as it goes; the rows of a part without a column that is needed are rejected."""
    try:
        return _mapped(part, resource, job)
    except MappingError as error:
        if error.mapping is None:
            located = MappingError(f"{_place(part)}: {error.message}")
            located.parameters = error.parameters
            raise located from error
        return error.mapping


def _given(part: Extracted, resource: Resource, job: ImportJob) -> dict[str, str]:
    """What the caller says of the columns of a part: of all that have such a column, and of this part alone."""
    for_all = options_for_type(MapOptions(job.columns), part.columns, resource).columns
    return {**for_all, **(part.given or {})}


def _place(part: Extracted) -> str:
    if part.sheet or part.document:
        return f"sheet '{part.sheet}'" if part.sheet else f"list '{part.document}'"
    return f"file '{part.name}'"


def _name(part: Extracted) -> str:
    return part.sheet or part.document or part.name


def _unread(part: Extracted) -> Issue:
    return Issue("unread", f"{_place(part)} of {part.name} is not read: {part.failed}", Severity.ERROR)


def _lost(
    part: Extracted, unread: Sequence[Extracted], left: Sequence[Extracted], wanted: Resource | None
) -> Iterator[Issue]:
    """Why records of a part's type may be missing: a part of this type, or one that may be of it, is not read."""
    for other in unread:
        if wanted or other.resource_type in (None, part.resource_type):
            yield _unread(other)
    for other in left:
        # A sheet that names a field of ours may hold records; notes do not.
        if other.sheet and other.resource_type is None and names_fields(other.columns):
            yield Issue(
                "unread", f"{_place(other)} of {other.name} is of no known type, and not read", Severity.WARNING
            )


def by_sheet(part: Extracted) -> Extracted:
    """Return a part with the type that its sheet is named after, where its columns tell none and have its key."""
    resource = find_resource(part.sheet) if part.sheet and part.resource_type is None else None
    if resource is None or _detected(part) or not has_key(part, resource):
        return part
    return replace(part, resource_type=resource.type)


def _some(parts: Sequence[Extracted]) -> Sequence[Extracted]:
    """The parts of a type that have records, or one: the columns of those that have none are of no use.

    What any of them lacks, the type lacks.
    """
    found = [part for part in parts if part.records != 0] or [*parts[:1]]
    gaps = tuple(gap for part in parts for gap in part.gaps if not any(part is each for each in found))
    return [replace(found[0], gaps=(*found[0].gaps, *gaps)), *found[1:]] if gaps else found


def _detected(part: Extracted) -> str | None:
    try:
        return detect_type(part).type
    except UnknownType:
        return None


def _left_out(parts: Sequence[Extracted], wanted: Resource | None) -> Iterator[Issue]:
    why = f"neither name nor columns match {wanted.type if wanted else 'a type'}"
    for what in ("sheets", "lists"):
        names = [_named(part) for part in parts if (what == "sheets") == bool(part.sheet)]
        if names:
            yield Issue(LEFT_OUT, f"these {what} are left out, as {why}: {', '.join(names)}", Severity.WARNING)


def _named(part: Extracted) -> str:
    """What a sheet or a list is called, and how many records a list has."""
    if part.sheet:
        return part.sheet
    return f"{part.document or 'a list without a name'} ({part.records or 0:,})"


def _joined(resource: Resource, parts: Sequence[Extracted], job: ImportJob) -> Extracted:
    """The parts of one type as one, the rows of each counted on from the one before it.

    Where their columns differ, each is mapped by itself, and the columns of the later ones that fill a field of an
    earlier one are called as there. What a part has no column for, its rows leave as it is stored.
    """
    first = parts[0]
    if len(parts) == 1:
        return replace(first, given=_given(first, resource, job)) if first.sheet else first
    names = [_name(part) for part in parts]
    alike = all(set(part.columns) == set(first.columns) and part.given == first.given for part in parts)
    if alike:
        return replace(_one_after_another(parts, names), given=_given(first, resource, job) if first.sheet else None)
    return _one_after_another(_alike(resource, parts, job), names)


def _alike(resource: Resource, parts: Sequence[Extracted], job: ImportJob) -> list[Extracted]:
    """The parts with one name for the column of a field, and a note of the fields that each has no column for."""
    mappings = [_mapping(part, resource, job) for part in parts]
    columns: dict[str, str] = {}
    given: dict[str, str] = {}
    for mapping in mappings:
        for match in mapping.matches:
            if match.field not in columns:
                taken = match.column in columns.values()
                columns[match.field] = f"{match.column} ({match.field})" if taken else match.column
                if taken or match.how == "given":
                    given[columns[match.field]] = match.field
    left_out = {name for part in parts for name, to in _given(part, resource, job).items() if not to}
    given |= dict.fromkeys(left_out - set(columns.values()), "")
    pairs = zip(parts, mappings, strict=True)
    return [
        replace(_renamed(part, mapping, columns, resource), given=given, sheets=_mapped_sheets(part, mapping))
        for part, mapping in pairs
    ]


def _mapped_sheets(part: Extracted, mapping: Mapping) -> dict[str, Sheet]:
    """The sheets of a part with what its own mapping says of their columns."""
    fields = {match.column: match.field for match in mapping.matches}
    own = tuple((name, fields.get(name, "")) for name in part.columns)
    return {name: replace(sheet, columns=own if sheet.columns else ()) for name, sheet in part.sheets.items()}


def _renamed(part: Extracted, mapping: Mapping, columns: dict[str, str], resource: Resource) -> Extracted:
    """A part whose columns are called as those of all parts, `columns` by field."""
    own = {match.column: columns[match.field] for match in mapping.matches}
    kept = [name for name in part.columns if name not in own]
    own |= {name: f"{name} ({_name(part)})" for name in kept if name in columns.values()}
    absent = [name for name in columns if name not in (*mapping.fields, *resource.required, *resource.key)]
    names = [own.get(name, name) for name in part.columns]
    frame = part.frame.select(ROW, *(pl.col(name).alias(to) for name, to in zip(part.columns, names, strict=True)))
    if absent:
        frame, names = frame.with_columns(pl.lit(",".join(absent)).alias(UNTOUCHED)), [*names, UNTOUCHED]
    changed = ", ".join(f"'{name}' as '{to}'" for name, to in own.items() if name != to)
    renaming = [Issue("sheet", f"{_place(part)}: columns are read as in the first: {changed}", Severity.WARNING)]
    faults = part.faults.with_columns(column=pl.col("column").replace(own))
    notices = (*part.notices, *(renaming if changed else []))
    return replace(part, frame=frame, columns=tuple(names), faults=faults, notices=notices)


def files_of_types(parts: Sequence[Extracted]) -> tuple[Extracted, ...]:
    """Return one part for each type that the files of a source hold, in the order of loading.

    The type of each is known. Files of one type are read one after the other; what a file has no column for, its rows
    leave as it is stored.
    """
    found = [
        _one_after_another(same, [part.name for part in same])
        for name in RESOURCES
        if (same := _some([part for part in parts if part.resource_type == name]))
    ]
    return tuple(found)


def joined_files(parts: Sequence[Extracted], job: ImportJob) -> tuple[Extracted, ...]:
    """Return one part for each type that the files of an import hold, in the order of loading.

    The type of each is known. The columns of a file that fill a field of an earlier one are called as there.
    """
    return tuple(
        _joined(RESOURCES[name], same, job)
        for name in RESOURCES
        if (same := _some([part for part in parts if part.resource_type == name]))
    )


def _one_after_another(parts: Sequence[Extracted], names: Sequence[str]) -> Extracted:
    first, at = parts[0], 0
    columns = tuple(dict.fromkeys(column for part in parts for column in part.columns))
    frames, faults, starts, notices = [], [], [], list(first.notices)
    for part, name in zip(parts, names, strict=True):
        if at:
            message = f"'{name}' is read as more of '{names[0]}': its row 1 is counted as row {at + 1:,}"
            notices += [Issue("sheet", message, Severity.WARNING), *part.notices]
        frames.append(part.frame.select((pl.col(ROW) + at).cast(pl.UInt32), *part.columns))
        faults.append(_counted_on(part.faults, name, at))
        starts.append(at)
        at = _next_row(part, at)
    counted = [part.records for part in parts]
    if ABSENT in columns or (UNTOUCHED not in columns and not any(part.sheet for part in parts)):
        frame, columns = one_after_another(frames, columns)
    else:  # those that lack columns have a note of it already
        frame = pl.concat(frames, how="diagonal").select(ROW, *columns)
    return replace(
        first,
        frame=frame,
        columns=columns,
        records=None if None in counted else sum(filter(None, counted)),
        faults=pl.concat(faults),
        notices=tuple(notices),
        gaps=_gaps(parts),
        sheets={name: sheet for part in parts for name, sheet in part.sheets.items()},
        cuts=_joined_cuts(parts, starts),
    )


def _joined_cuts(parts: Sequence[Extracted], starts: Sequence[int]) -> tuple[int, ...] | None:
    """The rows at which parts that are read one after the other can be cut: where each can, and between them."""
    cuts: list[int] = []
    for part, at in zip(parts, starts, strict=True):
        if part.cuts is None:
            return None
        cuts += [at + 1] if at else []
        cuts += [at + cut for cut in part.cuts]
    return tuple(cuts)


def _gaps(parts: Sequence[Extracted]) -> tuple[Issue, ...]:
    """Why records may be missing from the parts of one type; pages of one list may be whole together."""
    gaps = [gap for part in parts for gap in part.gaps]
    ids = [part.frame.select(SOURCE_ID) for part in parts if SOURCE_ID in part.columns]
    if not any(gap.rule == PAGE for gap in gaps) or not ids:
        return tuple(gaps)
    return gaps_of_missing_pages(
        gaps, pl.concat(ids).select(pl.col(SOURCE_ID).drop_nulls().n_unique()).collect().item()
    )


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

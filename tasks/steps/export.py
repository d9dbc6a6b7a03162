"""The four steps of an export: query, validate, map, write. Each takes values and returns frozen values.

The first three are lazy: nothing is read until the last step writes, and then frames pass through all of them, so that
memory stays bounded. Each frame carries the rules that it fails, and the last step adds them up.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pandera.errors import SchemaErrors
from sqlalchemy import FromClause

from schemas.errors import UsageError
from schemas.job_options.filters import Condition, Filter, Op, both
from schemas.jobs import ExportJob
from schemas.model.resource import Resource
from schemas.model.tables import LINEAGE
from schemas.phases import Phase
from schemas.reports import Exported, Progress
from schemas.sources import ABOUT_NOTE
from tasks.atomic_write import atomic_path
from tasks.formats.about import about_cell, stamp
from tasks.formats.base import Frames, Target
from tasks.mapping.infer_type import HEAD, tells_type
from tasks.runtime.context import disk_errors, user
from tasks.runtime.export_context import ExportContext, compressed, types_of
from tasks.store.access.definitions import load_mapping
from tasks.store.read.as_of import as_of
from tasks.store.read.query import Selection, field_name, moment


@dataclass(frozen=True)
class Queried:
    """The selected records: how many, and their typed frames, which can be read once.

    `saved` is the saved mapping whose columns the file is to have, column → field.
    """

    selection: Selection
    records: int
    frames: Generator[pl.DataFrame, None, None]
    saved: dict[str, str]

    @property
    def resource(self) -> Resource:
        """The type of the records."""
        return self.selection.resource


@dataclass(frozen=True)
class CheckedFrame:
    """A frame of records, and the rules that some of them fail: field, rule and how many values."""

    frame: pl.DataFrame
    failures: tuple[tuple[str, str, int], ...] = ()


CheckedFrames = Generator[CheckedFrame, None, None]


@dataclass(frozen=True)
class Validated:
    """The selected records in frames that have been checked, which can be read once."""

    queried: Queried
    frames: CheckedFrames


@dataclass(frozen=True)
class Table:
    """The records of one type under the names of the file's columns; `columns` has the field of each."""

    queried: Queried
    columns: dict[str, str]
    frames: CheckedFrames

    @property
    def resource(self) -> Resource:
        """The type of the records."""
        return self.queried.resource


@dataclass(frozen=True)
class Steps:
    """The steps by name: plain functions, or the same ones as Prefect tasks (`tasks.prefect_tasks`)."""

    query: Callable[[ExportContext, Resource], Queried]
    validate: Callable[[ExportContext, Queried], Validated]
    map: Callable[[ExportContext, Validated], Table]
    write: Callable[[ExportContext, Sequence[Table]], Exported]


def check_selection(job: ExportJob) -> None:
    """Check the fields, the filter and the times of a job against its types; raises UsageError.

    This needs no database: what only a snapshot shows, such as the columns of a saved mapping, is checked by the run.
    """
    if job.as_of:
        moment(job.as_of)
    for chosen in types_of(job):
        _selection(job, chosen, job.fields or chosen.fields).check()


def query(context: ExportContext, chosen: Resource) -> Queried:
    """Check the request against the type, and select its records; raises UsageError."""
    context.progress(Phase.QUERY, 0, None)
    job = context.job
    saved = _saved_columns(context, chosen) if job.mapping else {}
    of = as_of(context.connection, chosen, context.past) if context.past else None
    selection = _selection(job, chosen, saved.values() if job.mapping else job.fields or chosen.fields, of)
    count = selection.count(context.connection)
    return Queried(selection, count, selection.frames(context.connection, context.settings.batch_size), saved)


def _selection(job: ExportJob, chosen: Resource, names: Iterable[str], of: FromClause | None = None) -> Selection:
    """The records of one type that a job selects, with the fields of these names; raises UsageError."""
    columns = (field_name(chosen, name) for name in names)
    lineage = LINEAGE if job.lineage else ()
    sort = tuple(f"{'-' * name.startswith('-')}{field_name(chosen, name.removeprefix('-'))}" for name in job.sort)
    return Selection(chosen, tuple(dict.fromkeys((*columns, *lineage))), _where(job), sort, job.limit, of, job.retired)


def _where(job: ExportJob) -> Filter | None:
    """The filter of a job, its date range included."""
    filters = [job.where] if job.where else []
    if job.since:
        filters.append(Condition(field="updated_at", op=Op.GE, value=(moment(job.since).isoformat(),)))
    if job.until:
        filters.append(Condition(field="updated_at", op=Op.LE, value=(moment(job.until, end=True).isoformat(),)))
    return both(filters)


def _saved_columns(context: ExportContext, chosen: Resource) -> dict[str, str]:
    """Column → field of the saved mapping; raises UsageError."""
    resource_type, columns, _ = load_mapping(context.connection, str(context.job.mapping))
    if resource_type != chosen.type:
        raise UsageError(
            f"The mapping '{context.job.mapping}' is one of {resource_type}, not of {chosen.type}.",
            mapping=context.job.mapping,
            type=resource_type,
        )
    return columns


def validate(context: ExportContext, queried: Queried) -> Validated:  # noqa: ARG001  # a step takes the context
    """Check the stored records against the current rules, and count the values that an import would reject."""
    fields = [name for name in queried.selection.columns if name in queried.resource.fields]
    schema = queried.resource.schema_of(fields)

    def checked_frames() -> CheckedFrames:
        with closing(queried.frames) as frames:
            for frame in frames:
                try:
                    schema.validate(frame.select(fields), lazy=True)
                except SchemaErrors as error:
                    yield CheckedFrame(frame, _failures(error.failure_cases))
                else:
                    yield CheckedFrame(frame)

    return Validated(queried, checked_frames())


def _failures(cases: pl.DataFrame) -> tuple[tuple[str, str, int], ...]:
    """Field, rule and number of the values that pandera reports."""
    counts = cases.group_by("column", "check").len().iter_rows()
    return tuple((str(name), str(check).partition("(")[0], count) for name, check, count in counts)


def map(context: ExportContext, validated: Validated) -> Table:  # the step's name in the design
    """Name the columns as the file is to have them: by field, by title, or as a saved mapping calls them."""
    job, queried = context.job, validated.queried
    if job.mapping:
        headers = {name: column for column, name in queried.saved.items()}
    elif context.format.facts.titled if job.titles is None else job.titles:
        headers = {name: spec.title for name, spec in queried.resource.fields.items()}
    else:
        headers = {}
    columns = {headers.get(name, name): name for name in queried.selection.columns}
    renamed = {name: column for column, name in columns.items()}

    def renamed_frames() -> CheckedFrames:
        with closing(validated.frames) as frames:
            for each in frames:
                yield replace(each, frame=each.frame.rename(renamed))

    return Table(queried, columns, renamed_frames())


def write(context: ExportContext, tables: Sequence[Table]) -> Exported:
    """Write the file under a temporary name and rename it when it is whole; a document has the types with records."""
    job = context.job
    tables = [table for table in tables if table.queried.records] or tables
    total = sum(table.queried.records for table in tables)
    tally = _Tally(context.progress, total)
    with disk_errors(_no_room(job.path)), atomic_path(job.path) as path, ExitStack() as readers:
        # Before the connection closes, the thread that reads from it has to stop.
        for table in tables:
            readers.callback(table.frames.close)
        metadata = _metadata(context, tables) if job.metadata else _stamp(context, tables)
        tables, notices = (tables, ()) if metadata or job.several else _described(context, tables[0])
        targets = [(_target(context, table, path, metadata), tally.through(table)) for table in tables]
        if job.several and context.format.write_all:
            context.format.write_all(targets)
        elif context.format.write:
            context.format.write(*targets[0])
        size = path.stat().st_size
    context.progress(Phase.DONE, total, total)
    alone = None if job.several else tables[0]
    return Exported(
        run_id=str(context.run_id),
        resource_type=alone.resource.type if alone else None,
        path=job.path,
        format=context.format.name,
        columns=tuple(alone.columns) if alone else (),
        records=total,
        size=size,
        duration=round(time.monotonic() - context.started, 3),
        unfit=tally.unfit(several=job.several),
        types={table.resource.type: table.queried.records for table in tables},
        notices=notices,
    )


def _no_room(path: Path) -> str:
    """What a full disk leaves no space for, and what to do about it."""
    return f"'{path}', or for the run's temporary files under CMDB_HOME: make room, or choose a larger disk"


def _described(context: ExportContext, table: Table) -> tuple[Sequence[Table], tuple[str, ...]]:
    """Add a column of notes to records whose columns do not tell their type; returns what to report of it.

    Without its key a record can't be imported, whatever its type; a saved mapping names the columns that are wanted.
    """
    of, columns = table.resource, table.columns
    if context.job.mapping or not {*of.known_by} & {*columns.values()}:
        return [table], ()
    first = list(itertools.islice(table.frames, 1))
    empty = pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
    if tells_type(of, _as_text(first[0].frame.head(HEAD)) if first else empty):
        return [replace(table, frames=_chained(first, table.frames))], ()
    note = pl.lit(about_cell(stamp(of))).alias(ABOUT_NOTE)
    noted = (replace(each, frame=each.frame.with_columns(note)) for each in _chained(first, table.frames))
    message = f"The columns do not say that the records are of type {of.type}: the added column '{ABOUT_NOTE}' does."
    return [replace(table, columns=columns | {ABOUT_NOTE: ABOUT_NOTE}, frames=noted)], (message,)


def _chained(first: Iterable[CheckedFrame], rest: Iterable[CheckedFrame]) -> CheckedFrames:
    yield from first
    yield from rest


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Typed columns as text, much as a file has them."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(name).list.join(",") for name in lists).cast(pl.String())


def _target(context: ExportContext, table: Table, path: Path, metadata: dict[str, Any]) -> Target:
    """What the records of one type are written to."""
    of, job = table.resource, context.job
    workdir = context.workdir / of.type
    workdir.mkdir(exist_ok=True)
    specs = {column: of.fields.get(name) for column, name in table.columns.items()}
    return Target(path, workdir, of.type, of.title, specs, job.write, metadata, compressed(job))


@dataclass
class _Tally:
    """How many records are written, over all types, and how many values of each type fail which rule."""

    progress: Progress
    total: int
    done: int = 0
    failures: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def through(self, table: Table) -> Frames:
        """Hand frames on, and count their records and failures."""
        failures = self.failures.setdefault(table.resource.type, Counter())
        self.progress(Phase.WRITE, self.done, self.total)
        for each in table.frames:
            for name, rule, count in each.failures:
                failures[name, rule] += count
            yield each.frame
            self.done += len(each.frame)
            self.progress(Phase.WRITE, self.done, self.total)

    def unfit(self, *, several: bool) -> tuple[tuple[str, str, int], ...]:
        """Return field, rule and number of the values that fail; of several types, with the type before the field."""
        return tuple(
            (f"{type}.{name}" if several else name, rule, count)
            for type, failures in self.failures.items()
            for (name, rule), count in sorted(failures.items())
        )


def _metadata(context: ExportContext, tables: Sequence[Table]) -> dict[str, Any]:
    """What a file says of itself; the names are a contract."""
    first = tables[0].queried.selection
    metadata = {
        "exportedAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "exportedBy": context.job.requested_by or user(),
        "records": sum(table.queried.records for table in tables),
        **({"asOf": context.past.isoformat()} if context.past else {}),
    }
    selection = {"where": str(first.where) if first.where else "", "sort": list(first.sort)}
    run = {"run": str(context.run_id)}
    if context.job.several:
        schemas = {table.resource.type: table.resource.fingerprint for table in tables}
        types = {table.resource.type: table.queried.records for table in tables}
        return {"resourceTypes": types, **metadata, **selection, "schemas": schemas, **run}
    return {**stamp(tables[0].resource), **metadata, "fields": list(first.columns), **selection, **run}


def _stamp(context: ExportContext, tables: Sequence[Table]) -> dict[str, Any]:
    """What a file says of itself by default, so that it imports as it is whatever its columns."""
    if not context.format.facts.stamped or context.job.several:
        return {}
    return stamp(tables[0].resource)


PLAIN = Steps(query, validate, map, write)
"""The steps as plain functions."""

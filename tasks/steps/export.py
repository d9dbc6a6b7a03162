"""The four steps of an export, as a flow says them: query, validate, map, write.

The first three are lazy: frames pass through all of them while the last writes, so that memory stays bounded.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl
from pandera.errors import SchemaErrors
from sqlalchemy import Connection

from schemas.errors import UsageError
from schemas.filters import Condition, Filter, Op, both
from schemas.formats import WRITABLE, WRITTEN_SUFFIXES, either
from schemas.jobs import ExportJob
from schemas.model.resource import Resource
from schemas.model.tables import LINEAGE
from schemas.phases import Phase
from schemas.reports import Exported, Progress, silent
from schemas.resources import RESOURCES, resource
from schemas.settings import Settings
from schemas.sources import ABOUT_NOTE
from tasks.atomic_write import atomic_path
from tasks.formats import FORMATS, format_named
from tasks.formats.about import about_cell, stamp
from tasks.formats.base import Format, Frames, Target
from tasks.mapping.infer_type import HEAD, tells_type
from tasks.runtime.context import disk_errors, user
from tasks.store.access.definitions import load_mapping
from tasks.store.connection.engine import database_errors, engine
from tasks.store.read.as_of import as_of, is_known
from tasks.store.read.query import Selection, field_name, moment, snapshot


@dataclass
class Export:
    """One run of an export: the snapshot that it reads, its working folder, and what it has found.

    Of a document of several types, each of its `parts` is the same run for one of them.
    """

    job: ExportJob
    run_id: UUID
    connection: Connection
    settings: Settings
    workdir: Path
    progress: Progress
    resource: Resource
    format: Format
    started: float = field(default_factory=time.monotonic)
    unfit: Counter[tuple[str, str]] = field(default_factory=Counter)
    readers: ExitStack = field(default_factory=ExitStack)
    resources: tuple[Resource, ...] = ()
    past: datetime | None = None

    @property
    def parts(self) -> Iterator[Export]:
        """The run for each of its types, in the order of loading."""
        for each in self.resources:
            yield replace(self, resource=each, workdir=self.workdir / each.type, unfit=Counter())


@dataclass(frozen=True)
class Queried:
    """The selected records: how many, and their typed frames, which can be read once.

    `saved` is the saved mapping whose columns the file is to have, column → field; `past` the moment as of which the
    records are.
    """

    selection: Selection
    records: int
    frames: Frames
    saved: dict[str, str]
    past: datetime | None = None


@dataclass(frozen=True)
class Mapped:
    """Frames under the names of the file's columns; `columns` has the field of each."""

    columns: dict[str, str]
    frames: Frames


@dataclass(frozen=True)
class Table:
    """The records of one type on their way into the file."""

    export: Export
    queried: Queried
    mapped: Mapped


@dataclass(frozen=True)
class Steps:
    """The steps by name: plain functions, or the same ones watched by Prefect (`tasks.prefect_tasks`)."""

    query: Callable[[Export], Queried]
    validate: Callable[[Export, Queried], Queried]
    map: Callable[[Export, Queried], Mapped]
    write: Callable[[Export, Sequence[Table]], Exported]


@contextmanager
def open_export(
    job: ExportJob, url: str, settings: Settings, progress: Progress = silent, run_id: UUID | None = None
) -> Iterator[Export]:
    """Open the snapshot that an export reads; raises UsageError for a type or a format that is not there."""
    chosen, form = _types(job), format_of(job)
    run = run_id or uuid4()
    workdir = settings.temporary / run.hex
    with database_errors(), engine(url).connect() as connection:
        try:
            with disk_errors():
                workdir.mkdir(parents=True, exist_ok=True)
            snapshot(connection, run)
            past = moment(job.as_of) if job.as_of else None
            if past and job.all_types:
                chosen = _types_known_at(connection, chosen, past)
            # Before the connection closes, whoever reads from it in a thread has to stop.
            with ExitStack() as readers:
                yield Export(
                    job,
                    run,
                    connection,
                    settings,
                    workdir,
                    progress,
                    chosen[0],
                    form,
                    readers=readers,
                    resources=chosen,
                    past=past,
                )
        except BaseException:
            # The server may be in the middle of a COPY: close the line, and it stops.
            connection.invalidate()
            raise
        finally:
            shutil.rmtree(workdir, ignore_errors=True)


def _types(job: ExportJob) -> tuple[Resource, ...]:
    """The types that a job asks for, in the order of loading; raises UnknownType."""
    names = (job.resource_type,) if job.resource_type else job.resource_types
    named = {resource(name).type for name in names}
    return tuple(each for each in RESOURCES.values() if job.all_types or each.type in named)


def _types_known_at(connection: Connection, types: tuple[Resource, ...], past: datetime) -> tuple[Resource, ...]:
    """Those of all types of which it is known what they were at a moment; raises UsageError for none."""
    known = tuple(each for each in types if is_known(connection, each, past))
    if not known:
        raise UsageError(f"Of no type is it known what it was at {past.isoformat()}: name a later time.")
    return known


def format_of(job: ExportJob) -> Format:
    """Return the format that was asked for, or the one of the file's name; raises UsageError."""
    if job.format:
        found = format_named(job.format)
    else:
        suffix = Path(job.path.name.lower().removesuffix(".gz")).suffix
        named = [form for form in FORMATS.values() if suffix in form.suffixes and form.write]
        if not named:
            raise UsageError(f"'{job.path.name}' has no known file extension: use {WRITTEN_SUFFIXES}.")
        found = named[0]
    if found.write is None:
        raise UsageError(f"{found.title} is read only: write {either(each.label for each in WRITABLE)}.")
    if job.several and found.write_all is None:
        raise UsageError(
            f"A file of {found.title} holds records of one type: name it .xlsx or .json, which have a sheet or a list "
            "for each type, or export each by itself."
        )
    if compressed(job) and not found.facts.compressible:
        raise UsageError(f"{found.title} is compressed by itself: leave .gz out of '{job.path.name}'.")
    return found


def compressed(job: ExportJob) -> bool:
    """Say whether the file is to be gzipped, by its name."""
    return job.path.name.lower().endswith(".gz")


def query(export: Export) -> Queried:
    """Check what is asked against the type, and select the records; raises UsageError."""
    export.progress(Phase.QUERY, 0, None)
    job, chosen = export.job, export.resource
    saved = _saved_columns(export) if job.mapping else {}
    names = saved.values() if job.mapping else job.fields or chosen.fields
    columns = tuple(dict.fromkeys(field_name(chosen, name) for name in names))
    lineage = LINEAGE if job.lineage else ()
    sort = tuple(f"{'-' * name.startswith('-')}{field_name(chosen, name.removeprefix('-'))}" for name in job.sort)
    past = export.past
    of = as_of(export.connection, chosen, past) if past else None
    selection = Selection(
        chosen, tuple(dict.fromkeys((*columns, *lineage))), _where(job), sort, job.limit, of, job.retired
    )
    count = selection.count(export.connection)
    frames = export.readers.enter_context(closing(selection.frames(export.connection, export.settings.batch_size)))
    return Queried(selection, count, frames, saved, past)


def _where(job: ExportJob) -> Filter | None:
    """The filter of a job, its date range included."""
    parts = [job.where] if job.where else []
    if job.since:
        parts.append(Condition(field="updated_at", op=Op.GE, value=(moment(job.since).isoformat(),)))
    if job.until:
        parts.append(Condition(field="updated_at", op=Op.LE, value=(moment(job.until, end=True).isoformat(),)))
    return both(parts)


def _saved_columns(export: Export) -> dict[str, str]:
    """Column → field of the saved mapping; raises UsageError."""
    resource_type, columns, _ = load_mapping(export.connection, str(export.job.mapping))
    if resource_type != export.resource.type:
        raise UsageError(
            f"The mapping '{export.job.mapping}' is one of {resource_type}, not of {export.resource.type}."
        )
    return columns


def validate(export: Export, queried: Queried) -> Queried:
    """Hold the stored records against the rules of today, and count what an import would reject."""
    fields = [name for name in queried.selection.columns if name in export.resource.fields]
    schema = export.resource.schema_of(fields)

    def frames() -> Frames:
        for frame in queried.frames:
            try:
                schema.validate(frame.select(fields), lazy=True)
            except SchemaErrors as error:
                for name, check, count in error.failure_cases.group_by("column", "check").len().iter_rows():
                    export.unfit[str(name), str(check).partition("(")[0]] += count
            yield frame

    return replace(queried, frames=frames())


def map(export: Export, queried: Queried) -> Mapped:  # the step's name in the design
    """Name the columns as the file is to have them: by field, by title, or as a saved mapping calls them."""
    job, fields = export.job, export.resource.fields
    if job.mapping:
        headers = {name: column for column, name in queried.saved.items()}
    elif export.format.facts.titled if job.titles is None else job.titles:
        headers = {name: spec.title for name, spec in fields.items()}
    else:
        headers = {}
    columns = {headers.get(name, name): name for name in queried.selection.columns}
    renamed = {name: column for column, name in columns.items()}
    return Mapped(columns, (frame.rename(renamed) for frame in queried.frames))


def write(export: Export, tables: Sequence[Table]) -> Exported:
    """Write the file aside and rename it when it is whole; a document has the types that have records."""
    job = export.job
    tables = [table for table in tables if table.queried.records] or tables
    total = sum(table.queried.records for table in tables)
    room = f"'{job.path}', or for the run's temporary files under CMDB_HOME: make room, or choose a larger disk"
    with disk_errors(room), atomic_path(job.path) as path:
        metadata = _metadata(export, tables) if job.metadata else _stamp(export, tables)
        tables, notices = (tables, ()) if metadata or job.several else _described(tables[0])
        count = _Count(export.progress, total)
        targets = [(_target(table, path, metadata), count.through(table.mapped.frames)) for table in tables]
        if job.several and export.format.write_all:
            export.format.write_all(targets)
        elif export.format.write:
            export.format.write(*targets[0])
        size = path.stat().st_size
    export.progress(Phase.DONE, total, total)
    alone = None if job.several else tables[0]
    return Exported(
        run_id=str(export.run_id),
        resource_type=alone.export.resource.type if alone else None,
        path=job.path,
        format=export.format.name,
        columns=tuple(alone.mapped.columns) if alone else (),
        records=total,
        size=size,
        duration=round(time.monotonic() - export.started, 3),
        unfit=tuple(unfit for table in tables for unfit in _unfit(table)),
        types={table.export.resource.type: table.queried.records for table in tables},
        notices=notices,
    )


def _described(table: Table) -> tuple[Sequence[Table], tuple[str, ...]]:
    """Give records whose columns do not tell their type a column of notes that does; returns what to report of it.

    Without its key a record can't be imported, whatever its type; a saved mapping names the columns that are wanted.
    """
    frames, columns = iter(table.mapped.frames), table.mapped.columns
    if table.export.job.mapping or not {*table.export.resource.known_by} & {*columns.values()}:
        return [table], ()
    first = list(itertools.islice(frames, 1))
    rest = itertools.chain(first, frames)
    head = _as_text(first[0].head(HEAD)) if first else pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
    of = table.export.resource
    if tells_type(of, head):
        return [replace(table, mapped=Mapped(columns, rest))], ()
    note = pl.lit(about_cell(stamp(of))).alias(ABOUT_NOTE)
    noted = Mapped(columns | {ABOUT_NOTE: ABOUT_NOTE}, (frame.with_columns(note) for frame in rest))
    message = f"The columns do not say that the records are of type {of.type}: the added column '{ABOUT_NOTE}' does."
    return [replace(table, mapped=noted)], (message,)


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Typed columns as text, much as a file has them."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(name).list.join(",") for name in lists).cast(pl.String())


def _target(table: Table, path: Path, metadata: dict[str, Any]) -> Target:
    """What the records of one type are written to."""
    part = table.export
    part.workdir.mkdir(exist_ok=True)
    specs = {column: part.resource.fields.get(name) for column, name in table.mapped.columns.items()}
    names = (part.resource.type, part.resource.title)
    return Target(path, part.workdir, *names, specs, part.job.write, metadata, compressed(part.job))


def _unfit(table: Table) -> Iterator[tuple[str, str, int]]:
    part = table.export
    before = f"{part.resource.type}." if part.job.several else ""
    for (name, rule), count in sorted(part.unfit.items()):
        yield f"{before}{name}", rule, count


@dataclass
class _Count:
    """How many records are written, over all types."""

    progress: Progress
    total: int
    done: int = 0

    def through(self, frames: Frames) -> Frames:
        """Hand frames on, and count them."""
        self.progress(Phase.WRITE, self.done, self.total)
        for frame in frames:
            yield frame
            self.done += len(frame)
            self.progress(Phase.WRITE, self.done, self.total)


def _metadata(export: Export, tables: Sequence[Table]) -> dict[str, Any]:
    """What a file says of itself; the names are a contract."""
    first = tables[0].queried.selection
    past = tables[0].queried.past
    resources = [table.export.resource for table in tables]
    metadata = {
        "exportedAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "exportedBy": export.job.requested_by or user(),
        "records": sum(table.queried.records for table in tables),
        **({"asOf": past.isoformat()} if past else {}),
    }
    selection = {"where": str(first.where) if first.where else "", "sort": list(first.sort)}
    if export.job.several:
        schemas = {each.type: each.fingerprint for each in resources}
        types = {table.export.resource.type: table.queried.records for table in tables}
        return {"resourceTypes": types, **metadata, **selection, "schemas": schemas, "run": str(export.run_id)}
    fields = {"fields": list(first.columns)}
    return {**stamp(resources[0]), **metadata, **fields, **selection, "run": str(export.run_id)}


def _stamp(export: Export, tables: Sequence[Table]) -> dict[str, Any]:
    """What a file says of itself unasked, so that it imports as it is whatever its columns."""
    if not export.format.facts.stamped or export.job.several:
        return {}
    return stamp(tables[0].export.resource)


PLAIN = Steps(query, validate, map, write)
"""The steps as plain functions."""

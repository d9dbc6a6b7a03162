"""The context of a run of an export: its request, the snapshot that it reads and its means."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection

from schemas.errors import UsageError
from schemas.formats import WRITABLE, WRITTEN_SUFFIXES, either
from schemas.jobs import ExportJob
from schemas.model.resource import Resource
from schemas.reports import Progress, silent
from schemas.resources import RESOURCES, resource
from schemas.settings import Settings
from tasks.formats import FORMATS, format_named
from tasks.formats.base import Format
from tasks.runtime.context import disk_errors
from tasks.store.connection.engine import database_errors, engine
from tasks.store.read.as_of import is_known
from tasks.store.read.query import moment, snapshot


@dataclass(frozen=True)
class ExportContext:
    """One run of an export: its request, the snapshot that it reads and its means; nothing changes it.

    `resources` are the types in the order of loading, `past` is the moment as of which their records are, and `started`
    is on the monotonic clock, in seconds.
    """

    job: ExportJob
    run_id: UUID
    connection: Connection
    settings: Settings
    workdir: Path
    progress: Progress
    format: Format
    resources: tuple[Resource, ...]
    past: datetime | None = None
    started: float = field(default_factory=time.monotonic)


@contextmanager
def open_export(
    job: ExportJob, url: str, settings: Settings, progress: Progress = silent, run_id: UUID | None = None
) -> Iterator[ExportContext]:
    """Open the snapshot that an export reads; raises UsageError for a type or a format that is not there."""
    chosen, form = types_of(job), format_of(job)
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
            yield ExportContext(job, run, connection, settings, workdir, progress, form, chosen, past)
        except BaseException:
            # The server may be in the middle of a COPY: close the line, and it stops.
            connection.invalidate()
            raise
        finally:
            shutil.rmtree(workdir, ignore_errors=True)


def types_of(job: ExportJob) -> tuple[Resource, ...]:
    """Return the types that a job selects, in the order of loading; raises UnknownType."""
    names = (job.resource_type,) if job.resource_type else job.resource_types
    named = {resource(name).type for name in names}
    return tuple(each for each in RESOURCES.values() if job.all_types or each.type in named)


def _types_known_at(connection: Connection, types: tuple[Resource, ...], past: datetime) -> tuple[Resource, ...]:
    """Those of all types of which it is known what they were at a moment; raises UsageError for none."""
    known = tuple(each for each in types if is_known(connection, each, past))
    if not known:
        raise UsageError(
            f"Of no type is it known what it was at {past.isoformat()}: name a later time.", time=past.isoformat()
        )
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
        raise UsageError(
            f"{found.title} is read only: write {either(each.label for each in WRITABLE)}.",
            format=found.name,
            choices=[each.name for each in WRITABLE],
        )
    if job.several and found.write_all is None:
        raise UsageError(
            f"A file of {found.title} holds records of one type: name it .xlsx or .json, which have a sheet or a list "
            "for each type, or export each by itself.",
            format=found.name,
        )
    if compressed(job) and not found.facts.compressible:
        raise UsageError(
            f"{found.title} is compressed by itself: leave .gz out of '{job.path.name}'.", format=found.name
        )
    return found


def compressed(job: ExportJob) -> bool:
    """Say whether the file is to be gzipped, by its name."""
    return job.path.name.lower().endswith(".gz")

"""Fetch: the files of a sync's source, and their records; and whether the source is as it was."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from schemas.errors import CmdbError, SourceError, UsageError, about
from schemas.fetched import Fetched, FetchedFile, Unread
from schemas.issues import Issue
from schemas.jobs import ImportJob, LoadOptions, SyncJob
from schemas.language.remedies import option
from schemas.model.resource import Resource
from schemas.phases import Phase
from schemas.resources import resource
from schemas.sources import Extracted
from tasks.formats.base import NOTHING, Described
from tasks.mapping.infer_type import detect_type
from tasks.runtime.context import RunContext, disk_errors
from tasks.runtime.values import Sources
from tasks.security.secrets import secret_named
from tasks.steps.detect import files_of_types
from tasks.steps.extract import extract_all
from tasks.store import ledger
from tasks.store.connection.engine import SERVER

# What may differ between two runs of a sync without making another one of it.
_SAME = {"dry_run", "keep_plan", "batch_size", "always", "notify", "overlap", "credentials", "moved", "hash", "reason"}


def fetch(run: RunContext, job: SyncJob) -> Fetched | None:
    """Fetch the files of a source; None where it is as it was at the last completed run of this sync.

    What could not be read of it is a notice, and nothing of that type and place is then taken away. Raises SourceError
    when nothing could be read, Transient when a later attempt may succeed.
    """
    # The sources' libraries take a tenth of a second to import, which an import of a file does not wait for.
    from tasks import sources

    run.progress(Phase.FETCH, 0, None)
    seen = _last(run, job)
    folder = run.workdir / "source"
    folder.mkdir(parents=True, exist_ok=True)
    request = sources.Request(
        url=job.url,
        folder=folder,
        settings=run.settings,
        types=tuple(resource(name) for name in _types(job)),
        known=seen.version if seen else None,
        secret=secret_named(job.credentials) if job.credentials else None,
        own=_own_server(run),
        progress=lambda files, records, size: run.progress(Phase.FETCH, records or files, None),  # noqa: ARG005
    )
    with disk_errors(), about(source=request.shown):
        fetched = sources.fetch(request)
    if fetched is None or (seen and fetched.whole and fetched.digest == seen.digest):
        if seen:
            ledger.describe_seen(run.session, seen.version, seen.digest)
        return None
    # A part that could not be read this time is to be read the next time.
    ledger.describe_seen(run.session, *((fetched.version, fetched.digest) if fetched.whole else (None, None)))
    return fetched


def _own_server(run: RunContext) -> str | None:
    """What the server of the CMDB is known by; None where sources may read it."""
    if run.settings.source_own_database:
        return None
    with run.session.transaction() as connection:
        found: str | None = connection.scalar(text(SERVER))
    return found


def _types(job: SyncJob) -> tuple[str, ...]:
    return job.types or ((job.resource_type,) if job.resource_type else ())


def _last(run: RunContext, job: SyncJob) -> ledger.Seen | None:
    """What the last run of this sync saw, if it was asked for the same."""
    if job.always:
        return None
    with run.session.transaction() as connection:
        seen = ledger.last_seen(connection, job.source)
    return seen if seen and _compared_options(seen.options) == _compared_options(job.options()) else None


def _compared_options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _SAME}


def read(run: RunContext, job: SyncJob, fetched: Fetched) -> Sources:
    """Open the files of a source, one part for each type that they hold.

    A file that can't be read, or whose type is not known, is reported and leaves the others; nothing is then taken
    away of its type. Raises what is wrong with the first where no file can be read.
    """
    parts: list[Extracted] = []
    scopes: dict[str, list[dict[str, str]]] = defaultdict(list)
    left: list[tuple[FetchedFile, CmdbError]] = []
    for number, file in enumerate(fetched.files):
        try:
            opened = _empty(file) if file.records == 0 else _opened(run, job, file, run.workdir / f"file-{number}")
        except (SourceError, UsageError) as error:
            left.append((file, error))
            continue
        parts += opened
        for part in opened:
            scopes[part.resource_type or ""].append(file.constants)
    if left and not parts:
        raise left[0][1]
    if left:
        # What is not read now is read again the next time, though it has not changed.
        ledger.describe_seen(run.session, None, None)
    wanted = [resource(name).type for name in _types(job)]
    chosen = [part for part in parts if not wanted or part.resource_type in wanted]
    if not chosen:
        raise SourceError(f"{job.source} has no records of the requested types: {', '.join(wanted)}.", types=wanted)
    return Sources(
        files_of_types(chosen),
        (*fetched.failures, *(_unread_notice(file, error) for file, error in left)),
        (*fetched.lacks, *(_unread(job, file) for file, _ in left)),
        # Where one file does not say which records it is about, all of them speak of all records.
        {name: tuple(given) if all(given) else () for name, given in scopes.items()},
    )


def _unread_notice(file: FetchedFile, error: CmdbError) -> Issue:
    """Return the notice of a file that could not be read."""
    message = error.message if file.name in error.message else f"{file.name}: {error.message}"
    return Issue("file", message, value=file.name)


def _unread(job: SyncJob, file: FetchedFile) -> Unread:
    """Return which records may be missing, as a file could not be read."""
    named = file.resource_type or job.resource_type
    return Unread(f"{file.name} could not be read", resource(named).type if named else None, file.constants)


def _opened(run: RunContext, job: SyncJob, file: FetchedFile, workdir: Path) -> list[Extracted]:
    workdir.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {name: getattr(job, name) for name in LoadOptions.model_fields}
    options["resource_type"] = file.resource_type or job.resource_type
    described = Described(file.key, file.constants["account_id"]) if file.key else None
    found = extract_all(ImportJob(path=file.path, name=file.name, **options), workdir, run.settings, described)
    named = options["resource_type"]
    return [replace(part, resource_type=(resource(named) if named else _type_of(part)).type) for part in found]


def _type_of(part: Extracted) -> Resource:
    return resource(part.resource_type) if part.resource_type else detect_type(part)


def _empty(file: FetchedFile) -> list[Extracted]:
    """A file of no records, of a type that is known: nothing is what the source has."""
    if file.resource_type is None:
        raise UsageError(
            f"{file.name} is empty, and its type is not known: give one with {option('resource_type')}.", file=file.name
        )
    return [
        Extracted(
            frame=NOTHING,
            columns=(),
            records=0,
            resource_type=resource(file.resource_type).type,
            path=file.path,
            name=file.name,
            format="ndjson",
            size=0,
            sha256="",
        )
    ]

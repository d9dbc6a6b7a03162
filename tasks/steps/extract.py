"""Extract: any file into lazy text columns with the row numbers of its records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path, PurePath
from typing import Any

from schemas.errors import SourceError, UsageError, about
from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode
from schemas.job_options.read_options import ReadOptions
from schemas.jobs import ImportJob
from schemas.language.remedies import option
from schemas.language.spelling import plain
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from schemas.resources import resource as resource_named
from schemas.settings import Settings
from schemas.sources import Extracted, Opened
from tasks.formats import FORMATS, format_named
from tasks.formats.about import described as described_by_itself
from tasks.formats.base import Described, Format, Source
from tasks.formats.compression import unpacked
from tasks.formats.encoding import marked_encoding, transcoded
from tasks.formats.excel.bounds import refuse_bombs
from tasks.formats.excel.reader import EXCEL
from tasks.formats.formula_guard import as_before_guarding
from tasks.formats.magic import binary, markup
from tasks.formats.netbox.tables import as_fields
from tasks.steps.detect import by_sheet, of_types

_HEAD = 8192


def extract(
    job: ImportJob,
    resource: Resource | None,
    workdir: Path,
    settings: Settings,
    described: Described | None = None,
) -> Extracted:
    """Open the source of a job; raises SourceError with what to do when it can't be read as it stands."""
    return _extracted(job, resource, workdir, settings, lambda f, source: (f.open(source),), described)[0]


def extract_all(
    job: ImportJob, workdir: Path, settings: Settings, described: Described | None = None
) -> tuple[Extracted, ...]:
    """Open the source of a job: a document of several types gives each as a part, in the order of loading.

    Of a workbook, all sheets that fit are read, also of one type that is named. A job that says which sheet or list it
    means, or uses a saved mapping, is about one table. `described` is known of a file of records of one list of AWS.
    """
    resource = resource_named(job.resource_type) if job.resource_type else None
    if resource and any(sheet.type for sheet in job.read.sheets.values()):
        raise UsageError("Give one type for all sheets, or one for each sheet; not both.")
    if job.read.sheet or job.read.records or job.mapping or job.save_mapping:
        only = extract(job, resource, workdir, settings, described)
        return (only if resource else by_sheet(only),)
    one_table = resource is not None or bool(job.columns)

    def opened(format: Format, source: Source) -> tuple[Opened, ...]:
        if job.read.sheets and format is not EXCEL:
            raise SourceError(f"{source.name} has no sheets: it is {format.title}.")
        if format.open_all is None or (one_table and format is not EXCEL):
            return (format.open(source),)
        return format.open_all(source)

    return of_types(_extracted(job, resource, workdir, settings, opened, described), job, resource)


def _extracted(
    job: ImportJob,
    resource: Resource | None,
    workdir: Path,
    settings: Settings,
    opening: Callable[[Format, Source], tuple[Opened, ...]],
    described: Described | None = None,
) -> tuple[Extracted, ...]:
    """Open the source of a job; what goes wrong is about its file."""
    with about(file=job.source):
        given = _source_of(job, resource, workdir, settings, described)
        format, source, encoding = _recognised(given)  # what it is
        with ThreadPoolExecutor(1) as executor:
            digest = executor.submit(_sha256, job.path)
            parts = tuple(
                as_before_guarding(described_by_itself(as_fields(opened))) for opened in opening(format, source)
            )
        known: dict[str, Any] = {"path": job.path, "name": job.source, "format": format.name}
        known |= {"size": job.path.stat().st_size, "sha256": digest.result()}
        return tuple(
            Extracted(**known, **_extracted_values(opened, encoding, alone=len(parts) == 1)) for opened in parts
        )


def _source_of(
    job: ImportJob, resource: Resource | None, workdir: Path, settings: Settings, described: Described | None
) -> Source:
    """Return the file of a job as the source of a format; raises SourceError for one that is not read."""
    path, name = job.path, job.source
    size, limit = _size(path, name), settings.max_file_mb << 20
    if size > limit:
        raise SourceError(
            f"{name} has {size >> 20:,} MB; at most {settings.max_file_mb:,} MB are read.", size=size, limit=limit
        )
    given = Source(path, name, workdir, job.read, resource, limit, settings.max_columns, settings.max_cell_chars)
    # What a sync's source no longer has is told by a list of nothing, too; an import has nothing to do then.
    constants = {plain(field): value for field, value in job.constants.items()}
    return replace(given, emptied=job.mode is Mode.SYNC, constants=constants, described=described)


def _extracted_values(opened: Opened, encoding: str | None, *, alone: bool) -> dict[str, Any]:
    found = {item.name: getattr(opened, item.name) for item in fields(opened)}
    return found | {"encoding": encoding or opened.encoding, **_values_of_export(opened, alone=alone)}


def recognised(path: Path, name: str, workdir: Path, settings: Settings) -> Format:
    """Return what a file is by its content, which its name has to agree with; raises SourceError."""
    limit = settings.max_file_mb << 20
    format, source, _ = _recognised(Source(path, name, workdir, ReadOptions(), None, limit))
    if format is EXCEL:
        refuse_bombs(source)
    return format


def _values_of_export(opened: Opened, *, alone: bool) -> dict[str, Any]:
    """What an exported file's own metadata tells: its type, whether that has changed since, how old it is.

    Of several parts, the metadata of one type is that of the part of this type.
    """
    exported, schema = _exported_type(opened)
    if exported is None or (not alone and opened.resource_type != exported.type):
        return {}
    notices = []
    if schema != exported.fingerprint:
        message = f"the fields of {exported.type} have changed since this file was exported: see whether they fit"
        notices.append(Issue("schema", message, Severity.WARNING))
    if past := opened.metadata.get("asOf"):
        message = f"the file holds records as they were at {str(past)[:40]}: what changed since is written over"
        notices.append(Issue("as_of", message, Severity.WARNING))
    return {"resource_type": opened.resource_type or exported.type, "notices": (*opened.notices, *notices)}


def _exported_type(opened: Opened) -> tuple[Resource | None, Any]:
    """The type that the metadata tells, and the fingerprint that it had; of several types, that of this part."""
    schemas = opened.metadata.get("schemas")
    if isinstance(schemas, dict):
        own = opened.resource_type or (next(iter(schemas)) if len(schemas) == 1 else "")
        return (RESOURCES.get(own), schemas[own]) if own in schemas else (None, None)
    return RESOURCES.get(str(opened.metadata.get("resourceType"))), opened.metadata.get("schema")


def _size(path: Path, name: str) -> int:
    try:
        if not path.is_file():
            what = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise SourceError(f"{path} {what}: name a file.")
        size = path.stat().st_size
        _head(path)
    except PermissionError as error:
        raise SourceError(f"{path} may not be read: change its permissions.") from error
    if size == 0:
        raise SourceError(f"{name} is empty: nothing to import.")
    return size


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _recognised(given: Source) -> tuple[Format, Source, str | None]:
    """The format by content, after unpacking; it has to agree with the one asked for or the one that the name tells."""
    head = _head(given.path)
    source = given if EXCEL.matches(given.path, head) else unpacked(given, head)
    source, encoding = _narrow(source)
    head = _head(source.path)
    wanted = source.options.format
    if not wanted and (what := markup(head)):
        raise SourceError(
            f"{given.name} is {what} and no table: export it as CSV, or see whether a page to log in was saved instead."
        )
    what = binary(head)
    found = next((format for format in FORMATS.values() if format.matches(source.path, head)), None)
    if found is None or (what and found.name == "csv"):
        name = f"{given.name} ({what})" if what else given.name
        raise SourceError(
            f"{name} has an unsupported binary format. Save it as one of: "
            f"{', '.join(f.title for f in FORMATS.values())}.",
            choices=[*FORMATS],
        )
    if wanted:
        return _checked_format(wanted, found, source), source, encoding
    by_name = next((f for f in FORMATS.values() if PurePath(source.name).suffix.lower() in f.suffixes), None)
    # `terraform state pull > state.json`, `jq -c '.Vpcs[]' > vpcs.json`
    if by_name and found.name in by_name.facts.contains:
        by_name = found
    if by_name and by_name is not found and not _is_compatible(by_name, found):
        raise SourceError(
            f"{given.name} is named as {by_name.title}, and its content is {found.title}: "
            f"rename it to {found.suffixes[0]}, or give {option('read.format', found.name)}.",
            format=found.name,
        )
    return (by_name if by_name and _is_compatible(by_name, found) else found), source, encoding


def _narrow(source: Source) -> tuple[Source, str | None]:
    """Copy UTF-16 and UTF-32, which PowerShell writes for `aws … > file.json`, as UTF-8; returns what it was."""
    encoding = marked_encoding(source.path)
    if encoding is None or encoding == "utf-8-sig":
        return source, None
    return replace(source, path=transcoded(source, encoding), options=_without_encoding(source.options)), encoding


def _without_encoding(options: ReadOptions) -> ReadOptions:
    return options.model_copy(update={"encoding": None})


def _is_compatible(named: Format, found: Format) -> bool:
    """Say whether a name is believed where the content begins like that of another format.

    JSON and NDJSON begin alike, and JSON is YAML; a table of one column may look like YAML, and YAML like one.
    """
    return found.name in named.facts.resembles


def _checked_format(name: str, found: Format, source: Source) -> Format:
    wanted = format_named(name)
    if wanted is not found and not (wanted.facts.text and found.facts.text):
        raise SourceError(
            f"{source.name} is {found.title}, not {wanted.title}: give {option('read.format', found.name)}.",
            format=found.name,
        )
    return wanted

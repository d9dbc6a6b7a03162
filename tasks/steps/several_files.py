"""Several files as the source of one import: the files of each type are read one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from schemas.errors import UnknownType
from schemas.jobs import ImportJob
from schemas.resources import resource
from schemas.settings import Settings
from schemas.sources import Extracted
from tasks.mapping.infer_type import detect_type
from tasks.steps.detect import joined_files
from tasks.steps.extract import extract_all


def extract_several(job: ImportJob, workdir: Path, settings: Settings, saved_type: str | None) -> tuple[Extracted, ...]:
    """Open the files of a job, one part for each type that they hold, in the order of loading.

    `saved_type` is that of the job's saved mapping. Raises SourceError and UsageError for the first file that cannot
    be read, or whose type is not known: all files are read, or none.
    """
    parts: list[Extracted] = []
    digests: dict[Path, str] = {}
    sizes: dict[Path, int] = {}
    for number, path in enumerate((job.path, *job.more)):
        folder = workdir / f"file-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        own = job.model_copy(update={"path": path, "name": path.name, "more": ()})
        for part in extract_all(own, folder, settings):
            digests[path], sizes[path] = part.sha256, part.size
            parts.append(replace(part, resource_type=_type_of(part, job.resource_type or saved_type)))
    # The same files again are known by all of their contents.
    digest = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
    return tuple(_described(joined_files(parts, job), digest, sum(sizes.values())))


def _described(parts: tuple[Extracted, ...], digest: str, size: int) -> Iterator[Extracted]:
    return (replace(part, sha256=digest, size=size) for part in parts)


def _type_of(part: Extracted, named: str | None) -> str:
    if named or part.resource_type:
        return resource(named or part.resource_type or "").type
    try:
        return detect_type(part).type
    except UnknownType as error:
        raise UnknownType(f"{part.name}: {error}", error.candidates) from error

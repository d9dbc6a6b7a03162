"""Jobs as requests of the REST API: their options under the names of its members, and the file of an import."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from schemas.formats import EXCEL, READ_ENDINGS
from schemas.job_options.options import declared_options
from schemas.jobs import ImportJob
from schemas.settings import Settings

_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_LONGEST = 200


def members(job: BaseModel) -> dict[str, Any]:
    """Return the options of a job that are not the default, as members of a JSON request."""
    given = job.model_dump(mode="json", exclude_defaults=True)
    found = {}
    for option in declared_options(type(job)):
        place = given.get(option.within, {}) if option.within else given
        if option.name in place:
            found[to_camel(option.member)] = place[option.name]
    return found


def form_fields(job: ImportJob, sent_as: str) -> dict[str, str | list[str]]:
    """Return the options of an import as parts of a form, for a file that is sent under a name."""
    given = members(job) | ({"name": job.source} if job.source != sent_as else {})
    return {name: _part(value) for name, value in given.items()}


def _part(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return value if isinstance(value, str) else json.dumps(value)


def upload_name(job: ImportJob, settings: Settings) -> str:
    """Return the name under which a file is sent: its own where the server takes that, else one with its ending.

    Raises SourceError for a file that cannot be read, whose format has to be detected.
    """
    safe = re.sub(r"[^\w .()+,=@~-]", "-", job.source)[-_LONGEST:].lstrip(".")
    if safe.lower().endswith(READ_ENDINGS):
        return safe
    return f"{safe or 'source'}{_ending(job, settings)}"


def _ending(job: ImportJob, settings: Settings) -> str:
    from tasks.steps.extract import recognised  # the formats take a tenth of a second to import

    settings.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.temporary) as folder, job.path.open("rb") as file:
        head = file.read(2)
        format = recognised(job.path, job.source, Path(folder), settings)
    if head == _GZIP:
        return ".gz"
    return ".zip" if head == _ZIP and format.name != EXCEL.name else format.suffixes[0]


class Sent:
    """A file that is sent, and shows how much of it has been read."""

    def __init__(self, file: BinaryIO, size: int, show: Callable[[int, int], None]) -> None:
        self._file = file
        self._size = size
        self._show = show

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read."""
        return self._file.tell() >= self._size

    def fileno(self) -> int:
        """Return the descriptor, by which its size is known."""
        return self._file.fileno()

    def seek(self, place: int) -> int:
        """Begin again, for another attempt."""
        return self._file.seek(place)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        found = self._file.read(size)
        self._show(self._file.tell(), self._size)
        return found

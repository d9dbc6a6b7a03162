"""Uploads: a file that a client sends, checked and kept under an id of ours; its own name is shown, never a path."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import BinaryIO
from uuid import UUID, uuid4

import orjson
from starlette.datastructures import UploadFile

from api.rest.models.results import UploadDetail
from api.rest.problems import Refused
from api.rest.security.quotas import check_storage
from schemas.errors import SourceError
from schemas.formats import READ_ENDINGS
from schemas.settings import Settings
from tasks.runtime.context import disk_errors
from tasks.steps.extract import recognised

_CHUNK = 1 << 20
_LONGEST_NAME = 255

# Media types that say nothing of what they hold.
_ANY = ("", "application/octet-stream", "binary/octet-stream", "application/x-download", "text/plain")
_PACKED = ("application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed")


@dataclass(frozen=True)
class Upload:
    """A file that was sent: what its sender called it, where it is, and what it was found to be."""

    id: str
    name: str
    size: int
    sha256: str
    format: str
    owner: str
    path: str

    def shown(self) -> UploadDetail:
        """Return what its sender is told of it."""
        return UploadDetail(
            upload_id=UUID(self.id), file_name=self.name, size=self.size, sha256=self.sha256, format=self.format
        )


def keep(file: UploadFile, owner: str, settings: Settings) -> Upload:
    """Check a file and keep it; raises Refused for one whose name, declared type or content does not do."""
    name = _checked_name(file.filename)
    suffixes = "".join(PurePath(name.lower()).suffixes[-2:])
    upload_id = str(uuid4())
    folder = settings.storage / "uploads"
    hidden, kept = folder / f".{upload_id}", folder / upload_id
    # Of the name only what tells the format is kept on the disk.
    suffix = next((ending for ending in READ_ENDINGS if suffixes.endswith(ending)), "")
    if not suffix:
        raise Refused(415, f"'{name}' is of no kind that is read: {', '.join(READ_ENDINGS)}.", "unsupported-file")
    check_storage(settings, owner)
    with disk_errors():
        hidden.mkdir(parents=True)
    try:
        with disk_errors():
            size, sha256 = _copy(file.file, hidden / f"source{suffix}")
        format = _check_content(hidden, f"source{suffix}", name, (file.content_type or "").partition(";")[0], settings)
        upload = Upload(upload_id, name, size, sha256, format, owner, str(kept / f"source{suffix}"))
        (hidden / "upload.json").write_bytes(orjson.dumps(asdict(upload)))
        hidden.rename(kept)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return upload


def find(upload_id: UUID, settings: Settings) -> Upload | None:
    """Return an upload by its id; None for one that is not there, or no longer."""
    try:
        return Upload(**orjson.loads((settings.storage / "uploads" / str(upload_id) / "upload.json").read_bytes()))
    except FileNotFoundError:
        return None


def _checked_name(name: str | None) -> str:
    if not name:
        raise Refused(422, "Send the file as a form's part 'file', with its name.", "wrong-request")
    odd = re.search(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069/\\:]", name) or name.startswith(".")
    if odd or len(name) > _LONGEST_NAME:
        raise Refused(422, "The file's name is to be a name, without a folder, control characters or a dot in front.")
    return name


def _copy(source: BinaryIO, path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += target.write(chunk)
    if not size:
        raise Refused(422, "The file is empty: nothing to import.", "unreadable-file")
    return size, digest.hexdigest()


def _check_content(folder: Path, file: str, name: str, declared: str, settings: Settings) -> str:
    """Return the format's name; its content, its ending and its declared type have to agree."""
    work = folder / "work"
    work.mkdir()
    try:
        format = recognised(folder / file, name, work, settings)
    except SourceError as error:
        raise Refused(415, error.message, "unreadable-file") from error
    finally:
        shutil.rmtree(work)
    media = {format.facts.media, *format.facts.declared, *_ANY, *_PACKED}
    if declared.lower() not in media:
        raise Refused(
            415, f"'{name}' is declared as {declared}, and its content is {format.title}.", "unsupported-file"
        )
    return format.name

"""Compressed files: a .gz or .zip that holds one file, unpacked into the run's folder within the size limit."""

from __future__ import annotations

import errno
import gzip
import lzma
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO

from schemas.errors import SourceError
from tasks.formats.base import Source

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_CHUNK = 1 << 20

# Deflate reaches a thousand; tables of the same row over and over reach about three hundred.
_ODD_SIZE, _ODD_RATIO = 64 << 20, 400


def refuse_bomb(name: str, packed: int, unpacked: int) -> None:
    """Refuse a file that is packed as no table is, made to fill a disk; raises SourceError."""
    if unpacked > _ODD_SIZE and unpacked > packed * _ODD_RATIO:
        raise SourceError(f"{name} unpacks to more than {_ODD_RATIO} times its size, as no table does: it is refused.")


# A zip file lists its members at its end, and its reader holds an object for each.
_LONGEST_LIST = 8 << 20
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _COMMENT = 22, 0xFFFF


def lists_too_many(path: Path) -> bool:
    """Say whether a zip file lists more members than any workbook or archive of one file has."""
    with path.open("rb") as file:
        start = file.seek(max(path.stat().st_size - _END_SIZE - _COMMENT - len(_END_64) - 16, 0))
        tail = file.read()
        at = tail.rfind(_END)
        size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
        if at >= 20 and tail[at - 20 : at - 16] == _END_64:
            # APPNOTE.TXT, 4.3.14 and 4.3.15: a record of its own has the size then.
            place = min(int.from_bytes(tail[at - 12 : at - 4], "little"), start + at)
            file.seek(place)
            size = max(size, int.from_bytes(file.read(56)[40:48], "little"))
    return size > _LONGEST_LIST


BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading a zip file that is broken, or made to break its reader, raises."""


def unpacked(source: Source, head: bytes) -> Source:
    """Return the source itself, or the file that it holds when it is a .gz or .zip."""
    if head.startswith(_GZIP):
        return _gunzip(source)
    if head.startswith(_ZIP) or (source.name.lower().endswith(".zip") and head.startswith(b"PK")):
        return _unzip(source)
    return source


def _gunzip(source: Source) -> Source:
    inner = source.name[:-3] if source.name.lower().endswith(".gz") else source.name
    try:
        with gzip.open(source.path) as file:
            return _unpacked_copy(source, file, inner)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{source.name} is a broken or cut-off gzip file: transfer it again. ({error})") from error


def _unzip(source: Source) -> Source:
    if lists_too_many(source.path):
        raise SourceError(f"{source.name} is to hold one file, and holds very many: unpack it and import each.")
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = [item for item in archive.infolist() if not _is_auxiliary(item)]
            if len(names) != 1:
                names_inside = ", ".join(item.filename for item in names[:5]) or "nothing"
                raise SourceError(
                    f"{source.name} is to hold one file, and holds {names_inside}: unpack it and import each."
                )
            if names[0].flag_bits & 1:
                raise SourceError(f"{source.name} is protected by a password: unpack it first.")
            with archive.open(names[0]) as file:
                return _unpacked_copy(source, file, PurePosixPath(names[0].filename.replace("\\", "/")).name)
    except (*BROKEN_ZIP, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # EINVAL: the file names a place before its beginning
        raise SourceError(f"{source.name} is a broken zip file: transfer or pack it again. ({error})") from error


def _is_auxiliary(item: zipfile.ZipInfo) -> bool:
    return item.is_dir() or item.filename.startswith("__MACOSX/") or item.filename.endswith(".DS_Store")


def _unpacked_copy(source: Source, file: IO[bytes] | gzip.GzipFile, inner: str) -> Source:
    """Copy a stream into the run's folder; its name is only ever shown, never a path."""
    target = source.workdir / "unpacked"
    size, packed = 0, source.path.stat().st_size
    with target.open("wb") as copy:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            refuse_bomb(source.name, packed, size)
            if size > source.max_bytes:
                raise SourceError(
                    f"{source.name} unpacks to more than {source.max_bytes >> 20:,} MB, the most that is read.",
                    limit=source.max_bytes,
                )
            copy.write(chunk)
    if size == 0:
        raise SourceError(f"{source.name} holds an empty file: nothing to import.")
    return replace(source, path=Path(target), name=inner)

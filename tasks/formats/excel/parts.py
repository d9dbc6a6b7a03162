"""The parts of a workbook's package as text, read a few megabytes at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import polars as pl

from schemas.errors import SourceError
from tasks.formats.base import Source

_CHUNK = 4 << 20

# No workbook has a longer tag.
_LONGEST = 8 << 20


@dataclass(frozen=True)
class Part:
    """One part of a package."""

    source: Source
    archive: zipfile.ZipFile
    item: zipfile.ZipInfo

    @property
    def name(self) -> str:
        """The name in lower case and with forward slashes: Calamine finds parts by that."""
        return self.item.filename.replace("\\", "/").lower()

    @property
    def size(self) -> int:
        """The number of bytes that the part unpacks to."""
        return self.item.file_size

    def chunks(self) -> Iterator[bytes]:
        """Yield the content; raises SourceError where it is longer than declared, since all limits rely on the size."""
        longer = copy(self.item)
        longer.file_size += 1
        read = 0
        with self.archive.open(longer) as file:
            while chunk := file.read(_CHUNK):
                read += len(chunk)
                if read > self.item.file_size:
                    raise self.damaged("a part is longer than it says")
                yield chunk

    def texts(self) -> Iterator[bytes]:
        """Yield the content, each time up to the last tag that begins in it; raises SourceError as `chunks` does."""
        held = b""
        for chunk in self.chunks():
            held += chunk
            end = held.rfind(b"<")
            if end > 0:
                yield held[:end]
                held = held[end:]
            elif len(held) > _LONGEST and end == 0:
                raise self.damaged("it has a tag without an end")
            elif end < 0:
                held = b""
        yield held

    def damaged(self, why: str) -> SourceError:
        """Return the error of a part that no spreadsheet writes."""
        return SourceError(f"{self.source.name} is a damaged workbook: {why}. Save it again.")


def as_series(text: bytes) -> pl.Series:
    """Return the text as a column of one row, for the regular expressions of Polars, which take linear time.

    A text may begin or end within a character; its bytes are replaced.
    """
    return pl.Series([text.decode(errors="replace")], dtype=pl.String)


def ends_inside_a_tag(text: bytes) -> bool:
    """Whether the last tag of a text has no end."""
    return text.rfind(b"<") > text.rfind(b">")

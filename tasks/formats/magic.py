"""Files that are often taken for a table and are none: what to call them, and what to do."""

from __future__ import annotations

import re

_BINARY = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
)

_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:(!doctype\s+html|html|head|body)|(\?xml))\b", re.IGNORECASE)


def binary(head: bytes) -> str | None:
    """Say what a file is that no format here reads, by its first bytes."""
    if head[257:262] == b"ustar":
        return "a tar archive"
    return next((what for mark, what in _BINARY if head.startswith(mark)), None)


def markup(head: bytes) -> str | None:
    """Say what a file of markup is: often a login page that was saved instead of a download."""
    found = _MARKUP.match(head)
    if found is None:
        return None
    return "a web page (HTML)" if found[1] else "an XML document"

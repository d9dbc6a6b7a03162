"""Reading a file as an import does, without an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.job_options.read_options import ReadOptions
from schemas.jobs import ImportJob
from schemas.sources import ROW, Extracted
from tasks.steps.extract import extract
from tests.support import with_settings


def read(path: Path, limits: dict[str, Any] | None = None, **options: Any) -> Extracted:
    """Extract a file into a folder beside it."""
    work = path.parent / "work"
    work.mkdir(exist_ok=True)
    return extract(ImportJob(path=path, read=ReadOptions(**options)), None, work, with_settings(**limits or {}))


def rows(extracted: Extracted) -> list[tuple[Any, ...]]:
    """Return the rows with their number; an absent value is None or empty, and is shown as empty."""
    frame = extracted.frame.collect()
    assert frame.columns == [ROW, *extracted.columns]
    return [(number, *(cell or "" for cell in cells)) for number, *cells in frame.iter_rows()]


def read_text(folder: Path, name: str, content: str | bytes, **options: Any) -> Extracted:
    """Write a file and extract it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, **options)


def faults(extracted: Extracted) -> list[tuple[int, str]]:
    """Return (row, rule) of each fault."""
    return list(extracted.faults.select("row", "rule").iter_rows())

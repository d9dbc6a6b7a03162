"""Newline-delimited JSON: lines into records, some megabytes at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO

import orjson
import polars as pl

from schemas.errors import SourceError
from schemas.issues import Issue
from tasks.formats.base import Source
from tasks.formats.chunked import Chunked, Start
from tasks.formats.json.flat_ndjson import FlatReader
from tasks.formats.json.parser import DECODER, LONGEST
from tasks.formats.json.reading import reading_of
from tasks.formats.json.spool import Chunk, Flat, Json, frame_of, with_all_columns, without_collector

SPACE = b" \t\r\n"
"""What JSON takes for space, and ends a line."""

_CHUNK = 8 << 20


@dataclass(frozen=True)
class Lines(Chunked):
    """The records of lines as text columns, for Polars to scan; each start is that of a chunk; it can be pickled.

    The first record tells how all are read. Where this process sees the run's folder, what was `kept` of each chunk
    when the file was read first is not read again.
    """

    source: Source
    first: Json
    kept: tuple[str, ...]

    def frames_between(self, start: Start, after: Start | None) -> Iterator[pl.DataFrame]:
        """Read the records from one start up to another, or to the end of the file."""
        kept = self.source.workdir / self.kept[self.starts.index(start)]
        frame = pl.read_ipc(kept) if kept.exists() else self._read(start, after)
        yield with_all_columns(frame, self.columns)

    def _read(self, start: Start, after: Start | None) -> pl.DataFrame:
        reading = reading_of(self.source, None, self.first)
        with self.path.open("rb") as file, without_collector():
            file.seek(start.offset)
            text = file.read(after.offset - start.offset if after else -1)
            chunk = LineReader().chunk(io.BytesIO(text).readlines(), start.row)
            return frame_of(self.source, chunk, reading.flatten, absent=reading.absent)


class LineReader:
    """Reads the lines of a file, some megabytes at a time; keeps the faults of lines that are no objects."""

    def __init__(self) -> None:
        self.faults: list[Issue] = []
        self.starts: list[Start] = []
        self._flat = FlatReader()

    def chunks(self, file: IO[bytes]) -> Iterator[Chunk | Flat]:
        """Read on to the end of the file; `starts` then has where each chunk begins."""
        start = Start(file.tell(), 1)
        while lines := _next_lines(file):
            self.starts.append(start)
            yield self.chunk(lines, start.row)
            start = Start(file.tell(), start.row + len(lines))

    def chunk(self, lines: list[bytes], number: int) -> Chunk | Flat:
        """Return the records of lines, of which the first has this number."""
        frame = self._flat.read(lines)
        if frame is None:
            return _one_by_one(lines, number, self.faults)
        rows = list(range(number, number + len(lines)))
        return Flat(rows, frame, partial(_one_by_one, lines, number, self.faults))


def _next_lines(file: IO[bytes]) -> list[bytes]:
    """Some megabytes of whole lines; raises SourceError for one that is longer than any record."""
    text = file.read(_CHUNK)
    if text and not text.endswith(b"\n"):
        text += _line(file)
    return io.BytesIO(text).readlines()


def _line(file: IO[bytes]) -> bytes:
    """The next line; raises SourceError where it is longer than any record."""
    line = file.readline(LONGEST + 1)
    if len(line) > LONGEST:
        raise SourceError(
            f"A line is longer than {LONGEST >> 20} MB, and no record is: is it a JSON document?", limit=LONGEST
        )
    return line


def _one_by_one(lines: list[bytes], number: int, faults: list[Issue]) -> Chunk:
    return _records_of_lines(lines, number) or _looked_through(lines, number, faults)


def _records_of_lines(lines: list[bytes], number: int) -> Chunk | None:
    """The records of lines when each is an object."""
    try:
        records = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        return None
    if any(type(record) is not dict for record in records):
        return None
    return Chunk(list(range(number, number + len(lines))), records, partial(_exact_records, lines))


def _looked_through(lines: list[bytes], number: int, faults: list[Issue]) -> Chunk:
    """The records of lines of which some are blank or no object; the latter are records without members."""
    rows, sound, records = [], [], []
    for row, line in enumerate(lines, start=number):
        if not line.strip(SPACE):
            continue
        try:
            record = orjson.loads(line)
            what = "" if isinstance(record, dict) else "is not a JSON object"
        except orjson.JSONDecodeError as error:
            what = f"is not valid JSON ({error})"
        if what:
            value = line[:500].decode(errors="replace").strip()
            faults.append(Issue("ndjson", f"line {row} {what}", row=row, value=value))
        rows.append(row)
        sound.append(b"{}" if what else line)
        records.append({} if what else record)
    return Chunk(rows, records, partial(_exact_records, sound))


def _exact_records(lines: list[bytes]) -> list[Json]:
    """Read lines again with all digits of their numbers, which orjson has for 64 bits only."""
    return [DECODER.decode(line.decode()) for line in lines]

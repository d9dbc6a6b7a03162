"""Records of any shape into text columns on disk, a chunk at a time.

Nested objects become dotted columns (`Options.AmazonSideAsn`) but for those that a field holds whole (`tags`); lists
stay as JSON text; numbers keep their digits.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import chain
from typing import Any

import orjson
import polars as pl

from schemas.errors import SourceError
from schemas.issues import Issue, issues_frame
from schemas.language.spelling import plain
from schemas.resources import RESOURCES
from schemas.sources import ROW
from tasks.formats.base import ABSENT, MOST_CELLS, MOST_NAMED, Flatten, Source, column_name, refuse_long_names
from tasks.formats.csv.shape import too_long
from tasks.formats.json.flat_ndjson import is_left_alone

Json = dict[str, Any]

# A number with a huge exponent has as many digits when it is written out.
_WRITTEN_OUT = 10**18

# Whole numbers from here on may have lost digits when they were read as a float.
_EXACT = 2**53

# Cells that a file may make for each of its bytes, however few members its records share.
_CELLS_PER_BYTE = 4


@dataclass(frozen=True)
class Chunk:
    """Some records and their row numbers; `exact` reads them again without a number losing digits, where it may."""

    rows: list[int]
    records: list[Json]
    exact: Callable[[], list[Json]] | None = None


@dataclass(frozen=True)
class Flat:
    """Some records without members in members as text columns, their row numbers, and the same as a `Chunk`."""

    rows: list[int]
    frame: pl.DataFrame
    chunk: Callable[[], Chunk]

    @property
    def records(self) -> Iterator[Json]:
        """The records, of texts, without the members that are null."""
        for record in self.frame.drop(ABSENT, strict=False).iter_rows(named=True):
            yield {name: value for name, value in record.items() if value is not None}


@dataclass(frozen=True)
class Spooled:
    """Records on disk: the columns are those of all records together; a record without one has null there.

    Where that matters and some records lack some columns, `ABSENT` is one more column that names them. `kept` are the
    names of the files of the chunks, in the run's folder.
    """

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    records: int
    faults: pl.DataFrame
    kept: tuple[str, ...]


def spool(chunks: Iterable[Chunk | Flat], source: Source, flatten: Flatten | None, *, absent: bool = False) -> Spooled:
    """Write chunks of records to files of text columns; with `absent`, also the names of the absent members of each."""
    spooling = Spooling(source, flatten, absent=absent)
    with without_collector():
        for chunk in chunks:
            spooling.add(chunk)
    return spooling.spooled()


class Spooling:
    """Records on their way to files of text columns, for a reader that comes upon those of several types by turns."""

    def __init__(self, source: Source, flatten: Flatten | None = None, *, absent: bool = False) -> None:
        self.records = 0
        self._absent = absent
        self._source = source
        self._flatten = flatten
        self._frames: list[pl.LazyFrame] = []
        self._columns: dict[str, None] = {}
        self._faults: list[Issue] = []

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns so far."""
        return tuple(self._columns)

    def add(self, chunk: Chunk | Flat) -> None:
        """Write a chunk; raises SourceError where its records have too many different members."""
        source = self._source
        frame = frame_of(source, chunk, self._flatten, absent=self._absent)
        self._columns |= dict.fromkeys(name for name in frame.columns[1:] if name != ABSENT)
        refuse_long_names(source, frame.columns)
        if len(self._columns) > source.max_columns:
            raise SourceError(
                f"{source.name} has more than {source.max_columns:,} different members.", limit=source.max_columns
            )
        self._faults += odd_cells(frame, source.max_cell)
        self.records += len(frame)
        cells = self.records * len(self._columns)
        if cells > MOST_CELLS and cells > _CELLS_PER_BYTE * source.path.stat().st_size:
            raise SourceError(_TOO_SPARSE.format(source.name))
        path = source.workdir / _kept(len(self._frames))
        frame.write_ipc(path, compression="lz4")
        self._frames.append(pl.scan_ipc(path))

    def spooled(self) -> Spooled:
        """Return all that was written."""
        columns = tuple(self._columns)
        if self._absent:
            whole, columns = one_after_another(self._frames, columns)
        else:
            whole = pl.concat(self._frames, how="diagonal").select(ROW, *columns)
        kept = tuple(map(_kept, range(len(self._frames))))
        return Spooled(whole, columns, self.records, issues_frame(self._faults), kept)


def _kept(number: int) -> str:
    return f"records-{number}.arrow"


def frame_of(source: Source, chunk: Chunk | Flat, flatten: Flatten | None, *, absent: bool) -> pl.DataFrame:
    """Return the records of a chunk as text columns, with their rows; raises SourceError for too many members."""
    if isinstance(chunk, Chunk):
        return _frame(source, chunk, flatten, absent=absent)
    members = [name for name in chunk.frame.columns if name != ABSENT]
    if flatten is not None and not is_left_alone(flatten, members):
        return _frame(source, chunk.chunk(), flatten, absent=absent)
    frame = chunk.frame if absent else chunk.frame.drop(ABSENT, strict=False)
    return frame.select(pl.Series(ROW, chunk.rows, dtype=pl.UInt32), pl.all())


def with_all_columns(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return the records of a chunk with `ROW` and all columns of their file, of which they may lack some."""
    whole, there = frame.lazy(), frame.columns
    if ABSENT in columns:
        whole = _with_absent(whole, there, [name for name in columns if name != ABSENT])
    lacking = [pl.lit(None, pl.String).alias(name) for name in columns if name not in (*there, ABSENT)]
    return whole.with_columns(lacking).select(ROW, *columns).collect()


def one_after_another(frames: Sequence[pl.LazyFrame], columns: tuple[str, ...]) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """Return frames of `ROW` and some of the columns as one of all of them, and its columns.

    Where some rows lack some columns, `ABSENT` is the last one.
    """
    columns = tuple(name for name in columns if name != ABSENT)
    had = [frame.collect_schema().names() for frame in frames]
    if all(len(names) == len(columns) + 1 and ABSENT not in names for names in had):
        return pl.concat([frame.select(ROW, *columns) for frame in frames]), columns
    named = [_with_absent(frame, names, columns) for frame, names in zip(frames, had, strict=True)]
    columns = (*columns, ABSENT)
    return pl.concat(named, how="diagonal").select(ROW, *columns), columns


def _with_absent(frame: pl.LazyFrame, names: Sequence[str], columns: Sequence[str]) -> pl.LazyFrame:
    """The frame with `ABSENT`, in which the columns that all its rows lack are named, too."""
    missing = "\n".join(name for name in columns if name not in names)
    absent = [pl.col(ABSENT)] if ABSENT in names else []
    lit = pl.lit(missing or None, pl.String)
    return frame.with_columns(
        pl.concat_str([*absent, lit], separator="\n", ignore_nulls=True).replace("", None).alias(ABSENT)
    )


@contextmanager
def without_collector() -> Iterator[None]:
    """Records hold no cycles, and looking for them in millions of objects takes a quarter of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def odd_cells(frame: pl.DataFrame, most: int) -> list[Issue]:
    """Return the faults of rows with a cell that is too long, or holds a NUL; `frame` has `ROW` and text columns."""
    text = pl.exclude(ROW)
    long, nul = text.str.len_bytes() > most, text.str.contains("\0", literal=True)
    if frame.width < 2 or not frame.select(pl.any_horizontal((long | nul).any())).item():
        return []
    sizes = frame.select(ROW, size=pl.max_horizontal(text.str.len_chars())).filter(pl.col("size") > most)
    nuls = frame.filter(pl.any_horizontal(nul))[ROW]
    message = "row {} has a cell with a NUL character: remove it"
    return [
        *(too_long(row, size, most) for row, size in sizes.iter_rows()),
        *(Issue("nul", message.format(row), row=row) for row in nuls),
    ]


# Columns --------------------------------------------------------------------------------------------------------------


class _Inexact(Exception):
    """A number may have lost digits."""


class _TooWide(Exception):
    """Records have more different members than are read."""


class _TooSparse(Exception):
    """Records make many times as many cells as they have members."""


_TOO_SPARSE = "{} has records that share hardly any members: give each kind of record a file of its own."


def _frame(source: Source, chunk: Chunk, flatten: Flatten | None, *, absent: bool) -> pl.DataFrame:
    try:
        columns = _columns_of(chunk, flatten, absent=absent, most=source.max_columns)
    except RecursionError:
        raise SourceError(f"{source.name} holds records whose values are nested too deeply to be read.") from None
    except _TooWide:
        raise SourceError(
            f"{source.name} has more than {source.max_columns:,} different members.", limit=source.max_columns
        ) from None
    except _TooSparse:
        raise SourceError(_TOO_SPARSE.format(source.name)) from None
    return pl.DataFrame([pl.Series(ROW, chunk.rows, dtype=pl.UInt32), *columns.values()])


def _columns_of(chunk: Chunk, flatten: Flatten | None, *, absent: bool, most: int) -> dict[str, pl.Series]:
    """The values of each member of a chunk, read again where a number may have lost digits."""
    try:
        return _columns(_flattened(chunk.records, flatten), exact=chunk.exact is None, absent=absent, most=most)
    except _Inexact:
        records = chunk.exact() if chunk.exact else chunk.records
        return _columns(_flattened(records, flatten), exact=True, absent=absent, most=most)


def _flattened(records: list[Json], flatten: Flatten | None) -> list[Json]:
    return [flatten(record) for record in records] if flatten else records


def _series(name: str, values: Iterable[str | None]) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.String)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can hold and no text can
        whole = [value and value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for value in values]
        return pl.Series(name, whole, dtype=pl.String)


def _columns(records: list[Json], *, exact: bool, absent: bool, most: int) -> dict[str, pl.Series]:
    """Return the values of each member of the records as text, column by column; `ABSENT` at the end where it is."""
    columns: dict[str, pl.Series] = {}
    lacking: list[list[str | None]] | None = [] if absent else None
    twice: set[str] = set()
    for name, values in _members(records, "", exact=exact, lacking=lacking, most=most):
        if len(columns) > most:
            raise _TooWide
        # {"a.b": 1, "a": {"b": 2}} has one column twice; so have members that differ in space around their name.
        twice |= {name} & columns.keys()
        columns[name] = values if name not in columns else _first_filled(values, columns[name])
    if lacking:
        names_absent = ["\n".join(filter(None, names)) or None for names in zip(*lacking, strict=True)]
        columns[ABSENT] = pl.Series(ABSENT, _without_filled(names_absent, columns, twice), dtype=pl.String)
    return columns


def _without_filled(absent: list[str | None], columns: dict[str, pl.Series], twice: set[str]) -> list[str | None]:
    """The names of absent columns without those that another member of the same name fills."""
    for name in twice:
        for row, (names, value) in enumerate(zip(absent, columns[name], strict=True)):
            if names and value is not None:
                absent[row] = "\n".join(other for other in names.split("\n") if other != name) or None
    return absent


def _first_filled(values: pl.Series, others: pl.Series) -> pl.Series:
    return values.zip_with(values.is_not_null(), others)


def _members(
    records: list[Json], before: str, *, exact: bool, lacking: list[list[str | None]] | None, most: int
) -> Iterator[tuple[str, pl.Series]]:
    """The members of records; `lacking` is given the names of those that each record lacks, where some do."""
    shapes = dict.fromkeys(map(tuple, records))
    keys = dict.fromkeys(chain.from_iterable(shapes))
    # Before their values are gathered: each key makes a value of each record.
    if len(keys) > most:
        raise _TooWide
    if len(keys) * len(records) > MOST_CELLS:
        raise _TooSparse
    names = {key: _name(before, key, number) for number, key in enumerate(keys, start=1)}
    if lacking is not None and len(shapes) > 1:
        if len(records) * sum(map(len, names.values())) > MOST_NAMED:
            raise _TooSparse
        lacking.append(_absent_columns(records, shapes, names, empty=not before))
    for key, values in _by_member(records, keys, alike=len(shapes) == 1):
        name = names[key]
        if _TEXT.issuperset(map(type, values)):
            yield name, _series(name, values)
        else:
            yield from _converted_columns(name, key, values, exact=exact, lacking=lacking, most=most)


_TEXT = frozenset((str, type(None)))


def _name(before: str, key: str, number: int) -> str:
    return column_name(before + key if key.strip() else before + f"column {number}", number)


def _absent_columns(
    records: list[Json], shapes: Iterable[tuple[str, ...]], names: dict[str, str], *, empty: bool
) -> list[str | None]:
    """The columns that each record lacks, a line each; `empty` says that records without members lack them all."""
    absent: dict[tuple[str, ...], str] = {}
    for shape in shapes:
        there = set(shape)
        absent[shape] = "\n".join(name for key, name in names.items() if key not in there)
    if not empty:
        absent[()] = ""
    return [absent[tuple(record)] or None for record in records]


def _by_member(records: list[Json], keys: Iterable[str], *, alike: bool) -> Iterable[tuple[str, Sequence[Any]]]:
    """The values of each member, in the order in which members turn up."""
    if alike:
        return zip(keys, zip(*map(dict.values, records), strict=True), strict=True)
    return ((key, [record.get(key) for record in records]) for key in keys)


def _converted_columns(
    name: str, key: str, values: Sequence[Any], *, exact: bool, lacking: list[list[str | None]] | None, most: int
) -> Iterator[tuple[str, pl.Series]]:
    """Values that are not all text: objects become columns of their own, anything else text."""
    nested = any(isinstance(value, dict) and value for value in values) and plain(key) not in _whole_members()
    if nested:
        inner = [value if isinstance(value, dict) else {} for value in values]
        yield from _members(inner, f"{name}.", exact=exact, lacking=lacking, most=most)
        values = [None if isinstance(value, dict) and value else value for value in values]
    texts = [value if type(value) is str else _text(value, exact=exact) for value in values]
    if not nested or any(text is not None for text in texts):
        yield name, _series(name, texts)


@cache
def _whole_members() -> frozenset[str]:
    """Members that stay whole as JSON, since a field of some type holds an object under that name."""
    fields = [(name, spec) for resource in RESOURCES.values() for name, spec in resource.fields.items()]
    objects = [(name, *spec.aliases) for name, spec in fields if spec.kind.name in ("tags", "json")]
    return frozenset(plain(spelling) for spellings in objects for spelling in spellings)


def _text(value: Any, *, exact: bool) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        if not exact and not -_EXACT < value < _EXACT:
            raise _Inexact
        return str(_number(value))
    try:
        return orjson.dumps(value, default=_number).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or half a surrogate pair
        return json.dumps(value, default=_number, separators=(",", ":"))


def _number(value: Any) -> Any:
    if not isinstance(value, float | Decimal):
        raise TypeError(type(value))
    whole = -_WRITTEN_OUT < value < _WRITTEN_OUT and value == int(value)
    return int(value) if whole else float(value)

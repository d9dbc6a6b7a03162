"""Lines of flat JSON objects, whose values are texts, whole numbers, truth values and nulls: Polars reads them at once.

It reads five times as fast as a loop over records does, but takes some lines otherwise than JSON means them: of a
member that is there twice it takes the first, half a surrogate pair it takes for NUL, and a member that a schema does
not have it passes over. So what it has read is held against the quotes and members that the text holds, and where these
do not agree, or anything else is in doubt, the lines are read one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from tasks.formats.base import ABSENT, MOST_CELLS, MOST_NAMED, Flatten, column_name

_PLAIN = (pl.String, pl.Boolean, pl.Int64, pl.Null)

# What no text of PostgreSQL holds, or none by itself.
_ODD = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")

# Lines that show which members a file has.
_HEAD = 100

# Files whose first lines are not flat have hardly any that are.
_TRIES = 2


class FlatReader:
    """Reads the lines of one file, as long as they are flat objects."""

    def __init__(self) -> None:
        self._schema: dict[str, pl.DataType] | None = None
        self._failed = 0

    def read(self, lines: list[bytes]) -> pl.DataFrame | None:
        """Return the members of each line as text columns; None where the lines have to be read one by one.

        Where a line lacks some of them, `ABSENT` is the last column.
        """
        if self._failed == _TRIES:
            return None
        text = b"".join(lines)
        counted = _member_counts(text)
        frame = _read(lines, text, self._schema, counted) if self._schema else None
        if frame is None and (schema := _schema(lines[:_HEAD])) != self._schema:
            frame = _read(lines, text, schema, counted)
        if frame is None and _members(text) * len(lines) <= MOST_CELLS:
            frame = _read(lines, text, None, counted)
        if frame is None or len(frame) * sum(map(len, frame.columns)) > MOST_NAMED:
            self._failed += 1
            return None
        self._schema = dict(frame.schema)
        return frame.select(pl.all().cast(pl.String), *_absent_members(lines, frame, counted))


@dataclass(frozen=True)
class _MemberCounts:
    """How many members a text has, how many of them are null, and how many quotes."""

    members: int
    nulls: int
    quotes: int


def _member_counts(text: bytes) -> _MemberCounts:
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    # A quote without a backslash before it begins or ends a text: so this is found nowhere within one.
    nulls = text.count(b'":null') + text.count(b'": null')
    return _MemberCounts(text.count(b'":'), nulls, text.count(b'"'))


def _schema(lines: list[bytes]) -> dict[str, pl.DataType] | None:
    """The members of the first lines, which all lines of most files have; None where they can't be read."""
    try:
        return dict(pl.read_ndjson(b"".join(lines), infer_schema_length=None).schema)
    except pl.exceptions.PolarsError:
        return None


def _members(text: bytes) -> int:
    """How many different members lines have, or more: of very many, Polars would make a column each."""
    names = pl.Series([text.decode(errors="replace")]).str.extract_all(r'"[^"]*":')
    return int(names.explode().n_unique())


def _read(
    lines: list[bytes], text: bytes, schema: dict[str, pl.DataType] | None, counted: _MemberCounts
) -> pl.DataFrame | None:
    if b"\\u" in text and _ODD.search(text):
        return None
    try:
        frame = pl.read_ndjson(text, schema=schema, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return None
    sound = len(frame) == len(lines) and all(dtype in _PLAIN for dtype in frame.dtypes)
    # A member whose column has another name may share it with another.
    named = all(column_name(member, 0) == member for member in frame.columns)
    return frame if sound and named and _is_all(lines, frame, counted) else None


def _is_all(lines: list[bytes], frame: pl.DataFrame, counted: _MemberCounts) -> bool:
    """Say whether a frame has each member of each line once, and as text just those that are text there."""
    members, nulls = counted.members, counted.nulls
    filled: dict[str, int] = {
        name: len(frame) - count for name, count in zip(frame.columns, frame.null_count().row(0), strict=True)
    }
    texts = sum(filled[name] for name, dtype in frame.schema.items() if dtype == pl.String)
    wanted = (sum(filled.values()) + nulls, 2 * (members + texts))
    # A null that is left out as its member is there twice would stand for one that is not there.
    return (members, counted.quotes) == wanted and (not nulls or _each_once(lines, frame.columns, members))


def _absent_members(lines: list[bytes], frame: pl.DataFrame, counted: _MemberCounts) -> list[pl.Expr]:
    """The names of the members that each line lacks, if any does; null is a value."""
    if counted.members == len(frame) * frame.width:
        return []
    is_there = pl.all() != 0 if counted.nulls else pl.all().is_not_null()
    there = (_each_member(lines, frame.columns) if counted.nulls else frame).select(is_there)
    names = [pl.when(~there[name]).then(pl.lit(name)) for name in frame.columns]
    return [pl.concat_str(names, separator="\n", ignore_nulls=True).replace("", None).alias(ABSENT)]


def _each_member(lines: list[bytes], names: list[str]) -> pl.DataFrame:
    """How often each line has each member."""
    text = pl.Series(lines, dtype=pl.Binary).cast(pl.String)
    return pl.DataFrame([text.str.count_matches(f'"{name}":', literal=True).alias(name) for name in names])


def _each_once(lines: list[bytes], names: list[str], members: int) -> bool:
    """Say whether no line has one of all its members twice."""
    counts = _each_member(lines, names)
    return sum(counts.sum().row(0)) == members and max(counts.max().row(0), default=0) <= 1


def is_left_alone(flatten: Flatten, members: list[str]) -> bool:
    """Say whether a record of these members, none of which holds another, is the same when it is flattened."""
    record: dict[str, str] = dict.fromkeys(members, "")
    return flatten(record) == record

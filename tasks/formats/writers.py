"""Writing: frames of typed columns into CSV, JSON, NDJSON, Excel and Parquet, in bounded memory."""

from __future__ import annotations

import gzip
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import orjson
import polars as pl
from rustpy_xlsxwriter import Format as CellFormat
from rustpy_xlsxwriter import write_worksheets

from schemas.errors import RunFailed
from schemas.model import kinds
from schemas.model.fields import Spec
from schemas.sources import NOTE
from tasks.formats.about import ABOUT, about_rows, on_one_line
from tasks.formats.base import Frames, Target
from tasks.formats.excel.sheet_xml import CELL_CHARS, SHEET_ROWS
from tasks.formats.formula_guard import guarded, is_free

METADATA, RECORDS = "metadata", "records"
"""The members of a JSON document that has metadata."""

FIELDS = "Fields"
"""The sheet of a template that says what each column takes."""

_RAW = (kinds.TAGS.name, kinds.JSON.name)


@contextmanager
def _open_output(target: Target) -> Iterator[IO[bytes]]:
    with target.path.open("wb") as file:
        if not target.compress:
            yield file
            return
        # No time and no name in the header: the same records give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            yield packed  # type: ignore[misc]  # it is a binary file in all but its declared base


# Text -----------------------------------------------------------------------------------------------------------------

# One tag whose text needs no JSON: nothing that ends a tag, and no space that reading would strip.
_SIMPLE = r'"(?:[^\s"\\,;=\[{](?:[^"\\,;=\r\n]*[^\s"\\,;=])?)": "(?:[^\s"\\,;=](?:[^"\\,;=\r\n]*[^\s"\\,;=])?)?"'
_SIMPLE_TAGS = rf"^\{{{_SIMPLE}(?:, {_SIMPLE})*\}}$"


def _tags(column: pl.Expr) -> pl.Expr:
    """Tags as people write them, `Owner=network,Project=core`, where reading that gives back the same."""
    spelt = column.str.slice(2).str.strip_suffix('"}').str.replace_all('": "', "=", literal=True)
    return (
        pl.when(column.str.contains(_SIMPLE_TAGS))
        .then(spelt.str.replace_all('", "', ",", literal=True))
        .otherwise(column)
    )


def _cell(name: str, spec: Spec | None, *, guard: bool) -> pl.Expr:
    """A column as the cells of a table hold it: text, numbers, yes and no."""
    column = pl.col(name)
    if spec is None:
        return column
    kind = spec.kind
    if isinstance(kind.dtype, pl.List):
        column = column.list.join(",")
    if kind.name == kinds.TAGS.name:
        column = _tags(column)
    return guarded(column).alias(name) if guard and is_free(kind) else column


def _cells(target: Target, frame: pl.DataFrame) -> pl.DataFrame:
    guard = target.options.guard
    return frame.select(_cell(name, spec, guard=guard) for name, spec in target.columns.items())


def write_csv(target: Target, frames: Frames) -> None:
    """Write delimited text (RFC 4180) in UTF-8; metadata as comment lines before the header."""
    options = target.options
    with _open_output(target) as file:
        if options.bom:
            file.write("\N{ZERO WIDTH NO-BREAK SPACE}".encode())
        for name, value in target.metadata.items():
            file.write(f"{NOTE} {name}: {on_one_line(value)}\r\n".encode())
        header = pl.DataFrame(schema=dict.fromkeys(target.columns, pl.String()))
        for number, frame in enumerate(itertools.chain([header], frames)):
            text = io.BytesIO()
            cells = _cells(target, frame) if number else frame
            cells.write_csv(
                text,
                include_header=not number,
                separator=options.delimiter,
                line_terminator="\r\n",
                quote_style="always" if _begins_as_a_comment(cells) else "necessary",
            )
            file.write(text.getbuffer())


def _begins_as_a_comment(cells: pl.DataFrame) -> bool:
    """Say whether a record begins with a `#` that would be read as that of a comment."""
    first = cells.to_series(0) if cells.width else pl.Series(dtype=pl.String)
    return first.dtype == pl.String and first.str.starts_with(NOTE).any()


# JSON -----------------------------------------------------------------------------------------------------------------


def _objects(columns: dict[str, Spec | None]) -> pl.Expr:
    """Each record as the text of a JSON object, its members in the order of the columns.

    What is JSON already goes in as it is; the columns between are encoded together.
    """
    parts: list[pl.Expr] = []
    groups = itertools.groupby(columns.items(), key=lambda item: item[1] is not None and item[1].kind.name in _RAW)
    for raw, members in groups:
        names = [name for name, _ in members]
        if raw:
            parts += [pl.format("{}:{}", pl.lit(_key(name)), pl.col(name).fill_null("null")) for name in names]
        else:
            parts.append(pl.struct(names).struct.json_encode().str.head(-1).str.slice(1))
    return pl.concat_str([pl.lit("{"), pl.concat_str(parts, separator=","), pl.lit("}")])


def _key(name: str) -> str:
    return orjson.dumps(name).decode()


def write_ndjson(target: Target, frames: Frames) -> None:
    """Write one object a line; metadata as a first line whose one member is a note, `{"#": {…}}`."""
    objects = _objects(target.columns)
    with _open_output(target) as file:
        if target.metadata:
            file.write(orjson.dumps({NOTE: target.metadata}) + b"\n")
        for frame in frames:
            file.write(_joined_objects(frame, objects, "\n") + b"\n")


def write_json(target: Target, frames: Frames) -> None:
    """Write a list of objects; with metadata, an object that holds both."""
    with _open_output(target) as file:
        if target.metadata:
            head = orjson.dumps({METADATA: target.metadata}, option=orjson.OPT_INDENT_2).decode().removesuffix("\n}")
            file.write(f'{head},\n  "{RECORDS}": '.encode())
        _write_list(file, target, frames)
        file.write(b"\n}\n" if target.metadata else b"\n")


def write_lists(tables: Sequence[tuple[Target, Frames]]) -> None:
    """Write an object with a list for each type, named after it; metadata as its first member."""
    first = tables[0][0]
    with _open_output(first) as file:
        head = {METADATA: first.metadata} if first.metadata else {}
        text = orjson.dumps(head, option=orjson.OPT_INDENT_2).decode().removesuffix("}").rstrip()
        file.write(text.encode())
        for number, (target, frames) in enumerate(tables):
            file.write(f"{',' if number or head else ''}\n  {_key(target.name)}: ".encode())
            _write_list(file, target, frames)
        file.write(b"\n}\n")


def _write_list(file: IO[bytes], target: Target, frames: Frames) -> None:
    objects = _objects(target.columns)
    file.write(b"[")
    for number, frame in enumerate(frames):
        file.write(b",\n" if number else b"\n")
        file.write(_joined_objects(frame, objects, ",\n"))
    file.write(b"\n]")


def _joined_objects(frame: pl.DataFrame, objects: pl.Expr, separator: str) -> bytes:
    text: str = frame.select(objects.alias("object"))["object"].str.join(separator)[0]
    return text.encode()


# Columnar -------------------------------------------------------------------------------------------------------------


def _spool_frames(target: Target, frames: Frames) -> list[pl.LazyFrame]:
    """Write frames to the run's folder and return them as lazy ones, mapped from there."""
    parts = []
    for number, frame in enumerate(frames):
        path = target.workdir / f"part-{number:06}.arrow"
        frame.write_ipc(path)
        parts.append(pl.scan_ipc(path))
    return parts


def write_parquet(target: Target, frames: Frames) -> None:
    """Write Parquet: lists as lists, tags and JSON as text; metadata among the file's own key-value pairs."""
    empty = pl.LazyFrame(schema={n: spec.kind.dtype if spec else pl.String() for n, spec in target.columns.items()})
    parts = _spool_frames(target, frames) or [empty]
    metadata = {key: on_one_line(value) for key, value in target.metadata.items()}
    pl.concat(parts).sink_parquet(target.path, metadata=metadata or None, compression="zstd")


def write_excel(target: Target, frames: Frames) -> None:
    """Write a workbook: typed cells, text formatted as text, the header frozen, a filter on; metadata on a last sheet.

    Where a sheet ends, the next goes on under the same header.
    """
    write_sheets([(target, frames)])


def write_sheets(tables: Sequence[tuple[Target, Frames]]) -> None:
    """Write a workbook with the sheets of each type, one after the other."""
    sheets: list[tuple[str, Any]] = []
    owner: dict[str, Target] = {}
    for target, frames in tables:
        for name, records in _sheets(target, frames):
            sheets.append((name, records))
            owner[name] = target
    first = tables[0][0]
    if first.metadata:
        sheets.append((ABOUT, about_rows(first.metadata)))
    write_worksheets(
        sheets,
        str(first.path),
        freeze_panes={name: {"row": 1, "col": 1} for name in owner},
        header_format=dict.fromkeys(owner, CellFormat().set_bold().set_background_color("#DDE6F0")),
        column_formats={name: _formats(target) for name, target in owner.items()},
        column_widths={name: _widths(target) for name, target in owner.items()},
        autofilter=dict.fromkeys(owner, True),
    )


def _sheets(target: Target, frames: Frames) -> Iterator[tuple[str, Any]]:
    """The name and the records of each sheet of a type."""
    empty = pl.DataFrame(schema=dict.fromkeys(target.columns, pl.String()))
    parts = _spool_frames(target, (_checked_cells(_cells(target, frame)) for frame in frames))
    records = pl.concat(parts) if parts else empty.lazy()
    count = int(records.select(pl.len()).collect().item())
    most = SHEET_ROWS - 1  # beside the header
    for number, start in enumerate(range(0, max(count, 1), most), start=1):
        yield _sheet_title(target, number), _arrow_stream(records.slice(start, most), count)


def _formats(target: Target) -> dict[str, CellFormat]:
    return {name: CellFormat().set_num_format(_number_format(spec)) for name, spec in target.columns.items()}


def _widths(target: Target) -> dict[str, float]:
    return {name: _width(name, spec) for name, spec in target.columns.items()}


def _checked_cells(cells: pl.DataFrame) -> pl.DataFrame:
    """Return cells that a worksheet can hold; raises RunFailed for one that is too long."""
    longest = cells.select(pl.col(pl.String).str.len_chars().max())
    for name, length in longest.to_dict(as_series=False).items():
        if (length[0] or 0) > CELL_CHARS:
            raise RunFailed(
                f"A value of {name} has {length[0]:,} characters, and a cell of a workbook holds {CELL_CHARS:,}: "
                f"leave the field out, or export to CSV, JSON or Parquet.",
                field=name,
                length=length[0],
                limit=CELL_CHARS,
            )
    return cells


def _sheet_title(target: Target, number: int) -> str:
    """The name of a sheet, which an import finds its continuation by."""
    return f"{target.title} {number}" if number > 1 else target.title


def _arrow_stream(records: pl.LazyFrame, count: int) -> Any:
    """Records as what hands them over in batches (Arrow's C stream), so that they are never in memory together."""
    return records.collect_batches(chunk_size=10_000, lazy=True) if count else records.collect()


def _number_format(spec: Spec | None) -> str:
    """Text stays text when a cell is edited, and keeps its zeros."""
    return "General" if spec and spec.kind.dtype in (pl.Int64, pl.Float64, pl.Boolean) else "@"


def _width(name: str, spec: Spec | None) -> float:
    return float(min(max(len(name) + 4, len(spec.example) + 2 if spec else 28, 10), 40))

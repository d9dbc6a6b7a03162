r"""Staging of only the rows that are new or differ from their record: of unchanged rows, nothing is written at all.

A row is unchanged if its text, which is what COPY writes of each of its fields, key included, is that of a record in
service. PostgreSQL reads that text as the same values again, as every dump relies on, so equal texts are equal records.
A row with another text may still be equal, such as JSON in another spelling: it is staged, and the diff compares its
values. Of each text, only a hash of 128 bits is kept, with a random seed, so that memory stays small.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
from sqlalchemy import Connection, Select, Table, Text, any_, cast, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.errors import Transient
from schemas.model.rules import ReferenceRule
from schemas.model.tables import KNOWN_AS, RETIRED_AT, ROW_NUMBER, TABLES, staged_columns
from tasks.prefetch import pushed
from tasks.store.connection.copy import copy_out, flat
from tasks.store.connection.session import set_local, try_lock_table
from tasks.store.staging.table import Staging

LEAST_ROWS = 10_000
"""Rows of a first batch from which on it is worth a query whether most of them are unchanged."""

# Rows of a first batch that are looked up, and the share of them that must be unchanged.
_SAMPLE, _SHARE = 500, 0.5

# How many times the size of the file the stored records may have: reading one takes a third of staging a row.
_MOST_STORED = 3

# What a stored record has in addition to the fields of an import, in bytes.
_OVERHEAD = 100

# Bytes of the text of stored records that are hashed at once.
_AT_ONCE = 8 * 2**20

_HASHES = ["first_hash", "second_hash"]


def can_spool(staging: Staging) -> bool:
    """Say whether the rows of a type may be left out of the staging table where they are unchanged.

    Not where checks look at rows that change nothing: references to other records, keys that are completed, records
    that are known by an id of their source, and rows that leave fields as they are stored.
    """
    resource = staging.resource
    refers = any({*rule.checked_fields} & {*staging.fields} for rule in resource.rules(ReferenceRule))
    return not (refers or resource.open_key or staging.untouched or KNOWN_AS in staging.table.c)


def mostly_unchanged(connection: Connection, staging: Staging, batch: pl.DataFrame, rows: int | None) -> bool:
    """Look up a sample of a first batch: say whether most of a source of so many rows is likely to be unchanged."""
    if len(batch) < LEAST_ROWS or rows is None:
        return False
    lines = _Lines(staging)
    row_size = batch.estimated_size() / len(batch) + _OVERHEAD
    if lines.stored_size(connection) > _MOST_STORED * rows * row_size:
        return False
    sample = staging.stored(batch.sample(min(_SAMPLE, len(batch)), seed=0))
    known = lines.of_records(connection, sample[staging.resource.key_column])
    return len(lines.of_rows(sample).join(known, on=_HASHES, how="semi")) >= _SHARE * len(sample)


def stage_differing(connection: Connection, staging: Staging) -> Staging:
    """Stage the spooled rows that are new or differ from their record; returns the staging, with the others counted.

    Nobody else writes records of the type from here to the end of the transaction: what is unchanged now is so when the
    run is applied. All rows are staged where somebody is writing at the moment, and those of one key always. Raises
    Transient where rows are missing.
    """
    if not staging.spools:
        return staging
    lines = _Lines(staging)
    is_locked = try_lock_table(connection, lines.table, "share row exclusive")
    known = lines.of_records(connection) if is_locked else None
    repeated = staging.prefilter.repeated().alias(ROW_NUMBER).to_frame()
    found, read = replace(staging, spools=(), spooled=0), 0
    for batch in (batch for spool in staging.spools for batch in spool.batches()):
        rows, read = staging.stored(batch), read + len(batch)
        if known is not None:
            same = lines.of_rows(rows).join(known, on=_HASHES, how="semi").join(repeated, on=ROW_NUMBER, how="anti")
            rows = rows.join(same, on=ROW_NUMBER, how="anti", maintain_order="left")
        found = found.add_stored(connection, rows)
    if read != staging.spooled:
        raise Transient("Temporary files of the run are missing: run the import again.")
    found.analyze(connection)
    return replace(found, unchanged=staging.spooled - (found.rows - staging.rows))


@dataclass(frozen=True)
class _Lines:
    """The lines of text that COPY writes of stored records and of staged rows, as hashes with one seed."""

    staging: Staging
    seed: int = field(default_factory=lambda: secrets.randbits(63))

    @property
    def table(self) -> Table:
        """The table of the stored records."""
        return TABLES[self.staging.resource.type]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a line."""
        return staged_columns(self.staging.resource, self.staging.fields)

    def stored_size(self, connection: Connection) -> int:
        """Return the size of the table of the stored records, in bytes."""
        name = connection.dialect.identifier_preparer.format_table(self.table)
        return int(connection.scalar(text("select pg_relation_size(cast(:name as regclass))"), {"name": name}) or 0)

    def of_records(self, connection: Connection, keys: pl.Series | None = None) -> pl.DataFrame:
        """Return the hashes of the records in service, of these `keys` if given; one piece is read as one is hashed."""
        t = self.table
        # Numbers with all of their digits, whatever the server is set to.
        set_local(connection, "extra_float_digits", "1")
        query: Select[Any] = select(*(t.c[name] for name in self.names)).where(t.c[RETIRED_AT].is_(None))
        if keys is not None:
            key = t.c[self.staging.resource.key_column]
            texts = literal(keys.cast(pl.String).to_list(), ARRAY(Text))
            query = query.where(key == any_(cast(texts, ARRAY(key.type))))

        def copy(put: Callable[[bytes], None]) -> None:
            with io.BufferedWriter(_Pieces(put), _AT_ONCE) as file:
                copy_out(connection, query, file, "format text")

        pieces = [self._hashes(pl.read_lines(lines)["line"]) for lines in pushed(copy)]
        return pl.concat([self._hashes(pl.Series(dtype=pl.String)), *pieces])

    def of_rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return `ROW_NUMBER` and the hashes of staged rows, without those whose text COPY would write with escapes."""
        texts = flat(rows.select(self.names))
        cells = texts.select(_as_copied(name, dtype) for name, dtype in texts.schema.items())
        lines = cells.select(line=pl.concat_str(pl.all().fill_null("\\N"), separator="\t"))["line"]
        tabs, backslashes = (lines.str.count_matches(mark, literal=True) for mark in ("\t", "\\"))
        nulls = cells.select(pl.sum_horizontal(pl.all().is_null()))[:, 0]
        plain = (tabs == cells.width - 1) & (backslashes == nulls)
        return self._hashes(lines).insert_column(0, rows[ROW_NUMBER]).filter(plain)

    def _hashes(self, lines: pl.Series) -> pl.DataFrame:
        return pl.DataFrame([lines.hash(self.seed + n).alias(name) for n, name in enumerate(_HASHES)])


def _as_copied(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as the text that COPY writes of its values; lists are text already."""
    column = pl.col(name)
    if isinstance(dtype, pl.Boolean):
        return pl.when(column).then(pl.lit("t")).when(~column).then(pl.lit("f")).alias(name)
    if isinstance(dtype, pl.Float64):
        return column.cast(pl.String).str.strip_suffix(".0")
    return column.cast(pl.String)


class _Pieces(io.RawIOBase):
    """What a buffer of COPY's text writes to; hands on whole lines, and a line feed before them.

    Polars takes text for compressed that begins in certain ways; none of these is a line feed.
    """

    def __init__(self, put: Callable[[bytes], None]) -> None:
        super().__init__()
        self._put = put
        self._rest = b""

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Hand on the lines that are whole now."""
        whole, feed, self._rest = (self._rest + bytes(data)).rpartition(b"\n")
        if feed:
            self._put(b"\n" + whole + feed)
        return len(data)

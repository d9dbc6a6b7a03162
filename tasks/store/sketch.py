"""A sketch of the staged rows: a few numbers of each, on disk, that tell where rare things have to be looked for.

Whether two rows of a file share a key, or two of its blocks overlap, is asked of these numbers first: sorting a million
of them takes a tenth of a second, the same question in SQL seconds. What they point at is then decided in SQL.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from schemas.kinds import ipv4_blocks
from schemas.reports import ROW
from schemas.resource import Resource
from schemas.rules import NoOverlap

# Rows that are sorted at once; more are sorted in parts, by what they have to share to meet.
_PART = 2_000_000

_SCOPE, _FIRST, _LAST = "scope", "first", "last"


class Sketch:
    """The keys and blocks of the staged rows as numbers, in files of a run's folder."""

    def __init__(self, folder: Path, resource: Resource, fields: tuple[str, ...], part: int = 0) -> None:
        self._folder = folder
        self._part = part
        self._resource = resource
        self._fields = fields
        self._files: list[Path] = []
        self._rows = 0
        watched = [rule for rule in resource.set_rules if isinstance(rule, NoOverlap)]
        self._rules = [rule for rule in watched if {rule.field, *rule.within} <= set(fields)]

    def add(self, batch: pl.DataFrame) -> None:
        """Take note of a typed batch."""
        key = self._resource.natural_key(self._fields).hash().alias("key")
        spans = [column for rule in self._rules for column in _span(batch, rule)]
        path = self._folder / f"sketch-{self._part}-{len(self._files)}.arrow"
        batch.select(ROW, key, *spans).write_ipc(path)
        self._files.append(path)
        self._rows += len(batch)

    def repeated(self) -> pl.Series:
        """Return the rows whose key another row seems to have."""
        parts = [part.filter(pl.col("key").is_duplicated())[ROW] for part in self._parts("key", [ROW, "key"])]
        return pl.concat(parts) if parts else _no_rows()

    def overlapping(self, rule: NoOverlap) -> pl.Series:
        """Return the rows whose block seems to overlap another row's, and those that can't be told so (IPv6)."""
        names = [f"{rule.field} {name}" for name in (_SCOPE, _FIRST, _LAST)]
        plain = dict(zip(names, _SPAN, strict=True))
        parts = [_overlapping(part.rename(plain)) for part in self._parts(names[0], [ROW, *names])]
        return pl.concat(parts) if parts else _no_rows()

    def _parts(self, by: str, columns: list[str]) -> list[pl.DataFrame]:
        if not self._files:
            return []
        count = self._rows // _PART + 1
        whole = pl.scan_ipc(self._files).select(columns)
        return [whole.filter(pl.col(by) % count == part).collect() for part in range(count)]


_SPAN = (_SCOPE, _FIRST, _LAST)


def _no_rows() -> pl.Series:
    return pl.Series(ROW, [], dtype=pl.UInt32)


def _span(batch: pl.DataFrame, rule: NoOverlap) -> list[pl.Series]:
    """The scope of a block as a hash, and its first and last address; null for what is no IPv4 block."""
    blocks = ipv4_blocks(batch[rule.field])
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in (rule.field, *rule.within))
    scope = batch.select(pl.when(known).then(pl.struct(rule.within).hash()).alias(_SCOPE))[_SCOPE]
    first = blocks["address"].cast(pl.UInt32)
    last = (blocks["address"] + blocks["size"] - 1).cast(pl.UInt32)
    return [part.alias(f"{rule.field} {name}") for part, name in zip((scope, first, last), _SPAN, strict=True)]


def _overlapping(part: pl.DataFrame) -> pl.Series:
    """Blocks nest or are disjoint: in order, one overlaps an earlier one when it starts inside the widest so far."""
    part = part.filter(pl.col(_SCOPE).is_not_null())
    unknown = part.filter(pl.col(_FIRST).is_null())[ROW]
    ranked = part.filter(pl.col(_FIRST).is_not_null()).with_columns(
        # One line of numbers for all scopes: each has a stretch of its own.
        stretch=pl.col(_SCOPE).rank("dense").cast(pl.Int64) * 2**33
    )
    ordered = ranked.select(ROW, first=pl.col("stretch") + pl.col(_FIRST), last=pl.col("stretch") + pl.col(_LAST)).sort(
        "first", "last", descending=[False, True]
    )
    inside = pl.col("first") <= pl.col("last").cum_max().shift(1, fill_value=-1)
    met = ordered.select(ROW, inside=inside).filter(pl.col("inside") | pl.col("inside").shift(-1, fill_value=False))
    return pl.concat([met[ROW], unknown])

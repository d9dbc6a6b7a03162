"""The prefilter: a few numbers of each staged row, on disk, that tell where SQL need not look.

Whether two rows of a file share a key, or two of its blocks overlap, is looked up in these numbers first: sorting a
million of them takes a tenth of a second, the same question in SQL seconds. SQL then decides about the rows it names.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from schemas.model.kinds.addresses import ipv4_blocks
from schemas.model.resource import Resource
from schemas.model.rules import BlockRule, Contained, NoOverlap
from schemas.sources import ROW

# Rows that are sorted at once; more are sorted in parts, by what they have to share to meet.
_PART = 2_000_000

_SCOPE, _FIRST, _LAST = "scope", "first", "last"


@dataclass(frozen=True)
class Prefilter:
    """The keys and blocks of the staged rows as numbers, in `files` of the run's folder; nothing changes it.

    Whoever stages rows keeps their numbers in the database; the load, which is one process, has them in files.

    `outdated` are the fields whose values have been corrected since they were noted.
    """

    folder: Path
    resource: Resource
    fields: tuple[str, ...]
    part: int = 0
    files: tuple[Path, ...] = ()
    rows: int = 0
    outdated: frozenset[str] = frozenset()

    @cached_property
    def rules(self) -> tuple[BlockRule, ...]:
        """The rules whose blocks are noted."""
        known = set(self.fields) - self.outdated
        found = self.resource.rules(BlockRule)
        return tuple(rule for rule in found if {rule.field, *rule.within} <= known)

    def numbers(self, batch: pl.DataFrame) -> bytes:
        """Return the numbers of a typed batch."""
        key = self.resource.natural_key(self.fields).hash().alias("key")
        spans = [column for rule in self.rules for column in _span(batch, rule)]
        written = io.BytesIO()
        batch.select(ROW, key, *spans).write_ipc(written)
        return written.getvalue()

    def add(self, numbers: bytes, rows: int) -> Prefilter:
        """Write the numbers of so many rows to a file; returns the prefilter with it."""
        path = self.folder / f"prefilter-{self.part}-{len(self.files)}.arrow"
        path.write_bytes(numbers)
        return replace(self, files=(*self.files, path), rows=self.rows + rows)

    def without(self, fields: Iterable[str]) -> Prefilter:
        """Return the prefilter without what was noted of fields whose values have been corrected since."""
        outdated = self.outdated.union(fields)
        return self if outdated == self.outdated else replace(self, outdated=outdated)

    def repeated(self) -> pl.Series:
        """Return the rows whose key another row seems to have."""
        return self._repeated

    @cached_property
    def _repeated(self) -> pl.Series:
        parts = [part.filter(pl.col("key").is_duplicated())[ROW] for part in self._parts("key", [ROW, "key"])]
        return pl.concat(parts) if parts else _no_rows()

    def overlapping(self, rule: NoOverlap) -> pl.Series:
        """Return the rows whose block seems to overlap another row's, and those that can't be told so (IPv6)."""
        parts = [_overlapping(part) for part in self._spans(rule)]
        return pl.concat(parts) if parts else _no_rows()

    def outside(self, rule: Contained, containers: pl.DataFrame) -> pl.Series | None:
        """Return the rows whose block is in none of its scope's containers, and those that can't be told so (IPv6).

        The `containers`, disjoint, are columns of `rule.within` and `rule.field`. None where the import leaves a doubt.
        """
        if rule not in self.rules:
            return None
        spans = containers.select(_span(containers, rule)).rename(_plain(rule))
        six = spans[_FIRST].null_count() > 0
        four = _on_one_line(spans.drop_nulls(_FIRST).with_row_index(ROW)).sort("first")
        scopes = spans.drop_nulls(_FIRST).select(_SCOPE, stretch=_stretch()).unique()
        parts = [_outside(part, four, scopes, unknown=six) for part in self._spans(rule)]
        return pl.concat(parts) if parts else _no_rows()

    def _spans(self, rule: BlockRule) -> list[pl.DataFrame]:
        plain = _plain(rule)
        return [part.rename(plain) for part in self._parts(next(iter(plain)), [ROW, *plain])]

    def _parts(self, by: str, columns: list[str]) -> list[pl.DataFrame]:
        if not self.files:
            return []
        count = self.rows // _PART + 1
        whole = pl.scan_ipc(list(self.files)).select(columns)
        return [whole.filter(pl.col(by) % count == part).collect() for part in range(count)]


_SPAN = (_SCOPE, _FIRST, _LAST)


def _no_rows() -> pl.Series:
    return pl.Series(ROW, [], dtype=pl.UInt32)


def _plain(rule: BlockRule) -> dict[str, str]:
    """The columns of a rule in the files, and what they are here."""
    return {f"{rule.field} {name}": name for name in _SPAN}


def _span(batch: pl.DataFrame, rule: BlockRule) -> list[pl.Series]:
    """The scope of a block as a hash, and its first and last address; null for what is no IPv4 block."""
    blocks = ipv4_blocks(batch[rule.field])
    # What is empty is compared with nothing, but where the global table is a scope.
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in rule.needed)
    scope = batch.select(pl.when(known).then(pl.struct(rule.within).hash()).alias(_SCOPE))[_SCOPE]
    first = blocks["address"].cast(pl.UInt32)
    last = (blocks["address"] + blocks["size"] - 1).cast(pl.UInt32)
    return [part.alias(name) for part, name in zip((scope, first, last), _plain(rule), strict=True)]


def _stretch() -> pl.Expr:
    """One line of numbers for all scopes: each has a stretch of its own."""
    return pl.col(_SCOPE).rank("dense").cast(pl.Int64) * 2**33


def _on_one_line(part: pl.DataFrame) -> pl.DataFrame:
    ranked = part.with_columns(stretch=_stretch())
    return ranked.select(ROW, first=pl.col("stretch") + pl.col(_FIRST), last=pl.col("stretch") + pl.col(_LAST))


def _overlapping(part: pl.DataFrame) -> pl.Series:
    """Blocks nest or are disjoint: in order, one overlaps an earlier one when it starts inside the widest so far."""
    part = part.filter(pl.col(_SCOPE).is_not_null())
    unknown = part.filter(pl.col(_FIRST).is_null())[ROW]
    known = part.filter(pl.col(_FIRST).is_not_null())
    ordered = _on_one_line(known).sort("first", "last", descending=[False, True])
    inside = pl.col("first") <= pl.col("last").cum_max().shift(1, fill_value=-1)
    met = ordered.select(ROW, inside=inside).filter(pl.col("inside") | pl.col("inside").shift(-1, fill_value=False))
    return pl.concat([met[ROW], unknown])


def _outside(part: pl.DataFrame, containers: pl.DataFrame, scopes: pl.DataFrame, *, unknown: bool) -> pl.Series:
    """The container that may hold a block is the last one that does not start after it."""
    left = part.filter(pl.col(_FIRST).is_null(), pl.col(_SCOPE).is_not_null())[ROW] if unknown else _no_rows()
    known = part.filter(pl.col(_FIRST).is_not_null()).join(scopes, on=_SCOPE)
    placed = known.select(ROW, first=pl.col("stretch") + pl.col(_FIRST), last=pl.col("stretch") + pl.col(_LAST))
    at = containers["first"].search_sorted(placed["first"], side="right").cast(pl.Int64) - 1
    ends = containers["last"].gather(at.clip(lower_bound=0))
    return pl.concat([placed.filter((at < 0) | (placed["last"] > ends))[ROW], left])

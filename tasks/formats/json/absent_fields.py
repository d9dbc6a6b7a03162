"""What the absence of a field in a record of AWS means: that it is unset, or that it is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import polars as pl

from schemas.issues import Issue, Severity
from schemas.language.remedies import option
from schemas.language.spelling import plain
from schemas.model.resource import TAGGED
from schemas.sources import ROW, Opened
from tasks.formats.aws.document import VIEWER, Shape
from tasks.formats.base import ABSENT, Source
from tasks.formats.json.reading import Reading


def viewing_account(parts: Iterable[tuple[Opened, Shape | None]]) -> str | None:
    """The account whose view a document is: the one that all records name, where it is one alone.

    None where there is a doubt: then no record is taken for whole that names an account.
    """
    common: set[str] | None = None
    for part, shape in parts:
        columns = [name for name in (shape.parties if shape else ()) if name in part.columns]
        if not columns:
            continue
        for row in part.frame.select(columns).unique().collect().iter_rows():
            parties = {account for account in row if account}
            if parties:
                common = parties if common is None else common & parties
    return next(iter(common)) if common and len(common) == 1 else None


def with_unset_fields(part: Opened, reading: Reading, viewer: str | None, constants: Collection[str] = ()) -> Opened:
    """Return records of AWS with what they leave open settled.

    In a whole record, what is absent is unset, but for what its list never has and for `constants` (fields in plain
    spelling), which fill it. What another account's record lacks stays as it is stored: who shares a record shows
    others a part of it.
    """
    shape = reading.shape
    if shape is None:
        return part
    frame = part.frame
    columns = _without_constants(part, [name for name in TAGGED if plain(name) in constants])
    if reading.whole:
        new = [name for name in shape.unset if name not in columns and plain(name) not in constants]
        frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in new)
        columns += new
    absent = [pl.col(ABSENT)] if ABSENT in columns else []
    notes = [name for name in (VIEWER, *(note.name for note in shape.notes)) if name in columns]
    plains = [name for name in columns if name != ABSENT and name not in notes]
    absent += _rarely_present(frame, shape, plains) if reading.whole else []
    of_others, notice = _rows_of_other_accounts(part, shape, viewer)
    if of_others is not None:
        empty = [pl.when(of_others & _is_empty(name)).then(pl.lit(name)) for name in plains]
        absent.append(pl.concat_str(empty, separator="\n", ignore_nulls=True))
    if absent:
        whole = pl.concat_str(absent, separator="\n", ignore_nulls=True)
        frame = frame.with_columns(pl.when(whole != "").then(whole).alias(ABSENT))
        plains.append(ABSENT)
    return replace(part, frame=frame.select(ROW, *plains), columns=tuple(plains), notices=(*part.notices, *notice))


def _without_constants(part: Opened, constant: Sequence[str]) -> list[str]:
    """The columns without those that no tag fills, and a constant does."""
    there = [name for name in constant if name in part.columns]
    if not there:
        return list(part.columns)
    nulls = part.frame.select(pl.col(there).is_null().all()).collect().row(0, named=True)
    return [name for name in part.columns if not nulls.get(name)]


def _is_empty(name: str) -> pl.Expr:
    return pl.col(name).is_null() | pl.col(name).is_in(["", "[]", "{}"])


def _rarely_present(frame: pl.LazyFrame, shape: Shape, columns: Sequence[str]) -> list[pl.Expr]:
    """The names of the empty columns of each row that whole records do not have, where some rows have them."""
    required = [shape.columns[name].name for name in shape.resource.required if name in shape.columns]
    more = [name for name in columns if name not in (*shape.unset, *required)]
    if not more:
        return []
    nulls = frame.select(pl.col(more).null_count()).collect().row(0, named=True)
    return [pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in more if nulls[name]]


def _rows_of_other_accounts(part: Opened, shape: Shape, viewer: str | None) -> tuple[pl.Expr | None, list[Issue]]:
    """Which rows another account owns than the one whose view they are; None where there are none.

    Where nobody says whose view it is, and the records do not agree on it, all of them may be another's.
    """
    owner = next((name for name in shape.parties if name in part.columns), None)
    if owner is None:
        return None, []
    seen_by = [pl.col(VIEWER)] if VIEWER in part.columns else []
    whose = pl.coalesce(*seen_by, pl.lit(viewer, pl.String))
    of_others = pl.col(owner).is_not_null() & (pl.col(owner) != whose).fill_null(value=True)
    counts = part.frame.select(others=of_others.sum(), open=(of_others & whose.is_null()).sum()).collect()
    others, unknown = counts.row(0)
    if not others:
        return None, []
    return of_others, [_unknown_viewer(part, shape)] if unknown else []


def single_list_with_unset_fields(source: Source, part: Opened, reading: Reading) -> Opened:
    """Return records that are a file by themselves with what they leave open settled."""
    viewer = source.account or viewing_account([(part, reading.shape)])
    return with_unset_fields(part, reading, viewer, source.constants)


def _unknown_viewer(part: Opened, shape: Shape) -> Issue:
    message = (
        f"the {shape.resource.title} records name several accounts, and nothing says which of them lists them: what "
        f"they have no value for stays as it is stored. Give that account with {option('constants', 'account_id=…')}"
    )
    return Issue("view", message, Severity.WARNING, value=part.document)

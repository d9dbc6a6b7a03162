"""Untouched: the fields that a row of a source leaves as they are stored, named in a column of notes."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from schemas.issues import ISSUE_SCHEMA, Severity, issues_frame
from schemas.language.spelling import nearest
from schemas.model.resource import Resource
from schemas.model.tables import UNTOUCHED_FIELDS
from schemas.sources import ROW, UNTOUCHED


@dataclass(frozen=True)
class Untouched:
    """What the rows of a batch leave as it is stored: `rows` has `ROW` and `UNTOUCHED_FIELDS`, a list, null for none.

    `issues` (`ISSUE_SCHEMA`) are wrong names and cells that have a value all the same. Without rows, nothing is left.
    """

    rows: pl.DataFrame | None = None
    issues: pl.DataFrame = field(default_factory=issues_frame)

    @property
    def columns(self) -> list[pl.Series]:
        """The column that staging keeps of it."""
        return [] if self.rows is None else [self.rows[UNTOUCHED_FIELDS]]

    def cleared(self, text: pl.DataFrame) -> pl.DataFrame:
        """Empty the cells that are left as they are stored."""
        if self.rows is None:
            return text
        named = self.rows[UNTOUCHED_FIELDS]
        fields = [name for name in _distinct(named) if name in text.columns]
        return text.with_columns(
            pl.when(~named.list.contains(name).fill_null(value=False)).then(pl.col(name)).alias(name) for name in fields
        )

    def spared(self, issues: pl.DataFrame, fields: tuple[str, ...] = ()) -> pl.DataFrame:
        """Drop the issues of rows that leave one of `fields`, or the field of the issue, as it is stored."""
        if self.rows is None or issues.is_empty():
            return issues
        pairs = self.rows.explode(UNTOUCHED_FIELDS).drop_nulls().select(row=ROW, field=UNTOUCHED_FIELDS)
        if not fields:
            return issues.join(pairs, on=["row", "field"], how="anti")
        return issues.join(pairs.filter(pl.col("field").is_in(fields)), on="row", how="anti")


def read_untouched(
    records: pl.DataFrame, resource: Resource, text: pl.DataFrame, constants: dict[str, str]
) -> Untouched:
    """Read the column of notes of a batch; `text` has its cells by field. A constant is a value: it is not left out."""
    if UNTOUCHED not in records.columns:
        return Untouched()
    notes = records[UNTOUCHED].fill_null("")
    names_by_note = {note: _names(note) for note in notes.unique()}
    known = {
        note: [name for name in names if _is_left(name, resource, constants)] for note, names in names_by_note.items()
    }
    lists = pl.DataFrame(
        {"note": list(known), UNTOUCHED_FIELDS: [names or None for names in known.values()]},
        schema={"note": pl.String, UNTOUCHED_FIELDS: pl.List(pl.String)},
    )
    joined = notes.to_frame("note").join(lists, on="note", how="left", maintain_order="left")
    named = joined[UNTOUCHED_FIELDS]
    rows = pl.DataFrame([records[ROW].cast(pl.UInt32), named])
    wrong = {note: why for note, names in names_by_note.items() if (why := _wrong_name_message(names, resource))}
    return Untouched(rows, pl.concat([_wrong_names(rows, notes, wrong), *_values_not_read(rows, text)]))


def _names(note: str) -> list[str]:
    return [name for part in note.split(",") if (name := part.strip())]


def _is_left(name: str, resource: Resource, constants: dict[str, str]) -> bool:
    return name in resource.fields and name not in resource.key and name not in constants


def _wrong_name_message(names: list[str], resource: Resource) -> str | None:
    for name in names:
        if name in resource.key:
            return f"{name} is part of the key and cannot be left untouched: remove it from '{UNTOUCHED}'"
        if name not in resource.fields:
            near = nearest(name, resource.fields)
            return f"{resource.type} has no field '{name}'" + (f": did you mean {near}?" if near else "")
    return None


def _wrong_names(rows: pl.DataFrame, notes: pl.Series, wrong: dict[str, str]) -> pl.DataFrame:
    if not wrong:
        return issues_frame()
    found = pl.DataFrame([rows[ROW].alias("row"), notes.alias("value")]).filter(pl.col("value").is_in(list(wrong)))
    return _issues(found, pl.col("value").replace_strict(wrong), Severity.ERROR)


def _values_not_read(rows: pl.DataFrame, text: pl.DataFrame) -> list[pl.DataFrame]:
    """Cells with a value that is not read."""
    named = rows[UNTOUCHED_FIELDS]
    found = []
    for name in _distinct(named):
        if name in text.columns and name != ROW:
            where = named.list.contains(name).fill_null(value=False) & text[name].is_not_null()
            cells = pl.DataFrame([rows[ROW].alias("row"), text[name].alias("value")]).filter(where)
            message = pl.lit(f"the value of {name} is not read: '{UNTOUCHED}' leaves the field as it is stored")
            found.append(_issues(cells, message, Severity.WARNING, name))
    return found


def _distinct(named: pl.Series) -> list[str]:
    return named.drop_nulls().explode().unique().to_list()


def _issues(cells: pl.DataFrame, message: pl.Expr, severity: Severity, name: str | None = None) -> pl.DataFrame:
    return cells.with_columns(
        column=pl.lit(None if name else UNTOUCHED, pl.String),
        field=pl.lit(name, pl.String),
        rule=pl.lit("untouched"),
        severity=pl.lit(str(severity)),
        message=message,
        suggestion=pl.lit(None, pl.String),
    ).select(*(pl.col(name).cast(dtype) for name, dtype in ISSUE_SCHEMA.items()))

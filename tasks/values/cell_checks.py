"""Checks of single cells: what cannot be read, what a rule of the type rejects, and what is reported of a value."""

from __future__ import annotations

from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from schemas.issues import Severity, issues_frame
from schemas.language.spelling import nearest
from schemas.mapping import Mapping
from schemas.model.fields import Spec
from schemas.model.resource import Resource
from schemas.sources import ROW
from tasks.formats.formula_guard import is_free
from tasks.values.issue_frames import cell_issues

# What pandera calls the checks that `schemas.model.fields` names as pandera's keywords do.
_KEYWORDS = {"greater_than_or_equal_to": "ge", "less_than_or_equal_to": "le"}

# How Excel shows a number of more than 11 digits, and writes it into a CSV file.
_SHORTENED = r"^[1-9]\.\d+E\+\d\d$"
# A function of a spreadsheet, or cells that are added or joined: =HYPERLINK("…"), =A1&B1.
_FORMULA = r"^=(?:[A-Z][A-Z0-9.]+\(.*\)|\$?[A-Z]{1,3}\$?[0-9]+(?:[-+*/&].*)?)$"
_ENTER_AGAIN = "format the column as text, enter the value again"


@dataclass(frozen=True)
class CellChecks:
    """The checks of the cells of one import; each returns a frame of issues.

    `guarded` says that the source is of a format in which an apostrophe may stand before what looks like a formula.
    """

    resource: Resource
    mapping: Mapping
    guarded: bool = False

    def unreadable(self, text: pl.DataFrame, typed: pl.DataFrame, name: str) -> pl.DataFrame:
        """Cells that hold text which is no value of the field's kind."""
        where = text[name].is_not_null() & typed[name].is_null()
        if not where.any():
            return issues_frame()
        kind = self.resource.fields[name].kind
        message: pl.Expr = pl.lit(f"is not {kind.wants}")
        for pattern, hint in reversed(kind.hints):
            message = pl.when(pl.col("value").str.contains(pattern)).then(pl.lit(hint)).otherwise(message)
        return self._issues(text.filter(where), name, kind.name, message)

    def failures(self, text: pl.DataFrame, typed: pl.DataFrame, schema: pa.DataFrameSchema) -> pl.DataFrame:
        """Cells that pandera's checks reject."""
        try:
            schema.validate(typed.select(*self.mapping.fields), lazy=True)
        except SchemaErrors as error:
            cases = error.failure_cases.filter(pl.col("index").is_not_null())
            groups = cases.group_by("column", "check", maintain_order=True)
            return pl.concat(
                [self._failed_check(text, str(key[0]), str(key[1]), rows["index"]) for key, rows in groups]
            )
        return issues_frame()

    def _failed_check(self, text: pl.DataFrame, name: str, check: str, index: pl.Series) -> pl.DataFrame:
        spec = self.resource.fields[name]
        rows = text[index.cast(pl.UInt32)]
        if check == "not_nullable":
            rule, message = "required", f"{spec.title} is required, and the cell is empty"
        else:
            keyword = check.partition("(")[0]
            rule, message = spec.says[_KEYWORDS.get(keyword, keyword)]
        return self._with_suggestions(self._issues(rows, name, rule, pl.lit(message)), spec)

    def unknown_choices(self, text: pl.DataFrame, typed: pl.DataFrame, name: str) -> pl.DataFrame:
        """Values that an enum does not list: kept, as whoever made the source may have added them since."""
        spec = self.resource.fields[name]
        if not spec.kind.choices:
            return issues_frame()
        distinct = typed[name].drop_nulls().unique()
        unknown = distinct.filter(~distinct.is_in(list(spec.kind.choices)))
        if unknown.is_empty():
            return issues_frame()
        rows = text.filter(typed[name].is_in(unknown.implode()))
        message = f"is not one of {', '.join(spec.choices)}: it is kept; correct it if it is misspelt"
        return self._with_suggestions(self._issues(rows, name, "choice", pl.lit(message), Severity.WARNING), spec)

    def _with_suggestions(self, issues: pl.DataFrame, spec: Spec) -> pl.DataFrame:
        if not spec.choices:
            return issues
        values = issues["value"].drop_nulls().unique()
        near = {value: nearest(value, spec.choices, cutoff=0.7) for value in values}
        suggestions = {value: choice for value, choice in near.items() if choice}
        return issues.with_columns(
            suggestion=pl.col("value").replace_strict(suggestions, default=None, return_dtype=pl.String)
        )

    def repairs(self, text: pl.DataFrame, typed: pl.DataFrame, name: str) -> pl.DataFrame:
        """Cells whose value was altered on reading, for the report."""
        kind = self.resource.fields[name].kind
        if not kind.repair:
            return issues_frame()
        stored = _text_of(typed[name])
        spelt = text[name]
        if isinstance(kind.dtype, pl.List):
            spelt = spelt.str.replace_all(r"[\[\]\"\s]", "").str.replace_all(";", ",")
        elif kind.dtype.is_integer():  # 12.0 is how many programs write 12
            spelt = spelt.str.replace(r"^(\d+)\.0$", "$1")
        where = (stored != spelt).fill_null(value=False)
        if not where.any():
            return issues_frame()
        rows = text.filter(where).with_columns(stored.filter(where).alias("stored"))
        message = pl.format("read as '{}': {}", rows["stored"], pl.lit(kind.repair))
        return self._issues(rows, name, f"{kind.name}_repaired", message, Severity.REPAIR)

    def kept(self, text: pl.DataFrame, typed: pl.DataFrame, own: dict[str, pl.Series], name: str) -> pl.DataFrame:
        """Cells that keep their own value, which is another than the constant of their field."""
        kind = self.resource.fields[name].kind
        value = self.mapping.constants[name]
        constant = kind.read(pl.Series([value], dtype=pl.String))
        same = _text_of(typed[name]) == _text_of(constant)[0]
        where = own[name].is_not_null() & typed[name].is_not_null() & ~same.fill_null(value=False)
        if not where.any():
            return issues_frame()
        message = f"is kept: the constant {value} only fills empty cells; {name}={value}! overrides"
        return self._issues(text.filter(where), name, "constant", pl.lit(message), Severity.WARNING)

    def formulas(self, records: pl.DataFrame) -> list[pl.DataFrame]:
        """Cells of text that hold a spreadsheet's formula, of which the file does not have the value."""
        found = []
        for match in self.mapping.matches if self.guarded else ():
            cells = records[match.column]
            if not is_free(self.resource.fields[match.field].kind) or not cells.str.starts_with("=").any():
                continue
            rows = records.select(ROW, pl.col(match.column).alias(match.field)).filter(cells.str.contains(_FORMULA))
            message = pl.lit("is a formula of a spreadsheet, and is kept as text: put the value in its place")
            found.append(self._issues(rows, match.field, "formula", message, Severity.WARNING))
        return found

    def digits_lost(self, text: pl.DataFrame) -> pl.DataFrame:
        """Texts such as 1.23457E+11, by which a spreadsheet wrote a long number of which only these digits are left."""
        names = [name for name in self.mapping.fields if self.guarded and is_free(self.resource.fields[name].kind)]
        found = [name for name in names if text[name].str.contains("E+", literal=True).any()]
        message = pl.lit("is how a spreadsheet writes a long number, and digits are lost: " + _ENTER_AGAIN)
        cells = [
            self._issues(text.filter(pl.col(name).str.contains(_SHORTENED)), name, "digits_lost", message)
            for name in found
        ]
        return pl.concat(cells) if cells else issues_frame()

    def _issues(
        self,
        rows: pl.DataFrame,
        name: str,
        rule: str,
        message: pl.Expr | pl.Series,
        severity: Severity = Severity.ERROR,
    ) -> pl.DataFrame:
        return cell_issues(self.mapping, rows, name, rule, message, severity)


def _text_of(values: pl.Series) -> pl.Series:
    """Typed values as text, to be held against what stood in their cells."""
    return values.list.join(",") if isinstance(values.dtype, pl.List) else values.cast(pl.String)

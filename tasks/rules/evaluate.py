"""The user's own rules at work: on each batch while it is validated, or on all records once they are staged.

A rule is evaluated for each record as it would be stored. Where the file has all of the rule's fields, its cells are
enough; elsewhere, the staged rows are read back together with what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import polars as pl
from polars.exceptions import PanicException
from sqlalchemy import Connection

from schemas.custom import NUMBER, Rule
from schemas.errors import RuleFailed
from schemas.issues import ISSUE_SCHEMA, issues_frame
from schemas.job_options.choices import Empty, Mode
from schemas.language.remedies import option
from schemas.mapping import Mapping
from schemas.model.fields import Spec
from schemas.model.resource import Resource
from schemas.sources import ROW
from tasks.store.checks.projected_rows import projected_rows
from tasks.store.merge.target import Target

# A message shows this many characters of a value.
_SHOWN = 80

# Rows that break a rule and are reported in one frame.
_SLICE = 50_000


def of_cells(rule: Rule, mapping: Mapping, mode: Mode, empty: Empty) -> bool:
    """Say whether a rule can be evaluated on the cells of a file, which then are the record as it would be stored."""
    whole = set(rule.fields) <= set(mapping.fields) and empty is Empty.CLEAR
    return rule.scope == "row" and (whole or mode is Mode.CREATE)


# What is broken -------------------------------------------------------------------------------------------------------


def broken_cells(rule: Rule, resource: Resource, mapping: Mapping, typed: pl.DataFrame) -> pl.DataFrame:
    """Return the issues (`ISSUE_SCHEMA`) of a typed batch; raises RuleFailed."""
    absent = [_null_column(resource, name) for name in rule.fields if name not in typed.columns]
    rows = typed.with_columns(absent).select(ROW, *rule.fields)
    found = rows.filter(_broken(rule, rows))
    return _issues(rule, mapping, found) if len(found) else issues_frame()


def _null_column(resource: Resource, name: str) -> pl.Expr:
    return pl.lit(None, resource.fields[name].kind.dtype).alias(name)


def _broken(rule: Rule, rows: pl.DataFrame) -> pl.Series:
    """True for each row that breaks a rule of rows; raises RuleFailed where its expression is no such rule."""
    cells = rows.select(rule.fields)
    answer = _rule_values(rule, cells)
    _check_alone(rule, cells, answer, slice(len(cells) // 3, 2 * len(cells) // 3 + 1))
    return answer


def _check_alone(rule: Rule, cells: pl.DataFrame, answer: pl.Series, part: slice) -> None:
    """Raise RuleFailed where rows get another answer alone: which other rows are in their batch is chance."""
    if not _rule_values(rule, cells[part]).equals(answer[part]):
        raise _rule_failure(rule, "its expression looks at other rows: write it with scope='records'")


def _rule_values(rule: Rule, cells: pl.DataFrame) -> pl.Series:
    with _rule_failures(rule):
        function = rule.function()
        if not isinstance(function, pl.Expr):
            raise _rule_failure(rule, f"it returns {type(function).__name__}, and no Polars expression")
        found = cells.select(function)
    if found.width != 1:
        raise _rule_failure(rule, f"its expression gives {found.width} columns, and not one")
    answer = found.to_series()
    if answer.dtype != pl.Boolean:
        raise _rule_failure(rule, f"its expression gives {answer.dtype}, and not true or false")
    if len(answer) != len(cells):
        raise _rule_failure(
            rule, f"its expression gives {len(answer)} answers for {len(cells)} rows: write one for each row"
        )
    return answer.fill_null(value=False)


def _broken_records(rule: Rule, records: pl.LazyFrame) -> pl.DataFrame:
    """The rows that break a rule over all records, once each, with the columns that its message shows."""
    with _rule_failures(rule):
        found = rule.function(records)
        if not isinstance(found, pl.LazyFrame | pl.DataFrame):
            raise _rule_failure(rule, f"it returns {type(found).__name__}, and no frame")
        lazy = found.lazy()
        columns = lazy.collect_schema()
        if not columns.get(NUMBER, pl.Null()).is_integer():
            raise _rule_failure(rule, f"the frame that it returns has no column '{NUMBER}' with the numbers of rows")
        known = (*rule.fields, *columns)
        if unknown := [name for name in rule.placeholders if name not in known]:
            raise _rule_failure(rule, f"its message shows '{{{unknown[0]}}}', which it does not return")
        shown = [name for name in rule.placeholders if name not in (*rule.fields, NUMBER)]
        return lazy.select(NUMBER, *shown).unique(NUMBER, keep="first", maintain_order=True).collect(engine="streaming")


@contextmanager
def _rule_failures(rule: Rule) -> Iterator[None]:
    """Turn what a rule's own code raises into its name and what went wrong."""
    try:
        yield
    except RuleFailed:
        raise
    except (Exception, PanicException) as error:
        # Ctrl-C in the middle of a call of Polars is no fault of the rule.
        if isinstance(error, PanicException) and "KeyboardInterrupt" in str(error):
            raise
        message = str(error).strip().partition("\n")[0]
        raise _rule_failure(
            rule, f"{type(error).__name__}: {message} (its fields are {', '.join(rule.fields)})"
        ) from error


def _rule_failure(rule: Rule, what: str) -> RuleFailed:
    return RuleFailed(
        f"The rule '{rule.name}' ({rule.where}) failed, and nothing was changed: {what}. "
        f"Correct it, or leave it out with {option('without_rules', rule.name)}.",
        rule=rule.name,
    )


def try_out(rules: tuple[Rule, ...], resource: Resource) -> None:
    """Ask the rules of some records, full and empty ones, before anything is read; raises RuleFailed."""
    if not rules:
        return
    cells = {name: _trial_values(spec) for name, spec in resource.fields.items()}
    records = pl.DataFrame(cells).with_row_index(NUMBER, offset=1).cast({NUMBER: pl.Int64})
    for rule in rules:
        if rule.scope == "records":
            _broken_records(rule, records.lazy().select(NUMBER, *rule.fields))
            continue
        few = records.select(rule.fields)
        answer = _rule_values(rule, few)
        for number in range(len(few)):
            _check_alone(rule, few, answer, slice(number, number + 1))


def _trial_values(spec: Spec) -> pl.Series:
    """A field's example and no value, each before and after each."""
    some, none = spec.example or None, None
    return spec.kind.read(pl.Series([none, some, some, none, none, some], dtype=pl.String))


# What is reported ---------------------------------------------------------------------------------------------------


def _issues(rule: Rule, mapping: Mapping, rows: pl.DataFrame) -> pl.DataFrame:
    """The issues of rows that break a rule: `ROW`, its fields, and what else its message shows."""
    field = rule.fields[0]
    return rows.select(
        row=pl.col(ROW).cast(pl.UInt32),
        column=pl.lit(mapping.column_of(field), pl.String),
        field=pl.lit(field),
        value=_text(rows, field),
        rule=pl.lit(rule.name),
        severity=pl.lit(str(rule.severity)),
        message=_message(rule, rows),
        suggestion=pl.lit(None, pl.String),
    ).select(*(pl.col(name).cast(dtype) for name, dtype in ISSUE_SCHEMA.items()))


def _message(rule: Rule, rows: pl.DataFrame) -> pl.Expr:
    parts: list[pl.Expr] = []
    for words, name, _, _ in Formatter().parse(rule.message):
        parts.append(pl.lit(words))
        if name is not None:
            value = _text(rows, ROW if name == NUMBER else name).fill_null("")
            cut = pl.when(value.str.len_chars() > _SHOWN).then(value.str.slice(0, _SHOWN) + "…").otherwise(value)
            parts.append(cut)
    return pl.concat_str(parts)


def _text(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A column as it is shown."""
    column, dtype = pl.col(name), rows.schema[name]
    return column.cast(pl.List(pl.String)).list.join(",") if isinstance(dtype, pl.List) else column.cast(pl.String)


# Of the records as they would be --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OfRecords:
    """The rules to evaluate once all rows are staged: those over all records, and those that need what is stored."""

    rules: tuple[Rule, ...]
    mapping: Mapping
    folder: Path
    size: int

    def __call__(self, connection: Connection, target: Target) -> Iterator[pl.DataFrame]:
        """Yield the issues of each rule; the records wait in files of the run's folder, not in memory."""
        if not self.rules:
            return
        names = tuple(dict.fromkeys(name for rule in self.rules for name in rule.fields))
        files = []
        for number, frame in enumerate(projected_rows(connection, target, names, self.size)):
            files.append(self.folder / f"records-{number}.arrow")
            frame.write_ipc(files[-1])
        if not files:
            return
        for rule in self.rules:
            yield from self._row_by_row(rule, files) if rule.scope == "row" else self._over_all(rule, files)
        for file in files:
            file.unlink()

    def _row_by_row(self, rule: Rule, files: list[Path]) -> Iterator[pl.DataFrame]:
        for file in files:
            rows = pl.read_ipc(file, columns=[NUMBER, *rule.fields]).rename({NUMBER: ROW})
            yield _issues(rule, self.mapping, rows.filter(_broken(rule, rows)))

    def _over_all(self, rule: Rule, files: list[Path]) -> Iterator[pl.DataFrame]:
        records = pl.scan_ipc(files).select(NUMBER, *rule.fields)
        found = _broken_records(rule, records)
        rows = records.join(found.lazy().cast({NUMBER: pl.Int64}), on=NUMBER).sort(NUMBER).collect(engine="streaming")
        if len(rows) != len(found):
            raise _rule_failure(rule, "it gives numbers of rows that the file does not have")
        for part in rows.rename({NUMBER: ROW}).iter_slices(_SLICE):
            yield _issues(rule, self.mapping, part)

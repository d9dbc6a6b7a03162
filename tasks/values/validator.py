"""Text columns to typed columns, batch by batch; every error of every row is reported in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pandera.polars as pa
import polars as pl

from schemas.custom import Rule
from schemas.issues import Severity, issues_frame
from schemas.job_options.choices import Empty, Mode
from schemas.job_options.read_options import ReadOptions
from schemas.mapping import Mapping, Match
from schemas.model.kinds.kind import Kind
from schemas.model.kinds.text import TEXT
from schemas.model.resource import Resource
from schemas.model.rules import STATE, RowRule
from schemas.model.tables import SEEN_AT
from schemas.sources import EXAMPLE, NOTE, ROW, Extracted
from tasks.formats.formula_guard import is_free, unguarded
from tasks.rules.evaluate import broken_cells
from tasks.values.cell_checks import CellChecks
from tasks.values.cell_text import Note, is_empty_word, joined, read_cells, without_control
from tasks.values.issue_frames import cell_issues, row_issues, without_unread
from tasks.values.timestamps import moments
from tasks.values.untouched_fields import Untouched, read_untouched


@dataclass(frozen=True)
class Batch:
    """One validated batch: `valid` has `ROW` and the typed fields, `issues` is of `ISSUE_SCHEMA`.

    `flawed` are the rejected rows as far as they could be read, of which the rules over many records are asked too.

    `rejected` are the row numbers of the rows that errors reject, `keyless` how many of them have no readable key;
    `read` counts records (a blank line is none), `passed` the rows of the source.
    """

    valid: pl.DataFrame
    flawed: pl.DataFrame
    issues: pl.DataFrame
    rejected: pl.Series
    read: int
    passed: int
    keyless: int = 0


@dataclass
class Found:
    """What is found in the cells of a batch as their text is read; `own` has the own text of fields with a constant."""

    errors: list[pl.DataFrame] = field(default_factory=list)
    repairs: list[pl.DataFrame] = field(default_factory=list)
    warnings: list[pl.DataFrame] = field(default_factory=list)
    own: dict[str, pl.Series] = field(default_factory=dict)


@dataclass(frozen=True)
class Validator:
    """The rules of one import: a type, a mapping, and which empty cells are an error.

    `guarded` says that the source is of a format in which an apostrophe may stand before what looks like a formula;
    `own` are the user's own rules that are asked of cells; `options` say how numbers and empty cells are written.
    """

    resource: Resource
    mapping: Mapping
    mode: Mode = Mode.UPSERT
    empty: Empty = Empty.CLEAR
    guarded: bool = False
    own: tuple[Rule, ...] = ()
    options: ReadOptions = field(default_factory=ReadOptions)

    @cached_property
    def checks(self) -> CellChecks:
        """The checks of single cells."""
        return CellChecks(self.resource, self.mapping, self.guarded)

    def batches(self, extracted: Extracted, size: int) -> Iterator[Batch]:
        """Read a source in batches of `size` rows, in its order, and validate each."""
        schema = self.schema()
        for frame in extracted.frame.collect_batches(chunk_size=size, maintain_order=True):
            # Polars 2.1 fails on messages that are made of columns in several pieces (`pl.format` in `pl.format`).
            yield self.batch(frame.rechunk(), extracted, schema)

    def schema(self) -> pa.DataFrameSchema:
        """Return the pandera schema of the mapped fields; keys stay required where empty cells keep what is stored."""
        keep = self.empty is Empty.KEEP
        nullable = [name for name in self.mapping.fields if keep and name not in self.resource.key]
        return self.resource.schema_of(self.mapping.fields, nullable=nullable)

    def batch(self, frame: pl.DataFrame, extracted: Extracted, schema: pa.DataFrameSchema) -> Batch:
        """Validate one batch of `ROW` and text columns."""
        records, row_issues_found = self._records(frame, extracted)
        text, found = self._text(records)
        left = read_untouched(records, self.resource, text, self.mapping.constants)
        text = left.cleared(text)
        typed = self._typed(text).with_columns(left.columns)
        unreadable = [self.checks.unreadable(text, typed, name) for name in self.mapping.fields]
        cells = pl.concat([self._faulty_cells(records, extracted), self.checks.digits_lost(text)])
        unreadable = [each.join(cells, on=["row", "field"], how="anti") for each in unreadable if len(each)]
        wrong = pl.concat([row_issues_found, cells, *found.errors, *unreadable])
        failed = left.spared(self.checks.failures(text, typed, schema).join(wrong, on=["row", "field"], how="anti"))
        rules = self._broken_rules(text, typed, wrong, left)
        altered = [*found.repairs, *(self.checks.repairs(text, typed, name) for name in self.mapping.fields)]
        faults = pl.concat([wrong, failed])
        # A rejected cell is reported once.
        repairs = pl.concat(altered).join(faults, on=["row", "field"], how="anti") if altered else issues_frame()
        strange = [self.checks.unknown_choices(text, typed, name) for name in self.mapping.fields]
        kept = [self.checks.kept(text, typed, found.own, name) for name in found.own]
        no_key = without_unread(self._no_key(typed), wrong, self.resource.known_by)
        issues = pl.concat(
            [
                faults,
                *strange,
                *rules,
                no_key,
                left.issues,
                *self.checks.formulas(records),
                *found.warnings,
                *kept,
                repairs,
            ]
        )
        errors = issues.filter(pl.col("severity") == Severity.ERROR)["row"].unique()
        faulty = row_issues_found.filter(pl.col("severity") == Severity.ERROR)["row"].n_unique()
        wrong_row = pl.col(ROW).is_in(errors.implode())
        valid, flawed = (typed.filter(~wrong_row), typed.filter(wrong_row)) if len(errors) else (typed, typed.clear())
        keyless = self._keyless(pl.concat([faults, no_key]), row_issues_found) if len(errors) else 0
        return Batch(valid, flawed, issues, errors, len(records) + faulty, len(frame), keyless)

    def _keyless(self, cells: pl.DataFrame, of_rows: pl.DataFrame) -> int:
        """Count the rejected rows of unknown records: those that can't be read, and those without a sound key."""
        error = pl.col("severity") == Severity.ERROR
        of_key = cells.filter(error, pl.col("field").is_in(self.resource.key))
        return pl.concat([of_rows.filter(error)["row"], of_key["row"]]).n_unique()

    # What is a record ---------------------------------------------------------------------------------------------

    def _records(self, frame: pl.DataFrame, extracted: Extracted) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Set aside blank rows and those that can't be read rightly; returns the records, and what to tell."""
        rows = frame[ROW]
        faults = (
            extracted.faults.filter(pl.col("row").is_between(rows.min(), rows.max())) if len(rows) else issues_frame()
        )
        # A fault of one cell leaves the rest of its row to be read: `_faulty_cells`.
        faults = faults.filter(pl.col("column").is_null())
        faulty = faults["row"].unique()
        if len(faulty):
            frame = frame.filter(~pl.col(ROW).is_in(faulty.implode()))
        notes = [column for column in extracted.columns if column.startswith(NOTE)]
        frame, examples = self._without_examples(frame, notes)
        columns = [column for column in extracted.columns if column not in notes]
        blank = _blank_rows(frame, columns)
        if len(blank):
            empty = pl.col(ROW).is_in(blank.implode())
            noted = pl.any_horizontal(pl.lit(value=False), *(pl.col(note).str.len_bytes() > 0 for note in notes))
            blank = frame.filter(empty & ~noted.fill_null(value=False))[ROW]
            frame = frame.filter(~empty)
        blanks = row_issues(
            blank, rule="blank", severity=Severity.WARNING, message=pl.format("row {} is blank and is left out", "row")
        )
        return frame, pl.concat([faults, examples, blanks])

    def _without_examples(self, frame: pl.DataFrame, notes: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Leave out the rows of a template that are its examples still; returns the others, and the issues.

        A row that was typed over an example, and still has the note, is a record.
        """
        marked = pl.any_horizontal(pl.lit(value=False), *(pl.col(note).str.strip_chars() == EXAMPLE for note in notes))
        rows = frame.filter(marked.fill_null(value=False)) if notes else frame.clear()
        if rows.is_empty():
            return frame, issues_frame()
        is_example = self._row_images(self._text(rows)[0]).is_in(self._row_images(self._examples()).implode())
        left_out, others = rows[ROW].filter(is_example), rows[ROW].filter(~is_example)
        issues = [
            row_issues(rows, rule="example", severity=Severity.WARNING, message=pl.format(f"row {{}} {says}", "row"))
            for rows, says in (
                (left_out, "is an example of the template and is left out"),
                (others, "differs from the template's example and is imported, though its note still says 'example'"),
            )
        ]
        return frame.filter(~pl.col(ROW).is_in(left_out.implode())), pl.concat(issues)

    def _row_images(self, text: pl.DataFrame) -> pl.Series:
        """One text for the mapped cells of each row: the same for the same values in the same cells."""
        names = [match.field for match in self.mapping.matches]
        filled = text.select(pl.concat_str(pl.col(names).is_not_null().cast(pl.String)).alias("image"))["image"]
        return filled + self._typed(text).select(pl.struct(names).struct.json_encode().alias("image"))["image"]

    def _examples(self) -> pl.DataFrame:
        """The example rows of the type's template, as `_text` gives the rows of a source."""
        rows = self.resource.examples
        columns = {match.column: [row[match.field] for row in rows] for match in self.mapping.matches}
        columns |= {self.mapping.seen: [""] * len(rows)} if self.mapping.seen else {}
        return self._text(pl.DataFrame({ROW: range(len(rows)), **columns}, schema_overrides={ROW: pl.UInt32}))[0]

    def _typed(self, text: pl.DataFrame) -> pl.DataFrame:
        """The values of a batch of text; what is no value of its field's kind is null."""
        return text.select(ROW, *self._export_time_column(), *(self._read(text, name) for name in self.mapping.fields))

    def _faulty_cells(self, records: pl.DataFrame, extracted: Extracted) -> pl.DataFrame:
        """The faults of cells of these records, as far as their columns are read."""
        fields = {match.column: match.field for match in self.mapping.matches}
        faults = extracted.faults.filter(pl.col("column").is_in(fields), pl.col("row").is_in(records[ROW].implode()))
        return faults.with_columns(field=pl.col("column").replace_strict(fields, default=None, return_dtype=pl.String))

    def _text(self, records: pl.DataFrame) -> tuple[pl.DataFrame, Found]:
        """Return `ROW` and one column of text for each field, null where it is empty, and what was found in the cells.

        A constant stands in the empty cells of its field, or in all of them.
        """
        found = Found()
        columns: dict[str, pl.Series] = {}
        for match in self.mapping.matches:
            if match.field not in self.mapping.overrides:
                columns[match.field] = self._cells_of(records, match, found)
        for name, value in self.mapping.constants.items():
            column = pl.select(pl.repeat(value, len(records), dtype=pl.String)).to_series()
            if name in columns:
                found.own[name] = columns[name]
                column = columns[name].fill_null(column) if columns[name].null_count() else columns[name]
            columns[name] = column.set(column.is_in(["", *self.resource.fields[name].kind.blanks]), None)
        seen = [self._export_times(records, found)] if self.mapping.seen else []
        ordered = [columns[name].alias(name) for name in self.mapping.fields]
        return pl.DataFrame([records[ROW], *seen, *ordered]), found

    def _cells_of(self, records: pl.DataFrame, match: Match, found: Found) -> pl.Series:
        """The text of one column, and of the column that is read together with it."""
        kind, name = self.resource.fields[match.field].kind, match.field
        cells = read_cells(
            self._unguarded(records[match.column].str.strip_chars(), kind),
            kind,
            self.options,
            named=name in ("name", *self.resource.key, *self.resource.references),
            refers=name in self.resource.references,
        )
        for notes, issues in (
            (cells.errors, found.errors),
            (cells.repairs, found.repairs),
            (cells.warnings, found.warnings),
        ):
            issues += [self._note_issues(records, cells.before, note, name) for note in notes]
        join = next((join for join in self.mapping.joins if join.field == name), None)
        if join is None or join.column not in records.columns:
            return cells.text
        second = read_cells(records[join.column].str.strip_chars(), kind, self.options, named=True, refers=True)
        return joined(cells.text, second.text, join.measure)

    def _unguarded(self, values: pl.Series, kind: Kind) -> pl.Series:
        return unguarded(values) if self.guarded and is_free(kind) else values

    def _note_issues(self, records: pl.DataFrame, before: pl.Series, note: Note, name: str) -> pl.DataFrame:
        """What there is to tell of the cells of a column."""
        rows = pl.DataFrame({ROW: records[ROW], name: before}).filter(note.where)
        rows = rows.with_columns(without_control(rows[name]).alias(name))
        text = note.text.filter(note.where) if isinstance(note.text, pl.Series) else pl.lit(note.text)
        return cell_issues(self.mapping, rows, name, note.rule, text, note.severity)

    def _export_time_column(self) -> list[str]:
        return [SEEN_AT] if self.mapping.seen else []

    def _export_times(self, records: pl.DataFrame, found: Found) -> pl.Series:
        """When each record had been changed last as the file was exported."""
        column = str(self.mapping.seen)
        values = records[column].str.strip_chars()
        values = values.set((values == "") | is_empty_word(values, TEXT), None)
        read = moments(values)
        where = values.is_not_null() & read.is_null()
        message = "'{}' is not a time that can be read: write it as 2026-11-24T08:30:00.123456Z, or leave it empty"
        found.errors.append(
            row_issues(
                records.filter(where)[ROW],
                rule="time",
                message=pl.format(message, "value"),
                column=column,
                value=values.filter(where),
            )
        )
        return read.alias(SEEN_AT)

    def _read(self, text: pl.DataFrame, name: str) -> pl.Series:
        values, kind = text[name], self.resource.fields[name].kind
        if values.null_count() == len(values):
            return pl.Series(name, [None] * len(values), dtype=kind.dtype)
        return kind.read(values).alias(name)

    # What is wrong with a row -------------------------------------------------------------------------------------

    def _broken_rules(
        self, text: pl.DataFrame, typed: pl.DataFrame, wrong: pl.DataFrame, left: Untouched
    ) -> list[pl.DataFrame]:
        """The issues of the type's rules of rows and the user's own rules of cells."""
        built_in = [
            left.spared(self._broken_row_rule(text, typed, rule, wrong), rule.fields)
            for rule in self.resource.row_rules
        ]
        own = [
            without_unread(broken_cells(rule, self.resource, self.mapping, typed), wrong, rule.fields)
            for rule in self.own
        ]
        return [*built_in, *own]

    def _broken_row_rule(
        self, text: pl.DataFrame, typed: pl.DataFrame, rule: RowRule, wrong: pl.DataFrame
    ) -> pl.DataFrame:
        absent = set(rule.fields) - set(self.mapping.fields)
        if absent and (not rule.partial or absent == set(rule.fields) or self.mode is Mode.UPDATE):
            return issues_frame()
        empty = (pl.lit(None, self.resource.fields[name].kind.dtype).alias(name) for name in absent)
        where = typed.with_columns(empty).select(rule.broken().fill_null(value=False).alias("broken"))["broken"]
        if rule.in_service and STATE in typed.columns:
            where = where & ~typed[STATE].is_in(list(self.resource.dead)).fill_null(value=False)
        if not where.any():
            return issues_frame()
        found = cell_issues(
            self.mapping, text.filter(where), rule.field, rule.name, pl.lit(rule.message), rule.severity
        )
        return without_unread(found, wrong, rule.fields)

    def _no_key(self, typed: pl.DataFrame) -> pl.DataFrame:
        """Rows without a natural key, where it may come from several optional fields."""
        if not self.resource.either:
            return issues_frame()
        present = [name for name in self.resource.known_by if name in self.mapping.fields]
        titles = " or ".join(self.resource.fields[name].title for name in self.resource.known_by)
        rows = typed.filter(pl.all_horizontal(pl.col(name).is_null() for name in present))[ROW]
        return row_issues(
            rows,
            rule="required",
            field=self.resource.known_by[0],
            message=pl.lit(f"{titles} is required, and the cells are empty"),
        )


def _blank_rows(frame: pl.DataFrame, columns: list[str]) -> pl.Series:
    """The rows in whose cells is nothing but spaces."""
    # Where the first cell holds something, the others need not be looked at.
    rest = frame.filter(pl.col(columns[0]).str.strip_chars().fill_null("") == "") if columns else frame
    filled = pl.any_horizontal(pl.col(column).str.strip_chars().str.len_bytes() > 0 for column in columns)
    return rest.filter(~filled.fill_null(value=False))[ROW] if columns else rest[ROW]

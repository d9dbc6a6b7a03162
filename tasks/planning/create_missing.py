"""Records that do not exist and that rows refer to, created in the same run where a job asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from sqlalchemy import Connection

from schemas.errors import UsageError
from schemas.issues import Issue, Severity
from schemas.jobs import LoadOptions
from schemas.language.spelling import near_misses, nearest_of
from schemas.mapping import Mapping, Match
from schemas.model.resource import Resource
from schemas.model.rules import Reference
from schemas.resources import RESOURCES, resource
from schemas.sources import ROW, Extracted
from tasks.rules.evaluate import of_cells
from tasks.runtime.context import RunContext
from tasks.runtime.type_load import Loads, TypeLoad
from tasks.runtime.values import MappedSource, Tally
from tasks.store import ledger
from tasks.store.merge.target import Target
from tasks.store.resolve.ambiguous_values import AmbiguousValue
from tasks.store.resolve.missing_references import (
    Referred,
    drop_unreferred,
    known_keys,
    referred,
    referring,
    stage,
    unknown_values,
)
from tasks.values.validator import Batch, Validator

RULE = "created_reference"
"""The rule of a warning that a record is created because a row refers to it."""

_COLUMN = "(references)"

# Names that a new one is compared with, and warnings about created records that are kept.
_MOST_NAMES, _MOST = 20_000, 1_000


def created_types(job: LoadOptions) -> tuple[Resource, ...]:
    """Return the types of which records may be created; raises UsageError where a reference does not hold enough."""
    found = tuple(dict.fromkeys(resource(name) for name in job.create_missing))
    for each in found:
        if each.beyond_reference:
            titles = ", ".join(each.fields[name].title for name in each.beyond_reference)
            raise UsageError(
                f"Records of {each.type} cannot be created from references, which lack {titles}. Import them first.",
                type=each.type,
            )
    return found


def with_referred(sources: tuple[MappedSource, ...], job: LoadOptions, name: str) -> tuple[MappedSource, ...]:
    """Add a source for each type that may be created and that rows refer to; returns all in the order of loading."""
    own = {source.resource.type for source in sources}
    named = {
        rule.to
        for source in sources
        for rule in source.resource.rules(Reference)
        if rule.field in source.mapping.fields
    }
    more = enumerate((each for each in created_types(job) if each.type in named - own), len(sources))
    new = [MappedSource(number, each, name, _mapping(each), referred=True) for number, each in more]
    return tuple(sorted((*sources, *new), key=lambda source: list(RESOURCES).index(source.resource.type)))


def _mapping(of: Resource) -> Mapping:
    return Mapping(tuple(Match(_COLUMN, name, 1.0, "reference") for name in of.known_by))


class Creating:
    """The creating of records that the rows of one type refer to, inside the transaction that resolves these rows.

    `loads` are those of the types of which records are created, by type, as they are so far.
    """

    def __init__(self, run: RunContext, connection: Connection, loads: Loads) -> None:
        self.run = run
        self.connection = connection
        types = created_types(run.job)
        # A plan that is made again creates records of no other types than it was shown, and allowed, to.
        named = [load for load in loads if load.resource in types and (run.moved is None or load.tally.read)]
        self.loads = {load.resource.type: load for load in named}
        self.created = 0

    def create(self, target: Target, ambiguous: list[AmbiguousValue]) -> dict[tuple[str, str], AmbiguousValue]:
        """Stage the records that the rows refer to and that do not exist; returns why the others are not created."""
        refused: dict[tuple[str, str], AmbiguousValue] = {}
        unclear = {(each.field, each.value) for each in ambiguous if each.message}
        for name in self.loads:
            for rule in referring(target, name):
                values = unknown_values(self.connection, target, rule)
                wanted = [value for value in values if (rule.field, value) not in unclear]
                left = self._created(target, rule, wanted) if wanted else []
                refused |= {(each.field, each.value): each for each in left}
        return refused

    def _created(self, target: Target, rule: Reference, values: list[str]) -> list[AmbiguousValue]:
        """Stage the records of these keys, but for those that may be misspelt and those that break the type's rules."""
        load = self.loads[rule.to]
        title = load.resource.title
        known = known_keys(self.connection, target, rule.to, _MOST_NAMES) if load.resource.other_names else []
        near = near_misses(values, known)
        # Of the spellings of a name in several cases, the one that most rows have.
        names = {value.lower(): value for value in reversed(values) if value not in near}
        new = [value for value in values if names.get(value.lower()) == value]
        batch = self._validated(load, new)
        staging = stage(self.connection, load.staging, batch.valid.drop(ROW))
        tally = replace(self._warned(load, batch), read=load.tally.read + len(batch.valid))
        self.loads[rule.to] = replace(load, staging=staging, tally=tally)
        self.created += len(batch.valid)
        why = {new[row]: message for row, message in _errors(batch)}
        message = "is not a known {}, and too close to '{}' to be created: correct it, or import it first"
        return [
            *(_ambiguous_value(rule, value, message.format(title, like), like) for value, like in near.items()),
            *(
                _ambiguous_value(rule, value, f"is no {title} that can be created: {wrong}")
                for value, wrong in why.items()
            ),
        ]

    def _validated(self, load: TypeLoad, keys: list[str]) -> Batch:
        """Validate records of nothing but a key as if a file held them; their rows are numbered from 0."""
        of, job = load.resource, self.run.job
        fields = [name for name in of.known_by if name in load.staging.fields]
        places = [name if (name := of.known_as(key)) in fields else fields[-1] for key in keys]
        cells = {
            name: [key if place == name else None for key, place in zip(keys, places, strict=True)] for name in fields
        }
        schema = {ROW: pl.UInt32(), **dict.fromkeys(fields, pl.String())}
        frame = pl.DataFrame({ROW: range(len(keys)), **cells}, schema=schema)
        matched = Mapping(tuple(Match(name, name, 1.0, "reference") for name in fields))
        whole = () if load.staging.untouched else self.run.rules_of(of)
        own = tuple(rule for rule in whole if of_cells(rule, load.mapping, job.mode, job.empty))
        validator = Validator(of, matched, own=own)
        source = Extracted(
            frame=frame.lazy(), columns=tuple(fields), path=Path(), name=load.source.name, format="", size=0, sha256=""
        )
        return validator.batch(frame, source, validator.schema())

    def _warned(self, load: TypeLoad, batch: Batch) -> Tally:
        """Enter in the ledger what the user's own rules warn of; no row of the source has it. Returns the tally."""
        warned = batch.issues.filter(pl.col("severity") == Severity.WARNING).with_columns(row=pl.lit(None, pl.UInt32))
        ledger.add_issues(self.connection, self.run.run_id, warned, load.number)
        counts = warned.group_by("rule").len().rows()
        return load.tally.with_rules({(rule, str(Severity.WARNING)): count for rule, count in counts})


def _errors(batch: Batch) -> list[tuple[int, str]]:
    """Return the first error of each rejected row."""
    errors = batch.issues.filter(pl.col("severity") == Severity.ERROR).unique("row", keep="first", maintain_order=True)
    return list(errors.select("row", "message").iter_rows())


def _ambiguous_value(rule: Reference, value: str, text: str, suggestion: str | None = None) -> AmbiguousValue:
    return AmbiguousValue(rule.field, value, None, f"'{value}' {text}", suggestion, ambiguous=False)


def without_unreferred(run: RunContext, connection: Connection, loads: Loads, targets: Sequence[Target]) -> Loads:
    """Drop the records that only rejected rows refer to; warn of each other one at the first row that refers to it."""
    types = created_types(run.job)
    warnings: dict[int, list[Issue]] = {}
    left: list[TypeLoad] = []
    for load, target in zip(loads, targets, strict=True):
        if load.resource not in types:
            left.append(load)
            continue
        others = [other for other in targets if other is not target]
        dropped = drop_unreferred(connection, target, others)
        staging = replace(load.staging, rows=load.staging.rows - dropped)
        left.append(replace(load, staging=staging, tally=replace(load.tally, read=load.tally.read - dropped)))
        found = referred(connection, target, others, _MOST)
        known = known_keys(connection, targets[-1], load.resource.type, _MOST_NAMES)
        for number, records in found.items():
            warnings.setdefault(number, []).extend(_warnings(load.resource, records, number, known))
    return tuple(replace(load, created=_in_columns(load, warnings.get(load.number, []))) for load in left)


def _in_columns(load: TypeLoad, issues: list[Issue]) -> tuple[Issue, ...]:
    """Return issues with the columns of their fields."""
    columns = {match.field: match.column for match in load.mapping.matches}
    return tuple(replace(issue, column=columns.get(issue.field or "")) for issue in issues)


def _warnings(of: Resource, records: list[Referred], part: int, known: list[str]) -> list[Issue]:
    keys = {record.key for record in records}
    like = nearest_of(keys, [name for name in known if name not in keys]) if of.other_names else {}
    found = []
    for record in records:
        near = f"; it is spelt like '{like[record.key]}'" if record.key in like else ""
        message = f"'{record.key}' is not a known {of.title}: it is created{near}"
        found.append(Issue(RULE, message, Severity.WARNING, record.row, None, record.field, record.key, part=part))
    return found

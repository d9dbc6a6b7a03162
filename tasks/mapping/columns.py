"""Columns to fields: which source column fills which field, with which confidence, and what is left over."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dict
from dataclasses import replace

import polars as pl

from schemas.errors import MappingError
from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode, Unknown
from schemas.language.remedies import option
from schemas.language.spelling import nearest, plain
from schemas.language.wording import some_of
from schemas.mapping import Join, Mapping, Match, constant
from schemas.model.resource import Resource
from schemas.sources import NOTE, ROW, UNTOUCHED, Extracted
from tasks.formats.base import ABSENT
from tasks.mapping.lineage_columns import lineage_columns
from tasks.mapping.match_names import duplicate_columns, match_by_name
from tasks.mapping.match_values import account_of_owner, block_joins, match_by_values
from tasks.mapping.options import MapOptions, field_name


def map_columns(
    columns: tuple[str, ...],
    resource: Resource,
    options: MapOptions,
    mode: Mode,
    head: pl.DataFrame | None = None,
) -> Mapping:
    """Fit the columns of a source to the fields of a type; raises MappingError, with what fits, when they do not.

    A column whose name begins with `#` is a note, such as those of a file of rejects, and is passed over. Columns of
    an export's lineage fill no field; the time of a record's last change says whether the file is stale. `head` has
    the first records: a column whose name says nothing may be known by their values.
    """
    given = {_column_name(name, columns): field_name(target, resource) for name, target in options.columns.items()}
    constants, overrides = _parsed_constants(resource, options)
    chosen = _chosen_matches(columns, resource, options, given)
    secret = _secret_columns(columns, resource)
    notes = [column for column in columns if column.startswith(NOTE)]
    lineage = lineage_columns(columns)
    seen = next((column for column, name in lineage.items() if name == "updated_at" and column not in given), None)
    settled = {*given, *(match.column for match in chosen), *secret, *notes, *lineage}
    free = [column for column in columns if column not in settled]
    fitted, joins, doubles = _fitting_matches(free, chosen, resource, constants, head)
    matches = tuple(sorted([*chosen, *fitted], key=lambda match: columns.index(match.column)))
    read = {*(match.column for match in fitted), *(join.column for join in joins)}
    unknown = tuple(column for column in free if column not in read)
    mapping = Mapping(matches, constants, unknown, tuple(secret), seen, overrides, joins)
    if doubles := duplicate_columns(chosen) + doubles:
        raise MappingError(doubles[0], mapping)
    _require_needed_fields(mapping, resource, mode, columns)
    if mapping.unknown and options.unknown is Unknown.REFUSE:
        raise MappingError(
            f"These columns fit no field of {resource.type}: {_quoted_names(mapping.unknown)}. Map or remove them.",
            mapping,
            type=resource.type,
            columns=mapping.unknown,
        )
    return mapping


def _chosen_matches(
    columns: tuple[str, ...], resource: Resource, options: MapOptions, given: Dict[str, str]
) -> list[Match]:
    """The columns that the caller has decided on, now or in a saved mapping."""
    chosen = [Match(column, target, 1.0, "given") for column, target in given.items() if target]
    return chosen + [
        Match(column, target, 1.0, "saved")
        for column, target in options.saved.items()
        if column in columns and column not in given and target in resource.fields and target not in given.values()
    ]


def _fitting_matches(
    free: list[str],
    chosen: list[Match],
    resource: Resource,
    constants: Dict[str, str],
    head: pl.DataFrame | None,
) -> tuple[list[Match], tuple[Join, ...], list[str]]:
    """Fit columns by their names, by what the next one says of them, by their values; says what is in doubt, too."""
    taken = {match.field for match in chosen}
    found, doubles = match_by_name(free, resource, taken)
    taken |= {match.field for match in found}
    found = [account_of_owner(match, resource, taken, head) for match in found]
    left = [column for column in free if column not in {match.column for match in found}]
    joined, joins = block_joins(left, [*chosen, *found], resource, head)
    found += joined
    read = {*(match.column for match in joined), *(join.column for join in joins)}
    filled_by = {*taken, *(match.field for match in found), *constants}
    found += match_by_values([column for column in left if column not in read], resource, filled_by, head)
    return found, joins, doubles


def with_untouched(source: Extracted, mapping: Mapping, resource: Resource) -> Extracted:
    """Return a source whose rows name the fields they leave as they are stored, instead of the columns they lack."""
    if ABSENT not in source.columns:
        return source
    keys = resource.key
    fields_by = {match.column: match.field for match in mapping.matches if match.field not in keys}
    absent = source.frame.select(pl.col(ABSENT).unique()).collect()[ABSENT].drop_nulls()
    named = {text: ",".join(_fields_of(text.split("\n"), fields_by)) for text in absent}
    columns = tuple(column for column in source.columns if column != ABSENT)
    if not any(named.values()):
        return replace(source, frame=source.frame.select(ROW, *columns), columns=columns)
    fields = pl.col(ABSENT).replace_strict(named, default=None, return_dtype=pl.String).replace("", None)
    had = [pl.col(UNTOUCHED)] if UNTOUCHED in columns else []
    whole = pl.concat_str([*had, fields], separator=",", ignore_nulls=True).replace("", None)
    columns = (*(column for column in columns if column != UNTOUCHED), UNTOUCHED)
    frame = source.frame.with_columns(whole.alias(UNTOUCHED)).select(ROW, *columns)
    return replace(source, frame=frame, columns=columns)


def _fields_of(lacking: Iterable[str], fields_by: Dict[str, str]) -> list[str]:
    """The fields of the columns that a row lacks: of `Options`, that is `Options.DnsSupport`, too."""
    names = set(lacking)
    parts = {column: column.split(".") for column in fields_by}
    return [
        field
        for column, field in fields_by.items()
        if any(".".join(parts[column][:length]) in names for length in range(1, len(parts[column]) + 1))
    ]


def _parsed_constants(resource: Resource, options: MapOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """The constants by field, and the fields in which they override what the source has."""
    given = {field_name(name, resource): constant(text) for name, text in options.constants.items()}
    return {name: value for name, (value, _) in given.items()}, tuple(name for name, (_, wins) in given.items() if wins)


def columns_of_nothing(resource: Resource, options: MapOptions) -> tuple[str, ...]:
    """Return the columns that a source without any, which has no records, is given: those that the type needs."""
    filled = {field_name(name, resource) for name in options.constants}
    return tuple(name for name in dict.fromkeys((*resource.key, *resource.required)) if name not in filled)


def notices(mapping: Mapping, unknown: Unknown) -> list[Issue]:
    """Return what a person should know of the columns that are not imported, or not by themselves."""
    message = "column '{}' holds secrets and is not read"
    issues = [Issue("secret", message.format(column), Severity.WARNING) for column in mapping.secret]
    for name in mapping.overrides:
        if column := mapping.column_of(name):
            text = f"column '{column}' is not read: the constant {mapping.constants[name]} overrides it"
            issues.append(Issue("constant", text, Severity.WARNING, column=column, field=name))
    for join in mapping.joins:
        first = mapping.column_of(join.field)
        text = f"columns '{first}' and '{join.column}' are read together as one block: address and {join.measure}"
        issues.append(Issue("joined", text, Severity.WARNING, column=join.column, field=join.field))
    if mapping.unknown and unknown is Unknown.WARN:
        text = f"columns that fit no field are left out: {_quoted_names(mapping.unknown)}"
        issues.append(Issue("unknown_column", text, Severity.WARNING))
    return issues


def _column_name(name: str, columns: tuple[str, ...]) -> str:
    same = [column for column in columns if column == name] or [c for c in columns if plain(c) == plain(name)]
    if len(same) == 1:
        return same[0]
    near = nearest(name, columns)
    hint = f"did you mean '{near}'?" if near else f"its columns are {_quoted_names(columns)}."
    raise MappingError(f"The source has no column '{name}': {hint}", column=name, choices=columns)


def _secret_columns(columns: tuple[str, ...], resource: Resource) -> list[str]:
    secrets = {plain(name) for name in resource.document.secrets} if resource.document else set()
    return [column for column in columns if plain(column.rsplit(".", 1)[-1]) in secrets]


def _require_needed_fields(mapping: Mapping, resource: Resource, mode: Mode, columns: tuple[str, ...]) -> None:
    wanted = resource.key if mode is Mode.UPDATE else resource.required
    missing = [name for name in wanted if name in resource.required and name not in mapping.fields]
    if resource.either and not set(resource.known_by) & set(mapping.fields):
        missing.append(resource.known_by[0])
    if missing:
        first = missing[0]
        near = nearest(first, mapping.unknown, cutoff=0.8)
        perhaps = f" Perhaps '{near}' is {first}." if near else ""
        raise MappingError(
            f"No column fills {_quoted_names(tuple(missing))}, which {resource.type} needs.{perhaps} "
            f"The columns are {_quoted_names(columns)}: "
            f"name one with {option('columns', f'COLUMN={first}')}, or give a value for all rows with "
            f"{option('constants', f'{first}=VALUE')}.",
            mapping,
            tuple(missing),
            type=resource.type,
            columns=columns,
        )


def _quoted_names(names: tuple[str, ...], most: int = 12) -> str:
    return some_of([f"'{name[:60]}'" for name in names], most)

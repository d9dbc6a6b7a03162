"""Infer: which resource type the records of a source are of, by the names of its columns and its first values."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from schemas.errors import UnknownType
from schemas.language.remedies import option
from schemas.language.spelling import plain
from schemas.mapping import Match, Measure
from schemas.model.kinds.addresses import BLOCK
from schemas.model.kinds.kind import Read
from schemas.model.resource import SOURCE_ID, Resource
from schemas.model.tables import LINEAGE
from schemas.resources import RESOURCES
from schemas.sources import EXAMPLE, NOTE, Extracted
from tasks.formats.header import names_fields
from tasks.mapping.block_columns import MEASURES
from tasks.mapping.column_samples import are_ids, filled, is_readable, resembles_field
from tasks.mapping.match_names import exact_matches, is_id

HEAD = 200
"""How many records are looked at."""


def first_records(extracted: Extracted) -> pl.DataFrame:
    """Return the first records of a source as text columns, without the examples of a template."""
    head = extracted.frame.head(HEAD).collect()
    notes = [name for name in extracted.columns if name.startswith(NOTE)]
    is_example = pl.any_horizontal(pl.lit(value=False), *(pl.col(note).str.strip_chars() == EXAMPLE for note in notes))
    return head.filter(~is_example.fill_null(value=False)) if notes else head


class Head:
    """The first records of a source, whose columns are looked at for each type and read but once for each kind."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._cells: dict[str, pl.Series] = {}
        self._readable: dict[tuple[str, str, Read, str | None], bool] = {}

    def cells(self, column: str) -> pl.Series:
        """Return the cells of a column that hold something."""
        if column not in self._cells:
            self._cells[column] = filled(self._frame[column])
        return self._cells[column]

    def is_readable(self, column: str, resource: Resource, name: str, *, ending: str = "") -> bool:
        """Say whether a field can be read from the cells of a column, with this ending."""
        key = (column, ending, resource.fields[name].kind.read, resource.pattern(name))
        if key not in self._readable:
            cells = self.cells(column)
            self._readable[key] = is_readable(cells + ending if ending else cells, resource, name)
        return self._readable[key]


@dataclass(frozen=True)
class Candidate:
    """A type that the columns may be of: what they fill of it, which fields alone it has, and what speaks against it.

    `own_key` says that the key's column is named as no other type's column is.
    """

    resource: Resource
    matches: tuple[Match, ...]
    key: tuple[Match, ...]
    own_key: bool
    specific: tuple[str, ...]
    missing: tuple[str, ...]
    reasons_against: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        """Whether the key and something that only this type has are there, and nothing speaks against it."""
        return bool(self.key and (self.own_key or self.specific) and not self.reasons_against)

    @property
    def lacks(self) -> str:
        """Why it is not certain, in words."""
        titles = {name: spec.title for name, spec in self.resource.fields.items()}
        if not self.key:
            return f"lacks {' and '.join(titles[name] for name in _keys(self.resource))}"
        if self.reasons_against:
            return "; ".join(self.reasons_against)
        if not (self.own_key or self.specific):
            own = [title for name, title in titles.items() if _is_specific(self.resource, name)]
            return f"lacks a column that only it has, such as {', '.join(own[:4])}"
        return "fits"


def detect_type(extracted: Extracted) -> Resource:
    """Return the one type that the columns are of; raises UnknownType, with the best candidates, when in doubt.

    The key of the type and a field that no other type has must be there; the name of a key such as `vpc_id` is both.
    A column `id` is the key of the type whose ids it holds.
    """
    head = Head(first_records(extracted))
    columns = _identifying_columns(extracted.columns)
    if (by_id := _by_id(columns, head)) is not None:
        return by_id
    left = _certain_candidates(columns, head)
    if len(left) == 1:
        return left[0].resource
    raise _unknown_type_error(
        extracted, left or [_candidate(each, columns, head) for each in RESOURCES.values()], columns
    )


def _certain_candidates(columns: list[str], head: Head) -> list[Candidate]:
    """The types that the columns are certainly of, without those whose key is but a reference of another."""
    # By their names alone most types have no key here, and the cells need not be read as theirs.
    keyed = [each for each in RESOURCES.values() if not set(_keys(each)).isdisjoint(_fields_by_name(columns, each))]
    certain = [candidate for resource in keyed if (candidate := _candidate(resource, columns, head)).is_certain]
    return [
        each for each in certain if not any(_is_reference_of(other, each) for other in certain if other is not each)
    ]


def _fields_by_name(columns: list[str], resource: Resource) -> set[str]:
    """The fields of a type that columns fill by their names."""
    return {match.field for match in exact_matches(columns, resource)}


def tells_type(resource: Resource, head: pl.DataFrame) -> bool:
    """Say whether columns, and their first values as text, say by themselves that their records are of a type."""
    columns, seen = _identifying_columns(head.columns), Head(head)
    left = _certain_candidates(columns, seen)
    return [each.resource for each in left] == [resource]


def _identifying_columns(columns: Iterable[str]) -> list[str]:
    """The columns that may identify a type: notes and lineage do not."""
    return [column for column in columns if not column.startswith(NOTE) and not _is_lineage(column)]


def has_key(extracted: Extracted, resource: Resource) -> bool:
    """Say whether a source has columns for the key of a type, by their names."""
    return bool(_candidate(resource, list(extracted.columns), Head(first_records(extracted))).key)


def _is_lineage(column: str) -> bool:
    return plain(column) in {plain(name) for name in LINEAGE}


def _by_id(columns: list[str], head: Head) -> Resource | None:
    """The type whose ids a column called just `id` holds."""
    for column in columns:
        cells = head.cells(column) if plain(column) == "id" else pl.Series(dtype=pl.String)
        found = [r for r in RESOURCES.values() if r.id_form and resembles_field(cells, r, r.key[0])]
        if len(found) == 1:
            return found[0]
    return None


def _candidate(resource: Resource, columns: list[str], head: Head) -> Candidate:
    keys = _keys(resource)
    found = exact_matches(columns, resource)
    block = next((name for name in keys if resource.fields[name].kind.name == BLOCK.name), None)
    masks = [column for column in columns if block and plain(column) in MEASURES[Measure.MASK]]
    sound = [match for match in found if _is_sound(match, resource, head, block if masks else None)]
    fields = {match.field for match in sound}
    key = tuple(match for match in sound if match.field in keys)
    whole = bool(key) if resource.either else len(key) == len(keys)
    own_key = whole and any(_names_key(resource, match) for match in key)
    specific = tuple(m.field for m in sound if m.field not in keys and _is_only_of(resource, m.column))
    if masks and block and block in fields:  # a mask says that its neighbour is a block
        specific = (*specific, block)
        found += [Match(masks[0], block, 1.0, "alias")]
    missing = tuple(name for name in resource.required if name not in fields)
    candidate = Candidate(resource, tuple(found), key if whole else (), own_key, specific, missing, ())
    return (
        replace(candidate, reasons_against=tuple(_reasons_to_doubt(candidate, columns, head))) if whole else candidate
    )


def _is_sound(match: Match, resource: Resource, head: Head, masked: str | None) -> bool:
    """Say whether a field can be read from the first cells of a column; a block with a mask elsewhere has no length."""
    return head.is_readable(match.column, resource, match.field, ending="/32" if match.field == masked else "")


def _keys(resource: Resource) -> tuple[str, ...]:
    """The fields of the key that every record has; where it is one or the other, any of them."""
    if resource.either:
        return tuple(name for name in resource.known_by if name != SOURCE_ID)
    return tuple(name for name in resource.key if name in resource.required)


def _reasons_to_doubt(candidate: Candidate, columns: list[str], head: Head) -> list[str]:
    """Say what speaks against a type whose key is there."""
    resource = candidate.resource
    known = {match.column for match in candidate.matches}
    unknown = [column for column in columns if column not in known]
    reasons = []
    # What else is said of a related object, such as `site.id` next to `site.name`, speaks for no other type.
    related = {_accessor_root(column) for column in known}
    strange = [column for column in unknown if _accessor_root(column) not in related]
    if len(known) < len(strange):
        reasons.append(f"most columns are none of its fields, such as '{strange[0][:60]}'")
    if candidate.missing and unknown:
        reasons.append(f"lacks {', '.join(resource.fields[name].title for name in candidate.missing)}")
    if resource.id_form and _mostly_repeats(head.cells(candidate.key[0].column)):
        reasons.append(f"the values of '{candidate.key[0].column}' repeat, as those of a reference do")
    if stranger := _key_of_others(candidate, unknown, columns, head):
        reasons.append(f"'{stranger}' looks like the id of something else, which refers to it")
    if not candidate.own_key and any(_names_type(resource, column) for column in unknown):
        reasons.append(f"a column refers to a {resource.title}")
    return reasons


def _accessor_root(column: str) -> str:
    """Return the name of the object that an accessor begins with: `site` of `site.region.name` and `site__name`."""
    return re.split(r"\.|__", column.lower(), maxsplit=1)[0]


def _mostly_repeats(cells: pl.Series) -> bool:
    return len(cells) > _FEW and cells.n_unique() * 2 <= len(cells)


_FEW = 2


def _key_of_others(candidate: Candidate, unknown: list[str], columns: list[str], head: Head) -> str | None:
    """A column of ids of a type that is none of ours, whose records refer to this type: instances lie in a subnet."""
    if not candidate.resource.id_form:
        return None
    key = candidate.key[0].column
    repeats = not head.cells(key).is_unique().all()
    for column in unknown:
        ids = is_id(column) and are_ids(head.cells(column))
        if ids and (repeats or columns.index(column) < columns.index(key)):
            return column
    return None


def _is_reference_of(other: Candidate, each: Candidate) -> bool:
    """Say whether the key of one is but a reference of the other, whose own key the one does not have."""
    theirs = {match.column for match in other.matches}
    ours = {match.column for match in each.matches}
    return {m.column for m in each.key} <= theirs and not {m.column for m in other.key} <= ours


# What the declarations say -------------------------------------------------------------------------------------------


@cache
def _fields_by_spelling() -> dict[str, frozenset[tuple[str, str]]]:
    """Every plain spelling of a field, with the types and fields that have it."""
    owners: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for resource in RESOURCES.values():
        for name, spellings in resource.spellings.items():
            for spelling in frozenset().union(*spellings):
                owners[spelling].add((resource.type, name))
    return {spelling: frozenset(found) for spelling, found in owners.items()}


# Words for columns of lists of anything: that only one type has them here says nothing of what a list is about.
# fmt: off
_EVERYDAY = frozenset((
    "as", "default", "dns", "function", "group", "groups", "host", "long", "main", "make", "model", "multicast",
    "network", "number", "org", "public", "registry", "resource", "role", "rules", "scope", "service", "static",
    "tenant", "unique", "zone",
))
# fmt: on


def _is_only_of(resource: Resource, column: str) -> bool:
    """Say whether a column's name is one of a field that no other type has."""
    spelt = plain(column)
    return spelt not in _EVERYDAY and {type for type, _ in _fields_by_spelling().get(spelt, ())} == {resource.type}


def _names_key(resource: Resource, match: Match) -> bool:
    """Say whether a column has the own name of the key, which other types have at most for their references to it."""
    spelt = plain(match.column)
    names = resource.spellings[match.field][0]
    others = {(type, name) for type, name in _fields_by_spelling().get(spelt, ()) if type != resource.type}
    form = resource.pattern(match.field)
    if form and all(RESOURCES[type].pattern(name) == form for type, name in others):
        return spelt != "id"
    return spelt in names and all(spelt not in RESOURCES[type].spellings[name][0] for type, name in others)


def _names_type(resource: Resource, column: str) -> bool:
    return plain(column) in {plain(resource.type), plain(resource.title)}


def _is_specific(resource: Resource, name: str) -> bool:
    return any(_is_only_of(resource, spelling) for spelling in resource.spellings[name][0])


# The message ----------------------------------------------------------------------------------------------------------


def _unknown_type_error(extracted: Extracted, candidates: list[Candidate], columns: list[str]) -> UnknownType:
    def likeness(candidate: Candidate) -> tuple[bool, bool, int, int]:
        return (
            bool(candidate.key),
            candidate.own_key,
            len(candidate.specific),
            len(candidate.matches) - len(candidate.missing),
        )

    best = sorted((each for each in candidates if each.matches), key=likeness, reverse=True)[:2]
    shown = ", ".join(f"'{name[:60]}'" for name in columns[:12]) + (" …" if len(columns) > 12 else "")
    closest = "; ".join(f"{each.resource.type} ({each.lacks})" for each in best)
    message = f"The columns of {extracted.name} do not say which type its records are of: {shown}."
    message += f" Closest are {closest}." if best else ""
    if extracted.header_row and not names_fields(extracted.columns):
        message += f" If row {extracted.header_row} is a record and not a header, use {option('read.no_header')}."
    message += f" Give {option('resource_type')}; the types are {', '.join(RESOURCES)}."
    return UnknownType(message, tuple((each.resource.type, each.missing) for each in best))

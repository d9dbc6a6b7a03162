"""What the caller or a file says of a mapping."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from schemas.errors import MappingError
from schemas.job_options.choices import Unknown
from schemas.language.spelling import nearest, plain
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.sources import Extracted
from tasks.mapping.lineage_columns import lineage_columns


@dataclass(frozen=True)
class MapOptions:
    """What the caller says of the mapping: column → field (an empty field leaves the column out), field → constant."""

    columns: Dict[str, str] = field(default_factory=dict)
    constants: Dict[str, str] = field(default_factory=dict)
    saved: Dict[str, str] = field(default_factory=dict)
    unknown: Unknown = Unknown.WARN


MAPPINGS = "mappings"
"""The name under which a file of rejected rows says how the columns of each type were mapped."""


def stored_mapping(mapping: Mapping, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what a file says of a mapping: `columns` as column → field, or "" if left out, and `constants`."""
    filled_by = {match.column: match.field for match in mapping.matches}
    # What is read together with another column is found again by its name.
    left = {*lineage_columns(tuple(columns)), *(join.column for join in mapping.joins)}
    own = [column for column in columns if column not in left]
    return {"columns": {column: filled_by.get(column, "") for column in own}, "constants": mapping.given_constants}


def with_stored_mapping(options: MapOptions, extracted: Extracted, resource: Resource) -> MapOptions:
    """Return the options with the mapping that a file of rejected rows says; what the caller says comes before it."""
    stored = extracted.metadata.get(MAPPINGS)
    own = stored.get(resource.type) if isinstance(stored, dict) else None
    if not isinstance(own, dict):
        return options
    columns, constants = _texts(own.get("columns")), _texts(own.get("constants"))
    left_out = {column: "" for column, target in columns.items() if not target and column in extracted.columns}
    known = {name: value for name, value in constants.items() if name in resource.fields}
    return replace(
        options,
        columns=left_out | dict(options.columns),
        saved=columns | dict(options.saved),
        constants=known | dict(options.constants),
    )


def _texts(value: object) -> dict[str, str]:
    """The members of an object that are text."""
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def options_for_type(options: MapOptions, columns: tuple[str, ...], resource: Resource) -> MapOptions:
    """Return what of the options holds for one of several tables: the fields of its type, and the columns it has."""
    spelt = {plain(column) for column in columns}
    return replace(
        options,
        constants={name: value for name, value in options.constants.items() if is_field(name, resource)},
        columns={name: to for name, to in options.columns.items() if plain(name) in spelt and is_field(to, resource)},
    )


def field_name(name: str, resource: Resource) -> str:
    """Return the field that a name, title or spelling stands for; raises MappingError where there is none."""
    if not name or name in resource.fields:
        return name
    spelt = {plain(key): key for key in resource.fields} | {plain(s.title): key for key, s in resource.fields.items()}
    if plain(name) in spelt:
        return spelt[plain(name)]
    near = nearest(name, resource.fields)
    hint = f"did you mean {near}?" if near else f"its fields are {', '.join(resource.fields)}."
    raise MappingError(
        f"{resource.type} has no field '{name}': {hint}", type=resource.type, field=name, choices=[*resource.fields]
    )


def is_field(name: str, resource: Resource) -> bool:
    """Say whether a type has a field of that name; an empty name is one, which leaves a column out."""
    try:
        return bool(field_name(name, resource)) or not name
    except MappingError:
        return False

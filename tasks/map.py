"""Map: which source column fills which field, how surely, and what is left over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

import orjson
import polars as pl

from schemas.errors import MappingError, UnknownType
from schemas.reports import NOTE, ROW, UNTOUCHED, Extracted, Issue, Mapping, Match, Mode, Severity, Unknown
from schemas.resource import SOURCE_ID, Resource
from schemas.resources import RESOURCES
from schemas.spelling import nearest, plain
from schemas.tables import LINEAGE
from tasks.formats.base import ABSENT

# Below this likeness a misspelt header is a guess: "vpc_name" and "vpc_id" are 0.73 alike.
_LIKE = 0.86


@dataclass(frozen=True)
class MapOptions:
    """What the caller says of the mapping: column → field (an empty field leaves the column out), field → constant."""

    columns: Dict[str, str] = field(default_factory=dict)
    constants: Dict[str, str] = field(default_factory=dict)
    saved: Dict[str, str] = field(default_factory=dict)
    unknown: Unknown = Unknown.WARN


MAPPINGS = "mappings"
"""The name under which a file of rejected rows says how the columns of each type were mapped."""


def mapping_said(mapping: Mapping, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what a file says of a mapping: `columns` as column → field, or "" if left out, and `constants`."""
    filled = {match.column: match.field for match in mapping.matches}
    own = [column for column in columns if _lineage(column) is None]
    return {"columns": {column: filled.get(column, "") for column in own}, "constants": dict(mapping.constants)}


def as_said(options: MapOptions, extracted: Extracted, resource: Resource) -> MapOptions:
    """Return the options with the mapping that a file of rejected rows says; what the caller says comes before it."""
    said = extracted.metadata.get(MAPPINGS)
    if isinstance(said, str):
        with contextlib.suppress(orjson.JSONDecodeError):
            said = orjson.loads(said)
    own = said.get(resource.type) if isinstance(said, dict) else None
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


def map_columns(columns: tuple[str, ...], resource: Resource, options: MapOptions, mode: Mode) -> Mapping:
    """Fit the columns of a source to the fields of a type; raises MappingError when they can't fill what is needed.

    A column whose name begins with `#` is a note, such as those of a file of rejects, and is passed over. Columns of
    lineage fill no field; the time of a record's last change tells whether the file is stale.
    """
    given = {_column(name, columns): _field(target, resource) for name, target in options.columns.items()}
    constants = {_field(name, resource): value for name, value in options.constants.items()}
    chosen = [Match(column, target, 1.0, "given") for column, target in given.items() if target]
    chosen += [
        Match(column, target, 1.0, "saved")
        for column, target in options.saved.items()
        if column in columns and column not in given and target in resource.fields and target not in given.values()
    ]
    _refuse_doubles(chosen)
    secret = _secret(columns, resource)
    notes = [column for column in columns if column.startswith(NOTE)]
    lineage = {column: name for column in columns if (name := _lineage(column))}
    settled = {*given, *(match.column for match in chosen), *secret, *notes, *lineage}
    seen = next((column for column, name in lineage.items() if name == "updated_at" and column not in given), None)
    taken = {match.field for match in chosen} | set(constants)
    chosen += _found([column for column in columns if column not in settled], resource, taken)
    known = {match.column for match in chosen} | settled
    matches = sorted(chosen, key=lambda match: columns.index(match.column))
    unknown = tuple(column for column in columns if column not in known)
    mapping = Mapping(tuple(matches), constants, unknown, tuple(secret), seen)
    _require(mapping, resource, mode, columns)
    if mapping.unknown and options.unknown is Unknown.REFUSE:
        raise MappingError(
            f"These columns fit no field of {resource.type}: {_listed(mapping.unknown)}. Map or remove them."
        )
    return mapping


def _lineage(column: str) -> str | None:
    """The lineage column that a source column is, however spelt."""
    return next((name for name in LINEAGE if plain(column) == plain(name)), None)


def with_untouched(source: Extracted, mapping: Mapping, resource: Resource) -> Extracted:
    """Return a source whose rows name the fields they leave as they are stored, instead of the columns they lack."""
    if ABSENT not in source.columns:
        return source
    keys = resource.key
    filled = {match.column: match.field for match in mapping.matches if match.field not in keys}
    said = source.frame.select(pl.col(ABSENT).unique()).collect()[ABSENT].drop_nulls()
    named = {text: ",".join(_fields_of(text.split("\n"), filled)) for text in said}
    columns = tuple(column for column in source.columns if column != ABSENT)
    if not any(named.values()):
        return replace(source, frame=source.frame.select(ROW, *columns), columns=columns)
    fields = pl.col(ABSENT).replace_strict(named, default=None, return_dtype=pl.String).replace("", None)
    had = [pl.col(UNTOUCHED)] if UNTOUCHED in columns else []
    whole = pl.concat_str([*had, fields], separator=",", ignore_nulls=True).replace("", None)
    columns = (*(column for column in columns if column != UNTOUCHED), UNTOUCHED)
    frame = source.frame.with_columns(whole.alias(UNTOUCHED)).select(ROW, *columns)
    return replace(source, frame=frame, columns=columns)


def _fields_of(lacking: Iterable[str], filled: Dict[str, str]) -> list[str]:
    """The fields of the columns that a row lacks: of `Options`, that is `Options.DnsSupport`, too."""
    names = set(lacking)
    parts = {column: column.split(".") for column in filled}
    return [
        field
        for column, field in filled.items()
        if any(".".join(parts[column][:length]) in names for length in range(1, len(parts[column]) + 1))
    ]


def columns_of_nothing(resource: Resource, options: MapOptions) -> tuple[str, ...]:
    """Return the columns that a source without any, which has no records, is given: those that the type needs."""
    filled = {_field(name, resource) for name in options.constants}
    return tuple(name for name in dict.fromkeys((*resource.key, *resource.required)) if name not in filled)


def notices(mapping: Mapping, unknown: Unknown) -> list[Issue]:
    """Return what a person should know of the columns that are not imported."""
    told = "column '{}' holds secrets and is not read"
    said = [Issue("secret", told.format(column), Severity.WARNING) for column in mapping.secret]
    if mapping.unknown and unknown is Unknown.WARN:
        text = f"columns that fit no field are left out: {_listed(mapping.unknown)}"
        said.append(Issue("unknown_column", text, Severity.WARNING))
    return said


def detect_type(extracted: Extracted) -> Resource:
    """Return the one type whose key and required fields the columns fill; raises UnknownType when there is a doubt."""
    scores: dict[str, float] = {}
    columns = list(extracted.columns)
    for resource in RESOURCES.values():
        needed = {*resource.required, *(name for name in resource.known_by if name != SOURCE_ID)}
        # A close spelling is never sure, and takes long to find: only a type that may be the one is asked for some.
        if not needed <= {match.field for match in _found(columns, resource, set(), close=False)}:
            continue
        found = _found(columns, resource, set())
        if len(found) * 2 >= len(columns):
            scores[resource.type] = sum(match.confidence for match in found)
    best = sorted(scores, key=lambda name: -scores[name])
    if not best:
        raise UnknownType(
            f"The columns of {extracted.name} tell no resource type: {_listed(extracted.columns)}. Give --type; "
            f"the types are {', '.join(RESOURCES)}."
        )
    if len(best) > 1 and scores[best[0]] - scores[best[1]] < 1:
        raise UnknownType(f"The columns of {extracted.name} fit {best[0]} and {best[1]}: give --type.")
    return RESOURCES[best[0]]


def _column(name: str, columns: tuple[str, ...]) -> str:
    same = [column for column in columns if column == name] or [c for c in columns if plain(c) == plain(name)]
    if len(same) == 1:
        return same[0]
    near = nearest(name, columns)
    hint = f"did you mean '{near}'?" if near else f"its columns are {_listed(columns)}."
    raise MappingError(f"The source has no column '{name}': {hint}")


def _field(name: str, resource: Resource) -> str:
    if not name or name in resource.fields:
        return name
    spelt = {plain(key): key for key in resource.fields} | {plain(s.title): key for key, s in resource.fields.items()}
    if plain(name) in spelt:
        return spelt[plain(name)]
    near = nearest(name, resource.fields)
    hint = f"did you mean {near}?" if near else f"its fields are {', '.join(resource.fields)}."
    raise MappingError(f"{resource.type} has no field '{name}': {hint}")


def is_field(name: str, resource: Resource) -> bool:
    """Say whether a type has a field of that name; an empty name is one, which leaves a column out."""
    try:
        return bool(_field(name, resource)) or not name
    except MappingError:
        return False


def _refuse_doubles(matches: list[Match]) -> None:
    seen: dict[str, str] = {}
    for match in matches:
        if match.field in seen:
            raise MappingError(
                f"Columns '{seen[match.field]}' and '{match.column}' are both mapped to {match.field}: "
                f'keep one, and leave the other out with --map "{match.column}=".'
            )
        seen[match.field] = match.column


def _secret(columns: tuple[str, ...], resource: Resource) -> list[str]:
    secrets = {plain(name) for name in resource.document.secrets} if resource.document else set()
    return [column for column in columns if plain(column.rsplit(".", 1)[-1]) in secrets]


def _found(columns: list[str], resource: Resource, taken: set[str], *, close: bool = True) -> list[Match]:
    """Match columns to free fields by spelling: the surest first; two that are equally sure are refused.

    Without `close`, close spellings are left out.
    """
    candidates = [
        match for column in columns for match in _candidates(column, resource, close) if match.field not in taken
    ]
    chosen: dict[str, Match] = {}
    used: dict[str, str] = {}
    for match in sorted(candidates, key=lambda match: -match.confidence):
        rival = chosen.get(match.field)
        if rival and rival.confidence == match.confidence and match.column not in used and match.how != "spelling":
            _refuse_doubles([rival, match])
        if match.column not in used and not rival:
            chosen[match.field] = match
            used[match.column] = match.field
    return list(chosen.values())


def _candidates(column: str, resource: Resource, close: bool) -> list[Match]:
    spelt = plain(column)
    own = plain(resource.type)
    matches = []
    for name, spec in resource.fields.items():
        names, aliases = resource.spellings[name]
        if column == name:
            how, confidence = "exact", 1.0
        elif column in (spec.title, spec.aws):
            how, confidence = "title", 0.99
        elif spelt in names:
            how, confidence = "title", 0.97
        elif spelt in aliases:
            how, confidence = "alias", 0.95
        elif spelt.removeprefix(own) in names | aliases and spelt != own:
            how, confidence = "alias", 0.92
        elif not close:
            continue
        else:
            likeness = max(_likeness(spelt, other) for other in names)
            if likeness < _LIKE:
                continue
            how, confidence = "spelling", round(likeness * 0.85, 2)
        matches.append(Match(column, name, confidence, how))
    return matches


def _likeness(word: str, other: str) -> float:
    """How alike two words are; 0 where an upper bound, which is sooner found, is less than matters."""
    if 2 * min(len(word), len(other)) < _LIKE * (len(word) + len(other)):
        return 0.0
    matcher = SequenceMatcher(None, word, other)
    return matcher.ratio() if matcher.quick_ratio() >= _LIKE else 0.0


def _require(mapping: Mapping, resource: Resource, mode: Mode, columns: tuple[str, ...]) -> None:
    wanted = resource.key if mode is Mode.UPDATE else resource.required
    missing = [name for name in wanted if name in resource.required and name not in mapping.fields]
    if resource.either and not set(resource.known_by) & set(mapping.fields):
        missing.append(resource.known_by[0])
    if missing:
        first = missing[0]
        raise MappingError(
            f"No column fills {_listed(tuple(missing))}, which {resource.type} needs. "
            f"The columns are {_listed(columns)}: "
            f'name one with --map "COLUMN={first}", or give a value for all rows with --set {first}=VALUE.',
            mapping,
            tuple(missing),
        )


def _listed(names: tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(f"'{name[:60]}'" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown

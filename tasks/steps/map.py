"""Map: which source column fills which field, how surely, and what is left over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace

import polars as pl

from schemas.choices import Mode, Unknown
from schemas.errors import MappingError
from schemas.issues import Issue, Severity
from schemas.mapping import Join, Mapping, Match, constant
from schemas.model.kinds.addresses import BLOCK
from schemas.model.resource import Resource
from schemas.model.tables import LINEAGE
from schemas.sources import NOTE, ROW, UNTOUCHED, Extracted
from schemas.spelling import misspelt, nearest, plain
from tasks.formats.base import ABSENT
from tasks.mapping.block_columns import MEASURES, STARTS
from tasks.mapping.column_samples import filled, is_like, is_recognisable


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
    filled_by = {match.column: match.field for match in mapping.matches}
    # What is read together with another column is found again by its name.
    left = {*_lineage_columns(tuple(columns)), *(join.column for join in mapping.joins)}
    own = [column for column in columns if column not in left]
    return {"columns": {column: filled_by.get(column, "") for column in own}, "constants": mapping.given_constants}


def as_said(options: MapOptions, extracted: Extracted, resource: Resource) -> MapOptions:
    """Return the options with the mapping that a file of rejected rows says; what the caller says comes before it."""
    said = extracted.metadata.get(MAPPINGS)
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
    given = {_column(name, columns): _field(target, resource) for name, target in options.columns.items()}
    constants, overrides = _constants(resource, options)
    chosen = _asked(columns, resource, options, given)
    secret = _secret(columns, resource)
    notes = [column for column in columns if column.startswith(NOTE)]
    lineage = _lineage_columns(columns)
    seen = next((column for column, name in lineage.items() if name == "updated_at" and column not in given), None)
    settled = {*given, *(match.column for match in chosen), *secret, *notes, *lineage}
    free = [column for column in columns if column not in settled]
    fitted, joins, doubles = _fitted(free, chosen, resource, constants, head)
    matches = tuple(sorted([*chosen, *fitted], key=lambda match: columns.index(match.column)))
    read = {*(match.column for match in fitted), *(join.column for join in joins)}
    unknown = tuple(column for column in free if column not in read)
    mapping = Mapping(matches, constants, unknown, tuple(secret), seen, overrides, joins)
    if doubles := _doubles(chosen) + doubles:
        raise MappingError(doubles[0], mapping)
    _require(mapping, resource, mode, columns)
    if mapping.unknown and options.unknown is Unknown.REFUSE:
        raise MappingError(
            f"These columns fit no field of {resource.type}: {_listed(mapping.unknown)}. Map or remove them.", mapping
        )
    return mapping


def _asked(columns: tuple[str, ...], resource: Resource, options: MapOptions, given: Dict[str, str]) -> list[Match]:
    """The columns that the caller has decided on, now or in a saved mapping."""
    chosen = [Match(column, target, 1.0, "given") for column, target in given.items() if target]
    return chosen + [
        Match(column, target, 1.0, "saved")
        for column, target in options.saved.items()
        if column in columns and column not in given and target in resource.fields and target not in given.values()
    ]


def _fitted(
    free: list[str],
    chosen: list[Match],
    resource: Resource,
    constants: Dict[str, str],
    head: pl.DataFrame | None,
) -> tuple[list[Match], tuple[Join, ...], list[str]]:
    """Fit columns by their names, by what the next one says of them, by their values; says what is in doubt, too."""
    taken = {match.field for match in chosen}
    found, doubles = _found(free, resource, taken)
    taken |= {match.field for match in found}
    found = [_account_of_owner(match, resource, taken, head) for match in found]
    left = [column for column in free if column not in {match.column for match in found}]
    joined, joins = _joined(left, [*chosen, *found], resource, head)
    found += joined
    read = {*(match.column for match in joined), *(join.column for join in joins)}
    filled_by = {*taken, *(match.field for match in found), *constants}
    found += _by_values([column for column in left if column not in read], resource, filled_by, head)
    return found, joins, doubles


def _lineage(column: str) -> str | None:
    """The lineage column that a source column is, however spelt."""
    return next((name for name in LINEAGE if plain(column) == plain(name)), None)


def with_untouched(source: Extracted, mapping: Mapping, resource: Resource) -> Extracted:
    """Return a source whose rows name the fields they leave as they are stored, instead of the columns they lack."""
    if ABSENT not in source.columns:
        return source
    keys = resource.key
    fields_by = {match.column: match.field for match in mapping.matches if match.field not in keys}
    said = source.frame.select(pl.col(ABSENT).unique()).collect()[ABSENT].drop_nulls()
    named = {text: ",".join(_fields_of(text.split("\n"), fields_by)) for text in said}
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


def _constants(resource: Resource, options: MapOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """The constants by field, and the fields in which they override what the source has."""
    given = {_field(name, resource): constant(text) for name, text in options.constants.items()}
    return {name: value for name, (value, _) in given.items()}, tuple(name for name, (_, wins) in given.items() if wins)


def _lineage_columns(columns: tuple[str, ...]) -> dict[str, str]:
    """The columns that an export with lineage adds; another system's `updated_at` stands without those of our runs."""
    found = {column: name for column in columns if (name := _lineage(column))}
    return found if set(_RUNS) <= set(found.values()) else {}


# What no other system calls its columns.
_RUNS = ("created_by_run", "updated_by_run")


def fitting(options: MapOptions, columns: tuple[str, ...], resource: Resource) -> MapOptions:
    """Return what of the options holds for one of several tables: the fields of its type, and the columns it has."""
    spelt = {plain(column) for column in columns}
    return replace(
        options,
        constants={name: value for name, value in options.constants.items() if is_field(name, resource)},
        columns={name: to for name, to in options.columns.items() if plain(name) in spelt and is_field(to, resource)},
    )


def columns_of_nothing(resource: Resource, options: MapOptions) -> tuple[str, ...]:
    """Return the columns that a source without any, which has no records, is given: those that the type needs."""
    filled = {_field(name, resource) for name in options.constants}
    return tuple(name for name in dict.fromkeys((*resource.key, *resource.required)) if name not in filled)


def notices(mapping: Mapping, unknown: Unknown) -> list[Issue]:
    """Return what a person should know of the columns that are not imported, or not by themselves."""
    told = "column '{}' holds secrets and is not read"
    said = [Issue("secret", told.format(column), Severity.WARNING) for column in mapping.secret]
    for name in mapping.overrides:
        if column := mapping.column_of(name):
            text = f"column '{column}' is not read: the constant {mapping.constants[name]} overrides it"
            said.append(Issue("constant", text, Severity.WARNING, column=column, field=name))
    for join in mapping.joins:
        first = mapping.column_of(join.field)
        text = f"columns '{first}' and '{join.column}' are read together as one block: address and {join.measure}"
        said.append(Issue("joined", text, Severity.WARNING, column=join.column, field=join.field))
    if mapping.unknown and unknown is Unknown.WARN:
        text = f"columns that fit no field are left out: {_listed(mapping.unknown)}"
        said.append(Issue("unknown_column", text, Severity.WARNING))
    return said


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


def _doubles(matches: list[Match]) -> list[str]:
    """Say of each column after the first of its field what to do about it."""
    seen: dict[str, str] = {}
    said = []
    for match in matches:
        if match.field in seen:
            said.append(
                f"Columns '{seen[match.field]}' and '{match.column}' are both mapped to {match.field}: "
                f'keep one, and leave the other out with --map "{match.column}=".'
            )
        seen.setdefault(match.field, match.column)
    return said


def _secret(columns: tuple[str, ...], resource: Resource) -> list[str]:
    secrets = {plain(name) for name in resource.document.secrets} if resource.document else set()
    return [column for column in columns if plain(column.rsplit(".", 1)[-1]) in secrets]


def matched(columns: list[str], resource: Resource) -> list[Match]:
    """Match columns to fields by their exact names alone, no close spelling; of two for one field, the first."""
    return _found(columns, resource, set(), close=False)[0]


def _found(
    columns: list[str], resource: Resource, taken: set[str], *, close: bool = True
) -> tuple[list[Match], list[str]]:
    """Match columns to free fields by spelling, the surest first; also says which two are equally sure.

    Of two close spellings of one field neither is taken; without `close`, there are none.
    """
    candidates = [
        match for column in columns for match in _candidates(column, resource, close) if match.field not in taken
    ]
    chosen: dict[str, Match] = {}
    used: dict[str, str] = {}
    doubles: list[str] = []
    for match in sorted(candidates, key=lambda match: -match.confidence):
        rival = chosen.get(match.field)
        if rival and rival.confidence == match.confidence and match.column not in used and match.how != "spelling":
            doubles += _doubles([rival, match])
        if match.column not in used and not rival:
            chosen[match.field] = match
            used[match.column] = match.field
    guesses = Counter((match.field, match.confidence) for match in candidates if match.how == "spelling")
    sure = [m for m in chosen.values() if m.how != "spelling" or guesses[m.field, m.confidence] == 1]
    return sure, doubles


def _candidates(column: str, resource: Resource, close: bool) -> list[Match]:
    spelt = plain(column)
    # Without the name of the type before it: `VPC name`, `TGW ID`.
    called = {plain(name) for name in (resource.type, *resource.aliases)}
    own = {spelt.removeprefix(name) for name in called if spelt != name}
    accessor = _ACCESSOR.fullmatch(column.lower())
    related = plain(accessor[1]) if accessor else spelt
    if not close and resource.every_spelling.isdisjoint((spelt, related, *own)):
        return []
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
        elif resource.key == (name,) and spelt in resource.key_words:
            how, confidence = "alias", 0.93
        elif not own.isdisjoint(names | aliases):
            how, confidence = "alias", 0.92
        elif accessor and related in names | aliases:
            how, confidence = "alias", 0.91 if accessor[2] != "label" else 0.9
        elif close and (misses := _misses(column, spelt, resource, name)):
            how, confidence = "spelling", _SPELLING - misses / 20
        else:
            continue
        matches.append(Match(column, name, round(confidence, 2), how))
    return matches


# What NetBox, Nautobot and flattened JSON call the name of a related object or the value of a choice: `role__name`.
_ACCESSOR = re.compile(r"(.+)(?:\.|__)(name|value|label)")
_SPELLING = 0.85
_VALUES = 0.6


def _misses(column: str, spelt: str, resource: Resource, name: str) -> int | None:
    """How far a name is from a field's, where it may be that misspelt; keys, references and ids are not guessed at."""
    if name in resource.key or name in resource.references or is_id(column):
        return None
    found = [misses for other in resource.spellings[name][0] if (misses := misspelt(spelt, other))]
    return min(found, default=None)


def is_id(column: str) -> bool:
    """Say whether a column is named as one of ids: `vpc_id`, `site.id`, `VpcId`, `Instance ID`, `LoadBalancerArn`."""
    return bool(_ID.search(column))


_ID = re.compile(r"(?:^|[\W_])(?i:ids?|arn|uuid|identifier)$|(?<=[a-z0-9])(?:IDs?|Ids?|Arn|Identifier)$")


# Two columns for one block, and columns known by their values ---------------------------------------------------------


def _joined(
    free: list[str], chosen: list[Match], resource: Resource, head: pl.DataFrame | None
) -> tuple[list[Match], tuple[Join, ...]]:
    """Find the column that says how large the block is that begins at the address in another one.

    Source: Infoblox (address and netmask), phpIPAM (subnet and mask), the registries' statistics files (start, value).
    """
    name = next((name for name, spec in resource.fields.items() if spec.kind.name == BLOCK.name), None)
    measures = [(column, measure) for column in free for measure, words in MEASURES.items() if plain(column) in words]
    if name is None or not measures:
        return [], ()
    known = [match for match in chosen if match.field == name]
    starts = [Match(column, name, 0.9, "alias") for column in free if plain(column) in STARTS]
    first = known or starts
    if len(first) != 1 or (head is not None and _all(head, first[0].column, "/")):
        return [], ()
    return [] if known else starts, (Join(name, *measures[0]),)


def _account_of_owner(match: Match, resource: Resource, taken: set[str], head: pl.DataFrame | None) -> Match:
    """Take a column called Owner for that of the account where its cells say so, as in lists of AWS's console."""
    if match.field != "owner" or head is None or "account_id" in taken or "account_id" not in resource.fields:
        return match
    if not is_like(filled(head[match.column]), resource, "account_id"):
        return match
    return Match(match.column, "account_id", 0.8, "values")


def _all(head: pl.DataFrame, column: str, sign: str) -> bool:
    """Say whether each of the first cells of a column holds a sign, and some do."""
    cells = filled(head[column])
    return bool(len(cells) and cells.str.contains(sign, literal=True).all())


def _by_values(free: list[str], resource: Resource, taken: set[str], head: pl.DataFrame | None) -> list[Match]:
    """Match columns by what their first cells look like, where a column fits one free field and it fits no other."""
    if head is None or head.is_empty():
        return []
    fields = [name for name in resource.fields if name not in taken and is_recognisable(resource, name)]
    cells = {column: filled(head[column]) for column in free}
    fits = [(column, name) for column in free for name in fields if is_like(cells[column], resource, name)]
    # What repeats is no key of these records.
    fits = [(column, name) for column, name in fits if resource.key != (name,) or cells[column].is_unique().all()]
    columns, names = Counter(column for column, _ in fits), Counter(name for _, name in fits)
    return [Match(c, name, _VALUES, "values") for c, name in fits if columns[c] == 1 and names[name] == 1]


def _require(mapping: Mapping, resource: Resource, mode: Mode, columns: tuple[str, ...]) -> None:
    wanted = resource.key if mode is Mode.UPDATE else resource.required
    missing = [name for name in wanted if name in resource.required and name not in mapping.fields]
    if resource.either and not set(resource.known_by) & set(mapping.fields):
        missing.append(resource.known_by[0])
    if missing:
        first = missing[0]
        near = nearest(first, mapping.unknown, cutoff=0.8)
        perhaps = f" Perhaps '{near}' is {first}." if near else ""
        raise MappingError(
            f"No column fills {_listed(tuple(missing))}, which {resource.type} needs.{perhaps} "
            f"The columns are {_listed(columns)}: "
            f'name one with --map "COLUMN={first}", or give a value for all rows with --set {first}=VALUE.',
            mapping,
            tuple(missing),
        )


def _listed(names: tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(f"'{name[:60]}'" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown

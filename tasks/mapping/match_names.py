"""Columns matched to fields by their names."""

from __future__ import annotations

import re
from collections import Counter

from schemas.language.remedies import option
from schemas.language.spelling import misspelt, plain
from schemas.mapping import Match
from schemas.model.resource import Resource


def duplicate_columns(matches: list[Match]) -> list[str]:
    """Say of each column after the first of its field what to do about it."""
    seen: dict[str, str] = {}
    messages = []
    for match in matches:
        if match.field in seen:
            messages.append(
                f"Columns '{seen[match.field]}' and '{match.column}' are both mapped to {match.field}: "
                f"keep one, and leave the other out with {option('columns', f'{match.column}=')}."
            )
        seen.setdefault(match.field, match.column)
    return messages


def exact_matches(columns: list[str], resource: Resource) -> list[Match]:
    """Match columns to fields by their exact names alone, no close spelling; of two for one field, the first."""
    return match_by_name(columns, resource, set(), close=False)[0]


def match_by_name(
    columns: list[str], resource: Resource, taken: set[str], *, close: bool = True
) -> tuple[list[Match], list[str]]:
    """Match columns to free fields by spelling, the surest first; also says which two are equally sure.

    Of two close spellings of one field neither is taken; without `close`, there are none.
    """
    candidates = [
        match for column in columns for match in _possible_matches(column, resource, close) if match.field not in taken
    ]
    chosen: dict[str, Match] = {}
    used: dict[str, str] = {}
    doubles: list[str] = []
    for match in sorted(candidates, key=lambda match: -match.confidence):
        rival = chosen.get(match.field)
        if rival and rival.confidence == match.confidence and match.column not in used and match.how != "spelling":
            doubles += duplicate_columns([rival, match])
        if match.column not in used and not rival:
            chosen[match.field] = match
            used[match.column] = match.field
    guesses = Counter((match.field, match.confidence) for match in candidates if match.how == "spelling")
    sure = [m for m in chosen.values() if m.how != "spelling" or guesses[m.field, m.confidence] == 1]
    return sure, doubles


def _possible_matches(column: str, resource: Resource, close: bool) -> list[Match]:
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
        elif close and (misses := _misspelling_distance(column, spelt, resource, name)):
            how, confidence = "spelling", _SPELLING_CONFIDENCE - misses / 20
        else:
            continue
        matches.append(Match(column, name, round(confidence, 2), how))
    return matches


# What NetBox, Nautobot and flattened JSON call the name of a related object or the value of a choice: `role__name`.
_ACCESSOR = re.compile(r"(.+)(?:\.|__)(name|value|label)")
_SPELLING_CONFIDENCE = 0.85


def _misspelling_distance(column: str, spelt: str, resource: Resource, name: str) -> int | None:
    """How far a name is from a field's, where it may be that misspelt; keys, references and ids are not guessed at."""
    if name in resource.key or name in resource.references or is_id(column):
        return None
    found = [misses for other in resource.spellings[name][0] if (misses := misspelt(spelt, other))]
    return min(found, default=None)


def is_id(column: str) -> bool:
    """Say whether a column is named as one of ids: `vpc_id`, `site.id`, `VpcId`, `Instance ID`, `LoadBalancerArn`."""
    return bool(_ID.search(column))


_ID = re.compile(r"(?:^|[\W_])(?i:ids?|arn|uuid|identifier)$|(?<=[a-z0-9])(?:IDs?|Ids?|Arn|Identifier)$")

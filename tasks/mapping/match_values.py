"""Columns matched to fields by their values, and columns that are read together as one block."""

from __future__ import annotations

from collections import Counter

import polars as pl

from schemas.language.spelling import plain
from schemas.mapping import Join, Match
from schemas.model.kinds.addresses import BLOCK
from schemas.model.resource import Resource
from tasks.mapping.block_columns import MEASURES, STARTS
from tasks.mapping.column_samples import filled, is_recognisable, resembles_field

_VALUES_CONFIDENCE = 0.6


def block_joins(
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
    if len(first) != 1 or (head is not None and _all_contain(head, first[0].column, "/")):
        return [], ()
    return [] if known else starts, (Join(name, *measures[0]),)


def account_of_owner(match: Match, resource: Resource, taken: set[str], head: pl.DataFrame | None) -> Match:
    """Take a column called Owner for that of the account where its cells say so, as in lists of AWS's console."""
    if match.field != "owner" or head is None or "account_id" in taken or "account_id" not in resource.fields:
        return match
    if not resembles_field(filled(head[match.column]), resource, "account_id"):
        return match
    return Match(match.column, "account_id", 0.8, "values")


def _all_contain(head: pl.DataFrame, column: str, sign: str) -> bool:
    """Say whether each of the first cells of a column holds a sign, and some do."""
    cells = filled(head[column])
    return bool(len(cells) and cells.str.contains(sign, literal=True).all())


def match_by_values(free: list[str], resource: Resource, taken: set[str], head: pl.DataFrame | None) -> list[Match]:
    """Match columns by what their first cells look like, where a column fits one free field and it fits no other."""
    if head is None or head.is_empty():
        return []
    fields = [name for name in resource.fields if name not in taken and is_recognisable(resource, name)]
    cells = {column: filled(head[column]) for column in free}
    fits = [(column, name) for column in free for name in fields if resembles_field(cells[column], resource, name)]
    # What repeats is no key of these records.
    fits = [(column, name) for column, name in fits if resource.key != (name,) or cells[column].is_unique().all()]
    columns, names = Counter(column for column, _ in fits), Counter(name for _, name in fits)
    return [Match(c, name, _VALUES_CONFIDENCE, "values") for c, name in fits if columns[c] == 1 and names[name] == 1]

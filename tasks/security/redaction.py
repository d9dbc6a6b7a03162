"""Secrets: what a source holds of them is taken out before anything of it is validated, shown or kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import polars as pl

from schemas.language.spelling import plain
from schemas.model.kinds.structured import json_without
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from schemas.sources import Extracted


def without_secrets(extracted: Extracted, resource: Resource) -> Extracted:
    """Return a source without the secrets of its type: inside of JSON they are cut out, elsewhere the cell is masked.

    Columns that hold nothing else are left out by the mapping.
    """
    secrets = resource.document.secrets if resource.document else ()
    if not secrets:
        return extracted
    hide = partial(_hidden, names=[plain(name) for name in secrets], hide=json_without(secrets).hide or _as_it_is)
    columns = [
        pl.col(name).map_batches(hide, return_dtype=pl.String, is_elementwise=True) for name in extracted.columns
    ]
    faults = extracted.faults.with_columns(hide(extracted.faults[name]).alias(name) for name in ("value", "message"))
    return replace(extracted, frame=extracted.frame.with_columns(columns), faults=faults)


_SEEN, _SHOWN, _LONGEST = 200, 3, 100


def samples(extracted: Extracted) -> dict[str, tuple[str, ...]]:
    """Return a few values of each column, to choose a field by; no column or member that any type calls secret."""
    secrets = tuple(
        {name for resource in RESOURCES.values() if resource.document for name in resource.document.secrets}
    )
    names = [plain(name) for name in secrets]
    hide = json_without(secrets).hide or _as_it_is
    head = extracted.frame.head(_SEEN).collect()
    found = {}
    for column in extracted.columns:
        if plain(column.rsplit(".", 1)[-1]) not in names:
            values = head[column].drop_nulls().filter(head[column].drop_nulls() != "").unique(maintain_order=True)
            shown = _hidden(values.head(_SHOWN), names, hide)
            found[column] = tuple(shown.str.head(_LONGEST).to_list())
    return found


def _hidden(values: pl.Series, names: list[str], hide: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Hide in those texts only that name a secret, in whatever spelling."""
    spelt = values.str.to_lowercase().str.replace_all(r"[^a-z0-9]", "")
    where = spelt.str.contains_any(names).fill_null(value=False)
    if not where.any():
        return values
    return values.scatter(where.arg_true(), hide(values.filter(where)))


def _as_it_is(values: pl.Series) -> pl.Series:
    return values

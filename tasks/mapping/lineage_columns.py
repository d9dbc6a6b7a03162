"""The columns of lineage that an export adds."""

from __future__ import annotations

from schemas.language.spelling import plain
from schemas.model.tables import LINEAGE


def _lineage_name(column: str) -> str | None:
    """The lineage column that a source column is, however spelt."""
    return next((name for name in LINEAGE if plain(column) == plain(name)), None)


def lineage_columns(columns: tuple[str, ...]) -> dict[str, str]:
    """The columns that an export with lineage adds; another system's `updated_at` stands without those of our runs."""
    found = {column: name for column in columns if (name := _lineage_name(column))}
    return found if set(_RUN_COLUMNS) <= set(found.values()) else {}


# What no other system calls its columns.
_RUN_COLUMNS = ("created_by_run", "updated_by_run")

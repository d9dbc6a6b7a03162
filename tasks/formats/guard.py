"""Formula guard: text that a spreadsheet would run is written with an apostrophe, and read without it.

Source: OWASP, CSV Injection. Text that begins with apostrophes before such a sign gets one more, so that reading gives
back exactly what was written.
"""

from __future__ import annotations

import polars as pl

from schemas import kinds
from schemas.kinds import Kind

# Kinds whose text may begin with anything; the others have a grammar that no formula fits.
_FREE = (kinds.TEXT.name, kinds.TEXTS.name, kinds.TAGS.name, kinds.JSON.name)
_FORMULA = r"^'*[=+\-@\t\r]"


def is_free(kind: Kind) -> bool:
    """Say whether text of a kind may look like a formula."""
    return kind.name in _FREE


def guarded(column: pl.Expr) -> pl.Expr:
    """Return a text column in which nothing is a formula."""
    return pl.when(column.str.contains(_FORMULA)).then(pl.concat_str(pl.lit("'"), column)).otherwise(column)


def unguarded(values: pl.Series) -> pl.Series:
    """Return a text column as it was before it was guarded."""
    if not values.str.starts_with("'").any():
        return values
    return values.str.replace(r"^'('*[=+\-@\t\r])", "$1")

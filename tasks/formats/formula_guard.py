"""Formula guard: text that a spreadsheet would run is written with an apostrophe, and read without it.

Source: OWASP, CSV Injection. Text that begins with apostrophes before such a sign gets one more, so that reading gives
back exactly what was written.
"""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from schemas.model import kinds
from schemas.model.kinds.kind import Kind
from schemas.sources import ABOUT_NOTE, Opened

# Kinds whose text may begin with anything; the others have a grammar that no formula fits.
_FREE = (kinds.TEXT.name, kinds.TEXTS.name, kinds.TAGS.name, kinds.JSON.name)
# Signs that do not show may stand before a formula, and full-width signs begin one where East Asian text is typed.
_BEGINS = "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]*[=+\\-@\\t\\r\\n＝＋－＠]"
_FORMULA = f"^'*{_BEGINS}"
_GUARDED = f"^'('*{_BEGINS})"
_IS_FORMULA = re.compile(_FORMULA)


GUARD = "guard"
"""What a file of rejected rows calls that all of its cells are guarded, those of the header too."""

SOURCE_GUARDED = "sourceGuarded"
"""What it calls that the cells of its source may have been guarded before."""


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
    return values.str.replace(_GUARDED, "$1")


def guarded_text(text: str) -> str:
    """Return a text that is no formula."""
    return f"'{text}" if _IS_FORMULA.match(text) else text


def unguarded_text(text: str) -> str:
    """Return a text as it was before it was guarded."""
    return re.sub(_GUARDED, r"\1", text)


def as_before_guarding(opened: Opened) -> Opened:
    """Return rejected rows as they stood in their source, where their file says that all of it is guarded."""
    if ABOUT_NOTE not in opened.columns or opened.metadata.get(GUARD) is not True:
        return opened
    bare = {name: unguarded_text(name) for name in opened.columns}
    bare = {name: before for name, before in bare.items() if before != name and before not in opened.columns}
    cells = [
        pl.col(name).map_batches(unguarded, return_dtype=pl.String, is_elementwise=True) for name in opened.columns
    ]
    return replace(
        opened,
        frame=opened.frame.with_columns(cells).rename(bare),
        columns=tuple(bare.get(name, name) for name in opened.columns),
        faults=opened.faults.with_columns(pl.col("column").replace(bare)) if bare else opened.faults,
    )

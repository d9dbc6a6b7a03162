"""A rule of one's own that is asked of the file's cells, and broken by none."""

from __future__ import annotations

import polars as pl

from schemas.custom import rule


@rule("vpc", fields=("name", "environment"), message="the name '{name}' ends with '{environment}'")
def not_named_by_environment() -> pl.Expr:
    """No name tells its environment."""
    return pl.col("name").str.ends_with(pl.concat_str(pl.lit("-"), "environment"))

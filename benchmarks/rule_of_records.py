"""A rule of one's own that is asked of all records together, and broken by none."""

from __future__ import annotations

import polars as pl

from schemas.custom import rule


@rule("vpc", fields=("name", "account_id"), scope="records", message="account {account_id} has several '{name}'")
def names_are_unique(records: pl.LazyFrame) -> pl.LazyFrame:
    """No two VPCs of an account have the same name."""
    counts = records.group_by("account_id", "name").agg(count=pl.len()).filter(pl.col("count") > 1)
    return records.join(counts, on=["account_id", "name"])

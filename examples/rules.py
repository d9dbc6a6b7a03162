"""Rules of one's own, as `docs/how-to/custom-rules.md` explains them: CMDB_RULES=rules.py cmdb import vpcs.csv."""

from __future__ import annotations

import polars as pl

from cmdb import rule


@rule(
    "vpc",
    "subnet",
    fields=("name", "environment"),
    message="the name '{name}' does not end with '-{environment}'",
    severity="warning",
)
def named_by_environment() -> pl.Expr:
    """A name tells its environment, as in core-production."""
    return ~pl.col("name").str.ends_with(pl.concat_str(pl.lit("-"), "environment"))


@rule(fields=("tags",), message="there is no tag Owner: say who to ask, as in Owner=network")
def has_an_owner() -> pl.Expr:
    """Every record of every type has an owner."""
    return pl.col("tags").str.json_path_match("$.Owner").fill_null("") == ""


@rule(
    "vpc",
    fields=("name", "account_id"),
    scope="records",
    message="{count} VPCs of account {account_id} are called '{name}'",
)
def names_are_unique(records: pl.LazyFrame) -> pl.LazyFrame:
    """No two VPCs of a file have the same name in an account."""
    named = records.filter(pl.col("name").is_not_null())
    counts = named.group_by("account_id", "name").agg(count=pl.len()).filter(pl.col("count") > 1)
    return named.join(counts, on=["account_id", "name"])

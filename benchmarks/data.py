"""The inputs, made from a seed: VPCs of 12 columns, 150 bytes a row, and variations of them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

COLUMNS = [
    "vpc_id",
    "name",
    "cidr_block",
    "region",
    "account_id",
    "state",
    "instance_tenancy",
    "enable_dns_support",
    "environment",
    "project",
    "owner",
    "description",
]

_SEED = 20_260


def vpcs(rows: int, first: int = 0) -> pl.DataFrame:
    """Return sound VPCs, numbered from `first`: one /28 each, 4,096 in each account and region."""
    number = pl.int_range(first, first + rows, dtype=pl.Int64, eager=True)
    # Ids in no order, as AWS gives them, and each its own: multiplying by an odd number permutes the 60-bit numbers.
    mixed = (number.cast(pl.UInt64) * 0x9E37_79B9_7F4A_7C15) & ((1 << 60) - 1)
    frame = pl.DataFrame({"n": number, "id": [f"vpc-{value:017x}" for value in mixed]})
    n = pl.col("n")
    return frame.select(
        vpc_id="id",
        name=pl.format("network-{}", n),
        cidr_block=pl.format("10.{}.{}.{}/28", n // 4096 % 256, n // 16 % 256, n % 16 * 16),
        region=pl.when(n // 4096 % 2 == 0).then(pl.lit("eu-central-1")).otherwise(pl.lit("us-east-1")),
        account_id=(n // 8192 + _SEED).cast(pl.String).str.zfill(12),
        state=pl.lit("available"),
        instance_tenancy=pl.lit("default"),
        enable_dns_support=pl.when(n % 2 == 0).then(pl.lit("true")).otherwise(pl.lit("false")),
        environment=pl.when(n % 3 == 0).then(pl.lit("production")).otherwise(pl.lit("staging")),
        project=pl.format("project-{}", n % 97),
        owner=pl.lit("network-team"),
        description=pl.format("Network number {} of the benchmark", n),
    )


def changed(frame: pl.DataFrame, every: int = 100) -> pl.DataFrame:
    """Return the rows with another name in one of `every` so many: in 1 %, if not given."""
    row = pl.int_range(pl.len())
    renamed = row % every == every // 2
    return frame.with_columns(name=pl.when(renamed).then(pl.col("name") + "-renamed").otherwise(pl.col("name")))


def mistaken(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with 1 % of them wrong, a tenth of these in three cells."""
    row = pl.int_range(pl.len())
    wrong, very = row % 100 == 50, row % 1000 == 50
    return frame.with_columns(
        region=pl.when(wrong).then(pl.lit("us-eest-1")).otherwise(pl.col("region")),
        state=pl.when(very).then(pl.lit("gone")).otherwise(pl.col("state")),
        account_id=pl.when(very).then(pl.lit("1.2E+11")).otherwise(pl.col("account_id")),
    )


def write(frame: pl.DataFrame, path: Path) -> Path:
    """Write rows in the format that the file's name tells."""
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".ndjson":
        frame.write_ndjson(path)
    else:
        _write_workbook(frame, path)
    return path


def _write_workbook(frame: pl.DataFrame, path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("vpcs")
    sheet.append(frame.columns)
    for row in frame.iter_rows():
        sheet.append(row)
    book.save(path)

"""Small files that grow when they are read, or take their reader minutes: each is refused, or read at once."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import SourceError
from tests.cpu import cpu_seconds
from tests.tasks.formats.support import read, read_text, rows

AT_ONCE = 20.0
"""CPU seconds that are plenty for what takes one, and took minutes."""


# Columns --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a (2)", "", "*"])
def test_columns_of_one_name(tmp_path: Path, name: str) -> None:
    """Each is found a name of its own in linear time, and more than are read are counted before they are named."""
    count = 20_000
    text = f"{','.join([name] * count)},vpc_id\n{',' * count}1\n"
    assert cpu_seconds(lambda: read_text(tmp_path, "many.csv", text), SourceError) < AT_ONCE
    with pytest.raises(SourceError, match="at most 1,000"):
        read_text(tmp_path, "many.csv", text)
    path = tmp_path / "few.csv"
    path.write_text("a,a (2),a,a,a (2)\n1,2,3,4,5\n")
    assert read(path).columns == ("a", "a (2)", "a (3)", "a (4)", "a (2) (2)")


# Parquet --------------------------------------------------------------------------------------------------------------

PARQUET: dict[str, Callable[[], pl.DataFrame]] = {
    "rows": lambda: pl.select(pl.repeat("vpc-1", 3_000_000).alias("vpc_id")),
    "a list": lambda: pl.select(pl.repeat(1, 3_000_000).implode().alias("vpc_id")),
    "columns": lambda: pl.select(pl.repeat("x", 300_000).alias("a")).select(
        pl.col("a").alias(f"a{number}") for number in range(80)
    ),
    "a text": lambda: pl.DataFrame({"vpc_id": ["x" * 100_000]}).select(pl.col("vpc_id").gather([0] * 11_000)),
}


@pytest.mark.parametrize("case", PARQUET)
def test_a_parquet_file_that_unpacks_to_gigabytes(tmp_path: Path, case: str) -> None:
    """A run of equal values takes a few bytes, however many they are."""
    path = tmp_path / "small.parquet"
    PARQUET[case]().write_parquet(path)
    assert path.stat().st_size < 200_000
    with pytest.raises(SourceError, match="unpacks to"):
        read(path)


def test_parquet_metadata_that_is_no_metadata(tmp_path: Path) -> None:
    """Whatever stands in its place, the file is damaged."""
    path = tmp_path / "odd.parquet"
    sound = pl.DataFrame({"vpc_id": ["a", "b"]})
    sound.write_parquet(path)
    content = path.read_bytes()
    assert rows(read(path)) == [(1, "a"), (2, "b")]
    footer = int.from_bytes(content[-8:-4], "little")
    for hostile in (b"\x4c" * footer, b"\xff" * footer, b"\x19\xfc" + b"\xff" * (footer - 2), b"\0" * footer):
        path.write_bytes(content[: -8 - footer] + hostile + content[-8:])
        with pytest.raises(SourceError, match="damaged Parquet"):
            read(path)


# Text -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["x^2", "x\x01"])
def test_text_that_begins_like_a_compressed_file(tmp_path: Path, cell: str) -> None:
    """It is text: Polars would unpack it, and so fail or fill the memory."""
    text = f"name,region\n{cell},a\n{cell},b\n"
    assert rows(read_text(tmp_path, "a.csv", text)) == [(2, cell, "a"), (3, cell, "b")]


# Records of lines -----------------------------------------------------------------------------------------------------


def sparse(records: int, members: int) -> str:
    """Records that are empty but for the first ones, which have a member of their own each."""
    return "".join(f'{{"a{number}":1}}\n' for number in range(members)) + "{}\n" * records


def nested() -> str:
    """The same with members of a member."""
    return sparse(400_000, 900).replace('{"a', '{"o":{"a').replace("1}", "1}}")


SPARSE: dict[str, tuple[Callable[[], str], str]] = {
    "members": (lambda: sparse(0, 60_000), "different members"),
    "records": (lambda: sparse(400_000, 900), "share hardly any members"),
    "nested": (nested, "share hardly any members"),
    "a name": (lambda: f'{{"{"a" * 2_000}":1}}\n' * 3, "a name of 2,000 characters"),
}


@pytest.mark.parametrize("case", SPARSE)
def test_records_that_share_no_members(tmp_path: Path, case: str) -> None:
    """Each member makes a cell of each record: a megabyte of lines made billions of cells."""
    made, told = SPARSE[case]
    path = tmp_path / "sparse.ndjson"
    path.write_text(made())
    begun = time.process_time()
    with pytest.raises(SourceError, match=told):
        read(path)
    assert time.process_time() - begun < AT_ONCE


def test_records_with_members_of_their_own_are_read(tmp_path: Path) -> None:
    """Some have what others lack, from the first or later on."""
    lines = [f'{{"vpc_id":"{number}","b{number % 40}":"x"}}' for number in range(3_000)]
    found = read_text(tmp_path, "own.ndjson", "\n".join(lines))
    assert found.records == 3_000
    assert {"vpc_id", "b0", "b39"} <= set(found.columns)


# YAML -----------------------------------------------------------------------------------------------------------------

YAML = {
    "merged mappings": "- a: 1\n  <<: [" + ",".join(f"{{b{number}: 1}}" for number in range(30_000)) + "]\n",
    "tags": "".join(f"%TAG !a{number}! tag:x{number}\n" for number in range(60_000)) + "---\n- a: 1\n",
    "brackets": "[" * 500_000,
    "braces": "{a: " * 200_000,
    "items": "- " * 500_000,
    "anchors": "- &a x\n" + "- *a\n" * 200_000,
}


@pytest.mark.parametrize("case", YAML)
def test_yaml_is_read_in_linear_time(tmp_path: Path, case: str) -> None:
    """Mappings that are taken in, tags that are declared and whatever is nested took quadratic time."""
    path = tmp_path / "slow.yaml"
    path.write_text(YAML[case])
    assert cpu_seconds(lambda: read(path), SourceError) < AT_ONCE


def test_the_first_of_merged_mappings_decides(tmp_path: Path) -> None:
    """And what a record says itself comes before them all."""
    text = "- &x {b: 1, c: 1}\n- &y {c: 2, d: 2}\n- <<: [*x, *y]\n  d: 3\n"
    found = read_text(tmp_path, "merged.yaml", text).frame.collect()
    assert found.select("b", "c", "d").row(2) == ("1", "1", "3")


# Packed files ---------------------------------------------------------------------------------------------------------


def test_a_zip_file_of_very_many_members(tmp_path: Path) -> None:
    """Its reader holds an object for each: it is refused by the size of its list, wherever that stands."""
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "vpc_id\n1\n")
    content = bytearray(path.read_bytes())
    assert rows(read(path)) == [(2, "1")]
    content[-10:-6] = (9 << 20).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(SourceError, match="holds very many"):
        read(path)

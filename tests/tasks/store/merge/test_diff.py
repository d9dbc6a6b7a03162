"""The diff of a file with what is stored: by looking up each key where few are known, by one join elsewhere."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks import data
from schemas.reports import Counts
from tests.support import execute, importer

ROWS = 12_000


@pytest.mark.parametrize("known", [0, 40, 6_000], ids=["none", "few", "many"])
@pytest.mark.parametrize("analyzed", [True, False])
def test_few_or_many_are_known(database_url: str, tmp_path: Path, known: int, *, analyzed: bool) -> None:
    """The counts are the same, however it is found out; of those that are known, every second has changed."""
    run = importer(database_url, tmp_path)
    run(data.write(data.vpcs(ROWS), tmp_path / "stored.csv"), resource_type="vpc")
    if analyzed:
        execute(database_url, "analyze vpc")
    new = data.vpcs(ROWS, first=ROWS - known)
    row = pl.int_range(pl.len())
    name = pl.when((row < known) & (row % 2 == 0)).then(pl.lit("new name")).otherwise("name")
    report = run(data.write(new.with_columns(name=name), tmp_path / "new.csv"), resource_type="vpc")
    assert report.counts == Counts(read=ROWS, create=ROWS - known, update=known // 2, unchanged=known // 2)
    assert execute(database_url, "select count(*) from all_changes") == [(known // 2,)]
    [(renamed,)] = execute(database_url, "select count(*) from vpc where name = 'new name'")
    assert renamed == known // 2

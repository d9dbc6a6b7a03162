"""The law of the export: what it writes imports again as an empty plan, whatever the type, the format and the text."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.pipelines import export_file
from schemas.jobs import ExportJob
from schemas.reports import Counts, Exported
from schemas.resources import RESOURCES
from schemas.settings import settings as own_settings
from tests.laws import law
from tests.strategies import NASTY_TEXT, records
from tests.support import execute, importer, issues_of, stored

FORMATS = ("a.csv", "titles.csv", "a.json", "a.xlsx", "a.parquet")
# What differs from CSV and from JSON is the same for every type.
PACKED = itertools.product(("subnet", "vlan", "vpnConnection"), ("a.csv.gz", "a.ndjson"))


def export(url: str, resource_type: str, path: Path) -> Exported:
    """Export all records; a file that is called so has titles."""
    titles = True if path.name.startswith("titles") else None
    return export_file(ExportJob(resource_type=resource_type, path=path, titles=titles), url, own_settings())


@pytest.mark.parametrize(("resource_type", "name"), [*itertools.product(RESOURCES, FORMATS), *PACKED])
def test_every_type_in_every_format(two_of_each_type: str, tmp_path: Path, resource_type: str, name: str) -> None:
    """A record with every field and one with hardly any; no mapping is given, and the columns tell the type."""
    path = tmp_path / name
    exported = export(two_of_each_type, resource_type, path)
    assert (exported.records, exported.unfit) == (2, ())
    report = importer(two_of_each_type, tmp_path)(path)
    assert (report.resource_type, report.counts, report.notices) == (resource_type, Counts(read=2, unchanged=2), ())


@pytest.mark.parametrize(("resource_type", "ids"), [("vpc", "vpc-"), ("vpnGateway", "vgw-"), ("site", "site ")])
@law(3, shrink=False)
@given(data=st.data())
def test_nasty_text_in_every_format(
    database_url: str, tmp_path: Path, resource_type: str, ids: str, data: st.DataObject
) -> None:
    """Quotes, line ends, formulas, guards and what looks like another kind come back as they were, tags included."""
    drawn = data.draw(records(RESOURCES[resource_type], ids, NASTY_TEXT))
    # The numbers of a workbook are read to nine decimals.
    wanted = [{name: round(v, 9) if isinstance(v, float) else v for name, v in record.items()} for record in drawn]
    execute(database_url, f"truncate {RESOURCES[resource_type].table}")
    run = importer(database_url, tmp_path)
    source = tmp_path / "source.json"
    source.write_text(json.dumps(wanted))
    first = run(source, resource_type=resource_type)
    assert first.counts.create == len(wanted), issues_of(database_url, first)
    before = stored(database_url, resource_type)
    assert [kept(record) for record in before] == sorted(wanted, key=lambda record: str(next(iter(record.values()))))
    for name in ("a.csv", "a.json", "a.xlsx", "a.parquet"):
        export(database_url, resource_type, tmp_path / name)
        again = run(tmp_path / name, resource_type=resource_type)
        assert again.counts == Counts(read=len(wanted), unchanged=len(wanted)), (name, again.changes, again.issues)
    assert stored(database_url, resource_type) == before


def kept(record: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record that hold something."""
    lineage = ("created_at", "updated_at", "created_by_run", "updated_by_run")
    return {name: value for name, value in record.items() if value is not None and name not in lineage}

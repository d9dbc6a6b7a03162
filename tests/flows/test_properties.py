"""Laws of the import: what is accepted is stored as it was read, and importing it again is an empty plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.resources import RESOURCES
from tests.laws import law
from tests.strategies import records
from tests.support import execute, importer, stored, write_csv


def as_text(value: Any) -> str:
    """Write a value as a person would put it into a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(value) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(("resource_type", "ids"), [("vpc", "vpc-"), ("vpnGateway", "vgw-"), ("site", "site ")])
@law(20)
@given(data=st.data())
def test_what_is_accepted_is_stored_and_imports_again_as_nothing(
    database_url: str, tmp_path: Path, resource_type: str, ids: str, data: st.DataObject
) -> None:
    """Any accepted frame, loaded and read back, is equal; importing it again is an empty plan."""
    resource = RESOURCES[resource_type]
    wanted = data.draw(records(resource, ids))
    execute(database_url, f"truncate {resource.table}")
    columns = [name for name in resource.fields if any(name in record for record in wanted)]
    rows = [{name: as_text(record[name]) if name in record else "" for name in columns} for record in wanted]
    path = write_csv(tmp_path / "records.csv", rows, columns)
    run = importer(database_url, tmp_path)
    report = run(path, resource_type=resource_type)
    assert (report.counts.create, report.issues) == (len(wanted), ())
    found = {record[resource.key[0]]: record for record in stored(database_url, resource_type)}
    for record in wanted:
        kept = {name: value for name, value in found[record[resource.key[0]]].items() if name in resource.fields}
        assert {name: value for name, value in kept.items() if value is not None} == record
    again = run(path, resource_type=resource_type)
    assert (again.counts.unchanged, again.counts.update, again.counts.create) == (len(wanted), 0, 0)

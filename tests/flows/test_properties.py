"""Laws of the import: what is accepted is stored as it was read, and importing it again is an empty plan."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.fields import Spec
from schemas.resource import Resource
from schemas.resources import RESOURCES
from tests.support import execute, importer, stored, write_csv

# What a cell may hold: no control characters but line ends and tabs; surrounding space is not data.
TEXT = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\n\t\r"),
        min_size=1,
        max_size=30,
    )
    .map(str.strip)
    .filter(bool)
    # An apostrophe before what looks like a formula is a guard, which reading takes away.
    .filter(lambda text: not re.match(r"'+[=+\-@\t\r]", text))
)
V4 = st.builds(
    lambda address, length: str(ipaddress.ip_network((address, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(16, 28),
)
IDS = st.text("0123456789abcdef", min_size=17, max_size=17)
TAGS = st.dictionaries(TEXT, TEXT, min_size=1, max_size=4)


def values(spec: Spec) -> st.SearchStrategy[Any]:
    """Values that a field accepts, by its kind."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "text": TEXT,
        "boolean": st.booleans(),
        "integer": st.integers(1, 4000),
        "number": st.floats(-80, 80, allow_nan=False),
        "asn": st.integers(64_512, 65_534),
        "account": st.from_regex(r"\A[0-9]{12}\Z"),
        "cidr": V4,
        "cidrs": st.lists(V4, min_size=1, max_size=3),
        "inet": st.ip_addresses(v=4).map(str),
        "tags": TAGS,
        "enum": st.sampled_from(spec.choices or ("",)),
    }
    return kinds.get(spec.kind.name, st.nothing())


@st.composite
def records(draw: st.DrawFn, resource: Resource, ids: str) -> list[dict[str, Any]]:
    """Records of a type with distinct keys and any optional fields."""
    numbers = draw(st.lists(IDS, min_size=1, max_size=8, unique=True))
    found = []
    for number in numbers:
        record: dict[str, Any] = {resource.key[0]: f"{ids}{number}"}
        for name, spec in resource.fields.items():
            matched = any(check.name == "str_matches" for check in resource.schema.columns[name].checks)
            strategy = st.just(spec.example) if spec.kind.name == "text" and matched else values(spec)
            if name == resource.key[0] or strategy.is_empty:
                continue
            if spec.required or draw(st.booleans()):
                record[name] = draw(strategy)
        found.append(record)
    return found


def as_text(value: Any) -> str:
    """Write a value as a person would put it into a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(value) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(("resource_type", "ids"), [("vpc", "vpc-"), ("vpnGateway", "vgw-"), ("site", "site ")])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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

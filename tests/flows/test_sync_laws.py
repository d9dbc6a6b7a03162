"""Laws of a sync: it is checked against the records that it leaves, and a rejected row is in its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.issues import Severity
from schemas.reports import Report
from tests.flows.support import forget_everything, records, sync
from tests.laws import law
from tests.support import importer, issues_of

Row = dict[str, Any]
Lists = dict[str, list[Row]]
Records = dict[str, dict[str, Row]]

FREE: dict[str, Any] = {"max_delete": None, "always": True}
KEYS = {"vpc": "vpc_id", "subnet": "subnet_id", "routeTable": "route_table_id", "elasticIp": "allocation_id"}
NUMBERS = st.integers(1, 3)


def rows(
    key: str, prefix: str, most: int, fields: st.SearchStrategy[Row], least: int = 0
) -> st.SearchStrategy[list[Row]]:
    """Rows of distinct keys."""
    numbered = st.dictionaries(st.integers(1, most), fields, min_size=least, max_size=most)
    return numbered.map(lambda found: [{key: f"{prefix}-{n:08x}", **row} for n, row in sorted(found.items())])


def _vpc(row: Row) -> Row:
    # A network keeps its block for life.
    return row | {"cidr_block": f"10.{int(row['vpc_id'][-1])}.0.0/16"}


VPC_OF = NUMBERS.map(lambda n: f"vpc-{n:08x}")
SUBNETS = st.builds(
    lambda n, block, zone: {
        "vpc_id": f"vpc-{n:08x}",
        "cidr_block": f"10.{n}.{block}",
        "availability_zone": f"us-east-1{zone}",
    },
    NUMBERS,
    st.sampled_from(["0.0/24", "0.0/25", "0.128/25", "1.0/24", "1.64/26"]),
    st.sampled_from("ab"),
)
TABLES = st.builds(lambda vpc, main: {"vpc_id": vpc, "main": main}, VPC_OF, st.booleans())
ADDRESSES = st.builds(lambda n: {"public_ip": f"203.0.113.{n}"}, st.integers(1, 5))
NETWORK = st.fixed_dictionaries(
    {
        "vpc": rows("vpc_id", "vpc", 3, st.just({}), 1).map(lambda found: [_vpc(row) for row in found]),
        "subnet": rows("subnet_id", "subnet", 6, SUBNETS),
        "routeTable": rows("route_table_id", "rtb", 4, TABLES),
        "elasticIp": rows("allocation_id", "eipalloc", 4, ADDRESSES),
    }
)

# A row of any of the types, but for its key.
NO_KEY = {
    "vpc_id": "vpc-00000001",
    "cidr_block": "10.1.9.0/24",
    "availability_zone": "us-east-1a",
    "main": False,
    "public_ip": "203.0.113.99",
}


def write(path: Path, lists: Mapping[str, list[Row]], *, empty: bool) -> Path:
    """Write a document of several lists; those without records only where they say that there are none."""
    path.write_text(json.dumps({f"{name}s": found for name, found in lists.items() if found or empty}))
    return path


def rejected(url: str, report: Report) -> set[tuple[str, int]]:
    """The rows that a run rejected, by type."""
    types = [part.resource_type for part in report.parts] or [report.resource_type]
    errors = [issue for issue in issues_of(url, report) if issue.severity is Severity.ERROR]
    return {(types[issue.part], issue.row or 0) for issue in errors}


def in_service(url: str) -> Records:
    """The records of each type that are not retired, by their keys."""
    found: Records = {}
    for name, key in KEYS.items():
        left = {str(record[key]): record for record in records(url, name) if not record["retired"]}
        found |= {name: left} if left else {}
    return found


def imported(url: str, folder: Path, lists: Lists) -> tuple[Records, set[tuple[str, int]]]:
    """Import into an empty database; returns what is there then, and what was rejected."""
    forget_everything(url)
    report = importer(url, folder)(write(folder / "network.json", lists, empty=False))
    return in_service(url), rejected(url, report)


@pytest.mark.parametrize("missing", ["retire", "delete"])
@law(6, shrink=False)
@given(before=NETWORK, source=NETWORK)
def test_a_sync_ends_as_a_clean_import_does(
    database_url: str, tmp_path: Path, missing: str, before: Lists, source: Lists
) -> None:
    """Whatever was stored, a source that an empty database takes as a whole is what is in service then."""
    clean, refused = imported(database_url, tmp_path, source)
    sound = {name: list(clean.get(name, {})) for name in source}
    source = {name: [row for row in found if row[KEYS[name]] in sound[name]] for name, found in source.items()}
    imported(database_url, tmp_path, before)
    path = write(tmp_path / "network.json", source, empty=True)
    report = sync(database_url, path, missing=missing, **FREE)
    assert (rejected(database_url, report), in_service(database_url)) == (set(), clean), refused
    again = sync(database_url, path, missing=missing, **FREE).counts
    assert (again.create, again.update, again.delete, again.retire, again.rejected) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("missing", ["retire", "delete"])
@law(6, shrink=False)
@given(before=NETWORK, source=NETWORK, data=st.data())
def test_a_rejected_row_is_in_its_source(
    database_url: str, tmp_path: Path, missing: str, before: Lists, source: Lists, data: st.DataObject
) -> None:
    """Its record stays as it was, each other one that has no row goes, and what is left goes together."""
    for row in [row for found in source.values() for row in found]:
        if data.draw(st.integers(0, 3)) == 0:
            row["region"] = "nowhere"
    stored, _ = imported(database_url, tmp_path, before)
    path = write(tmp_path / "network.json", source, empty=True)
    report = sync(database_url, path, missing=missing, **FREE)
    left, bad = in_service(database_url), rejected(database_url, report)
    for name, found in source.items():
        had, has = stored.get(name, {}), left.get(name, {})
        for number, row in enumerate(found, start=1):
            key = row[KEYS[name]]
            if (name, number) in bad:
                assert has.get(key) == had.get(key)
            else:
                assert has[key] == has[key] | row
        spared = {issue.value for issue in issues_of(database_url, report) if issue.rule == "referred_to"}
        assert has.keys() <= {row[KEYS[name]] for row in found} | spared
    again = sync(database_url, path, missing=missing, **FREE)
    counts = again.counts
    assert (counts.create, counts.update, counts.delete, counts.retire) == (0, 0, 0, 0)
    assert rejected(database_url, again) == bad
    if missing == "delete":
        # Deletion leaves nothing that refers to what is gone, so that an empty database takes all that is left.
        names = {name: KEYS[name] for name in left}
        plain = {name: [_written(row) for row in found.values()] for name, found in left.items() if names}
        assert not plain or imported(database_url, tmp_path, plain) == (left, set())


def _written(record: Row) -> Row:
    """A record as a document holds it."""
    return {name: value for name, value in record.items() if name != "retired" and value is not None}


@pytest.mark.parametrize("missing", ["retire", "delete"])
@law(6, shrink=False)
@given(before=NETWORK, source=NETWORK, at=st.integers(0, 3))
def test_a_row_without_a_key_keeps_the_records_of_its_type(
    database_url: str, tmp_path: Path, missing: str, before: Lists, source: Lists, at: int
) -> None:
    """Those of other types go as if it were not there."""
    name = list(KEYS)[at]
    stored, _ = imported(database_url, tmp_path, before)
    broken = source | {name: [*source[name], NO_KEY | {KEYS[name]: "?"}]}
    report = sync(database_url, write(tmp_path / "network.json", broken, empty=True), missing=missing, **FREE)
    left = in_service(database_url)
    told = [issue.part for issue in issues_of(database_url, report) if issue.rule == "not_whole"]
    assert [report.parts[part].resource_type for part in told] == [name]
    assert stored.get(name, {}).keys() <= left.get(name, {}).keys()
    spared = {issue.value for issue in issues_of(database_url, report) if issue.rule == "referred_to"}
    for other in KEYS.keys() - {name}:
        assert left.get(other, {}).keys() <= {row[KEYS[other]] for row in source[other]} | spared

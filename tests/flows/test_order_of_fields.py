"""What a report and a history say of a record has its fields in the order of the type, a row those of its source."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from schemas.resources import RESOURCES
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tasks.store.read import record_pages, run_diff
from tests.support import importer, vpc, vpc_id

FIELDS = list(RESOURCES["vpc"].fields)
CHANGED = {"name": "renamed", "region": "eu-west-1", "account_id": "999999999999", "state": "pending", "tags": "A=b"}


def in_order(names: list[str]) -> bool:
    """Say whether fields are in the order in which the type declares them."""
    assert len(names) > 3
    return names == [field for field in FIELDS if field in names]


def test_of_changes_and_histories(database_url: str, tmp_path: Path) -> None:
    """The changes of a plan, what lies between two runs, and the history of a record."""
    run = importer(database_url, tmp_path)
    first = run([vpc(1)])
    planned = run([vpc(1, **CHANGED)], dry_run=True)
    assert in_order(list(planned.changes[0].fields))
    assert in_order([name for name in planned.samples[0] if name in FIELDS])
    second = run([vpc(1, **CHANGED)])
    with engine(database_url).connect() as connection:
        found = run_diff.difference(connection, UUID(first.run_id), UUID(second.run_id))
        record = record_pages.record(connection, RESOURCES["vpc"], vpc_id(1))
    assert record is not None
    assert in_order(list(found.changes[0].fields))
    assert in_order(list(record["history"][0]["fields"]))


def test_of_rows_and_samples(database_url: str, tmp_path: Path) -> None:
    """A rejected row, and the samples of the columns."""
    rows = [vpc(1, cidr_block="nowhere")]
    report = importer(database_url, tmp_path)(rows, dry_run=True)
    with engine(database_url).connect() as connection:
        _, [rejected] = ledger.rejected_page(connection, UUID(report.run_id), limit=5, offset=0)
    assert list(rejected["data"]) == list(rows[0])
    assert report.origin is not None
    assert list(report.origin.samples) == list(rows[0])

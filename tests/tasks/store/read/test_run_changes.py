"""What one run changed, as a table of it in Prefect shows."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from tasks.store.connection.engine import engine
from tasks.store.read.run_changes import changes_of
from tests.support import importer, vpc


def test_what_a_run_changed(database_url: str, tmp_path: Path) -> None:
    """Updates have the fields that differ, before → after; records that were created come last."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    report = run([vpc(1, name="new"), vpc(2), vpc(3)])
    with engine(database_url).connect() as connection:
        found = changes_of(connection, UUID(report.run_id), most=20)
    assert [(each.action, each.fields) for each in found] == [("updated", {"name": ("net-1", "new")}), ("created", {})]

"""A sync from every source, against its real server: created, as it was, and what can't be read takes nothing away.

How each source pages, retries, resumes and refuses stands in `tests/tasks/sources`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import SourceError
from schemas.reports import Outcome, Report, Status
from tests.flows.support import everything, sync, undo_of
from tests.support import execute, with_settings
from tests.tasks.sources.rigs import RIGS, SECRET, Make, Rig


@pytest.fixture
def rigs() -> dict[str, Make]:
    """What starts a rig for each source."""
    return RIGS


def synced(
    url: str, rig: Rig, monkeypatch: pytest.MonkeyPatch, address: str | None = None, *, always: bool = False
) -> Report:
    """Sync from a rig with its credentials; what is missing is deleted, however much that is."""
    options: dict[str, Any] = {
        "name": "rig",
        "types": rig.types,
        "missing": "delete",
        "max_delete": None,
        "always": always,
    }
    if rig.secret:
        monkeypatch.setenv("CMDB_SECRET_RIG", rig.secret)
        options["credentials"] = "rig"
    # A rig's database is on the same server as the test's own.
    used = with_settings(source_private=True, source_own_database=True)
    return sync(url, address or rig.url, settings=used, **options)


@pytest.mark.parametrize("name", RIGS)
def test_every_source(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rigs: dict[str, Make], name: str
) -> None:
    """All of its records, then nothing, then no less than before; nothing of its secret is kept."""
    with rigs[name](tmp_path, database_url) as rig:
        first = synced(database_url, rig, monkeypatch)
        assert (first.counts.create, first.counts.rejected) == (sum(rig.records.values()), 0), first.issues
        assert {kind: len(found) for kind, found in everything(database_url).items()} == rig.records
        assert synced(database_url, rig, monkeypatch).outcome is Outcome.UNCHANGED
        before = everything(database_url)
        if rig.spoil:
            rig.spoil()
            spoilt = synced(database_url, rig, monkeypatch, always=True)  # a list of files may be as it was
            assert (spoilt.status, spoilt.counts.delete, everything(database_url)) == (Status.COMPLETED, 0, before)
            assert [notice for notice in spoilt.notices if notice.rule in ("file", "type", "page")], spoilt.notices
        if rig.broken:
            with pytest.raises(SourceError):
                synced(database_url, rig, monkeypatch, rig.broken())
        assert everything(database_url) == before
        assert undo_of(database_url, first).counts.delete == sum(rig.records.values())
    kept = execute(database_url, "select r::text from import_run r union all select i::text from import_issue i")
    assert not [row for (row,) in kept if SECRET in row]


@pytest.mark.parametrize("name", ["file", "s3", "objects"])
def test_a_source_that_has_more(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rigs: dict[str, Make], name: str
) -> None:
    """A state that is new is read, and what is new of it is created."""
    with rigs[name](tmp_path, database_url) as rig:
        synced(database_url, rig, monkeypatch)
        assert rig.change
        rig.change()
        changed = synced(database_url, rig, monkeypatch)
        assert (changed.counts.create, changed.counts.update, changed.counts.delete) == (1, 0, 0)
        assert synced(database_url, rig, monkeypatch).outcome is Outcome.UNCHANGED

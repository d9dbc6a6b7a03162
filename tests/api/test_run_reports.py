"""`GET /api/runs`: the JSON of `cmdb … --json`, for whoever may see a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.wording import COMMAND_LINE
from api.json_output import report_json
from api.json_reports import report_from_json
from api.rest.wording import HEADER, Name
from tests.api.facade import Locked
from tests.api.support import Cli
from tests.support import execute, vpc, write_csv


@pytest.fixture
def preview(cli: Cli, database_url: str, tmp_path: Path) -> dict[str, Any]:
    """The report of a preview that alice requested."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="nowhere")])
    assert cli("preview", str(path)).code == 3
    execute(database_url, "update import_run set requested_by = 'alice'")
    found: dict[str, Any] = json.loads(cli("show", "last", "--json").out)
    return found


def test_the_report_of_a_run(locked: Locked, preview: dict[str, Any]) -> None:
    """Its owner and the scope admin find it by its id, the beginning of it and `last`; nobody else does."""
    run = preview["runId"]
    for name in ("alice", "boss"):
        with locked.client(name) as client:
            for reference in (run, run[:8], "last"):
                found = client.get(f"/api/runs/{reference}", headers={HEADER: Name.MARKERS}).json()
                assert report_json(report_from_json(found), COMMAND_LINE) == preview
            assert client.get("/api/runs/last", params={"applied": True}).status_code == 404
            assert [each["runId"] for each in client.get("/api/runs", params={"type": "vpcs"}).json()] == [run]
            assert client.get("/api/runs", params={"type": "site"}).json() == []
    for name in ("bob", "looker"):
        with locked.client(name) as client:
            assert client.get(f"/api/runs/{run}").status_code == 404
            assert client.get("/api/runs").json() == []


def test_a_key_without_permission_for_the_types_of_its_run(
    locked: Locked, preview: dict[str, Any], database_url: str
) -> None:
    """It sees that there is a run, and nothing of what the run read and changed."""
    with locked.client("boss") as boss:
        asked = {"name": "partner", "permissions": ["read:site"]}
        key = boss.post("/api/keys", json=asked).json()["key"]
    with locked.facade.client(key) as client:
        assert client.get(f"/api/runs/{preview['runId']}").status_code == 404
        execute(database_url, "update import_run set requested_by = 'partner'")
        assert client.get(f"/api/runs/{preview['runId']}").status_code == 403
        [found] = client.get("/api/runs").json()
    assert (found["runId"], found["counts"]) == (preview["runId"], preview["counts"])
    assert (found["samples"], found["changes"], found["notices"], found["rules"]) == ([], [], [], [])
    assert not {"mapping", "columns", "format"} & set(found)

"""Four eyes: whoever requested a plan or a held sync cannot apply it, by whichever door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.rest.security.guard import new_key
from flows.pipelines import apply_plan
from schemas.errors import Forbidden
from schemas.jobs import ApplyJob
from tests.api.system import System, facade, file, follow
from tests.support import execute, importer, stored, vpc, with_settings, write_csv


def test_the_engine_refuses_ones_own_plan(database_url: str, tmp_path: Path) -> None:
    """Also for a command, which asks no API; without the setting, one's own plan is applied as before."""
    report = importer(database_url, tmp_path)([vpc(1)], dry_run=True, keep_plan=True, requested_by="alice")
    strict = with_settings(four_eyes=True)
    mine = ApplyJob(plan=UUID(report.run_id), requested_by="alice")
    with pytest.raises(Forbidden, match="somebody else must approve it"):
        apply_plan(mine, database_url, strict)
    assert stored(database_url, "vpc") == []
    apply_plan(mine.model_copy(update={"requested_by": "bob"}), database_url, strict)
    assert len(stored(database_url, "vpc")) == 1


def test_four_eyes_over_the_api(system: System, tmp_path: Path) -> None:
    """The requester is refused whatever their scope; another who may approve sees the plan, and no more of the run."""
    execute(system.url, "truncate vpc")
    made = {name: new_key(name, scope) for name, scope in (("eve", "write"), ("rob", "write"), ("root", "admin"))}
    lines = json.dumps([line for _, line in made.values()])
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    with facade(system, CMDB_API_KEYS=lines, CMDB_FOUR_EYES="true") as address:

        def client(name: str) -> httpx.Client:
            return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {made[name][0]}"}, timeout=60)

        with client("eve") as eve, client("rob") as rob, client("root") as root:
            for requester in (eve, root):
                plan: dict[str, Any] = requester.post("/api/import/preview", **file(path)).json()
                for door in (f"import/{plan['planId']}/approve", "import/execute"):
                    answer = requester.post(f"/api/{door}", json={"planId": plan["planId"]} if "exec" in door else {})
                    assert (answer.status_code, "somebody else" in answer.text) == (403, True)
            assert execute(system.url, "select 1 from vpc") == []
            plan = eve.post("/api/import/preview", **file(path)).json()
            assert rob.get(f"/api/import/result/{plan['planId']}").json()["counts"]["create"] == 1
            assert rob.delete(f"/api/import/{plan['planId']}").status_code == 404
            done = rob.post(f"/api/import/{plan['planId']}/approve").json()
            assert follow(rob, done["importId"])[-1]["status"] == "completed"
            assert eve.get(f"/api/import/result/{done['importId']}").status_code == 404
            [entry] = root.get("/api/audit", params={"what": "approval", "who": "rob"}).json()["items"]
            assert (entry["target"], entry["detail"]["run"]) == (plan["planId"], done["importId"])

"""What a file or a request holds reaches Prefect as one text: Prefect evaluates nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

from flows.bulk import bulk_import, bulk_sync
from flows.job_parameter import as_text
from schemas.jobs import ImportJob, SyncJob
from tests.api.system import System, execute, follow
from tests.support import execute as sql
from tests.support import vpc, vpc_id, write_csv

KIND = "__prefect_kind"
NAMES = (KIND, "{{ 7 * 7 }}", "$ref")
"""Names of columns that Prefect would evaluate as members of an object: a template, a variable, a block."""


def test_columns_of_any_name_are_data(system: System, tmp_path: Path) -> None:
    """Columns that are named as what Prefect evaluates are mapped and loaded as any others."""
    sql(system.url, "truncate vpc")
    mapping = dict(zip(NAMES, ("name", "description", "owner"), strict=True))
    path = write_csv(tmp_path / "vpcs.csv", [{"vpc_id": vpc_id(1), "cidr_block": "10.0.0.0/16"} | mapping])
    with system.client() as client:
        run = execute(client, path, resourceType="vpc", mapping=json.dumps(mapping))
        assert follow(client, run)[-1]["status"] == "completed"
    stored = sql(system.url, "select name, description, owner from vpc")
    assert stored == [("name", "description", "owner")]
    parameters = system.ask_prefect("GET", f"/flow_runs/{run}")["parameters"]
    assert json.loads(parameters["job"])["columns"] == mapping


def test_a_template_is_not_evaluated(system: System, tmp_path: Path) -> None:
    """What would have been evaluated, and answered with 409, is a field that there is not."""
    sql(system.url, "truncate vpc")
    with system.client() as client:
        path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
        constants = {KIND: "jinja", "template": "{{ range(999999999) | join }}"}
        run = execute(client, path, resourceType="vpc", constants=json.dumps(constants))
        last = follow(client, run)[-1]
    assert (last["status"], KIND in last["message"]) == ("failed", True), last
    assert sql(system.url, "select count(*) from vpc") == [(0,)]


def test_a_job_comes_back_as_it_was() -> None:
    """A flow takes its job as the text, and as the object that people fill in on Prefect's page."""
    job = ImportJob(path=Path("a.csv"), columns=dict.fromkeys(NAMES, "name"), constants={KIND: "workspace_variable"})
    assert bulk_import.validate_parameters({"job": as_text(job)})["job"] == job
    filled_in = {"url": "https://ipam.example.com/a.csv", "resource_type": "prefix"}
    assert bulk_sync.validate_parameters({"job": filled_in})["job"] == SyncJob.model_validate(filled_in)

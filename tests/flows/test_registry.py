"""The registry of flows: what it says of a flow is what Prefect finds, and its module stays light."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from prefect.utilities.importtools import import_object

from deployments.definitions import DEPLOYMENTS
from flows.registry import BULK, FLOWS, WRITING, BulkFlow, FlowSpec, Job


@pytest.mark.parametrize("spec", FLOWS.values(), ids=FLOWS)
def test_each_import_path_leads_to_the_flow(spec: FlowSpec) -> None:
    """A worker finds the flow of that name at its import path, and a deployment of it has the same path."""
    flow = import_object(spec.entrypoint)
    assert (flow.name, f"{flow.__module__}.{flow.__name__}") == (spec.name, spec.entrypoint)
    assert flow.description
    deployed = {each.name: each for each in DEPLOYMENTS if each.spec is spec}
    previews = {spec.preview} if isinstance(spec, BulkFlow) and spec.preview else set()
    assert set(deployed) == {spec.deployment, *previews}
    assert all(each.flow is flow and each.description for each in deployed.values())


@pytest.mark.parametrize("spec", BULK.values(), ids=lambda spec: spec.name)
def test_each_bulk_flow_takes_its_job(spec: BulkFlow) -> None:
    """Its only parameter has the schema of its model, by which Prefect's page makes a form."""
    schema = import_object(spec.entrypoint).parameters.model_dump()
    assert schema["required"] == ["job"]
    assert schema["properties"]["job"]["$ref"] == f"#/definitions/{spec.job.__name__}"


def test_each_job_has_a_flow() -> None:
    """Each model of a job is dispatched to one flow; those that write are looked at as imports."""
    assert set(BULK) == set(get_args(Job))
    assert set(WRITING) == {"bulk-import", "bulk-sync", "bulk-apply", "bulk-undo"}


def test_the_registry_is_read_without_prefect() -> None:
    """The command line reads it for each run, and Prefect takes a second to import."""
    program = "import sys, flows.registry; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""The OpenAPI document: what it says is what is answered, whatever is sent; its examples are what it says they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from api.rest.security.guard import new_key
from tests.api.system import SCOPES, Keyed, System, execute, facade, follow
from tests.support import execute as sql
from tests.support import vpc, write_csv

# What is not promised: unknown methods answer 405 without a list in the document, and a body may be sent as the server
# wants it, where the document can't say so.
_LEFT_OUT = ("unsupported_method", "positive_data_acceptance", "negative_data_rejection", "missing_required_header")


@contextmanager
def no_worker(system: System) -> Iterator[None]:
    """Let nobody carry out what is asked for, and forget it at the end."""
    with system.prefect_client() as prefect:
        prefect.patch("/work_pools/cmdb", json={"is_paused": True}).raise_for_status()
        try:
            yield
            waiting = {"sort": "EXPECTED_START_TIME_ASC", "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
            while found := [run for run in prefect.post("/flow_runs/filter", json=waiting).json() if asked_for(run)]:
                for run in found:
                    prefect.delete(f"/flow_runs/{run['id']}").raise_for_status()
        finally:
            prefect.patch("/work_pools/cmdb", json={"is_paused": False}).raise_for_status()


def asked_for(run: dict[str, Any]) -> bool:
    """Say whether a run was asked for, rather than scheduled."""
    return not run["auto_scheduled"]


@pytest.fixture(scope="module")
def quick(system: System) -> Iterator[Keyed]:
    """A facade with keys, which does not wait for previews that nobody makes."""
    made = {name: new_key(name, scope) for name, scope in SCOPES.items()}
    lines = json.dumps([line for _, line in made.values()])
    with facade(system, CMDB_API_KEYS=lines, CMDB_PREVIEW_SECONDS="0") as address:
        yield Keyed(address, {name: key for name, (key, _) in made.items()})


@contextmanager
def key_of(system: System, keyed: Keyed, name: str) -> Iterator[str]:
    """Give a key by its name, or one of the database for a single type; no key is left in the database at the end."""
    try:
        if name in keyed.keys:
            yield keyed.keys[name]
        else:
            asked = {"name": name, "permissions": ["read:site", "preview:site", "export:site"]}
            with keyed.client("boss") as boss:
                yield boss.post("/api/keys", json=asked).json()["key"]
    finally:
        sql(system.url, "truncate api_key")  # with any, the system's own facade would ask for one


@pytest.mark.parametrize(("name", "examples"), [("boss", 12), ("alice", 3), ("looker", 3), ("partner", 3)])
def test_every_answer_is_declared(system: System, quick: Keyed, name: str, examples: int) -> None:
    """No request brings a 500, and every answer has a status, a type and a shape that the document declares."""
    load_all_checks()
    left_out = [check for check in CHECKS.get_all() if check.__name__ in _LEFT_OUT]
    with no_worker(system), key_of(system, quick, name) as key:
        bearer = {"Authorization": f"Bearer {key}"}
        document = httpx.get(f"{quick.address}/openapi.json").json()
        for each in (document, as_json(document)):
            described = schemathesis.openapi.from_dict(each)
            described.config.update(base_url=quick.address)
            for found in described.get_all_operations():
                assert isinstance(found, Ok), found

                @settings(
                    max_examples=examples,
                    deadline=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                    phases=[Phase.generate],
                )
                @given(case=found.ok().as_strategy())
                def ask(case: Any) -> None:
                    case.call_and_validate(excluded_checks=left_out, headers=bearer, timeout=60)

                ask()


def as_json(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the operations that take a form, with the JSON that they take in its place."""
    models = {"preview": ["ImportRequest"], "execute": ["ImportRequest", "PlanRequest"]}
    paths = {}
    for name, members in models.items():
        operation = document["paths"][f"/api/import/{name}"]["post"]
        schema = {"anyOf": [{"$ref": f"#/components/schemas/{each}"} for each in members]}
        body = {"required": True, "content": {"application/json": {"schema": schema}}}
        paths[f"/api/import/{name}"] = {"post": operation | {"requestBody": body}}
    return document | {"paths": paths}


def test_the_document(system: System) -> None:
    """It names every call of the contract, and each of its schemas is one."""
    document = httpx.get(f"{system.address}/openapi.json").json()
    calls = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert calls >= {
        "POST /api/import/preview",
        "POST /api/import/execute",
        "GET /api/import/progress/{import_id}",
        "GET /api/import/progress/{import_id}/events",
        "GET /api/import/result/{import_id}",
        "DELETE /api/import/{import_id}",
        "GET /api/imports",
        "POST /api/export",
        "GET /api/export/progress/{export_id}",
        "GET /api/export/download/{export_id}",
        "DELETE /api/export/{export_id}",
        "GET /api/templates/{format}/{resource_type}",
        "GET /api/resources",
        "GET /api/resources/{resource_type}",
        "GET /api/rules",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
    for each in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(each)


def test_ready_and_figures(system: System, tmp_path: Path) -> None:
    """Health, readiness and the figures of Prometheus."""
    with system.client() as client:
        follow(client, execute(client, write_csv(tmp_path / "vpcs.csv", [vpc(1)])))
        assert client.get("/healthz").json()["status"] == "ok"
        ready = client.get("/readyz").json()
        assert ready == {"status": "ok", "checks": {"database": "ok", "prefect": "ok", "worker": "ok"}}
        figures = client.get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert 'cmdb_imports_total{resource_type="vpc",status="completed"}' in figures.text

"""The OpenAPI document: what it says is what is answered, whatever is sent; its examples are what it says they are."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS

from tests.api.system import System

# What is not promised: unknown methods answer 405 without a list in the document, and a body may be sent as the server
# wants it, where the document can't say so.
_LEFT_OUT = ("unsupported_method", "positive_data_acceptance", "negative_data_rejection", "missing_required_header")


@pytest.fixture(scope="module")
def document(system: System) -> Any:
    """The document of the running system, as schemathesis reads it."""
    return schemathesis.openapi.from_url(f"{system.address}/openapi.json")


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_declared(case: Any) -> None:
    """No request brings a 500, and every answer has a status, a type and a shape that the document declares."""
    left_out = [check for name, check in ((c.__name__, c) for c in CHECKS.get_all()) if name in _LEFT_OUT]
    case.call_and_validate(excluded_checks=left_out, timeout=60)


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
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
    for each in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(each)


def test_ready_and_figures(system: System) -> None:
    """Health, readiness and the figures of Prometheus."""
    with system.client() as client:
        assert client.get("/healthz").json()["status"] == "ok"
        ready = client.get("/readyz").json()
        assert ready == {"status": "ok", "checks": {"database": "ok", "prefect": "ok", "worker": "ok"}}
        figures = client.get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert 'cmdb_imports_total{resource_type="vpc",status="completed"}' in figures.text

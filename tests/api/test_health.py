"""Health and figures of a facade whose Prefect server is away."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.api.facade import Facade
from tests.support import importer, vpc


def test_it_lives_and_is_not_ready(alone: Facade) -> None:
    """The process and the database answer; what is missing is named."""
    with alone.client() as client:
        assert client.get("/healthz").json()["status"] == "ok"
        ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "failing")
    assert ready.json()["checks"] == {
        "database": "ok",
        "prefect": "The Prefect server does not answer.",
        "worker": "not known while Prefect does not answer",
    }


def test_figures_of_the_ledger(alone: Facade, database_url: str, tmp_path: Path) -> None:
    """Runs by how they ended, and records by what became of them."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    run([vpc(1, name="renamed"), vpc(3, region="nowhere")])
    run([vpc(4, region="nowhere")], max_errors="0")
    with alone.client() as client:
        families = text_string_to_metric_families(client.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        figures = {(each.name, *dict(sorted(each.labels.items())).values()): each.value for each in samples}
        listed = client.get("/api/imports").json()["items"]
        [today] = client.get("/api/imports/daily").json()
    assert figures["cmdb_imports_total", "vpc", "completed"] == 2
    assert figures["cmdb_imports_total", "vpc", "failed"] == 1
    assert figures["cmdb_import_records_total", "created", "vpc"] == 2
    assert figures["cmdb_import_records_total", "updated", "vpc"] == 1
    assert [each["status"] for each in listed] == ["failed", "completed", "completed"]
    assert (today["created"], today["updated"], today["rejected"]) == (2, 1, 1)

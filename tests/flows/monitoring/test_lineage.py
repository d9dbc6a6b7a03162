"""OpenLineage events of runs on a real database, sent over HTTP and held against the specification's schemas."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.engine import make_url

from flows.monitoring.ends import End, end_of_error, end_of_result
from flows.monitoring.lineage import is_configured, with_lineage
from flows.pipelines import export_file, import_file, sync_source
from flows.registry import Job
from schemas.errors import SourceError
from schemas.jobs import ExportJob, ImportJob, SyncJob
from schemas.resources import RESOURCES
from schemas.settings import settings
from tests.lineage import LineageServer, check_event, lineage_server
from tests.support import vpc, write_csv


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[LineageServer]:
    """A lineage server that the client's variable names, and a database that the settings name."""
    monkeypatch.setenv("CMDB_DATABASE_URL", database_url)
    settings.cache_clear()
    with lineage_server() as started:
        monkeypatch.setenv("OPENLINEAGE_URL", started.address)
        yield started
    for name in [each for each in os.environ if each.startswith("OPENLINEAGE__")]:
        os.environ.pop(name)  # the client puts there what it read


def run(job: Job, pipeline: Callable[..., Any], url: str) -> UUID:
    """Run a job with its lineage; returns the run's id."""
    run_id = uuid4()
    with_lineage(job, run_id, lambda: end_of_result(pipeline(job, url, settings(), run_id=run_id)))
    return run_id


def test_an_import(server: LineageServer, database_url: str, tmp_path: Path) -> None:
    """The file, the table, which column fills which field, and the counts; no cell of it."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1")])
    run_id = run(ImportJob(path=path), import_file, database_url)
    assert server.types == ["START", "COMPLETE"]
    for event in server.events:
        check_event(event)
        assert (event["run"]["runId"], event["job"]["namespace"]) == (str(run_id), "cmdb")
        assert event["job"]["name"] == "import.vpcs.csv"
    [read], [written] = server.events[1]["inputs"], server.events[1]["outputs"]
    assert (read["namespace"], read["name"]) == ("file", str(path))
    assert [each["name"] for each in read["facets"]["schema"]["fields"]] == list(vpc(1))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 3
    [rejects, rule] = read["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (rejects["assertion"], rejects["success"], rejects["actual"]) == ("no_rejected_rows", False, "1")
    assert (rule["success"], rule["severity"], rule["actual"]) == (False, "error", "1")
    assert written["name"] == f"{make_url(database_url).database}.public.vpc"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert {each["name"] for each in written["facets"]["schema"]["fields"]} == set(RESOURCES["vpc"].fields)
    [filled_by] = written["facets"]["columnLineage"]["fields"]["cidr_block"]["inputFields"]
    assert (filled_by["namespace"], filled_by["name"], filled_by["field"]) == ("file", str(path), "cidr_block")
    assert "us-eest-1" not in str(server.events)


def test_a_sync_that_is_held(server: LineageServer, database_url: str, tmp_path: Path) -> None:
    """It is aborted: nothing was written; its job has the name of the sync."""
    job = SyncJob(url=str(write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(10)])), name="core")
    run(job, sync_source, database_url)
    write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    run(job, sync_source, database_url)
    assert server.types == ["START", "COMPLETE", "START", "ABORT"]
    for event in server.events:
        check_event(event)
        assert event["job"]["name"] == "sync.core"
    assert server.events[3]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 0


def test_an_export(server: LineageServer, database_url: str, tmp_path: Path) -> None:
    """The table that it reads, and the file that it writes."""
    job = ExportJob(resource_type="vpc", path=tmp_path / "vpcs.csv")
    run(job, export_file, database_url)
    assert server.types == ["START", "COMPLETE"]
    check_event(server.events[1])
    [written] = server.events[1]["outputs"]
    assert written["name"] == str(job.path)
    assert written["outputFacets"]["outputStatistics"]["size"] == job.path.stat().st_size
    assert server.events[1]["inputs"][0]["name"].endswith(".public.vpc")


def test_a_run_that_fails(server: LineageServer) -> None:
    """Its message is a facet; a fault of the program is a failure, too, and raised as before."""
    job = SyncJob(url="https://ipam.example.com/vpcs.csv")

    def fault() -> End:
        raise ZeroDivisionError

    with_lineage(job, uuid4(), lambda: end_of_error(SourceError("The source does not answer."), job))
    with pytest.raises(ZeroDivisionError):
        with_lineage(job, uuid4(), fault)
    assert server.types == ["START", "FAIL"] * 2
    for event in server.events:
        check_event(event)
    assert server.events[1]["run"]["facets"]["errorMessage"]["message"] == "The source does not answer."


@pytest.mark.parametrize("without", ["OPENLINEAGE_URL", ""], ids=["unset", "disabled"])
def test_nothing_is_sent(
    server: LineageServer, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    """Where the variables name no server or switch lineage off, and of a preview."""
    job = ImportJob(path=write_csv(tmp_path / "vpcs.csv", [vpc(1)]))
    run(job.model_copy(update={"dry_run": True}), import_file, database_url)
    if without:
        monkeypatch.delenv(without)
    else:
        monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert not is_configured()
    run(job, import_file, database_url)
    assert server.events == []

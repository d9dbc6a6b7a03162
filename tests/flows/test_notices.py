"""What the webhook of a sync is told, by the run itself; each event once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.pipelines import apply_plan, sync_source
from schemas.errors import SourceError
from schemas.jobs import ApplyJob, SyncJob
from schemas.reports import Report, Status
from schemas.settings import settings
from tasks.notifications.notifications import Circumstances
from tests.support import vpc, write_csv
from tests.webhook import KEY, Hook, webhook


@dataclass
class Told:
    """A sync of a file with a webhook, and what that is told."""

    url: str
    path: Path
    hook: Hook

    def sync(self, *numbers: int, seen: Circumstances | None = None, **options: Any) -> Report:
        """Sync the VPCs of these numbers; a negative one is a row that is rejected."""
        rows = [vpc(abs(number), **({"cidr_block": "nonsense"} if number < 0 else {})) for number in numbers]
        if rows:
            write_csv(self.path, rows)
        job = SyncJob(url=str(self.path), name="vpcs", notify="chat", **options)
        return sync_source(job, self.url, settings(), seen=lambda _: seen or Circumstances())


@pytest.fixture
def told(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """A sync whose webhook listens."""
    with webhook() as hook:
        monkeypatch.setenv("CMDB_SECRET_CHAT", hook.address)
        yield Told(database_url, tmp_path / "vpcs.csv", hook)


def test_nothing_is_reported_of_what_goes_well(told: Told) -> None:
    """A first run, one that changes something, one that finds nothing new, and a dry run."""
    for numbers in ((1, 2), (1, 2, 3), ()):
        told.sync(*numbers)
    told.sync(-1, dry_run=True)
    assert told.hook.told == []


def test_a_failure_and_the_recovery_are_reported_once(told: Told) -> None:
    """The notice has the reason and the report; so has the one that all is well again; then there is silence."""
    told.sync(1)
    told.path.unlink()
    with pytest.raises(SourceError):
        told.sync()
    [failed] = told.hook.told
    assert (failed["event"], failed["sync"], failed["report"]["status"]) == ("failed", "vpcs", "failed")
    assert failed["text"] == f"Sync vpcs failed: {failed['message']}"
    assert failed["links"] == {"report": f"cmdb show {failed['runId'][:8]}"}
    told.sync(1)
    told.sync(1)
    told.sync(1, 2)
    assert told.hook.events == ["failed", "recovered"]


def test_a_held_sync_is_reported_with_how_to_approve_it(told: Told) -> None:
    """Once it is approved, the next run says that all is well again."""
    told.sync(*range(1, 11))
    assert told.sync(1).status is Status.FAILED
    [held] = told.hook.told
    assert held["event"] == "held"
    assert held["links"]["approve"] == f"cmdb approve {held['runId'][:8]}"
    assert held["report"]["counts"]["retire"] == 9
    apply_plan(ApplyJob(plan=held["runId"]), told.url, settings())
    told.sync(1)
    assert told.hook.events == ["held", "recovered"]


def test_rejected_rows_are_reported_until_the_source_is_fixed(told: Told) -> None:
    """That the source is as it was is no recovery."""
    told.sync(1, -2)
    told.sync()
    [incomplete] = told.hook.told
    assert incomplete["event"] == "incomplete"
    assert incomplete["report"]["counts"]["rejected"] == 1
    assert "nonsense" in " ".join(incomplete["report"]["issues"])
    told.sync(1, 2)
    assert told.hook.events == ["incomplete", "recovered"]


def test_a_page_that_is_not_the_last_is_reported(told: Told) -> None:
    """Its records are loaded, and others may be missing."""
    path = told.path.with_suffix(".json")
    page = {"count": 2, "next": "https://n.example/api/dcim/sites/?offset=1", "results": [{"id": 1, "name": "Bonn"}]}
    job = SyncJob(url=str(path), name="sites", notify="chat", resource_type="site")
    path.write_text(json.dumps(page))
    assert sync_source(job, told.url, settings(), seen=lambda _: Circumstances()).counts.create == 1
    assert told.hook.events == ["incomplete"]
    path.write_text(json.dumps({"count": 1, "next": None, "results": page["results"]}))
    sync_source(job, told.url, settings(), seen=lambda _: Circumstances())
    assert told.hook.events == ["incomplete", "recovered"]


def test_a_threshold_is_a_failure(told: Told) -> None:
    """A run that ends with a report and not with an error is told too."""
    assert told.sync(1, -2, max_errors="0").status is Status.FAILED
    assert told.hook.events == ["failed"]
    assert "the limit is 0" in told.hook.told[0]["message"]


def test_a_late_run_that_goes_well_is_a_recovery(told: Told) -> None:
    """Prefect has told that it is late."""
    told.sync(1, seen=Circumstances(link="http://prefect/run", late=True))
    [recovered] = told.hook.told
    assert (recovered["event"], recovered["links"]["prefect"]) == ("recovered", "http://prefect/run")


@pytest.mark.parametrize("broken", ["no secret", "away", "refuses"])
def test_a_webhook_never_fails_a_sync(
    told: Told, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What keeps a notice from being given is a warning without the address."""
    told.hook.answers = [403]
    match broken:
        case "no secret":
            monkeypatch.delenv("CMDB_SECRET_CHAT")
        case "away":
            monkeypatch.setenv("CMDB_SECRET_CHAT", "http://127.0.0.1:9" + KEY)
    with caplog.at_level(logging.DEBUG):
        assert told.sync(1, -2).status is Status.COMPLETED
    [warning] = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert warning.startswith("No notice was given that vpcs is not whole: ")
    assert KEY not in caplog.text
    assert told.hook.told == []

"""Which events the end of a run gives, from its job and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.monitoring.ends import end_of_error, end_of_result
from flows.monitoring.events import MEANINGS, RunEvent, events_of
from flows.registry import Job
from schemas.errors import Cancelled, SourceError
from schemas.issues import Severity
from schemas.job_options.choices import Mode
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob
from schemas.reports import Counts, Exported, Outcome, Report, RuleCount

RUN = UUID(int=1)
IMPORT, SYNC = ImportJob(path=Path("vpcs.csv")), SyncJob(url="file:///vpcs.csv", name="core")
REJECTED = {"counts": Counts(read=3, create=2, rejected=1), "rules": (RuleCount("format", Severity.ERROR, 1),)}


def report(outcome: Outcome, **more: Any) -> Report:
    """Return the report of a run that ended so."""
    known: dict[str, Any] = {"counts": Counts(read=2, create=2)} | more
    return Report(
        str(RUN), outcome.status, "vpc", "vpcs.csv", Mode.UPSERT, dry_run=False, duration=1.0, outcome=outcome, **known
    )


@pytest.mark.parametrize(
    ("job", "ended", "expected"),
    [
        (IMPORT, report(Outcome.APPLIED), [RunEvent.COMPLETED]),
        (IMPORT, report(Outcome.APPLIED, **REJECTED), [RunEvent.COMPLETED, RunEvent.REJECTED_ROWS]),
        (IMPORT, report(Outcome.REJECTED, **REJECTED), [RunEvent.FAILED, RunEvent.REJECTED_ROWS]),
        (SYNC, report(Outcome.HELD, sync="core"), [RunEvent.HELD]),
        (SYNC, report(Outcome.UNCHANGED, sync="core"), [RunEvent.COMPLETED]),
        (SYNC, report(Outcome.SKIPPED, sync="core"), []),
        (ApplyJob(plan=RUN), report(Outcome.DRIFTED, sync="core"), [RunEvent.FAILED, RunEvent.DRIFT]),
        (ApplyJob(plan=RUN), report(Outcome.DRIFTED), [RunEvent.FAILED]),
        (SYNC, SourceError("The source does not answer."), [RunEvent.FAILED]),
        (SYNC, Cancelled("The run was stopped."), []),
        (IMPORT.model_copy(update={"dry_run": True}), report(Outcome.PREVIEWED), []),
        (
            ExportJob(resource_type="vpc", path=Path("vpcs.csv")),
            Exported(str(RUN), "vpc", Path("vpcs.csv"), "csv", (), 5, 100, 1.0),
            [RunEvent.COMPLETED],
        ),
    ],
)
def test_the_events_of_a_run(job: Job, ended: Report | Exported | Exception, expected: list[RunEvent]) -> None:
    """One for how it ended, and one more each for rejected rows and for drift; none of previews and cancelled runs."""
    end = end_of_error(ended, job) if isinstance(ended, SourceError | Cancelled) else end_of_result(ended)  # type: ignore[arg-type]
    found = list(events_of(job, RUN, end))
    assert [each.event for each in found] == expected
    for each in found:
        about = "cmdb.sync.core" if each.event is RunEvent.DRIFT else f"cmdb.run.{RUN}"
        assert each.resource["prefect.resource.id"] == about
        assert each.payload["message"] == end.state.message
        if each.event is RunEvent.REJECTED_ROWS:
            assert (each.payload["counts"]["rejected"], each.payload["rules"]) == (1, {"format": 1})


def test_every_event_is_documented() -> None:
    """Its meaning is declared, and the guide for Prefect has both."""
    guide = (Path(__file__).parents[3] / "docs" / "how-to" / "prefect.md").read_text(encoding="utf-8")
    assert list(MEANINGS) == list(RunEvent)
    for event, meaning in MEANINGS.items():
        assert f"| `{event}` | {meaning} |" in guide

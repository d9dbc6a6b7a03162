"""Decisions about frozen plans: the first one wins, and a rejected plan is never applied."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from schemas.errors import UsageError
from schemas.job_options.choices import Verdict
from schemas.reports import Decision, Report, Status
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tests.flows.support import apply, records, sync
from tests.support import vpc, write_csv


@pytest.fixture
def held(database_url: str, tmp_path: Path) -> Report:
    """A sync that is held, as two of three records are missing from its source."""
    source = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3)])
    sync(database_url, source)
    write_csv(source, [vpc(1)])
    return sync(database_url, source)


def decision(verdict: Verdict, by: str = "ada", reason: str | None = None, run: str | None = None) -> Decision:
    """Return a decision that somebody makes now."""
    return Decision(verdict, by, datetime.now(UTC), reason, run)


def reject(url: str, run: str, reason: str | None = "too many") -> None:
    """Reject the plan of a run."""
    with engine(url).begin() as connection:
        ledger.reject(connection, UUID(run), decision(Verdict.REJECTED, reason=reason))


def test_a_rejected_plan_is_never_applied(database_url: str, held: Report) -> None:
    """The report has who rejected it and why; neither an approval nor another rejection changes that."""
    before = records(database_url)
    reject(database_url, held.run_id)
    with engine(database_url).connect() as connection:
        plan = ledger.read_report(connection, UUID(held.run_id), samples=0).plan
        found = ledger.holding_decision(connection, UUID(held.run_id))
    assert plan
    assert (plan.is_rejected, plan.is_open, plan.decision) == (True, False, found)
    assert found
    assert found.sentence == "Rejected by ada: too many."
    refused = "cannot be applied. Rejected by ada: too many."
    with pytest.raises(UsageError, match=refused):
        reject(database_url, held.run_id, "again")
    with pytest.raises(UsageError, match=refused):
        apply(database_url, held)
    assert records(database_url) == before


def test_a_rejection_needs_a_reason_and_a_held_sync(database_url: str, held: Report) -> None:
    """What is refused decides nothing."""
    with pytest.raises(UsageError, match="Give the reason"):
        reject(database_url, held.run_id, reason=None)
    with pytest.raises(UsageError, match="Unknown run"):
        reject(database_url, str(uuid4()))
    assert apply(database_url, held).status is Status.COMPLETED


def test_an_approval_holds_until_its_run_has_ended(database_url: str, held: Report) -> None:
    """Another decision is refused while it waits for a worker; once it is withdrawn, anybody may decide again."""
    run_id, applying = UUID(held.run_id), uuid4()
    approval = decision(Verdict.APPROVED, run=str(applying))
    with engine(database_url).begin() as connection:
        assert ledger.approve(connection, run_id, approval) is None
        assert ledger.approve(connection, run_id, decision(Verdict.APPROVED, "bob", run=str(uuid4()))) == approval
    with pytest.raises(UsageError, match=rf"Approved by ada. Run {applying} applies the plan"):
        reject(database_url, held.run_id)
    with engine(database_url).begin() as connection:
        ledger.withdraw_approval(connection, run_id, uuid4())
        assert ledger.holding_decision(connection, run_id) == approval
        ledger.withdraw_approval(connection, run_id, applying)
        assert ledger.holding_decision(connection, run_id) is None
    reject(database_url, held.run_id)


def test_a_plan_that_was_applied_is_decided(database_url: str, held: Report) -> None:
    """Its approval holds for good."""
    applied = apply(database_url, held)
    with engine(database_url).connect() as connection:
        found = ledger.holding_decision(connection, UUID(held.run_id))
    assert found
    assert (found.verdict, found.run) == (Verdict.APPROVED, applied.run_id)
    with pytest.raises(UsageError, match=f"was applied by run {applied.run_id} already"):
        reject(database_url, held.run_id)

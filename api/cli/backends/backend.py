"""What commands need of a back end: runs and records (`Backend`), keys and the access log (`Administration`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload
from uuid import UUID

if TYPE_CHECKING:
    from api.cli.watch import Watch
    from flows.diagnosis import Check
    from flows.registry import Job
    from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
    from schemas.model.resource import Resource
    from schemas.model.rule_listing import ListedRule
    from schemas.reports import Exported, Report
    from tasks.store.access.access_log import Entry, Verified
    from tasks.store.read.free_blocks import Found, Search
    from tasks.store.read.record_pages import Wanted
    from tasks.store.read.run_diff import Difference


class Backend(Protocol):
    """Runs and records. Every method raises CmdbError with what to do."""

    @overload
    def run(self, job: ExportJob, watch: Watch) -> Exported: ...

    @overload
    def run(self, job: ImportJob | SyncJob | ApplyJob | UndoJob, watch: Watch) -> Report: ...

    def run(self, job: Job, watch: Watch) -> Report | Exported:
        """Run a job to its end, with its progress on `watch`; returns its report, or what an export wrote.

        A run that its thresholds or guards stop has a report; every other failure raises its error.
        """

    def find_run(self, reference: str, *, applied: bool = False) -> UUID:
        """Return the run that an id, the beginning of one, or `last` names; raises UsageError.

        With `applied`, `last` passes over dry runs and failed runs.
        """

    def reject(self, run_id: UUID, reason: str) -> None:
        """Reject the plan of a held sync; raises UsageError where the run does not await approval."""

    def report(self, run_id: UUID, *, issues: int) -> Report:
        """Return the report of a run with its first issues."""

    def runs(self, *, limit: int, resource_type: str | None) -> list[Report]:
        """Return the reports of the newest runs, without issues."""

    def write_rejects(self, run_id: UUID, path: Path, *, guard: bool) -> int:
        """Write the rejected rows of a run to a .csv or .xlsx file; returns how many there are."""

    def difference(self, before: UUID, after: UUID, *, limit: int) -> Difference:
        """Compare two runs, with the first changes; raises UsageError where they are in the wrong order."""

    def syncs(self) -> list[dict[str, Any]]:
        """Return the syncs, as `api.json_output.syncs_json` does."""

    def sync_named(self, name: str) -> SyncJob | None:
        """Return a sync as it is defined or on schedule; None where there is none of that name."""

    def records(self, wanted: Wanted) -> tuple[int, list[dict[str, Any]]]:
        """Return how many records there are, and those of a page, each with its `key`."""

    def record(self, resource: Resource, key: str) -> dict[str, Any] | None:
        """Return one record with its history; None where there is none of that key."""

    def free_blocks(self, search: Search) -> Found:
        """Return the free blocks of a size; raises UsageError."""

    def rules(self, resource_type: str | None) -> list[ListedRule]:
        """Return the rules of a type, or of all."""

    def diagnose(self) -> Iterable[Check]:
        """Check one part after the other."""


class Administration(Protocol):
    """Keys of the API and the access log. Every method raises CmdbError with what to do."""

    def keys(self) -> list[dict[str, Any]]:
        """Return the keys without their secrets; `in` says whether settings or the database hold each."""

    def create_key(
        self,
        name: str,
        *,
        scope: str | None,
        permissions: Sequence[str],
        days: float | None,
        addresses: Sequence[str],
    ) -> tuple[str, bool]:
        """Create a key that ends after so many days; returns its secret, and whether it is the first one."""

    def rotate_key(self, name: str, keep_minutes: float) -> str:
        """Return the new secret of a key."""

    def revoke_key(self, name: str) -> None:
        """End a key and its sessions."""

    def audit_entries(self, *, limit: int, who: str | None, what: str | None) -> Sequence[Entry]:
        """Return entries of the access log, the newest first."""

    def verify_audit(self, contains: str | None) -> Verified:
        """Check the whole access log, and that an entry has the hash `contains`."""

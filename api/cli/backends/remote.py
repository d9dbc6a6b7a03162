"""The back end on a server: the same runs and records through its REST API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, overload
from urllib.parse import quote
from uuid import UUID

from api.cli.backends.client import Client
from api.cli.backends.remote_diagnosis import diagnose_server
from api.cli.backends.remote_runs import run_export, run_import, run_job
from api.cli.watch import Watch
from api.json_reports import change_from_json, report_from_json, time_from_json
from flows.diagnosis import Check
from flows.registry import Job
from schemas.errors import UnknownType, UsageError
from schemas.issues import Severity
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.model.resource import Resource
from schemas.model.rule_listing import ListedRule
from schemas.reports import Exported, Report
from schemas.settings import Settings
from tasks.store.read.free_blocks import Found, Search
from tasks.store.read.record_pages import Wanted
from tasks.store.read.run_diff import Difference

_PAGE = 1000
"""The most records that the API answers at once."""


class Remote:
    """Runs and records of the server of CMDB_API_URL."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    @overload
    def run(self, job: ExportJob, watch: Watch) -> Exported: ...

    @overload
    def run(self, job: ImportJob | SyncJob | ApplyJob | UndoJob, watch: Watch) -> Report: ...

    def run(self, job: Job, watch: Watch) -> Report | Exported:
        """Run a job on the server; Ctrl-C cancels it there."""
        if isinstance(job, ExportJob):
            return run_export(self._client, job, watch)
        if isinstance(job, ImportJob):
            return run_import(self._client, job, watch, self._settings)
        return run_job(self._client, job, watch, self._settings.samples)

    def find_run(self, reference: str, *, applied: bool = False) -> UUID:
        """Return the run that a reference names, among those that the key may see; raises UsageError."""
        return UUID(self._report(reference, issues=0, applied=applied)["runId"])

    def reject(self, run_id: UUID, reason: str) -> None:
        """Reject the plan of a held sync."""
        self._client.post(f"/api/import/{run_id}/reject", {"reason": reason})

    def report(self, run_id: UUID, *, issues: int) -> Report:
        """Return the report of a run."""
        return report_from_json(self._report(str(run_id), issues=issues))

    def _report(self, run: str, **wanted: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(f"/api/runs/{quote(run, safe='')}", **wanted)
        return found

    def runs(self, *, limit: int, resource_type: str | None) -> list[Report]:
        """Return the newest runs that the key may see."""
        return [report_from_json(each) for each in self._client.get("/api/runs", limit=limit, type=resource_type)]

    def write_rejects(self, run_id: UUID, path: Path, *, guard: bool) -> int:
        """Download the rejected rows of a run."""
        from tasks.steps.rejects import rejects_ending  # openpyxl's import is waited for where it is used

        rows = f"/api/import/result/{run_id}/rejects"
        self._client.save(f"{rows}{rejects_ending(path)}", path, guard=guard)
        count: int = self._client.get(rows, limit=1)["total"]
        return count

    def difference(self, before: UUID, after: UUID, *, limit: int) -> Difference:
        """Compare two runs."""
        found = self._client.get(f"/api/import/{before}/diff/{after}", limit=limit)
        one, other = (self.report(run, issues=0) for run in (before, after))
        return Difference(one, other, found["counts"], tuple(map(change_from_json, found["changes"])))

    def syncs(self) -> list[dict[str, Any]]:
        """Return the syncs that the key may see."""
        times = ("changedAt", "lastRun", "lastChange", "nextRun")
        rows = self._client.get("/api/syncs")
        return [row | {name: time_from_json(row[name]) for name in times} for row in rows]

    def sync_named(self, name: str) -> SyncJob | None:
        """Return a sync that the key may see."""
        found = next((row for row in self._client.get("/api/syncs") if row["name"] == name), None)
        if found is None:
            return None
        # What its runs may do follows from the key.
        options = {option: value for option, value in found["options"].items() if option != "authority"}
        return SyncJob.model_validate(options | {"name": name})

    def records(self, wanted: Wanted) -> tuple[int, list[dict[str, Any]]]:
        """Return a page of records."""
        found: list[dict[str, Any]] = []
        total = 0
        while not found or len(found) < min(wanted.limit, total):
            page = self._client.get(
                f"/api/records/{wanted.resource.type}",
                where=str(wanted.where) if wanted.where else None,
                search=wanted.search,
                sort=",".join(wanted.sort) or None,
                limit=min(wanted.limit - len(found), _PAGE),
                offset=wanted.offset + len(found),
                retired=wanted.retired,
            )
            total = page["total"]
            found += [_with_lineage(each) for each in page["items"]]
            if not page["items"]:
                break
        return total, found

    def record(self, resource: Resource, key: str) -> dict[str, Any] | None:
        """Return one record with its history."""
        try:
            found = self._client.get(f"/api/records/{resource.type}/record", key=key)
        except UnknownType:
            raise
        except UsageError:
            return None
        history = [_event(each) for each in found["history"]]
        return _with_lineage({name: found[name] for name in ("key", "record", "createdAt", "updatedAt")}) | {
            "history": history
        }

    def free_blocks(self, search: Search) -> Found:
        """Return the free blocks of a size."""
        found = self._client.get(
            "/api/free", size=search.size, block=search.block, vrf=search.vrf, vpc=search.vpc, limit=search.most
        )
        return Found(found["size"], tuple(found["within"]), tuple(found["blocks"]), found["total"])

    def rules(self, resource_type: str | None) -> list[ListedRule]:
        """Return the rules of the server."""
        return [
            ListedRule(**each | {name: tuple(each[name]) for name in ("types", "fields")} | _severity(each))
            for each in self._client.get("/api/rules", resourceType=resource_type)
        ]

    def diagnose(self) -> Iterable[Check]:
        """Check the server, the key, and the parts that the server needs."""
        return diagnose_server(self._client)


def _severity(rule: dict[str, Any]) -> dict[str, Severity]:
    return {"severity": Severity(rule["severity"])}


def _with_lineage(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the names of this machine for when it was created and changed."""
    own = {name: value for name, value in record.items() if name not in ("createdAt", "updatedAt")}
    return own | {"created_at": _moment(record["createdAt"]), "updated_at": _moment(record["updatedAt"])}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_id": event["runId"],
        "at": _moment(event["at"]),
        "source": event["source"],
        "requested_by": event["requestedBy"],
        "action": event["action"],
        "fields": event["fields"],
    }


def _moment(text: str | None) -> str | None:
    return datetime.fromisoformat(text).isoformat() if text else None

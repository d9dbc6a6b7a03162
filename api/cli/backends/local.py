"""The back end on this machine: the database of the settings, and the Prefect server where one answers.

What carries out runs is imported where a run is carried out: it takes half a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from sqlalchemy import Connection

from api.cli import wording
from api.cli.watch import Watch
from api.json_output import syncs_json
from schemas.access.api_keys import SCOPES
from schemas.errors import Unavailable, UsageError
from schemas.job_options.choices import Verdict
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.model.resource import Resource
from schemas.model.rule_listing import ListedRule, list_rules
from schemas.reports import Decision, Exported, Report
from schemas.settings import Settings
from tasks.rules.load import load_rules
from tasks.runtime.context import user
from tasks.store import ledger
from tasks.store.access import access_log, keys
from tasks.store.access.access_log import Event
from tasks.store.access.definitions import definitions
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine
from tasks.store.read import record_pages
from tasks.store.read.free_blocks import Found, Search, find_free
from tasks.store.read.record_pages import Wanted
from tasks.store.read.run_diff import Difference, difference

if TYPE_CHECKING:
    from flows.diagnosis import Check
    from flows.registry import Job
    from flows.server.syncs import Scheduled


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """Give a connection to the database, to read from it."""
    with database(settings) as url, database_errors(), engine(url).connect() as connection:
        yield connection


@contextmanager
def writing(settings: Settings) -> Iterator[Connection]:
    """Give a connection to the database in a transaction."""
    with database(settings) as url, database_errors(), engine(url).begin() as connection:
        yield connection


class Local:
    """Runs and records in the database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @overload
    def run(self, job: ExportJob, watch: Watch) -> Exported: ...

    @overload
    def run(self, job: ImportJob | SyncJob | ApplyJob | UndoJob, watch: Watch) -> Report: ...

    def run(self, job: Job, watch: Watch) -> Report | Exported:
        """Run a job in this process, as a flow run where a Prefect server answers."""
        from flows.launch import carry_out

        return carry_out(job, self._settings, watch.progress, watch.say)

    def find_run(self, reference: str, *, applied: bool = False) -> UUID:
        """Return the run that a reference names; raises UsageError."""
        with reading(self._settings) as connection:
            return ledger.find_run(connection, reference, applied=applied)

    def reject(self, run_id: UUID, reason: str) -> None:
        """Reject the plan of a held sync, and end its suspended run where a Prefect server answers."""
        rejection = Decision(Verdict.REJECTED, user(), datetime.now(UTC), reason)
        with writing(self._settings) as connection:
            ledger.reject(connection, run_id, rejection)
            _enter(connection, "rejection", str(run_id), reason=reason)
        from flows.launch import hand_over_to_prefect

        try:
            hand_over_to_prefect(self._settings)
        except Unavailable:
            return
        from flows.approval import settle  # Prefect takes a second to import, and reads its settings as it does

        with database(self._settings) as url:
            settle(run_id, url)

    def report(self, run_id: UUID, *, issues: int) -> Report:
        """Return the report of a run."""
        with reading(self._settings) as connection:
            return ledger.read_report(connection, run_id, samples=issues)

    def runs(self, *, limit: int, resource_type: str | None) -> list[Report]:
        """Return the newest runs."""
        with reading(self._settings) as connection:
            return ledger.list_runs(connection, limit=limit, resource_type=resource_type)

    def write_rejects(self, run_id: UUID, path: Path, *, guard: bool) -> int:
        """Write the rejected rows of a run to a file."""
        from tasks.steps.rejects import write_rejects  # openpyxl's import is waited for where it is used

        with reading(self._settings) as connection:
            return write_rejects(connection, run_id, path, guard=guard, wording=wording.COMMAND_LINE)

    def difference(self, before: UUID, after: UUID, *, limit: int) -> Difference:
        """Compare two runs."""
        with reading(self._settings) as connection:
            return difference(connection, before, after, most=limit)

    def syncs(self) -> list[dict[str, Any]]:
        """Return the syncs that are defined or on schedule."""
        scheduled = self._scheduled()
        with reading(self._settings) as connection:
            return syncs_json(ledger.list_syncs(connection), scheduled, definitions(connection))

    def sync_named(self, name: str) -> SyncJob | None:
        """Return a sync, by its name or that of its deployment."""
        for each in self._scheduled():
            if name in (each.deployment, each.job.source):
                return each.job
        with reading(self._settings) as connection:
            return next((each.job() for each in definitions(connection) if each.name == name), None)

    def _scheduled(self) -> list[Scheduled]:
        """The syncs on schedule; none where no Prefect server answers."""
        from flows.launch import hand_over_to_prefect

        try:
            hand_over_to_prefect(self._settings)
        except Unavailable:
            return []
        from flows.server.syncs import scheduled  # Prefect takes a second to import, and reads its settings as it does

        return scheduled()

    def records(self, wanted: Wanted) -> tuple[int, list[dict[str, Any]]]:
        """Return a page of records."""
        with reading(self._settings) as connection:
            return record_pages.page(connection, wanted)

    def record(self, resource: Resource, key: str) -> dict[str, Any] | None:
        """Return one record with its history."""
        with reading(self._settings) as connection:
            return record_pages.record(connection, resource, key)

    def free_blocks(self, search: Search) -> Found:
        """Return the free blocks of a size."""
        with reading(self._settings) as connection:
            return find_free(connection, search)

    def rules(self, resource_type: str | None) -> list[ListedRule]:
        """Return the rules of this machine's settings."""
        return list_rules(load_rules(self._settings.rules), resource_type)

    def diagnose(self) -> Iterable[Check]:
        """Check the parts of this installation."""
        from deployments.definitions import POOL  # Prefect takes a second to import
        from flows.diagnosis import diagnose  # httpx takes a tenth

        return diagnose(self._settings, POOL)


class LocalAdministration:
    """Keys and the access log in the database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def keys(self) -> list[dict[str, Any]]:
        """Return the keys of the settings and of the database."""
        with reading(self._settings) as connection:
            found = keys.all_keys(connection)
        rows: list[dict[str, Any]] = [
            {"name": each.name, "scope": max(each.scopes, key=SCOPES.index), "status": "active", "in": "settings"}
            for each in self._settings.api_keys
        ]
        return rows + [asdict(each) | {"status": each.status, "in": "database"} for each in found]

    def create_key(
        self,
        name: str,
        *,
        scope: str | None,
        permissions: Sequence[str],
        days: float | None,
        addresses: Sequence[str],
    ) -> tuple[str, bool]:
        """Create a key in the database."""
        expires = datetime.now(UTC) + timedelta(days=days) if days is not None else None
        new = keys.NewKey(name, scope, permissions, expires, addresses)
        taken = [each.name for each in self._settings.api_keys]
        with writing(self._settings) as connection:
            is_first = not taken and not keys.any_key(connection)
            made = keys.create(connection, new, user(), taken)
            detail = {"scope": scope, "permissions": permissions, "days": days, "addresses": addresses}
            _enter(connection, "key-create", name, **detail)
        return made, is_first

    def rotate_key(self, name: str, keep_minutes: float) -> str:
        """Return the new secret of a key."""
        with writing(self._settings) as connection:
            made = keys.rotate(connection, name, keep_minutes)
            _enter(connection, "key-rotate", name, keepMinutes=keep_minutes)
        return made

    def revoke_key(self, name: str) -> None:
        """End a key and its sessions."""
        if name in {each.name for each in self._settings.api_keys}:
            raise UsageError(
                f"The key '{name}' is one of the settings: remove it from CMDB_API_KEYS and restart the API."
            )
        with writing(self._settings) as connection:
            keys.revoke(connection, name)
            _enter(connection, "key-revoke", name)

    def audit_entries(self, *, limit: int, who: str | None, what: str | None) -> Sequence[access_log.Entry]:
        """Return entries of the access log."""
        with reading(self._settings) as connection:
            return access_log.entries(connection, limit=limit, who=who, what=what)

    def verify_audit(self, contains: str | None) -> access_log.Verified:
        """Check the whole access log."""
        with reading(self._settings) as connection:
            return access_log.verify(connection, contains)


def _enter(connection: Connection, what: str, target: str, **detail: object) -> None:
    access_log.add(connection, [Event(what, who=user(), target=target, address=access_log.COMMAND_LINE, detail=detail)])

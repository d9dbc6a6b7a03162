"""Every flow: one `FlowSpec` each, from which deployments, dispatch, warm start, API and `prefect.yaml` follow.

Importing this module does not import Prefect, which takes a second: the command line reads it for each run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.pipelines import apply_plan, export_file, import_file, sync_source, undo_run
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Exported, Report

Job = ImportJob | SyncJob | ApplyJob | ExportJob | UndoJob
"""What a bulk flow takes as its parameter `job`."""

NEEDS_INPUT = "Needs input"
"""The name of the completed state of a preview that can't be made until a type or columns are chosen."""

HELD = "Held"
"""The name of the state of a run that awaits approval."""

FORMER_DEPLOYMENT = "api"
"""The deployment of each bulk flow in earlier releases."""

MAINTENANCE_TAG = "cmdb-maintenance"
"""The tag of the runs that keep the system in order, which nobody asked for."""


@dataclass(frozen=True, kw_only=True)
class FlowSpec:
    """One flow: its name in Prefect, its import path, and the deployment that every worker registers.

    `cron` is the schedule of the deployment, in `timezone` or else in the server's. `former` are import paths that
    deployments of earlier releases have: a worker replaces them when it starts.
    """

    name: str
    entrypoint: str
    description: str
    deployment: str
    cron: str | None = None
    timezone: str | None = None
    tags: tuple[str, ...] = ("cmdb",)
    former: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module that the flow is in."""
        return self.entrypoint.rpartition(".")[0]

    @property
    def function(self) -> str:
        """The name of the flow in its module."""
        return self.entrypoint.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class BulkFlow(FlowSpec):
    """A flow that runs a job: its pipeline is `pipeline(job, url, settings, progress=…, run_id=…)`.

    `title` names the run of a job, and `logged_as` is its event in the access log. `writes` says that a
    run changes records and has a report. `preview` is the name of the deployment for dry runs, if there are any, and
    `preview_description` its description.
    """

    job: type[Job]
    pipeline: Callable[..., Report | Exported]
    title: Callable[[Any], str]
    logged_as: str
    writes: bool = True
    preview: str | None = None
    preview_description: str = ""

    def deployment_of(self, job: Job) -> str:
        """Return the name of the deployment that runs a job."""
        dry = not isinstance(job, ApplyJob | ExportJob) and job.dry_run
        return self.preview if self.preview and dry else self.deployment


def _place(url: str) -> str:
    """Return the address of a source without credentials and options."""
    return re.sub("//[^/]*@", "//", url.partition("?")[0])


IMPORT = BulkFlow(
    name="bulk-import",
    entrypoint="flows.bulk.bulk_import",
    former=("flows.bulk_import.bulk_import", "flows/bulk_import.py:bulk_import"),
    description="Imports a file: creates and updates records, and reports every error in one pass.",
    deployment="import-file",
    preview="preview-file",
    preview_description="Shows what an import of a file would do; changes nothing.",
    job=ImportJob,
    pipeline=import_file,
    title=lambda job: f"{'preview' if job.dry_run else 'import'} {job.resource_type or 'records'} from {job.source}",
    logged_as="import",
)
EXPORT = BulkFlow(
    name="bulk-export",
    entrypoint="flows.bulk.bulk_export",
    former=("flows.bulk_export.bulk_export", "flows/bulk_export.py:bulk_export"),
    description="Exports the records of a type, of several or of all to a file.",
    deployment="export-records",
    job=ExportJob,
    pipeline=export_file,
    title=lambda job: f"export {job.what} to {job.path.name}",
    logged_as="export",
    writes=False,
)
SYNC = BulkFlow(
    name="bulk-sync",
    entrypoint="flows.bulk.bulk_sync",
    former=("flows.bulk_sync.bulk_sync", "flows/bulk_sync.py:bulk_sync"),
    description="Makes the CMDB match a source: creates, updates, and retires or deletes what is missing there.",
    deployment="sync-source",
    preview="preview-sync",
    preview_description="Shows what a sync would do; changes nothing.",
    job=SyncJob,
    pipeline=sync_source,
    title=lambda job: f"{'preview ' * job.dry_run}sync {f'{job.name} from ' if job.name else ''}{_place(job.url)}",
    logged_as="sync",
)
APPLY = BulkFlow(
    name="bulk-apply",
    entrypoint="flows.bulk.bulk_apply",
    former=("flows.bulk_apply.bulk_apply", "flows/bulk_apply.py:bulk_apply"),
    description="Applies the plan of a preview or of a held sync, exactly as it was shown.",
    deployment="apply-plan",
    job=ApplyJob,
    pipeline=apply_plan,
    title=lambda job: f"apply {job.source}",
    logged_as="approval",
)
UNDO = BulkFlow(
    name="bulk-undo",
    entrypoint="flows.bulk.bulk_undo",
    former=("flows.bulk_undo.bulk_undo", "flows/bulk_undo.py:bulk_undo"),
    description="Undoes a run, in a run that can be undone itself.",
    deployment="undo-run",
    preview="preview-undo",
    preview_description="Shows what an undo would do; changes nothing.",
    job=UndoJob,
    pipeline=undo_run,
    title=lambda job: f"{'preview ' * job.dry_run}undo of {job.run}",
    logged_as="undo",
)
MAINTENANCE = FlowSpec(
    name="maintenance",
    entrypoint="flows.maintenance.maintenance",
    description="Ends runs whose process died; removes uploads and exports that are too old.",
    deployment="maintenance",
    tags=(MAINTENANCE_TAG,),
    cron="*/10 * * * *",
)
PURGE = FlowSpec(
    name="purge",
    entrypoint="flows.maintenance.purge",
    description="Deletes what was retired long enough ago, in a run that can be undone.",
    deployment="purge",
    tags=(MAINTENANCE_TAG,),
    cron="40 3 * * *",
    timezone="UTC",
)
SYNC_NOTICE = FlowSpec(
    name="sync-notice",
    entrypoint="flows.sync_notice.sync_notice",
    description="Notifies the webhook of a sync whose process died.",
    deployment="sync-notice",
    tags=(MAINTENANCE_TAG,),
)

_BULK = (IMPORT, EXPORT, SYNC, APPLY, UNDO)

FLOWS: dict[str, FlowSpec] = {flow.name: flow for flow in (*_BULK, MAINTENANCE, PURGE, SYNC_NOTICE)}
"""Every flow by its name."""

BULK = {flow.job: flow for flow in _BULK}
"""The flow of each model of a job."""

WRITING = tuple(flow.name for flow in _BULK if flow.writes)
"""The names of the flows whose runs change records; the API shows each as an import."""

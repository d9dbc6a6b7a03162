"""What Prefect keeps of a run: its report, and tables of its changes and rejected rows, under keys that stay the same.

All runs of one sync, or imports of one type, share a key, so that the history of an artifact is theirs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.commands import OPERATORS
from flows.monitoring.ends import is_preview
from flows.registry import BULK, UNDO, Job
from schemas.issues import Issue, Severity
from schemas.jobs import ApplyJob, ExportJob, SyncJob, UndoJob
from schemas.language.remedies import worded
from schemas.reports import Change, Exported, Outcome, Report
from schemas.settings import settings
from tasks.markdown import escaped, inert
from tasks.store import ledger
from tasks.store.connection.engine import database_errors, engine
from tasks.store.read.run_changes import changes_of

# Prefect's database keeps each row of each run.
_MOST_ROWS = 20
_LONGEST_CELL = 80
_LONGEST_NAME = 80


# Keys -----------------------------------------------------------------------------------------------------------------


def artifact_key(job: Job | None, report: Report | None = None) -> str:
    """Return the key of a run's report: `sync-aws-core`, `import-vpc`, `preview-vpc`, `export-site`.

    A plan that is applied belongs to the sync, or to the imports of the type, that it was made for. Without a job, the
    run is one of the flow `purge`.
    """
    if job is None:
        return "purge"
    if isinstance(job, SyncJob) or (report and report.sync and isinstance(job, ApplyJob)):
        name = job.source if isinstance(job, SyncJob) else str(report and report.sync)
        return f"{'preview-' * is_preview(job)}sync-{key_part(name)}"
    verb = "preview" if is_preview(job) else "import" if isinstance(job, ApplyJob) else BULK[type(job)].logged_as
    return f"{'undo-' * (isinstance(job, UndoJob) and is_preview(job))}{verb}-{_subject(job, report)}"


def _subject(job: Job, report: Report | None) -> str:
    if isinstance(job, ExportJob):
        return key_part(job.resource_type) if job.resource_type else "several-types"
    if report and len(report.parts) > 1:
        return "several-types"
    named = report.resource_type if report else None
    named = named or (None if isinstance(job, UndoJob | ApplyJob) else job.resource_type)
    return key_part(named) if named else "unknown-type"


def key_part(name: str) -> str:
    """Return a name in the letters of a key; one that has others gets a few digits of its hash, to stay apart."""
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_NAME]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}".strip("-")


# What is published ----------------------------------------------------------------------------------------------------


def publish_report(report: Report, job: Job | None, url: str) -> None:
    """Keep the report of a run, and tables of its first changes and rejected rows, where there are any."""
    report = report.worded(OPERATORS)
    key, title = artifact_key(job, report), escaped(f"{report.resource_type or 'records'} from {report.source}")
    create_markdown_artifact(key=key, markdown=report_markdown(report), description=title)
    with database_errors(), engine(url).connect() as connection:
        run = UUID(report.run_id)
        changes = report.changes if report.is_planned else changes_of(connection, run, most=_MOST_ROWS)
        errors = ledger.read_issues(connection, run, limit=_MOST_ROWS, severity=Severity.ERROR)
    if changes:
        what = "Planned changes" if report.is_planned else "Changes"
        _publish_table(f"changes-{key}", changes_table(changes), f"{what} of {title}. {_all_in_cmdb(report.run_id)}")
    if errors:
        table = rejected_table([error.worded(OPERATORS) for error in errors])
        _publish_table(f"rejected-{key}", table, f"Rejected rows of {title}. {_all_rejects(report)}")


def _publish_table(key: str, table: list[dict[str, Any]], description: str) -> None:
    create_table_artifact(key=key, table=table, description=description)


def publish_failure(job: Job, run_id: UUID, message: str) -> None:
    """Keep a report of a run that failed before the ledger knew of it."""
    name = escaped(job.what if isinstance(job, ExportJob) else job.source)
    lines = [
        f"# {name}: failed",
        "",
        escaped(worded(message, OPERATORS)),
        "",
        "Nothing was changed.",
        "",
        f"Run `{run_id}`.",
    ]
    create_markdown_artifact(key=artifact_key(job), markdown="\n".join(lines), description=name)


def publish_export(exported: Exported, job: ExportJob) -> None:
    """Keep what an export wrote, and where the file is."""
    lines = [f"# {exported.records:,} records of {escaped(exported.what)}", ""]
    lines += [f"{escaped(exported.path.name)}: {exported.size:,} bytes", ""]
    # What the API asked for is downloaded from it; the file of a schedule is where that says.
    kept = exported.path.is_relative_to(settings().storage)
    link = _link("The run and its file in cmdb", f"#/export/run/{exported.run_id}")
    lines += [link if kept else f"Written to {escaped(exported.path.absolute())}", ""]
    # Types, fields and rules have names of ours.
    lines += [f"- {count:,} of {name}" for name, count in exported.types.items() if exported.resource_type is None]
    lines += [f"- {escaped(notice)}" for notice in exported.notices]
    lines += [f"- {count:,} values of {name} no longer fit its rules ({rule})" for name, rule, count in exported.unfit]
    create_markdown_artifact(
        key=artifact_key(job),
        markdown="\n".join(lines),
        description=escaped(f"{exported.what} to {exported.path.name}"),
    )


# Markdown -------------------------------------------------------------------------------------------------------------

_APPLIED = {
    "created": "create",
    "updated": "update",
    "unchanged": "unchanged",
    "deleted": "delete",
    "retired": "retire",
}
_PLANNED = {
    "would be created": "create",
    "would be updated": "update",
    "would stay unchanged": "unchanged",
    "would be deleted": "delete",
    "would be retired": "retire",
}


def report_markdown(report: Report) -> str:
    """Return a report as Markdown: the counts, planned or applied, the first errors, and where to find all of it."""
    title = escaped(f"{report.resource_type or 'records'} from {report.source}")
    lines = [f"# {title}: {_state(report)}", ""]
    lines += [escaped(report.message), ""] if report.message else []
    lines += [said, ""] if (said := _what_was_changed(report)) else []
    lines += ["| | records |", "| --- | ---: |", *(f"| {name} | {number:,} |" for name, number in _figures(report)), ""]
    errors = [issue for issue in report.issues if issue.severity is Severity.ERROR]
    if errors:
        lines += ["## First rejected rows", "", "| row | column | what |", "| ---: | --- | --- |"]
        lines += [
            f"| {issue.row or ''} | {escaped(issue.column or '')} | {escaped(issue.message)} |" for issue in errors
        ]
        lines += [""]
    lines += [f"- {escaped(notice.message)}" for notice in report.notices[:_MOST_ROWS]]
    return "\n".join([*lines, "", *_links(report)])


def _state(report: Report) -> str:
    if report.dry_run and report.outcome is Outcome.PREVIEWED:
        return "previewed"
    return report.outcome if report.outcome in (Outcome.HELD, Outcome.REJECTED, Outcome.DRIFTED) else report.state


def _what_was_changed(report: Report) -> str | None:
    if report.outcome is Outcome.HELD:
        return "**Nothing was changed.** The run awaits approval. If approved:"
    if report.is_planned:
        return "**Nothing was changed.** The plan:"
    return None if report.outcome in (None, Outcome.APPLIED) else "**Nothing was changed.**"


def _figures(report: Report) -> list[tuple[str, int]]:
    """The counts by what people call them; of a run that neither planned nor applied anything, what was read."""
    named = _PLANNED if report.is_planned else _APPLIED if report.outcome in (None, Outcome.APPLIED) else {}
    counts = report.counts
    done = [(name, int(getattr(counts, member))) for name, member in named.items()]
    more = [("rejected", counts.rejected), ("warnings", counts.warnings), ("repairs", counts.repairs)]
    return [("read", counts.read), *done, *more]


def _links(report: Report) -> list[str]:
    lines = [_all_in_cmdb(report.run_id)]
    if report.counts.rejected and not (report.dry_run or report.undoes or report.applies):
        lines += ["", _all_rejects(report), "", "Or marked in a workbook:", ""]
        lines += [f"    cmdb rejects {report.run_id} -o rejects.xlsx"]
    if report.outcome is Outcome.HELD:
        lines += ["", "To approve it, open the run in cmdb, or:", "", f"    cmdb approve {report.run_id}"]
    if report.outcome is Outcome.APPLIED and not report.dry_run:
        how = f"To undo it, run the deployment `{UNDO.deployment}` with this run's id, or:"
        lines += ["", how, "", f"    cmdb undo {report.run_id}"]
    return lines


def _all_in_cmdb(run_id: str) -> str:
    return _link("The whole run in cmdb", f"#/history/{run_id}")


def _all_rejects(report: Report) -> str:
    # One table can't hold rows of several types.
    ending = "xlsx" if report.parts and not report.mapping else "csv"
    return _link("All rejected rows", f"api/import/result/{report.run_id}/rejects.{ending}")


def _link(text: str, path: str) -> str:
    return f"[{text}]({settings().public_address}/{path})"


# Tables ---------------------------------------------------------------------------------------------------------------


def changes_table(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as rows of a table: one for each updated field, before → after, else one a record."""
    rows: list[dict[str, Any]] = []
    for change in changes:
        if change.action not in ("update", "updated"):
            rows.append(_row(change, "", "", ""))
            continue
        rows += [_row(change, name, before, after) for name, (before, after) in change.fields.items()]
    return rows[:_MOST_ROWS]


def _row(change: Change, field: str, before: Any, after: Any) -> dict[str, Any]:
    return {
        "type": change.resource_type,
        "record": _cell(change.key),
        "action": change.action,
        "field": field,
        "before": _cell(before),
        "after": _cell(after),
    }


def rejected_table(errors: Sequence[Issue]) -> list[dict[str, Any]]:
    """Return errors as rows of a table."""
    return [
        {"row": each.row, "column": _cell(each.column), "rule": each.rule, "what is wrong": _cell(each.message, 200)}
        for each in errors
    ]


def _cell(value: Any, longest: int = _LONGEST_CELL) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return inert(text if len(text) <= longest else f"{text[: longest - 1]}…")

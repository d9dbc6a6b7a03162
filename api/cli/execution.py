"""Run a job while the terminal shows its progress, and end with its exit code."""

from __future__ import annotations

from api.cli.backends.choice import backend
from api.cli.ends import DONE, FAILED, REJECTS, Ended
from api.cli.render.reports import show_report
from api.cli.terminal import err, out, print_json
from api.cli.watch import Watch
from api.cli.wording import COMMAND_LINE
from api.json_output import report_json
from schemas.jobs import ApplyJob, ImportJob, SyncJob
from schemas.reports import Report, Status


def run_job(job: ImportJob | SyncJob | ApplyJob, json: bool) -> None:
    """Run a job, print its report, and end the command with the exit code of its status."""
    report = report_of(job, json)
    if json:
        print_json(report_json(report, COMMAND_LINE))
    else:
        show_report(out, report)
    raise Ended(exit_code(report))


def report_of(job: ImportJob | SyncJob | ApplyJob, json: bool) -> Report:
    """Run a job while the terminal shows its progress, and return its report."""
    with Watch(err, quiet=json) as watch:
        return backend().run(job, watch)


def exit_code(report: Report) -> int:
    """Return the exit code for the status of a run, and for its rejected rows."""
    if report.status is not Status.COMPLETED:
        return FAILED
    return REJECTS if report.counts.rejected else DONE

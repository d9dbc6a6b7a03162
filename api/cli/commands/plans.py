"""The commands `cmdb plan` and `cmdb apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from api.cli.backends.choice import backend
from api.cli.commands.panels import EXIT_CODES, PLANS
from api.cli.ends import Ended
from api.cli.execution import exit_code, report_of, run_job
from api.cli.jobs import job_from, takes
from api.cli.local_time import shown_time
from api.cli.options import (
    Files,
    Json,
)
from api.cli.piped import given_files
from api.cli.render.reports import show_report
from api.cli.terminal import err, out, print_json
from api.cli.wording import COMMAND_LINE
from api.json_output import plan_json
from schemas.errors import UsageError
from schemas.jobs import ApplyJob, ImportJob
from schemas.settings import settings
from tasks.atomic_write import atomic_path

commands = typer.Typer()


@commands.command(
    epilog="Example: cmdb plan vpcs.csv -o plan.json && cmdb apply plan.json\n\n" + EXIT_CODES, rich_help_panel=PLANS
)
@takes(ImportJob, "plan")
def plan(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PLAN", help="The file of the plan.")],
    json: Json = False,
    **given: Any,
) -> None:
    """Freeze what an import would do; `cmdb apply PLAN` does exactly that later.

    Rows are validated and staged now. Applying reads no file, and detects records that changed in the meantime.
    """
    with given_files(files, settings()) as source:
        report = report_of(job_from(ImportJob, given, **source, dry_run=True, keep_plan=True), json)
    with atomic_path(output) as hidden:
        hidden.write_bytes(orjson.dumps(plan_json(report, COMMAND_LINE), option=orjson.OPT_INDENT_2, default=str))
    print_json(plan_json(report, COMMAND_LINE)) if json else show_report(out, report)
    if report.plan and report.plan.until:
        err.print(f"{output} holds the plan, which is kept until {shown_time(report.plan.until)}.", markup=False)
    raise Ended(exit_code(report))


@commands.command(epilog="Example: cmdb apply plan.json --moved skip\n\n" + EXIT_CODES, rich_help_panel=PLANS)
@takes(ApplyJob, "apply")
def apply(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The file of a plan, or the id of the run that made it.")],
    json: Json = False,
    **given: Any,
) -> None:
    """Apply a frozen plan exactly, unless records have changed since (--moved)."""
    known = _plan_file(Path(plan)) if Path(plan).is_file() else {"plan": backend().find_run(plan)}
    run_job(job_from(ApplyJob, given, **known), json)


def _plan_file(path: Path) -> dict[str, Any]:
    """Read the plan's run and hash from the file that `cmdb plan` wrote."""
    try:
        found = orjson.loads(path.read_bytes())
        return {"plan": found["planId"], "hash": found["hash"]}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a plan file: `cmdb plan FILE -o {path.name}` writes one.") from error

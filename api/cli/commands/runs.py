"""The commands `cmdb runs`, `show`, `rejects`, `undo` and `diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.backends.choice import backend
from api.cli.commands.panels import EXIT_CODES, RUNS
from api.cli.completion import complete_run
from api.cli.ends import Ended
from api.cli.execution import exit_code
from api.cli.jobs import job_from, takes
from api.cli.options import Json, RunArgument, Type
from api.cli.render.reports import runs_table, show_report
from api.cli.render.syncs import show_difference
from api.cli.terminal import err, out, print_json
from api.cli.watch import Watch
from api.cli.wording import COMMAND_LINE
from api.json_output import difference_json, report_json
from schemas.jobs import UndoJob
from schemas.resources import resource

commands = typer.Typer()


@commands.command(epilog="Example: cmdb runs --type vpc --limit 5", rich_help_panel=RUNS)
def runs(
    type: Type = None,  # the option's name
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List the newest runs."""
    reports = backend().runs(limit=limit, resource_type=resource(type).type if type else None)
    if json:
        print_json([report_json(report, COMMAND_LINE) for report in reports])
    else:
        out.print(runs_table(reports) if reports else "No run yet: cmdb import FILE")


@commands.command(epilog="Example: cmdb show last --issues 100", rich_help_panel=RUNS)
def show(
    run: RunArgument,
    issues: Annotated[int, typer.Option("--issues", min=0, help="How many issues to show.")] = 10,
    json: Json = False,
) -> None:
    """Show the report of a run."""
    used = backend()
    report = used.report(used.find_run(run), issues=issues)
    print_json(report_json(report, COMMAND_LINE)) if json else show_report(out, report)


@commands.command(epilog="Example: cmdb rejects last -o rejects.xlsx", rich_help_panel=RUNS)
def rejects(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .csv or .xlsx file.")],
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Put an apostrophe before text that looks like a formula.")
    ] = True,
) -> None:
    """Write the rejected rows of a run to a file, to fix and import them.

    A workbook keeps the original columns, marks each wrong cell and explains it in a comment.
    """
    used = backend()
    count = used.write_rejects(used.find_run(run), output, guard=guard)
    err.print(f"{count:,} rejected rows → {output}", markup=False)


@commands.command(epilog="Example: cmdb undo last --dry-run\n\n" + EXIT_CODES, rich_help_panel=RUNS)
@takes(UndoJob, "undo")
def undo(run: RunArgument, json: Json = False, **given: Any) -> None:
    """Undo a run: delete the records it created, and restore those it updated or deleted.

    `last` is the newest run that was applied; dry runs and failed runs do not count.

    Records that were edited since, or that others refer to, are left alone and listed.

    An undo is a run as any other, and can be undone.
    """
    used = backend()
    job = job_from(UndoJob, given, run=used.find_run(run, applied=True))
    with Watch(err, quiet=json) as watch:
        report = used.run(job, watch)
    print_json(report_json(report, COMMAND_LINE)) if json else show_report(out, report)
    raise Ended(exit_code(report))


@commands.command(epilog="Example: cmdb diff 3f2a9c1e 81d0b7aa", rich_help_panel=RUNS)
def diff(
    before: Annotated[
        str, typer.Argument(metavar="RUN", help="The earlier run of a sync.", autocompletion=complete_run)
    ],
    after: Annotated[str, typer.Argument(metavar="RUN", help="The later one.", autocompletion=complete_run)],
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="How many changes to show.")] = 100,
    json: Json = False,
) -> None:
    """Compare two runs of a sync: what each read, and what changed in between."""
    used = backend()
    found = used.difference(used.find_run(before), used.find_run(after), limit=limit)
    print_json(difference_json(found)) if json else show_difference(out, found)

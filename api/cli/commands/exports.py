"""The command `cmdb export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from api.cli.backends.choice import backend
from api.cli.commands.panels import EXIT_CODES, FILES
from api.cli.completion import complete_type
from api.cli.jobs import job_from, takes
from api.cli.options import Json
from api.cli.piped import is_standard, wanted_file
from api.cli.render.exports import show_exported
from api.cli.terminal import comma_separated, err, out, print_json
from api.cli.watch import Watch
from api.json_output import exported_json
from schemas.errors import UsageError
from schemas.jobs import ExportJob
from schemas.settings import settings

commands = typer.Typer()

TypesArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TYPE,…", help="Such as vpc, or several as in vpc,subnet: `cmdb types`.", autocompletion=complete_type
    ),
]


@commands.command(
    epilog="Example: cmdb export --all -o cmdb.xlsx\n\n"
    'cmdb export vpc -o vpcs.xlsx --where "region eq us-east-1 and tags.Owner in (network, core)"\n\n'
    'cmdb export prefix -o prefixes.csv.gz --where "prefix within 10.0.0.0/8" --since 7d --sort vrf,prefix\n\n'
    "cmdb export subnet -o before.xlsx --as-of 2026-11-24T08:30Z\n\n" + EXIT_CODES,
    rich_help_panel=FILES,
)
@takes(ExportJob, "export")
def export(
    type: TypesArgument = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=".csv, .json, .ndjson (each also .gz), .xlsx or .parquet; - for standard output, as CSV unless "
            "--format says otherwise.",
        ),
    ] = Path("-"),
    json: Json = False,
    **given: Any,
) -> None:
    """Export records to a file that can be imported again.

    The file is written completely or not at all. Several types go into one workbook or JSON document, as one snapshot.
    """
    types = comma_separated(type)
    if given["all_types"] is bool(types):
        raise UsageError("Name the TYPE to export, several as in vpc,subnet, or --all of them; not both.")
    if json and is_standard(output):
        raise UsageError("--json prints to standard output, where the records go: leave it out, or name a file.")
    if is_standard(output):
        given["format"] = given["format"] or ("csv" if len(types) == 1 else "json")
    with wanted_file(output, settings()) as path:
        job = job_from(
            ExportJob,
            given,
            resource_type=types[0] if len(types) == 1 else None,
            resource_types=types if len(types) > 1 else (),
            path=path,
        )
        with Watch(err, quiet=json) as watch:
            exported = backend().run(job, watch)
    exported = replace(exported, path=output)
    print_json(exported_json(exported)) if json else show_exported(_beside(output), exported)


def _beside(output: Path) -> Console:
    """Where to print what was done: not between the records on standard output."""
    return err if is_standard(output) else out

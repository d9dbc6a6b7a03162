"""The commands `cmdb import` and `cmdb preview`."""

from __future__ import annotations

from typing import Any

import typer

from api.cli.commands.panels import EXIT_CODES, FILES
from api.cli.execution import run_job
from api.cli.jobs import job_from, takes
from api.cli.options import Files, Json
from api.cli.piped import given_files
from schemas.jobs import ImportJob
from schemas.settings import settings

commands = typer.Typer()


@commands.command(
    "import",
    epilog="Example: cmdb import vpcs.csv --set region=us-east-1 --max-errors 5%\n\n"
    "cmdb import vlans.csv 'exports/*.xlsx'\n\n" + EXIT_CODES,
    rich_help_panel=FILES,
)
@takes(ImportJob, "import")
def import_(files: Files, json: Json = False, **given: Any) -> None:
    """Import files: load the valid rows in one transaction, and list the rejected ones with the reasons."""
    with given_files(files, settings()) as source:
        run_job(job_from(ImportJob, given, **source), json)


@commands.command(epilog="Example: cmdb preview vpcs.xlsx --sheet VPCs\n\n" + EXIT_CODES, rich_help_panel=FILES)
@takes(ImportJob, "preview")
def preview(files: Files, json: Json = False, **given: Any) -> None:
    """Show what files contain and what importing them would change."""
    with given_files(files, settings()) as source:
        run_job(job_from(ImportJob, given, **source, dry_run=True), json)

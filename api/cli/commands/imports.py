"""The commands `cmdb import` and `cmdb preview`."""

from __future__ import annotations

from typing import Any

import typer

from api.cli.execution import run_job
from api.cli.groups import EXIT_CODES, FILES
from api.cli.jobs import job_from, takes
from api.cli.options import File, Json
from api.cli.piped import given_file
from schemas.jobs import ImportJob
from schemas.settings import settings

commands = typer.Typer()


@commands.command(
    "import",
    epilog="Example: cmdb import vpcs.csv --set region=us-east-1 --max-errors 5%\n\n" + EXIT_CODES,
    rich_help_panel=FILES,
)
@takes(ImportJob, "import")
def import_(file: File, json: Json = False, **given: Any) -> None:
    """Import a file: load the valid rows in one transaction, and list the rejected ones with the reasons."""
    with given_file(file, settings()) as (path, name):
        run_job(job_from(ImportJob, given, path=path, name=name), json)


@commands.command(epilog="Example: cmdb preview vpcs.xlsx --sheet VPCs\n\n" + EXIT_CODES, rich_help_panel=FILES)
@takes(ImportJob, "preview")
def preview(file: File, json: Json = False, **given: Any) -> None:
    """Show what a file contains and what importing it would change."""
    with given_file(file, settings()) as (path, name):
        run_job(job_from(ImportJob, given, path=path, name=name, dry_run=True), json)

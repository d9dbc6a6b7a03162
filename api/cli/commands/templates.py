"""The command `cmdb template`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.commands.panels import FILES
from api.cli.options import (
    TypeArgument,
)
from api.cli.terminal import err
from schemas.resources import resource

commands = typer.Typer()


@commands.command(epilog="Example: cmdb template subnet --format xlsx -o subnets.xlsx", rich_help_panel=FILES)
def template(
    type: TypeArgument,  # the argument's name
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write. Default: TYPE-template.FORMAT."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="xlsx, csv or json. Default: by the name of FILE, or xlsx.")
    ] = None,
) -> None:
    """Write a template to fill in, with explanations and examples.

    Import it as it is: rows that are marked as examples are skipped.
    """
    from tasks.steps.templates import write_template  # openpyxl's import is waited for where it is used

    chosen = resource(type)
    path = write_template(chosen, format, output)
    err.print(f"{chosen.title} → {path}", markup=False)

"""The command `cmdb doctor`."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape

from api.cli.backends.choice import backend
from api.cli.commands.panels import SETUP
from api.cli.ends import FAILED
from api.cli.options import Json
from api.cli.render.tables import new_table
from api.cli.terminal import out, print_json

commands = typer.Typer()

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@commands.command(
    epilog="Example: cmdb doctor\n\nExit codes: 0 nothing failed; 1 something failed.", rich_help_panel=SETUP
)
def doctor(json: Json = False) -> None:
    """Check the database, storage, keys, Prefect, workers and the API, and say how to fix what is wrong."""
    from flows.diagnosis import Verdict  # httpx takes a tenth

    checks = list(backend().diagnose())
    if json:
        print_json([asdict(check) for check in checks])
    else:
        table = new_table("check", "", "found", "what to do")
        for check in checks:
            verdict = f"[{_COLOURS[check.verdict]}]{check.verdict}[/]"
            table.add_row(check.name, verdict, escape(check.found), escape(check.remedy))
        out.print(table)
    if any(check.verdict is Verdict.FAILED for check in checks):
        raise typer.Exit(FAILED)

"""The command line: the commands of all groups, and what becomes of their errors."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer
from polars.exceptions import PanicException
from rich.markup import escape
from typer.main import get_command

from api.cli.backends.choice import close_clients
from api.cli.commands import (
    access,
    doctor,
    exports,
    imports,
    plans,
    records,
    runs,
    serve,
    setup,
    syncs,
    templates,
    types,
)
from api.cli.execution import DONE, FAILED, INTERRUPTED, USAGE, Ended
from api.cli.groups import EXIT_CODES, SETUP, GroupedCommands
from api.cli.render.plans import mapping_table
from api.cli.streams import steady_streams
from api.cli.terminal import err, print_json, print_plain
from api.cli.wording import COMMAND_LINE
from api.json_output import error_json
from schemas.errors import CmdbError, MappingError, UsageError
from schemas.remedies import worded
from schemas.settings import settings
from tasks.private_files import keep_private
from tasks.security.account import VARIABLE, leave_root

if TYPE_CHECKING:
    from typer._click import Command

app = typer.Typer(
    cls=GroupedCommands,
    help="Bulk import and export for a network CMDB.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (imports, exports, templates, plans, syncs, runs, types, records, serve, setup, doctor):
    app.add_typer(module.commands)
app.add_typer(setup.db, name="db", rich_help_panel=SETUP)
app.add_typer(access.key, name="key", rich_help_panel=SETUP)
app.add_typer(access.audit, name="audit", rich_help_panel=SETUP)


def _version(asked: bool) -> None:
    if asked:
        print_plain(f"cmdb {metadata.version('cmdb')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)]


@app.callback()
def cmdb(version: Version = False) -> None:
    """Bulk import and export for a network CMDB."""
    del version  # its callback has done all there is to do


# What the command line itself gets wrong; Typer gives the group no public name.
_Misused: Any = typer.BadParameter.__base__


def main() -> None:
    """Run the command line; every error of ours becomes a sentence and an exit code."""
    # What a service manager sends is as good as Ctrl-C: files and tables of the run are taken away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_private()
    with steady_streams() as output:
        try:
            _run()
        except Ended:
            raise
        except SystemExit as end:
            output.flush()
            if output.failure and not end.code:
                err.print(f"[bold red]Error:[/bold red] The output could not be written: {output.failure}.")
                sys.exit(FAILED)
            raise
        finally:
            close_clients()


@cache
def _command() -> Command:
    # To make all commands takes as long as many a command does.
    return get_command(app)


def _run() -> None:
    # Programs that ask for JSON get their errors so, too: also those of the command line itself.
    json = "--json" in sys.argv[1:]
    try:
        if VARIABLE in os.environ:
            leave_root(settings())
        sys.exit(_command()(prog_name="cmdb", standalone_mode=not json) or DONE)
    except CmdbError as error:
        if json:
            print_json({"error": error_json(error, COMMAND_LINE)})
        else:
            err.print(f"[bold red]Error:[/bold red] {escape(worded(error.message, COMMAND_LINE))}", soft_wrap=True)
        if isinstance(error, MappingError) and error.mapping and error.mapping.matches and not json:
            err.print(mapping_table(error.mapping))
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)
    except _Misused as error:
        print_json({"error": error_json(UsageError(error.format_message()), COMMAND_LINE)})
        sys.exit(error.exit_code)
    except (typer.Abort, SystemExit) as end:
        # Typer makes this of Ctrl-C.
        if isinstance(end, typer.Abort) or end.code == INTERRUPTED:
            err.print("Stopped; nothing was changed.")
            sys.exit(INTERRUPTED)
        raise
    except PanicException as panic:
        # Ctrl-C in the middle of a Polars call becomes a panic of its Rust.
        if "KeyboardInterrupt" not in str(panic):
            raise
        err.print("Stopped; nothing was changed.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()

"""The command line: the commands of all groups, and what becomes of their errors."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_command

from api.cli.backends.choice import close_clients
from api.cli.commands.panels import EXIT_CODES
from api.cli.ends import DONE, FAILED, INTERRUPTED, USAGE, Ended
from api.cli.groups import GroupedCommands
from api.cli.streams import steady_streams
from api.cli.terminal import err, print_plain
from schemas.errors import CmdbError, UsageError
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
        _show(error, json)
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)
    except _Misused as error:
        _show(UsageError(error.format_message()), json)
        sys.exit(error.exit_code)
    except (typer.Abort, SystemExit) as end:
        # Typer makes this of Ctrl-C.
        if isinstance(end, typer.Abort) or end.code == INTERRUPTED:
            err.print("Stopped; nothing was changed.")
            sys.exit(INTERRUPTED)
        raise
    except BaseException as error:
        if not _is_interrupt(error):
            raise
        err.print("Stopped; nothing was changed.")
        sys.exit(INTERRUPTED)


def _show(error: CmdbError, json: bool) -> None:
    # What words an error imports the options of all jobs, and most commands end without one.
    from api.cli.render.errors import show_error

    show_error(error, json)


def _is_interrupt(error: BaseException) -> bool:
    """Whether an error is Ctrl-C in the middle of a Polars call, which becomes a panic of its Rust."""
    return type(error).__name__ == "PanicException" and "KeyboardInterrupt" in str(error)


if __name__ == "__main__":
    main()

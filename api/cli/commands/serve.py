"""The commands `cmdb up`, `api` and `worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.backends.choice import only_here
from api.cli.commands.panels import EXIT_CODES, SERVE
from api.cli.terminal import err
from flows.launch import START_PATIENCE, hand_over_to_prefect
from schemas.settings import settings
from tasks.security.account import VARIABLE, runs_as_root

commands = typer.Typer()


def _warn_of_root() -> None:
    if runs_as_root():
        err.print(f"Warning: cmdb and all of its runs have root's rights. Set {VARIABLE} to an account without them.")


@commands.command(epilog="Example: CMDB_API_PORT=9000 cmdb up\n\n" + EXIT_CODES, rich_help_panel=SERVE)
def up() -> None:
    """Start PostgreSQL, the Prefect server, a worker and the API on this machine.

    Ctrl-C stops them; running imports are rolled back.
    """
    only_here("up")
    _warn_of_root()
    from deployments.up import up as start  # Prefect takes a second to import

    start(settings(), lambda words: err.print(words, markup=False))


@commands.command(
    epilog="Example: CMDB_DATABASE_URL=… PREFECT_API_URL=http://prefect:4200/api cmdb api\n\n" + EXIT_CODES,
    rich_help_panel=SERVE,
)
def api() -> None:
    """Serve the API and the page; a Prefect server and a worker must be running."""
    only_here("api")
    _warn_of_root()
    hand_over_to_prefect(settings(), START_PATIENCE)
    from api.rest.serve import serve  # Prefect takes a second to import, and reads its settings as it does

    serve(settings())


@commands.command(
    epilog="Example: CMDB_DATABASE_URL=… PREFECT_API_URL=http://prefect:4200/api cmdb worker\n\n" + EXIT_CODES,
    rich_help_panel=SERVE,
)
def worker(
    name: Annotated[str | None, typer.Option("--name", help="What Prefect's page calls it.")] = None,
) -> None:
    """Register the deployments and execute their runs, at most CMDB_MAX_RUNS at once."""
    only_here("worker")
    _warn_of_root()
    hand_over_to_prefect(settings(), START_PATIENCE)
    from deployments.worker import work  # Prefect takes a second to import, and reads its settings as it does

    work(settings(), lambda words: err.print(words, markup=False), name)

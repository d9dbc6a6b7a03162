"""The commands `cmdb sync`, `syncs`, `approve` and `reject`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.backends.choice import backend
from api.cli.commands.panels import EXIT_CODES, SYNCS
from api.cli.completion import complete_sync
from api.cli.execution import run_job
from api.cli.jobs import job_from, takes
from api.cli.options import (
    Json,
    RunArgument,
)
from api.cli.render.syncs import syncs_table
from api.cli.terminal import out, print_json
from schemas.errors import UsageError
from schemas.jobs import ApplyJob, SyncJob

commands = typer.Typer()


@commands.command(epilog="Example: cmdb approve 3f2a9c1e\n\n" + EXIT_CODES, rich_help_panel=SYNCS)
@takes(ApplyJob, "approve")
def approve(run: RunArgument, json: Json = False, **given: Any) -> None:
    """Approve a sync that a guard holds: its plan is applied exactly."""
    run_job(job_from(ApplyJob, given, plan=backend().find_run(run)), json)


@commands.command(
    epilog="Example: cmdb reject 3f2a9c1e --reason 'Wrong account'\n\n" + EXIT_CODES, rich_help_panel=SYNCS
)
def reject(
    run: RunArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why nothing is to be changed, for the ledger.")],
) -> None:
    """Reject a sync that a guard holds: its plan cannot be applied any more."""
    used = backend()
    found = used.find_run(run)
    used.reject(found, reason)
    out.print(f"Rejected run {found}; nothing was changed.", markup=False)


@commands.command(
    epilog="Example: cmdb sync https://ipam.example.com/prefixes.csv --type prefix --missing retire\n\n"
    "cmdb sync aws://default/us-east-1,eu-west-1 --name aws --max-delete 5%\n\n" + EXIT_CODES,
    rich_help_panel=SYNCS,
)
@takes(SyncJob, "sync")
def sync(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URL|NAME",
            help="Address of the source, or name of a sync (`cmdb syncs`).",
            autocompletion=complete_sync,
        ),
    ],
    json: Json = False,
    **given: Any,
) -> None:
    """Sync records from a source: create, update, and retire or delete those missing from it."""
    # The next run may be in another folder.
    url = str(Path(source).resolve()) if Path(source).exists() else source
    job = job_from(SyncJob, given, url=url)
    if known := _known_sync(source):
        _check_defined(source, job)
        job = known.model_copy(update={"always": job.always or known.always, "dry_run": job.dry_run})
    run_job(job, json)


def _check_defined(name: str, job: SyncJob) -> None:
    """Refuse options that would change a sync that is named, as it runs with those of its definition."""
    changed = job.model_dump(exclude={"url", "always", "dry_run"}, exclude_defaults=True)
    if changed:
        raise UsageError(
            f"The sync '{name}' runs with the options of its definition: give only --always and --dry-run with its "
            "name, or the address of its source with all options."
        )


@commands.command(epilog="Example: cmdb syncs", rich_help_panel=SYNCS)
def syncs(json: Json = False) -> None:
    """List syncs with their last run, last change and next run."""
    rows = backend().syncs()
    print_json(rows) if json else out.print(syncs_table(rows) if rows else "No sync yet: cmdb sync URL")


def _known_sync(source: str) -> SyncJob | None:
    """The sync of that name, as it is on schedule or defined; None where an address or a file is meant."""
    if ":" in source or Path(source).exists():
        return None
    used = backend()
    if found := used.sync_named(source):
        return found
    names = [row["name"] for row in used.syncs()]
    known = f"there are {', '.join(names)}" if names else "there is none yet"
    raise UsageError(f"Unknown sync '{source}', and no such file: {known}.")

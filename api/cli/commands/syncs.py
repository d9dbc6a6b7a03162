"""The commands `cmdb sync`, `syncs` and `approve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.commands.runs import find_run_id
from api.cli.groups import SYNCS
from api.cli.render.syncs import syncs_table
from api.cli.terminal import out, print_json, reading
from api.json_output import syncs_json
from flows.launch import hand_over_to_prefect
from schemas.choices import Empty, Missing, Moved, OnError, Overlap
from schemas.errors import Unavailable, UsageError
from schemas.jobs import ApplyJob, SyncJob
from schemas.settings import settings
from tasks.store import ledger
from tasks.store.access.definitions import definitions

if TYPE_CHECKING:
    from flows.syncs import Scheduled
from api.cli.execution import run_job
from api.cli.groups import EXIT_CODES
from api.cli.jobs import checked, pairs, read_options
from api.cli.options import (
    Columns,
    Constant,
    CreateMissing,
    DecimalComma,
    Delimiter,
    EmptyOption,
    Encoding,
    Format,
    HeaderRow,
    Json,
    Mapped,
    MaxDelete,
    MaxErrors,
    MaxUpdate,
    MissingOption,
    MovedOption,
    NoHeader,
    Null,
    OnErrorOption,
    Records,
    RunArgument,
    Saved,
    Sheet,
    Thousands,
)

commands = typer.Typer()


@commands.command(epilog="Example: cmdb approve 3f2a9c1e\n\n" + EXIT_CODES, rich_help_panel=SYNCS)
def approve(run: RunArgument, moved: MovedOption = Moved.REFUSE, json: Json = False) -> None:
    """Approve a sync that a guard holds: its plan is applied exactly."""
    run_job(checked(ApplyJob, plan=find_run_id(run), moved=moved), json)


@commands.command(
    epilog="Example: cmdb sync https://ipam.example.com/prefixes.csv --type prefix --missing retire\n\n"
    "cmdb sync aws://default/us-east-1,eu-west-1 --name aws --max-delete 5%\n\n" + EXIT_CODES,
    rich_help_panel=SYNCS,
)
def sync(
    source: Annotated[
        str, typer.Argument(metavar="URL|NAME", help="Address of the source, or name of a sync (`cmdb syncs`).")
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name of the sync. Default: its address.")] = None,
    type: Annotated[list[str] | None, typer.Option("--type", "-t", help="Only this resource type. Repeatable.")] = None,
    set: Constant = None,  # the option's name
    map: Mapped = None,  # the option's name
    mapping: Saved = None,
    missing: MissingOption = Missing.RETIRE,
    max_delete: MaxDelete = "20%",
    max_update: MaxUpdate = None,
    max_errors: MaxErrors = None,
    on_error: OnErrorOption = OnError.CONTINUE,
    empty: EmptyOption = Empty.CLEAR,
    create_missing: CreateMissing = None,
    format: Format = None,  # the option's name
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header_row: HeaderRow = None,
    no_header: NoHeader = False,
    columns: Columns = None,
    sheet: Sheet = None,
    records: Records = None,
    null: Null = None,
    decimal_comma: DecimalComma = False,
    thousands: Thousands = None,
    credentials: Annotated[
        str | None,
        typer.Option("--credentials", metavar="NAME", help="The secret CMDB_SECRET_NAME, or a Prefect block."),
    ] = None,
    overlap: Annotated[
        Overlap,
        typer.Option("--overlap", help="If a run of this sync is running: skip this one, or queue it."),
    ] = Overlap.REFUSE,
    notify: Annotated[
        str | None,
        typer.Option("--notify", metavar="NAME", help="Secret with the address of a webhook to notify."),
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="Read the source even if it has not changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
    json: Json = False,
) -> None:
    """Sync records from a source: create, update, and retire or delete those missing from it."""
    job = _known_sync(source) or checked(
        SyncJob,
        # The next run may be in another folder.
        url=str(Path(source).resolve()) if Path(source).exists() else source,
        name=name,
        types=tuple(type or ()),
        columns=pairs(map, "--map"),
        constants=pairs(set, "--set"),
        mapping=mapping,
        missing=missing,
        max_delete=max_delete,
        max_update=max_update,
        max_errors=max_errors,
        on_error=on_error,
        empty=empty,
        create_missing=create_missing or (),
        read=read_options(
            sheet,
            delimiter,
            columns,
            null,
            format=format,
            encoding=encoding,
            header_row=header_row,
            no_header=no_header,
            records=records,
            decimal_comma=decimal_comma,
            thousands=thousands,
        ),
        credentials=credentials,
        overlap=overlap,
        notify=notify,
    )
    run_job(job.model_copy(update={"always": always or job.always, "dry_run": dry_run}), json)


@commands.command(epilog="Example: cmdb syncs", rich_help_panel=SYNCS)
def syncs(json: Json = False) -> None:
    """List syncs with their last run, last change and next run."""
    scheduled = _scheduled()
    with reading() as connection:
        rows = syncs_json(ledger.list_syncs(connection), scheduled, definitions(connection))
    print_json(rows) if json else out.print(syncs_table(rows) if rows else "No sync yet: cmdb sync URL")


def _known_sync(source: str) -> SyncJob | None:
    """The sync of that name, as it is on schedule or defined; None where an address or a file is meant."""
    if ":" in source or Path(source).exists():
        return None
    for each in _scheduled():
        if source in (each.deployment, each.job.source):
            return each.job
    with reading() as connection:
        syncs = {each.name: each for each in definitions(connection)}
    if source not in syncs:
        known = f"there are {', '.join(sorted(syncs))}" if syncs else "there is none yet"
        raise UsageError(f"There is no sync '{source}', and no such file: {known}.")
    return syncs[source].job()


def _scheduled() -> list[Scheduled]:
    """The syncs on schedule; none where no Prefect server answers."""
    try:
        hand_over_to_prefect(settings())
    except Unavailable:
        return []
    from flows.syncs import scheduled  # Prefect takes a second to import, and reads its settings as it does

    return scheduled()

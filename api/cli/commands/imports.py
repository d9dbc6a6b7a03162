"""The commands `cmdb import` and `cmdb preview`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.execution import run_job
from api.cli.groups import EXIT_CODES, FILES
from api.cli.jobs import checked, pairs, read_options
from api.cli.options import (
    Columns,
    Constant,
    CreateMissing,
    DecimalComma,
    Delimiter,
    EmptyOption,
    Encoding,
    File,
    Format,
    HeaderRow,
    Json,
    Mapped,
    MaxDelete,
    MaxErrors,
    MaxUpdate,
    MissingOption,
    ModeOption,
    NoHeader,
    Null,
    OnErrorOption,
    Records,
    Save,
    Saved,
    Sheet,
    StaleOption,
    Thousands,
    Type,
    UnknownOption,
    WithoutRule,
)
from api.cli.piped import given_file
from schemas.choices import Empty, Missing, Mode, OnError, Stale, Unknown
from schemas.jobs import ImportJob
from schemas.settings import settings

commands = typer.Typer()


@commands.command(
    "import",
    epilog="Example: cmdb import vpcs.csv --set region=us-east-1 --max-errors 5%\n\n" + EXIT_CODES,
    rich_help_panel=FILES,
)
def import_(
    file: File,
    type: Type = None,  # the option's name
    mode: ModeOption = Mode.UPSERT,
    map: Mapped = None,  # the option's name
    set: Constant = None,  # the option's name
    mapping: Saved = None,
    save_mapping: Save = None,
    unknown: UnknownOption = Unknown.WARN,
    on_error: OnErrorOption = OnError.CONTINUE,
    max_errors: MaxErrors = None,
    empty: EmptyOption = Empty.CLEAR,
    stale: StaleOption = Stale.REFUSE,
    missing: MissingOption = Missing.RETIRE,
    max_delete: MaxDelete = "20%",
    max_update: MaxUpdate = None,
    without_rule: WithoutRule = None,
    create_missing: CreateMissing = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
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
    json: Json = False,
) -> None:
    """Import a file: load the valid rows in one transaction, and list the rejected ones with the reasons."""
    with given_file(file, settings()) as (path, name):
        job = checked(
            ImportJob,
            path=path,
            name=name,
            resource_type=type,
            mode=mode,
            columns=pairs(map, "--map"),
            constants=pairs(set, "--set"),
            mapping=mapping,
            save_mapping=save_mapping,
            unknown=unknown,
            on_error=on_error,
            max_errors=max_errors,
            empty=empty,
            stale=stale,
            missing=missing,
            max_delete=max_delete,
            max_update=max_update,
            without_rules=without_rule or (),
            create_missing=create_missing or (),
            dry_run=dry_run,
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
        )
        run_job(job, json)


@commands.command(epilog="Example: cmdb preview vpcs.xlsx --sheet VPCs\n\n" + EXIT_CODES, rich_help_panel=FILES)
def preview(
    file: File,
    type: Type = None,  # the option's name
    mode: ModeOption = Mode.UPSERT,
    map: Mapped = None,  # the option's name
    set: Constant = None,  # the option's name
    mapping: Saved = None,
    unknown: UnknownOption = Unknown.WARN,
    empty: EmptyOption = Empty.CLEAR,
    stale: StaleOption = Stale.REFUSE,
    without_rule: WithoutRule = None,
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
    json: Json = False,
) -> None:
    """Show what a file contains and what importing it would change."""
    import_(
        file=file,
        type=type,
        mode=mode,
        map=map,
        set=set,
        mapping=mapping,
        unknown=unknown,
        empty=empty,
        stale=stale,
        without_rule=without_rule,
        create_missing=create_missing,
        dry_run=True,
        format=format,
        encoding=encoding,
        delimiter=delimiter,
        header_row=header_row,
        no_header=no_header,
        columns=columns,
        sheet=sheet,
        records=records,
        null=null,
        decimal_comma=decimal_comma,
        thousands=thousands,
        json=json,
    )

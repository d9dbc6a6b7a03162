"""The command line: one function a command, each a call of the flows and a report of what they did."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict, replace
from importlib import metadata
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import orjson
import typer
from polars.exceptions import PanicException
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from api.cli import render
from api.cli.access_commands import audit, key
from api.cli.piped import given_file, is_standard, wanted_file
from api.cli.record_commands import get, known_record, list_
from api.cli.streams import steady_streams
from api.cli.terminal import comma_separated, err, out, print_json, print_plain, reading
from api.cli.watch import Watch
from flows.launch import START_PATIENCE, carry_out, carry_out_export, carry_out_undo, hand_over_to_prefect
from schemas.choices import Empty, Missing, Mode, Moved, OnError, Overlap, Stale, Unknown
from schemas.errors import CmdbError, MappingError, SourceError, Unavailable, UsageError
from schemas.filters import both, parse
from schemas.jobs import ApplyJob, ExportJob, ImportJob, ReadOptions, SheetOptions, SyncJob, UndoJob, WriteOptions
from schemas.model.rule_listing import listed
from schemas.reports import Report, Status
from schemas.resources import RESOURCES, resource
from schemas.settings import settings
from tasks.atomic_write import aside
from tasks.private_files import keep_private
from tasks.rules.load import load_rules
from tasks.store import ledger
from tasks.store.access.definitions import definitions
from tasks.store.connection.database import address
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import upgrade
from tasks.store.read.free_blocks import MOST, Search, find_free
from tasks.store.read.run_diff import difference

if TYPE_CHECKING:
    from typer._click import Command, Context, Parameter

    from flows.syncs import Scheduled

DONE, FAILED, USAGE, REJECTS, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_CODES = (
    """Exit codes: 0 done; 1 failed, nothing changed; 2 usage error; 3 done, some rows rejected; 130 stopped."""
)

# The groups of commands in `cmdb --help`.
FILES, PLANS, SYNCS, RUNS = "Import and export", "Plans", "Syncs", "Runs"
RECORDS, SERVE, SETUP = "Records", "Serve", "Set-up"

_PANELS = (FILES, PLANS, SYNCS, RUNS, RECORDS, SERVE, SETUP)


class _Commands(TyperGroup):
    """The commands in the order of their groups; a flag is shown as a flag, not as something that takes a `<bool>`."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of the commands, group by group."""
        return sorted(
            super().list_commands(ctx), key=lambda name: _PANELS.index(vars(self.commands[name])["rich_help_panel"])
        )

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command."""
        command = super().get_command(ctx, cmd_name)
        return command and _with_flags(command, ctx)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the options of `cmdb` itself."""
        return _flags(super().get_params(ctx))


def _with_flags(command: Command, ctx: Context) -> Command:
    _flags(command.get_params(ctx))
    return command


def _flags(parameters: list[Parameter]) -> list[Parameter]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters


app = typer.Typer(
    cls=_Commands,
    help="Bulk import and export for a network CMDB.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(db, name="db", rich_help_panel=SETUP)
app.add_typer(key, name="key", rich_help_panel=SETUP)
app.add_typer(audit, name="audit", rich_help_panel=SETUP)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV, JSON, NDJSON, YAML, Excel, Parquet, Terraform; also .gz or .zip. - reads standard input.",
    ),
]
Type = Annotated[str | None, typer.Option("--type", "-t", help="Resource type. Default: detected from the file.")]
Mapped = Annotated[
    list[str] | None,
    typer.Option(
        "--map", "-m", metavar="COLUMN=FIELD", help="Map a column to a field; nothing after = skips it. Repeatable."
    ),
]
Constant = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="FIELD=VALUE", help="Value for empty cells; VALUE! for all rows. Repeatable."),
]
Saved = Annotated[str | None, typer.Option("--mapping", metavar="NAME", help="Use a saved mapping.")]
Save = Annotated[str | None, typer.Option("--save-mapping", metavar="NAME", help="Save the mapping under a name.")]
ModeOption = Annotated[
    Mode, typer.Option("--mode", help="Create, update, both (upsert), or sync: also retire or delete, see --missing.")
]
UnknownOption = Annotated[Unknown, typer.Option("--unknown", help="How to treat columns that match no field.")]
EmptyOption = Annotated[Empty, typer.Option("--empty", help="Whether an empty cell clears the stored value.")]
StaleOption = Annotated[
    Stale, typer.Option("--stale", help="Refuse or overwrite records that changed since the export.")
]
OnErrorOption = Annotated[OnError, typer.Option("--on-error", help="Skip rejected rows, or load nothing.")]
MaxErrors = Annotated[
    str | None, typer.Option("--max-errors", metavar="N|P%", help="Abort if more rows than this are rejected.")
]
WithoutRule = Annotated[
    list[str] | None,
    typer.Option("--without-rule", metavar="NAME", help="Skip a rule of your own (`cmdb rules`). Repeatable."),
]
CreateMissing = Annotated[
    list[str] | None,
    typer.Option(
        "--create-missing", metavar="TYPE", help="Create missing records of this type that rows refer to. Repeatable."
    ),
]
Format = Annotated[str | None, typer.Option("--format", help="csv, json, ndjson, yaml, excel, parquet or terraform.")]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Encoding, such as utf-8 or cp1252. Default: detected.")
]
Delimiter = Annotated[str | None, typer.Option("--delimiter", help="Field separator. Default: detected.")]
HeaderRow = Annotated[
    int | None, typer.Option("--header-row", min=1, help="Row with the column names. Default: detected.")
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first row is a record; columns are called column 1, column 2 …")
]
Columns = Annotated[
    str | None, typer.Option("--columns", metavar="A,B", help="Column names of a file without a header.")
]
Sheet = Annotated[
    list[str] | None,
    typer.Option(
        "--sheet",
        metavar="NAME[=TYPE]",
        help="Sheet to read; or NAME=TYPE for each sheet, NAME= to skip one. Repeatable.",
    ),
]
Records = Annotated[str | None, typer.Option("--records", help="Member of a JSON document that holds the records.")]
Null = Annotated[
    list[str] | None,
    typer.Option("--null", metavar="WORD", help="Word that means an empty cell, also in text fields. Repeatable."),
]
DecimalComma = Annotated[
    bool, typer.Option("--decimal-comma", help="Read 1.000,5 as 1000.5: the comma is the decimal sign.")
]
Thousands = Annotated[
    str | None, typer.Option("--thousands", metavar="CHAR", help="Thousands separator: . , ' or a space.")
]
MissingOption = Annotated[
    Missing, typer.Option("--missing", help="What sync does with records missing from the source.")
]
MaxDelete = Annotated[
    str, typer.Option("--max-delete", metavar="N|P%", help="Hold a sync that would retire or delete more records.")
]
MaxUpdate = Annotated[
    str | None, typer.Option("--max-update", metavar="N|P%", help="Hold a sync that would update more records.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def _version(asked: bool) -> None:
    if asked:
        print_plain(f"cmdb {metadata.version('cmdb')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)]


@app.callback()
def cmdb(version: Version = False) -> None:
    """Bulk import and export for a network CMDB."""
    del version  # its callback has done all there is to do


@app.command(
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
        job = _checked(
            ImportJob,
            path=path,
            name=name,
            resource_type=type,
            mode=mode,
            columns=_pairs(map, "--map"),
            constants=_pairs(set, "--set"),
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
            read=_read(
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
        _carry_out(job, json)


@app.command(epilog="Example: cmdb preview vpcs.xlsx --sheet VPCs\n\n" + EXIT_CODES, rich_help_panel=FILES)
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


TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="Such as vpc or transit-gateway: `cmdb types`.")]


@app.command(
    epilog="Example: cmdb export --all -o cmdb.xlsx\n\n"
    'cmdb export vpc -o vpcs.xlsx --where "region eq us-east-1 and tags.Owner in (network, core)"\n\n'
    'cmdb export prefix -o prefixes.csv.gz --where "prefix within 10.0.0.0/8" --since 7d --sort vrf,prefix\n\n'
    "cmdb export subnet -o before.xlsx --as-of 2026-11-24T08:30Z\n\n" + EXIT_CODES,
    rich_help_panel=FILES,
)
def export(
    type: Annotated[
        str | None,
        typer.Argument(metavar="TYPE,…", help="Such as vpc, or several as in vpc,subnet: `cmdb types`."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=".csv, .json, .ndjson (each also .gz), .xlsx or .parquet; - for standard output, as CSV unless "
            "--format says otherwise.",
        ),
    ] = Path("-"),
    format: Annotated[str | None, typer.Option("--format", help="File format. Default: by the name of FILE.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", "-w", metavar="FILTER", help="Which records: FIELD OPERATOR VALUE, and, or, ( ). Repeatable."
        ),
    ] = None,
    fields: Annotated[str | None, typer.Option("--fields", "-f", metavar="A,B", help="Which fields, in order.")] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="A,-B", help="Sort by fields; - reverses.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Changed since 2026-11-24, or 7d, 12h, 30m ago.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Last changed until then.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="Records as they were then: 2026-11-24T08:30Z, or 7d.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many records.")] = None,
    titles: Annotated[
        bool | None, typer.Option("--titles/--names", help="Column headers: titles (Excel) or field names (the rest).")
    ] = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", metavar="NAME", help="Name the columns as a saved mapping does.")
    ] = None,
    metadata: Annotated[
        bool, typer.Option("--metadata", "--include-metadata", help="Add who exported what, and when.")
    ] = False,
    lineage: Annotated[
        bool, typer.Option("--lineage", help="Add when and by which run each record was created and changed.")
    ] = False,
    retired: Annotated[bool, typer.Option("--retired", help="Include retired records.")] = False,
    delimiter: Annotated[str, typer.Option("--delimiter", help="Field separator of a CSV file.")] = ",",
    bom: Annotated[bool, typer.Option("--bom", help="Start a CSV file with a byte order mark, for Excel.")] = False,
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Put an apostrophe before text that looks like a formula.")
    ] = True,
    all_types: Annotated[bool, typer.Option("--all", help="Export every type into one file.")] = False,
    json: Json = False,
) -> None:
    """Export records to a file that can be imported again.

    The file is written completely or not at all. Several types go into one workbook or JSON document, as one snapshot.
    """
    types = comma_separated(type)
    if all_types is bool(types):
        raise UsageError("Name the TYPE to export, several as in vpc,subnet, or --all of them; not both.")
    if json and is_standard(output):
        raise UsageError("--json prints to standard output, where the records go: leave it out, or name a file.")
    if is_standard(output):
        format = format or ("csv" if len(types) == 1 else "json")
    with wanted_file(output, settings()) as path:
        job = _checked(
            ExportJob,
            resource_type=types[0] if len(types) == 1 else None,
            resource_types=types if len(types) > 1 else (),
            all_types=all_types,
            path=path,
            format=format,
            where=both([parse(text) for text in where or ()]),
            fields=comma_separated(fields),
            sort=comma_separated(sort),
            since=since,
            until=until,
            as_of=as_of,
            limit=limit,
            titles=titles,
            mapping=mapping,
            metadata=metadata,
            lineage=lineage,
            retired=retired,
            write=_checked(WriteOptions, delimiter=_sign(delimiter) or ",", bom=bom, guard=guard),
        )
        with Watch(err, quiet=json) as watch:
            exported = carry_out_export(job, settings(), watch.progress, watch.say)
    exported = replace(exported, path=output)
    print_json(render.exported_json(exported)) if json else render.show_exported(_beside(output), exported)


@app.command(epilog="Example: cmdb template subnet --format xlsx -o subnets.xlsx", rich_help_panel=FILES)
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


@app.command(epilog="Example: cmdb types tgw", rich_help_panel=RECORDS)
def types(
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Show the fields of this type.")] = None,
    json: Json = False,
) -> None:
    """List the resource types, or the fields of one."""
    if type is None:
        rows = [{"type": r.type, "title": r.title, "key": list(r.key)} for r in RESOURCES.values()]
        print_json(rows) if json else out.print(render.types_table(RESOURCES.values()))
        return
    chosen = resource(type)
    print_json(render.fields_json(chosen)) if json else out.print(render.fields_table(chosen))


@app.command(epilog="Example: CMDB_RULES=rules.py cmdb rules vpc", rich_help_panel=RECORDS)
def rules(
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Only those of this type.")] = None,
    json: Json = False,
) -> None:
    """List the built-in rules and your own.

    `cmdb types TYPE` shows what each field accepts.
    """
    chosen = resource(type).type if type else None
    found = listed(load_rules(settings().rules), chosen)
    print_json([asdict(each) for each in found]) if json else out.print(render.rules_listed(found))


@app.command(epilog="Example: cmdb runs --type vpc --limit 5", rich_help_panel=RUNS)
def runs(
    type: Type = None,  # the option's name
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List the newest runs."""
    with reading() as connection:
        reports = ledger.list_runs(connection, limit=limit, resource_type=resource(type).type if type else None)
    if json:
        print_json([render.report_json(report) for report in reports])
    else:
        out.print(render.runs_table(reports) if reports else "No run yet: cmdb import FILE")


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, its beginning, or 'last'.")]


@app.command(epilog="Example: cmdb show last --issues 100", rich_help_panel=RUNS)
def show(
    run: RunArgument,
    issues: Annotated[int, typer.Option("--issues", min=0, help="How many issues to show.")] = 10,
    json: Json = False,
) -> None:
    """Show the report of a run."""
    with reading() as connection:
        report = ledger.read_report(connection, ledger.find_run(connection, run), samples=issues)
    print_json(render.report_json(report)) if json else render.show_report(out, report)


@app.command(epilog="Example: cmdb rejects last -o rejects.xlsx", rich_help_panel=RUNS)
def rejects(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .csv or .xlsx file.")],
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Put an apostrophe before text that looks like a formula.")
    ] = True,
) -> None:
    """Write the rejected rows of a run to a file, to fix and import them.

    A workbook keeps the original columns, marks each wrong cell and explains it in a comment.
    """
    from tasks.steps.rejects import write_rejects

    with reading() as connection:
        count = write_rejects(connection, ledger.find_run(connection, run), output, guard=guard)
    err.print(f"{count:,} rejected rows → {output}", markup=False)


@app.command(epilog="Example: CMDB_API_PORT=9000 cmdb up\n\n" + EXIT_CODES, rich_help_panel=SERVE)
def up() -> None:
    """Start PostgreSQL, the Prefect server, a worker and the API on this machine.

    Ctrl-C stops them; running imports are rolled back.
    """
    from deployments.up import up as start  # Prefect takes a second to import

    start(settings(), lambda words: err.print(words, markup=False))


@app.command(
    epilog="Example: CMDB_DATABASE_URL=… PREFECT_API_URL=http://prefect:4200/api cmdb api\n\n" + EXIT_CODES,
    rich_help_panel=SERVE,
)
def api() -> None:
    """Serve the API and the page; a Prefect server and a worker must be running."""
    hand_over_to_prefect(settings(), START_PATIENCE)
    from api.rest.serve import serve  # Prefect takes a second to import, and reads its settings as it does

    serve(settings())


@app.command(
    epilog="Example: CMDB_DATABASE_URL=… PREFECT_API_URL=http://prefect:4200/api cmdb worker\n\n" + EXIT_CODES,
    rich_help_panel=SERVE,
)
def worker(
    name: Annotated[str | None, typer.Option("--name", help="What Prefect's page calls it.")] = None,
) -> None:
    """Register the deployments and execute their runs, at most CMDB_MAX_RUNS at once."""
    hand_over_to_prefect(settings(), START_PATIENCE)
    from deployments.worker import work  # Prefect takes a second to import, and reads its settings as it does

    work(settings(), lambda words: err.print(words, markup=False), name)


@app.command(epilog="Example: cmdb undo last --dry-run\n\n" + EXIT_CODES, rich_help_panel=RUNS)
def undo(
    run: RunArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be undone; change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also undo records that were edited since or are referred to.")
    ] = False,
    json: Json = False,
) -> None:
    """Undo a run: delete the records it created, and restore those it updated or deleted.

    Records that were edited since, or that others refer to, are left alone and listed.

    An undo is a run as any other, and can be undone.
    """
    with reading() as connection:
        found = ledger.find_run(connection, run)
    job = UndoJob(run=found, force=force, dry_run=dry_run)
    with Watch(err, quiet=json) as watch:
        report = carry_out_undo(job, settings(), watch.progress, watch.say)
    print_json(render.report_json(report)) if json else render.show_report(out, report)
    raise _Ended(_exit_code(report))


app.command(
    "list",
    epilog="Example: cmdb list vpc --where region=eu-central-1 --fields vpc_id,cidr_block",
    rich_help_panel=RECORDS,
)(list_)
app.command("get", epilog="Example: cmdb get vpc vpc-0a1b2c3d4e5f60718 -o yaml", rich_help_panel=RECORDS)(get)


@app.command(epilog="Example: cmdb history vpc vpc-0a1b2c3d4e5f60718", rich_help_panel=RECORDS)
def history(
    type: TypeArgument,  # the argument's name
    key: Annotated[str, typer.Argument(metavar="KEY", help="The natural key of the record.")],
    json: Json = False,
) -> None:
    """Show the history of a record: when it changed, by which run and file, before and after."""
    found = known_record(resource(type), key)
    print_json(found) if json else out.print(render.history_table(found["history"]))


@db.command("upgrade", epilog="Example: CMDB_DATABASE_URL=postgresql://… cmdb db upgrade")
def db_upgrade() -> None:
    """Migrate the database to this version; the first run does this, too."""
    with address(settings()) as url:
        changed = upgrade(engine(url))
    out.print("The database was upgraded." if changed else "The database is up to date.")


@app.command(
    epilog="Example: cmdb plan vpcs.csv -o plan.json && cmdb apply plan.json\n\n" + EXIT_CODES, rich_help_panel=PLANS
)
def plan(
    file: File,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PLAN", help="The file of the plan.")],
    type: Type = None,  # the option's name
    mode: ModeOption = Mode.UPSERT,
    map: Mapped = None,  # the option's name
    set: Constant = None,  # the option's name
    mapping: Saved = None,
    on_error: OnErrorOption = OnError.CONTINUE,
    max_errors: MaxErrors = None,
    empty: EmptyOption = Empty.CLEAR,
    stale: StaleOption = Stale.REFUSE,
    missing: MissingOption = Missing.RETIRE,
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
    """Freeze what an import would do; `cmdb apply PLAN` does exactly that later.

    Rows are validated and staged now. Applying reads no file, and detects records that changed in the meantime.
    """
    with given_file(file, settings()) as (path, name):
        job = _checked(
            ImportJob,
            path=path,
            name=name,
            resource_type=type,
            mode=mode,
            columns=_pairs(map, "--map"),
            constants=_pairs(set, "--set"),
            mapping=mapping,
            on_error=on_error,
            max_errors=max_errors,
            empty=empty,
            stale=stale,
            missing=missing,
            create_missing=create_missing or (),
            dry_run=True,
            keep_plan=True,
            read=_read(
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
        report = _report(job, json)
    with aside(output) as hidden:
        hidden.write_bytes(orjson.dumps(render.plan_json(report), option=orjson.OPT_INDENT_2, default=str))
    print_json(render.plan_json(report)) if json else render.show_report(out, report)
    if report.plan and report.plan.until:
        err.print(f"{output} holds the plan, which is kept until {report.plan.until:%Y-%m-%d %H:%M %Z}.", markup=False)
    raise _Ended(_exit_code(report))


MovedOption = Annotated[
    Moved, typer.Option("--moved", help="What to do with records that changed since the plan was made.")
]


@app.command(epilog="Example: cmdb apply plan.json --moved skip\n\n" + EXIT_CODES, rich_help_panel=PLANS)
def apply(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The file of a plan, or the id of the run that made it.")],
    moved: MovedOption = Moved.REFUSE,
    json: Json = False,
) -> None:
    """Apply a frozen plan exactly, unless records have changed since (--moved)."""
    known = _plan_file(Path(plan)) if Path(plan).is_file() else {"plan": _run_id(plan)}
    _carry_out(_checked(ApplyJob, **known, moved=moved), json)


@app.command(epilog="Example: cmdb approve 3f2a9c1e\n\n" + EXIT_CODES, rich_help_panel=SYNCS)
def approve(run: RunArgument, moved: MovedOption = Moved.REFUSE, json: Json = False) -> None:
    """Approve a sync that a guard holds: its plan is applied exactly."""
    _carry_out(_checked(ApplyJob, plan=_run_id(run), moved=moved), json)


@app.command(
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
    job = _known_sync(source) or _checked(
        SyncJob,
        # The next run may be in another folder.
        url=str(Path(source).resolve()) if Path(source).exists() else source,
        name=name,
        types=tuple(type or ()),
        columns=_pairs(map, "--map"),
        constants=_pairs(set, "--set"),
        mapping=mapping,
        missing=missing,
        max_delete=max_delete,
        max_update=max_update,
        max_errors=max_errors,
        on_error=on_error,
        empty=empty,
        create_missing=create_missing or (),
        read=_read(
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
    _carry_out(job.model_copy(update={"always": always or job.always, "dry_run": dry_run}), json)


@app.command(epilog="Example: cmdb syncs", rich_help_panel=SYNCS)
def syncs(json: Json = False) -> None:
    """List syncs with their last run, last change and next run."""
    scheduled = _scheduled()
    with reading() as connection:
        rows = render.syncs_json(ledger.list_syncs(connection), scheduled, definitions(connection))
    print_json(rows) if json else out.print(render.syncs_table(rows) if rows else "No sync yet: cmdb sync URL")


@app.command(epilog="Example: cmdb diff 3f2a9c1e 81d0b7aa", rich_help_panel=RUNS)
def diff(
    before: Annotated[str, typer.Argument(metavar="RUN", help="The earlier run of a sync.")],
    after: Annotated[str, typer.Argument(metavar="RUN", help="The later one.")],
    json: Json = False,
) -> None:
    """Compare two runs of a sync: what each read, and what changed in between."""
    with reading() as connection:
        runs = [ledger.find_run(connection, each) for each in (before, after)]
        found = difference(connection, *runs)
    print_json(render.difference_json(found)) if json else render.show_difference(out, found)


@app.command(
    epilog="Example: cmdb free 10.0.0.0/8 --size 24 --vrf 65000:1\n\nExample: cmdb free --vpc vpc-0a1b2c3d --size 26",
    rich_help_panel=RECORDS,
)
def free(
    block: Annotated[
        str | None, typer.Argument(metavar="[BLOCK]", help="Block to search. Default: the blocks of the VPC.")
    ] = None,
    size: Annotated[int, typer.Option("--size", min=0, max=128, help="The prefix length of the blocks.")] = 24,
    vrf: Annotated[str | None, typer.Option("--vrf", help="VRF. Default: the global table.")] = None,
    vpc: Annotated[str | None, typer.Option("--vpc", help="Search among the subnets of this VPC.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MOST, help="How many.")] = 10,
    json: Json = False,
) -> None:
    """List free blocks of a size among the prefixes of a VRF or the subnets of a VPC, lowest first."""
    with reading() as connection:
        found = find_free(connection, Search(size, block, vrf, vpc, limit))
    if json:
        # A count of IPv6 may have more digits than orjson writes.
        print_plain(dumps(asdict(found), indent=2))
        return
    for each in found.blocks:
        out.print(each, markup=False)
    err.print(f"{found.total:,} free blocks of /{size} in {', '.join(found.within)}", markup=False)


@app.command("settings", rich_help_panel=SETUP)
def settings_(json: Json = False) -> None:
    """Show all settings with their values (secrets masked) and origins."""
    if json:
        print_json({name: {"value": _plain(value), "source": source} for name, value, source in settings().shown()})
        return
    out.print(render.settings_table(settings()))


# How a command is carried out -----------------------------------------------------------------------------------------


# What the command line itself gets wrong; Typer gives the group no public name.
_Misused: Any = typer.BadParameter.__base__


class _Ended(SystemExit):
    """The end of a command that carried something out: its exit code says what was done, printed or not."""


def main() -> None:
    """Run the command line; every error of ours becomes a sentence and an exit code."""
    # What a service manager sends is as good as Ctrl-C: files and tables of the run are taken away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_private()
    with steady_streams() as output:
        try:
            _run()
        except _Ended:
            raise
        except SystemExit as end:
            output.flush()
            if output.failure and not end.code:
                err.print(f"[bold red]Error:[/bold red] The output could not be written: {output.failure}.")
                sys.exit(FAILED)
            raise


def _run() -> None:
    # Programs that ask for JSON get their errors so, too: also those of the command line itself.
    json = "--json" in sys.argv[1:]
    try:
        sys.exit(app(standalone_mode=not json) or DONE)
    except CmdbError as error:
        if json:
            print_json({"error": {"code": error.code, "message": str(error)}})
        else:
            err.print(f"[bold red]Error:[/bold red] {escape(str(error))}", soft_wrap=True)
        if isinstance(error, MappingError) and error.mapping and error.mapping.matches and not json:
            err.print(render.mapping_table(error.mapping))
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)
    except _Misused as error:
        print_json({"error": {"code": UsageError.code, "message": error.format_message()}})
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


def _carry_out(job: ImportJob | SyncJob | ApplyJob, json: bool) -> None:
    report = _report(job, json)
    if json:
        print_json(render.report_json(report))
    else:
        render.show_report(out, report)
    raise _Ended(_exit_code(report))


def _report(job: ImportJob | SyncJob | ApplyJob, json: bool) -> Report:
    """Carry a job out while the terminal shows how far it is."""
    if isinstance(job, ImportJob) and not job.path.exists():
        raise SourceError(f"{job.path} does not exist: name a file.")
    with Watch(err, quiet=json) as watch:
        return carry_out(job, settings(), watch.progress, watch.say)


def _beside(output: Path) -> Console:
    """Where to print what was done: not between the records on standard output."""
    return err if is_standard(output) else out


def _exit_code(report: Report) -> int:
    if report.status is not Status.COMPLETED:
        return FAILED
    return REJECTS if report.counts.rejected else DONE


def _plan_file(path: Path) -> dict[str, Any]:
    """Read the plan's run and hash from the file that `cmdb plan` wrote."""
    try:
        found = orjson.loads(path.read_bytes())
        return {"plan": found["planId"], "hash": found["hash"]}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no plan: `cmdb plan FILE -o {path.name}` writes one.") from error


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


def _run_id(reference: str) -> UUID:
    with reading() as connection:
        return ledger.find_run(connection, reference)


Asked = TypeVar("Asked", ImportJob, SyncJob, ApplyJob, ExportJob, ReadOptions, WriteOptions)


def _checked(kind: type[Asked], **parameters: Any) -> Asked:
    try:
        return kind(**parameters)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][-1]).replace("_", "-") if first["loc"] else "the options"
        raise UsageError(f"{option}: {first['msg'].removeprefix('Value error, ')}.") from None


def _sign(delimiter: str | None) -> str | None:
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    sign = named.get(delimiter, delimiter) if delimiter else None
    if sign is not None and len(sign) != 1:
        raise UsageError(f"--delimiter takes one character, or tab, comma, semicolon or pipe; not '{delimiter}'.")
    return sign


def _pairs(values: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for text in values or ():
        # A column's name may hold "=": the field after it never does, and a constant's name before it never does.
        before, sign, after = text.rpartition("=") if option == "--map" else text.partition("=")
        if not sign or not before:
            raise UsageError(f"{option} {text}: write it as {'COLUMN=FIELD' if option == '--map' else 'FIELD=VALUE'}.")
        pairs[before] = after
    return pairs


def _read(
    sheets: list[str] | None, delimiter: str | None, columns: str | None, null: list[str] | None, **given: Any
) -> ReadOptions:
    """How a source is read, from the options of a command; `given` are those that mean what they say."""
    spelt = {"delimiter": _sign(delimiter), "columns": comma_separated(columns), "null": null or ()}
    return _checked(ReadOptions, **spelt, **_sheets(sheets), **given)


def _sheets(values: list[str] | None) -> dict[str, Any]:
    """Which sheet to read, or what is known of several."""
    alone = [text for text in values or () if "=" not in text]
    if len(alone) > 1 or (alone and len(values or ()) > 1):
        raise UsageError(f"--sheet {alone[0]}: write NAME=TYPE for each of several sheets, or name the one to read.")
    pairs = [text.rpartition("=") for text in values or () if "=" in text]
    known = {name: SheetOptions(type=resource(type).type if type else None, skip=not type) for name, _, type in pairs}
    return {"sheet": alone[0] if alone else None, "sheets": known}


def _plain(value: object) -> object:
    return value if isinstance(value, int | type(None)) else str(value)


if __name__ == "__main__":
    main()

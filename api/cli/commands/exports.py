"""The command `cmdb export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.cli.groups import EXIT_CODES, FILES
from api.cli.jobs import checked, separator
from api.cli.options import Json
from api.cli.piped import is_standard, wanted_file
from api.cli.render.exports import show_exported
from api.cli.terminal import comma_separated, err, out, print_json
from api.cli.watch import Watch
from api.json_output import exported_json
from flows.launch import carry_out
from schemas.errors import UsageError
from schemas.filters import both, parse
from schemas.jobs import ExportJob, WriteOptions
from schemas.settings import settings

commands = typer.Typer()


@commands.command(
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
        job = checked(
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
            write=checked(WriteOptions, delimiter=separator(delimiter) or ",", bom=bom, guard=guard),
        )
        with Watch(err, quiet=json) as watch:
            exported = carry_out(job, settings(), watch.progress, watch.say)
    exported = replace(exported, path=output)
    print_json(exported_json(exported)) if json else show_exported(_beside(output), exported)


def _beside(output: Path) -> Console:
    """Where to print what was done: not between the records on standard output."""
    return err if is_standard(output) else out

"""The commands `cmdb list`, `get`, `history` and `free`: records in the database."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from api.cli.backends.choice import backend
from api.cli.commands.panels import RECORDS
from api.cli.completion import complete_type
from api.cli.jobs import job_from, takes
from api.cli.options import Json, TypeArgument
from api.cli.piped import wanted_file
from api.cli.render.records import history_table, record_table, records_table
from api.cli.terminal import err, out, print_json, print_plain
from api.cli.watch import Watch
from schemas.errors import UsageError
from schemas.jobs import ExportJob
from schemas.model.resource import Resource
from schemas.resources import resource
from schemas.settings import settings
from tasks.atomic_write import atomic_path
from tasks.store.read import record_pages
from tasks.store.read.free_blocks import MOST, Search
from tasks.store.read.query import field_name

commands = typer.Typer()


_FIRST = 50


class Output(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    YAML = "yaml"


RecordType = Annotated[
    str, typer.Argument(metavar="TYPE", help="Such as vpc: `cmdb types`.", autocompletion=complete_type)
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]


@commands.command(
    "list",
    epilog="Example: cmdb list vpc --where region=eu-central-1 --fields vpc_id,cidr_block",
    rich_help_panel=RECORDS,
)
@takes(ExportJob, "list")
def list_(
    type: RecordType,  # the argument's name
    output: OutputOption = Output.TABLE,
    **given: Any,
) -> None:
    """List the records of a type.

    A table has the first 50 records by default. What is printed as CSV, JSON or NDJSON can be imported again, as an
    export can.
    """
    chosen = resource(type)
    given["format"] = None if output is Output.TABLE else Output.JSON if output is Output.YAML else output
    job = job_from(ExportJob, given, resource_type=chosen.type, path=Path("-"))
    names = tuple(field_name(chosen, name) for name in job.fields)
    if output is not Output.TABLE:
        _print_export(job, as_yaml=output is Output.YAML)
        return
    wanted = record_pages.Wanted(chosen, job.where, sort=job.sort, limit=job.limit or _FIRST, retired=job.retired)
    total, records = backend().records(wanted)
    if records:
        out.print(records_table(chosen, records, names))
    shown = f"{total:,}" if len(records) == total else f"{len(records):,} of {total:,}"
    more = "" if len(records) == total else "; --limit shows more"
    err.print(f"{shown} {chosen.title} records{more}", style="dim", markup=False)


@commands.command(epilog="Example: cmdb get vpc vpc-0a1b2c3d4e5f60718 -o yaml", rich_help_panel=RECORDS)
def get(
    type: RecordType,  # the argument's name
    key: Annotated[str, typer.Argument(metavar="KEY", help="The natural key of the record.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one record with all of its fields."""
    chosen = resource(type)
    found = known_record(chosen, key)
    record = {name: value for name, value in found["record"].items() if name != "key"}
    match output:
        case Output.TABLE:
            out.print(record_table(chosen, found))
        case Output.JSON:
            print_json(record)
        case Output.NDJSON:
            print_plain(orjson.dumps(record).decode())
        case Output.YAML:
            print_plain(_yaml(record).rstrip("\n"))
        case Output.CSV:
            raise UsageError(f"One record is not printed as CSV: use `cmdb list {chosen.type} --where … -o csv`.")


def known_record(chosen: Resource, key: str) -> dict[str, Any]:
    """Return a record with its history; raises UsageError where there is none of that key."""
    found = backend().record(chosen, key)
    if found is None:
        raise UsageError(f"There is no {chosen.title} '{key}': `cmdb list {chosen.type}` shows those that there are.")
    return found


def _print_export(job: ExportJob, *, as_yaml: bool) -> None:
    """Print what an export would write."""
    with wanted_file(job.path, settings()) as path:
        with Watch(err, quiet=True) as watch:
            backend().run(job.model_copy(update={"path": path}), watch)
        if as_yaml:
            with atomic_path(path) as hidden:
                hidden.write_text(_yaml(orjson.loads(path.read_bytes())), encoding="utf-8")


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


@commands.command(epilog="Example: cmdb history vpc vpc-0a1b2c3d4e5f60718", rich_help_panel=RECORDS)
def history(
    type: TypeArgument,  # the argument's name
    key: Annotated[str, typer.Argument(metavar="KEY", help="The natural key of the record.")],
    json: Json = False,
) -> None:
    """Show the history of a record: when it changed, by which run and file, before and after."""
    found = known_record(resource(type), key)
    print_json(found) if json else out.print(history_table(found["history"]))


@commands.command(
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
    found = backend().free_blocks(Search(size, block, vrf, vpc, limit))
    if json:
        # A count of IPv6 may have more digits than orjson writes.
        print_plain(dumps(asdict(found), indent=2))
        return
    for each in found.blocks:
        out.print(each, markup=False)
    err.print(f"{found.total:,} free blocks of /{size} in {', '.join(found.within)}", markup=False)

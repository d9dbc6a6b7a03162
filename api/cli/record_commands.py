"""The commands `cmdb list` and `cmdb get`: records as people look at them, and as programs read them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from api.cli import render
from api.cli.piped import wanted_file
from api.cli.terminal import comma_separated, err, out, print_json, print_plain, reading
from flows.launch import carry_out_export
from schemas.errors import UsageError
from schemas.filters import both, parse
from schemas.jobs import ExportJob
from schemas.model.resource import Resource
from schemas.reports import silent
from schemas.resources import resource
from schemas.settings import settings
from tasks.atomic_write import aside
from tasks.store.read import record_pages
from tasks.store.read.query import field_name

_FIRST = 50


class Output(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    YAML = "yaml"


Type = Annotated[str, typer.Argument(metavar="TYPE", help="Such as vpc: `cmdb types`.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]


def list_(
    type: Type,  # the argument's name
    where: Annotated[
        list[str] | None,
        typer.Option("--where", "-w", metavar="FILTER", help="FIELD OPERATOR VALUE, and, or, ( ). Repeatable."),
    ] = None,
    fields: Annotated[str | None, typer.Option("--fields", "-f", metavar="A,B", help="Which fields, in order.")] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="A,-B", help="Sort by fields; - reverses.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help=f"At most so many; a table has {_FIRST} unless given.")
    ] = None,
    retired: Annotated[bool, typer.Option("--retired", help="Include retired records.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the records of a type.

    What is printed as CSV, JSON or NDJSON can be imported again, as an export can.
    """
    chosen = resource(type)
    filtered = both([parse(text) for text in where or ()])
    names = tuple(field_name(chosen, name) for name in comma_separated(fields))
    if output is not Output.TABLE:
        job = ExportJob(
            resource_type=chosen.type,
            path=Path("-"),
            format=Output.JSON if output is Output.YAML else output,
            where=filtered,
            fields=names,
            sort=comma_separated(sort),
            limit=limit,
            retired=retired,
        )
        _print_export(job, as_yaml=output is Output.YAML)
        return
    wanted = record_pages.Wanted(chosen, filtered, sort=comma_separated(sort), limit=limit or _FIRST, retired=retired)
    with reading() as connection:
        total, records = record_pages.page(connection, wanted)
    if records:
        out.print(render.records_table(chosen, records, names))
    shown = f"{total:,}" if len(records) == total else f"{len(records):,} of {total:,}"
    more = "" if len(records) == total else "; --limit shows more"
    err.print(f"{shown} {chosen.title} records{more}", style="dim", markup=False)


def get(
    type: Type,  # the argument's name
    key: Annotated[str, typer.Argument(metavar="KEY", help="The natural key of the record.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one record with all of its fields."""
    chosen = resource(type)
    found = known_record(chosen, key)
    record = {name: value for name, value in found["record"].items() if name != "key"}
    match output:
        case Output.TABLE:
            out.print(render.record_table(chosen, found))
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
    with reading() as connection:
        found = record_pages.record(connection, chosen, key)
    if found is None:
        raise UsageError(f"There is no {chosen.title} '{key}': `cmdb list {chosen.type}` shows those that there are.")
    return found


def _print_export(job: ExportJob, *, as_yaml: bool) -> None:
    """Print what an export would write."""
    with wanted_file(job.path, settings()) as path:
        carry_out_export(job.model_copy(update={"path": path}), settings(), silent, lambda _: None)
        if as_yaml:
            with aside(path) as hidden:
                hidden.write_text(_yaml(orjson.loads(path.read_bytes())), encoding="utf-8")


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))

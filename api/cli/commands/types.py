"""The commands `cmdb types` and `cmdb rules`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.cli.backends.choice import backend
from api.cli.commands.panels import RECORDS
from api.cli.completion import complete_type
from api.cli.options import Json
from api.cli.render.types import fields_table, rules_listed, types_table
from api.cli.terminal import out, print_json
from api.json_output import fields_json
from schemas.resources import RESOURCES, resource

commands = typer.Typer()


@commands.command(epilog="Example: cmdb types tgw", rich_help_panel=RECORDS)
def types(
    type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="Show the fields of this type.", autocompletion=complete_type)
    ] = None,
    json: Json = False,
) -> None:
    """List the resource types, or the fields of one."""
    if type is None:
        rows = [{"type": r.type, "title": r.title, "key": list(r.key)} for r in RESOURCES.values()]
        print_json(rows) if json else out.print(types_table(RESOURCES.values()))
        return
    chosen = resource(type)
    print_json(fields_json(chosen)) if json else out.print(fields_table(chosen))


@commands.command(epilog="Example: CMDB_RULES=rules.py cmdb rules vpc", rich_help_panel=RECORDS)
def rules(
    type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="Only those of this type.", autocompletion=complete_type)
    ] = None,
    json: Json = False,
) -> None:
    """List the built-in rules and your own.

    `cmdb types TYPE` shows what each field accepts.
    """
    chosen = resource(type).type if type else None
    found = backend().rules(chosen)
    print_json([asdict(each) for each in found]) if json else out.print(rules_listed(found))

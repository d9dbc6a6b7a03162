"""Records on a terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from api.cli.local_time import shown_time
from api.cli.render.tables import new_table, shown
from schemas.model.resource import Resource


def records_table(resource: Resource, records: list[dict[str, Any]], names: tuple[str, ...]) -> Table:
    """Records, one a line: these fields, or those that any of them fills, the key first."""
    filled = [name for name in resource.fields if any(record[name] is not None for record in records)]
    columns = names or tuple(dict.fromkeys([*(name for name in resource.key if name in filled), *filled]))
    table = new_table(*columns)
    for record in records:
        table.add_row(*(escape(shown(record[name])) for name in columns))
    return table


def record_table(resource: Resource, found: dict[str, Any]) -> Table:
    """One record, a field a line, and when and by which run it was made and changed."""
    table = new_table("field", "value")
    for name, spec in resource.fields.items():
        if (value := found["record"][name]) is not None:
            table.add_row(escape(spec.title), escape(shown(value)))
    ends = {each["run_id"]: each for each in (*found["history"][-1:], *found["history"][:1])}
    for run, each in ends.items():
        table.add_row(each["action"], f"{shown_time(each['at'], seconds=True)} by run {run[:8]}", style="dim")
    return table


def history_table(history: list[dict[str, Any]]) -> Table:
    """What happened to a record, the newest first."""
    table = new_table("when", "what", "run", "source", "who", "field", "before", "after")
    for event in history:
        head = [shown_time(event["at"], seconds=True), event["action"], event["run_id"][:8], escape(event["source"])]
        head.append(escape(event["requested_by"] or ""))
        changed = [(name, shown(each["before"]), shown(each["after"])) for name, each in event["fields"].items()]
        for number, (name, before, after) in enumerate(changed or [("", "", "")]):
            table.add_row(*(head if not number else [""] * 5), name, escape(before), escape(after))
    return table

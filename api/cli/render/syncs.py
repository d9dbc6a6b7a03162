"""Syncs, and the difference between two of their runs, on a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.render.plans import changes_table
from api.cli.render.tables import local_time, new_table
from tasks.store.read.run_diff import Difference


def syncs_table(rows: list[dict[str, Any]]) -> Table:
    """The syncs: when each ran last and will run next, and when it last changed anything."""
    table = new_table("sync", "source", "last run", "status", "next run", "schedule", "last change")
    for row in rows:
        schedule = ", ".join(row["schedules"]) + ("" if row["active"] or not row["schedules"] else " (off)")
        cells = (row["name"], row["url"], local_time(row["lastRun"]), row["status"] or "", local_time(row["nextRun"]))
        table.add_row(*(escape(str(cell)) for cell in (*cells, schedule, local_time(row["lastChange"]))))
    return table


def show_difference(console: Console, found: Difference) -> None:
    """Print what lies between two runs."""
    table = new_table("", "earlier", "later")
    for name in ("source", "version", "started"):
        values = (getattr(report, name) for report in (found.before, found.after))
        table.add_row(name, *(escape(str(value or "")) for value in values))
    for name in asdict(found.before.counts):
        values = (getattr(report.counts, name) for report in (found.before, found.after))
        table.add_row(name, *(f"{value:,}" for value in values))
    console.print(table)
    console.print(", ".join(f"{count:,} {what}" for what, count in found.counts.items()))
    if found.changes:
        console.print(changes_table(found.changes, sum(found.counts.values())))

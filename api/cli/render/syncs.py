"""Syncs, and the difference between two of their runs, on a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.local_time import shown_time
from api.cli.render.diff import found_diff
from api.cli.render.tables import new_table
from tasks.store.read.run_diff import Difference


def syncs_table(rows: list[dict[str, Any]]) -> Table:
    """The syncs: when each ran last and will run next, and when it last changed anything."""
    table = new_table("sync", "source", "last run", "status", "next run", "schedule", "last change")
    for row in rows:
        schedule = ", ".join(row["schedules"]) + ("" if row["active"] or not row["schedules"] else " (off)")
        cells = (row["name"], row["url"], shown_time(row["lastRun"]), row["status"] or "", shown_time(row["nextRun"]))
        table.add_row(*(escape(str(cell)) for cell in (*cells, schedule, shown_time(row["lastChange"]))))
    return table


def show_difference(console: Console, found: Difference) -> None:
    """Print what lies between two runs."""
    table = new_table("", "earlier", "later")
    both = (found.before, found.after)
    for name in ("source", "version"):
        table.add_row(name, *(escape(getattr(report, name) or "") for report in both))
    table.add_row("started", *(shown_time(report.started, seconds=True) for report in both))
    for name in asdict(found.before.counts):
        table.add_row(name, *(f"{getattr(report.counts, name):,}" for report in both))
    console.print(table)
    console.print()
    console.print(found_diff(found.changes, found.counts))

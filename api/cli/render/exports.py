"""Exports on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from api.cli.render.tables import counted, record_rate
from schemas.reports import (
    Exported,
)


def show_exported(console: Console, exported: Exported) -> None:
    """Print what an export wrote, and which stored values an import would reject today."""
    rate = record_rate(exported.records, exported.duration)
    console.print(
        Text.assemble(("completed", "bold green"), f"  {exported.what} → {exported.path}"),
        Text(f"{counted(exported.records, 'record')}, {exported.size:,} bytes, {exported.duration:.1f} s{rate}"),
        sep="\n",
    )
    if exported.resource_type is None:
        console.print(", ".join(f"{name} {count:,}" for name, count in exported.types.items()), markup=False)
    for notice in exported.notices:
        console.print(Text(notice, style="yellow"))
    for name, rule, count in exported.unfit:
        told = (
            f"{counted(count, 'stored value')} of {name} no longer fit its rules ({rule}): an import would reject them"
        )
        console.print(Text(told, style="yellow"))

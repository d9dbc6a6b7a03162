"""Mappings and samples on a terminal: what a run reads, and how."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from api.cli.render.tables import new_table, shown
from schemas.mapping import Mapping


def mapping_table(mapping: Mapping) -> Table:
    """Which column fills which field, and how surely."""
    table = new_table("column", "field", "confidence", "how", title="Mapping")
    for match in mapping.matches:
        table.add_row(escape(match.column), match.field, f"{match.confidence:.0%}", match.how)
    for join in mapping.joins:
        table.add_row(escape(join.column), join.field, "", f"read with '{escape(mapping.column_of(join.field) or '')}'")
    filled = {match.field for match in mapping.matches}
    for name, value in mapping.constants.items():
        how = "overrides" if name in mapping.overrides else "fills empty cells" if name in filled else "constant"
        table.add_row(f"[dim]= {escape(value)}[/dim]", name, "100%", how)
    for column in mapping.unknown:
        table.add_row(escape(column), "[yellow]left out[/yellow]", "", "")
    return table


def samples_table(samples: tuple[dict[str, Any], ...]) -> Table:
    """The first records as they would be stored, one column a field that any of them fills."""
    filled = [name for name in samples[0] if any(sample[name] is not None for sample in samples)]
    table = new_table(*(name.replace("row_number", "row") for name in filled), title="First records")
    for sample in samples:
        table.add_row(*(escape(shown(sample[name])) for name in filled))
    return table

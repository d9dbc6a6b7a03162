"""A plan, or the changes between two runs, on a terminal: `+` create, `~` update, `-` retire or delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from api.cli.render.tables import printable, shown
from schemas.reports import Change, Counts

_COLOURS = {"+": "green", "~": "yellow", "-": "red"}

# The word is shown where the sign alone does not say what happens.
_SIGNS = {
    "create": ("+", ""),
    "created": ("+", ""),
    "update": ("~", ""),
    "updated": ("~", ""),
    "delete": ("-", "delete"),
    "deleted": ("-", "deleted"),
    "retire": ("-", "retire"),
    "retired": ("-", "retired"),
}


def planned_diff(changes: Sequence[Change], counts: Counts) -> Text:
    """Return what a plan would do, record by record, its summary last."""
    planned = {action: getattr(counts, action) for action in ("create", "update", "retire", "delete")}
    if not any(planned.values()) and not changes:
        return Text("Plan: no changes", style="bold")
    more = "set CMDB_SAMPLES to show up to 1,000 of each type"
    summary = ", ".join(f"{count:,} to {action}" for action, count in planned.items())
    return _diff(changes, sum(planned.values()), more, f"Plan: {summary}")


def found_diff(changes: Sequence[Change], counts: Mapping[str, int]) -> Text:
    """Return what changed between two runs, record by record, the counts of each action last."""
    summary = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return _diff(changes, sum(counts.values()), "--limit shows more", summary)


def _diff(changes: Sequence[Change], total: int, more: str, summary: str) -> Text:
    lines = [line for change in changes for line in _change_lines(change)]
    if total > len(changes):
        lines.append(Text(f"  … and {total - len(changes):,} more: {more}", style="dim"))
    listed = [Text("Changes", style="bold"), *lines, Text()] if lines else []
    return Text("\n").join([*listed, Text(summary, style="bold")])


def _change_lines(change: Change) -> Iterable[Text]:
    sign, word = _SIGNS[change.action]
    place = f"  row {change.row}" if change.row else ""
    name = f"{change.resource_type} {printable(change.key)}".lstrip()
    yield Text.assemble(
        "  ", (sign, f"bold {_COLOURS[sign]}"), f" {name}", (f"  {word}" if word else "", "red"), (place, "dim")
    )
    if sign == "~":
        for field, (before, after) in change.fields.items():
            yield Text.assemble(f"      {field}: ", (shown(before), "red"), " → ", (shown(after), "green"))

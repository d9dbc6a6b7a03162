"""How all tables look, and values in them."""

from __future__ import annotations

from typing import Any
from unicodedata import category

from rich.table import Table

from schemas.issues import Severity
from schemas.reports import Status

SEVERITY_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.REPAIR: "cyan"}


STATUS_COLOURS = {Status.COMPLETED: "green", Status.FAILED: "red", Status.CANCELLED: "yellow", Status.RUNNING: "blue"}


# Characters of a value.
_WIDEST = 60

# Control characters, what changes the direction of text, and the ends of lines.
_STEERING = {"Cc", "Cf", "Zl", "Zp"}


def new_table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table with these columns."""
    table = Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.padding = (0, 2, 0, 0)
    return table


def record_rate(records: int, seconds: float) -> str:
    """Return the speed of a run as the end of a sentence; empty for few records."""
    return f", {records / seconds:,.0f} rows/s" if seconds and records >= 1000 else ""


def counted(count: int, what: str) -> str:
    """Return a count with its noun in the singular or plural."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def shown(value: Any) -> str:
    """A stored value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        value = [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, bool):
        value = "yes" if value else "no"
    text = printable(",".join(map(str, value)) if isinstance(value, list) else str(value))
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def printable(text: str) -> str:
    r"""Return a text on one line: characters that could steer the terminal as `\n` or `\x1b`."""
    return "".join(sign.encode("unicode_escape").decode() if category(sign) in _STEERING else sign for sign in text)

"""What every command writes with: tables and sentences for people, JSON for scripts."""

from __future__ import annotations

import sys
from json import dumps

import orjson
from rich.console import Console

from api.cli.streams import can_encode

# Into a file or a pipe, tables are as wide as they need to be.
_WIDE = None if sys.stdout and sys.stdout.isatty() else 1_000

out = Console(highlight=False, width=_WIDE)
err = Console(stderr=True, highlight=False, width=_WIDE)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    print_plain(text if can_encode(text) else dumps(orjson.loads(text), indent=2))


def print_plain(text: str) -> None:
    """Print a text as it is."""
    sys.stdout.write(f"{text}\n")


def comma_separated(text: str | None) -> tuple[str, ...]:
    """Return the parts of an option's text that stand between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()

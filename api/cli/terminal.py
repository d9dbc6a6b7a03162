"""What every command writes with: tables and sentences for people, JSON for scripts; and a look at the database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps

import orjson
from rich.console import Console
from sqlalchemy import Connection

from api.cli.streams import can_encode
from schemas.settings import settings
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine

# Into a file or a pipe, tables are as wide as they need to be.
_WIDE = None if sys.stdout and sys.stdout.isatty() else 200

out = Console(highlight=False, width=_WIDE)
err = Console(stderr=True, highlight=False, width=_WIDE)


@contextmanager
def reading() -> Iterator[Connection]:
    """Give a connection to the database, to read from it."""
    with database(settings()) as url, database_errors(), engine(url).connect() as connection:
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """Give a connection to the database in a transaction."""
    with database(settings()) as url, database_errors(), engine(url).begin() as connection:
        yield connection


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

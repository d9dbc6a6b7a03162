"""What the shell completes: types and fields from their declarations, the names of runs and syncs from the database.

A completion is quick and never fails: where the database does not answer at once, there is nothing to complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import typer
from sqlalchemy import Connection

from api.cli.local_time import shown_time
from schemas.errors import UnknownType
from schemas.model.resource import Resource
from schemas.resources import RESOURCES, resource
from schemas.settings import settings
from tasks.store import ledger
from tasks.store.access.definitions import definitions, saved_mappings
from tasks.store.connection.glance import glance

Choices = Iterator[tuple[str, str]]
"""What can stand there, each with a description that some shells show."""

_RUNS = 30


def complete_type(incomplete: str) -> Choices:
    """Yield resource types; of several, as in `vpc,sub`, the last."""
    head, part = _split(incomplete, ",")
    return ((head + name, each.title) for name, each in RESOURCES.items() if name.startswith(part))


def complete_fields(ctx: typer.Context, incomplete: str) -> Choices:
    """Yield fields between commas, with the sign that reverses their order."""
    head, part = _split(incomplete, ",")
    sign = "-" if part.startswith("-") else ""
    return ((head + sign + name, title) for name, title in _fields(ctx) if name.startswith(part.removeprefix("-")))


def complete_field(ctx: typer.Context, incomplete: str) -> Choices:
    """Yield fields, such as one that a filter begins with."""
    return (each for each in _fields(ctx) if each[0].startswith(incomplete))


def complete_constant(ctx: typer.Context, incomplete: str) -> Choices:
    """Yield fields as in `FIELD=VALUE`."""
    return ((f"{name}=", title) for name, title in complete_field(ctx, incomplete))


def complete_override(ctx: typer.Context, incomplete: str) -> Choices:
    """Yield fields as in `COLUMN=FIELD`: the columns of a file are not known here."""
    head, part = _split(incomplete, "=")
    return ((head + name, title) for name, title in complete_field(ctx, part) if head)


def complete_run(incomplete: str) -> Choices:
    """Yield the newest runs, and the word for the newest of all."""
    return _starting(incomplete, [("last", "the newest run")], _runs)


def complete_sync(incomplete: str) -> Choices:
    """Yield the names of syncs."""
    return _starting(incomplete, [], lambda connection: ((each.name, "") for each in definitions(connection)))


def complete_mapping(incomplete: str) -> Choices:
    """Yield the names of saved mappings."""
    return _starting(incomplete, [], lambda connection: ((each["name"], "") for each in saved_mappings(connection)))


def _split(text: str, sign: str) -> tuple[str, str]:
    """Return a text up to its last separator, and what follows."""
    head, found, part = text.rpartition(sign)
    return head + found, part


def _fields(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """The fields of the types that the command names, or of all types."""
    # An argument before an option without its value is still among `args`.
    given = [ctx.params.get(name) for name in ("type", "resource_type", "types")]
    words = next((str(value).split(",") for value in (*given, *ctx.args) if value), [])
    types = [found for word in words if (found := _type(word))]
    fields = {name: spec.title for each in types or RESOURCES.values() for name, spec in each.fields.items()}
    return fields.items()


def _type(name: str) -> Resource | None:
    try:
        return resource(name)
    except UnknownType:
        return None


def _runs(connection: Connection) -> Choices:
    for run in ledger.list_runs(connection, limit=_RUNS):
        yield run.run_id[:8], f"{shown_time(run.started)} {run.state} {run.resource_type} {run.source}"


def _starting(incomplete: str, known: list[tuple[str, str]], stored: Callable[[Connection], Choices]) -> Choices:
    found = list(known)
    try:
        used = settings()
        # A shell does not wait for the server of CMDB_API_URL, and the database here is another one.
        if not used.api_url:
            with glance(used) as connection:
                found += stored(connection) if connection else ()
    except Exception:  # noqa: S110  # a shell that completes a word shows no errors
        pass
    return (each for each in found if each[0].startswith(incomplete))

"""The jobs that the options of a command ask for."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from api.cli.terminal import comma_separated
from schemas.errors import UsageError
from schemas.jobs import ApplyJob, ExportJob, ImportJob, ReadOptions, SheetOptions, SyncJob, WriteOptions
from schemas.resources import resource

Job = TypeVar("Job", ImportJob, SyncJob, ApplyJob, ExportJob, ReadOptions, WriteOptions)


def checked(kind: type[Job], **parameters: Any) -> Job:
    """Return the validated options; raises UsageError that names the first wrong option."""
    try:
        return kind(**parameters)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][-1]).replace("_", "-") if first["loc"] else "the options"
        raise UsageError(f"{option}: {first['msg'].removeprefix('Value error, ')}.") from None


def separator(delimiter: str | None) -> str | None:
    """Return the field separator that the text of an option names; raises UsageError for longer ones."""
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    sign = named.get(delimiter, delimiter) if delimiter else None
    if sign is not None and len(sign) != 1:
        raise UsageError(f"--delimiter takes one character, or tab, comma, semicolon or pipe; not '{delimiter}'.")
    return sign


def pairs(values: list[str] | None, option: str) -> dict[str, str]:
    """Return the pairs of a repeatable option, such as COLUMN=FIELD; raises UsageError for text without `=`."""
    found = {}
    for text in values or ():
        # A column's name may hold "=": the field after it never does, and a constant's name before it never does.
        before, sign, after = text.rpartition("=") if option == "--map" else text.partition("=")
        if not sign or not before:
            raise UsageError(f"{option} {text}: write it as {'COLUMN=FIELD' if option == '--map' else 'FIELD=VALUE'}.")
        found[before] = after
    return found


def read_options(
    sheets: list[str] | None, delimiter: str | None, columns: str | None, null: list[str] | None, **given: Any
) -> ReadOptions:
    """How a source is read, from the options of a command; `given` are those that mean what they say."""
    spelt = {"delimiter": separator(delimiter), "columns": comma_separated(columns), "null": null or ()}
    return checked(ReadOptions, **spelt, **_sheets(sheets), **given)


def _sheets(values: list[str] | None) -> dict[str, Any]:
    """Which sheet to read, or what is known of several."""
    alone = [text for text in values or () if "=" not in text]
    if len(alone) > 1 or (alone and len(values or ()) > 1):
        raise UsageError(f"--sheet {alone[0]}: write NAME=TYPE for each of several sheets, or name the one to read.")
    typed = [text.rpartition("=") for text in values or () if "=" in text]
    known = {name: SheetOptions(type=resource(type).type if type else None, skip=not type) for name, _, type in typed}
    return {"sheet": alone[0] if alone else None, "sheets": known}

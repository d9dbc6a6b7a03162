"""The options of commands, derived from the jobs that they run, and the jobs that their values make."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar, get_origin

import typer
from annotated_types import Ge, Le
from pydantic import BaseModel, ValidationError

from api.cli import completion
from api.cli.local_time import utc_time
from api.cli.terminal import comma_separated
from schemas.errors import UsageError
from schemas.job_options.filters import both, parse
from schemas.job_options.options import Declared, declared_options
from schemas.job_options.read_options import SheetOptions
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.language.wording import validation_message
from schemas.resources import resource

_OF_EXPORTS = "an option of exports"
_OF_FILES = "an option of files"
_ONE_TYPE = "the argument TYPE names one type"
_SETTINGS = {
    "read.sheets": "--sheet NAME=TYPE gives the type of a sheet",
    "batch_size": "the setting CMDB_BATCH_SIZE",
}

LEFT_OUT: dict[str, dict[str, str]] = {
    "import": _SETTINGS,
    "preview": _SETTINGS | {"dry_run": "a preview changes nothing", "save_mapping": "a preview saves nothing"},
    "plan": _SETTINGS | {"dry_run": "a plan changes nothing until it is applied"},
    "sync": _SETTINGS | {"url": "the argument URL", "resource_type": "--type names one type or several"},
    "export": {"resource_type": "the argument TYPE", "resource_types": "the argument TYPE"},
    "list": {
        "resource_type": _ONE_TYPE,
        "resource_types": _ONE_TYPE,
        "all_types": _ONE_TYPE,
        "format": "--output",
        "since": _OF_EXPORTS,
        "until": _OF_EXPORTS,
        "as_of": _OF_EXPORTS,
        "lineage": _OF_EXPORTS,
        "metadata": _OF_FILES,
        "titles": _OF_FILES,
        "mapping": _OF_FILES,
        "write.delimiter": _OF_FILES,
        "write.bom": _OF_FILES,
        "write.guard": _OF_FILES,
    },
    "apply": {"hash": "the file of the plan holds it"},
    "approve": {"hash": "the run names the plan"},
    "undo": {},
}
"""The options of a job that a command does not have, by their place in the job, with the reason."""

Command = TypeVar("Command", bound=Callable[..., None])
Job = TypeVar("Job", ImportJob, SyncJob, ApplyJob, ExportJob, UndoJob)

# What is repeated next to lists and mappings.
_REPEATED = {"where", "sheet"}

# What only a command line needs to explain.
_SYNTAX = {
    "sheet": "NAME=TYPE gives its type, NAME= skips it.",
    "without_rules": "`cmdb rules` lists them.",
    "since": "In your time zone unless it has an offset.",
    "until": "In your time zone unless it has an offset.",
    "as_of": "In your time zone unless it has an offset.",
}

# What the shell completes, by the place of the option in its job.
_COMPLETED: dict[tuple[str, ...], Callable[..., completion.Choices]] = {
    ("resource_type",): completion.complete_type,
    ("types",): completion.complete_type,
    ("columns",): completion.complete_override,
    ("constants",): completion.complete_constant,
    ("mapping",): completion.complete_mapping,
    ("name",): completion.complete_sync,
    ("where",): completion.complete_field,
    ("fields",): completion.complete_fields,
    ("sort",): completion.complete_fields,
}

# The times that an export takes, which the job has in UTC; a date means its end for `until`.
_TIMES = {"since", "until", "as_of"}


def takes(job: type[BaseModel], command: str) -> Callable[[Command], Command]:
    """Give a command the options of a job, in place of its `**given`: those that are not in LEFT_OUT."""
    derived = [_parameter(each) for each in offered(job, command)]

    def with_options(function: Command) -> Command:
        signature = inspect.signature(function, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        last = [each for each in own if each.name == "json"]
        parameters = [*(each for each in own if each not in last), *derived, *last]
        named = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        # Typer reads the signature of a function, as inspect gives it.
        vars(function).update(__signature__=signature.replace(parameters=named))
        return function

    return with_options


def offered(job: type[BaseModel], command: str) -> Iterator[Declared]:
    """Yield the options of a job that a command has."""
    return (each for each in declared_options(job) if ".".join(each.path) not in LEFT_OUT[command])


def flags(option: Declared) -> str:
    """Return the long names of an option: `--map`, or `--titles/--names` where it can be negated."""
    return "/".join(f"--{name}" for name in option.flag.split("/"))


def _parameter(option: Declared) -> inspect.Parameter:
    default = option.info.get_default(call_default_factory=True)
    kind = option.type
    repeated = _is_repeated(option)
    if repeated or option.option.commas:
        kind, default = (list[str] if repeated else str), None
    bounds = {type(each): each for each in option.info.metadata} if kind is int else {}
    names = [flags(option), *(f"--{name}" for name in option.option.also)]
    declared = typer.Option(
        *names,
        *([f"-{option.option.short}"] if option.option.short else []),
        metavar=option.option.value,
        help=_help(option, repeated),
        autocompletion=_COMPLETED.get(option.path),
        min=bounds[Ge].ge if Ge in bounds else None,
        max=bounds[Le].le if Le in bounds else None,
    )
    annotation: Any = Annotated[(kind | None if default is None else kind, declared)]
    return inspect.Parameter(_name(option), inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _help(option: Declared, repeated: bool) -> str:
    return " ".join(filter(None, [option.info.description, _SYNTAX.get(option.name), "Repeatable." * repeated]))


def _is_repeated(option: Declared) -> bool:
    collects = get_origin(option.type) in (tuple, dict) or option.name in _REPEATED
    return collects and not option.option.commas


def _name(option: Declared) -> str:
    """The name of its parameter, which no other option of the job has."""
    return "_".join(option.path)


def job_from(kind: type[Job], given: dict[str, Any], **fixed: Any) -> Job:
    """Return the job that the values of a command's options make; raises UsageError that names the wrong option."""
    values: dict[str, Any] = dict(fixed)
    for option in declared_options(kind):
        text = given.get(_name(option))
        if text is None or text == []:
            continue
        place = values.setdefault(option.within, {}) if option.within else values
        place |= _sheets(text) if option.name == "sheet" else {option.name: _converted(option, text)}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{_wrong(kind, first['loc'])}: {validation_message(first['msg'])}.") from None


def _wrong(kind: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """How a command names the option whose value is wrong."""
    found = (flags(each).partition("/")[0] for each in declared_options(kind) if place[: len(each.path)] == each.path)
    return next(found, "the options")


def _converted(option: Declared, text: Any) -> Any:
    if option.name == "delimiter":
        return _separator(text)
    if option.name == "where":
        return both([parse(each) for each in text])
    if option.name in _TIMES:
        return utc_time(text, end=option.name == "until")
    if option.option.commas:
        return comma_separated(text)
    return _pairs(text, flags(option)) if get_origin(option.type) is dict else text


def _separator(delimiter: str) -> str:
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    sign = named.get(delimiter, delimiter)
    if len(sign) != 1:
        raise UsageError(f"--delimiter takes one character, or tab, comma, semicolon or pipe; not '{delimiter}'.")
    return sign


def _pairs(values: list[str], flag: str) -> dict[str, str]:
    found = {}
    for text in values:
        # A column's name may hold "=": the field after it never does, and a constant's name before it never does.
        before, sign, after = text.rpartition("=") if flag == "--map" else text.partition("=")
        if not sign or not before:
            raise UsageError(f"{flag} {text}: write it as {'COLUMN=FIELD' if flag == '--map' else 'FIELD=VALUE'}.")
        found[before] = after
    return found


def _sheets(values: list[str]) -> dict[str, Any]:
    """Which sheet to read, or what is known of several."""
    alone = [text for text in values if "=" not in text]
    if len(alone) > 1 or (alone and len(values) > 1):
        raise UsageError(f"--sheet {alone[0]}: write NAME=TYPE for each of several sheets, or name the one to read.")
    typed = [text.rpartition("=") for text in values if "=" in text]
    known = {name: SheetOptions(type=resource(type).type if type else None, skip=not type) for name, _, type in typed}
    return {"sheet": alone[0] if alone else None, "sheets": known}

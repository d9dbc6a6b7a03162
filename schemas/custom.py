"""Rules of your own: what a file of rules is written against.

    import polars as pl
    from schemas.custom import rule

    @rule("vpc", fields=("name", "environment"), message="the name '{name}' does not begin with '{environment}-'")
    def name_begins_with_environment() -> pl.Expr:
        return ~pl.col("name").str.starts_with(pl.col("environment") + "-")

Settings name such files (`CMDB_RULES`); `docs/how-to/custom-rules.md` says the rest.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal

import polars as pl

from schemas.errors import RuleFailed, UnknownType
from schemas.issues import Severity
from schemas.language.spelling import nearest
from schemas.resources import RESOURCES, resource

__all__ = ["NUMBER", "Rule", "rule"]

NUMBER = "row"
"""The column of a record's row number in the frame that a rule over all records is given, and gives back."""

RowFunction = Callable[[], pl.Expr]
RecordsFunction = Callable[[pl.LazyFrame], pl.LazyFrame | pl.DataFrame]
Scope = Literal["row", "records"]


@dataclass(frozen=True)
class Rule:
    """One rule of your own; called, it is the function that it was made of.

    `types` are the resource types that it applies to, `fields` the fields that it reads, the first of them the one to
    fix. `where` is the file and line that it was written in.
    """

    name: str
    types: tuple[str, ...]
    fields: tuple[str, ...]
    message: str
    severity: Severity
    scope: Scope
    function: Callable[..., Any]

    def __call__(self, *frame: pl.LazyFrame) -> Any:
        """Call the function, as its own tests do."""
        return self.function(*frame)

    @property
    def where(self) -> str:
        """The file and the line of the function."""
        code = self.function.__code__
        return f"{code.co_filename}:{code.co_firstlineno}"

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The columns whose values the message shows."""
        return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(self.message) if name is not None))


def rule(
    *types: str,
    fields: Sequence[str],
    message: str,
    severity: Literal["error", "warning"] = "error",
    scope: Scope = "row",
    name: str | None = None,
) -> Callable[[RowFunction | RecordsFunction], Rule]:
    """Make a rule of a function; without `types` it applies to every type that has its fields.

    With the scope `row` the function takes nothing and returns an expression that is true where the rule is broken
    (null counts as kept). With `records` it takes a lazy frame of all records of the file, `row` and `fields`, and
    returns those that break it, `row` among their columns. `message` may hold `{field}` and `{row}`, with `records`
    any column of what the function returns. Raises RuleFailed for a rule that cannot be evaluated.
    """

    def made(function: RowFunction | RecordsFunction) -> Rule:
        called = name or str(getattr(function, "__name__", ""))
        try:
            names = _fields(fields)
            chosen = tuple(resource(each).type for each in types) or _with_all(names)
            _check_fields(chosen, names)
            _check_function(function, scope)
            found = Rule(called, chosen, names, message, _severity(severity), scope, function)
            _check_words(found)
        except (UnknownType, ValueError) as error:
            raise RuleFailed(f"The rule '{called}' cannot be evaluated: {error}", rule=called) from error
        return found

    return made


# What a rule has to be; each raises ValueError with what to do --------------------------------------------------------


def _fields(fields: Sequence[str]) -> tuple[str, ...]:
    if isinstance(fields, str):
        raise ValueError(f'write fields=("{fields}",), with a comma.')
    if not fields:
        raise ValueError("name the fields that it reads, the one to fix first: fields=(…).")
    return tuple(fields)


def _with_all(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The types that have all of these fields."""
    found = tuple(name for name, each in RESOURCES.items() if set(fields) <= set(each.fields))
    if not found:
        raise ValueError(f"no type has all of the fields {', '.join(fields)}.")
    return found


def _check_fields(types: tuple[str, ...], fields: tuple[str, ...]) -> None:
    for name in types:
        known = RESOURCES[name].fields
        for field in fields:
            if field not in known:
                near = nearest(field, known)
                hint = f"did you mean {near}?" if near else f"its fields are {', '.join(known)}."
                raise ValueError(f"{name} has no field '{field}': {hint}")


def _check_function(function: object, scope: str) -> None:
    if scope not in ("row", "records"):
        raise ValueError(f"scope is 'row' or 'records', not '{scope}'.")
    if not inspect.isfunction(function):
        raise ValueError("write @rule(…) over a function.")
    taken = len(inspect.signature(function).parameters)
    if taken != (scope == "records"):
        takes = (
            "takes the lazy frame of all records" if scope == "records" else "takes nothing, and returns an expression"
        )
        raise ValueError(f"with scope='{scope}' its function {takes}; this one takes {taken} values.")


def _severity(severity: str) -> Severity:
    if severity not in (Severity.ERROR, Severity.WARNING):
        raise ValueError(f"severity is 'error' or 'warning', not '{severity}'.")
    return Severity(severity)


def _check_words(found: Rule) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", found.name):
        raise ValueError("its name takes letters, digits and _ . -, a letter first, at most 63: give name='…'.")
    unknown = [name for name in found.placeholders if name not in (NUMBER, *found.fields)]
    if "" in unknown or (unknown and found.scope == "row"):
        raise ValueError(f"its message shows '{{{unknown[0]}}}', and its fields are {', '.join(found.fields)}.")

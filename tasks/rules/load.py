"""Rules of the user's own, loaded: from the files and modules of the settings, and from installed packages."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import polars as pl

from schemas import custom
from schemas.custom import Rule
from schemas.errors import RuleFailed, UsageError
from schemas.issues import Issue, Severity
from schemas.language.spelling import nearest
from schemas.model.resource import Resource
from schemas.model.rule_listing import built_in

GROUP = "cmdb.rules"
"""The group of entry points by which an installed package brings rules: a module, a rule or a list of rules."""


def rules_for(
    loaded: tuple[Rule, ...], resource: Resource, without: tuple[str, ...]
) -> tuple[tuple[Rule, ...], list[Issue]]:
    """Return the rules of a type and what to report of those that are switched off; raises UsageError."""
    for name in without:
        _check_known(name, loaded)
    chosen = [rule for rule in loaded if resource.type in rule.types]
    message = "the rule '{}' was switched off for this run and is not asked"
    left_out = [Issue(name, message.format(name), Severity.WARNING) for name in dict.fromkeys(without)]
    return tuple(rule for rule in chosen if rule.name not in without), left_out


def _check_known(name: str, loaded: tuple[Rule, ...]) -> None:
    names = [rule.name for rule in loaded]
    if name in names:
        return
    if name in {rule.name for rule in built_in()}:
        raise UsageError(f"'{name}' is a built-in rule: only custom rules can be skipped.", rule=name)
    near = nearest(name, names)
    known = f"there are {', '.join(names)}" if names else "there is none; CMDB_RULES names files of them"
    raise UsageError(f"Unknown custom rule '{name}': {f'did you mean {near}?' if near else f'{known}.'}", rule=name)


@cache
def load_rules(named: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return every rule of these files and modules and of installed packages, once per process.

    Raises RuleFailed, with the file, the line and the rule, where one can't be loaded or two have the same name.
    """
    found = [rule for name in named for rule in _rules_of_file(name)]
    found += [rule for entry in sorted(entry_points(group=GROUP)) for rule in _rules_of_entry_point(entry)]
    distinct = list(dict.fromkeys(found))
    known = {rule.name: "built in" for rule in built_in()}
    for rule in distinct:
        if rule.name in known:
            raise RuleFailed(
                f"The rule '{rule.name}' of {rule.where} has the name of another, {known[rule.name]}.", rule=rule.name
            )
        known[rule.name] = rule.where
    return tuple(distinct)


def _rules_of_file(name: str) -> list[Rule]:
    what = f"{name}, which CMDB_RULES names,"
    found = _rules(vars(_imported(name, what)).values())
    if not found:
        raise RuleFailed(
            f"{what} holds no rule: write @rule(…) over its functions, or take it out of CMDB_RULES.", rule=what
        )
    return found


def _rules_of_entry_point(entry: EntryPoint) -> list[Rule]:
    what = f"The entry point {entry.name} of {entry.dist.name if entry.dist else 'a package'} ({entry.value})"
    try:
        value = entry.load()
    except (Exception, SystemExit) as error:
        raise _failure(what, error) from error
    found = _rules(vars(value).values() if isinstance(value, ModuleType) else [value])
    if not found:
        raise RuleFailed(f"{what} gives no rule: let it name a module, a rule or a list of rules.", rule=what)
    return found


def _rules(values: Iterable[object]) -> list[Rule]:
    def each() -> Iterator[Rule]:
        for value in values:
            parts = value if isinstance(value, list | tuple) else [value]
            yield from (part for part in parts if isinstance(part, Rule))

    return list(each())


def _imported(name: str, what: str) -> ModuleType:
    """A file or a module; its errors have its line."""
    try:
        return _from_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _failure(what, error) from error


def _from_file(path: Path) -> ModuleType:
    # A name that no package has, and no other file of that name.
    name = f"cmdb_rules_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _failure(what: str, error: BaseException) -> RuleFailed:
    """Say what went wrong, and where in the user's own code."""
    place = _error_location(error)
    message = error.message if isinstance(error, RuleFailed) else f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        message = f"{type(error).__name__}: {error.msg}"
    return RuleFailed(f"{what} cannot be loaded{f' ({place})' if place else ''}: {message}", rule=what)


def _error_location(error: BaseException) -> str | None:
    """The file and line that an error comes from, the last that is not within Python's, Polars' or our own files."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    modules = (custom, importlib, pl)
    folders = {Path(__file__).parent, *(Path(str(module.__file__)).parent for module in modules)}
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and folders.isdisjoint(Path(frame.filename).parents)
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else None

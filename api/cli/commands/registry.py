"""The modules of all commands. Each is imported only when one of its commands is run: to import all takes a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from typer.main import get_group

from api.cli.commands.panels import SETUP

if TYPE_CHECKING:
    from typer._click import Command

MODULES = (
    "imports",
    "exports",
    "templates",
    "plans",
    "syncs",
    "runs",
    "types",
    "records",
    "serve",
    "setup",
    "doctor",
)
"""The modules whose `commands` are commands of `cmdb`."""

SUBGROUPS = {"db": "setup", "key": "access", "audit": "access"}
"""The commands that have commands of their own: each is in the module named here, under its own name."""


@dataclass(frozen=True)
class Listed:
    """A command as `cmdb --help` lists it, and the module that has it."""

    module: str
    panel: str
    summary: str


@cache
def commands_of(module: str) -> dict[str, Command]:
    """Import a module and return its commands, with their names."""
    found = import_module(f"api.cli.commands.{module}")
    commands = dict(get_group(found.commands).commands) if module in MODULES else {}
    for name in (name for name, place in SUBGROUPS.items() if place == module):
        group = get_group(getattr(found, name))
        vars(group).update(name=name, rich_help_panel=SETUP)
        commands[name] = group
    return commands


def places() -> Iterator[tuple[str, str]]:
    """Import all modules; yields the name of each command with its module, those with their own commands last."""
    for module in MODULES:
        yield from ((name, module) for name in commands_of(module) if name not in SUBGROUPS)
    yield from SUBGROUPS.items()


def all_commands() -> dict[str, Command]:
    """Import all commands; returns them with their names."""
    return {name: commands_of(module)[name] for name, module in places()}

"""The groups of commands, how `cmdb --help` lists them, and how each is imported once it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from api.cli.commands.index import INDEX
from api.cli.commands.panels import PANELS
from api.cli.commands.registry import commands_of

if TYPE_CHECKING:
    from typer._click import Command, Context, Parameter


EXIT_CODES = (
    """Exit codes: 0 done; 1 failed, nothing changed; 2 usage error; 3 done, some rows rejected; 130 stopped."""
)


class GroupedCommands(TyperGroup):
    """The commands in the order of their groups; a flag is shown as a flag, not as something that takes a `<bool>`.

    A command is listed from the index and imported when it is run: to import all takes a second.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, each in INDEX.items():
            self.commands[name] = TyperCommand(name, help=each.summary, rich_help_panel=each.panel)

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of the commands, group by group."""
        return sorted(super().list_commands(ctx), key=lambda name: PANELS.index(INDEX[name].panel))

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Return the command that arguments name, imported, and the arguments that follow."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in INDEX:
            command = without_values(commands_of(INDEX[name].module)[name])
        return name, command, rest

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the options of `cmdb` itself."""
        return _flags(super().get_params(ctx))


def without_values(command: Command) -> Command:
    """Show the flags of a command, and of the commands in it, as flags."""
    for each in (command, *getattr(command, "commands", {}).values()):
        _flags(each.params)
    return command


def _flags(parameters: list[Parameter]) -> list[Parameter]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters

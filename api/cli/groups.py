"""The groups of commands, and how `cmdb --help` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Command, Context, Parameter


EXIT_CODES = (
    """Exit codes: 0 done; 1 failed, nothing changed; 2 usage error; 3 done, some rows rejected; 130 stopped."""
)


# The groups of commands in `cmdb --help`.
FILES, PLANS, SYNCS, RUNS = "Import and export", "Plans", "Syncs", "Runs"
RECORDS, SERVE, SETUP = "Records", "Serve", "Set-up"


_PANELS = (FILES, PLANS, SYNCS, RUNS, RECORDS, SERVE, SETUP)


class GroupedCommands(TyperGroup):
    """The commands in the order of their groups; a flag is shown as a flag, not as something that takes a `<bool>`."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of the commands, group by group."""
        return sorted(
            super().list_commands(ctx), key=lambda name: _PANELS.index(vars(self.commands[name])["rich_help_panel"])
        )

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command."""
        command = super().get_command(ctx, cmd_name)
        return command and _with_flags(command, ctx)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the options of `cmdb` itself."""
        return _flags(super().get_params(ctx))


def _with_flags(command: Command, ctx: Context) -> Command:
    _flags(command.get_params(ctx))
    return command


def _flags(parameters: list[Parameter]) -> list[Parameter]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters

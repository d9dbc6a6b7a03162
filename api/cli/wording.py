"""How the command line words what messages propose: options with their dashes, and commands."""

from __future__ import annotations

from api.cli.jobs import flags
from flows.commands import command
from schemas.job_options.named_options import named_options
from schemas.language.remedies import OptionValue, Step, Wording


class _CommandLine:
    def name(self, step: Step) -> str:
        """Return the flag of an option, or the command of an action."""
        if isinstance(step, OptionValue):
            declared = named_options().get(step.option)
            return flags(declared).partition("/")[0] if declared else step.option
        return command(step.action, step.about)

    def phrase(self, step: Step) -> str:
        """Return the flag with its value as a shell takes it, or the command in backticks."""
        if not isinstance(step, OptionValue):
            return f"`{self.name(step)}`"
        if step.value is None:
            return self.name(step)
        # The name of a column may hold what a shell takes apart.
        is_quoted = step.option == "columns" or " " in step.value
        return f'{self.name(step)} "{step.value}"' if is_quoted else f"{self.name(step)} {step.value}"


COMMAND_LINE: Wording = _CommandLine()

"""The commands that do what messages propose, as people read them in a terminal, in Prefect's page or in a chat."""

from __future__ import annotations

from schemas.language.remedies import NEUTRAL, Action, OptionValue, Step, Wording

_COMMANDS = {
    Action.APPROVE: "cmdb approve {}",
    Action.PLAN: "cmdb plan FILE",
    Action.LIST_RUNS: "cmdb runs",
    Action.SHOW_RUN: "cmdb show {}",
    Action.GET_REJECTS: "cmdb rejects {} -o rejects.xlsx",
    Action.LIST_RECORDS: "cmdb export {}",
    Action.LIST_KEYS: "cmdb key list",
}
_OF_RUNS = (Action.APPROVE, Action.SHOW_RUN, Action.GET_REJECTS)


def command(action: Action, about: str | None = None) -> str:
    """Return the command of an action; a run is named by the beginning of its id."""
    return _COMMANDS[action].format((about or "")[:8] if action in _OF_RUNS else about or "").strip()


class _Operators:
    def name(self, step: Step) -> str:
        """Return the field of a flow's job, or the command of an action."""
        return NEUTRAL.name(step) if isinstance(step, OptionValue) else command(step.action, step.about)

    def phrase(self, step: Step) -> str:
        """Return the same as it stands in a sentence."""
        return NEUTRAL.phrase(step) if isinstance(step, OptionValue) else f"`{self.name(step)}`"


OPERATORS: Wording = _Operators()
"""The wording of Prefect's page and of webhooks: options as Prefect's form of a flow has them, and commands."""

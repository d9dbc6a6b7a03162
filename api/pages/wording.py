"""How the page words what messages propose: by the labels of its fields, buttons and headings."""

from __future__ import annotations

from enum import StrEnum

from schemas.job_options.choices import LABELS
from schemas.job_options.named_options import named_options
from schemas.language.remedies import Action, OptionValue, Step, Wording

# Where the page has no field of an option's title.
_PLACES = {
    "columns": "“Columns”",
    "constants": "“The same value in every row”",
    "read.sheet": "“Sheets of the workbook”",
    "save_mapping": "“Save under the name”",
    "force": "the option “force” of the API",
}
_ACTIONS = {
    Action.APPROVE: "“Approve”",
    Action.PLAN: "“Show what would happen”",
    Action.LIST_RUNS: "“History”",
    Action.SHOW_RUN: "“History”",
    Action.GET_REJECTS: "“Download as a workbook”",
    Action.LIST_RECORDS: "“Browse”",
    Action.LIST_KEYS: "the list of API keys",
}


class _Page:
    def name(self, step: Step) -> str:
        """Return the label of an option's field, or what leads to an action."""
        if not isinstance(step, OptionValue):
            return _ACTIONS[step.action]
        if step.option in _PLACES:
            return _PLACES[step.option]
        declared = named_options().get(step.option)
        return f"“{declared.info.title if declared else step.option}”"

    def phrase(self, step: Step) -> str:
        """Return the same with what is to be chosen or entered there."""
        name = self.name(step)
        if not isinstance(step, OptionValue) or step.value is None or step.option in _PLACES:
            return name
        if step.option == "without_rules":
            return f"“Skip the rule {step.value}”"
        declared = named_options().get(step.option)
        if declared and isinstance(declared.type, type) and issubclass(declared.type, StrEnum):
            return f"{name}: “{LABELS[declared.type][step.value]}”"
        return f"{name}: {step.value}"


PAGE: Wording = _Page()

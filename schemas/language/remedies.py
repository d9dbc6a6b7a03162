"""Remedies: which options and actions a message proposes, as data that each front end puts in its own words.

A message is written once, for all front ends. Where it proposes an option or an action, it has a marker, made by
`option` or `action`: `Give {option:resource_type}.` A front end is a `Wording`, and `worded` puts its words in the
place of the markers: `Give --type.` on the command line, `` Give `resourceType`. `` in an answer of the API, and the
label of the form field on the page. The ledger keeps messages with their markers. Messages that older versions stored
have none, and stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import unquote


class Action(StrEnum):
    """What a message may propose to do; each front end has its own way to it."""

    APPROVE = "approve"
    PLAN = "plan"
    LIST_RUNS = "list-runs"
    SHOW_RUN = "show-run"
    GET_REJECTS = "get-rejects"
    LIST_RECORDS = "list-records"
    LIST_KEYS = "list-keys"


@dataclass(frozen=True, slots=True)
class OptionValue:
    """An option of a job, by the names of the fields that lead to it (`read.encoding`), and perhaps a value for it."""

    option: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action, and what it is about where the message knows that: the id of a run, a resource type."""

    action: Action
    about: str | None = None


Step = OptionValue | ActionCall
"""One thing that a message proposes."""


class Wording(Protocol):
    """The words of one front end for options and actions."""

    def name(self, step: Step) -> str:
        """Return what the front end calls an option or an action: `--type`, `cmdb approve 3f2a9c1e`."""

    def phrase(self, step: Step) -> str:
        """Return the same as it stands in a sentence, with its value."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a message proposes, in its order: options to give, and actions to run."""

    options: tuple[OptionValue, ...] = ()
    actions: tuple[ActionCall, ...] = ()

    def to_json(self, wording: Wording) -> dict[str, Any]:
        """Return the remedy as programs read it, under the names that a front end has for options and actions."""
        return {
            "options": [{"name": wording.name(each), "value": each.value} for each in self.options],
            "actions": [{"action": each.action, "name": wording.name(each)} for each in self.actions],
        }


def option(name: str, value: str | None = None) -> str:
    """Return the marker of an option, by its path in the job (`read.encoding`), for the text of a message."""
    return _marker("option", name, value)


def action(which: Action, about: str | None = None) -> str:
    """Return the marker of an action, for the text of a message."""
    return _marker("action", which, about)


def _marker(kind: str, name: str, value: str | None) -> str:
    # A value may hold what ends a marker.
    safe = re.sub(r"[%{}]", lambda sign: f"%{ord(sign[0]):02X}", value) if value is not None else None
    return f"{{{kind}:{name}}}" if safe is None else f"{{{kind}:{name}={safe}}}"


_MARKER = re.compile(r"\{(option|action):([a-z_.-]+)(?:=([^{}]*))?\}")
_ACTIONS = frozenset(Action)


def _step(found: re.Match[str]) -> Step | None:
    """What a marker stands for; None for a text that only looks like the marker of an action."""
    kind, name, value = found[1], found[2], unquote(found[3]) if found[3] is not None else None
    if kind == "option":
        return OptionValue(name, value)
    return ActionCall(Action(name), value) if name in _ACTIONS else None


def worded(text: str, wording: Wording) -> str:
    """Return a message in the words of a front end."""

    def words(found: re.Match[str]) -> str:
        step = _step(found)
        return wording.phrase(step) if step else found[0]

    return _MARKER.sub(words, text) if "{" in text else text


def remedy_of(text: str | None) -> Remedy | None:
    """Return what a message proposes; None where it proposes no option and no action."""
    steps = [step for found in _MARKER.finditer(text or "") if (step := _step(found))]
    options = tuple(step for step in steps if isinstance(step, OptionValue))
    actions = tuple(step for step in steps if isinstance(step, ActionCall))
    return Remedy(options, actions) if steps else None


class _Neutral:
    """The words for programs in Python, and for logs: the names of the fields of jobs and of actions."""

    def name(self, step: Step) -> str:
        """Return the path of an option in its job, or the name of an action."""
        return step.option if isinstance(step, OptionValue) else step.action

    def phrase(self, step: Step) -> str:
        """Return the same with its value."""
        value = step.value if isinstance(step, OptionValue) else step.about
        if value is None:
            return self.name(step)
        return f"{self.name(step)}={value}" if isinstance(step, OptionValue) else f"{self.name(step)} {value}"


NEUTRAL: Wording = _Neutral()
"""The wording of the Python API, of logs and of exceptions: options by the names of the fields of jobs."""


class _Markers(_Neutral):
    """No words at all: a message keeps its markers, for a front end elsewhere."""

    def phrase(self, step: Step) -> str:
        """Return the marker of an option or an action."""
        return option(step.option, step.value) if isinstance(step, OptionValue) else action(step.action, step.about)


MARKERS: Wording = _Markers()
"""The wording that leaves messages as they are stored."""

"""How the API words what messages propose: by the members of its requests, or for the page by the page's labels."""

from __future__ import annotations

import json
from contextvars import ContextVar
from enum import StrEnum
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.pages.wording import PAGE
from schemas.job_options.named_options import named_options
from schemas.language.remedies import MARKERS, Action, OptionValue, Step, Wording, remedy_of, worded

HEADER = "Cmdb-Wording"
"""The header by which a caller chooses the wording of messages."""

_OPERATIONS = {
    Action.APPROVE: "POST /api/import/{}/approve",
    Action.PLAN: "POST /api/import/preview",
    Action.LIST_RUNS: "GET /api/imports",
    Action.SHOW_RUN: "GET /api/import/result/{}",
    Action.GET_REJECTS: "GET /api/import/result/{}/rejects",
    Action.LIST_RECORDS: "GET /api/records/{}",
    Action.LIST_KEYS: "GET /api/keys",
}


class _Api:
    def name(self, step: Step) -> str:
        """Return the member of a request, or the operation of an action."""
        if not isinstance(step, OptionValue):
            return _OPERATIONS[step.action].format(step.about or "")
        declared = named_options().get(step.option)
        return to_camel(declared.member) if declared else step.option

    def phrase(self, step: Step) -> str:
        """Return the same in backticks, an option with its value as JSON."""
        if not isinstance(step, OptionValue) or step.value is None:
            return f"`{self.name(step)}`"
        return f"`{self.name(step)}: {json.dumps(_value(step), ensure_ascii=False)}`"


def _value(step: OptionValue) -> Any:
    """The value of an option as a request has it."""
    declared = named_options().get(step.option)
    text = step.value or ""
    if declared is None:
        return text
    if get_origin(declared.type) is dict:
        # The name of a column may hold "=", as that of a field never does.
        key, _, value = text.rpartition("=") if step.option == "columns" else text.partition("=")
        return {key: value}
    if get_origin(declared.type) is tuple:
        return [text]
    return int(text) if declared.type is int and text.isdecimal() else text


API: Wording = _Api()
"""The wording for programs, unless they choose another."""


class Name(StrEnum):
    """The wordings that a caller may choose."""

    API = "api"
    PAGE = "page"
    MARKERS = "markers"
    """As they are stored: for clients that have words of their own, such as our command line."""


_WORDINGS = {Name.API: API, Name.PAGE: PAGE, Name.MARKERS: MARKERS}
_CHOSEN: ContextVar[Wording] = ContextVar("wording", default=API)


class Worded:
    """An application whose messages are in the wording that each request chooses by a header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request in the wording that it asks for."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        chosen = Headers(scope=scope).get(HEADER, "")
        token = _CHOSEN.set(_WORDINGS[Name(chosen)] if chosen in list(Name) else API)
        try:
            await self.app(scope, receive, send)
        finally:
            _CHOSEN.reset(token)


def chosen() -> Wording:
    """Return the wording of the present request."""
    return _CHOSEN.get()


def say(text: str) -> str:
    """Return a message in the wording of the present request."""
    return worded(text, chosen())


Message = Annotated[str, PlainSerializer(say, return_type=str)]
"""A message of an answer: it gets the caller's wording as the answer is written."""


class ProposedOption(BaseModel):
    """An option that a message proposes."""

    name: str = Field(description="The member of the request.", examples=["resourceType"])
    value: str | None = Field(None, description="The value to give it, where the message knows one.")


class ProposedAction(BaseModel):
    """An action that a message proposes."""

    action: Action
    name: str = Field(description="The operation that does it.", examples=["GET /api/imports"])


class Remedy(BaseModel):
    """What a message proposes to do, for programs."""

    options: list[ProposedOption] = []
    actions: list[ProposedAction] = []


def remedy_in(text: str | None) -> Remedy | None:
    """Return what a message proposes; None where that is nothing."""
    found = remedy_of(text)
    return Remedy.model_validate(found.to_json(API)) if found else None

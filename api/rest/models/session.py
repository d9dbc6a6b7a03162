"""Who calls the API, and whether it works."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
)

from api.rest.models.base import Model, RequestModel


class Login(RequestModel):
    """A key, to be kept in a cookie."""

    key: str = Field(max_length=200)


class Session(Model):
    """The caller and its permissions."""

    name: str
    scopes: list[str]
    permissions: list[str] | None = Field(
        None, description="Of a key without a scope: ACTION:TYPE,… of each action; * stands for all types."
    )
    key_needed: bool = Field(description="Whether there are keys here at all.")


class Health(Model):
    """What answers, and what does not."""

    status: Literal["ok", "failing"]
    checks: dict[str, str] = Field(default_factory=dict, description="Each part: ok, or what is wrong.")

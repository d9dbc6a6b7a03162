"""One key of the API, as CMDB_API_KEYS has it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SCOPES = ("read", "write", "admin")
"""What a key may do: look, change, and see what other keys did; each includes the ones before."""


class ApiKey(BaseModel):
    """One key of the API: its name, its scopes and its SHA-256 in hexadecimal; the key itself is kept nowhere."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    scopes: frozenset[str]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="before")
    @classmethod
    def _parsed_key(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        name, _, rest = value.partition(":")
        scopes, _, sha256 = rest.partition(":")
        return {"name": name, "scopes": scopes.split("+"), "sha256": sha256}

    @field_validator("scopes")
    @classmethod
    def _checked_scopes(cls, value: frozenset[str]) -> frozenset[str]:
        if not value or value - set(SCOPES):
            raise ValueError(f"scopes are {', '.join(SCOPES)}, joined by +")
        return frozenset(SCOPES[: max(SCOPES.index(scope) for scope in value) + 1])

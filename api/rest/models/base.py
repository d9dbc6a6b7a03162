"""What the models of the API have in common: camelCase names, and no member that is not declared."""

from __future__ import annotations

from pydantic import (
    BaseModel,
    ConfigDict,
)
from pydantic.alias_generators import to_camel

from schemas.language.texts import Options


class Model(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class QueryModel(BaseModel):
    """What the parameters of a query have in common; those that are not declared are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class RequestModel(Model, Options):
    """What requests have in common."""

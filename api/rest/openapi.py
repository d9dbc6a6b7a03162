"""The description of the API: OpenAPI 3.1 in the form that validators and generators of clients accept."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from api.rest.import_requests import FORMS, form_schema
from api.rest.models.imports import ImportRequest
from api.rest.models.plans import PlanRequest
from api.rest.problems import Problem

_REFERENCE = "#/components/schemas/{model}"

_MODELS: tuple[type[BaseModel], ...] = (Problem, ImportRequest, PlanRequest)
"""Models that no operation has in its signature."""


def operation_id(route: APIRoute) -> str:
    """Return the id of an operation, after which clients name their functions: `preview_import` → `previewImport`."""
    return to_camel(route.name)


def describe(app: FastAPI) -> None:
    """Complete the description of an application with what its routes do not declare by their signatures."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for model in _MODELS:
        schemas |= _schemas_of(model)
    for name, models in FORMS.items():
        for each in models:
            schemas |= _schemas_of(each)
        schemas[name] = form_schema(name)
    for path in document["paths"].values():
        for operation in path.values():
            operation["summary"] = operation["summary"].capitalize()
            for response in operation["responses"].values():
                _correct(response.get("content", {}))


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model and of those that it refers to, by name."""
    schema = model.model_json_schema(by_alias=True, ref_template=_REFERENCE)
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _correct(content: dict[str, Any]) -> None:
    """Describe a response as OpenAPI 3.1 does and as it is sent."""
    # FastAPI declares its own form of a wrong request; ours is a problem.
    if content.get("application/json", {}).get("schema") == {"$ref": "#/components/schemas/HTTPValidationError"}:
        del content["application/json"]
    # `itemSchema` is of OpenAPI 3.2: in 3.1, a stream of events is text.
    if stream := content.get("text/event-stream"):
        stream.pop("itemSchema", None)
        stream["schema"] = {"type": "string", "title": "Server-sent events"}

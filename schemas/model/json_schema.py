"""A resource type as JSON Schema (2020-12), derived from its declaration."""

from __future__ import annotations

from typing import Any

import orjson
import polars as pl

from schemas.model import kinds
from schemas.model.fields import Spec
from schemas.model.resource import Resource

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SHAPES: dict[str, dict[str, Any]] = {
    kinds.INTEGER.name: {"type": "integer"},
    kinds.NUMBER.name: {"type": "number"},
    kinds.ASN.name: {"type": "integer"},
    kinds.BOOLEAN.name: {"type": "boolean"},
    kinds.TEXTS.name: {"type": "array", "items": {"type": "string"}},
    kinds.BLOCKS.name: {"type": "array", "items": {"type": "string"}},
    kinds.TAGS.name: {"type": "object", "additionalProperties": {"type": "string"}},
    kinds.JSON.name: {},
}

# What pandera calls a check's bound, and JSON Schema.
_BOUNDS = {"min_value": "minimum", "max_value": "maximum", "pattern": "pattern"}


def json_schema(resource: Resource) -> dict[str, Any]:
    """Return the schema of one record, as an export writes it and an import reads it."""
    return {
        "title": resource.title,
        "description": resource.model.__doc__ or resource.title,
        "type": "object",
        "properties": {name: _property(resource, name, spec) for name, spec in resource.fields.items()},
        "required": list(resource.required),
        "additionalProperties": False,
    }


def _property(resource: Resource, name: str, spec: Spec) -> dict[str, Any]:
    shape = dict(_SHAPES.get(spec.kind.name, {"type": "string"}))
    shape |= {"title": spec.title, "description": spec.description or spec.title}
    if spec.kind.name == "enum":
        # Any text is accepted: the source may have values of its own.
        shape["description"] += f" Usually one of: {', '.join(spec.choices)}."
    shape |= _bounds(resource, name)
    if not spec.required and "type" in shape:
        shape["type"] = [shape["type"], "null"]
    if spec.example:
        shape["examples"] = [example(spec)]
    return shape


def _bounds(resource: Resource, name: str) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for check in resource.schema.columns[name].checks:
        for key, value in (check.statistics or {}).items():
            if check.name == "str_length":
                bounds |= {"maxLength": value} if key == "max_value" and value is not None else {}
            elif key in _BOUNDS:
                bounds[_BOUNDS[key]] = value.pattern if hasattr(value, "pattern") else value
    return bounds


def example(spec: Spec) -> Any:
    """Return the example of a field as JSON holds it; None where it has none."""
    if not spec.example:
        return None
    value = spec.kind.read(pl.Series([spec.example], dtype=pl.String)).to_list()[0]
    return orjson.loads(value) if spec.kind.name in (kinds.TAGS.name, kinds.JSON.name) else value

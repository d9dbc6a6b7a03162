"""The forms by which Prefect's pages ask for the job of a run: the fields in order of use, what is internal last.

Prefect keeps a schema in a column that forgets the order of its members; its pages sort fields by their `position`.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from flows.registry import SYNC, BulkFlow, FlowSpec
from schemas.job_options.options import Group, internal, nested_model, option_of
from tasks.security.source_block import CmdbSource

_FIRST = ("url", "path", "resource_type", "types", "resource_types", "all_types", "name", "plan", "run")
"""What a run is about, before all groups."""

_GROUPS = tuple(Group)


def ordered_forms(spec: FlowSpec, definitions: dict[str, Any] | None) -> dict[str, Any]:
    """Return the definitions of a flow's parameters, in which the fields of its job have a position and a group."""
    ordered = deepcopy(definitions or {})
    if isinstance(spec, BulkFlow):
        _order(spec.job, ordered)
    if spec is SYNC:
        _offer_blocks(ordered)
    return ordered


def _offer_blocks(definitions: dict[str, Any]) -> None:
    """Let the form of a sync offer the blocks of the type CMDB source in place of a URL."""
    url = definitions[SYNC.job.__name__]["properties"]["url"]
    typed = {"type": url.pop("type"), "title": "URL"}
    url["anyOf"] = [typed, {"$ref": f"#/definitions/{CmdbSource.__name__}"}]
    definitions[CmdbSource.__name__] = {
        "title": CmdbSource.get_block_type_name(),
        "type": "object",
        "block_type_slug": CmdbSource.get_block_type_slug(),
        "properties": {},
    }


def _order(model: type[BaseModel], definitions: dict[str, Any]) -> None:
    form = definitions.get(model.__name__, {}).get("properties", {})
    names = sorted(form, key=lambda name: _rank(model, name))
    for position, name in enumerate(names):
        field, info = form[name], model.model_fields[name]
        field["position"] = position
        if option := option_of(info):
            field["title"] = f"{option.group}: {field.get('title', name)}" if name not in _FIRST else field["title"]
        if nested := nested_model(info):
            _order(nested, definitions)


def _rank(model: type[BaseModel], name: str) -> tuple[int, int]:
    info = model.model_fields[name]
    declared = list(model.model_fields).index(name)
    if name in _FIRST:
        return 0, _FIRST.index(name)
    if internal(info):
        return 3, declared
    option = option_of(info)
    return (1, _GROUPS.index(option.group) * 1_000 + declared) if option else (2, declared)

"""Resource types and their templates over HTTP."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from starlette.responses import FileResponse

from api.json_output import fields_json
from api.rest.downloads import TABLES, declared, sent
from api.rest.models.resources import ResourceDetail, ResourceSummary, RuleSummary
from api.rest.problems import responses
from api.rest.security.access import ANY_KEY
from api.rest.service import CurrentService
from schemas.model import rule_listing
from schemas.model.json_schema import json_schema
from schemas.model.resource import Resource
from schemas.resources import RESOURCES, creatable, resource
from tasks.rules.load import load_rules
from tasks.steps.templates import template_name, write_template

router = APIRouter(prefix="/api", tags=["resources"])


@router.get("/resources", dependencies=[ANY_KEY], responses=responses())
async def list_resources() -> list[ResourceSummary]:
    """List the resource types."""
    return [ResourceSummary(**_named(each), fields=len(each.fields)) for each in RESOURCES.values()]


@router.get("/resources/{resource_type}", dependencies=[ANY_KEY], responses=responses(404))
async def get_resource(resource_type: str) -> ResourceDetail:
    """Show a resource type: its fields, and the JSON Schema of a record."""
    chosen = resource(resource_type)
    fields = fields_json(chosen)["fields"]
    return ResourceDetail(
        **_named(chosen),
        required=list(chosen.required),
        create_missing=creatable(chosen),
        fields=fields,
        record_schema=json_schema(chosen),
    )


@router.get("/rules", dependencies=[ANY_KEY], responses=responses(404))
async def list_rules(
    service: CurrentService,
    resource_type: Annotated[str | None, Query(alias="resourceType", description="Only those of this type.")] = None,
) -> list[RuleSummary]:
    """List the rules of rows and records: the built-in ones, then the custom ones."""
    chosen = resource(resource_type).type if resource_type else None
    own = await run_sync(load_rules, service.settings.rules)
    return [RuleSummary.model_validate(asdict(each)) for each in rule_listing.list_rules(own, chosen)]


def _named(chosen: Resource) -> dict[str, object]:
    return {"type": chosen.type, "title": chosen.title, "key": list(chosen.key), "aliases": list(chosen.aliases)}


@router.get(
    "/templates/{format}/{resource_type}",
    response_class=FileResponse,
    dependencies=[ANY_KEY],
    responses=responses(404) | declared("The template.", *TABLES, "application/json"),
)
async def download_template(
    format: Literal["csv", "xlsx", "excel", "json"], resource_type: str, service: CurrentService
) -> FileResponse:
    """Download an empty file of a type, which describes its columns and can be filled in and imported."""
    chosen = resource(resource_type)
    name = template_name(chosen, format)
    path = Path(tempfile.mkdtemp(dir=service.temporary()), name)
    await run_sync(write_template, chosen, format, path)
    return sent(path, name, once=True)

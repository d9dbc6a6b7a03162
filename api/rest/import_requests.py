"""Requests for imports: options and a file, as a form or as JSON."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from api.rest import uploads
from api.rest.models.imports import ImportOptions, ImportRequest
from api.rest.models.plans import PlanRequest
from api.rest.problems import Refused
from api.rest.security.access import Caller
from api.rest.security.access_log import note_also
from api.rest.service import Service
from api.rest.uploads import Upload

FORMS: dict[str, tuple[type[BaseModel], ...]] = {
    "PreviewForm": (ImportRequest,),
    "ExecuteForm": (ImportRequest, PlanRequest),
}
"""The forms of the operations: the name of each in the description, and the models whose members it has as parts."""

_MEMBERS = ImportOptions.model_json_schema(by_alias=True)["properties"]

# Lists are repeated parts, and objects are JSON.
_TYPES = {name: schema.get("type") for name, schema in _MEMBERS.items()}


def form_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a form: a file, and the members of its models as parts, none of which is required."""
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    parts: dict[str, Any] = {"file": file | {"description": "The file to import, with its name."}}
    for model in FORMS[name]:
        schema = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
        # What names the file or the plan comes first.
        named = sorted(schema["properties"].items(), key=lambda member: member[0] not in schema["required"])
        parts |= {part: _as_part(member) for part, member in named}
    return {"type": "object", "title": name, "properties": parts, "additionalProperties": False}


def _as_part(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a member as that of a part, which is left out where the member is null or has its default."""
    kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    part = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return part | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})


def form_body(name: str) -> dict[str, Any]:
    """Return how OpenAPI describes the body of an operation that takes a form, or the same members as JSON.

    Only the form is described, as generators of clients choose between two kinds of body wrongly.
    """
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


# The longest part of a form that is no file: a mapping of many columns.
_PART = 1 << 19
_LIMITS: dict[str, int] = {"max_files": 1, "max_fields": 60, "max_part_size": _PART}


async def requested_plan(request: Request) -> PlanRequest | None:
    """Return the plan that a request names in place of a file; None where it names none."""
    where, given = ("form", await _named_parts(request)) if _is_form(request) else ("body", await _members(request))
    if "planId" not in given:
        return None
    try:
        return PlanRequest.model_validate(given)
    except ValidationError as error:
        raise _invalid(error, where) from error
    finally:
        await request.close()


async def _named_parts(request: Request) -> dict[str, Any]:
    """The parts of a form that have a value; the form stays open for whoever reads its file."""
    return {name: value for name, value in (await request.form(**_LIMITS)).multi_items() if value}


async def _members(request: Request) -> dict[str, Any]:
    """The members of a JSON body; none where it is not an object, which is reported where a file is read."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def requested_import(request: Request, service: Service, caller: Caller) -> tuple[ImportOptions, Upload]:
    """What a request asks for, and the file that it sends or names."""
    if _is_form(request):
        async with request.form(**_LIMITS) as form:
            options = _options(form)
            if "file" in form:
                upload = await _kept(service, form, caller)
                note_also(request, "upload", upload.id, file=upload.name, size=upload.size, sha256=upload.sha256)
                return options, upload
            return options, await find_upload(service, str(form.get("uploadId", "")), caller)
    try:
        asked = ImportRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise _invalid(error, "body") from error
    return asked, await find_upload(service, str(asked.upload_id), caller)


def _invalid(error: ValidationError, where: str) -> RequestValidationError:
    found = error.errors(include_url=False, include_context=False)
    return RequestValidationError([{**each, "loc": (where, *each["loc"])} for each in found])


def _options(form: FormData) -> ImportOptions:
    """The options of a form: each a part of its own, what is no text as JSON."""
    given: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in ("file", "uploadId"):
            continue
        if isinstance(value, UploadFile):
            raise Refused(422, f"The part '{name}' is a file: only 'file' may be one.", "wrong-request")
        if _TYPES.get(name) == "array":
            given.setdefault(name, []).extend([value] if value else [])
        elif value:
            given[name] = _json(name, value) if _TYPES.get(name) == "object" else value
    try:
        return ImportOptions.model_validate(given)
    except ValidationError as error:
        raise _invalid(error, "form") from error


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Refused(422, f"The part '{name}' is not JSON: {error}", "wrong-request") from error


async def _kept(service: Service, form: FormData, caller: Caller) -> Upload:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refused(422, "Send the file as a form's part 'file', with its name.", "wrong-request")
    return await run_sync(uploads.keep, file, caller.name, service.settings)


async def find_upload(service: Service, upload_id: str, caller: Caller) -> Upload:
    """Return an upload that the caller may use; raises Refused where there is none of that id."""
    try:
        upload = await run_sync(uploads.find, UUID(upload_id), service.settings)
    except ValueError:
        raise Refused(422, "Send the file as 'file', or the id of an upload as 'uploadId'.", "wrong-request") from None
    if upload is None or not caller.sees(upload.owner):
        raise Refused(404, "Unknown or expired upload id: send the file again.")
    return upload

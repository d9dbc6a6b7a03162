"""Requests for imports: options and a file, as a form or as JSON."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from api.rest import uploads
from api.rest.models.imports import ImportOptions, ImportRequest
from api.rest.models.plans import PlanRequest
from api.rest.problems import Refused
from api.rest.security.access import Caller
from api.rest.security.access_log import note_also
from api.rest.service import Service
from api.rest.uploads import Upload

_SCHEMA = ImportOptions.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")["properties"]

# Lists are repeated parts, and objects are JSON.
_FORM = {name: schema.get("type") for name, schema in _SCHEMA.items()}


def _options_schema() -> dict[str, Any]:
    part = {"type": "string", "contentMediaType": "application/octet-stream", "description": "The file."}
    form = {name: _as_part(schema) for name, schema in _SCHEMA.items()}
    upload = {"type": "string", "format": "uuid", "description": "In the file's place."}
    return {"type": "object", "properties": {"file": part, "uploadId": upload, **form}}


def _as_part(schema: dict[str, Any]) -> dict[str, Any]:
    """A field as a part of a form, where an object is JSON text."""
    if schema.get("type") == "object":
        return {"type": "string", "description": f"{schema.get('description', '')} As JSON."}
    return {name: value for name, value in schema.items() if name not in ("$ref", "default")} | (
        {} if "type" in schema or "anyOf" in schema else {"type": "string"}
    )


def request_body(*models: str) -> dict[str, Any]:
    """Return how OpenAPI describes the body: one of these models as JSON, or a form with the same options."""
    schemas = [{"$ref": f"#/components/schemas/{name}"} for name in models]
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}},
            "multipart/form-data": {"schema": _options_schema()},
        },
    }


# The longest part of a form that is no file: a mapping of many columns.
_PART = 1 << 19


async def requested_plan(request: Request) -> PlanRequest | None:
    """The plan that a request names in place of a file."""
    if _is_form(request):
        return None
    try:
        body = json.loads(await request.body())
        return PlanRequest.model_validate(body) if isinstance(body, dict) and "planId" in body else None
    except ValidationError as error:
        raise _invalid(error, "body") from error
    except (ValueError, RecursionError):
        return None  # what is wrong with it is told where a file is asked for


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def requested_import(request: Request, service: Service, caller: Caller) -> tuple[ImportOptions, Upload]:
    """What a request asks for, and the file that it sends or names."""
    if _is_form(request):
        async with request.form(max_files=1, max_fields=60, max_part_size=_PART) as form:
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
        if _FORM.get(name) == "array":
            given.setdefault(name, []).extend([value] if value else [])
        elif value:
            given[name] = _json(name, value) if _FORM.get(name) == "object" else value
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

"""Runs that were asked for: where to read on, and that a key which was used before came with the same request."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Header, Request, Response
from prefect.client.schemas.objects import FlowRun
from pydantic import BaseModel

from api.rest.models.runs import Accepted
from api.rest.problems import Refused
from flows.job_parameter import members

Job = TypeVar("Job", bound=BaseModel)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="A request with the same key returns the same run and starts no second one.",
    ),
]
"""The header by which a caller asks once, however often the request is sent."""


def links(request: Request, run_id: UUID) -> dict[str, str]:
    """Return where a run is read and stopped."""
    return {
        "progress": request.url_for("get_import_progress", import_id=run_id).path,
        "events": request.url_for("watch_import", import_id=run_id).path,
        "result": request.url_for("get_import_result", import_id=run_id).path,
        "cancel": request.url_for("cancel_import", import_id=run_id).path,
    }


def accepted(request: Request, response: Response, run: FlowRun) -> Accepted:
    """Return the answer about a run that was asked for, and say where its progress is."""
    found = Accepted(import_id=run.id, links=links(request, run.id))
    response.headers["Location"] = found.links["progress"]
    return found


def check_same(run: FlowRun, job: Job) -> None:
    """A key that was used before has to come with the same request."""
    if type(job).model_validate(members(run.parameters["job"])) != job:
        raise reused()


def reused() -> Refused:
    """Return what is raised where it came with another one."""
    return Refused(409, "This Idempotency-Key came with another request before: use a new one.", "key-reused")

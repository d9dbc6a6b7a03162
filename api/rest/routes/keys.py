"""API keys over HTTP, for the scope admin: made, listed, rotated and revoked without a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from api.rest.models.base import Model, RequestModel
from api.rest.problems import responses
from api.rest.security.access import ADMIN, Admin
from api.rest.security.access_log import note
from api.rest.service import CurrentService
from tasks.store.access import keys
from tasks.store.access.keys import NewKey

router = APIRouter(prefix="/api/keys", tags=["keys"])

_NAME = Field(max_length=64, pattern=r"^[A-Za-z0-9._-]+$", examples=["netops"])


class KeyRequest(RequestModel):
    """A key that is to be made."""

    name: Annotated[str, _NAME]
    scope: Literal["read", "write", "admin"] | None = Field(None, description="Either this, or permissions.")
    permissions: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="ACTION:TYPE,… of the actions read, preview, import, approve and export; * stands for all types.",
        examples=[["read:*", "import:vpc,subnet"]],
    )
    expires_in_days: float | None = Field(
        None, gt=0, le=36_500, description="How long it may be used; no limit if unset."
    )
    addresses: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="The networks that it may be used from; any if empty.",
        examples=[["10.20.0.0/16"]],
    )


class KeyDetail(Model):
    """A key, without its secret."""

    name: str
    scope: str | None = None
    permissions: list[str]
    addresses: list[str]
    status: Literal["active", "expired", "revoked"]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = Field(None, description="To the minute.")
    last_used_from: str | None = None


class KeySecret(Model):
    """The secret of a key: it is shown once, and stored nowhere."""

    name: str
    key: str = Field(description="To be sent as 'Authorization: Bearer …'.")


@router.get("", dependencies=[ADMIN], responses=responses())
async def list_keys(service: CurrentService) -> list[KeyDetail]:
    """List the keys in the database, including revoked ones. Keys of the settings are not included."""
    found = await service.read(keys.all_keys)
    return [KeyDetail(**{name: getattr(each, name) for name in KeyDetail.model_fields}) for each in found]


@router.post("", status_code=201, responses=responses())
async def create_key(request: Request, asked: KeyRequest, service: CurrentService, caller: Admin) -> KeySecret:
    """Create a key. From then on, every caller needs one."""
    days = asked.expires_in_days
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    new = NewKey(asked.name, asked.scope, asked.permissions, expires, asked.addresses)
    note(request, asked.name, **asked.model_dump(mode="json", exclude={"name"}, exclude_defaults=True))
    taken = [each.name for each in service.settings.api_keys]
    secret = await service.read(lambda connection: keys.create(connection, new, caller.name, taken))
    return KeySecret(name=asked.name, key=secret)


_KeyName = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9._-]+$", description="The name of the key.")]


@router.post("/{name}/rotate", dependencies=[ADMIN], responses=responses())
async def rotate_key(
    request: Request,
    name: _KeyName,
    service: CurrentService,
    keep_minutes: Annotated[
        float, Query(alias="keepMinutes", ge=0, le=100_000, description="How long the old secret can still be used.")
    ] = 0,
) -> KeySecret:
    """Replace the secret of a key. Sessions of the old secret end."""
    note(request, name, keepMinutes=keep_minutes)
    secret = await service.read(lambda connection: keys.rotate(connection, name, keep_minutes))
    return KeySecret(name=name, key=secret)


@router.delete("/{name}", status_code=204, dependencies=[ADMIN], responses=responses())
async def revoke_key(request: Request, name: _KeyName, service: CurrentService) -> None:
    """Revoke a key and end its sessions, at once and for good."""
    note(request, name)
    await service.read(lambda connection: keys.revoke(connection, name))

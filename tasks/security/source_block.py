"""The block of Prefect that keeps a source; importing this module imports Prefect, which takes a second."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from httpx import HTTPError
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, model_validator

from schemas.errors import Unavailable, UsageError
from schemas.kept_sources import BLOCK, SOURCE_OPTIONS, check_source


class CmdbSource(Block):
    """A source of syncs: its URL, credentials, scope and options, which schedules name instead of repeating them."""

    _block_type_name: ClassVar[str | None] = "CMDB source"
    _block_type_slug: ClassVar[str | None] = "cmdb-source"
    _description: ClassVar[str | None] = (
        "A source of syncs: its URL, credentials, scope and options. A sync uses it with the URL `block:NAME`."
    )

    # An error of validation would hold the credentials.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(
        title="URL",
        min_length=1,
        max_length=2_000,
        description="Address of the source, without secrets: file, https, s3, aws, postgresql, netbox and others.",
        examples=["netbox://netbox.example.com"],
    )
    credentials: SecretStr | None = Field(
        None, title="Credentials", description="A token or password, or a JSON object, as the source requires."
    )
    scope: dict[str, str] = Field(
        default_factory=dict,
        title="Scope",
        description="The records that the source is authoritative for: constants by field.",
        examples=[{"region": "us-east-1"}],
    )
    options: dict[str, Any] = Field(
        default_factory=dict, title="Options", description=f"Options of its syncs: {', '.join(SOURCE_OPTIONS)}."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_source(self.url, self.options)
        return self


def source_block(name: str) -> CmdbSource:
    """Return the block of a name or id; raises UsageError where there is none, and Unavailable without its server."""
    load: Any = CmdbSource.load
    by_id: Any = Block.load_from_ref
    try:
        found = by_id(UUID(name), _sync=True) if _is_id(name) else load(name, _sync=True)
    except HTTPError as error:
        raise Unavailable(
            f"The Prefect server, which holds the source '{BLOCK}{name}', does not answer: is it running?"
        ) from error
    except RuntimeError:
        raise UsageError(f"The block '{name}' is not valid: correct it in Prefect.") from None
    except ValueError:
        found = None
    if not isinstance(found, CmdbSource):
        raise UsageError(
            f"Unknown source '{BLOCK}{name}': create a block of type CMDB source with that name in Prefect."
        )
    return found


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True

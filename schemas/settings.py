"""The environment, read once: every `CMDB_…` setting with its default, its bounds and its meaning."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """The per-user data folder; root's own is under a home that PostgreSQL's user can't enter, so it gets /var/lib."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return Path("/var/lib/cmdb") if as_root else user_data_path("cmdb", appauthor=False)


class Settings(BaseSettings):
    """Settings of one process; each can be given as an environment variable with the prefix `CMDB_`."""

    model_config = SettingsConfigDict(env_prefix="CMDB_", frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(
        None,
        description="The PostgreSQL that holds the CMDB, as postgresql://user:password@host/name; "
        "without it an embedded server is started under CMDB_HOME.",
    )
    home: Path = Field(
        default_factory=default_home,
        description="Everything that cmdb keeps on this machine, the embedded database included.",
    )
    storage_url: str | None = Field(
        None,
        description="The folder of uploads, exports and files of rejected rows, as a path or file:///path; "
        "one under CMDB_HOME unless given.",
    )
    postgres_bin: Path | None = Field(
        None, description="The folder of the PostgreSQL programs to embed (initdb, pg_ctl, postgres)."
    )
    prefect_api_url: str | None = Field(
        None,
        description="The Prefect server that runs are handed to; PREFECT_API_URL is read when this is not given.",
    )
    batch_size: int = Field(50_000, ge=1_000, le=1_000_000, description="Records that are validated at once.")
    max_file_mb: int = Field(10_240, ge=1, description="The largest source, in MB after decompression, that is read.")
    max_columns: int = Field(1_000, ge=1, description="The most columns that a source may have.")
    max_cell_chars: int = Field(100_000, ge=1, description="The most characters that one cell may hold.")
    max_issues: int = Field(
        100_000, ge=0, description="Warnings and repairs that are kept one by one for a run; the rest are counted."
    )
    samples: int = Field(10, ge=0, le=1_000, description="Sample rows and issues that a report shows.")

    @field_validator("storage_url")
    @classmethod
    def _is_a_folder(cls, value: str | None) -> str | None:
        if value and "://" in value and not value.startswith("file://"):
            raise ValueError("write a folder, or file:///folder: other stores are not supported yet")
        return value

    @property
    def storage(self) -> Path:
        """The folder of uploads, exports and files of rejected rows."""
        return Path(self.storage_url.removeprefix("file://")) if self.storage_url else self.home / "storage"

    @property
    def temporary(self) -> Path:
        """Where files live for the length of a run."""
        return self.home / "tmp"

    def shown(self) -> list[tuple[str, Any, str]]:
        """(variable, value with secrets masked, where it comes from) of every setting."""
        return [
            (f"CMDB_{name.upper()}", getattr(self, name), "environment" if name in self.model_fields_set else "default")
            for name in type(self).model_fields
        ]


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()

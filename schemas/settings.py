"""The environment: every `CMDB_…` setting with its default, its bounds and its meaning, and the other variables read.

Nothing else reads the environment, but for what hands it on to another process.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from schemas.access.api_keys import ApiKey
from schemas.errors import UsageError
from schemas.language.wording import validation_message

_PATH = r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?"
"""A path that browsers and proxies leave as it is."""


def default_home() -> Path:
    """The per-user data folder; root's own is under a home that PostgreSQL's user can't enter, so it gets /var/lib."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return Path("/var/lib/cmdb") if as_root else user_data_path("cmdb", appauthor=False)


class Settings(BaseSettings):
    """Settings of one process; each can be given as an environment variable with the prefix `CMDB_`."""

    model_config = SettingsConfigDict(env_prefix="CMDB_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        None,
        description="The PostgreSQL that holds the CMDB, as postgresql://user:password@host/name; "
        "without it an embedded server is started under CMDB_HOME.",
    )
    home: Path = Field(
        default_factory=default_home,
        description="Everything that cmdb keeps on this machine, the embedded database included.",
    )
    user: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$",
        description="The account that cmdb goes on as when root starts it; it gets the folders of cmdb.",
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
    source_private: bool = Field(
        False, description="Whether http(s):// sources may be on private addresses, this machine included."
    )
    source_minutes: float = Field(60, gt=0, description="How long fetching a source may take in all.")
    source_min_bytes_per_second: int = Field(
        100, ge=0, description="The least that an http(s):// source has to send, measured over a minute; 0 takes any."
    )
    source_folders: tuple[Path, ...] = Field(
        (),
        description="The folders that file:// and sqlite:// sources are read from, as a JSON list; any unless given.",
    )
    source_own_database: bool = Field(
        False, description="Whether SQL sources may read the PostgreSQL server that the CMDB itself is kept on."
    )
    max_columns: int = Field(1_000, ge=1, description="The most columns that a source may have.")
    max_cell_chars: int = Field(100_000, ge=1, description="The most characters that one cell may hold.")
    max_issues: int = Field(
        100_000, ge=0, description="Warnings and repairs that are kept one by one for a run; the rest are counted."
    )
    api_url: str | None = Field(
        None,
        description="The server whose REST API commands use instead of a database, as https://host/path.",
    )
    api_key: SecretStr | None = Field(
        None, description="The key that commands send to the server of CMDB_API_URL; its administrators create it."
    )
    api_plain_http: bool = Field(
        False, description="Whether CMDB_API_KEY may be sent to another machine over http://, where others can read it."
    )
    api_host: str = Field("127.0.0.1", description="Where the API listens; anywhere but here it needs API keys.")
    api_port: int = Field(8400, ge=0, le=65_535, description="The port of the API.")
    public_url: str | None = Field(
        None,
        pattern=rf"^https?://[^/?#]+{_PATH}$",
        description="Where people reach the page and the API, as https://host/path, for links in Prefect; "
        "the address of the API by default.",
    )
    root_path: str | None = Field(
        None,
        pattern=rf"^{_PATH}$",
        description="The path below which a proxy serves the page and the API, such as /cmdb; that of CMDB_PUBLIC_URL "
        "by default.",
    )
    prefect_port: int = Field(4200, ge=1, le=65_535, description="The port of the Prefect server that cmdb starts.")
    prefect_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]+(/[^?#]*)?$",
        description="Where people reach Prefect's page, when it is behind a proxy, as https://host/path; "
        "http://127.0.0.1:CMDB_PREFECT_PORT by default.",
    )
    prefect_hosts: tuple[str, ...] = Field(
        (),
        description="Other host names by which clients reach Prefect's server, as a JSON list; "
        "this machine's and that of CMDB_PREFECT_URL are known.",
    )
    prefect_database: str = Field(
        "prefect",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="The database of Prefect's server, next to the CMDB's; created where it is missing.",
    )
    prefect_database_url: SecretStr | None = Field(
        None,
        description="The database of Prefect's server when it is elsewhere, as postgresql://user:password@host/name.",
    )
    prefect_keep_days: int = Field(
        400,
        ge=0,
        description="How long the Prefect server that cmdb starts keeps runs with their logs and artifacts; 0 keeps "
        "them for good. The API shows a run while Prefect keeps it.",
    )
    prefect_event_days: float = Field(7, gt=0, description="How long the Prefect server that cmdb starts keeps events.")
    api_keys: tuple[ApiKey, ...] = Field(
        (),
        description="Who may use the API, as a JSON list of name:scopes:hash, as it is printed for a new key. "
        "Scopes are read, write and admin, joined by +.",
    )
    api_hosts: tuple[str, ...] = Field(
        (),
        description="The host names that the API is reached by, as a JSON list; that of CMDB_PUBLIC_URL is known; "
        "any, unless it listens here only.",
    )
    proxies: tuple[str, ...] = Field(
        (),
        description="The proxies in front of the API, as a JSON list of addresses and networks: only they are believed "
        "for whom they ask (X-Forwarded-For, X-Forwarded-Proto).",
    )
    tls_cert: Path | None = Field(
        None, description="The certificate of the API with its chain, as a PEM file: it then speaks HTTPS only."
    )
    tls_key: Path | None = Field(None, description="The private key of that certificate, as a PEM file.")
    api_connections: int = Field(500, ge=1, description="The most connections to one process of the API.")
    api_connections_per_address: int = Field(
        100, ge=1, description="The most connections from one address; proxies of CMDB_PROXIES are not counted."
    )
    api_header_seconds: float = Field(
        10, gt=0, description="Seconds in which a connection has to send the headers of a request."
    )
    api_body_seconds: float = Field(
        30, gt=0, description="Seconds without 1 kB/s of a request's body, after which its connection is closed."
    )
    api_idle_seconds: float = Field(
        60, gt=0, description="Seconds after which a WebSocket is closed whose other end does not answer."
    )
    cors_origins: tuple[str, ...] = Field((), description="Other sites whose pages may use the API, as a JSON list.")
    rate_limit: str = Field(
        "600/minute",
        description="How many requests one key may make, and one address without a valid key; "
        "health checks and the page's files are not counted.",
    )
    key_stored_mb: int = Field(10_240, ge=1, description="The most that uploads and exports of one key take, in MB.")
    key_runs: int = Field(100, ge=1, description="The most runs of one key that are queued or running.")
    key_exports_per_hour: int = Field(300, ge=1, description="The most exports that one key asks for in an hour.")
    max_upload_mb: int = Field(100, ge=1, description="The largest upload, in MB.")
    keep_files_hours: int = Field(
        72, ge=1, description="How long uploads, exports and files of rejected rows are kept."
    )
    plan_hours: float = Field(4, gt=0, description="How long the plan of a preview is kept, to be applied.")
    held_plan_hours: float = Field(168, gt=0, description="How long the plan of a held sync is kept, in hours.")
    keep_retired_days: int = Field(
        90, ge=0, description="How long retired records are kept before they are deleted; 0 keeps them for good."
    )
    preview_seconds: float = Field(
        30, ge=0, description="How many seconds a request waits for a preview before it is answered with 202."
    )
    max_runs: int = Field(4, ge=1, le=100, description="The number of runs that one worker executes at once.")
    run_memory_mb: int = Field(
        4_096, ge=0, description="The memory limit of one run, in MB; 0 for none. Enforced on Linux only."
    )
    run_minutes: float = Field(720, ge=0, description="The time limit of one run, in minutes; 0 for none.")
    reap_seconds: float = Field(10, gt=0, description="Seconds between two checks for runs whose process died.")
    start_grace_seconds: float = Field(
        30, ge=1, description="Seconds that a worker has to start a run; then another worker gets it."
    )
    grace_seconds: float = Field(
        8, ge=1, description="Seconds without a sign of life after which a run's process is taken for dead."
    )
    webhook_retry_seconds: float = Field(
        1, ge=0, description="Seconds before a webhook that fails is tried again; doubled for each further attempt."
    )
    rules: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Custom rules, in addition to those of installed packages: files (rules.py) and modules "
        "(package.module), as a JSON list or between commas.",
    )
    session_hours: float = Field(12, gt=0, description="How long a sign-in of the page lasts.")
    session_idle_minutes: float = Field(60, gt=0, description="A sign-in ends after this time without a request.")
    four_eyes: bool = Field(
        False, description="Whether a plan or a held sync must be applied by someone else than whoever requested it."
    )
    keep_runs_days: int = Field(
        400,
        ge=0,
        description="How long runs are kept, with their issues, rejected rows and changes; 0 keeps them for good.",
    )
    audit_days: int = Field(
        400, ge=0, description="How long entries of the access log are kept; 0 keeps them for good."
    )
    audit_stdout: bool = Field(
        False, description="Whether the API also prints each entry of the access log, as a line of JSON."
    )
    samples: int = Field(10, ge=0, le=1_000, description="Sample rows and issues that a report shows.")

    @field_validator("database_url", "prefect_database_url")
    @classmethod
    def _postgresql_by_either_name(cls, value: SecretStr | None) -> SecretStr | None:
        """Providers of managed databases write postgres://, and SQLAlchemy reads postgresql:// alone."""
        if value is None:
            return value
        scheme, separator, rest = value.get_secret_value().partition("://")
        return SecretStr(f"postgresql{separator}{rest}") if scheme == "postgres" else value

    @field_validator("storage_url")
    @classmethod
    def _is_a_folder(cls, value: str | None) -> str | None:
        if value and "://" in value and not value.startswith("file://"):
            raise ValueError("write a folder, or file:///folder: other stores are not supported yet")
        return value

    @field_validator("prefect_url", "public_url")
    @classmethod
    def _without_last_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else value

    @field_validator("api_url")
    @classmethod
    def _is_a_server(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
            raise ValueError("write https://host or https://host/path; a key goes into CMDB_API_KEY")
        return value.rstrip("/") if value else None

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value() if value else ""
        if not re.fullmatch(r"[!-~]*", key):
            raise ValueError("a key has letters, digits and signs, and no spaces")
        return value if key else None

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ip_network(each)
        return value

    @model_validator(mode="after")
    def _has_both_of_tls(self) -> Settings:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("give CMDB_TLS_CERT and CMDB_TLS_KEY, or neither")
        return self

    @model_validator(mode="after")
    def _has_one_path(self) -> Settings:
        if self.root_path is not None and self.public_url and urlsplit(self.public_url).path != self.path_prefix:
            raise ValueError("give CMDB_ROOT_PATH the path that CMDB_PUBLIC_URL has, or leave it out")
        return self

    @field_validator("rules", mode="before")
    @classmethod
    def _list_of_rules(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.lstrip().startswith("[") else [part for part in value.split(",") if part]

    @field_validator("rules")
    @classmethod
    def _from_anywhere(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A file is named by its whole path: a worker's runs begin in other folders."""
        names = [name.strip() for name in value]
        return tuple(str(Path(name).expanduser().absolute()) if name.endswith(".py") else name for name in names)

    @property
    def api_address(self) -> str:
        """The address of the API on this machine."""
        return f"{'https' if self.tls_cert else 'http'}://{self.api_host}:{self.api_port}"

    @property
    def public_address(self) -> str:
        """Where people reach the page and the API."""
        anywhere = self.api_host in ("0.0.0.0", "::")  # noqa: S104  # what it listens on, which is no address to open
        return self.public_url or self.api_address.replace(self.api_host, "127.0.0.1" if anywhere else self.api_host)

    @property
    def path_prefix(self) -> str:
        """The path below which the page and the API are, without a slash at its end; empty for none."""
        return (self.root_path if self.root_path is not None else urlsplit(self.public_url or "").path).rstrip("/")

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
    """The settings of this process; raises UsageError that names each wrong one, and repeats no value."""
    try:
        return Settings()
    except ValidationError as error:
        messages = [_what_is_wrong(each["loc"], each["msg"]) for each in error.errors(include_input=False)]
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        messages = [_what_is_wrong((field[1] if field else "",), "write it as JSON")]
    raise UsageError(f"Invalid settings. {'; '.join(messages)}.")


class PrefectVariables(BaseSettings):
    """Variables of Prefect that cmdb reads, too; an empty one counts as unset."""

    model_config = SettingsConfigDict(env_prefix="PREFECT_", frozen=True, extra="ignore", hide_input_in_errors=True)

    api_url: str = Field("", description="The API of the server that a client uses.")
    api_key: SecretStr = Field(SecretStr(""), description="The key of Prefect Cloud.")
    api_auth_string: SecretStr = Field(SecretStr(""), description="The secret that a client sends.")
    server_api_auth_string: SecretStr = Field(SecretStr(""), description="The secret that the server asks for.")
    ui_url: str = Field("", description="Where people reach the page of the server.")
    flow_run_id: str = Field("", validation_alias="PREFECT__FLOW_RUN_ID", description="The run of this process.")


def prefect_variables() -> PrefectVariables:
    """Return Prefect's variables as they are now: a process sets some of them before it imports Prefect."""
    return PrefectVariables()


def prefect_server(settings: Settings) -> str:
    """Return the address of the API of the Prefect server that runs are handed to; empty where there is none."""
    return settings.prefect_api_url or prefect_variables().api_url


SECRET_PREFIX = "CMDB_SECRET_"  # noqa: S105  # the name of a variable, and no secret
"""What the variable of a secret begins with: `CMDB_SECRET_CORE_NETBOX` is `core-netbox`."""


def secret_variable(name: str) -> str | None:
    """Return the text of a secret by the name of its variable; it is read each time, as it may change."""
    return os.environ.get(name) if name.startswith(SECRET_PREFIX) else None


OUTER_UMASK = "CMDB_OUTER_UMASK"
"""The variable that hands the umask of whoever started cmdb on to its processes: files elsewhere follow it."""


def outer_umask() -> int | None:
    """Return the umask of whoever started cmdb; None where this process did not change its own."""
    outer = os.environ.get(OUTER_UMASK)
    return int(outer, 8) if outer is not None else None


def _what_is_wrong(place: tuple[int | str, ...], message: str) -> str:
    name, *inner = place or ("",)
    at = f" ({', '.join(map(str, inner))})" if inner else ""
    if name == "api_keys":
        message = "write name:scopes:hash, as it was printed for the new key; the hash is not the key"
    text = validation_message(message)
    # What is wrong with two settings together names both of them.
    return f"CMDB_{str(name).upper()}{at}: {text}" if name else text[:1].upper() + text[1:]

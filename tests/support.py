"""What many tests do: write a source, import it, look into the database."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text

from flows.pipelines import import_file
from schemas.issues import Issue
from schemas.jobs import ImportJob
from schemas.model.tables import TABLES
from schemas.reports import Progress, Report, silent
from schemas.settings import Settings, settings
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tasks.store.staging.names import SHARDS

VPC_COLUMNS = ("vpc_id", "name", "cidr_block", "region", "account_id", "state", "tags")

MANY = """insert into vpc (vpc_id, cidr_block, description)
select 'vpc-' || lpad(to_hex(n), 17, '0'), '10.0.0.0/16', md5(n::text) || md5((-n)::text)
from generate_series(1, :count) n"""
"""A statement that stores `count` VPCs."""


def vpc_id(number: int) -> str:
    """Return the id of the VPC of that number."""
    return f"vpc-{number:017x}"


def vpc(number: int, **changed: str) -> dict[str, str]:
    """Return a sound row for the VPC of that number."""
    row = {
        "vpc_id": vpc_id(number),
        "name": f"net-{number}",
        "cidr_block": f"10.{number // 256 % 256}.{number % 256}.0/24",
        "region": "us-east-1",
        "account_id": "012345678901",
        "state": "available",
        "tags": "Owner=network",
    }
    return row | changed


def write_csv(path: Path, rows: Sequence[dict[str, str]], columns: Sequence[str] | None = None) -> Path:
    """Write rows to a CSV file; returns its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_ndjson(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    """Write records as newline-delimited JSON; returns the path."""
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return path


Import = Callable[..., Report]


def importer(url: str, tmp_path: Path) -> Import:
    """Return a function that imports a file, or rows, with the options of `ImportJob`."""

    def run(source: Path | Sequence[dict[str, str]], progress: Progress = silent, **options: Any) -> Report:
        path = source if isinstance(source, Path) else write_csv(tmp_path / "rows.csv", source)
        used = options.pop("settings", None) or settings()
        return import_file(ImportJob(path=path, **options), url, used, progress=progress)

    return run


def stored(url: str, resource_type: str) -> list[dict[str, Any]]:
    """Return the records of a type, in the order of their keys."""
    table = TABLES[resource_type]
    with engine(url).connect() as connection:
        query = select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(query).mappings()]


def rows(url: str) -> int:
    """Return how many VPCs are stored."""
    [(count,)] = execute(url, "select count(*) from vpc")
    return int(count)


def issues_of(url: str, report: Report) -> list[Issue]:
    """Return every issue of a run."""
    with engine(url).connect() as connection:
        return ledger.read_issues(connection, UUID(report.run_id))


def execute(url: str, statement: str, **values: Any) -> list[Any]:
    """Run one SQL statement of a test and return its rows."""
    with engine(url).begin() as connection:
        result = connection.execute(text(statement), values)
        return list(result) if result.returns_rows else []


def staging_tables(url: str) -> list[str]:
    """Return the staging tables that are there; the table of the shards goes with that of their rows."""
    found = [name for (name,) in execute(url, "select tablename from pg_tables where schemaname = 'cmdb_staging'")]
    return [name for name in found if not (name.endswith(SHARDS) and name.removesuffix(SHARDS) in found)]


def with_settings(**changed: Any) -> Settings:
    """Return the settings with some of them changed."""
    return settings().model_copy(update=changed)

"""Quotas of a key: what it may keep, have run, and export; what is refused says which limit, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from api.rest.problems import Refused
from flows.registry import EXPORT, BulkFlow
from flows.server.runs import Runs
from schemas.settings import Settings


def owner_file(export: Path) -> Path:
    """Return the file that says whose an export is, by the export's folder; an upload says so itself."""
    return export.parents[1] / "owners" / export.name


async def check_runs(runs: Runs, settings: Settings, flow: BulkFlow, owner: str, key: str | None) -> None:
    """Refuse a run of a key that has as many as it may have; asked again with its idempotency key, it is no new one."""
    refused = await _refusal(runs, settings, flow, owner)
    if refused and not await runs.asked_before(flow, owner, key):
        raise refused


async def _refusal(runs: Runs, settings: Settings, flow: BulkFlow, owner: str) -> Refused | None:
    if await runs.count_open(owner) >= settings.key_runs:
        return Refused(
            429,
            f"At most {settings.key_runs:,} runs of '{owner}' may be queued or running (CMDB_KEY_RUNS): "
            "wait until some have ended, or cancel some.",
            "too-many-runs",
            {"Retry-After": "30"},
        )
    hour = datetime.now(UTC) - timedelta(hours=1)
    if flow == EXPORT and await runs.count_asked(EXPORT, owner, hour) >= settings.key_exports_per_hour:
        return Refused(
            429,
            f"'{owner}' may ask for {settings.key_exports_per_hour:,} exports an hour (CMDB_KEY_EXPORTS_PER_HOUR): "
            "wait, or ask for several types at once.",
            "too-many-exports",
            {"Retry-After": "300"},
        )
    return None


def check_storage(settings: Settings, owner: str) -> None:
    """Refuse what would be kept for a key that keeps as much as it may."""
    if stored_bytes(settings, owner) >= settings.key_stored_mb << 20:
        raise Refused(
            413,
            f"Uploads and exports of '{owner}' take {settings.key_stored_mb:,} MB, and may not take more "
            f"(CMDB_KEY_STORED_MB): remove exports, or wait; they are kept for {settings.keep_files_hours} hours.",
            "too-much-stored",
        )


def stored_bytes(settings: Settings, owner: str) -> int:
    """Return how much the uploads and exports of a key take."""
    uploads = _folders(settings.storage / "uploads")
    exports = _folders(settings.storage / "exports")
    folders = [folder for folder in uploads if _owner(folder / "upload.json") == owner]
    folders += [folder for folder in exports if _owner(owner_file(folder)) == owner]
    return sum(_size(path) for folder in folders for path in _files(folder))


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _owner(path: Path) -> str | None:
    try:
        said = path.read_bytes()
        return str(orjson.loads(said)["owner"]) if path.suffix == ".json" else said.decode()
    except (OSError, KeyError, ValueError):
        return None  # it is being made, or removed


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

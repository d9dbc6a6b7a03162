"""The flow `maintenance`: what died is ended, and what is too old is removed.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows.runs import Runs, prefect
from schemas.settings import Settings, settings
from tasks.store.database import database


@flow(name="maintenance", persist_result=False)
async def maintenance() -> None:
    """End runs whose process died; remove uploads, exports and files of rejected rows that are past their time."""
    log = get_run_logger()
    with database(settings()) as url:
        async with prefect() as client:
            for run in await Runs(client, url).reap():
                log.info("ended run %s, whose process had died", run)
    for path in remove_old(settings()):
        log.info("removed %s", path.name)


def remove_old(settings: Settings) -> list[Path]:
    """Remove what has been kept for long enough; returns it."""
    oldest = time.time() - settings.keep_files_hours * 3600
    old = [path for path in _kept(settings) if path.stat().st_mtime < oldest]
    for path in old:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return old


def _kept(settings: Settings) -> Iterator[Path]:
    folders = [settings.storage / name for name in ("uploads", "exports", "rejects")]
    # What a process that was killed has left of its run is there too.
    for folder in [*folders, settings.temporary]:
        yield from folder.iterdir() if folder.is_dir() else ()

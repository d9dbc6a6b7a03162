"""Where valid rows wait: its schema is there for whoever comes first, and for whoever comes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

from tasks.store.connection.session import Session
from tests.support import execute, staging_tables
from tests.tasks.staged import empty_staging


def test_two_first_runs_at_once(database_url: str, tmp_path: Path) -> None:
    """Neither fails over the schema that both find missing."""
    both = Barrier(2)

    def staged() -> None:
        with Session(database_url, uuid4()) as session:
            staging = empty_staging(session, tmp_path, ("vpc_id", "name"))
            both.wait()
            with session.transaction() as connection:
                staging.create(connection)

    for _ in range(10):
        execute(database_url, "drop schema if exists cmdb_staging cascade")
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(staged) for _ in range(2)]:
                done.result()
        assert len(staging_tables(database_url)) == 2

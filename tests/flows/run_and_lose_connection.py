"""A process that runs the flow and loses its database connection once, while it loads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sqlalchemy import text

from flows.bulk import run_here
from schemas.jobs import ImportJob
from tasks.store.connection.engine import engine

CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)


def main(file: str) -> None:
    """Import the file and print the run's id."""
    lost: list[str] = []

    def lose(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        if phase == "plan" and not lost:
            lost.append(phase)
            with engine(os.environ["CMDB_DATABASE_URL"]).begin() as connection:
                connection.execute(text(CUT))

    sys.stdout.write(run_here(ImportJob(path=Path(file)), lose).run_id)


if __name__ == "__main__":
    main(*sys.argv[1:])

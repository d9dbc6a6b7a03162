"""Rows that are staged without an import, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from sqlalchemy import Connection

from schemas.job_options.choices import Empty
from schemas.model.tables import SEEN_AT
from schemas.resources import RESOURCES
from schemas.sources import ROW
from tasks.store.connection.session import Session
from tasks.store.merge.diff import diff_of
from tasks.store.merge.plan import Planner
from tasks.store.merge.target import target_of
from tasks.store.staging.prefilter import Prefilter
from tasks.store.staging.table import Staging

Record = dict[str, Any]


def typed(resource_type: str, fields: Sequence[str], rows: Sequence[Record], first: int = 2) -> pl.DataFrame:
    """Return rows as they are once they are validated: typed, with the numbers of a file's rows."""
    dtypes = {name: RESOURCES[resource_type].fields[name].kind.dtype for name in fields}
    frame = pl.DataFrame([{name: row.get(name) for name in fields} for row in rows], schema=dtypes, orient="row")
    seen = [pl.Series(SEEN_AT, [row[SEEN_AT] for row in rows])] if rows and SEEN_AT in rows[0] else []
    return frame.with_columns(seen).with_row_index(ROW, offset=first)


def staged(
    session: Session, folder: Path, fields: Sequence[str], rows: Sequence[Record], *, turned: bool = False
) -> Staging:
    """Stage rows of VPCs; `turned` has the last come first, as rows lie in a table in no order."""
    seen = bool(rows) and SEEN_AT in rows[0]
    staging = empty_staging(session, folder, fields, seen=seen)
    frame = typed("vpc", fields, rows)
    with session.transaction() as connection:
        staging.create(connection)
        staging = staging.add(connection, frame.reverse() if turned else frame, frame.clear())
        staging.analyze(connection)
    return staging


def empty_staging(
    session: Session, folder: Path, fields: Sequence[str], resource_type: str = "vpc", *, seen: bool = False
) -> Staging:
    """Return the staging of a run that has staged nothing as yet."""
    chosen, names = RESOURCES[resource_type], tuple(fields)
    return Staging(session.run_id, chosen, names, Prefilter(folder, chosen, names), seen=seen)


@contextmanager
def planner(
    url: str,
    folder: Path,
    fields: Sequence[str],
    rows: Sequence[Record],
    empty: Empty = Empty.CLEAR,
    *,
    turned: bool = False,
) -> Iterator[tuple[Planner, Connection]]:
    """Give the planner of staged rows, inside a transaction that is committed at the end."""
    with Session(url, uuid4()) as session:
        staging = staged(session, folder, fields, rows, turned=turned)
        with session.transaction() as connection:
            target = target_of(staging, empty)
            yield Planner(connection, session.run_id, staging, target, diff_of(connection, target)), connection

"""The check phase by itself: a million prefixes staged in this process, and the rules among records asked of them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from uuid import uuid4

import polars as pl

from schemas.job_options.choices import Empty, Mode
from schemas.mapping import Mapping
from schemas.resources import RESOURCES
from schemas.sources import ROW
from tasks.store.checks.found import CheckOptions
from tasks.store.checks.run import run_checks
from tasks.store.connection.session import Session
from tasks.store.merge.target import target_of
from tasks.store.staging.names import drop_staging
from tasks.store.staging.prefilter import Prefilter
from tasks.store.staging.table import Staging

FIELDS = ("vrf", "prefix", "status")
VRFS = tuple(f"65000:{number}" for number in range(8))

# A /16 holds as many /26; with the container itself they are a group.
_IN_CONTAINER = 1024


def prefixes(rows: int, first: int = 0) -> pl.DataFrame:
    """Return prefixes of eight VRFs in no order: a /16 as container and the 1,024 /26 in it, then the next."""
    number = pl.int_range(first, first + rows, dtype=pl.Int64, eager=True).alias("n")
    in_vrf = pl.col("n") // len(VRFS)
    group, member = in_vrf // (_IN_CONTAINER + 1), in_vrf % (_IN_CONTAINER + 1) - 1
    container = pl.format("{}.{}.0.0/16", 10 + group // 256, group % 256)
    block = pl.format("{}.{}.{}.{}/26", 10 + group // 256, group % 256, member // 4, member % 4 * 64)
    frame = number.to_frame().select(
        vrf=pl.format("65000:{}", pl.col("n") % len(VRFS)),
        prefix=pl.when(member < 0).then(container).otherwise(block),
        status=pl.when(member < 0).then(pl.lit("container")).otherwise(pl.lit("active")),
    )
    return frame.sample(fraction=1.0, shuffle=True, seed=1)


def seconds_to_check(url: str, frame: pl.DataFrame) -> float:
    """Stage prefixes and return how long their rules take; all of them have to be kept."""
    with Session(url, uuid4()) as session, tempfile.TemporaryDirectory() as folder:
        prefix = RESOURCES["prefix"]
        staging = Staging(session.run_id, prefix, FIELDS, Prefilter(Path(folder), prefix, FIELDS))
        with session.transaction() as connection:
            staging.create(connection)
            for start in range(0, len(frame), 100_000):
                batch = frame.slice(start, 100_000).with_row_index(ROW, offset=start + 2)
                staging = staging.add(connection, batch, batch.clear())
            staging.analyze(connection)
            staging = staging.take_prefilter(connection)
        began = time.perf_counter()
        options = CheckOptions(session.run_id, Mapping(()), Mode.UPSERT)
        with session.transaction() as connection:
            checked = run_checks(connection, staging, target_of(staging, Empty.CLEAR), lambda *_: iter(()), options)
        seconds = time.perf_counter() - began
        with session.transaction() as connection:
            drop_staging(connection, session.run_id)
    assert not checked.rules, checked.rules
    return seconds

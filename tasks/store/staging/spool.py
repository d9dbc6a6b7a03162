"""The spool of a shard: its valid rows in files of the run's folder, until it is known which of them differ."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from schemas.sources import ROW


@dataclass(frozen=True)
class Spool:
    """The rows of one shard in `folder`, a file for each batch; the folder exists once rows are to be spooled."""

    folder: Path

    @property
    def is_open(self) -> bool:
        """Whether the rows of the shard are spooled."""
        return self.folder.is_dir()

    def open(self) -> None:
        """Spool the rows that follow."""
        self.folder.mkdir(parents=True)

    def remove(self) -> None:
        """Delete what an attempt has left that was rolled back."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, batch: pl.DataFrame) -> None:
        """Write a typed batch to a file of its own."""
        if len(batch):
            batch.write_ipc(self.folder / f"{batch[ROW][0]}.arrow")

    def batches(self) -> Iterator[pl.DataFrame]:
        """Read the batches, one at a time, in the order of their rows."""
        for path in sorted(self.folder.glob("*.arrow"), key=lambda path: int(path.stem)):
            yield pl.read_ipc(path)

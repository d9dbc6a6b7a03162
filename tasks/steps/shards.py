"""Shards: the sources of a run, cut into stretches of rows that are validated apart from each other."""

from __future__ import annotations

from itertools import pairwise

from tasks.runtime.values import MappedSource, Shard

# Rows of a shard, or more: a small file is one. Each costs a transaction and a start of the reader, some 20 ms.
SHARD_ROWS = 500_000


def shards(mapped: tuple[MappedSource, ...]) -> tuple[Shard, ...]:
    """Return the shards of each source, in the order of its rows.

    A source is cut where its format says that it can be read from: delimited text and NDJSON between lines, Parquet
    between rows, and such files that are read one after the other also between files. Delimited text whose fields have
    line feeds, JSON, YAML, Terraform, workbooks and the records of NetBox are one shard each: where their records
    begin, or what they mean, is known only to whoever has read all of them, and has kept them in the run's folder.
    """
    return tuple(shard for source in mapped for shard in _shards_of(source))


def _shards_of(source: MappedSource) -> list[Shard]:
    cuts = source.extracted.cuts if source.extracted else None
    firsts = [0]
    for cut in cuts or ():
        if cut - firsts[-1] >= SHARD_ROWS:
            firsts.append(cut)
    lasts = [after - 1 for _, after in pairwise(firsts)]
    pairs = zip(firsts, [*lasts, None], strict=True)
    return [Shard(source, number, first, last) for number, (first, last) in enumerate(pairs)]

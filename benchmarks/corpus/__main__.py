"""Measure the corpus: `python -m benchmarks.corpus [SEED]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.corpus.measure import measure


def main() -> int:
    """Print the figures as a table of Markdown; returns 1 where they miss what is required."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, default=20_261, help="what the files are made from")
    parser.add_argument("--tables", type=int, default=200, help="how many tables")
    parser.add_argument("--documents", type=int, default=100, help="how many documents")
    parser.add_argument("--wrong", action="store_true", help="list what was read wrongly")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cmdb-corpus-") as folder:
        # PostgreSQL's user enters it, where root runs this.
        Path(folder).chmod(0o711)
        found = measure(asked.seed, asked.tables, asked.documents, Path(folder))
    sys.stdout.write("\n".join([found.table(), *(found.wrong if asked.wrong else ())]) + "\n")
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())

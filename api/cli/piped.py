"""Standard input and output in the place of a file, named `-`: a file of the run's own stands between."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from schemas.errors import RunFailed, SourceError
from schemas.settings import Settings

STANDARD_INPUT = "standard input"
"""What it is called in reports; it can't be read again."""

_CHUNK = 1 << 20


def is_standard(file: Path) -> bool:
    """Say whether standard input or output is meant."""
    return str(file) == "-"


@contextmanager
def given_file(file: Path, settings: Settings) -> Iterator[tuple[Path, str | None]]:
    """Give the file to read and what to call it; standard input is copied, as some formats are read from their end."""
    if not is_standard(file):
        yield file, None
        return
    with _folder(settings) as folder:
        path = folder / "input"
        _copy_input(path, settings.max_file_mb)
        yield path, STANDARD_INPUT


def _copy_input(path: Path, most_mb: int) -> None:
    left = most_mb << 20
    with path.open("wb") as file:
        while chunk := sys.stdin.buffer.read(_CHUNK):
            left -= file.write(chunk)
            if left < 0:
                raise SourceError(f"Standard input has more than {most_mb:,} MB: at most that is read.")


@contextmanager
def wanted_file(file: Path, settings: Settings) -> Iterator[Path]:
    """Give the file to write; for standard output, one that is copied to it once it is whole."""
    if not is_standard(file):
        yield file
        return
    with _folder(settings) as folder:
        path = folder / "output"
        yield path
        # A pipe that nobody reads any longer is no failure; flushing drops what is left.
        try:
            with path.open("rb") as whole, suppress(BrokenPipeError):
                shutil.copyfileobj(whole, sys.stdout.buffer)
                sys.stdout.buffer.flush()
        except OSError as error:
            raise RunFailed(f"The output could not be written: {error.strerror}.") from error
        sys.stdout.flush()


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    settings.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.temporary) as folder:
        yield Path(folder)

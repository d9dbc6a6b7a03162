"""The files that a command reads and writes: patterns, pipes, and standard input and output, named `-`."""

from __future__ import annotations

import glob
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

from schemas.errors import RunFailed, SourceError, UsageError
from schemas.settings import Settings

STANDARD_INPUT = "standard input"
"""What it is called in reports; it can't be read again."""

# So are a pipe, and the files after the first.
_PIPE = "pipe"
_MORE = " more"

_CHUNK = 1 << 20


def is_standard(file: Path) -> bool:
    """Say whether standard input or output is meant."""
    return str(file) == "-"


@contextmanager
def given_files(files: list[str], settings: Settings) -> Iterator[dict[str, Any]]:
    """Give the members of an import that say what to read: files, and those that match patterns.

    Standard input and other pipes are copied, as some formats are read from their end. Raises SourceError before a run
    begins where there is no such file.
    """
    found = list(dict.fromkeys(path for text in files for path in _matching(text)))
    with ExitStack() as copies:
        paths = [path if path.is_file() else _copied(path, copies, settings) for path in found]
        name = _names(paths) if len(paths) > 1 else None
        yield {"path": paths[0], "more": tuple(paths[1:]), "name": name}


def is_repeatable(source: str) -> bool:
    """Say whether a source can be named once more as it is called in reports."""
    return source not in (STANDARD_INPUT, _PIPE) and not source.endswith(_MORE)


def _matching(text: str) -> list[Path]:
    """The files that an argument names; a pattern may be quoted, or the shell may have left it as it is."""
    path = Path(text)
    if is_standard(path) or path.exists():
        return [path]
    if re.match(r"[A-Za-z][\w+.-]+://", text):
        raise UsageError(f"`cmdb import` reads files. Use `cmdb sync {text}` to import from an address.")
    if not glob.has_magic(text):
        raise SourceError(f"{text} does not exist: name a file.")
    found = sorted(match for name in glob.glob(text, recursive=True) if (match := Path(name)).is_file())  # noqa: PTH207
    if not found:
        raise SourceError(f"No file matches {text}.")
    return found


def _names(paths: list[Path]) -> str:
    return f"{paths[0].name} and {len(paths) - 1:,}{_MORE}"


def _copied(path: Path, copies: ExitStack, settings: Settings) -> Path:
    if path.is_dir():
        raise SourceError(f"{path} is a folder, not a file: name its files, as in '{path}/*.csv'.")
    # What a shell makes of `<(…)` has a number for its name.
    name = STANDARD_INPUT if is_standard(path) else path.name if path.suffix else _PIPE
    copy = copies.enter_context(_folder(settings)) / name
    with nullcontext(sys.stdin.buffer) if is_standard(path) else path.open("rb") as pipe:
        _copy(pipe, copy, settings.max_file_mb)
    return copy


def _copy(pipe: IO[bytes], copy: Path, most_mb: int) -> None:
    left = most_mb << 20
    with copy.open("wb") as file:
        while chunk := pipe.read(_CHUNK):
            left -= file.write(chunk)
            if left < 0:
                raise SourceError(f"{copy.name} has more than {most_mb:,} MB: at most that is read.")


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
